package import Digest
internal import FileSystem
package import WallClock

/// The client: fetches metadata, has `TrustedMetadata` judge it, and stores what is trusted, each file before anything
/// that builds on it is fetched. After an error the store holds what was trusted up to there, and the next update goes on.
package struct Updater {
    package private(set) var trusted: TrustedMetadata
    /// What somebody who looks after the box may want to know, as sentences: stored files that were of no use, delegated
    /// roles that the snapshot doesn't list.
    package private(set) var notices: [String] = []
    private let store: any MetadataStore
    private let transport: any RepositoryTransport

    /// 5.1 and 5.2: begins an update from the stored root.
    ///
    /// - Parameters:
    ///   - updateStart: the time, never before the floor that the caller knows of (build time, last time stored).
    ///   - transport: the base of the metadata.
    package init(
        store: any MetadataStore,
        transport: any RepositoryTransport,
        updateStart: UTCTime,
        limits: UpdateLimits = UpdateLimits(),
        expiryPolicy: ExpiryPolicy = .refuse
    ) throws {
        guard let root = try store.read(.role(.root), limitBytes: limits.rootBytes) else {
            throw UpdateError.noTrustedRoot(place: store.name)
        }
        trusted = try TrustedMetadata(
            root: root,
            updateStart: updateStart,
            limits: limits,
            expiryPolicy: expiryPolicy
        )
        self.store = store
        self.transport = transport
    }

    /// First trust: makes `root` the stored root, in the place of all that was stored before.
    ///
    /// - Parameter digest: what the root must be, where the way it came is not trusted itself.
    package static func trust(
        root bytes: [UInt8],
        expecting digest: SHA256Digest? = nil,
        in store: any MetadataStore,
        limits: UpdateLimits = UpdateLimits()
    ) throws {
        let found = SHA256.digest(bytes)
        if let digest, digest != found {
            throw UpdateError.wrongRootDigest(found: found.hex, expected: digest.hex)
        }
        let trusted = try TrustedMetadata(root: bytes, updateStart: UTCTime(seconds: 0), limits: limits)
        for role in [RoleName.snapshot, .timestamp] { try store.remove(.role(role)) }
        try store.write(bytes, to: .rootHistory(trusted.root.version))
        try store.write(bytes, to: .role(.root))
    }

    /// 5.3 to 5.6.6: the top-level roles. To be called once.
    package mutating func refresh() throws {
        try updateRoot()
        try updateTimestamp()
        try updateSnapshot()
        _ = try load([.targets])
    }

    private func fetch(_ path: RepositoryPath, limitBytes: Int) throws -> [UInt8] {
        do {
            return try transport.bytes(of: path, limitBytes: limitBytes)
        } catch TransportError.notFound {
            throw UpdateError.missing(file: path.description)
        } catch TransportError.tooLarge {
            throw UpdateError.tooLarge(file: path.description, limitBytes: limitBytes)
        }
    }

    /// Reads a stored file and has it judged. A file that is of no use is treated as none: it is fetched anew. An error of
    /// the disk is not: going on without what is stored would give up what keeps versions from going back.
    private mutating func useStored<Result>(
        _ role: RoleName,
        _ judge: (inout TrustedMetadata, [UInt8]) throws(UpdateError) -> Result
    ) throws -> Result? {
        do {
            let limit = trusted.limits.bytes(of: role)
            guard let bytes = try store.read(.role(role), limitBytes: limit) else { return nil }
            return try judge(&trusted, bytes)
        } catch UpdateError.wrongVersion, UpdateError.wrongLength, UpdateError.wrongHash {
            // An older one, which is what an update is for.
        } catch let error as UpdateError {
            notices.append("the stored \(role.storedName) is not used: \(error.message)")
        } catch FileError.tooLarge(let path, _, let limit) {
            notices.append("the stored \(path) is not used: it has more than \(limit) bytes")
        }
        return nil
    }
}

// MARK: top-level roles

extension Updater {
    private mutating func updateRoot() throws {
        // What an update that was cut off had verified already.
        while let bytes = try store.read(.rootHistory(trusted.root.version + 1), limitBytes: trusted.limits.rootBytes) {
            do {
                try take(root: bytes, isStored: true)
            } catch let error as UpdateError {
                notices.append("a stored root is not used: \(error.message)")
                break
            }
        }
        // 5.3.2 and 5.3.3. Beyond the limit the update goes on with the root it has; the next one goes further.
        for _ in 0..<trusted.limits.rootVersions {
            let path = RoleName.root.repositoryPath(version: trusted.root.version + 1)
            do {
                try take(root: try fetch(path, limitBytes: trusted.limits.rootBytes), isStored: false)
            } catch UpdateError.missing {
                break
            }
        }
        // 5.3.10. By the stored timestamp's time, where that is later than the clock.
        _ = try useStored(.timestamp) { trusted, bytes throws(UpdateError) in
            try trusted.loadTimestamp(stored: bytes)
        }
        try trusted.checkRootExpiry()
    }

    private mutating func take(root bytes: [UInt8], isStored: Bool) throws {
        let change = try trusted.updateRoot(bytes)
        // The history first: should this be cut off, the next update begins with the old root, finds this one there and
        // comes here again, so that 5.3.11 is never left out.
        if !isStored { try store.write(bytes, to: .rootHistory(trusted.root.version)) }
        // 5.3.11
        if change == .rootAndOnlineKeys {
            for role in [RoleName.snapshot, .timestamp] { try store.remove(.role(role)) }
        }
        // 5.3.8
        try store.write(bytes, to: .role(.root))
    }

    private mutating func updateTimestamp() throws {
        // 5.4.1
        let path = RoleName.timestamp.repositoryPath(version: nil)
        let bytes = try fetch(path, limitBytes: trusted.limits.timestampBytes)
        // 5.4.5
        if try trusted.updateTimestamp(bytes) { try store.write(bytes, to: .role(.timestamp)) }
        // 5.3.10 again: its signing time may be later than the clock.
        try trusted.checkRootExpiry()
    }

    private mutating func updateSnapshot() throws {
        let isCurrent = try useStored(.snapshot) { trusted, bytes throws(UpdateError) in
            try trusted.loadSnapshot(stored: bytes)
        }
        if isCurrent == true { return try trusted.checkSnapshotExpiry() }
        guard let listed = trusted.timestamp?.snapshot else { throw UpdateError.outOfOrder(step: "snapshot") }
        // 5.5.1
        let bytes = try fetch(.snapshot, listed)
        try trusted.updateSnapshot(bytes)
        // 5.5.7
        try store.write(bytes, to: .role(.snapshot))
    }

    /// Fetches a listed file, up to its listed length or else the limit of its kind.
    private func fetch(_ role: RoleName, _ listed: MetaFile) throws -> [UInt8] {
        let path = role.repositoryPath(version: trusted.root.consistentSnapshot ? listed.version : nil)
        let limit = trusted.limits.bytes(of: role)
        if let length = listed.length, length > limit {
            throw UpdateError.tooLarge(file: path.description, limitBytes: limit)
        }
        return try fetch(path, limitBytes: listed.length ?? limit)
    }
}

// MARK: targets roles

extension Updater {
    /// The last role of the chain, verified; those before it must have been. From memory, from the store where that holds
    /// what the snapshot lists, or fetched.
    private mutating func load(_ chain: [RoleName]) throws -> TargetsMetadata {
        if let loaded = trusted.targets(chain) { return loaded }
        guard let role = chain.last else { throw UpdateError.outOfOrder(step: "role without a name") }
        let listed = try trusted.listing(of: role)
        if trusted.hasVerified(chain),
            let stored = try store.read(.role(role), limitBytes: trusted.limits.bytes(of: role)),
            let loaded = try trusted.reloadTargets(stored, chain: chain)
        {
            return loaded
        }
        // Its delegator says by which keys it is signed, and may have been let go.
        if chain.count > 1 { _ = try load(Array(chain.dropLast())) }
        let stored = try useStored(role) { trusted, bytes throws(UpdateError) in
            try trusted.updateTargets(bytes, chain: chain)
        }
        if let stored { return stored }
        // 5.6.1
        let bytes = try fetch(role, listed)
        if chain.count > 1 { _ = try load(Array(chain.dropLast())) }
        let loaded = try trusted.updateTargets(bytes, chain: chain)
        // 5.6.6
        try store.write(bytes, to: .role(role))
        return loaded
    }

    /// The last role of the chain as `load` has it; nil, with a notice, for a delegated role that the snapshot doesn't list:
    /// its metadata is never fetched, and it counts as one that lists nothing (docs/adr/0026).
    package mutating func loadIfListed(_ chain: [RoleName]) throws -> TargetsMetadata? {
        do {
            return try load(chain)
        } catch UpdateError.notListed(let role, let snapshotVersion) where chain.count > 1 {
            let notice =
                "role \(role) is delegated to, but snapshot version \(snapshotVersion) does not list it: nothing that "
                + "it may list is there"
            if !notices.contains(notice) { notices.append(notice) }
            return nil
        }
    }

    /// 5.6.7: what the repository says of a target, or nil where no role lists it. After `refresh`.
    package mutating func find(_ path: TargetPath) throws -> FoundTarget? {
        var search = TargetSearch(path, visitedRoles: trusted.limits.visitedRoles)
        while true {
            switch search.next {
            case .see(let chain): try search.visit(try loadIfListed(chain))
            case .found(let target): return target
            case .notFound: return nil
            }
        }
    }
}
