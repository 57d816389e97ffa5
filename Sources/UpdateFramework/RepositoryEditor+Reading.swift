extension RepositoryEditor {
    /// Reads a repository as it stands. Roots are checked each by the one before; whether the first is to be trusted is
    /// for those to say who trust it.
    package init(opening storage: any RepositoryStorage, limits: UpdateLimits = UpdateLimits()) throws {
        let versions = try Self.versions(in: storage)
        let (root, beyond) = try Self.newestRoot(storage, versions[.root] ?? [], limits)
        self.init(storage: storage, root: root, limits: limits)
        rejected = beyond
        takenVersions = versions.mapValues { Set($0) }
        try readOnlineRoles()
        try readTargets(versions)
    }

    /// Reads it again, as it stands now.
    package mutating func reread() throws { self = try RepositoryEditor(opening: storage, limits: limits) }

    static func versions(in storage: any RepositoryStorage) throws -> [RoleName: [Int]] {
        var versions: [RoleName: [Int]] = [:]
        for name in try storage.metadataNames() {
            guard let (version, role) = versioned(name) else { continue }
            versions[role, default: []].append(version)
        }
        return versions
    }

    /// `7.bundles.json` is version 7 of bundles.
    private static func versioned(_ name: String) -> (Int, RoleName)? {
        guard name.hasSuffix(".json"), let dot = name.firstIndex(of: "."), let version = Int(name[..<dot]),
            MetadataHeader.versions.contains(version),
            let role = RoleName(String(name[name.index(after: dot)...].dropLast(5)))
        else { return nil }
        return (version, role)
    }

    /// The newest root, and those that no chain leads to: they stand behind a version that is missing.
    private static func newestRoot(
        _ storage: any RepositoryStorage,
        _ versions: [Int],
        _ limits: UpdateLimits
    ) throws -> (root: MetadataDocument<RootMetadata>, beyond: [(file: String, reason: String)]) {
        var newest: MetadataDocument<RootMetadata>?
        var beyond: [(file: String, reason: String)] = []
        for version in versions.sorted() {
            let name = "\(version).\(RoleName.root.listedName)"
            if let previous = newest?.body.version, version != previous + 1 {
                beyond.append((name, "there is no \(previous + 1).\(RoleName.root.listedName)"))
                continue
            }
            guard let bytes = try storage.read(.metadata(name), limitBytes: limits.rootBytes) else {
                throw RepositoryError.changedMeanwhile(file: name)
            }
            let document = try MetadataDocument<RootMetadata>(parsing: bytes, as: .root, limitBytes: limits.rootBytes)
            try checkRoot(document, after: newest?.body, version: version)
            newest = document
        }
        guard let newest else { throw RepositoryError.incomplete(missing: "root") }
        return (newest, beyond)
    }

    private static func checkRoot(
        _ document: MetadataDocument<RootMetadata>,
        after previous: RootMetadata?,
        version: Int
    ) throws(UpdateError) {
        for authority in SigningAuthority.overRoot(document.body, after: previous) { try document.verify(authority) }
        guard document.body.version == version else {
            throw .wrongVersion(
                role: .root,
                found: document.body.version,
                expected: version,
                statedBy: "its file name"
            )
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
    ///
    /// Where clients would come through more roles than they look into, versions that are not in effect yet are passed
    /// over, the one that delegates to the most first, until they don't: one team must not end the listings of all.
    mutating func readTargets(_ versions: [RoleName: [Int]]) throws {
        var versions = versions
        let before = (roles, files, needSignature, rejected)
        var passedOver: [(file: String, reason: String)] = []
        while true {
            try walkTargets(versions)
            rejected += passedOver
            guard reachable(in: roles).count > limits.visitedRoles, let role = mostDelegating() else { return }
            let version = roles[role]?.version ?? 0
            let error = RepositoryError.tooManyRoles(role: role, version: version, limit: limits.visitedRoles)
            passedOver.append(("\(version).\(role.listedName)", error.message))
            versions[role]?.removeAll { $0 == version }
            (roles, files, needSignature, rejected) = before
        }
    }

    /// The delegated role that delegates to the most others by a version that is not in effect, and that reaches roles which
    /// nobody else does; nil where there is none.
    private func mostDelegating() -> RoleName? {
        let all = reachable(in: roles).count
        let able = roles.filter { role, metadata in
            guard role != .targets, metadata.delegations != nil, snapshot?.body[role]?.version != metadata.version
            else {
                return false
            }
            var without = roles
            without[role]?.delegations = nil
            return reachable(in: without).count < all
        }
        return able.max {
            ($0.value.delegations?.roles.count ?? 0, $1.key) < ($1.value.delegations?.roles.count ?? 0, $0.key)
        }?.key
    }

    /// `targets` and every role that is delegated to from there on.
    private func reachable(in roles: [RoleName: TargetsMetadata]) -> Set<RoleName> {
        var found: Set<RoleName> = []
        var open: [RoleName] = [.targets]
        while let role = open.popLast() {
            guard found.insert(role).inserted else { continue }
            open += (roles[role]?.delegations?.roles ?? []).map(\.name)
        }
        return found
    }

    /// Throws `tooManyRoles` where a role's version makes clients come through more roles than they look into.
    func checkReach(of metadata: TargetsMetadata, as role: RoleName) throws(RepositoryError) {
        guard metadata.delegations != nil else { return }
        var next = roles
        next[role] = metadata
        let count = reachable(in: next).count
        guard count > limits.visitedRoles, count > reachable(in: roles).count else { return }
        throw .tooManyRoles(role: role, version: metadata.version, limit: limits.visitedRoles)
    }

    private mutating func walkTargets(_ versions: [RoleName: [Int]]) throws {
        var open: [RoleName] = [.targets]
        var visited: Set<RoleName> = []
        while let role = open.popLast() {
            guard visited.insert(role).inserted else { continue }
            let committed = snapshot?.body[role]?.version ?? 1
            for version in (versions[role] ?? []).sorted(by: >) where version >= committed {
                let name = "\(version).\(role.listedName)"
                let path = RepositoryPath.metadata(name)
                let size = version == committed ? nil : try storage.status(of: path)?.bytes
                if let size, size > limits.targetsBytes {
                    let error = UpdateError.tooLarge(file: name, limitBytes: limits.targetsBytes)
                    rejected.append((name, error.message))
                    continue
                }
                guard let bytes = try storage.read(path, limitBytes: limits.targetsBytes) else { continue }
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

    mutating func take(_ metadata: TargetsMetadata, _ role: RoleName, _ bytes: [UInt8]) {
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
    func verified(_ bytes: [UInt8], role: RoleName, version: Int) throws(UpdateError) -> TargetsMetadata {
        let document = try MetadataDocument<TargetsMetadata>(
            parsing: bytes,
            as: role,
            limitBytes: limits.targetsBytes
        )
        if !assumed.contains(role) { for authority in authorities(over: role) { try document.verify(authority) } }
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

    /// Whoever names keys for `targets` or a role below it; all must be content. None where nobody delegates to it.
    func authorities(over role: RoleName) -> [SigningAuthority] {
        SigningAuthority.over(role, root: root.body, delegators: roles)
    }
}
