#include "http_client.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct http_client {
    CURL *handle;
    bool follows;
};

/// One running transfer.
struct transfer {
    CURL *handle;
    const struct http_client_request *request;
    int64_t received;
    int64_t header_bytes;
    bool begun;
    bool stopped;
    bool too_large;
    bool long_headers;
    int alert;
};

/// The transfer that this thread is running, for what OpenSSL tells without saying of which.
static _Thread_local struct transfer *current;

/// As much of the body of an error is read, to keep the connection; more closes it.
enum { error_body_limit = 64 * 1024 };

/// Of headers and trailers of all answers of a transfer. libcurl 7.88 keeps trailers in memory without a limit of its own.
enum { header_limit = 256 * 1024 };

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static bool global_ready;

static void start_curl(void) {
    global_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static long status_of(CURL *handle) {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static bool is_success(long status) {
    return status >= 200 && status < 300;
}

static bool was_sent(CURL *handle) {
    long size = 0;
    curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &size);
    return size > 0;
}

static bool begin(struct transfer *transfer) {
    if (transfer->begun || transfer->request->begin == NULL)
        return true;
    transfer->begun = true;
    struct curl_header *header = NULL;
    CURLHcode code = curl_easy_header(transfer->handle, "Content-Range", 0, CURLH_HEADER, -1, &header);
    const char *content_range = code == CURLHE_OK ? header->value : NULL;
    return transfer->request->begin(transfer->request->context, (int)status_of(transfer->handle), content_range);
}

/// The most bytes that the body of the answer may have.
static int64_t limit_of(const struct http_client_request *request, long status) {
    bool is_other = request->method != NULL && request->error_limit_bytes > 0 && !is_success(status);
    return is_other ? request->error_limit_bytes : request->limit_bytes;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
    struct transfer *transfer = context;
    size_t length = size * count;
    transfer->received += (int64_t)length;
    if (transfer->request->method == NULL && !is_success(status_of(transfer->handle)))
        return transfer->received > error_body_limit ? CURL_WRITEFUNC_ERROR : length;
    if (transfer->received > limit_of(transfer->request, status_of(transfer->handle))) {
        transfer->too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    if (!begin(transfer) || !transfer->request->receive(transfer->request->context, (const uint8_t *)bytes, length)) {
        transfer->stopped = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return length;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context) {
    (void)bytes;
    struct transfer *transfer = context;
    size_t length = size * count;
    transfer->header_bytes += (int64_t)length;
    if (transfer->header_bytes <= header_limit)
        return length;
    transfer->long_headers = true;
    return CURL_WRITEFUNC_ERROR;
}

/// libcurl has one number for many an alert, and for some the number of an error of ours.
static void on_tls_state(const SSL *connection, int where, int value) {
    (void)connection;
    if (current != NULL && (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
        current->alert = value & 0xFF;
}

static CURLcode on_tls_context(CURL *handle, void *context, void *unused) {
    (void)handle;
    (void)unused;
    SSL_CTX_set_info_callback(context, on_tls_state);
    return CURLE_OK;
}

/// Whether an alert is about the certificate that we have shown, or have not.
static bool refuses_certificate(int alert) {
    switch (alert) {
    case SSL3_AD_NO_CERTIFICATE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

static enum http_client_outcome outcome_of(CURLcode code, const struct transfer *transfer, long status) {
    if (transfer->stopped)
        return HTTP_CLIENT_STOPPED;
    if (transfer->too_large)
        return HTTP_CLIENT_TOO_LARGE;
    if (transfer->long_headers)
        return HTTP_CLIENT_BROKEN;
    if (code != CURLE_OK && refuses_certificate(transfer->alert))
        return HTTP_CLIENT_REFUSED;
    switch (code) {
    case CURLE_OK:
        return HTTP_CLIENT_ANSWERED;
    case CURLE_WRITE_ERROR:
        // The body of an error was long enough; what it says is the status.
        return HTTP_CLIENT_ANSWERED;
    case CURLE_FILESIZE_EXCEEDED:
        return transfer->request->method != NULL || is_success(status) ? HTTP_CLIENT_TOO_LARGE : HTTP_CLIENT_ANSWERED;
    case CURLE_URL_MALFORMAT:
        return HTTP_CLIENT_BAD_URL;
    case CURLE_UNSUPPORTED_PROTOCOL:
        // Of the URL; or, once something was asked, of the answer or of a redirect.
        return was_sent(transfer->handle) ? HTTP_CLIENT_BROKEN : HTTP_CLIENT_BAD_URL;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return HTTP_CLIENT_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return HTTP_CLIENT_TIMED_OUT;
    case CURLE_SSL_CLIENTCERT:
        return HTTP_CLIENT_REFUSED;
    case CURLE_SSL_CERTPROBLEM:
        return HTTP_CLIENT_BAD_CERTIFICATE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return HTTP_CLIENT_UNTRUSTED;
    default:
        return HTTP_CLIENT_BROKEN;
    }
}

static bool starts_with_https(const char *url) {
    return strncasecmp(url, "https:", 6) == 0;
}

static CURLcode set_blob(CURL *handle, CURLoption option, const void *bytes, size_t length) {
    if (bytes == NULL)
        return CURLE_OK;
    struct curl_blob blob = {.data = (void *)bytes, .len = length, .flags = CURL_BLOB_COPY};
    return curl_easy_setopt(handle, option, &blob);
}

static bool set_options(CURL *handle, const struct http_client_options *options) {
    CURLcode code = CURLE_OK;
#define SET(option, value) \
    if (code == CURLE_OK) \
        code = curl_easy_setopt(handle, option, value)
#define SET_BLOB(option, bytes, length) \
    if (code == CURLE_OK) \
        code = set_blob(handle, option, bytes, length)
    SET(CURLOPT_USERAGENT, options->user_agent);
    if (options->certificate_authorities != NULL) {
        SET(CURLOPT_CAINFO, options->certificate_authorities);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET_BLOB(CURLOPT_CAINFO_BLOB, options->authorities_pem, options->authorities_pem_length);
    if (options->authorities_pem != NULL) {
        SET(CURLOPT_CAINFO, NULL);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET_BLOB(CURLOPT_SSLCERT_BLOB, options->certificate_pem, options->certificate_pem_length);
    SET_BLOB(CURLOPT_SSLKEY_BLOB, options->key_pem, options->key_pem_length);
    if (options->trusts_anyone) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)options->minimum_bytes_per_second);
    SET(CURLOPT_LOW_SPEED_TIME, (long)options->slow_seconds);
    SET(CURLOPT_MAXREDIRS, (long)options->redirect_limit);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_NOSIGNAL, 1L); // timers by signals would hit whichever thread
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_HEADERFUNCTION, on_header);
#undef SET
#undef SET_BLOB
    return code == CURLE_OK;
}

http_client *http_client_new(const struct http_client_options *options) {
    pthread_once(&global_once, start_curl);
    http_client *client = global_ready ? calloc(1, sizeof *client) : NULL;
    if (client == NULL)
        return NULL;
    client->handle = curl_easy_init();
    client->follows = options->redirect_limit > 0;
    if (client->handle != NULL && set_options(client->handle, options))
        return client;
    http_client_free(client);
    return NULL;
}

void http_client_free(http_client *client) {
    if (client == NULL)
        return;
    curl_easy_cleanup(client->handle);
    free(client);
}

/// NULL: no memory.
static struct curl_slist *header_list(const struct http_client_request *request) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"); // a body is not worth a round trip to ask
    for (size_t i = 0; list != NULL && i < request->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(list, request->headers[i]);
        if (longer == NULL) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

/// Makes the handle a GET, or what the request says. What an earlier request set is set anew.
static CURLcode set_method(http_client *client, const struct http_client_request *request,
                           const struct curl_slist *headers) {
    CURL *handle = client->handle;
    CURLcode code = curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, NULL);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, client->follows && request->method == NULL ? 1L : 0L);
    if (code != CURLE_OK || request->method == NULL)
        return code;
    if (request->body != NULL) {
        curl_easy_setopt(handle, CURLOPT_POST, 1L);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body);
    }
    return curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method);
}

static void tell_headers(CURL *handle, const struct http_client_request *request) {
    struct curl_header *header = NULL;
    while ((header = curl_easy_nextheader(handle, CURLH_HEADER, -1, header)) != NULL)
        request->header(request->context, header->name, header->value);
}

void http_client_send(http_client *client, const struct http_client_request *request,
                     struct http_client_response *response) {
    CURL *handle = client->handle;
    struct transfer transfer = {.handle = handle, .request = request};
    char text[CURL_ERROR_SIZE] = "";
    memset(response, 0, sizeof *response);

    struct curl_slist *headers = request->method != NULL ? header_list(request) : NULL;
    CURLcode code = request->method != NULL && headers == NULL ? CURLE_OUT_OF_MEMORY : CURLE_OK;
    if (code == CURLE_OK)
        code = set_method(client, request, headers);
    if (code == CURLE_OK)
        code = curl_easy_setopt(handle, CURLOPT_URL, request->url);
    if (code == CURLE_OK) {
        // Who asked for HTTPS is never answered over HTTP.
        curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, starts_with_https(request->url) ? "https" : "http,https");
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
        curl_easy_setopt(handle, CURLOPT_RANGE, request->range);
        int64_t longest =
            request->error_limit_bytes > request->limit_bytes ? request->error_limit_bytes : request->limit_bytes;
        curl_easy_setopt(handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)longest);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
        curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, text);
        current = &transfer;
        code = curl_easy_perform(handle);
        current = NULL;
    }
    long status = status_of(handle);
    curl_off_t retry_after = 0;
    curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &retry_after);
    response->status = (int)status;
    response->retry_after_seconds = retry_after;
    response->outcome = outcome_of(code, &transfer, status);
    response->alert = transfer.alert;
    if (request->header != NULL && status != 0)
        tell_headers(handle, request);
    if (response->outcome != HTTP_CLIENT_ANSWERED) {
        const char *message = text[0] != '\0' ? text : curl_easy_strerror(code);
        if (transfer.long_headers)
            message = "its headers are endless";
        strncpy(response->message, message, sizeof response->message - 1);
    }
    // These point into this call.
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, NULL);
    curl_slist_free_all(headers);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, NULL);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, NULL);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, NULL);
}
