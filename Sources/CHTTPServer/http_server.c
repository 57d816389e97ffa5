#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_internal.h"

/// A refused body up to this length is read and dropped, so that the connection can be kept.
static const int64_t longest_discarded = 64 * 1024;

// MARK: - One request

struct watched *watched_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static void set_deadline(struct watched *watched, int64_t deadline_ms) {
    atomic_store_explicit(&watched->deadline_ms, deadline_ms, memory_order_relaxed);
}

/// The request line is there: the first we hear of a request, and where its clock starts on a kept connection.
static void *on_request_line(void *context, const char *uri, struct MHD_Connection *connection) {
    (void)uri;
    struct http_server *server = context;
    struct watched *watched = watched_of(connection);
    if (watched == NULL) return NULL;
    if (!tls_may_go_on(watched)) {  // the client connects anew, and is told why it can't
        shutdown(watched->descriptor, SHUT_RDWR);
        return NULL;
    }
    int64_t deadline = now_ms() + server->options.request_deadline_ms;
    int64_t earlier = atomic_load_explicit(&watched->deadline_ms, memory_order_relaxed);
    set_deadline(watched, earlier != 0 && earlier < deadline ? earlier : deadline);

    struct http_exchange *exchange = watched->spare;
    if (exchange != NULL && atomic_load_explicit(&exchange->references, memory_order_acquire) == 1) {
        exchange_reset(exchange);
    } else {
        if (exchange != NULL) http_exchange_release(exchange);
        exchange = exchange_create();
        watched->spare = exchange;
        if (exchange == NULL) return NULL;
    }
    exchange->connection = connection;
    exchange->peer = watched->peer;
    tls_peer_retain(exchange->peer);
    return exchange;
}

static enum http_method method_of(const char *text) {
    switch (text[0]) {
    case 'G': return strcmp(text, "GET") == 0 ? HTTP_METHOD_GET : HTTP_METHOD_OTHER;
    case 'H': return strcmp(text, "HEAD") == 0 ? HTTP_METHOD_HEAD : HTTP_METHOD_OTHER;
    case 'D': return strcmp(text, "DELETE") == 0 ? HTTP_METHOD_DELETE : HTTP_METHOD_OTHER;
    case 'O': return strcmp(text, "OPTIONS") == 0 ? HTTP_METHOD_OPTIONS : HTTP_METHOD_OTHER;
    case 'P':
        if (strcmp(text, "POST") == 0) return HTTP_METHOD_POST;
        if (strcmp(text, "PUT") == 0) return HTTP_METHOD_PUT;
        return strcmp(text, "PATCH") == 0 ? HTTP_METHOD_PATCH : HTTP_METHOD_OTHER;
    default: return HTTP_METHOD_OTHER;
    }
}

static enum MHD_Result queue_answer(struct http_server *server, struct MHD_Connection *connection,
                                    struct watched *watched, struct http_exchange *exchange, bool close) {
    bool draining = atomic_load_explicit(&server->draining, memory_order_relaxed);
    struct MHD_Response *response = exchange_response(exchange, close || draining);
    if (response == NULL) return MHD_NO;
    set_deadline(watched, now_ms() + server->options.response_deadline_ms);
    exchange->phase = PHASE_QUEUED;
    enum MHD_Result result = MHD_queue_response(connection, exchange->status, response);
    MHD_destroy_response(response);
    return result;
}

/// Takes bytes of a body out of the budget. False: there are not so many left.
static bool charge(struct http_server *server, struct http_exchange *exchange, size_t bytes) {
    size_t before = atomic_fetch_add_explicit(&server->body_bytes, bytes, memory_order_relaxed);
    exchange->charged += bytes;
    return bytes <= server->options.body_budget && before <= server->options.body_budget - bytes;
}

static void end_charge(struct http_server *server, struct http_exchange *exchange) {
    if (exchange->charged == 0) return;
    atomic_fetch_sub_explicit(&server->body_bytes, exchange->charged, memory_order_relaxed);
    exchange->charged = 0;
}

/// The request was refused at its head.
static enum MHD_Result refuse(struct http_server *server, struct MHD_Connection *connection, struct watched *watched,
                              struct http_exchange *exchange, struct framing framing) {
    if (atomic_load_explicit(&exchange->answer_state, memory_order_acquire) != ANSWER_SENT) return MHD_NO;
    bool clear = framing.refusal == NULL && !framing.chunked && !framing.asks_first;
    if (clear && framing.length <= longest_discarded) {
        exchange->phase = PHASE_DISCARD;
        return MHD_YES;
    }
    watched->linger_wanted = true;
    return queue_answer(server, connection, watched, exchange, true);
}

static enum MHD_Result take_head(struct http_server *server, struct MHD_Connection *connection,
                                 struct watched *watched, struct http_exchange *exchange, const char *version) {
    exchange->counted = true;
    atomic_fetch_add_explicit(&server->active, 1, memory_order_relaxed);
    struct framing framing = framing_of(connection, version);
    if (framing.refusal != NULL) {
        server->callbacks.malformed(server->callbacks.context, exchange, framing.refusal);
        return refuse(server, connection, watched, exchange, framing);
    }
    int64_t limit = server->callbacks.decide(server->callbacks.context, exchange);
    if (limit < 0) return refuse(server, connection, watched, exchange, framing);
    if (framing.length > limit) {
        server->callbacks.too_large(server->callbacks.context, exchange, limit);
        return refuse(server, connection, watched, exchange, framing);
    }
    if (!charge(server, exchange, (size_t)framing.length)) {
        server->callbacks.overloaded(server->callbacks.context, exchange);
        return refuse(server, connection, watched, exchange, framing);
    }
    exchange->phase = PHASE_BODY;
    exchange->limit = (size_t)limit;
    return buffer_reserve(&exchange->body, (size_t)framing.length) ? MHD_YES : MHD_NO;
}

static enum MHD_Result take_body(struct http_server *server, struct watched *watched, struct http_exchange *exchange,
                                 const char *bytes, size_t *length) {
    size_t count = *length;
    *length = 0;
    if (exchange->phase == PHASE_DISCARD) return MHD_YES;
    bool fits = count <= exchange->limit - exchange->body.length;
    size_t needed = exchange->body.length + count;
    // A length that was told is charged already; what comes in chunks is as it comes.
    if (fits && (needed <= exchange->charged || charge(server, exchange, needed - exchange->charged))) {
        return buffer_append(&exchange->body, bytes, count, exchange->limit) ? MHD_YES : MHD_NO;
    }
    // The library takes no response in the middle of a body. As nothing of this one has been sent, we can write it.
    if (fits) {
        server->callbacks.overloaded(server->callbacks.context, exchange);
    } else {
        server->callbacks.too_large(server->callbacks.context, exchange, (int64_t)exchange->limit);
    }
    if (atomic_load_explicit(&exchange->answer_state, memory_order_acquire) == ANSWER_SENT) {
        exchange_write_answer(exchange, watched);
        watched->linger_wanted = true;
    }
    return MHD_NO;
}

static void end_wait(struct http_server *server, struct watched *watched) {
    pthread_mutex_lock(&server->lock);
    struct http_exchange *deferred = watched->deferred;
    watched->deferred = NULL;
    pthread_mutex_unlock(&server->lock);
    if (deferred != NULL) http_exchange_release(deferred);
}

/// Suspends the connection until the answer comes; the library's thread goes on to others. False: no need to, as the
/// answer is there or will never be.
static bool begin_wait(struct http_server *server, struct watched *watched, struct http_exchange *exchange) {
    pthread_mutex_lock(&server->lock);
    bool stopping = server->stopping;
    bool hung_up = watched->hung_up;
    if (!stopping) {
        http_exchange_retain(exchange);
        watched->deferred = exchange;
    }
    pthread_mutex_unlock(&server->lock);
    if (stopping) return false;
    if (!exchange_suspend(exchange)) {
        end_wait(server, watched);
        return false;
    }
    if (hung_up) exchange_cancel(exchange);
    return true;
}

static enum MHD_Result give_answer(struct http_server *server, struct MHD_Connection *connection,
                                   struct watched *watched, struct http_exchange *exchange) {
    if (atomic_load_explicit(&exchange->answer_state, memory_order_acquire) != ANSWER_SENT) return MHD_NO;
    return queue_answer(server, connection, watched, exchange, false);
}

static enum MHD_Result take_end(struct http_server *server, struct MHD_Connection *connection,
                                struct watched *watched, struct http_exchange *exchange) {
    set_deadline(watched, 0);
    if (exchange->phase == PHASE_DISCARD) return give_answer(server, connection, watched, exchange);
    exchange->phase = PHASE_HANDLED;
    http_exchange_retain(exchange);
    server->callbacks.handle(server->callbacks.context, exchange);
    bool sent = atomic_load_explicit(&exchange->answer_state, memory_order_acquire) == ANSWER_SENT;
    if (!sent && begin_wait(server, watched, exchange)) return MHD_YES;
    return give_answer(server, connection, watched, exchange);
}

/// The path of a target in absolute form, which clients send to proxies and servers must take (RFC 9112, 3.2.2).
static const char *path_of(const char *target) {
    if (strncasecmp(target, "http://", 7) != 0) return target;
    const char *path = strchr(target + 7, '/');
    return path != NULL ? path : "/";
}

/// Called by the library with the head, then with each piece of the body, then at its end, then after each resume.
static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *bytes, size_t *length,
                                 void **request) {
    struct http_server *server = context;
    struct http_exchange *exchange = *request;
    struct watched *watched = watched_of(connection);
    if (exchange == NULL || watched == NULL) return MHD_NO;
    switch (exchange->phase) {
    case PHASE_HEAD:
        exchange->path = path_of(path);
        exchange->method_text = method;
        exchange->method = method_of(method);
        return take_head(server, connection, watched, exchange, version);
    case PHASE_BODY:
    case PHASE_DISCARD:
        if (*length != 0) return take_body(server, watched, exchange, bytes, length);
        return take_end(server, connection, watched, exchange);
    case PHASE_HANDLED:
        end_wait(server, watched);
        return give_answer(server, connection, watched, exchange);
    case PHASE_QUEUED: break;
    }
    *length = 0;
    return MHD_YES;
}

static void tell_waiters(struct http_server *server) {
    if (!atomic_load_explicit(&server->draining, memory_order_relaxed)) return;
    pthread_mutex_lock(&server->lock);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/// The answer has been sent, or will never be.
static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code) {
    (void)code;
    struct http_server *server = context;
    struct http_exchange *exchange = *request;
    struct watched *watched = watched_of(connection);
    *request = NULL;
    if (exchange == NULL || watched == NULL) return;
    if (exchange->phase == PHASE_HANDLED) end_wait(server, watched);
    bool counted = exchange->counted;
    end_charge(server, exchange);
    exchange_detach(exchange);
    exchange_trim(exchange);
    int64_t now = now_ms();
    // A client that trickles into the next request line is given the idle time on top, as we don't see it begin.
    set_deadline(watched, now + server->options.idle_seconds * 1000LL + server->options.request_deadline_ms);
    atomic_store_explicit(&server->last_activity_ms, now, memory_order_relaxed);
    if (counted) atomic_fetch_sub_explicit(&server->active, 1, memory_order_release);
    tell_waiters(server);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    struct http_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int64_t now = now_ms();
        atomic_store_explicit(&server->last_activity_ms, now, memory_order_relaxed);
        atomic_fetch_add_explicit(&server->connections, 1, memory_order_relaxed);
        int descriptor = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        *socket_context = watcher_add(server, descriptor, now + server->options.request_deadline_ms);
        bool served = *socket_context != NULL;  // never serve what can't be watched
        if (served && server->speaks_tls) served = tls_begin(server, *socket_context, connection);
        if (!served) shutdown(descriptor, SHUT_RDWR);
    } else if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct watched *watched = *socket_context;
        if (watched != NULL) {
            struct http_exchange *spare = watched->spare;
            watched->spare = NULL;
            tls_end(watched);
            watcher_remove(server, watched);
            if (spare != NULL) {
                end_charge(server, spare);
                exchange_detach(spare);  // again, should the library have closed without completing
                http_exchange_release(spare);
            }
        }
        atomic_fetch_sub_explicit(&server->connections, 1, memory_order_release);
        tell_waiters(server);
    }
}

static void on_log(void *context, const char *format, va_list arguments) {
    struct http_server *server = context;
    if (server->callbacks.log == NULL) return;
    char text[512];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0) return;
    if ((size_t)length >= sizeof text) length = sizeof text - 1;
    while (length > 0 && text[length - 1] == '\n') length--;
    server->callbacks.log(server->callbacks.context, text, (size_t)length);
}

/// Leaves path and query items as they were sent: a decoded NUL would cut a C string short.
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void)context;
    (void)connection;
    return strlen(text);
}

// MARK: - The server

static struct MHD_Daemon *start_daemon(struct http_server *server) {
    const struct http_server_options *options = &server->options;
    // ITC is implied by suspend and resume; without it quiescing fails. ERROR_LOG goes to on_log, never to stderr.
    unsigned flags = MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    // With epoll, a connection in the middle of its handshake counts as readable until the handshake is over (0.9.75):
    // three bytes of a stranger would keep a processor busy for as long as a handshake may take.
    flags |= server->speaks_tls ? MHD_USE_POLL_INTERNAL_THREAD : MHD_USE_EPOLL_INTERNAL_THREAD;
    struct MHD_OptionItem items[4];
    size_t count = 0;
    if (options->threads > 1) {
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, options->threads, NULL};
    }
    if (server->speaks_tls) {
        flags |= MHD_USE_TLS;
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)tls_priorities};
        items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_unused_callback()};
    }
    items[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(flags, 0, NULL, NULL, on_access, server,                    //
                            MHD_OPTION_EXTERNAL_LOGGER, on_log, server,                 // first, or stderr gets some
                            MHD_OPTION_LISTEN_SOCKET, options->listen_descriptor,       //
                            MHD_OPTION_CONNECTION_LIMIT, options->connection_limit,     //
                            MHD_OPTION_CONNECTION_TIMEOUT, options->idle_seconds,       //
                            MHD_OPTION_STRICT_FOR_CLIENT, 0,                            // framing_of refuses
                            MHD_OPTION_URI_LOG_CALLBACK, on_request_line, server,       //
                            MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,           //
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,          //
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,        //
                            MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

static void destroy(struct http_server *server) {
    for (uint32_t i = 0; i < server->watched_count; i++) {
        if (server->watched[i]->in_use && server->watched[i]->lingering) close(server->watched[i]->descriptor);
        free(server->watched[i]);
    }
    http_tls_release(server->tls);
    free(server->watched);
    free(server->free_indexes);
    if (server->epoll_descriptor >= 0) close(server->epoll_descriptor);
    if (server->wake_descriptor >= 0) close(server->wake_descriptor);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    pthread_mutex_destroy(&server->control_lock);
    free(server);
}

static void stop_watcher(struct http_server *server) {
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    pthread_mutex_unlock(&server->lock);
    watcher_stop(server);
}

/// Starts the threads, which block every signal: those are for the program's own threads.
static int start_threads(struct http_server *server) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = watcher_start(server);
    if (error == 0) {
        errno = 0;
        server->daemon = start_daemon(server);
        if (server->daemon == NULL) {
            error = errno != 0 ? errno : EINVAL;
            stop_watcher(server);
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

void http_server_return_large_blocks(void) { mallopt(M_MMAP_THRESHOLD, 1 << 20); }

http_server *http_server_start(const struct http_server_options *options,
                               const struct http_server_callbacks *callbacks, int *error) {
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        *error = ENOMEM;
        return NULL;
    }
    server->callbacks = *callbacks;
    server->options = *options;
    server->tls = options->tls;
    server->speaks_tls = server->tls != NULL;
    if (server->speaks_tls) http_tls_retain(server->tls);
    server->epoll_descriptor = server->wake_descriptor = -1;
    atomic_init(&server->last_activity_ms, now_ms());
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->control_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&server->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    *error = start_threads(server);
    if (*error == 0) return server;
    destroy(server);
    return NULL;
}

/// With the control lock held.
static bool quiesce(struct http_server *server) {
    if (!server->quiesced && server->daemon != NULL) {
        server->quiesced = MHD_quiesce_daemon(server->daemon) != MHD_INVALID_SOCKET;
    }
    return server->quiesced;
}

bool http_server_quiesce(http_server *server) {
    pthread_mutex_lock(&server->control_lock);
    bool quiesced = quiesce(server);
    pthread_mutex_unlock(&server->control_lock);
    return quiesced;
}

void http_server_begin_draining(http_server *server) { atomic_store(&server->draining, true); }

size_t http_server_active_requests(const http_server *server) {
    return atomic_load_explicit(&server->active, memory_order_acquire);
}

size_t http_server_open_connections(const http_server *server) {
    return atomic_load_explicit(&server->connections, memory_order_acquire);
}

/// How long to wait until the server may count as idle, in milliseconds; 0: it is; -1: until something changes.
static int64_t wait_needed(http_server *server, int64_t quiet_ms) {
    if (http_server_open_connections(server) == 0) return 0;
    if (http_server_active_requests(server) > 0) return -1;
    int64_t quiet = now_ms() - atomic_load_explicit(&server->last_activity_ms, memory_order_relaxed);
    return quiet >= quiet_ms ? 0 : quiet_ms - quiet;
}

bool http_server_wait_until_idle(http_server *server, int64_t timeout_ms, int64_t quiet_ms) {
    int64_t end = now_ms() + timeout_ms;
    pthread_mutex_lock(&server->lock);
    int64_t needed;
    while ((needed = wait_needed(server, quiet_ms)) != 0) {
        int64_t left = end - now_ms();
        if (left <= 0) break;
        // A change that came without notice, as draining had not begun, is seen within this time.
        int64_t wait = needed > 0 && needed < 100 ? needed : 100;
        if (wait > left) wait = left;
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += wait % 1000 * 1000000;
        until.tv_sec += wait / 1000 + until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&server->changed, &server->lock, &until);
    }
    pthread_mutex_unlock(&server->lock);
    return needed == 0;
}

/// Ends every wait for an answer, as the library can't stop while a connection is suspended.
static void abort_waiting(struct http_server *server) {
    pthread_mutex_lock(&server->lock);
    server->stopping = true;  // nobody begins to wait from here on
    uint32_t count = server->watched_count;
    for (uint32_t i = 0; i < count; i++) {
        struct http_exchange *deferred = server->watched[i]->deferred;
        if (deferred == NULL) continue;
        http_exchange_retain(deferred);
        pthread_mutex_unlock(&server->lock);  // see the lock order in http_internal.h
        exchange_abort(deferred);
        http_exchange_release(deferred);
        pthread_mutex_lock(&server->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

void http_server_stop(http_server *server) {
    pthread_mutex_lock(&server->control_lock);
    if (server->daemon != NULL) {
        // Without quiescing the library would shut the listening socket down, for every process that holds it.
        quiesce(server);
        abort_waiting(server);
        MHD_stop_daemon(server->daemon);
        server->daemon = NULL;
        stop_watcher(server);
    }
    pthread_mutex_unlock(&server->control_lock);
}

void http_server_free(http_server *server) {
    if (server == NULL) return;
    http_server_stop(server);
    destroy(server);
}
