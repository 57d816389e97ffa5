package import WallClock

extension RepositoryEditor {
    /// How long what the keeper signs is good for.
    package struct Lifetimes: Sendable {
        package var snapshot: Duration
        package var timestamp: Duration

        package init(snapshot: Duration, timestamp: Duration) {
            self.snapshot = snapshot
            self.timestamp = timestamp
        }
    }

    /// Puts into effect what was published: a new snapshot where a role has changed or `renewSnapshot` says so, and a new
    /// timestamp in any case, written last.
    ///
    /// While a role has to be signed anew (`needSignature`) nothing new comes into effect, and what is in effect is
    /// renewed: boxes must never meet an expired timestamp because somebody has yet to sign.
    ///
    /// Throws `changedMeanwhile` where another keeper committed since this repository was opened; what that one committed
    /// is then in effect, and nothing of this.
    package mutating func commit(
        now: UTCTime,
        lifetimes: Lifetimes,
        signers: [any MetadataSigner],
        pollInterval: Duration? = nil,
        renewSnapshot: Bool = false
    ) throws {
        guard roles[.targets] != nil else { throw RepositoryError.incomplete(missing: "targets") }
        if snapshot == nil, let (role, reason) = needSignature.min(by: { $0.key < $1.key }) {
            throw RepositoryError.notSigned(role: role, reason: reason)
        }
        // Roles that are no longer delegated to stay listed: a snapshot without them is refused as a rollback (5.5.5).
        var listed = snapshot?.body.files ?? [:]
        if needSignature.isEmpty {
            for (role, file) in files { listed[role.listedName] = file }
        }
        var newSnapshot = snapshot
        let meta: MetaFile
        if let snapshot, listed == snapshot.body.files, !renewSnapshot, let timestamp, isSignedByPresentKeys(snapshot) {
            meta = timestamp.body.snapshot
        } else {
            let made = try writeSnapshot(listed, expires: now.advanced(by: lifetimes.snapshot), signers)
            (newSnapshot, meta) = (made.document, made.meta)
        }
        var body = TimestampMetadata(
            version: (timestamp?.body.version ?? 0) + 1,
            expires: now.advanced(by: lifetimes.timestamp),
            snapshot: meta
        )
        body.signedAt = now
        body.pollInterval = pollInterval
        var document = try MetadataDocument(body, role: .timestamp)
        try signAndVerify(&document, signers)
        let bytes = document.encoded()
        let name = RoleName.timestamp.listedName
        guard try storage.replace(timestampBytes, with: bytes, at: .metadata(name)) else {
            throw RepositoryError.changedMeanwhile(file: name)
        }
        timestampBytes = bytes
        timestamp = document
        snapshot = newSnapshot
    }

    private mutating func writeSnapshot(
        _ listed: MetadataTable<MetaFile>,
        expires: UTCTime,
        _ signers: [any MetadataSigner]
    ) throws -> (document: MetadataDocument<SnapshotMetadata>, meta: MetaFile) {
        // Above all that are there: one may have been left by a keeper who was cut off before the timestamp.
        let version = max(snapshot?.body.version ?? 0, highestVersions[.snapshot] ?? 0) + 1
        let body = SnapshotMetadata(version: version, expires: expires, files: listed)
        var document = try MetadataDocument(body, role: .snapshot)
        try signAndVerify(&document, signers)
        let bytes = document.encoded()
        try create(bytes, .snapshot, version: version)
        return (document, MetaFile(version: version, length: bytes.count, hashes: FileHashes(of: bytes)))
    }

    /// False after the snapshot's keys were changed: it must be signed anew.
    private func isSignedByPresentKeys(_ document: MetadataDocument<SnapshotMetadata>) -> Bool {
        let root = root.body
        return (try? document.verify(root.keys(of: .snapshot), keys: root.keys, delegator: "root")) != nil
    }

    private func signAndVerify<Body: MetadataBody>(
        _ document: inout MetadataDocument<Body>,
        _ signers: [any MetadataSigner]
    ) throws {
        let root = root.body
        let roleKeys = root.keys(of: document.role)
        for signer in signers {
            // A key is known by its material; signatures go by the ids that the root has for it.
            guard let material = signer.key.material else { continue }
            for key in roleKeys.keyIDs.compactMap({ root.keys[$0] }) where key.material == material {
                let bytes = try signer.sign(document.signedBytes)
                document.signatures.removeAll { $0.keyID == key.id }
                document.signatures.append(MetadataSignature(keyID: key.id, bytes: bytes))
            }
        }
        try document.verify(roleKeys, keys: root.keys, delegator: "root version \(root.version)")
    }
}
