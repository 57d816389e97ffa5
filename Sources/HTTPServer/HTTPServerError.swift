package import Diagnostics
internal import Glibc
package import UnixSockets

/// Why a server could not start or hand its socket over.
package enum HTTPServerError: ExplainedError, Equatable {
    /// Its address can't be listened on.
    case listening(ListenError)
    /// The server's threads could not be started, with the `errno`.
    case cannotStart(address: ListenAddress, code: Int32)
    /// A certificate, key or authority is none, or they don't belong together.
    case unusableTLS(reason: String)
    /// The socket was handed over before, or the server has stopped.
    case notListening(address: ListenAddress)

    package var message: String {
        switch self {
        case .listening(let error): error.message
        case .cannotStart(let address, let code): "can't start the server on \(address): \(systemMessage(code))"
        case .unusableTLS(let reason): "the server can't speak TLS: \(reason)"
        case .notListening(let address): "the server on \(address) no longer holds its listening socket"
        }
    }

    package var hint: String? {
        if case .listening(let error) = self { error.hint } else { nil }
    }

    package var exitCode: ExitCode {
        switch self {
        case .listening(let error): error.exitCode
        case .cannotStart: .unavailable
        case .unusableTLS: .configuration
        case .notListening: .software
        }
    }
}

private func systemMessage(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let base = buffer.baseAddress, strerror_r(code, base, buffer.count) == 0 else { return "error \(code)" }
        return String(cString: base)
    }
}
