package import Diagnostics
internal import Glibc

/// Why a program could not be started, or did not run to its end.
package enum ProcessError: ExplainedError, Equatable {
    /// What was being done when starting failed.
    package enum Step: String, Sendable {
        case prepare = "preparing the start"
        case fork = "creating the process"
        case group = "joining its process group"
        case parent = "watching its parent"
        case descriptors = "passing its descriptors"
        case limits = "setting its limits"
        case privileges = "dropping the right to new privileges"
        case directory = "entering its working directory"
        case execute = "executing it"
    }

    /// The program, or the interpreter that its first line names, does not exist.
    case notFound(program: String)
    /// An argument or environment variable can't be handed to a program: it holds a zero byte, or a name holds `=`.
    case invalidArgument(program: String, argument: String)
    /// Another failure to start; `detail` names what it was about where that is known, for instance the folder.
    case notStarted(program: String, step: Step, detail: String?, errno: Int32)
    /// The program ran longer than it was given, and was killed with its process group.
    case deadlineExceeded(program: String, deadline: Duration, lastWords: String)
    /// The program wrote more than allowed to one of its streams, and was killed with its process group.
    case outputOverLimit(program: String, stream: String, limitBytes: Int)
    /// Reading the program's output or waiting for it failed.
    case notObserved(program: String, errno: Int32)

    package var message: String {
        switch self {
        case .notFound(let program):
            "program not found: \(program)"
        case .invalidArgument(let program, let argument):
            "can't start \(program): not a valid argument or variable: \(argument.debugDescription)"
        case .notStarted(let program, let step, let detail, let errno):
            "can't start \(program): \(step.rawValue)\(detail.map { " (\($0))" } ?? "") failed: \(describe(errno))"
        case .deadlineExceeded(let program, let deadline, let lastWords):
            "\(program) was stopped after \(seconds(deadline))\(lastWords.isEmpty ? "" : "; it last said: \(lastWords)")"
        case .outputOverLimit(let program, let stream, let limitBytes):
            "\(program) was stopped: it wrote more than \(limitBytes) bytes to \(stream)"
        case .notObserved(let program, let errno):
            "lost sight of \(program): \(describe(errno))"
        }
    }

    package var hint: String? {
        switch self {
        case .notFound: "install it, or give its path"
        case .notStarted(_, .execute, _, ENOEXEC): "the file is no program for this machine"
        case .notStarted(_, .execute, _, EACCES): "make the file executable, or look for a mount with noexec"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notFound: .unavailable
        case .invalidArgument: .dataError
        case .notStarted(_, _, _, EACCES), .notStarted(_, _, _, EPERM): .noPermission
        case .notStarted(_, _, _, EAGAIN), .notStarted(_, _, _, ENOMEM), .notStarted(_, _, _, EMFILE): .tryAgain
        case .notStarted, .notObserved: .unavailable
        case .deadlineExceeded, .outputOverLimit: .failed
        }
    }
}

/// The C library's words for an errno.
func describe(_ errno: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let text = buffer.baseAddress, strerror_r(errno, text, buffer.count) == 0 else {
            return "error \(errno)"
        }
        return String(cString: text)
    }
}

private func seconds(_ duration: Duration) -> String {
    let (whole, attoseconds) = duration.components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    guard milliseconds != 0 else { return "\(whole) s" }
    return whole == 0 ? "\(milliseconds) ms" : "\(whole * 1000 + milliseconds) ms"
}
