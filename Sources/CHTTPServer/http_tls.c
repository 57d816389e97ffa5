// TLS of connections: what the server shows, and whether a client's certificate is taken.
//
// The library makes a session for each connection and does the handshake. We give each session the credentials that hold
// at that moment, so that they can be exchanged while the server runs, and judge the client's certificate inside the
// handshake, so that nothing of a refused client reaches a handler.
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "http_internal.h"

/// TLS 1.2 and 1.3 with ephemeral keys and authenticated ciphers.
const char *const tls_priorities =
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-128-GCM:"
    "+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE";

enum {
    /// One certificate of a client and a few above it.
    LONGEST_CLIENT_CHAIN = 8,
    LONGEST_CLIENT_CERTIFICATE = 16 * 1024,
    /// A message of the handshake; the library's default would buffer 128 KiB for everybody who connects.
    LONGEST_HANDSHAKE_MESSAGE = 48 * 1024,
};

// MARK: - Credentials

static gnutls_datum_t datum(const char *text) {
    return (gnutls_datum_t){.data = (unsigned char *)text, .size = (unsigned)strlen(text)};
}

static http_tls *fail(http_tls *tls, const char *what, int code, char reason[HTTP_TLS_REASON_SIZE]) {
    snprintf(reason, HTTP_TLS_REASON_SIZE, "%s: %s", what, code < 0 ? gnutls_strerror(code) : "there is none in it");
    http_tls_release(tls);
    return NULL;
}

http_tls *http_tls_create(const struct http_tls_options *options, char reason[HTTP_TLS_REASON_SIZE]) {
    http_tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) {
        snprintf(reason, HTTP_TLS_REASON_SIZE, "there is no memory");
        return NULL;
    }
    atomic_init(&tls->references, 1);
    tls->clients = options->clients;
    tls->hands_over_expired = options->hands_over_expired;
    gnutls_certificate_credentials_t credentials;
    int code = gnutls_certificate_allocate_credentials(&credentials);
    if (code < 0) return fail(tls, "its credentials", code, reason);
    tls->credentials = credentials;
    gnutls_datum_t chain = datum(options->certificate_chain), key = datum(options->key);
    code = gnutls_certificate_set_x509_key_mem2(credentials, &chain, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (code < 0) return fail(tls, "the server's certificate or key", code, reason);
    if (options->clients != HTTP_CLIENTS_NOT_ASKED) {
        gnutls_datum_t authorities = datum(options->client_authorities);
        code = gnutls_certificate_set_x509_trust_mem(credentials, &authorities, GNUTLS_X509_FMT_PEM);
        if (code <= 0) return fail(tls, "the authority of clients", code, reason);
        gnutls_certificate_set_verify_limits(credentials, 8200, LONGEST_CLIENT_CHAIN);
    }
    return tls;
}

void http_tls_retain(http_tls *tls) { atomic_fetch_add_explicit(&tls->references, 1, memory_order_relaxed); }

void http_tls_release(http_tls *tls) {
    if (tls == NULL || atomic_fetch_sub_explicit(&tls->references, 1, memory_order_acq_rel) != 1) return;
    if (tls->credentials != NULL) gnutls_certificate_free_credentials(tls->credentials);
    free(tls);
}

// MARK: - Certificates of clients

void tls_peer_retain(struct tls_peer *peer) {
    if (peer != NULL) atomic_fetch_add_explicit(&peer->references, 1, memory_order_relaxed);
}

void tls_peer_release(struct tls_peer *peer) {
    if (peer != NULL && atomic_fetch_sub_explicit(&peer->references, 1, memory_order_acq_rel) == 1) free(peer);
}

bool tls_peer_has_expired(const struct tls_peer *peer) { return time(NULL) > peer->not_after; }

static struct tls_peer *peer_create(const gnutls_datum_t *certificate) {
    if (certificate->size > LONGEST_CLIENT_CERTIFICATE) return NULL;
    gnutls_x509_crt_t parsed;
    if (gnutls_x509_crt_init(&parsed) < 0) return NULL;
    int code = gnutls_x509_crt_import(parsed, certificate, GNUTLS_X509_FMT_DER);
    time_t end = code < 0 ? (time_t)-1 : gnutls_x509_crt_get_expiration_time(parsed);
    gnutls_x509_crt_deinit(parsed);
    struct tls_peer *peer = end == (time_t)-1 ? NULL : malloc(sizeof *peer + certificate->size);
    if (peer == NULL) return NULL;
    atomic_init(&peer->references, 1);
    peer->not_after = end;
    peer->length = certificate->size;
    memcpy(peer->der, certificate->data, certificate->size);
    return peer;
}

static void tell(struct http_server *server, const char *text) {
    if (server->callbacks.log != NULL) server->callbacks.log(server->callbacks.context, text, strlen(text));
}

/// Ends the handshake, and has the client read why: it is listened to for a while, as closing at once would destroy the
/// alert on its way where the client has begun to send.
static int refuse(gnutls_session_t session, struct watched *watched, gnutls_alert_description_t alert,
                  const char *text) {
    tell(watched->server, text);
    gnutls_alert_send(session, GNUTLS_AL_FATAL, alert);
    watched->linger_wanted = true;
    return GNUTLS_E_CERTIFICATE_ERROR;
}

static int refuse_certificate(gnutls_session_t session, struct watched *watched, unsigned status) {
    const unsigned stranger = GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA | GNUTLS_CERT_SIGNATURE_FAILURE;
    if (status & stranger) {
        return refuse(session, watched, GNUTLS_A_UNKNOWN_CA, "refused a client: another authority's certificate");
    }
    if (status & GNUTLS_CERT_PURPOSE_MISMATCH) {
        return refuse(session, watched, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
                      "refused a client: its certificate is not made out for clients");
    }
    if (status & GNUTLS_CERT_EXPIRED) {
        return refuse(session, watched, GNUTLS_A_CERTIFICATE_EXPIRED, "refused a client: its certificate has expired");
    }
    if (status & GNUTLS_CERT_NOT_ACTIVATED) {
        return refuse(session, watched, GNUTLS_A_CERTIFICATE_EXPIRED,
                      "refused a client: its certificate is not valid yet");
    }
    return refuse(session, watched, GNUTLS_A_BAD_CERTIFICATE, "refused a client: its certificate is bad");
}

/// Called in the handshake once the client has, or has not, shown a certificate. 0: go on.
static int verify(gnutls_session_t session) {
    struct watched *watched = watched_of(gnutls_session_get_ptr(session));
    if (watched == NULL || watched->tls == NULL) return GNUTLS_E_INTERNAL_ERROR;
    const http_tls *tls = watched->tls;
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    if (chain == NULL || count == 0) {
        if (tls->clients != HTTP_CLIENTS_REQUIRED) return 0;
        // Before TLS 1.3 there was no alert for it.
        bool modern = gnutls_protocol_get_version(session) >= GNUTLS_TLS1_3;
        return refuse(session, watched, modern ? GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE,
                      "refused a client: it shows no certificate");
    }
    unsigned status = 0;
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
    if (count > LONGEST_CLIENT_CHAIN || gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0) {
        status = GNUTLS_CERT_INVALID;
    }
    bool expired = tls->hands_over_expired && status == (GNUTLS_CERT_INVALID | GNUTLS_CERT_EXPIRED);
    if (status != 0 && !expired) return refuse_certificate(session, watched, status);
    tls_peer_release(watched->peer);
    watched->peer = peer_create(&chain[0]);
    return watched->peer != NULL ? 0 : refuse_certificate(session, watched, GNUTLS_CERT_INVALID);
}

// MARK: - Connections

static gnutls_session_t session_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL ? (gnutls_session_t)info->tls_session : NULL;
}

bool tls_begin(struct http_server *server, struct watched *watched, struct MHD_Connection *connection) {
    gnutls_session_t session = session_of(connection);
    if (session == NULL) return false;
    pthread_mutex_lock(&server->lock);
    http_tls *tls = server->tls;
    http_tls_retain(tls);
    pthread_mutex_unlock(&server->lock);
    watched->server = server;
    watched->tls = tls;
    if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0) return false;
    gnutls_handshake_set_max_packet_length(session, LONGEST_HANDSHAKE_MESSAGE);
    if (tls->clients == HTTP_CLIENTS_NOT_ASKED) return true;
    // That a certificate is required is said by `verify`, with its reason.
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
    gnutls_session_set_verify_function(session, verify);
    return true;
}

void tls_end(struct watched *watched) {
    http_tls_release(watched->tls);
    tls_peer_release(watched->peer);
    watched->tls = NULL;
    watched->peer = NULL;
}

bool tls_may_go_on(const struct watched *watched) {
    return watched->peer == NULL || watched->tls->hands_over_expired || !tls_peer_has_expired(watched->peer);
}

void tls_send(struct MHD_Connection *connection, const void *bytes, size_t length) {
    gnutls_session_t session = session_of(connection);
    const char *rest = bytes;
    while (session != NULL && length > 0) {
        ssize_t count = gnutls_record_send(session, rest, length);
        if (count <= 0) return;
        rest += count;
        length -= (size_t)count;
    }
}

static int no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain,
                          unsigned *chain_length, gnutls_privkey_t *key) {
    (void)session, (void)authorities, (void)authority_count, (void)algorithms, (void)algorithm_count;
    (void)chain, (void)chain_length, (void)key;
    return -1;
}

void *tls_unused_callback(void) {
    gnutls_certificate_retrieve_function2 *callback = no_certificate;
    return (void *)callback;
}

bool http_server_replace_tls(http_server *server, http_tls *tls) {
    pthread_mutex_lock(&server->lock);
    http_tls *before = server->tls;
    if (before != NULL) {
        http_tls_retain(tls);
        server->tls = tls;
    }
    pthread_mutex_unlock(&server->lock);
    http_tls_release(before);
    return before != NULL;
}

const void *http_exchange_client_certificate(const http_exchange *exchange, size_t *length, bool *has_expired) {
    const struct tls_peer *peer = exchange->peer;
    *length = peer != NULL ? peer->length : 0;
    *has_expired = peer != NULL && tls_peer_has_expired(peer);
    return peer != NULL ? peer->der : NULL;
}
