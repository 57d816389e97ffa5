package import Diagnostics
package import Processes
package import UnixSockets

/// Why a launcher was not asked, or gave no answer. A launcher that answers with a failure is a ``LaunchReply``.
package enum LaunchError: ExplainedError, Equatable {
    /// What was asked is nothing that a launcher may do.
    case badRequest(String)
    /// The launcher's answer is not one of this protocol.
    case badReply(String)
    /// The launcher ended, or closed the connection, before it had answered.
    case notAnswered(String)
    case socket(SocketError)
    case program(ProcessError)

    package var message: String {
        switch self {
        case .badRequest(let reason): "a runtime can't be started as asked: \(reason)"
        case .badReply(let reason): "the launcher's answer is not understood: \(reason)"
        case .notAnswered(let reason): "the launcher did not answer: \(reason)"
        case .socket(let error): "can't talk to the launcher: \(error.message)"
        case .program(let error): error.message
        }
    }

    package var hint: String? {
        switch self {
        case .badRequest: nil
        case .badReply: "agent and launcher must be of the same version"
        case .notAnswered: "see what the launcher wrote, or run edgelaunch by hand"
        case .socket(let error): error.hint
        case .program(let error): error.hint
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .badRequest, .badReply: .dataError
        case .notAnswered: .unavailable
        case .socket(let error): error.exitCode
        case .program(let error): error.exitCode
        }
    }
}
