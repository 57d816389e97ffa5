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
    /// The server does not take the certificate that was shown, or wants one.
    case certificateRefused(url: String, problem: ClientCertificateProblem)
    /// The certificate or key to be shown can't be used, or they don't belong together.
    case unusableCertificate(url: String, reason: String)
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
        case .certificateRefused(let url, let problem): "\(url) refuses this client: \(problem)"
        case .unusableCertificate(let url, let reason):
            "the certificate to be shown to \(url) can't be used: \(reason)"
        case .broken(let url, let reason): "the transfer of \(url) broke off: \(reason)"
        case .tooLarge(let url, let limitBytes): "\(url) is larger than the \(limitBytes) bytes that are read of it"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .cannotStart: .software
        case .badURL: .usage
        case .unreachable, .timedOut, .broken: .tryAgain
        case .untrusted, .certificateRefused, .unusableCertificate: .unavailable
        case .tooLarge: .dataError
        }
    }
}

/// Why a server refuses a client by its certificate, as its alert says (RFC 8446 section 6.2).
package enum ClientCertificateProblem: Sendable, Equatable, CustomStringConvertible {
    /// It wants one, and none was shown.
    case missing
    /// It is not valid now.
    case expired
    /// No authority that the server trusts has issued it.
    case unknownAuthority
    case revoked
    /// Anything else: the number of the alert, 0 for none.
    case other(alert: Int)

    init(alert: Int) {
        switch alert {
        case 116, 41: self = .missing
        case 45: self = .expired
        case 48: self = .unknownAuthority
        case 44: self = .revoked
        default: self = .other(alert: alert)
        }
    }

    package var description: String {
        switch self {
        case .missing: "it wants a certificate, and none was shown"
        case .expired: "the certificate has expired, or is not valid yet"
        case .unknownAuthority: "the certificate is of an authority that it does not trust"
        case .revoked: "the certificate was revoked"
        case .other(let alert): "the certificate is not good enough (TLS alert \(alert))"
        }
    }
}
