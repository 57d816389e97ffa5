internal import Digest
package import WallClock

/// The metadata that a client trusts, and the rules by which it comes to trust more: the detailed client workflow of the
/// TUF specification 1.0.34, section 5, whose step numbers stand beside the lines that carry them out.
///
/// A value without I/O. Each step either throws and changes nothing, or takes the document over; the caller (`Updater`)
/// fetches, stores, and keeps the order: roots, `checkRootExpiry`, timestamp, snapshot, targets, delegated roles.
package struct TrustedMetadata: Sendable {
    /// 5.1: all of an update is judged by the time at which it began.
    package let updateStart: UTCTime
    package let limits: UpdateLimits
    package let expiryPolicy: ExpiryPolicy
    package private(set) var root: RootMetadata
    package private(set) var timestamp: TimestampMetadata?
    package private(set) var snapshot: SnapshotMetadata?
    /// Expired documents that the policy let through, as sentences.
    package private(set) var expiredButAccepted: [String] = []
    /// Targets roles by the chain of delegations that leads to them, the newest last. Another delegator may name other keys
    /// for a role, so that what was verified along one chain says nothing along another.
    private var targetsRoles: [(chain: [RoleName], metadata: TargetsMetadata, bytes: Int)] = []
    /// What was verified along a chain, by its digest: it may be let go, and taken again without its delegator.
    private var verifiedTargets: [[RoleName]: SHA256Digest] = [:]

    /// 5.2: begins with a root that is trusted for reasons of its own. Its expiry doesn't matter yet; that it is signed by
    /// its own keys is checked all the same, as it finds a damaged file.
    package init(
        root bytes: [UInt8],
        updateStart: UTCTime,
        limits: UpdateLimits = UpdateLimits(),
        expiryPolicy: ExpiryPolicy = .refuse
    ) throws(UpdateError) {
        let document = try MetadataDocument<RootMetadata>(parsing: bytes, as: .root, limitBytes: limits.rootBytes)
        let root = document.body
        try document.verify(root.keys(of: .root), keys: root.keys, delegator: "it")
        self.root = root
        self.updateStart = updateStart
        self.limits = limits
        self.expiryPolicy = expiryPolicy
    }

    /// The time by which expiry is judged: never before the moment at which the keeper signed the trusted timestamp.
    package var now: UTCTime { max(updateStart, timestamp?.signedAt ?? updateStart) }

    private func parse<Body: MetadataBody>(
        _ bytes: [UInt8],
        as role: RoleName
    ) throws(UpdateError) -> MetadataDocument<Body> {
        try MetadataDocument<Body>(parsing: bytes, as: role, limitBytes: limits.bytes(of: role))
    }

    /// A top-level document that is signed as the trusted root asks.
    private func verified<Body: MetadataBody>(_ bytes: [UInt8], as role: RoleName) throws(UpdateError) -> Body {
        let document: MetadataDocument<Body> = try parse(bytes, as: role)
        try document.verify(root.keys(of: role), keys: root.keys, delegator: "root version \(root.version)")
        return document.body
    }

    private func checkExpiry(of role: RoleName, _ header: MetadataHeader, at now: UTCTime) throws(UpdateError) {
        guard header.expires > now else {
            throw .expired(role: role, version: header.version, expires: header.expires, now: now)
        }
    }

    /// For timestamp and snapshot, about which the policy has a say.
    private mutating func checkOnlineExpiry(
        of role: RoleName,
        _ header: MetadataHeader,
        at now: UTCTime
    ) throws(UpdateError) {
        guard case .acceptExpiredTimestampAndSnapshot(let period) = expiryPolicy, header.expires <= now else {
            return try checkExpiry(of: role, header, at: now)
        }
        var extended = header
        extended.expires = header.expires.advanced(by: period)
        try checkExpiry(of: role, extended, at: now)
        let sentence = "\(role) version \(header.version) expired at \(header.expires), accepted within the allowance"
        if !expiredButAccepted.contains(sentence) { expiredButAccepted.append(sentence) }
    }
}

// MARK: 5.3 Update the root role

extension TrustedMetadata {
    /// What a new root means for what is stored.
    package enum RootChange: Equatable, Sendable {
        /// Nothing but the root itself.
        case root
        /// 5.3.11: the timestamp and snapshot that are stored must be deleted.
        case rootAndOnlineKeys
    }

    /// 5.3.4 to 5.3.7: takes over the root that follows the trusted one. To be called before a timestamp is loaded.
    package mutating func updateRoot(_ bytes: [UInt8]) throws(UpdateError) -> RootChange {
        guard timestamp == nil else { throw .outOfOrder(step: "root after timestamp") }
        let document: MetadataDocument<RootMetadata> = try parse(bytes, as: .root)
        let new = document.body
        // 5.3.4: arbitrary software attack. Signed by a threshold of the trusted root's keys, and of its own.
        try document.verify(root.keys(of: .root), keys: root.keys, delegator: "root version \(root.version)")
        try document.verify(new.keys(of: .root), keys: new.keys, delegator: "it")
        // 5.3.5: rollback attack. Anything but the very next version is refused, an equal one too: it isn't what was
        // asked for.
        guard new.version >= root.version else {
            throw .rollback(role: .root, version: new.version, trusted: root.version)
        }
        guard new.version == root.version + 1 else {
            throw .wrongVersion(
                role: .root,
                found: new.version,
                expected: root.version + 1,
                statedBy: "the chain after trusted version \(root.version)"
            )
        }
        // 5.3.6: whether it is expired doesn't matter yet. 5.3.7: it is the trusted one now.
        let change: RootChange = root.revokesKey(of: [.timestamp, .snapshot], in: new) ? .rootAndOnlineKeys : .root
        root = new
        return change
    }

    /// 5.3.10: freeze attack. To be called when there is no newer root.
    package func checkRootExpiry() throws(UpdateError) { try checkExpiry(of: .root, root.header, at: now) }
}

// MARK: 5.4 Update the timestamp role

extension TrustedMetadata {
    /// Takes over the timestamp of an earlier update. It may be expired: it is here so that nothing older comes after it.
    package mutating func loadTimestamp(stored bytes: [UInt8]) throws(UpdateError) {
        timestamp = try verified(bytes, as: .timestamp)
    }

    /// 5.4.2 to 5.4.4: takes over a fetched timestamp. False where it has the version of the trusted one, which then
    /// stays, whatever the new one holds.
    package mutating func updateTimestamp(_ bytes: [UInt8]) throws(UpdateError) -> Bool {
        // 5.4.2: arbitrary software attack.
        let new: TimestampMetadata = try verified(bytes, as: .timestamp)
        if let trusted = timestamp {
            // 5.4.3.1: rollback attack.
            guard new.version >= trusted.version else {
                throw .rollback(role: .timestamp, version: new.version, trusted: trusted.version)
            }
            guard new.version > trusted.version else {
                try checkOnlineExpiry(of: .timestamp, trusted.header, at: now)
                return false
            }
            // 5.4.3.2: rollback attack by way of the snapshot.
            guard new.snapshot.version >= trusted.snapshot.version else {
                throw .listedRollback(
                    lister: .timestamp,
                    listerVersion: new.version,
                    role: RoleName.snapshot.text,
                    version: new.snapshot.version,
                    trusted: trusted.snapshot.version
                )
            }
        }
        // 5.4.4: freeze attack.
        try checkOnlineExpiry(of: .timestamp, new.header, at: max(now, new.signedAt ?? now))
        timestamp = new
        return true
    }
}

// MARK: 5.5 Update the snapshot role

extension TrustedMetadata {
    private func timestampMeta(for step: String) throws(UpdateError) -> MetaFile {
        guard let timestamp else { throw .outOfOrder(step: step) }
        return timestamp.snapshot
    }

    /// Takes over the snapshot of an earlier update. It may be expired, and older than what the timestamp names: it is
    /// here so that nothing older comes after it. True where it is the one that the timestamp names.
    package mutating func loadSnapshot(stored bytes: [UInt8]) throws(UpdateError) -> Bool {
        let listed = try timestampMeta(for: "snapshot")
        let stored: SnapshotMetadata = try verified(bytes, as: .snapshot)
        snapshot = stored
        guard stored.version == listed.version else { return false }
        return (try? listed.check(bytes, file: RoleName.snapshot.listedName)) != nil
    }

    /// 5.5.6 for a stored snapshot that is current.
    package mutating func checkSnapshotExpiry() throws(UpdateError) {
        guard let snapshot else { throw .outOfOrder(step: "snapshot expiry") }
        try checkOnlineExpiry(of: .snapshot, snapshot.header, at: now)
    }

    /// 5.5.2 to 5.5.6: takes over a fetched snapshot.
    package mutating func updateSnapshot(_ bytes: [UInt8]) throws(UpdateError) {
        let listed = try timestampMeta(for: "snapshot")
        // 5.5.2: mix-and-match attack.
        try listed.check(bytes, file: RoleName.snapshot.listedName)
        // 5.5.3: arbitrary software attack.
        let new: SnapshotMetadata = try verified(bytes, as: .snapshot)
        // 5.5.4: the version that the timestamp names.
        guard new.version == listed.version else {
            throw .wrongVersion(
                role: .snapshot,
                found: new.version,
                expected: listed.version,
                statedBy: "timestamp version \(timestamp?.version ?? 0)"
            )
        }
        // 5.5.5: rollback attack.
        if let trusted = snapshot { try checkRollback(from: trusted, to: new) }
        // 5.5.6: freeze attack.
        try checkOnlineExpiry(of: .snapshot, new.header, at: now)
        snapshot = new
        targetsRoles = []
        verifiedTargets = [:]
    }

    private func checkRollback(from trusted: SnapshotMetadata, to new: SnapshotMetadata) throws(UpdateError) {
        // The specification asks for this by way of the timestamp (5.4.3.2), which may have been lost on the way.
        guard new.version >= trusted.version else {
            throw .rollback(role: .snapshot, version: new.version, trusted: trusted.version)
        }
        for (name, file) in trusted.files.sorted(by: { $0.key < $1.key }) {
            guard let listed = new.files[name] else {
                throw .listingRemoved(role: name, version: new.version, trustedVersion: trusted.version)
            }
            guard listed.version >= file.version else {
                throw .listedRollback(
                    lister: .snapshot,
                    listerVersion: new.version,
                    role: name,
                    version: listed.version,
                    trusted: file.version
                )
            }
        }
    }
}

// MARK: 5.6 Update the targets role

extension TrustedMetadata {
    /// A targets role as verified along this chain, `[targets, …, role]`; nil where it isn't loaded, or was let go.
    package func targets(_ chain: [RoleName]) -> TargetsMetadata? {
        targetsRoles.first { $0.chain == chain }?.metadata
    }

    /// Whether the role was verified along this chain, loaded or let go.
    func hasVerified(_ chain: [RoleName]) -> Bool { verifiedTargets[chain] != nil }

    /// Takes over a role that was verified along this chain and let go; nil where these are other bytes.
    mutating func reloadTargets(_ bytes: [UInt8], chain: [RoleName]) throws(UpdateError) -> TargetsMetadata? {
        guard let role = chain.last, verifiedTargets[chain] == SHA256.digest(bytes) else { return nil }
        letGo(for: bytes.count)
        let document: MetadataDocument<TargetsMetadata> = try parse(bytes, as: role)
        targetsRoles.append((chain, document.body, bytes.count))
        return document.body
    }

    /// Makes room for a role of so many bytes: what a search comes through would be many times what one role may be.
    private mutating func letGo(for incoming: Int) {
        var kept = targetsRoles.reduce(incoming) { $0 + $1.bytes }
        while kept > limits.keptTargetsBytes, !targetsRoles.isEmpty { kept -= targetsRoles.removeFirst().bytes }
    }

    /// Who says which keys sign the role at the end of this chain; those keys alone, for the rest may be let go.
    private func authority(
        over chain: [RoleName],
        _ role: RoleName
    ) throws(UpdateError) -> (roleKeys: RoleKeys, keys: [String: MetadataKey], name: String) {
        if chain == [.targets] { return (root.keys(of: role), root.keys, "root version \(root.version)") }
        let above = Array(chain.dropLast())
        guard let delegator = targets(above), let delegations = delegator.delegations,
            let delegated = delegations[role]
        else { throw .outOfOrder(step: "role \(role)") }
        var keys: [String: MetadataKey] = [:]
        for id in delegated.keys.keyIDs { keys[id] = delegations.keys[id]?.detached }
        return (delegated.keys, keys, "\(above.last ?? .targets) version \(delegator.version)")
    }

    /// How the trusted snapshot lists a targets role.
    package func listing(of role: RoleName) throws(UpdateError) -> MetaFile {
        guard let snapshot else { throw .outOfOrder(step: "role \(role)") }
        guard let listed = snapshot[role] else {
            throw .notListed(role: role, snapshotVersion: snapshot.version)
        }
        return listed
    }

    /// 5.6.2 to 5.6.5: takes over a targets role, fetched or stored.
    ///
    /// - Parameter chain: `[targets]`, or the chain of delegations to the role, all but the last of which are loaded.
    @discardableResult
    package mutating func updateTargets(
        _ bytes: [UInt8],
        chain: [RoleName]
    ) throws(UpdateError) -> TargetsMetadata {
        guard let role = chain.last else { throw .outOfOrder(step: "role without a name") }
        let listed = try listing(of: role)
        // 5.6.2: mix-and-match attack.
        try listed.check(bytes, file: role.listedName)
        // 5.6.3: arbitrary software attack.
        let authority = try authority(over: chain, role)
        letGo(for: bytes.count)
        let document: MetadataDocument<TargetsMetadata> = try parse(bytes, as: role)
        try document.verify(authority.roleKeys, keys: authority.keys, delegator: authority.name)
        // 5.6.4: the version that the snapshot names.
        let new = document.body
        guard new.version == listed.version else {
            throw .wrongVersion(
                role: role,
                found: new.version,
                expected: listed.version,
                statedBy: "snapshot version \(snapshot?.version ?? 0)"
            )
        }
        // 5.6.5: freeze attack.
        try checkExpiry(of: role, new.header, at: now)
        targetsRoles.removeAll { $0.chain == chain }
        targetsRoles.append((chain, new, bytes.count))
        verifiedTargets[chain] = SHA256.digest(bytes)
        return new
    }
}
