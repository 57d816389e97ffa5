package import Diagnostics
package import Digest
package import FleetProtocol
package import HTTPClient
package import WallClock

/// Why the fleet did not do what was asked, or could not be asked.
package enum FleetClientError: ExplainedError, Equatable {
    /// The fleet says no; these are its own words.
    case refused(FleetProblem, retryAfter: Duration?)
    /// The server does not take the certificate of this side: an alert in the handshake.
    case unrecognized(server: String, problem: ClientCertificateProblem)
    /// Who answers is not known to be the fleet's server.
    case untrusted(server: String, cause: UntrustedServer)
    /// Who answers is of another authority than the enrolment token names.
    case otherAuthority(server: String, expected: SHA256Digest, found: SHA256Digest)
    /// No answer, or a part of one; it may go better later.
    case network(String)
    /// An answer that is an error and none of the fleet's: a proxy's, or another server's.
    case foreign(url: String, status: Int, retryAfter: Duration?)
    /// An answer that can't be one to what was asked.
    case unreadable(url: String, reason: String)
    /// Something of this side: a key or certificate that can't be made or used.
    case unusable(String)

    package var message: String {
        switch self {
        case .refused(let problem, _):
            problem.message.isEmpty
                ? "the fleet refuses: \(problem.code.rawValue)" : "the fleet refuses: \(problem.message)"
        case .unrecognized(let server, let problem): "\(server) does not know this box: \(problem)"
        case .untrusted(let server, let cause): "\(server) is not believed to be the fleet's: \(cause)"
        case .otherAuthority(let server, let expected, let found):
            "\(server) is not the fleet of this token: its authority is \(found.hex), the token's is \(expected.hex)"
        case .network(let reason): reason
        case .foreign(let url, let status, _): "\(url) answers \(status), and not as a fleet does"
        case .unreadable(let url, let reason): "what \(url) answers can't be understood: \(reason)"
        case .unusable(let reason): reason
        }
    }

    package var hint: String? {
        switch self {
        case .refused(let problem, _): problem.hint
        case .unrecognized(_, .unknownAuthority):
            "the fleet has another authority than when this box was enrolled; enrol it again with a new token"
        case .unrecognized: "enrol the box again with a new token: `edgeagent enroll`"
        case .untrusted(_, let cause): cause.hint
        case .otherAuthority:
            "somebody stands between, or the token is of another fleet; make a new one with `edgefleet token create`"
        case .network: "is the server running, and does the network let the box reach it?"
        case .foreign: "is the address that of the fleet's server, and no proxy between?"
        case .unreadable: "is the address that of the fleet's server, and its version as new as the box's?"
        case .unusable: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .refused(let problem, _): problem.code.exitCode
        case .unrecognized: .noPermission
        case .untrusted, .otherAuthority: .signatureInvalid
        case .network: .tryAgain
        case .foreign, .unreadable: .unavailable
        case .unusable: .software
        }
    }

    /// How long not to ask again, where the server says so.
    package var retryAfter: Duration? {
        switch self {
        case .refused(_, let retryAfter), .foreign(_, _, let retryAfter): retryAfter
        default: nil
        }
    }

    /// A short word for programs: the fleet's own code, or one for what no fleet said.
    package var code: String {
        switch self {
        case .refused(let problem, _): problem.code.rawValue
        case .unrecognized: "certificate_refused"
        case .untrusted: "server_untrusted"
        case .otherAuthority: "authority_other"
        case .network: "network"
        case .foreign: "foreign_answer"
        case .unreadable: "unreadable_answer"
        case .unusable: "unusable"
        }
    }

    /// Whether asking again is of no use until a person has done something.
    package var needsSomebody: Bool {
        switch self {
        case .refused(let problem, _): problem.code.needsSomebody
        case .unrecognized, .otherAuthority, .unusable: true
        case .untrusted, .network, .foreign, .unreadable: false
        }
    }
}

extension FleetProblem.Code {
    /// Whether the same will be said until a person has done something.
    package var needsSomebody: Bool {
        switch self {
        case .certificateMissing, .certificateUnknown, .certificateExpired, .deviceRevoked, .deviceDecommissioned,
            .deviceMismatch, .deviceTaken, .tokenUnknown, .tokenExpired, .tokenUsedUp, .tokenRevoked:
            true
        case .malformed, .unsupportedType, .tooLarge, .tooMany, .notFound, .methodNotAllowed, .unavailable, .broken:
            false
        }
    }

    /// Whether it is what was sent that is wrong, so that it will never be taken.
    package var blamesContent: Bool {
        switch self {
        case .malformed, .unsupportedType, .tooLarge, .deviceMismatch: true
        default: false
        }
    }

    fileprivate var exitCode: ExitCode {
        switch self {
        case .malformed, .unsupportedType, .tooLarge, .deviceMismatch, .deviceTaken: .dataError
        case .notFound, .methodNotAllowed, .broken: .unavailable
        case .tooMany, .unavailable: .tryAgain
        case .certificateMissing, .certificateUnknown, .certificateExpired, .deviceRevoked, .deviceDecommissioned,
            .tokenUnknown, .tokenExpired, .tokenUsedUp, .tokenRevoked:
            .noPermission
        }
    }
}

/// Why a server's certificate is not believed.
package enum UntrustedServer: Hashable, Sendable, CustomStringConvertible {
    /// By this machine's clock, which says `now`.
    case notYetValid(now: UTCTime)
    /// By this machine's clock, which says `now`.
    case expired(now: UTCTime)
    case otherAuthority
    case otherName
    /// In libcurl's words.
    case other(String)

    /// From what libcurl and OpenSSL say; they give no numbers that tell these apart.
    init(_ reason: String, now: UTCTime) {
        let lower = reason.lowercased()
        if lower.contains("not yet valid") {
            self = .notYetValid(now: now)
        } else if lower.contains("certificate has expired") {
            self = .expired(now: now)
        } else if lower.contains("subject name") {
            self = .otherName
        } else if lower.contains("issuer certificate") || lower.contains("self-signed") || lower.contains("self signed")
            || lower.contains("certificate signature failure")
        {
            self = .otherAuthority
        } else {
            self = .other(reason)
        }
    }

    package var description: String {
        switch self {
        case .notYetValid(let now): "its certificate is not valid yet, as this box's clock says \(now)"
        case .expired(let now): "its certificate has expired, as this box's clock says \(now)"
        case .otherAuthority: "its certificate is of another authority than the one that this box was enrolled with"
        case .otherName: "its certificate is made out for another name than the address has"
        case .other(let reason): reason
        }
    }

    var hint: String? {
        switch self {
        case .notYetValid: "set this box's clock: a box without a battery for it wakes up in the past"
        case .expired:
            "check this box's clock; if it is right, start the fleet's server anew, which renews its certificate"
        case .otherAuthority: "somebody stands between, or the fleet was set up anew; then enrol the box again"
        case .otherName: "the server's certificate is made out for the names of `edgefleet serve --url`"
        case .other: nil
        }
    }
}
