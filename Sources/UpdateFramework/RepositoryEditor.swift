internal import FileSystem
package import JSON
package import WallClock

/// Changes a repository with consistent snapshots: what publishers and the keeper do.
///
/// Publishers write new versions of the roles they sign, and files; nothing of it is in effect until the keeper's `commit`
/// lists it in a new snapshot and points a new timestamp to that. Files with a version are written once and never
/// changed; the timestamp is replaced only if it is the one that was read, so that of two keepers one fails and does it
/// again. What is written is verified first, as a client would.
package struct RepositoryEditor {
    /// The newest root.
    package private(set) var root: MetadataDocument<RootMetadata>
    /// What is in effect; nil before the first commit.
    package private(set) var timestamp: MetadataDocument<TimestampMetadata>?
    package private(set) var snapshot: MetadataDocument<SnapshotMetadata>?
    /// The newest valid version of every targets role that is delegated to, committed or not.
    package private(set) var roles: [RoleName: TargetsMetadata]
    /// Roles whose committed version is no longer signed as their delegators ask, with the reason: after a change of keys.
    /// They are to be published anew; until then nothing is committed.
    package private(set) var needSignature: [RoleName: String]
    /// Files that are not what their names say, or not signed as they must be, with the reason. They are not used.
    package private(set) var rejected: [(file: String, reason: String)]

    private let storage: any RepositoryStorage
    private let limits: UpdateLimits
    private var timestampBytes: [UInt8]?
    /// The bytes behind `roles`, for the snapshot.
    private var files: [RoleName: MetaFile]
    /// The highest version of every role's files in the folder, valid or not: the next one is above it.
    private var highestVersions: [RoleName: Int]

    private init(storage: any RepositoryStorage, root: MetadataDocument<RootMetadata>, limits: UpdateLimits) {
        self.storage = storage
        self.root = root
        self.limits = limits
        roles = [:]
        files = [:]
        needSignature = [:]
        rejected = []
        highestVersions = [:]
    }

    /// Begins a repository: writes its first root, signed by those of the signers that are the root's keys.
    package static func create(
        in storage: any RepositoryStorage,
        root: RootMetadata,
        signers: [any MetadataSigner],
        limits: UpdateLimits = UpdateLimits()
    ) throws -> RepositoryEditor {
        guard try storage.metadataNames().isEmpty else { throw RepositoryError.exists }
        var document = try MetadataDocument(root, role: .root)
        try document.sign(with: signers, of: [root.keys(of: .root)])
        try document.verify(root.keys(of: .root), keys: root.keys, delegator: "it")
        let name = "\(root.version).\(RoleName.root.listedName)"
        guard try storage.create(document.encoded(), at: .metadata(name)) else { throw RepositoryError.exists }
        return RepositoryEditor(storage: storage, root: document, limits: limits)
    }
}

// MARK: reading

extension RepositoryEditor {
    /// Reads a repository as it stands. Roots are checked each by the one before; whether the first is to be trusted is
    /// for those to say who trust it.
    package init(opening storage: any RepositoryStorage, limits: UpdateLimits = UpdateLimits()) throws {
        var versions: [RoleName: [Int]] = [:]
        for name in try storage.metadataNames() {
            guard let (version, role) = Self.versioned(name) else { continue }
            versions[role, default: []].append(version)
        }
        self.init(
            storage: storage,
            root: try Self.newestRoot(storage, versions[.root] ?? [], limits),
            limits: limits
        )
        highestVersions = versions.compactMapValues { $0.max() }
        try readOnlineRoles()
        try readTargets(versions)
    }

    /// `7.bundles.json` is version 7 of bundles.
    private static func versioned(_ name: String) -> (Int, RoleName)? {
        guard name.hasSuffix(".json"), let dot = name.firstIndex(of: "."), let version = Int(name[..<dot]),
            MetadataHeader.versions.contains(version),
            let role = RoleName(String(name[name.index(after: dot)...].dropLast(5)))
        else { return nil }
        return (version, role)
    }

    private static func newestRoot(
        _ storage: any RepositoryStorage,
        _ versions: [Int],
        _ limits: UpdateLimits
    ) throws -> MetadataDocument<RootMetadata> {
        let sorted = versions.sorted()
        guard let first = sorted.first, let last = sorted.last else {
            throw RepositoryError.incomplete(missing: "root")
        }
        var newest: MetadataDocument<RootMetadata>?
        for version in first...last {
            let name = "\(version).\(RoleName.root.listedName)"
            guard let bytes = try storage.read(.metadata(name), limitBytes: limits.rootBytes) else {
                throw RepositoryError.rootGap(version: version)
            }
            let document = try MetadataDocument<RootMetadata>(parsing: bytes, as: .root, limitBytes: limits.rootBytes)
            try checkRoot(document, after: newest?.body, version: version)
            newest = document
        }
        guard let newest else { throw RepositoryError.incomplete(missing: "root") }
        return newest
    }

    private static func checkRoot(
        _ document: MetadataDocument<RootMetadata>,
        after previous: RootMetadata?,
        version: Int
    ) throws(UpdateError) {
        let root = document.body
        if let previous {
            let delegator = "root version \(previous.version)"
            try document.verify(previous.keys(of: .root), keys: previous.keys, delegator: delegator)
        }
        try document.verify(root.keys(of: .root), keys: root.keys, delegator: "it")
        guard root.version == version else {
            throw .wrongVersion(role: .root, found: root.version, expected: version, statedBy: "its file name")
        }
    }

    private mutating func readOnlineRoles() throws {
        let name = RepositoryPath.metadata(RoleName.timestamp.listedName)
        guard let bytes = try storage.read(name, limitBytes: limits.timestampBytes) else { return }
        timestampBytes = bytes
        let timestamp = try MetadataDocument<TimestampMetadata>(
            parsing: bytes,
            as: .timestamp,
            limitBytes: limits.timestampBytes
        )
        let version = timestamp.body.snapshot.version
        let path = RepositoryPath.metadata("\(version).\(RoleName.snapshot.listedName)")
        guard let bytes = try storage.read(path, limitBytes: limits.snapshotBytes) else {
            throw RepositoryError.incomplete(missing: path.description)
        }
        try timestamp.body.snapshot.check(bytes, file: path.description)
        snapshot = try MetadataDocument(parsing: bytes, as: .snapshot, limitBytes: limits.snapshotBytes)
        self.timestamp = timestamp
    }

    /// Walks the delegations and takes the newest valid version of each role, not below the committed one.
    private mutating func readTargets(_ versions: [RoleName: [Int]]) throws {
        var open: [RoleName] = [.targets]
        var visited: Set<RoleName> = []
        while let role = open.popLast() {
            guard visited.insert(role).inserted else { continue }
            let committed = snapshot?.body[role]?.version ?? 1
            for version in (versions[role] ?? []).sorted(by: >) where version >= committed {
                let name = "\(version).\(role.listedName)"
                guard let bytes = try storage.read(.metadata(name), limitBytes: limits.targetsBytes) else { continue }
                do throws(UpdateError) {
                    let document = try verified(bytes, role: role, version: version)
                    take(document, role, bytes)
                    break
                } catch {
                    guard version == committed, takeCommitted(bytes, role, reason: error.message) else {
                        rejected.append((name, error.message))
                        continue
                    }
                }
            }
            open += (roles[role]?.delegations?.roles ?? []).map(\.name).reversed()
        }
    }

    private mutating func take(_ metadata: TargetsMetadata, _ role: RoleName, _ bytes: [UInt8]) {
        roles[role] = metadata
        files[role] = MetaFile(version: metadata.version, length: bytes.count, hashes: FileHashes(of: bytes))
        needSignature[role] = nil
    }

    /// Takes over what the keeper's snapshot lists, though its signatures don't suffice any more: the next version is to
    /// be made from it. False where the bytes are not what was listed.
    private mutating func takeCommitted(_ bytes: [UInt8], _ role: RoleName, reason: String) -> Bool {
        guard let listed = snapshot?.body[role], (try? listed.check(bytes, file: role.listedName)) != nil,
            let document = try? MetadataDocument<TargetsMetadata>(
                parsing: bytes,
                as: role,
                limitBytes: limits.targetsBytes
            )
        else { return false }
        take(document.body, role, bytes)
        needSignature[role] = reason
        return true
    }

    /// A version of a role as its delegators want it.
    private func verified(_ bytes: [UInt8], role: RoleName, version: Int) throws(UpdateError) -> TargetsMetadata {
        let document = try MetadataDocument<TargetsMetadata>(
            parsing: bytes,
            as: role,
            limitBytes: limits.targetsBytes
        )
        for authority in authorities(over: role) {
            try document.verify(authority.roleKeys, keys: authority.keys, delegator: authority.name)
        }
        guard document.body.version == version else {
            throw .wrongVersion(
                role: role,
                found: document.body.version,
                expected: version,
                statedBy: "its file name"
            )
        }
        return document.body
    }

    private struct Authority {
        let name: String
        let roleKeys: RoleKeys
        let keys: [String: MetadataKey]
        let delegated: DelegatedRole?
    }

    /// Whoever names keys for a targets role; all must be content.
    private func authorities(over role: RoleName) -> [Authority] {
        if role == .targets {
            let root = root.body
            return [
                Authority(
                    name: "root version \(root.version)",
                    roleKeys: root.keys(of: role),
                    keys: root.keys,
                    delegated: nil
                )
            ]
        }
        return roles.sorted { $0.key < $1.key }.compactMap { delegator, metadata in
            guard let delegations = metadata.delegations, let delegated = delegations[role] else { return nil }
            return Authority(
                name: "\(delegator) version \(metadata.version)",
                roleKeys: delegated.keys,
                keys: delegations.keys,
                delegated: delegated
            )
        }
    }
}

// MARK: publishers

extension RepositoryEditor {
    /// Stores a target's file and returns what a role is to list. Storing the same content again is fine.
    package func store(_ contents: [UInt8], as path: TargetPath, custom: JSONObject? = nil) throws -> TargetFile {
        let document = NewDocument(contents, as: path, custom: custom)
        try store(document)
        return document.file
    }

    package func store(_ document: NewDocument) throws {
        let place = document.path.repositoryPath(hashPrefix: document.file.hashes.fileNamePrefix)
        _ = try storage.create(document.contents, at: RepositoryPath(components: ["targets"] + place.components))
    }

    /// Writes the next version of `targets` or a delegated role: as it stands (empty where there is none yet), after
    /// `edit`, signed by those of the signers that are its keys.
    ///
    /// Throws `thresholdNotMet` where those don't suffice, and `changedMeanwhile` where another publisher wrote that
    /// version first.
    package mutating func publish(
        _ role: RoleName,
        expires: UTCTime,
        signers: [any MetadataSigner],
        edit: (inout TargetsMetadata) throws -> Void
    ) throws {
        let authorities = authorities(over: role)
        guard !authorities.isEmpty else { throw RepositoryError.unknownRole(role) }
        var metadata = roles[role] ?? TargetsMetadata(version: 1, expires: expires)
        try edit(&metadata)
        metadata.header.version = (highestVersions[role] ?? 0) + 1
        metadata.header.expires = expires
        for text in metadata.targets.keys {
            guard let path = TargetPath(text) else { throw RepositoryError.badTargetPath(text) }
            guard authorities.contains(where: { $0.delegated?.covers(path) ?? true }) else {
                throw RepositoryError.notCovered(role: role, path: path)
            }
        }
        var document = try MetadataDocument(metadata, role: role)
        try document.sign(with: signers, of: authorities.map(\.roleKeys))
        let bytes = document.encoded()
        // Read again as anybody will read it.
        let published = try verified(bytes, role: role, version: metadata.version)
        try create(bytes, role, version: metadata.version)
        take(published, role, bytes)
    }

    /// Writes the next root: as it stands, after `edit`, signed by those of the signers that are keys of the old or of the
    /// new one. Throws `thresholdNotMet` where those don't suffice for both.
    package mutating func publishRoot(
        expires: UTCTime,
        signers: [any MetadataSigner],
        edit: (inout RootMetadata) throws -> Void
    ) throws {
        let previous = root.body
        var next = previous
        try edit(&next)
        next.header.version = previous.version + 1
        next.header.expires = expires
        var document = try MetadataDocument(next, role: .root)
        try document.sign(with: signers, of: [previous.keys(of: .root), next.keys(of: .root)])
        try Self.checkRoot(document, after: previous, version: next.version)
        try create(document.encoded(), .root, version: next.version)
        root = document
    }

    private mutating func create(_ bytes: [UInt8], _ role: RoleName, version: Int) throws {
        let name = "\(version).\(role.listedName)"
        guard try storage.create(bytes, at: .metadata(name)) else {
            throw RepositoryError.changedMeanwhile(file: name)
        }
        highestVersions[role] = version
    }
}

// MARK: the keeper

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
        if let (role, reason) = needSignature.min(by: { $0.key < $1.key }) {
            throw RepositoryError.notSigned(role: role, reason: reason)
        }
        // Roles that are no longer delegated to stay listed: a snapshot without them is refused as a rollback (5.5.5).
        var listed = snapshot?.body.files ?? [:]
        for (role, file) in files { listed[role.listedName] = file }
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
        _ listed: [String: MetaFile],
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
        try document.sign(with: signers, of: [roleKeys])
        try document.verify(roleKeys, keys: root.keys, delegator: "root version \(root.version)")
    }
}

extension MetadataDocument {
    /// Signs with those signers whose keys are asked for.
    fileprivate mutating func sign(with signers: [any MetadataSigner], of roleKeys: [RoleKeys]) throws {
        let wanted = Set(roleKeys.flatMap(\.keyIDs))
        for signer in signers where wanted.contains(signer.key.id) { try sign(with: signer) }
    }
}
