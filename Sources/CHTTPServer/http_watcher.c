// One thread that sees what the library does not look at: clients that hang up while their request waits for its
// answer, clients that take longer than the deadline although they never fall silent, and sockets that are closed
// slowly so that a refused client can read why.
//
// It sleeps until the next deadline, or for ever while there is no connection; data that arrives does not wake it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_internal.h"

enum {
    EVENTS_AT_ONCE = 64,
    LONGEST_SLEEP_MS = 3600 * 1000,
    FIRST_NUDGE_MS = 10,
    SLOWEST_NUDGE_MS = 1000,
};
static const uint64_t wake_token = UINT64_MAX;

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wake(struct http_server *server) {
    uint64_t one = 1;
    while (write(server->wake_descriptor, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

// MARK: - Records

/// A free record, with the server's lock held. NULL: no memory.
static struct watched *take_record(struct http_server *server) {
    if (server->free_count > 0) return server->watched[server->free_indexes[--server->free_count]];
    uint32_t count = server->watched_count;
    if ((count & (count - 1)) == 0) {  // full: 0, 1, 2, 4, 8 ...
        uint32_t capacity = count == 0 ? 1 : count * 2;
        struct watched **watched = realloc(server->watched, capacity * sizeof *watched);
        if (watched == NULL) return NULL;
        server->watched = watched;
        uint32_t *indexes = realloc(server->free_indexes, capacity * sizeof *indexes);
        if (indexes == NULL) return NULL;
        server->free_indexes = indexes;
    }
    struct watched *record = calloc(1, sizeof *record);
    if (record == NULL) return NULL;
    record->index = count;
    server->watched[count] = record;
    server->watched_count = count + 1;
    return record;
}

/// With the server's lock held.
static void give_record_back(struct http_server *server, struct watched *record) {
    record->in_use = false;
    record->generation++;
    server->free_indexes[server->free_count++] = record->index;
    server->in_use_count--;
}

/// Tells the kernel what to look for. False: it can't.
static bool watch(struct http_server *server, struct watched *record, uint32_t events) {
    struct epoll_event event = {
        .events = events,
        .data.u64 = (uint64_t)record->generation << 32 | record->index,
    };
    return epoll_ctl(server->epoll_descriptor, EPOLL_CTL_ADD, record->descriptor, &event) == 0;
}

static struct watched *add(struct http_server *server, int descriptor, int64_t deadline_ms, bool lingering) {
    pthread_mutex_lock(&server->lock);
    struct watched *record = take_record(server);
    if (record != NULL) {
        record->descriptor = descriptor;
        record->in_use = true;
        record->lingering = lingering;
        record->linger_wanted = false;
        record->hung_up = false;
        atomic_store_explicit(&record->deadline_ms, deadline_ms, memory_order_relaxed);
        server->in_use_count++;
        uint32_t events = lingering ? EPOLLIN | EPOLLRDHUP : EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLET;
        if (!watch(server, record, events)) {
            give_record_back(server, record);
            record = NULL;
        }
    }
    // A lingering socket's deadline may be nearer than the one the watcher sleeps for.
    bool must_wake = record != NULL && (server->watcher_asleep || lingering);
    if (must_wake) server->watcher_asleep = false;
    pthread_mutex_unlock(&server->lock);
    if (must_wake) wake(server);
    return record;
}

struct watched *watcher_add(struct http_server *server, int descriptor, int64_t deadline_ms) {
    return add(server, descriptor, deadline_ms, false);
}

void watcher_remove(struct http_server *server, struct watched *record) {
    int linger = -1;
    pthread_mutex_lock(&server->lock);
    // The library closes its descriptor next; the copy keeps the connection.
    if (record->linger_wanted && !record->hung_up && !server->stopping) {
        linger = fcntl(record->descriptor, F_DUPFD_CLOEXEC, 0);
    }
    epoll_ctl(server->epoll_descriptor, EPOLL_CTL_DEL, record->descriptor, NULL);
    give_record_back(server, record);
    pthread_mutex_unlock(&server->lock);
    if (linger < 0) return;
    shutdown(linger, SHUT_WR);
    if (add(server, linger, now_ms() + server->options.linger_ms, true) == NULL) close(linger);
}

// MARK: - The thread

/// Reads what a refused client still sends. With the server's lock held; the socket does not block.
static void drain(struct http_server *server, struct watched *record) {
    uint8_t dropped[16 * 1024];
    for (int turn = 0; turn < 16; turn++) {
        ssize_t count = recv(record->descriptor, dropped, sizeof dropped, MSG_DONTWAIT);
        if (count > 0) continue;
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
        close(record->descriptor);
        give_record_back(server, record);
        return;
    }
}

static void handle_event(struct http_server *server, uint64_t token) {
    if (token == wake_token) {
        uint64_t count;
        (void)!read(server->wake_descriptor, &count, sizeof count);
        return;
    }
    struct http_exchange *left = NULL;
    pthread_mutex_lock(&server->lock);
    struct watched *record = server->watched[(uint32_t)token];
    if (record->in_use && record->generation == (uint32_t)(token >> 32)) {
        if (record->lingering) {
            drain(server, record);
        } else {
            record->hung_up = true;
            record->nudge_interval_ms = FIRST_NUDGE_MS;
            record->nudge_ms = now_ms() + FIRST_NUDGE_MS;
            left = record->deferred;
            if (left != NULL) http_exchange_retain(left);
        }
    }
    pthread_mutex_unlock(&server->lock);
    if (left == NULL) return;
    exchange_cancel(left);
    http_exchange_release(left);
}

/// Ends or nudges one record if it is time. Returns when to look at it again; INT64_MAX: no need. With the server's lock
/// held.
static int64_t look_after(struct http_server *server, struct watched *record, int64_t now) {
    int64_t deadline = atomic_load_explicit(&record->deadline_ms, memory_order_relaxed);
    if (deadline != 0 && deadline <= now) {
        if (record->lingering) {
            close(record->descriptor);
            give_record_back(server, record);
            return INT64_MAX;
        }
        // The library sees the end of the connection and closes it; the descriptor is its own.
        shutdown(record->descriptor, SHUT_RDWR);
        atomic_store_explicit(&record->deadline_ms, 0, memory_order_relaxed);
        deadline = 0;
    }
    int64_t next = deadline != 0 ? deadline : INT64_MAX;
    if (!record->hung_up) return next;
    // libmicrohttpd 0.9.75 waits for an edge and reads once for it. When data and the end came together it never learns
    // of the end, and keeps the connection until the idle time-out. Shutting down the direction that has ended already
    // changes nothing but makes a new edge; again, as the library may not have looked at the last one yet.
    if (record->nudge_ms <= now) {
        shutdown(record->descriptor, SHUT_RD);
        record->nudge_interval_ms *= 2;
        if (record->nudge_interval_ms > SLOWEST_NUDGE_MS) record->nudge_interval_ms = SLOWEST_NUDGE_MS;
        record->nudge_ms = now + record->nudge_interval_ms;
    }
    return record->nudge_ms < next ? record->nudge_ms : next;
}

/// Ends what is over its deadline. Returns how long to sleep in milliseconds; -1 until woken.
static int enforce_deadlines(struct http_server *server) {
    int64_t now = now_ms();
    // A deadline set while this thread sleeps is never nearer than the shortest one there is.
    int64_t next = now + server->options.request_deadline_ms;
    if (server->options.response_deadline_ms < server->options.request_deadline_ms) {
        next = now + server->options.response_deadline_ms;
    }
    pthread_mutex_lock(&server->lock);
    for (uint32_t i = 0; i < server->watched_count; i++) {
        struct watched *record = server->watched[i];
        if (!record->in_use) continue;
        int64_t again = look_after(server, record, now);
        if (again < next) next = again;
    }
    server->watcher_asleep = server->in_use_count == 0;
    if (next > now + LONGEST_SLEEP_MS) next = now + LONGEST_SLEEP_MS;
    int timeout = server->watcher_asleep ? -1 : (int)(next - now) + 5;  // the coarse clock lags by up to 4 ms
    pthread_mutex_unlock(&server->lock);
    return timeout;
}

static void *run(void *context) {
    struct http_server *server = context;
    struct epoll_event events[EVENTS_AT_ONCE];
    for (;;) {
        int timeout = enforce_deadlines(server);
        pthread_mutex_lock(&server->lock);
        bool stopping = server->stopping;
        pthread_mutex_unlock(&server->lock);
        if (stopping) return NULL;
        int count = epoll_wait(server->epoll_descriptor, events, EVENTS_AT_ONCE, timeout);
        for (int i = 0; i < count; i++) handle_event(server, events[i].data.u64);
    }
}

int watcher_start(struct http_server *server) {
    server->epoll_descriptor = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll_descriptor < 0) return errno;
    server->wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake_descriptor < 0) return errno;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = wake_token};
    if (epoll_ctl(server->epoll_descriptor, EPOLL_CTL_ADD, server->wake_descriptor, &event) != 0) return errno;
    int error = pthread_create(&server->watcher, NULL, run, server);
    if (error == 0) pthread_setname_np(server->watcher, "http-watcher");
    return error;
}

void watcher_stop(struct http_server *server) {
    wake(server);
    pthread_join(server->watcher, NULL);
}
