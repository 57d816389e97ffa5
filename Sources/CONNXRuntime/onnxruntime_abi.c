#include "onnxruntime_abi.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ort_slots.h"

struct onnx_library {
    OrtApi *api;
    const char *version;
    OrtEnv *env;
    OrtMemoryInfo *cpu;
    /// The default allocator; belongs to the library.
    OrtAllocator *allocator;
    onnx_log_function log;
    void *log_context;
    /// What dlopen gave; equal for the same file.
    void *handle;
    onnx_library *next;
};

/// The libraries that are open, and the lock around opening one.
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
static onnx_library *opened = NULL;

/// A copy of `text` that the caller frees. Out of memory gives up, as everything in this process does.
static char *message(const char *text) {
    char *copy = strdup(text);
    if (copy == NULL) abort();
    return copy;
}

/// The message of a status, which is released; NULL stays NULL.
static char *failure(OrtApi *api, OrtStatus *status) {
    if (status == NULL) return NULL;
    char *text = message(ORT(api, get_error_message)(status));
    ORT(api, release_status)(status);
    return text;
}

static void log_line(
    void *context, int severity, const char *category, const char *log_id, const char *location, const char *text) {
    (void)log_id;
    (void)location;
    const onnx_library *library = context;
    library->log(library->log_context, severity, category == NULL ? "" : category, text == NULL ? "" : text);
}

// MARK: Library

static char *create_environment(onnx_library *library, int32_t intra_threads) {
    OrtApi *api = library->api;
    OrtThreadingOptions *threading = NULL;
    OrtStatus *status = ORT(api, create_threading_options)(&threading);
    if (status == NULL) status = ORT(api, set_global_intra_op_num_threads)(threading, intra_threads);
    if (status == NULL) status = ORT(api, set_global_inter_op_num_threads)(threading, 1);
    if (status == NULL) status = ORT(api, set_global_spin_control)(threading, 0);
    if (status == NULL) {
        status = ORT(api, create_env_with_custom_logger_and_global_thread_pools)(
            log_line, library, ORT_LOGGING_WARNING, "edge", threading, &library->env);
    }
    if (threading != NULL) ORT(api, release_threading_options)(threading);
    if (status == NULL) {
        status = ORT(api, create_cpu_memory_info)(ORT_DEVICE_ALLOCATOR, ORT_MEMORY_DEFAULT, &library->cpu);
    }
    if (status == NULL) status = ORT(api, get_allocator_with_default_options)(&library->allocator);
    return failure(api, status);
}

/// Opens a library that isn't in the list. On failure the handle is the caller's to close.
static char *open_new(onnx_library *library, int32_t intra_threads, onnx_open_failure *reason) {
    const OrtApiBase *(*get_api_base)(void) = (const OrtApiBase *(*)(void))dlsym(library->handle, "OrtGetApiBase");
    if (get_api_base == NULL) {
        *reason = ONNX_OPEN_OTHER_LIBRARY;
        return message("it does not export OrtGetApiBase");
    }
    const OrtApiBase *base = get_api_base();
    library->api = base->get_api(ONNX_API_VERSION);
    library->version = base->get_version_string();
    if (library->api == NULL) {
        *reason = ONNX_OPEN_TOO_OLD;
        return message(library->version);
    }
    *reason = ONNX_OPEN_NO_ENVIRONMENT;
    return create_environment(library, intra_threads);
}

/// Whether the file ends inside what the dynamic loader would map: it checks headers only, and touching a page behind
/// the file's end kills the process (SIGBUS). What is no 64-bit ELF file is left to the loader to refuse.
static bool is_cut_short(const char *path) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool cut = false;
    struct stat status;
    Elf64_Ehdr header;
    if (fstat(file, &status) == 0 && pread(file, &header, sizeof header, 0) == (ssize_t)sizeof header &&
        memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
        header.e_phentsize == sizeof(Elf64_Phdr)) {
        const uint64_t size = (uint64_t)status.st_size;
        for (uint64_t index = 0; index < header.e_phnum && !cut; index++) {
            Elf64_Phdr segment;
            const uint64_t offset = header.e_phoff + index * sizeof segment;
            if (offset > size || pread(file, &segment, sizeof segment, (off_t)offset) != (ssize_t)sizeof segment) {
                cut = true;
            } else if (segment.p_type == PT_LOAD) {
                cut = segment.p_offset > size || segment.p_filesz > size - segment.p_offset;
            }
        }
    }
    close(file);
    return cut;
}

static char *open_locked(
    const char *path, int32_t intra_threads, onnx_log_function log, void *log_context, onnx_library **out,
    bool *is_new, onnx_open_failure *reason) {
    // Wheels from 1.29 on start a telemetry thread, write under $HOME and open a connection when the environment is
    // made; DisableTelemetryEvents (slot 6) needs an environment, so it comes too late.
    const char *disabled = getenv("ORT_DISABLE_TELEMETRY");
    if (disabled == NULL || strcmp(disabled, "1") != 0) setenv("ORT_DISABLE_TELEMETRY", "1", 1);

    if (is_cut_short(path)) {
        *reason = ONNX_OPEN_NOT_LOADABLE;
        return message("the file is truncated");
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        *reason = ONNX_OPEN_NOT_LOADABLE;
        const char *why = dlerror();
        return message(why == NULL ? "dlopen failed" : why);
    }
    for (onnx_library *known = opened; known != NULL; known = known->next) {
        if (known->handle != handle) continue;
        dlclose(handle);
        *out = known;
        *is_new = false;
        return NULL;
    }
    onnx_library *library = calloc(1, sizeof *library);
    if (library == NULL) abort();
    library->handle = handle;
    library->log = log;
    library->log_context = log_context;
    char *why = open_new(library, intra_threads, reason);
    if (why != NULL) {
        // An environment that was half made may have left threads behind, and its log.
        if (*reason != ONNX_OPEN_NO_ENVIRONMENT) {
            dlclose(handle);
            free(library);
        }
        return why;
    }
    library->next = opened;
    opened = library;
    *out = library;
    *is_new = true;
    return NULL;
}

char *onnx_library_open(
    const char *path, int32_t intra_threads, onnx_log_function log, void *log_context, onnx_library **out,
    bool *is_new, onnx_open_failure *reason) {
    pthread_mutex_lock(&opening);
    char *why = open_locked(path, intra_threads, log, log_context, out, is_new, reason);
    pthread_mutex_unlock(&opening);
    return why;
}

const char *onnx_library_version(const onnx_library *library) { return library->version; }

// MARK: Session

static OrtStatus *configure(OrtApi *api, OrtSessionOptions *session_options, const onnx_session_options *options) {
    OrtStatus *status = ORT(api, set_session_graph_optimization_level)(session_options, ORT_ENABLE_ALL);
    if (status == NULL) status = ORT(api, disable_per_session_threads)(session_options);
    if (status == NULL && !options->arena) status = ORT(api, disable_cpu_mem_arena)(session_options);
    if (status == NULL && options->use_model_bytes) {
        status = ORT(api, add_session_config_entry)(session_options, "session.use_ort_model_bytes_directly", "1");
        if (status == NULL) {
            status = ORT(api, add_session_config_entry)(
                session_options, "session.use_ort_model_bytes_for_initializers", "1");
        }
    }
    for (size_t i = 0; status == NULL && i < options->entry_count; i++) {
        status = ORT(api, add_session_config_entry)(session_options, options->keys[i], options->values[i]);
    }
    return status;
}

char *onnx_session_create(
    const onnx_library *library, const void *model, size_t model_bytes, const onnx_session_options *options,
    onnx_session **out) {
    OrtApi *api = library->api;
    OrtSessionOptions *session_options = NULL;
    OrtSession *session = NULL;
    OrtStatus *status = ORT(api, create_session_options)(&session_options);
    if (status == NULL) status = configure(api, session_options, options);
    if (status == NULL) {
        status = ORT(api, create_session_from_array)(library->env, model, model_bytes, session_options, &session);
    }
    if (session_options != NULL) ORT(api, release_session_options)(session_options);
    if (status != NULL) return failure(api, status);
    *out = session;
    return NULL;
}

void onnx_session_release(const onnx_library *library, onnx_session *session) {
    ORT(library->api, release_session)(session);
}

char *onnx_session_input_count(const onnx_library *library, const onnx_session *session, size_t *out) {
    return failure(library->api, ORT(library->api, session_get_input_count)(session, out));
}

char *onnx_session_output_count(const onnx_library *library, const onnx_session *session, size_t *out) {
    return failure(library->api, ORT(library->api, session_get_output_count)(session, out));
}

// MARK: Descriptions

/// Fills type, rank and shape from `info`, and the names of dimensions where `symbols` isn't null.
static char *read_shape(
    OrtApi *api, const OrtTensorTypeAndShapeInfo *info, int32_t *element_type, size_t *rank, int64_t *shape,
    const char **symbols) {
    int type = 0;
    size_t dimensions = 0;
    OrtStatus *status = ORT(api, get_tensor_element_type)(info, &type);
    if (status == NULL) status = ORT(api, get_dimensions_count)(info, &dimensions);
    if (status != NULL) return failure(api, status);
    if (dimensions > ONNX_MAX_RANK) return message("it has more than 16 dimensions");
    status = ORT(api, get_dimensions)(info, shape, dimensions);
    if (status == NULL && symbols != NULL) status = ORT(api, get_symbolic_dimensions)(info, symbols, dimensions);
    *element_type = type;
    *rank = dimensions;
    return failure(api, status);
}

static char *describe_tensor(OrtApi *api, const OrtTypeInfo *type, onnx_description *out) {
    const OrtTensorTypeAndShapeInfo *info = NULL;
    OrtStatus *status = ORT(api, cast_type_info_to_tensor_info)(type, &info);
    if (status != NULL) return failure(api, status);
    if (info == NULL) return message("it has no tensor type");
    const char *symbols[ONNX_MAX_RANK] = {NULL};
    char *why = read_shape(api, info, &out->element_type, &out->rank, out->shape, symbols);
    if (why != NULL) return why;
    for (size_t i = 0; i < out->rank; i++) {
        if (symbols[i] != NULL && symbols[i][0] != '\0') out->symbols[i] = message(symbols[i]);
    }
    return NULL;
}

static char *describe_map(OrtApi *api, const OrtTypeInfo *type, onnx_description *out) {
    const OrtMapTypeInfo *map = NULL;
    OrtTypeInfo *value = NULL;
    int key_type = 0;
    OrtStatus *status = ORT(api, cast_type_info_to_map_type_info)(type, &map);
    if (status != NULL) return failure(api, status);
    if (map == NULL) return message("it has no map type");
    status = ORT(api, get_map_key_type)(map, &key_type);
    if (status == NULL) status = ORT(api, get_map_value_type)(map, &value);
    if (status != NULL) return failure(api, status);

    // Values that aren't tensors leave the type 0: nobody reads such a map.
    const OrtTensorTypeAndShapeInfo *info = NULL;
    int value_type = 0;
    status = ORT(api, cast_type_info_to_tensor_info)(value, &info);
    if (status == NULL && info != NULL) status = ORT(api, get_tensor_element_type)(info, &value_type);
    ORT(api, release_type_info)(value);
    out->key_type = key_type;
    out->element_type = value_type;
    return failure(api, status);
}

static char *describe_sequence(OrtApi *api, const OrtTypeInfo *type, onnx_description *out) {
    const OrtSequenceTypeInfo *sequence = NULL;
    OrtTypeInfo *element = NULL;
    int kind = ONNX_KIND_UNKNOWN;
    OrtStatus *status = ORT(api, cast_type_info_to_sequence_type_info)(type, &sequence);
    if (status != NULL) return failure(api, status);
    if (sequence == NULL) return message("it has no sequence type");
    status = ORT(api, get_sequence_element_type)(sequence, &element);
    if (status != NULL) return failure(api, status);
    status = ORT(api, get_onnx_type_from_type_info)(element, &kind);
    char *why = failure(api, status);
    out->element_kind = kind;
    if (why == NULL && kind == ONNX_KIND_MAP) why = describe_map(api, element, out);
    ORT(api, release_type_info)(element);
    return why;
}

static char *describe_type(OrtApi *api, const OrtTypeInfo *type, onnx_description *out) {
    int kind = ONNX_KIND_UNKNOWN;
    char *why = failure(api, ORT(api, get_onnx_type_from_type_info)(type, &kind));
    if (why != NULL) return why;
    out->kind = kind;
    switch (kind) {
    case ONNX_KIND_TENSOR: return describe_tensor(api, type, out);
    case ONNX_KIND_SEQUENCE: return describe_sequence(api, type, out);
    case ONNX_KIND_MAP: return describe_map(api, type, out);
    default: return NULL;
    }
}

char *onnx_session_describe(
    const onnx_library *library, const onnx_session *session, bool output, size_t index, onnx_description *out) {
    OrtApi *api = library->api;
    onnx_description description = {0};
    char *name = NULL;
    OrtTypeInfo *type = NULL;
    OrtStatus *status = output ? ORT(api, session_get_output_name)(session, index, library->allocator, &name)
                               : ORT(api, session_get_input_name)(session, index, library->allocator, &name);
    if (status != NULL) return failure(api, status);
    description.name = message(name);
    char *why = failure(api, ORT(api, allocator_free)(library->allocator, name));
    if (why == NULL) {
        status = output ? ORT(api, session_get_output_type_info)(session, index, &type)
                        : ORT(api, session_get_input_type_info)(session, index, &type);
        why = failure(api, status);
    }
    if (why == NULL) why = describe_type(api, type, &description);
    if (type != NULL) ORT(api, release_type_info)(type);
    if (why != NULL) {
        onnx_description_clear(&description);
        return why;
    }
    *out = description;
    return NULL;
}

void onnx_description_clear(onnx_description *description) {
    free(description->name);
    description->name = NULL;
    for (size_t i = 0; i < ONNX_MAX_RANK; i++) {
        free(description->symbols[i]);
        description->symbols[i] = NULL;
    }
}

// MARK: Values

char *onnx_tensor_wrap(
    const onnx_library *library, int32_t element_type, const int64_t *shape, size_t rank, void *data, size_t bytes,
    onnx_value **out) {
    // A tensor without elements still needs an address.
    static char nothing[64];
    if (data == NULL) data = nothing;
    OrtStatus *status = ORT(library->api, create_tensor_with_data_as_ort_value)(
        library->cpu, data, bytes, shape, rank, element_type, out);
    return failure(library->api, status);
}

char *onnx_string_tensor_create(
    const onnx_library *library, const int64_t *shape, size_t rank, const char *bytes, const int64_t *offsets,
    size_t count, onnx_value **out) {
    OrtApi *api = library->api;
    OrtValue *value = NULL;
    OrtStatus *status =
        ORT(api, create_tensor_as_ort_value)(library->allocator, shape, rank, ORT_ELEMENT_STRING, &value);
    if (status != NULL) return failure(api, status);
    for (size_t i = 0; i < count; i++) {
        // FillStringTensor takes C strings and would cut at a NUL byte, so the bytes are copied in place.
        size_t length = (size_t)(offsets[i + 1] - offsets[i]);
        char *element = NULL;
        status = ORT(api, get_resized_string_tensor_element_buffer)(value, i, length, &element);
        if (status != NULL) {
            ORT(api, release_value)(value);
            return failure(api, status);
        }
        if (length > 0) memcpy(element, bytes + offsets[i], length);
    }
    *out = value;
    return NULL;
}

char *onnx_session_run(
    const onnx_library *library, onnx_session *session, const onnx_run_options *options,
    const char *const *input_names, const onnx_value *const *inputs, size_t input_count,
    const char *const *output_names, size_t output_count, onnx_value **outputs) {
    // A null output asks the library to allocate; what it leaves in them after a failure is released here.
    for (size_t i = 0; i < output_count; i++) outputs[i] = NULL;
    OrtStatus *status = ORT(library->api, run)(
        session, options, input_names, inputs, input_count, output_names, output_count, outputs);
    if (status == NULL) return NULL;
    for (size_t i = 0; i < output_count; i++) {
        onnx_value_release(library, outputs[i]);
        outputs[i] = NULL;
    }
    return failure(library->api, status);
}

char *onnx_value_kind(const onnx_library *library, const onnx_value *value, int32_t *out) {
    int kind = ONNX_KIND_UNKNOWN;
    char *why = failure(library->api, ORT(library->api, get_value_type)(value, &kind));
    *out = kind;
    return why;
}

char *onnx_value_view(const onnx_library *library, onnx_value *value, onnx_tensor_view *out) {
    OrtApi *api = library->api;
    OrtTensorTypeAndShapeInfo *info = NULL;
    OrtStatus *status = ORT(api, get_tensor_type_and_shape)(value, &info);
    if (status != NULL) return failure(api, status);
    out->data = NULL;
    out->count = 0;
    char *why = read_shape(api, info, &out->element_type, &out->rank, out->shape, NULL);
    if (why == NULL) why = failure(api, ORT(api, get_tensor_shape_element_count)(info, &out->count));
    ORT(api, release_tensor_type_and_shape_info)(info);
    if (why != NULL || out->element_type == ORT_ELEMENT_STRING || out->count == 0) return why;
    return failure(api, ORT(api, get_tensor_mutable_data)(value, &out->data));
}

char *onnx_string_tensor_bytes(const onnx_library *library, const onnx_value *value, size_t *out) {
    return failure(library->api, ORT(library->api, get_string_tensor_data_length)(value, out));
}

char *onnx_string_tensor_read(
    const onnx_library *library, const onnx_value *value, void *bytes, size_t byte_count, size_t *offsets,
    size_t count) {
    OrtStatus *status = ORT(library->api, get_string_tensor_content)(value, bytes, byte_count, offsets, count);
    return failure(library->api, status);
}

char *onnx_value_count(const onnx_library *library, const onnx_value *value, size_t *out) {
    return failure(library->api, ORT(library->api, get_value_count)(value, out));
}

char *onnx_value_element(const onnx_library *library, const onnx_value *value, size_t index, onnx_value **out) {
    if (index > INT32_MAX) return message("the sequence is too long");
    OrtStatus *status = ORT(library->api, get_value)(value, (int)index, library->allocator, out);
    return failure(library->api, status);
}

void onnx_value_release(const onnx_library *library, onnx_value *value) {
    if (value != NULL) ORT(library->api, release_value)(value);
}

// MARK: Run options

char *onnx_run_options_create(const onnx_library *library, onnx_run_options **out) {
    return failure(library->api, ORT(library->api, create_run_options)(out));
}

char *onnx_run_options_terminate(const onnx_library *library, onnx_run_options *options) {
    return failure(library->api, ORT(library->api, run_options_set_terminate)(options));
}

void onnx_run_options_release(const onnx_library *library, onnx_run_options *options) {
    ORT(library->api, release_run_options)(options);
}

void onnx_trim_heap(void) { malloc_trim(0); }
