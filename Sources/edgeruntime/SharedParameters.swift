import CommandLine
import EdgeRuntime
import Glibc

/// What every command of edgeruntime takes.
enum SharedParameters {
    static let bundle = Argument(
        "BUNDLE",
        .path,
        summary: "folder of an extracted bundle; for development an .onnx file, or a folder with score.py"
    )
    static let python = Option.optional(
        "python",
        .path,
        environment: "EDGE_PYTHON",
        summary: "interpreter for scoring scripts; without it PATH is searched for the one the bundle needs"
    )
    static let onnxRuntime = Option.optional(
        "onnxruntime",
        .path,
        summary: "libonnxruntime.so to use in place of the bundle's own; for what has none, such as a bare .onnx file, "
            + "EDGE_ONNXRUNTIME names one too"
    )
    static let inferenceThreads = Option(
        "inference-threads",
        .integer(in: 1...256),
        default: 1,
        summary: "threads that one inference may use"
    )

    static var all: [any Parameter] { [python, onnxRuntime, inferenceThreads] }

    static func options(_ arguments: ParsedArguments) -> RuntimeOptions {
        var options = RuntimeOptions()
        options.python = arguments[python]
        options.onnxRuntime = arguments[onnxRuntime]
        // The bundle's own library was tested with the bundle: no variable left in an environment replaces it.
        options.developmentLibrary = getenv("EDGE_ONNXRUNTIME").map { String(cString: $0) }
        options.threads = arguments[inferenceThreads]
        return options
    }

    /// Lines for people, one write each, so that lines of several threads don't mix.
    static func log(_ terminal: Terminal) -> @Sendable (String) -> Void {
        { terminal.notice($0) }
    }
}
