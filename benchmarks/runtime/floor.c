// The floor: the least that "one ONNX model behind HTTP and JSON" can cost on a machine. One thread, epoll, ONNX
// Runtime through dlopen. It reads the numbers of the request's "data" with strtof, runs the model, and prints label
// and probabilities as an Open Inference Protocol answer. It checks next to nothing, and is a yardstick, not a server.
//
//     floor LIBONNXRUNTIME MODEL PORT
//
// The OrtApi is an append-only table of pointers; the numbers below are its slots, good from version 1.8 on.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FEATURES = 64, CLASSES = 10, MAX_ROWS = 64, BUFFER = 64 * 1024, MAX_CONNECTIONS = 1024 };
enum { ORT_FLOAT = 1, ORT_LOG_WARNING = 2, ORT_DEVICE_ALLOCATOR = 0, ORT_MEMORY_DEFAULT = 0, ORT_API_VERSION_8 = 8 };

typedef void *status_t; // NULL means success
struct api_base {
    void **(*get_api)(uint32_t version);
    const char *(*version)(void);
};

static void **ort;
static void *session, *memory;

static status_t (*ort_run)(void *session, void *options, const char *const *input_names, void *const *inputs,
                           size_t input_count, const char *const *output_names, size_t output_count, void **outputs);
static status_t (*ort_tensor)(void *memory, void *data, size_t bytes, const int64_t *shape, size_t dimensions,
                              int type, void **value);
static status_t (*ort_data)(void *value, void **data);
static void (*ort_release_value)(void *value);

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void check(status_t status) {
    if (!status) return;
    fprintf(stderr, "floor: %s\n", ((const char *(*)(status_t))ort[2])(status));
    exit(1);
}

static void load(const char *library, const char *model) {
    setenv("ORT_DISABLE_TELEMETRY", "1", 1); // read by CreateEnv
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "floor: %s\n", dlerror());
        exit(1);
    }
    struct api_base *(*base)(void) = (struct api_base * (*)(void)) dlsym(handle, "OrtGetApiBase");
    if (!base || !(ort = base()->get_api(ORT_API_VERSION_8))) {
        fprintf(stderr, "floor: %s is no ONNX Runtime\n", library);
        exit(1);
    }
    void *environment, *options;
    check(((status_t(*)(int, const char *, void **))ort[3])(ORT_LOG_WARNING, "floor", &environment));
    check(((status_t(*)(void **))ort[10])(&options));
    check(((status_t(*)(void *, int))ort[24])(options, 1)); // intra-op threads
    check(((status_t(*)(void *, const char *, void *, void **))ort[7])(environment, model, options, &session));
    check(((status_t(*)(int, int, void **))ort[69])(ORT_DEVICE_ALLOCATOR, ORT_MEMORY_DEFAULT, &memory));
    ort_run = ort[9];
    ort_tensor = ort[49];
    ort_data = ort[51];
    ort_release_value = ort[96];
    malloc_trim(0);
}

// Fills `input` from the array after "data"; returns the number of rows, 0 when the body has none.
static size_t read_rows(const char *body, float *input) {
    const char *at = strstr(body, "\"data\"");
    if (!at || !(at = strchr(at, '['))) return 0;
    size_t count = 0;
    while (count < (size_t)MAX_ROWS * FEATURES) {
        at += strspn(at, "[, \t\r\n");
        char *end;
        input[count] = strtof(at, &end);
        if (end == at) break;
        at = end;
        count++;
    }
    return count % FEATURES ? 0 : count / FEATURES;
}

// Writes the answer's body into `out`, and returns its length.
static size_t score(const char *body, char *out, size_t size) {
    static float input[MAX_ROWS * FEATURES];
    size_t rows = read_rows(body, input);
    if (rows == 0) return 0;
    static const char *const input_names[] = {"X"}, *const output_names[] = {"label", "probabilities"};
    const int64_t shape[] = {(int64_t)rows, FEATURES};
    void *given, *outputs[2] = {NULL, NULL};
    int64_t *labels;
    float *scores;
    check(ort_tensor(memory, input, rows * FEATURES * sizeof *input, shape, 2, ORT_FLOAT, &given));
    check(ort_run(session, NULL, input_names, &given, 1, output_names, 2, outputs));
    check(ort_data(outputs[0], (void **)&labels));
    check(ort_data(outputs[1], (void **)&scores));

    size_t used = (size_t)snprintf(out, size,
        "{\"model_name\":\"digits\",\"outputs\":[{\"name\":\"label\",\"datatype\":\"INT64\",\"shape\":[%zu],\"data\":[",
        rows);
    for (size_t row = 0; row < rows; row++)
        used += (size_t)snprintf(out + used, size - used, row ? ",%lld" : "%lld", (long long)labels[row]);
    used += (size_t)snprintf(out + used, size - used,
        "]},{\"name\":\"probabilities\",\"datatype\":\"FP32\",\"shape\":[%zu,%d],\"data\":[", rows, CLASSES);
    for (size_t index = 0; index < rows * CLASSES; index++)
        used += (size_t)snprintf(out + used, size - used, index ? ",%.9g" : "%.9g", (double)scores[index]);
    used += (size_t)snprintf(out + used, size - used, "]}]}");
    ort_release_value(given);
    ort_release_value(outputs[0]);
    ort_release_value(outputs[1]);
    return used;
}

struct connection {
    int socket;
    size_t used;
    char in[BUFFER];
};

static void hang_up(struct connection *connection) {
    close(connection->socket);
    free(connection);
}

// Answers the request at the buffer's start when it is whole. Returns how many bytes it took, 0 to wait for more, or
// -1 to hang up.
static ssize_t answer(struct connection *connection) {
    connection->in[connection->used] = 0;
    char *end = strstr(connection->in, "\r\n\r\n");
    if (!end) return 0;
    char *length = strcasestr(connection->in, "\r\ncontent-length:");
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    size_t total = (size_t)(end + 4 - connection->in) + body;
    if (total >= BUFFER) return -1;
    if (connection->used < total) return 0;

    static char out[BUFFER], text[BUFFER - 256];
    size_t size = score(end + 4, text, sizeof text);
    int head = snprintf(out, sizeof out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                        size ? "200 OK" : "400 Bad Request", size);
    memcpy(out + head, text, size);
    // An answer of some hundred bytes always fits an idle socket's buffer; a real server would wait for room.
    if (send(connection->socket, out, (size_t)head + size, MSG_NOSIGNAL) != (ssize_t)((size_t)head + size)) return -1;
    return (ssize_t)total;
}

static void serve(struct connection *connection) {
    ssize_t got = recv(connection->socket, connection->in + connection->used, BUFFER - 1 - connection->used, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        hang_up(connection);
        return;
    }
    connection->used += (size_t)got;
    ssize_t taken;
    while ((taken = answer(connection)) > 0) {
        connection->used -= (size_t)taken;
        memmove(connection->in, connection->in + taken, connection->used);
    }
    if (taken < 0 || connection->used == BUFFER - 1) hang_up(connection);
}

static int listen_on(uint16_t port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes)) die("socket");
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128)) die("listen");
    return listener;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: floor LIBONNXRUNTIME MODEL PORT\n");
        return 64;
    }
    load(arguments[1], arguments[2]);
    int listener = listen_on((uint16_t)atoi(arguments[3])), poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[MAX_CONNECTIONS];
    if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event)) die("epoll");
    for (;;) {
        int ready = epoll_wait(poll, events, MAX_CONNECTIONS, -1);
        for (int index = 0; index < ready; index++) {
            if (events[index].data.ptr) {
                serve(events[index].data.ptr);
                continue;
            }
            int socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), yes = 1;
            if (socket < 0) continue;
            setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            struct connection *connection = malloc(sizeof *connection);
            if (!connection) die("malloc");
            connection->socket = socket;
            connection->used = 0;
            event.events = EPOLLIN;
            event.data.ptr = connection;
            if (epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event)) hang_up(connection);
        }
    }
}
