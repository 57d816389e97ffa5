internal import UpdateFramework
package import WallClock

extension Registry {
    /// When a role's newest version expires; nil where it has none.
    package func expiry(of role: RegistryRole) -> UTCTime? {
        switch role {
        case .root: editor.root.body.expires
        case .timestamp: editor.timestamp?.body.expires
        case .snapshot: editor.snapshot?.body.expires
        default: editor.roles[role.name]?.expires
        }
    }

    /// Whether a role has expired or does within a time; one that has no version yet is due.
    package func isDue(_ role: RegistryRole, within period: Duration) -> Bool {
        expiry(of: role).map { $0 <= now.advanced(by: period) } ?? true
    }

    /// The keeper's renewal: a new timestamp, and a new snapshot where that is due.
    ///
    /// Throws `keyMissing` where a keeper's key is not here; nobody else's is needed.
    ///
    /// - Parameter period: renew only what expires within; nil for both in any case.
    /// - Returns: nil where nothing was due.
    package mutating func renew(keys: KeyFolder, ifExpiringWithin period: Duration?) throws -> Outcome? {
        try requireKeeper(keys)
        let isSnapshotDue = period.map { isDue(.snapshot, within: $0) } ?? true
        guard isSnapshotDue || period.map({ isDue(.timestamp, within: $0) }) ?? true else { return nil }
        return try commit(keys: keys, renewSnapshot: isSnapshotDue)
    }
}
