#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "http_internal.h"

/// A connection keeps buffers up to this size for its next request.
static const size_t kept_capacity = 64 * 1024;

// MARK: - Buffers

bool buffer_reserve(struct buffer *buffer, size_t capacity) {
    if (capacity <= buffer->capacity) return true;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL) return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t length, size_t limit) {
    if (length == 0) return true;
    if (length > SIZE_MAX - buffer->length) return false;
    size_t needed = buffer->length + length;
    if (needed > buffer->capacity) {
        size_t grown = buffer->capacity + buffer->capacity / 2;
        if (grown > limit) grown = limit;
        if (grown < needed) grown = needed;
        if (grown < 256) grown = 256;
        if (!buffer_reserve(buffer, grown)) return false;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length = needed;
    return true;
}

void buffer_reset(struct buffer *buffer) {
    buffer->length = 0;
    if (buffer->capacity <= kept_capacity) return;
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

// MARK: - Life

struct http_exchange *exchange_create(void) {
    struct http_exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL) return NULL;
    if (pthread_mutex_init(&exchange->lock, NULL) != 0) {
        free(exchange);
        return NULL;
    }
    atomic_init(&exchange->references, 1);
    return exchange;
}

void exchange_reset(struct http_exchange *exchange) {
    atomic_store_explicit(&exchange->answer_state, ANSWER_OPEN, memory_order_relaxed);
    exchange->suspended = false;
    exchange->aborted = false;
    exchange->hung_up = false;
    exchange->cancel_registered = false;
    exchange->phase = PHASE_HEAD;
    exchange->counted = false;
    exchange->method = HTTP_METHOD_OTHER;
    exchange->route = 0;
    exchange->limit = 0;
    exchange->status = 0;
    tls_peer_release(exchange->peer);
    exchange->peer = NULL;
    buffer_reset(&exchange->body);
    buffer_reset(&exchange->headers);
    buffer_reset(&exchange->answer);
}

void exchange_trim(struct http_exchange *exchange) {
    if (atomic_load_explicit(&exchange->references, memory_order_acquire) == 1) buffer_reset(&exchange->body);
}

void http_exchange_discard_body(http_exchange *exchange) { buffer_reset(&exchange->body); }

void http_exchange_retain(http_exchange *exchange) {
    atomic_fetch_add_explicit(&exchange->references, 1, memory_order_relaxed);
}

void http_exchange_release(http_exchange *exchange) {
    if (atomic_fetch_sub_explicit(&exchange->references, 1, memory_order_acq_rel) != 1) return;
    pthread_mutex_destroy(&exchange->lock);
    tls_peer_release(exchange->peer);
    free(exchange->body.bytes);
    free(exchange->headers.bytes);
    free(exchange->answer.bytes);
    free(exchange);
}

/// What was registered for a hang-up, taken out of the exchange so that it can be called once, without the lock.
struct cancel {
    void (*cancelled)(void *);
    void (*release)(void *);
    void *context;
};

/// With the lock held.
static struct cancel take_cancel(struct http_exchange *exchange) {
    struct cancel cancel = {exchange->cancelled, exchange->cancel_release, exchange->cancel_context};
    exchange->cancelled = NULL;
    exchange->cancel_release = NULL;
    exchange->cancel_context = NULL;
    return cancel;
}

static void drop(struct cancel cancel) {
    if (cancel.release != NULL) cancel.release(cancel.context);
}

void exchange_detach(struct http_exchange *exchange) {
    pthread_mutex_lock(&exchange->lock);
    exchange->connection = NULL;
    exchange->path = NULL;
    exchange->method_text = NULL;
    exchange->suspended = false;
    struct cancel cancel = take_cancel(exchange);
    pthread_mutex_unlock(&exchange->lock);
    drop(cancel);
}

// MARK: - Waiting

bool exchange_suspend(struct http_exchange *exchange) {
    pthread_mutex_lock(&exchange->lock);
    bool sent = atomic_load_explicit(&exchange->answer_state, memory_order_acquire) == ANSWER_SENT;
    bool wait = !sent && !exchange->aborted;
    if (wait) {
        // Under the lock, as a resume that came before the suspension would be forgotten by the library.
        MHD_suspend_connection(exchange->connection);
        exchange->suspended = true;
    }
    pthread_mutex_unlock(&exchange->lock);
    return wait;
}

/// With the lock held.
static void resume(struct http_exchange *exchange) {
    if (!exchange->suspended) return;
    exchange->suspended = false;
    MHD_resume_connection(exchange->connection);
}

void exchange_abort(struct http_exchange *exchange) {
    pthread_mutex_lock(&exchange->lock);
    exchange->aborted = true;
    resume(exchange);
    pthread_mutex_unlock(&exchange->lock);
}

void exchange_cancel(struct http_exchange *exchange) {
    pthread_mutex_lock(&exchange->lock);
    exchange->hung_up = true;
    struct cancel cancel = take_cancel(exchange);
    pthread_mutex_unlock(&exchange->lock);
    if (cancel.cancelled != NULL) cancel.cancelled(cancel.context);
    drop(cancel);
}

bool http_exchange_on_cancel(http_exchange *exchange, void (*cancelled)(void *), void (*release)(void *),
                             void *context) {
    pthread_mutex_lock(&exchange->lock);
    bool first = !exchange->cancel_registered;
    bool call = first && exchange->hung_up;
    // Nobody would take it out again after the answer.
    bool answered = atomic_load_explicit(&exchange->answer_state, memory_order_acquire) == ANSWER_SENT;
    bool keep = first && !call && !answered && exchange->connection != NULL;
    exchange->cancel_registered = true;
    if (keep) {
        exchange->cancelled = cancelled;
        exchange->cancel_release = release;
        exchange->cancel_context = context;
    }
    pthread_mutex_unlock(&exchange->lock);
    if (call) cancelled(context);
    if (!keep) release(context);
    return first;
}

bool http_exchange_is_cancelled(http_exchange *exchange) {
    pthread_mutex_lock(&exchange->lock);
    bool hung_up = exchange->hung_up;
    pthread_mutex_unlock(&exchange->lock);
    return hung_up;
}

// MARK: - The request

enum http_method http_exchange_method(const http_exchange *exchange) { return exchange->method; }
uint64_t http_exchange_route(const http_exchange *exchange) { return exchange->route; }
void http_exchange_set_route(http_exchange *exchange, uint64_t route) { exchange->route = route; }

bool http_exchange_visit_method(http_exchange *exchange, http_text_visitor visitor, void *context) {
    pthread_mutex_lock(&exchange->lock);
    const char *text = exchange->method_text;
    if (text != NULL) visitor(context, text, strlen(text));
    pthread_mutex_unlock(&exchange->lock);
    return text != NULL;
}

bool http_exchange_visit_path(http_exchange *exchange, http_text_visitor visitor, void *context) {
    pthread_mutex_lock(&exchange->lock);
    const char *text = exchange->path;
    if (text != NULL) visitor(context, text, strlen(text));
    pthread_mutex_unlock(&exchange->lock);
    return text != NULL;
}

bool http_exchange_visit_header(http_exchange *exchange, const char *name, size_t name_length,
                                http_text_visitor visitor, void *context) {
    pthread_mutex_lock(&exchange->lock);
    const char *value = NULL;
    size_t length = 0;
    bool found = exchange->connection != NULL &&
                 MHD_lookup_connection_value_n(exchange->connection, MHD_HEADER_KIND, name, name_length, &value,
                                               &length) == MHD_YES &&
                 value != NULL;
    if (found) visitor(context, value, length);
    pthread_mutex_unlock(&exchange->lock);
    return found;
}

bool http_exchange_client_address(http_exchange *exchange, char text[HTTP_ADDRESS_SIZE]) {
    text[0] = 0;
    pthread_mutex_lock(&exchange->lock);
    const union MHD_ConnectionInfo *info =
        exchange->connection != NULL
            ? MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
            : NULL;
    if (info != NULL && info->client_addr != NULL) {
        if (info->client_addr->sa_family == AF_INET) {
            const struct sockaddr_in *address = (const struct sockaddr_in *)info->client_addr;
            inet_ntop(AF_INET, &address->sin_addr, text, HTTP_ADDRESS_SIZE);
        } else if (info->client_addr->sa_family == AF_INET6) {
            const struct in6_addr *address = &((const struct sockaddr_in6 *)info->client_addr)->sin6_addr;
            if (IN6_IS_ADDR_V4MAPPED(address))
                inet_ntop(AF_INET, &address->s6_addr[12], text, HTTP_ADDRESS_SIZE);
            else
                inet_ntop(AF_INET6, address, text, HTTP_ADDRESS_SIZE);
        }
    }
    pthread_mutex_unlock(&exchange->lock);
    return info != NULL;
}

struct visit {
    http_pair_visitor visitor;
    void *context;
};

static enum MHD_Result visit_pair(void *context, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                  const char *value, size_t value_length) {
    (void)kind;
    struct visit *visit = context;
    visit->visitor(visit->context, name, name_length, value, value_length);
    return MHD_YES;
}

static void visit_pairs(http_exchange *exchange, enum MHD_ValueKind kind, http_pair_visitor visitor, void *context) {
    struct visit visit = {visitor, context};
    pthread_mutex_lock(&exchange->lock);
    if (exchange->connection != NULL) MHD_get_connection_values_n(exchange->connection, kind, visit_pair, &visit);
    pthread_mutex_unlock(&exchange->lock);
}

void http_exchange_visit_headers(http_exchange *exchange, http_pair_visitor visitor, void *context) {
    visit_pairs(exchange, MHD_HEADER_KIND, visitor, context);
}

void http_exchange_visit_query(http_exchange *exchange, http_pair_visitor visitor, void *context) {
    visit_pairs(exchange, MHD_GET_ARGUMENT_KIND, visitor, context);
}

const void *http_exchange_body(const http_exchange *exchange, size_t *length) {
    *length = exchange->body.length;
    return exchange->body.bytes != NULL ? (const void *)exchange->body.bytes : "";
}

// MARK: - The answer

bool http_exchange_begin_answer(http_exchange *exchange, unsigned status) {
    int open = ANSWER_OPEN;
    if (!atomic_compare_exchange_strong_explicit(&exchange->answer_state, &open, ANSWER_CLAIMED, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        return false;
    }
    exchange->status = status;
    return true;
}

bool http_exchange_is_answered(const http_exchange *exchange) {
    return atomic_load_explicit(&exchange->answer_state, memory_order_acquire) != ANSWER_OPEN;
}

bool http_exchange_add_header(http_exchange *exchange, const char *name, size_t name_length, const char *value,
                              size_t value_length) {
    if (!is_token(name, name_length)) return false;
    for (size_t i = 0; i < value_length; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c < ' ' || c == 127) return false;
    }
    struct buffer *headers = &exchange->headers;
    size_t length = headers->length;
    bool added = buffer_append(headers, name, name_length, SIZE_MAX) && buffer_append(headers, "", 1, SIZE_MAX) &&
                 buffer_append(headers, value, value_length, SIZE_MAX) && buffer_append(headers, "", 1, SIZE_MAX);
    if (!added) headers->length = length;
    return added;
}

void http_exchange_append_body(http_exchange *exchange, const void *bytes, size_t length) {
    if (buffer_append(&exchange->answer, bytes, length, SIZE_MAX)) return;
    exchange->status = MHD_HTTP_INTERNAL_SERVER_ERROR;
    exchange->answer.length = 0;
}

void http_exchange_send(http_exchange *exchange) {
    pthread_mutex_lock(&exchange->lock);
    atomic_store_explicit(&exchange->answer_state, ANSWER_SENT, memory_order_release);
    struct cancel cancel = take_cancel(exchange);
    resume(exchange);
    pthread_mutex_unlock(&exchange->lock);
    drop(cancel);
}

/// Steps through the headers of an answer. False: no more.
static bool next_header(const struct buffer *headers, size_t *offset, const char **name, const char **value) {
    if (*offset >= headers->length) return false;
    *name = (const char *)headers->bytes + *offset;
    *value = *name + strlen(*name) + 1;
    *offset = (size_t)((const uint8_t *)*value + strlen(*value) + 1 - headers->bytes);
    return true;
}

struct MHD_Response *exchange_response(struct http_exchange *exchange, bool close) {
    // The bytes stay with the exchange, which is not used again before the library is done with the request.
    struct MHD_Response *response =
        MHD_create_response_from_buffer(exchange->answer.length, exchange->answer.bytes, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) return NULL;
    const char *name, *value;
    for (size_t offset = 0; next_header(&exchange->headers, &offset, &name, &value);) {
        MHD_add_response_header(response, name, value);
    }
    if (close) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return response;
}

void exchange_write_answer(struct http_exchange *exchange, const struct watched *watched) {
    struct buffer text = {0};
    char line[128], date[64];
    time_t now = time(NULL);
    struct tm parts;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
    int length = snprintf(line, sizeof line, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
                          exchange->status, MHD_get_reason_phrase_for(exchange->status), exchange->answer.length);
    bool complete = buffer_append(&text, line, (size_t)length, SIZE_MAX);
    length = snprintf(line, sizeof line, "Date: %s\r\n", date);
    complete = complete && buffer_append(&text, line, (size_t)length, SIZE_MAX);
    const char *name, *value;
    for (size_t offset = 0; next_header(&exchange->headers, &offset, &name, &value);) {
        complete = complete && buffer_append(&text, name, strlen(name), SIZE_MAX) &&
                   buffer_append(&text, ": ", 2, SIZE_MAX) && buffer_append(&text, value, strlen(value), SIZE_MAX) &&
                   buffer_append(&text, "\r\n", 2, SIZE_MAX);
    }
    complete = complete && buffer_append(&text, "\r\n", 2, SIZE_MAX) &&
               buffer_append(&text, exchange->answer.bytes, exchange->answer.length, SIZE_MAX);
    // A refusal fits the socket's buffer, which is empty: earlier answers were sent before this request was read.
    if (complete && watched->tls != NULL) {
        tls_send(exchange->connection, text.bytes, text.length);
    } else if (complete) {
        (void)!send(watched->descriptor, text.bytes, text.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    free(text.bytes);
}
