internal import UpdateFramework
internal import WallClock

/// What the keeper does.
extension Registry {
    private static let keeperRoles: [RegistryRole] = [.snapshot, .timestamp]

    /// What became of what was published.
    package enum Outcome: Equatable, Sendable {
        /// It is in effect, with this version of the timestamp.
        case committed(timestamp: Int)
        /// Nothing new is in effect: these roles have to be signed anew by the keys that they have now, with the reason.
        /// What was in effect is renewed.
        case renewed(timestamp: Int, unsigned: [String: String])
        /// The keeper has yet to commit it: the keys of these roles are not here.
        case published(lacking: [String])

        package var isCommitted: Bool { if case .committed = self { true } else { false } }
    }

    /// Puts into effect what was published, where the keeper's keys are at hand.
    package mutating func commit(keys: KeyFolder, renewSnapshot: Bool = false) throws -> Outcome {
        let lacking = try lackingKeeperRoles(keys)
        guard lacking.isEmpty else { return .published(lacking: lacking.map(\.text)) }
        return try onTopOfOthers { registry in
            try registry.editor.commit(
                now: registry.now,
                lifetimes: registry.policy.online,
                signers: try registry.keeperSigners(keys),
                pollInterval: registry.policy.poll,
                renewSnapshot: renewSnapshot || registry.isSnapshotAging
            )
            let timestamp = registry.editor.timestamp?.body.version ?? 0
            let unsigned = registry.editor.needSignature
            guard unsigned.isEmpty else {
                let reasons = Dictionary(unsigned.map { ($0.key.text, $0.value) }) { first, _ in first }
                return .renewed(timestamp: timestamp, unsigned: reasons)
            }
            return .committed(timestamp: timestamp)
        }
    }

    private func keeperKeys(of role: RegistryRole) -> [MetadataKey] {
        let root = editor.root.body
        return root.keys(of: role.name).keyIDs.compactMap { root.keys[$0] }
    }

    private func keeperSigners(_ keys: KeyFolder) throws -> [any MetadataSigner] {
        try keys.signers(among: Self.keeperRoles.flatMap(keeperKeys))
    }

    /// The keeper's roles for which too few keys are here.
    private func lackingKeeperRoles(_ keys: KeyFolder) throws -> [RegistryRole] {
        try Self.keeperRoles.filter { role in
            let here = Set(try keys.signers(among: keeperKeys(of: role)).map(\.key.material))
            return here.count < editor.root.body.keys(of: role.name).threshold
        }
    }

    /// Throws `keyMissing` or `wrongKey` where too few of a keeper's keys are at hand.
    package func requireKeeper(_ keys: KeyFolder) throws {
        for role in try lackingKeeperRoles(keys) {
            throw try missingKey(of: role, keys)
        }
    }

    /// Past half of its life, or not good for two more timestamps: boxes must never meet an expired one.
    private var isSnapshotAging: Bool {
        guard let snapshot = editor.snapshot?.body else { return true }
        return snapshot.expires < now.advanced(by: max(policy.snapshot / 2, policy.timestamp * 2))
    }
}
