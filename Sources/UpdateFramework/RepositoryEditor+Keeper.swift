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
        var made: SignedDocument<SnapshotMetadata>?
        let meta: MetaFile
        if let snapshot, listed == snapshot.body.files, !renewSnapshot, let timestamp, isSignedByPresentKeys(snapshot) {
            meta = timestamp.body.snapshot
        } else {
            let version = freeVersion(of: .snapshot, above: lastVersion(snapshot))
            let expires = now.advanced(by: lifetimes.snapshot)
            let body = SnapshotMetadata(version: version, expires: expires, files: listed)
            let new = try signed(body, .snapshot, signers)
            meta = MetaFile(version: version, length: new.bytes.count, hashes: FileHashes(of: new.bytes))
            made = new
        }
        var body = TimestampMetadata(
            version: lastVersion(timestamp) + 1,
            expires: now.advanced(by: lifetimes.timestamp),
            snapshot: meta
        )
        body.signedAt = now
        body.pollInterval = pollInterval
        // Both are read as clients read them before either is written.
        let new = try signed(body, .timestamp, signers)
        if let made { try create(made.bytes, .snapshot, version: made.document.body.header.version) }
        let name = RoleName.timestamp.listedName
        guard try storage.replace(timestampBytes, with: new.bytes, at: .metadata(name)) else {
            throw RepositoryError.changedMeanwhile(file: name)
        }
        timestampBytes = new.bytes
        timestamp = new.document
        if let made { snapshot = made.document }
    }

    private typealias SignedDocument<Body: MetadataBody> = (document: MetadataDocument<Body>, bytes: [UInt8])

    /// The version that the next one follows. After a change of keys clients begin anew (5.3.11): a version that leaves
    /// no room above it counts for nothing where the present keys have not signed it.
    private func lastVersion<Body: MetadataBody>(_ document: MetadataDocument<Body>?) -> Int {
        guard let document else { return 0 }
        let version = document.body.header.version
        return version < MetadataHeader.versions.upperBound || isSignedByPresentKeys(document) ? version : 0
    }

    /// Signs a document, and reads it as clients do. Throws what they would, and `versionsUsedUp`.
    private func signed<Body: MetadataBody>(
        _ body: Body,
        _ role: RoleName,
        _ signers: [any MetadataSigner]
    ) throws -> SignedDocument<Body> {
        guard MetadataHeader.versions.contains(body.header.version) else { throw RepositoryError.versionsUsedUp(role) }
        var document = try MetadataDocument(body, role: role)
        try signAndVerify(&document, signers)
        let bytes = document.encoded()
        try checkReadable(bytes, role, version: body.header.version)
        let read = try MetadataDocument<Body>(parsing: bytes, as: role, limitBytes: limits.bytes(of: role))
        try read.verify(root.body.keys(of: role), keys: root.body.keys, delegator: "root version \(root.body.version)")
        return (read, bytes)
    }

    /// False after the role's keys were changed: it must be signed anew.
    private func isSignedByPresentKeys<Body: MetadataBody>(_ document: MetadataDocument<Body>) -> Bool {
        let root = root.body
        return (try? document.verify(root.keys(of: document.role), keys: root.keys, delegator: "root")) != nil
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
