package import Diagnostics

/// Why ONNX Runtime could not be loaded, a model could not be loaded, or a run gave no answer.
package enum ONNXRuntimeError: ExplainedError, Equatable {
    /// No file at the path of the library.
    case libraryNotFound(path: String)
    /// The dynamic linker refused the library.
    case libraryNotLoadable(path: String, reason: String)
    /// A shared library that isn't ONNX Runtime.
    case notONNXRuntime(path: String)
    /// An ONNX Runtime that lacks entries that are called.
    case libraryTooOld(path: String, version: String)
    /// The library is there but didn't start.
    case environmentNotCreated(path: String, reason: String)
    /// The model's file can't be read.
    case modelUnreadable(path: String, reason: String)
    /// ONNX Runtime refused the model.
    case modelNotLoadable(path: String, version: String, reason: String)
    /// An input that isn't what the model takes.
    case inputMismatch(name: String, expected: String, given: String)
    /// An input is missing, given twice, or not the model's.
    case inputsIncomplete(model: String, reason: String)
    /// An output of a kind that can't be read.
    case outputUnsupported(name: String, kind: String)
    /// The run failed inside ONNX Runtime.
    case runFailed(model: String, reason: String)
    /// The run was ended by `RunCancellation.cancel`.
    case cancelled(model: String)

    package var message: String {
        switch self {
        case .libraryNotFound(let path):
            "ONNX Runtime is not at \(path)"
        case .libraryNotLoadable(let path, let reason):
            "ONNX Runtime at \(path) can't be loaded: \(reason)"
        case .notONNXRuntime(let path):
            "\(path) is a shared library, but not ONNX Runtime: it does not export OrtGetApiBase"
        case .libraryTooOld(let path, let version):
            "ONNX Runtime at \(path) is version \(version), older than 1.17"
        case .environmentNotCreated(let path, let reason):
            "ONNX Runtime at \(path) did not start: \(reason)"
        case .modelUnreadable(let path, let reason):
            "model \(path) can't be read: \(reason)"
        case .modelNotLoadable(let path, let version, let reason):
            "model \(path) can't be loaded by ONNX Runtime \(version): \(reason)"
        case .inputMismatch(let name, let expected, let given):
            "input \"\(name)\" must be \(expected), but \(given) was given"
        case .inputsIncomplete(let model, let reason):
            "model \(model): \(reason)"
        case .outputUnsupported(let name, let kind):
            "output \"\(name)\" is \(kind), which can't be read"
        case .runFailed(let model, let reason):
            "model \(model) failed on this input: \(reason)"
        case .cancelled(let model):
            "run of model \(model) was cancelled"
        }
    }

    package var hint: String? {
        switch self {
        case .libraryNotFound:
            "name the library with --onnxruntime, or build the bundle with onnxruntime in its environment"
        case .libraryNotLoadable:
            "it must be for this processor and C library, and needs libstdc++6"
        case .notONNXRuntime:
            "in the wheel of onnxruntime it is onnxruntime/capi/libonnxruntime.so.VERSION"
        case .libraryTooOld:
            "lock onnxruntime 1.17 or newer"
        case .modelNotLoadable:
            "check that the file is a complete ONNX or ORT model, and that its opset is not newer than the library"
        case .outputUnsupported:
            "ask for other outputs by name, or export the model with tensors as outputs (for scikit-learn: zipmap=False)"
        case .environmentNotCreated, .modelUnreadable, .inputMismatch, .inputsIncomplete, .runFailed, .cancelled:
            nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .libraryNotFound, .libraryNotLoadable, .notONNXRuntime, .libraryTooOld: .incompatible
        case .environmentNotCreated, .modelUnreadable, .modelNotLoadable: .modelNotLoaded
        case .inputMismatch, .inputsIncomplete, .outputUnsupported, .runFailed: .dataError
        case .cancelled: .failed
        }
    }
}
