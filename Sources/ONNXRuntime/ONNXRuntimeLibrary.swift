import CONNXRuntime
import Glibc

/// ONNX Runtime, loaded from a shared library at run time, with the one environment it has in a process.
///
/// Both stay to the end of the process. The environment has a pool of threads that all sessions share and that doesn't spin while idle. With one thread none
/// is started: a run uses the thread that asks for it. Telemetry, which the library's Linux wheels have from 1.29 on, is
/// turned off before the library is loaded.
package final class ONNXRuntimeLibrary: Sendable {
    /// A line of the library's log, warnings and worse. Called from any thread.
    package typealias Log = @Sendable (_ severity: LogSeverity, _ line: String) -> Void

    package let path: String
    /// The library's version, for instance `1.31.1`.
    package let version: String
    // The C side guards nothing that changes after opening; its functions may be called from any thread.
    nonisolated(unsafe) let handle: OpaquePointer

    /// Loads the library at `path`, for instance `onnxruntime/capi/libonnxruntime.so.1.31.1` of the wheel.
    ///
    /// Sets `ORT_DISABLE_TELEMETRY` in the environment of the process, so call it before threads that read the
    /// environment start. Loading the same library again gives the same environment, with its threads and log.
    ///
    /// - Parameter intraThreads: threads that work on one run, the calling one included.
    package init(
        path: String,
        intraThreads: Int = 1,
        log: @escaping Log = ONNXRuntimeLibrary.logToStandardError
    ) throws(ONNXRuntimeError) {
        // dlopen looks a bare name up in the system's folders; only paths are meant here.
        let absolute = path.contains("/") ? path : "./" + path
        guard !path.isEmpty, access(absolute, F_OK) == 0 else { throw .libraryNotFound(path: path) }

        let context = Unmanaged.passRetained(LogContext(log: log))
        var library: OpaquePointer?
        var isNew = false
        var failure = onnx_open_failure(0)
        let threads = Int32(clamping: max(1, intraThreads))
        let reason = takeMessage(
            onnx_library_open(absolute, threads, receiveLogLine, context.toOpaque(), &library, &isNew, &failure)
        )
        // Where the library was opened just now, it keeps the context for good. After a failed start it may.
        if !isNew, failure != ONNX_OPEN_NO_ENVIRONMENT { context.release() }
        guard reason == nil, let library else {
            throw Self.error(failure, path: path, reason: reason ?? "no reason given")
        }
        self.path = path
        self.handle = library
        self.version = String(cString: onnx_library_version(library))
    }

    /// The log of a program that has no other: standard error, one prefixed line each.
    package static let logToStandardError: Log = { severity, line in
        var text = "onnxruntime \(severity): \(line)\n"
        // One write per line, so that lines of several threads don't mix. Nobody to tell when it fails.
        _ = text.withUTF8 { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func error(_ failure: onnx_open_failure, path: String, reason: String) -> ONNXRuntimeError {
        switch failure {
        case ONNX_OPEN_OTHER_LIBRARY: .notONNXRuntime(path: path)
        case ONNX_OPEN_TOO_OLD: .libraryTooOld(path: path, version: reason)
        case ONNX_OPEN_NO_ENVIRONMENT: .environmentNotCreated(path: path, reason: reason)
        default: .libraryNotLoadable(path: path, reason: reason)
        }
    }
}

/// How serious a line of ONNX Runtime's log is.
package enum LogSeverity: Int32, Sendable {
    case verbose = 0
    case information = 1
    case warning = 2
    case error = 3
    case fatal = 4
}

private final class LogContext: Sendable {
    let log: ONNXRuntimeLibrary.Log

    init(log: @escaping ONNXRuntimeLibrary.Log) { self.log = log }
}

private func receiveLogLine(
    context: UnsafeMutableRawPointer?,
    severity: Int32,
    category: UnsafePointer<CChar>?,
    message: UnsafePointer<CChar>?
) {
    guard let context, let message else { return }
    let receiver = Unmanaged<LogContext>.fromOpaque(context).takeUnretainedValue()
    var line = String(cString: message)
    while line.last?.isNewline == true { line.removeLast() }
    receiver.log(LogSeverity(rawValue: severity) ?? .error, line)
}

/// The message of a failed call, whose memory is released; nil when the call succeeded.
func takeMessage(_ message: UnsafeMutablePointer<CChar>?) -> String? {
    guard let message else { return nil }
    defer { free(message) }
    return String(cString: message)
}
