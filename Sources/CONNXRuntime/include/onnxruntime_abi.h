#pragma once

// The part of ONNX Runtime's C API that a scoring server needs, over a library found at run time.
//
// No header of ONNX Runtime is used: the API is a table of function pointers to which newer versions only append
// (onnxruntime_c_api.h, "ABI stability"), so `ort_slots.h` declares the entries that are called by their position.
//
// Conventions of every function below:
// - A returned `char *` is a failure message that the caller releases with free(); NULL means success.
// - On failure nothing is written to the out parameters, unless said otherwise.
// - Pointers must not be null, unless said otherwise.
// - All functions may be called from any thread; one value must not be used by two threads at once.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The highest number of dimensions that is passed through; a model with more is refused.
enum { ONNX_MAX_RANK = 16 };

/// The oldest version of the C API that has every slot that is used (ONNX Runtime 1.17, January 2024).
enum { ONNX_API_VERSION = 17 };

typedef struct onnx_library onnx_library;
typedef struct OrtSession onnx_session;
typedef struct OrtValue onnx_value;
typedef struct OrtRunOptions onnx_run_options;

/// Receives one log line. Severity: 0 verbose, 1 info, 2 warning, 3 error, 4 fatal. The strings live for the call only.
/// Called from any thread; `context` must live to the end of the process.
typedef void (*onnx_log_function)(void *context, int32_t severity, const char *category, const char *message);

/// Why a library could not be opened.
typedef enum {
    /// dlopen refused; the message is its.
    ONNX_OPEN_NOT_LOADABLE = 1,
    /// A shared library, but not ONNX Runtime.
    ONNX_OPEN_OTHER_LIBRARY = 2,
    /// ONNX Runtime older than ONNX_API_VERSION; the message is its version.
    ONNX_OPEN_TOO_OLD = 3,
    /// The environment could not be made; the message is the library's.
    ONNX_OPEN_NO_ENVIRONMENT = 4,
} onnx_open_failure;

/// Loads the shared library at `path` and makes its environment: one pool of `intra_threads` threads (the calling thread
/// counts, so 1 starts none) shared by all sessions, no spinning, no telemetry.
///
/// Library and environment stay to the end of the process, as ONNX Runtime has one environment in a process and its
/// threads and destructors don't survive unloading. A second call gets the first's, with its threads and log, and sets
/// `*is_new` to false: `log_context` is then not kept.
///
/// Sets ORT_DISABLE_TELEMETRY=1 in the environment of the process before the library is loaded: call it while no other
/// thread reads the environment. On failure `*reason` says why.
char *onnx_library_open(
    const char *path, int32_t intra_threads, onnx_log_function log, void *log_context, onnx_library **out,
    bool *is_new, onnx_open_failure *reason);

/// The version of the library, for instance "1.31.1"; lives as long as the process.
const char *onnx_library_version(const onnx_library *library);

/// How a session is made.
typedef struct {
    /// Keep freed tensor memory for the next run.
    bool arena;
    /// Use the model's bytes in place (ORT format only); they must then outlive the session.
    bool use_model_bytes;
    /// `entry_count` pairs of configuration keys and values, copied; null when there are none.
    const char *const *keys;
    const char *const *values;
    size_t entry_count;
} onnx_session_options;

/// Makes a session from a model in memory. The caller releases it with `onnx_session_release`.
char *onnx_session_create(
    const onnx_library *library, const void *model, size_t model_bytes, const onnx_session_options *options,
    onnx_session **out);
void onnx_session_release(const onnx_library *library, onnx_session *session);

/// What an input, an output or a value is. The numbers are ONNX Runtime's ONNXType.
typedef enum {
    ONNX_KIND_UNKNOWN = 0,
    ONNX_KIND_TENSOR = 1,
    ONNX_KIND_SEQUENCE = 2,
    ONNX_KIND_MAP = 3,
    ONNX_KIND_OPAQUE = 4,
    ONNX_KIND_SPARSE_TENSOR = 5,
    ONNX_KIND_OPTIONAL = 6,
} onnx_kind;

/// An input or output of a model.
typedef struct {
    char *name;
    /// An onnx_kind.
    int32_t kind;
    /// For a sequence: the onnx_kind of its elements; else ONNX_KIND_UNKNOWN.
    int32_t element_kind;
    /// For a tensor: its ONNXTensorElementDataType; for a map or a sequence of maps: that of the values; else 0.
    int32_t element_type;
    /// For a map or a sequence of maps: the type of the keys; else 0.
    int32_t key_type;
    /// For a tensor: dimensions, -1 where any size is accepted, and their names, null where there is none.
    size_t rank;
    int64_t shape[ONNX_MAX_RANK];
    char *symbols[ONNX_MAX_RANK];
} onnx_description;

char *onnx_session_input_count(const onnx_library *library, const onnx_session *session, size_t *out);
char *onnx_session_output_count(const onnx_library *library, const onnx_session *session, size_t *out);

/// Describes input or output `index`. The caller releases the strings with `onnx_description_clear`.
char *onnx_session_describe(
    const onnx_library *library, const onnx_session *session, bool output, size_t index, onnx_description *out);
void onnx_description_clear(onnx_description *description);

/// Makes a tensor over the caller's memory, which must stay until the value is released. `data` may be null when
/// `bytes` is 0.
char *onnx_tensor_wrap(
    const onnx_library *library, int32_t element_type, const int64_t *shape, size_t rank, void *data, size_t bytes,
    onnx_value **out);

/// Makes a string tensor; string i is `bytes[offsets[i] ..< offsets[i + 1]]`, and may hold NUL. Everything is copied.
/// `count` is the product of `shape`.
char *onnx_string_tensor_create(
    const onnx_library *library, const int64_t *shape, size_t rank, const char *bytes, const int64_t *offsets,
    size_t count, onnx_value **out);

/// Runs the model. `options` may be null. On success `outputs` holds `output_count` values that the caller releases;
/// on failure they are null. May be called by many threads at once on one session.
char *onnx_session_run(
    const onnx_library *library, onnx_session *session, const onnx_run_options *options,
    const char *const *input_names, const onnx_value *const *inputs, size_t input_count,
    const char *const *output_names, size_t output_count, onnx_value **outputs);

/// A tensor's type, shape and memory; the memory belongs to the value (null for strings and for no elements).
typedef struct {
    int32_t element_type;
    size_t rank;
    int64_t shape[ONNX_MAX_RANK];
    size_t count;
    void *data;
} onnx_tensor_view;

char *onnx_value_kind(const onnx_library *library, const onnx_value *value, int32_t *out);
char *onnx_value_view(const onnx_library *library, onnx_value *value, onnx_tensor_view *out);

/// Bytes of all strings of a string tensor together.
char *onnx_string_tensor_bytes(const onnx_library *library, const onnx_value *value, size_t *out);
/// Copies all strings of a string tensor without separators, and the offset at which each of the `count` starts.
char *onnx_string_tensor_read(
    const onnx_library *library, const onnx_value *value, void *bytes, size_t byte_count, size_t *offsets,
    size_t count);

/// The number of elements of a sequence; 2 (keys and values) for a map.
char *onnx_value_count(const onnx_library *library, const onnx_value *value, size_t *out);
/// Element `index` of a sequence; of a map, 0 the tensor of keys and 1 that of values. The caller releases it.
char *onnx_value_element(const onnx_library *library, const onnx_value *value, size_t index, onnx_value **out);
/// Null is allowed.
void onnx_value_release(const onnx_library *library, onnx_value *value);

/// Options of one or more runs, through which they can be ended early.
char *onnx_run_options_create(const onnx_library *library, onnx_run_options **out);
/// Ends the runs that use the options between two nodes of the graph; may be called by any thread during a run.
char *onnx_run_options_terminate(const onnx_library *library, onnx_run_options *options);
void onnx_run_options_release(const onnx_library *library, onnx_run_options *options);

/// Gives free heap pages back to the system (malloc_trim, glibc); loading a model leaves up to 24 MiB of them.
void onnx_trim_heap(void);
