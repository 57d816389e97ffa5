package import Diagnostics
internal import Glibc

/// Why talking to another process of this machine failed.
package enum SocketError: ExplainedError, Equatable {
    package enum Operation: String, Sendable {
        case duplicate = "duplicate a descriptor"
        case makeSocket = "make a socket"
        case accept = "accept a connection"
        case send = "send a message"
        case receive = "receive a message"
        case readPeer = "read who is connected"
        case wait = "wait for descriptors"
        case watchProcess = "watch a process"
        case signalProcess = "signal a process"
        case takeSignals = "take signals"
    }

    /// A call of the system failed, with its `errno`.
    case failed(Operation, code: Int32)
    /// A path that no Unix socket can have: empty, longer than 107 bytes, or with a NUL.
    case badPath(String, bytes: Int)
    /// Someone else listens at that path, or a file that is no socket is there.
    case pathInUse(String)
    case cannotListen(path: String, code: Int32)
    case cannotConnect(path: String, code: Int32)
    /// Nothing came, or nothing could be sent, within the time.
    case timedOut(Operation)
    /// The other side has closed the connection.
    case closed
    /// A message has more bytes than its reader accepts.
    case messageTooLong(limit: Int)
    /// A message carries more descriptors than its reader accepts; they were closed.
    case tooManyDescriptors

    init(_ operation: Operation, _ code: Int32) {
        self =
            switch code {
            case EPIPE, ECONNRESET, ENOTCONN: .closed
            case E2BIG: .tooManyDescriptors
            default: .failed(operation, code: code)
            }
    }

    package var message: String {
        switch self {
        case .failed(let operation, let code): "can't \(operation.rawValue): \(systemMessage(code))"
        case .badPath(let path, let bytes):
            "\(path) can't be the path of a Unix socket: it has \(bytes) bytes, allowed are 1 to 107 without NUL"
        case .pathInUse(let path): "\(path) is in use: another process listens there, or it is no socket"
        case .cannotListen(let path, let code): "can't listen on \(path): \(systemMessage(code))"
        case .cannotConnect(let path, let code): "can't connect to \(path): \(systemMessage(code))"
        case .timedOut(let operation): "can't \(operation.rawValue): the other side took too long"
        case .closed: "the other side has closed the connection"
        case .messageTooLong(let limit): "a message has more than \(limit) bytes"
        case .tooManyDescriptors: "a message carries more descriptors than were expected"
        }
    }

    package var hint: String? {
        switch self {
        case .badPath: "choose a folder with a shorter path"
        case .pathInUse(let path): "stop what listens there (ss -xlp shows it), or remove \(path)"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .failed: .ioError
        case .badPath: .configuration
        case .pathInUse: .tryAgain
        case .cannotListen(_, let code), .cannotConnect(_, let code):
            code == EACCES || code == EPERM ? .noPermission : .unavailable
        case .timedOut, .closed: .unavailable
        case .messageTooLong, .tooManyDescriptors: .dataError
        }
    }
}

func systemMessage(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let base = buffer.baseAddress, strerror_r(code, base, buffer.count) == 0 else { return "error \(code)" }
        return String(cString: base)
    }
}
