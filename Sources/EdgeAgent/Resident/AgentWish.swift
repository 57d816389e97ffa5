package import Deployment
package import Diagnostics

/// What somebody on the box asks the resident agent for, over its socket: one message, one answer.
package enum AgentWish: Equatable, Sendable {
    /// Look at the repository now; answered when that is done.
    case sync
    /// Forget verdicts and waits of an endpoint, or of all.
    case retry(EndpointName?)
    /// Leave a committed generation for the one before it.
    case rollback(EndpointName, by: String)
    /// Take a repository folder or a portable file; answered when it was admitted or refused.
    case install(path: String)
    /// Tell the fleet how the box is; answered at once. Also how an agent learns that its box was just enrolled.
    case report
    /// Answered at once: `ok`, and whether anything is under way.
    case ping

    /// Paths may be long.
    package static let limitBytes = 8 << 10

    /// Nil for what is no wish.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.limitBytes, let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        switch (words.first, words.count) {
        case ("sync", 1): self = .sync
        case ("ping", 1): self = .ping
        case ("report", 1): self = .report
        case ("retry", 1): self = .retry(nil)
        case ("retry", 2):
            guard let name = EndpointName(words[1]) else { return nil }
            self = .retry(name)
        case ("rollback", 3):
            guard let name = EndpointName(words[1]), !words[2].isEmpty else { return nil }
            self = .rollback(name, by: words[2])
        case ("install", 2...):
            let path = text.dropFirst("install ".utf8.count)
            guard path.hasPrefix("/") else { return nil }
            self = .install(path: String(path))
        default: return nil
        }
    }

    package var bytes: [UInt8] {
        switch self {
        case .sync: Array("sync".utf8)
        case .ping: Array("ping".utf8)
        case .report: Array("report".utf8)
        case .retry(nil): Array("retry".utf8)
        case .retry(let name?): Array("retry \(name)".utf8)
        case .rollback(let name, let who): Array("rollback \(name) \(who)".utf8)
        case .install(let path): Array("install \(path)".utf8)
        }
    }
}

/// What the resident answers.
package enum AgentAnswer: Equatable, Sendable {
    case ok(String)
    /// Why not, and what the command ends with that asked.
    case refused(String, ExitCode)

    package static let limitBytes = 8 << 10

    package init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        if text == "ok" || text.hasPrefix("ok ") {
            self = .ok(String(text.dropFirst(3)))
        } else if text.hasPrefix("error ") {
            let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard words.count == 3, let code = Int32(words[1]) else { return nil }
            // A newer agent may have more codes.
            self = .refused(String(words[2]), ExitCode(rawValue: code) ?? .failed)
        } else {
            return nil
        }
    }

    package var bytes: [UInt8] {
        switch self {
        case .ok(let words): Array("ok \(words)".utf8.prefix(Self.limitBytes))
        case .refused(let words, let code): Array("error \(code.rawValue) \(words)".utf8.prefix(Self.limitBytes))
        }
    }
}
