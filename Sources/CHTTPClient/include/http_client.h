// Requests over libcurl, in the shape that Swift can call: curl_easy_setopt and curl_easy_getinfo are variadic.
//
// What the shim adds: bodies of answers other than 2xx never reach the receiver and end early, redirects never leave
// HTTPS, and libcurl's results become the few that a caller can tell apart.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// One connection cache. Used by one thread at a time.
typedef struct http_client http_client;

struct http_client_options {
    /// Copied. Not NULL.
    const char *user_agent;
    /// A PEM file to trust instead of the system's certificate authorities, copied; NULL: the system's.
    const char *certificate_authorities;
    /// The same as PEM bytes, copied, instead of the file; NULL: none.
    const void *authorities_pem;
    size_t authorities_pem_length;
    /// What is shown to servers that ask, as PEM bytes, copied; NULL: nothing.
    const void *certificate_pem;
    size_t certificate_pem_length;
    const void *key_pem;
    size_t key_pem_length;
    /// Resolving, connecting and the TLS handshake together.
    int64_t connect_timeout_ms;
    /// Fewer bytes a second than this for `slow_seconds` end the transfer.
    int64_t minimum_bytes_per_second;
    int64_t slow_seconds;
    int64_t redirect_limit;
    /// Takes any certificate of any server. For what is checked in another way, and for nothing that is secret.
    bool trusts_anyone;
};

struct http_client_request {
    /// Taken as it is written: no dots are resolved, nothing is encoded again. Not NULL.
    const char *url;
    /// `0-99` for the first hundred bytes; NULL: everything.
    const char *range;
    /// `POST` and the like; NULL: GET. With a method redirects are not followed, and the body of any answer is received.
    const char *method;
    /// With a method: the most bytes that the body of an answer other than 2xx may have; 0: `limit_bytes` too.
    int64_t error_limit_bytes;
    /// Lent; NULL where `body_length` is 0.
    const void *body;
    size_t body_length;
    /// Lines of headers, each ended by a NUL; NULL: none.
    const char *const *headers;
    size_t header_count;
    /// For the whole request; 0: no such limit.
    int64_t timeout_ms;
    /// The most bytes that a body may have.
    int64_t limit_bytes;
    void *context;
    /// Called once before the first bytes of a 2xx answer, with its status and Content-Range, NULL where it has none.
    /// False ends the transfer. NULL: nobody asks.
    bool (*begin)(void *context, int status, const char *content_range);
    /// With a method: called at the end with each header of the answer, as far as it came. NULL: nobody asks.
    void (*header)(void *context, const char *name, const char *value);
    /// Called with the bytes of a 2xx answer, which are lent. False ends the transfer.
    bool (*receive)(void *context, const uint8_t *bytes, size_t length);
};

enum http_client_outcome {
    /// There is an answer; `status` says which.
    HTTP_CLIENT_ANSWERED,
    /// `receive` returned false.
    HTTP_CLIENT_STOPPED,
    /// The body is, or says it is, longer than the limit.
    HTTP_CLIENT_TOO_LARGE,
    HTTP_CLIENT_BAD_URL,
    /// No such host, no connection.
    HTTP_CLIENT_UNREACHABLE,
    /// A deadline passed, or too few bytes came.
    HTTP_CLIENT_TIMED_OUT,
    /// The peer is not who it should be, or TLS failed otherwise.
    HTTP_CLIENT_UNTRUSTED,
    /// The peer does not take the certificate that was shown, or wants one; `alert` says which.
    HTTP_CLIENT_REFUSED,
    /// The certificate or key to be shown can't be used.
    HTTP_CLIENT_BAD_CERTIFICATE,
    /// The connection broke, or the answer is no HTTP.
    HTTP_CLIENT_BROKEN,
};

struct http_client_response {
    enum http_client_outcome outcome;
    /// 0 where there was no answer.
    int status;
    /// From Retry-After, a date turned into seconds from now; 0 without one.
    int64_t retry_after_seconds;
    /// The number of the TLS alert that ended the connection (RFC 8446 section 6); 0 without one.
    int alert;
    /// What libcurl says about a failure; empty after an answer.
    char message[256];
};

/// NULL where there is no memory or libcurl can't start. The caller frees it with http_client_free.
http_client *http_client_new(const struct http_client_options *options);

/// NULL is allowed.
void http_client_free(http_client *client);

/// Sends the request and waits for its end. Nothing of `request` is kept.
void http_client_send(http_client *client, const struct http_client_request *request,
                      struct http_client_response *response);
