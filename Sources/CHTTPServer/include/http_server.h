// An HTTP/1.1 server over libmicrohttpd, in the shape that Swift can call: no variadics, no closed enums, no macros.
//
// What the shim adds to the library: a body gathered into one buffer under a limit, an answer that may come later from
// any thread, a notice when the client of a waiting request hangs up, total deadlines for slow clients (the library's
// own time-out is for inactivity only), closing that lets a refused client read its refusal, and draining.
//
// Threads: `decide`, `too_large` and `handle` run on the library's threads, never two at once for one connection.
// `cancelled` runs on the watcher thread or on the thread that registers it. `log` may run on any thread.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct http_server http_server;
typedef struct http_exchange http_exchange;
typedef struct http_tls http_tls;

/// What the server calls. `context` is handed back unchanged and must stay valid until http_server_stop has returned.
struct http_server_callbacks {
    void *context;
    /// The head of a request has arrived. Returns the most bytes its body may have, or -1 after answering the request
    /// (http_exchange_begin_answer ... http_exchange_send); then the body is never gathered. The exchange is lent.
    int64_t (*decide)(void *context, http_exchange *exchange);
    /// The body is longer than the limit. Must answer before it returns. The exchange is lent.
    void (*too_large)(void *context, http_exchange *exchange, int64_t limit);
    /// All bodies together would have more bytes than the budget. Must answer before it returns. The exchange is lent.
    void (*overloaded)(void *context, http_exchange *exchange);
    /// The head can't be taken; `reason` says why, without line end. Must answer, with 400, before it returns. Both lent.
    void (*malformed)(void *context, http_exchange *exchange, const char *reason);
    /// The whole request is there. The callee owns one reference (http_exchange_release) and answers now or later.
    void (*handle)(void *context, http_exchange *exchange);
    /// A message of the library, without line end; the text is lent. NULL: messages are dropped.
    void (*log)(void *context, const char *text, size_t length);
};

struct http_server_options {
    /// A listening socket. The server never closes it, whatever happens.
    int listen_descriptor;
    /// 1: one thread accepts and serves. More: a pool of that many.
    unsigned threads;
    /// Connections open at once; more wait in the socket's backlog.
    unsigned connection_limit;
    /// Bytes that the bodies of all open requests may have together.
    size_t body_budget;
    /// A connection on which nothing moves for so long is closed. At least 1.
    unsigned idle_seconds;
    /// From connecting, or from the request line on a kept connection, to the last byte of the body.
    int64_t request_deadline_ms;
    /// From the answer to its last byte taken by the client.
    int64_t response_deadline_ms;
    /// How long a refused client is listened to after the answer, so that closing does not destroy it on its way.
    int64_t linger_ms;
    /// NULL: plain HTTP, and nothing of TLS is touched. The server keeps a reference of its own.
    http_tls *tls;
};

// TLS. A client that is refused gets an alert that says why, and nothing of it reaches a callback but `log`.

enum http_clients {
    HTTP_CLIENTS_NOT_ASKED,
    /// A client may show no certificate; one that it shows must be good.
    HTTP_CLIENTS_OPTIONAL,
    HTTP_CLIENTS_REQUIRED,
};

/// PEM texts, not NULL unless it is said, and lent for the time of the call.
struct http_tls_options {
    const char *certificate_chain;  // the server's first
    const char *key;                // unencrypted
    enum http_clients clients;
    const char *client_authorities;  // NULL where clients are not asked
    /// A certificate that has expired, but is good otherwise, is taken too.
    bool hands_over_expired;
};

enum { HTTP_TLS_REASON_SIZE = 160 };

/// What connections use. NULL: `reason` says why. The caller gives its reference back with http_tls_release.
http_tls *http_tls_create(const struct http_tls_options *options, char reason[HTTP_TLS_REASON_SIZE]);
void http_tls_retain(http_tls *tls);
/// NULL is allowed.
void http_tls_release(http_tls *tls);

/// Connections from now on use this; the others keep what they have. False: the server speaks plain HTTP. Any thread.
bool http_server_replace_tls(http_server *server, http_tls *tls);

enum http_method {
    HTTP_METHOD_OTHER,
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_PATCH,
};

/// Has blocks of 1 MiB and more go back to the system when they are freed, for the whole process. The C library would
/// raise that size with the first such block that is freed, and keep later ones.
void http_server_return_large_blocks(void);

/// Starts serving. Returns NULL and sets `*error` to an errno where it can't.
http_server *http_server_start(const struct http_server_options *options,
                               const struct http_server_callbacks *callbacks, int *error);

/// Ends accepting; the listening socket stays open and usable by others. May be called more than once, from any thread.
/// False: the library would not let go of the socket.
bool http_server_quiesce(http_server *server);

/// From now on every answer carries `Connection: close`.
void http_server_begin_draining(http_server *server);

/// Requests whose head has arrived and whose answer has not been sent.
size_t http_server_active_requests(const http_server *server);

/// Connections that are open.
size_t http_server_open_connections(const http_server *server);

/// Waits until no connection is open, or until no request is active and for `quiet_ms` none was accepted or answered.
/// False: `timeout_ms` passed before. Not from a callback.
bool http_server_wait_until_idle(http_server *server, int64_t timeout_ms, int64_t quiet_ms);

/// Quiesces, closes every connection (requests that still wait for their answer lose it) and ends the threads: no
/// callback is running or will run when it returns. May be called more than once. Not from a callback.
/// Exchanges that are still held stay valid; answering them has no effect.
void http_server_stop(http_server *server);

/// Stops the server and frees it. NULL is allowed.
void http_server_free(http_server *server);

// An exchange is one request and its answer. Every function below may be called from any thread while a reference is
// held, unless it says otherwise. Once the answer is sent, or the server stopped, what is looked up is not there.

void http_exchange_retain(http_exchange *exchange);
void http_exchange_release(http_exchange *exchange);

enum http_method http_exchange_method(const http_exchange *exchange);

/// A number that `decide` may leave for `handle`. To be set in `decide` only.
uint64_t http_exchange_route(const http_exchange *exchange);
void http_exchange_set_route(http_exchange *exchange, uint64_t route);

/// Takes one piece of text, lent for the time of the call; must not call any function of this header.
typedef void (*http_text_visitor)(void *context, const char *text, size_t length);
/// Takes one pair. `value` is NULL where there is none (a query item without `=`). The same rule.
typedef void (*http_pair_visitor)(void *context, const char *name, size_t name_length, const char *value,
                                  size_t value_length);

/// The method as sent; the path as sent, still percent-encoded and without the query. False: no longer there.
bool http_exchange_visit_method(http_exchange *exchange, http_text_visitor visitor, void *context);
bool http_exchange_visit_path(http_exchange *exchange, http_text_visitor visitor, void *context);
/// The first header of that name (ASCII letters in either case). False: there is none.
bool http_exchange_visit_header(http_exchange *exchange, const char *name, size_t name_length,
                                http_text_visitor visitor, void *context);
/// All headers in order; all query items in order, `+` already a space, still percent-encoded.
void http_exchange_visit_headers(http_exchange *exchange, http_pair_visitor visitor, void *context);
void http_exchange_visit_query(http_exchange *exchange, http_pair_visitor visitor, void *context);

/// Enough for an address of any kind as text, with its NUL.
#define HTTP_ADDRESS_SIZE 64
/// Writes the client's address without its port: an IPv4 or IPv6 address in digits (an IPv4 address in an IPv6 one as
/// IPv4); empty for a Unix socket. False: no longer there.
bool http_exchange_client_address(http_exchange *exchange, char text[HTTP_ADDRESS_SIZE]);

/// The certificate that the client has shown and that was found good, as DER; NULL: none. Valid while a reference is held.
/// `has_expired` says so at this moment.
const void *http_exchange_client_certificate(const http_exchange *exchange, size_t *length, bool *has_expired);

/// The body. Valid while a reference is held, from `handle` on. Never NULL.
const void *http_exchange_body(const http_exchange *exchange, size_t *length);

/// Gives the body's memory back before the answer; it is empty from then on. For the one that holds the exchange, while
/// nobody reads the body.
void http_exchange_discard_body(http_exchange *exchange);

/// Claims the answer: true for exactly one caller, who then adds headers and body and must call http_exchange_send.
bool http_exchange_begin_answer(http_exchange *exchange, unsigned status);
/// False: not a header that can be sent (a name that is no token, a line break in the value), or no memory.
bool http_exchange_add_header(http_exchange *exchange, const char *name, size_t name_length, const char *value,
                              size_t value_length);
/// Copies the bytes to the end of the answer's body. `bytes` may be NULL where `length` is 0. Where memory runs out the
/// answer becomes an empty 500.
void http_exchange_append_body(http_exchange *exchange, const void *bytes, size_t length);
/// Ends the answer and hands it to the server.
void http_exchange_send(http_exchange *exchange);
/// True once the answer has been claimed.
bool http_exchange_is_answered(const http_exchange *exchange);

/// Registers what is to be called, at most once, when the client hangs up before the answer; at once if it already has.
/// `release` is called exactly once, after that or when it can't happen any more. False: one is registered already, and
/// `release` has been called.
bool http_exchange_on_cancel(http_exchange *exchange, void (*cancelled)(void *context), void (*release)(void *context),
                             void *context);
/// True once the client is known to have hung up. Noticed only while the answer is awaited.
bool http_exchange_is_cancelled(http_exchange *exchange);
