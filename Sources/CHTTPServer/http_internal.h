// Shared by the files of the shim.
//
// Lock order: an exchange's lock, then the library's own; the server's lock is taken last or alone. The library calls
// on_connection with a lock of its own held, so nothing that enters the library may run under the server's lock.
#pragma once

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http_server.h"

struct gnutls_certificate_credentials_st;

struct http_tls {
    atomic_int references;
    struct gnutls_certificate_credentials_st *credentials;
    enum http_clients clients;
    bool hands_over_expired;
};

/// The certificate of a client. Constant, but for the count.
struct tls_peer {
    atomic_int references;
    int64_t not_after;  // seconds since 1970
    size_t length;
    uint8_t der[];
};

struct buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
};

/// Makes room for `capacity` bytes in all. False: no memory.
bool buffer_reserve(struct buffer *buffer, size_t capacity);
/// Appends, growing by half at least, but never beyond `limit` unless that is needed. False: no memory.
bool buffer_append(struct buffer *buffer, const void *bytes, size_t length, size_t limit);
/// Empties it, and gives the memory back where it is more than a connection should keep.
void buffer_reset(struct buffer *buffer);

enum answer_state { ANSWER_OPEN, ANSWER_CLAIMED, ANSWER_SENT };

/// How far the library has brought the request. Only its thread reads and writes this.
enum phase {
    PHASE_HEAD,     ///< the request line is there
    PHASE_BODY,     ///< accepted, gathering the body
    PHASE_DISCARD,  ///< answered; the short body is read and dropped so that the connection can be kept
    PHASE_HANDLED,  ///< given to the handler
    PHASE_QUEUED,   ///< the answer is the library's
};

struct http_exchange {
    atomic_int references;
    atomic_int answer_state;

    pthread_mutex_t lock;  // guards from here ...
    struct MHD_Connection *connection;  // NULL once the library is done with the request
    const char *path;                   // as `connection`
    const char *method_text;            // as `connection`
    bool suspended;
    bool aborted;
    bool hung_up;
    bool cancel_registered;
    void (*cancelled)(void *);
    void (*cancel_release)(void *);
    void *cancel_context;  // ... to here

    // Written by the library's thread before `handle`, constant from then on.
    enum phase phase;
    bool counted;
    enum http_method method;
    uint64_t route;
    size_t limit;
    struct buffer body;
    struct tls_peer *peer;  // one reference; NULL: none

    size_t charged;  // of the server's budget; the library's thread only

    // Owned by who claimed the answer until it is sent, then by the library's thread.
    unsigned status;
    struct buffer headers;  // name NUL value NUL ...
    struct buffer answer;
};

/// A socket the watcher looks after. Records are kept and used again, never freed while the server lives: `generation`
/// tells an event for the socket of old from one for the socket of now.
struct watched {
    uint32_t index;
    uint32_t generation;
    int descriptor;
    bool in_use;
    bool lingering;  // ours alone: answered and shut down, read until the client closes
    bool hung_up;
    int64_t nudge_ms;                // when the library is next made to look at a socket whose client hung up
    int64_t nudge_interval_ms;
    bool linger_wanted;              // the library's thread only: linger when the library closes it
    struct http_exchange *deferred;  // a waiting request, one reference; guarded by the server's lock
    struct http_server *server;      // with TLS only, from here ...
    http_tls *tls;                   // one reference
    struct tls_peer *peer;           // one reference; NULL: none was shown ... to here the library's thread only
    struct http_exchange *spare;     // the library's thread only: used again for the next request, one reference
    atomic_llong deadline_ms;        // on the coarse monotonic clock; 0: none
};

struct http_server {
    struct http_server_callbacks callbacks;
    struct http_server_options options;
    struct MHD_Daemon *daemon;  // NULL once stopped
    bool speaks_tls;            // constant
    atomic_bool draining;
    atomic_size_t active;
    atomic_size_t body_bytes;  // charged to open requests
    atomic_size_t connections;
    atomic_llong last_activity_ms;

    pthread_mutex_t control_lock;  // one quiesce or stop at a time; never taken by a callback
    bool quiesced;

    pthread_mutex_t lock;  // guards from here ...
    pthread_cond_t changed;
    bool stopping;
    bool watcher_asleep;  // without a time-out, as there was no socket to look after
    struct watched **watched;
    uint32_t watched_count;
    uint32_t *free_indexes;
    uint32_t free_count;
    uint32_t in_use_count;
    http_tls *tls;  // one reference; NULL: plain HTTP ... to here

    pthread_t watcher;
    int epoll_descriptor;
    int wake_descriptor;
};

int64_t now_ms(void);
struct watched *watched_of(struct MHD_Connection *connection);

// TLS (http_tls.c)

extern const char *const tls_priorities;
/// Gives a new connection its credentials. False: it can't be served.
bool tls_begin(struct http_server *server, struct watched *watched, struct MHD_Connection *connection);
/// The connection is closed, its session gone.
void tls_end(struct watched *watched);
/// False: the client's certificate has expired since the handshake.
bool tls_may_go_on(const struct watched *watched);
/// Sends from the library's thread, as much as the socket takes.
void tls_send(struct MHD_Connection *connection, const void *bytes, size_t length);
bool tls_peer_has_expired(const struct tls_peer *peer);
void tls_peer_retain(struct tls_peer *peer);
/// NULL is allowed.
void tls_peer_release(struct tls_peer *peer);
/// What the library would ask for a certificate, were it not that its sessions have theirs.
void *tls_unused_callback(void);

// Where a request ends (http_framing.c)

/// What the headers say about the body, and whether they say it in one way only.
struct framing {
    int64_t length;       // close to INT64_MAX where it can't be counted; 0 where chunked
    bool chunked;
    bool asks_first;      // Expect: the client may wait for us before it sends the body
    const char *refusal;  // NULL, or why the request must not be taken
    unsigned lengths, codings, hosts;
};

struct framing framing_of(struct MHD_Connection *connection, const char *version);
/// RFC 9110, 5.6.2: what a method or the name of a header may be.
bool is_token(const char *text, size_t length);

// Exchanges (http_exchange.c)

struct http_exchange *exchange_create(void);
/// Makes an exchange that nobody else holds ready for the next request.
void exchange_reset(struct http_exchange *exchange);
/// Gives back what a long body took, if nobody else holds the exchange.
void exchange_trim(struct http_exchange *exchange);
/// The library is done with the request: nothing of the connection may be touched any more.
void exchange_detach(struct http_exchange *exchange);
/// Suspends the connection until the answer is sent. False: answered or aborted already, so there is nothing to wait for.
bool exchange_suspend(struct http_exchange *exchange);
/// Ends the wait without an answer.
void exchange_abort(struct http_exchange *exchange);
/// The client hung up: remembers it and tells who registered.
void exchange_cancel(struct http_exchange *exchange);
/// The answer as the library's response, the buffers staying with the exchange. NULL: no memory.
struct MHD_Response *exchange_response(struct http_exchange *exchange, bool close);
/// Writes the answer straight to the socket, for where the library can't: in the middle of a body.
void exchange_write_answer(struct http_exchange *exchange, const struct watched *watched);

// The watcher (http_watcher.c)

/// Starts the watcher thread. Returns 0 or an errno.
int watcher_start(struct http_server *server);
void watcher_stop(struct http_server *server);
/// Looks after a connection from now on. NULL: no memory, or the watcher can't.
struct watched *watcher_add(struct http_server *server, int descriptor, int64_t deadline_ms);
/// The library is about to close the connection.
void watcher_remove(struct http_server *server, struct watched *watched);
