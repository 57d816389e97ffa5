package import Digest

/// What a box knows of the revocations.
package enum RevocationReading: Equatable, Sendable {
    case read(Revocations)
    /// There is something new that can't be read; `lastRead` is what was read before.
    case unreadable(DocumentError, lastRead: Revocations)

    /// What is known to be revoked. It holds on while the newest can't be read.
    package var known: Revocations {
        switch self {
        case .read(let revocations), .unreadable(_, let revocations): revocations
        }
    }

    /// Design section 5: "with revocations it can't read nothing new activates". Nil where they can be read.
    package var problem: DocumentError? {
        switch self {
        case .read: nil
        case .unreadable(let error, _): error
        }
    }
}

/// What the revocations mean for the bundle that runs.
package enum RevocationEffect: Hashable, Sendable {
    /// It is not revoked.
    case none
    /// It serves on, but never comes back once replaced.
    case serveOn(reason: String)
    /// It stops at once.
    case stop(reason: String)
    /// It serves on until this one is ready.
    case replace(by: SHA256Digest, reason: String)
}

extension Revocations {
    /// Whether a bundle may never be activated anew, by update, rollback or fallback.
    package func forbids(_ digest: SHA256Digest) -> Bool { entries[digest] != nil }

    package func effect(onRunning digest: SHA256Digest) -> RevocationEffect {
        guard let entry = entries[digest] else { return .none }
        switch entry.action {
        case .refuse: return .serveOn(reason: entry.reason)
        case .stop: return .stop(reason: entry.reason)
        case .replace:
            return replacement(for: digest).map { .replace(by: $0, reason: entry.reason) }
                ?? .serveOn(reason: entry.reason)
        }
    }

    /// Where a chain of replacements ends: at a bundle that is not revoked. Nil where it ends in a refusal or a ring.
    package func replacement(for digest: SHA256Digest) -> SHA256Digest? {
        var current = digest
        // No chain without a ring is longer than there are entries.
        for _ in 0..<entries.count {
            guard case .replace(let next)? = entries[current]?.action else { return nil }
            if entries[next] == nil { return next }
            current = next
        }
        return nil
    }
}
