/// How much is read of anything. The defaults are python-tuf's, which public repositories are made for.
package struct UpdateLimits: Sendable {
    package var rootBytes = 512_000
    package var timestampBytes = 16_384
    package var snapshotBytes = 2_000_000
    package var targetsBytes = 5_000_000
    /// Of targets roles kept in memory, by the sizes of their files; the newest is kept whatever its size.
    package var keptTargetsBytes = 5_000_000
    /// New roots in one update; a box that was away for longer goes on at its next one.
    package var rootVersions = 256
    /// Roles in one search for a target.
    package var visitedRoles = 32
    /// Targets in one listing.
    package var listedTargets = 100_000

    package init() {}

    /// For who reads all of a repository on a machine that has the memory for it.
    package static var wholeRepository: UpdateLimits {
        var limits = UpdateLimits()
        limits.keptTargetsBytes = 1 << 30
        limits.listedTargets = 10_000_000
        return limits
    }

    /// Of one role's file, whatever else is stated.
    package func bytes(of role: RoleName) -> Int {
        switch role {
        case .root: rootBytes
        case .timestamp: timestampBytes
        case .snapshot: snapshotBytes
        default: targetsBytes
        }
    }
}

/// What to do about metadata whose time is over.
package enum ExpiryPolicy: Sendable, Equatable {
    /// Refuse it.
    case refuse
    /// UNSAFE over a network, where it lets whoever is in between hold a box at an old state for as long: accept a
    /// timestamp and a snapshot up to this long past their expiry. For media that somebody carried to the box. Root and
    /// targets metadata are still refused, and versions never go back.
    case acceptExpiredTimestampAndSnapshot(upTo: Duration)
}
