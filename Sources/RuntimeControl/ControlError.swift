package import Diagnostics
package import UnixSockets

/// Why a runtime could not be asked, or did not do as asked.
package enum ControlError: ExplainedError, Equatable {
    case socket(SocketError)
    /// What came is no reply; `problem` says what is wrong with it.
    case malformed(String)
    /// The runtime speaks another version of the protocol.
    case otherVersion(Int)
    /// The reply is one to another request, or without the descriptor that belongs to it.
    case unexpected(ControlRequest)
    /// The runtime has said why it does not do it.
    case refused(ControlRequest, String)

    package var message: String {
        switch self {
        case .socket(let error): "can't talk to the runtime: \(error.message)"
        case .malformed(let problem): "the runtime's reply can't be read: \(problem)"
        case .otherVersion(let version):
            "the runtime speaks version \(version) of the control protocol, not \(ControlProtocol.version)"
        case .unexpected(let request): "the runtime's reply does not belong to '\(request.rawValue)'"
        case .refused(let request, let text): "the runtime refuses '\(request.rawValue)': \(text)"
        }
    }

    package var hint: String? {
        switch self {
        case .socket(let error): error.hint
        case .otherVersion: "use an agent and a runtime of one release"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .socket(let error): error.exitCode
        case .malformed, .unexpected: .dataError
        case .otherVersion: .incompatible
        case .refused: .failed
        }
    }
}
