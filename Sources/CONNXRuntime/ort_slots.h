#pragma once

// Entries of struct OrtApi by their position, as published in onnxruntime_c_api.h (ONNX Runtime, MIT licence), whose
// order is fixed: "the OrtApi struct is append-only". Only types of our own are declared.

#include <stddef.h>
#include <stdint.h>

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtThreadingOptions OrtThreadingOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtMapTypeInfo OrtMapTypeInfo;
typedef struct OrtSequenceTypeInfo OrtSequenceTypeInfo;

/// struct OrtApi: a table of function pointers.
typedef void (*const OrtApi)(void);

typedef struct {
    OrtApi *(*get_api)(uint32_t version);
    const char *(*get_version_string)(void);
} OrtApiBase;

/// Arguments: param, severity, category, log id, code location, message.
typedef void (*OrtLoggingFunction)(void *, int, const char *, const char *, const char *, const char *);

enum { ORT_LOGGING_WARNING = 2 };
enum { ORT_ENABLE_ALL = 99 };
enum { ORT_DEVICE_ALLOCATOR = 0, ORT_MEMORY_DEFAULT = 0 };
enum { ORT_ELEMENT_STRING = 8 };

/// Declares the entry at `slot`; `ORT(api, name)` is then the function itself. All but the marked ones return a status
/// (NULL when done) that release_status releases.
#define ORT_SLOT(slot, name, result, ...)                \
    typedef result (*ort_##name##_function)(__VA_ARGS__); \
    enum { ort_##name##_slot = (slot) }
#define ORT(api, name) ((ort_##name##_function)(api)[ort_##name##_slot])

ORT_SLOT(2, get_error_message, const char *, const OrtStatus *);
ORT_SLOT(8, create_session_from_array, OrtStatus *, const OrtEnv *, const void *, size_t, const OrtSessionOptions *,
         OrtSession **);
ORT_SLOT(9, run, OrtStatus *, OrtSession *, const OrtRunOptions *, const char *const *, const OrtValue *const *,
         size_t, const char *const *, size_t, OrtValue **);
ORT_SLOT(10, create_session_options, OrtStatus *, OrtSessionOptions **);
ORT_SLOT(19, disable_cpu_mem_arena, OrtStatus *, OrtSessionOptions *);
ORT_SLOT(23, set_session_graph_optimization_level, OrtStatus *, OrtSessionOptions *, int);
ORT_SLOT(30, session_get_input_count, OrtStatus *, const OrtSession *, size_t *);
ORT_SLOT(31, session_get_output_count, OrtStatus *, const OrtSession *, size_t *);
ORT_SLOT(33, session_get_input_type_info, OrtStatus *, const OrtSession *, size_t, OrtTypeInfo **);
ORT_SLOT(34, session_get_output_type_info, OrtStatus *, const OrtSession *, size_t, OrtTypeInfo **);
ORT_SLOT(36, session_get_input_name, OrtStatus *, const OrtSession *, size_t, OrtAllocator *, char **);
ORT_SLOT(37, session_get_output_name, OrtStatus *, const OrtSession *, size_t, OrtAllocator *, char **);
ORT_SLOT(39, create_run_options, OrtStatus *, OrtRunOptions **);
ORT_SLOT(46, run_options_set_terminate, OrtStatus *, OrtRunOptions *);
ORT_SLOT(48, create_tensor_as_ort_value, OrtStatus *, OrtAllocator *, const int64_t *, size_t, int, OrtValue **);
ORT_SLOT(49, create_tensor_with_data_as_ort_value, OrtStatus *, const OrtMemoryInfo *, void *, size_t,
         const int64_t *, size_t, int, OrtValue **);
ORT_SLOT(51, get_tensor_mutable_data, OrtStatus *, OrtValue *, void **);
ORT_SLOT(53, get_string_tensor_data_length, OrtStatus *, const OrtValue *, size_t *);
ORT_SLOT(54, get_string_tensor_content, OrtStatus *, const OrtValue *, void *, size_t, size_t *, size_t);
ORT_SLOT(55, cast_type_info_to_tensor_info, OrtStatus *, const OrtTypeInfo *, const OrtTensorTypeAndShapeInfo **);
ORT_SLOT(56, get_onnx_type_from_type_info, OrtStatus *, const OrtTypeInfo *, int *);
ORT_SLOT(60, get_tensor_element_type, OrtStatus *, const OrtTensorTypeAndShapeInfo *, int *);
ORT_SLOT(61, get_dimensions_count, OrtStatus *, const OrtTensorTypeAndShapeInfo *, size_t *);
ORT_SLOT(62, get_dimensions, OrtStatus *, const OrtTensorTypeAndShapeInfo *, int64_t *, size_t);
ORT_SLOT(63, get_symbolic_dimensions, OrtStatus *, const OrtTensorTypeAndShapeInfo *, const char **, size_t);
ORT_SLOT(64, get_tensor_shape_element_count, OrtStatus *, const OrtTensorTypeAndShapeInfo *, size_t *);
ORT_SLOT(65, get_tensor_type_and_shape, OrtStatus *, const OrtValue *, OrtTensorTypeAndShapeInfo **);
ORT_SLOT(67, get_value_type, OrtStatus *, const OrtValue *, int *);
ORT_SLOT(69, create_cpu_memory_info, OrtStatus *, int, int, OrtMemoryInfo **);
ORT_SLOT(76, allocator_free, OrtStatus *, OrtAllocator *, void *);
ORT_SLOT(78, get_allocator_with_default_options, OrtStatus *, OrtAllocator **);
ORT_SLOT(80, get_value, OrtStatus *, const OrtValue *, int, OrtAllocator *, OrtValue **);
ORT_SLOT(81, get_value_count, OrtStatus *, const OrtValue *, size_t *);
ORT_SLOT(92, release_env, void, OrtEnv *);
ORT_SLOT(93, release_status, void, OrtStatus *);
ORT_SLOT(94, release_memory_info, void, OrtMemoryInfo *);
ORT_SLOT(95, release_session, void, OrtSession *);
ORT_SLOT(96, release_value, void, OrtValue *);
ORT_SLOT(97, release_run_options, void, OrtRunOptions *);
ORT_SLOT(98, release_type_info, void, OrtTypeInfo *);
ORT_SLOT(99, release_tensor_type_and_shape_info, void, OrtTensorTypeAndShapeInfo *);
ORT_SLOT(100, release_session_options, void, OrtSessionOptions *);
ORT_SLOT(103, cast_type_info_to_map_type_info, OrtStatus *, const OrtTypeInfo *, const OrtMapTypeInfo **);
ORT_SLOT(104, cast_type_info_to_sequence_type_info, OrtStatus *, const OrtTypeInfo *, const OrtSequenceTypeInfo **);
ORT_SLOT(105, get_map_key_type, OrtStatus *, const OrtMapTypeInfo *, int *);
ORT_SLOT(106, get_map_value_type, OrtStatus *, const OrtMapTypeInfo *, OrtTypeInfo **);
ORT_SLOT(107, get_sequence_element_type, OrtStatus *, const OrtSequenceTypeInfo *, OrtTypeInfo **);
ORT_SLOT(120, disable_per_session_threads, OrtStatus *, OrtSessionOptions *);
ORT_SLOT(121, create_threading_options, OrtStatus *, OrtThreadingOptions **);
ORT_SLOT(122, release_threading_options, void, OrtThreadingOptions *);
ORT_SLOT(130, add_session_config_entry, OrtStatus *, OrtSessionOptions *, const char *, const char *);
ORT_SLOT(147, set_global_intra_op_num_threads, OrtStatus *, OrtThreadingOptions *, int);
ORT_SLOT(148, set_global_inter_op_num_threads, OrtStatus *, OrtThreadingOptions *, int);
ORT_SLOT(149, set_global_spin_control, OrtStatus *, OrtThreadingOptions *, int);
ORT_SLOT(151, create_env_with_custom_logger_and_global_thread_pools, OrtStatus *, OrtLoggingFunction, void *, int,
         const char *, const OrtThreadingOptions *, OrtEnv **);
ORT_SLOT(252, get_resized_string_tensor_element_buffer, OrtStatus *, OrtValue *, size_t, size_t, char **);
