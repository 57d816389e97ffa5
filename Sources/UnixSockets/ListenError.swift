package import Diagnostics
internal import Glibc

/// Why an address could not be listened on.
package enum ListenError: ExplainedError, Equatable {
    /// Someone else listens there.
    case addressInUse(address: ListenAddress)
    /// The system does not let this user listen there.
    case notPermitted(address: ListenAddress)
    /// Not an address that can be listened on; `reason` ends the message.
    case badAddress(address: ListenAddress, reason: String)
    /// Any other failure, with the `errno` of the system call.
    case cannotListen(address: ListenAddress, code: Int32)

    package var message: String {
        switch self {
        case .addressInUse(let address): "address \(address) is already in use"
        case .notPermitted(let address): "listening on \(address) is not permitted"
        case .badAddress(let address, let reason): "can't listen on \(address): \(reason)"
        case .cannotListen(let address, let code): "can't listen on \(address): \(systemMessage(code))"
        }
    }

    package var hint: String? {
        switch self {
        case .addressInUse(.tcp):
            "choose another port, or stop the program that listens there (ss -ltnp shows which)"
        case .addressInUse: "stop the program that listens there"
        case .notPermitted(.tcp(_, let port)) where port < 1024:
            "ports below 1024 are reserved: choose a higher one, or grant CAP_NET_BIND_SERVICE"
        case .notPermitted(.unix): "check that this user may write to the socket's directory"
        case .badAddress(.tcp, _): "give an address in digits, such as 127.0.0.1, 0.0.0.0 or ::1"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .addressInUse: .tryAgain
        case .notPermitted: .noPermission
        case .badAddress: .usage
        case .cannotListen: .ioError
        }
    }

    /// Sorts the `errno` of a call that makes a listening socket.
    init(listeningOn address: ListenAddress, code: Int32) {
        self =
            switch code {
            case EADDRINUSE: .addressInUse(address: address)
            case EACCES, EPERM, EROFS: .notPermitted(address: address)
            case EADDRNOTAVAIL: .badAddress(address: address, reason: "this machine does not have that address")
            case ENOENT, ENOTDIR: .badAddress(address: address, reason: "the directory does not exist")
            default: .cannotListen(address: address, code: code)
            }
    }
}
