package import Diagnostics
internal import Glibc
package import Processes

/// Why a scoring script can't be served.
package enum ScriptError: ExplainedError {
    /// Where the start of the script failed.
    package enum Step: String, Sendable {
        case load
        case initialize = "init"
    }

    /// Loading the script or its `init()` raised. `kind` is the exception's class; `traceback` is empty where the script
    /// has not run at all.
    case notLoaded(script: String, step: Step, kind: String, problem: String, line: Int?, traceback: String)
    /// The worker ended before `init()` returned. `lastOutput` is what it wrote last.
    case diedWhileStarting(script: String, reason: String, lastOutput: [String])
    /// Loading and `init()` took longer than allowed.
    case startTimedOut(script: String, limit: Duration, lastOutput: [String])
    /// The worker's process could not be started.
    case notStarted(script: String, cause: ProcessError)
    /// A folder or link of the worker's scratch folder could not be made.
    case scratch(path: String, errno: Int32)
    /// A descriptor or thread for the worker could not be had.
    case resources(errno: Int32)
    /// `start()` on a worker that was started or stopped before.
    case notIdle

    package var message: String {
        switch self {
        case .notLoaded(let script, .load, _, let problem, let line, _):
            "can't load the scoring script \(script)\(place(line)): \(problem)"
        case .notLoaded(let script, .initialize, _, let problem, let line, _):
            "init() of the scoring script \(script) failed\(place(line)): \(problem)"
        case .diedWhileStarting(let script, let reason, _):
            "the worker for the scoring script \(script) ended before init() was done: \(reason)"
        case .startTimedOut(let script, let limit, _):
            "loading the scoring script \(script) and its init() took longer than \(limit.components.seconds) s"
        case .notStarted(let script, let cause):
            "can't start a worker for the scoring script \(script): \(cause.message)"
        case .scratch(let path, let errno):
            "can't prepare the worker's scratch folder at \(path): \(String(cString: strerror(errno)))"
        case .resources(let errno):
            "can't start a script worker: \(String(cString: strerror(errno)))"
        case .notIdle:
            "a script worker can be started only once"
        }
    }

    package var hint: String? {
        switch self {
        case .notLoaded(_, _, "ModuleNotFoundError", _, _, _):
            "add the package to the environment of bundle.yaml and lock it again"
        case .notLoaded(_, .load, _, _, _, ""): "see code_configuration in bundle.yaml"
        case .notLoaded: "the traceback in the log shows where; the script runs with AZUREML_MODEL_DIR set to the model"
        case .diedWhileStarting: "its last output is in the log; a killed process often lacked memory"
        case .startTimedOut: "its last output is in the log; a download in init() needs a network and takes its time"
        case .notStarted(_, let cause): cause.hint
        case .scratch, .resources, .notIdle: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notLoaded, .diedWhileStarting, .startTimedOut: .modelNotLoaded
        case .notStarted(_, let cause): cause.exitCode
        case .scratch: .ioError
        case .resources: .tryAgain
        case .notIdle: .software
        }
    }

    /// For the log: the traceback, or what the worker wrote last. Empty where there is nothing.
    package var details: String {
        switch self {
        case .notLoaded(_, _, _, _, _, let traceback): traceback
        case .diedWhileStarting(_, _, let lines), .startTimedOut(_, _, let lines): lines.joined(separator: "\n")
        case .notStarted, .scratch, .resources, .notIdle: ""
        }
    }
}

private func place(_ line: Int?) -> String {
    line.map { " (line \($0))" } ?? ""
}
