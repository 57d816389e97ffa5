package import Diagnostics

/// Why there is no answer, or none that is taken.
package enum HTTPClientError: ExplainedError, Equatable {
    /// libcurl can't be used: no memory, or a file of certificate authorities that can't be read.
    case cannotStart
    /// No URL of HTTP or HTTPS.
    case badURL(String, reason: String)
    /// There is no such host, or nothing answers there.
    case unreachable(url: String, reason: String)
    /// A deadline passed, or too few bytes came for too long.
    case timedOut(url: String, reason: String)
    /// The server's certificate is not trusted, or TLS failed otherwise.
    case untrusted(url: String, reason: String)
    /// The connection broke, or what came is no HTTP.
    case broken(url: String, reason: String)
    /// The body is, or says it is, longer than the limit.
    case tooLarge(url: String, limitBytes: Int)

    package var message: String {
        switch self {
        case .cannotStart: "can't start the HTTP client"
        case .badURL(let url, let reason): "\(url) is no URL that can be fetched: \(reason)"
        case .unreachable(let url, let reason): "can't reach \(url): \(reason)"
        case .timedOut(let url, let reason): "\(url) took too long: \(reason)"
        case .untrusted(let url, let reason): "\(url) is not trusted: \(reason)"
        case .broken(let url, let reason): "the transfer of \(url) broke off: \(reason)"
        case .tooLarge(let url, let limitBytes): "\(url) is larger than the \(limitBytes) bytes that are read of it"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .cannotStart: .software
        case .badURL: .usage
        case .unreachable, .timedOut, .broken: .tryAgain
        case .untrusted: .unavailable
        case .tooLarge: .dataError
        }
    }
}
