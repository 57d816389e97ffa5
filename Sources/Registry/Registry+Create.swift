internal import Crypto
internal import Deployment
package import Digest
internal import FileSystem
internal import UpdateFramework
package import WallClock

extension Registry {
    package struct Created: Sendable {
        /// Where a box's first trust is to come from.
        package internal(set) var rootPath: String
        package let rootDigest: SHA256Digest
        /// Key files that were made; others were there.
        package let newKeys: [String]
    }

    /// Makes a repository with all roles and an empty list of revocations; whole, or nothing is there.
    ///
    /// Keys that are missing in the folder are made. Throws `exists` where there is a repository.
    package static func create(
        at folder: String,
        keys: KeyFolder,
        policy: RegistryPolicy = RegistryPolicy(),
        now: UTCTime
    ) throws -> Created {
        let metadata = FileSystem.join(folder, "metadata")
        guard try FileSystem.statusFollowingLinks(of: metadata) == nil else {
            throw RegistryError.exists(path: folder)
        }
        try FileSystem.createDirectories(FileSystem.parent(of: folder))
        let made = try AtomicDirectory(at: folder)
        guard let keyFolder = keys.folder else {
            throw RegistryError.contradiction("a new repository's keys need a folder: --keys KEYDIR")
        }
        try makeKeyFolder(keyFolder)
        var newKeys: [String] = []
        var held: [RegistryRole: PrivateKey] = [:]
        for role in RegistryRole.all {
            let (key, isNew) = try keys.keyMakingIt(of: role)
            held[role] = key
            if isNew { newKeys.append(keys.path(of: role)) }
        }
        try write(in: made.temporaryPath, held, policy, now)
        try keys.trust(
            root: try FileSystem.read(
                FileSystem.join(made.temporaryPath, "metadata/1.root.json"),
                limit: UpdateLimits().rootBytes
            )
        )
        try made.commit(durably: true)
        let rootPath = FileSystem.join(metadata, "1.root.json")
        let root = try FileSystem.read(rootPath, limit: UpdateLimits().rootBytes)
        return Created(rootPath: rootPath, rootDigest: SHA256.digest(root), newKeys: newKeys)
    }

    private static func makeKeyFolder(_ folder: String) throws {
        guard try FileSystem.statusFollowingLinks(of: folder) == nil else { return }
        try FileSystem.createDirectories(FileSystem.parent(of: folder))
        try FileSystem.createDirectory(folder, mode: 0o700)
    }

    private static func write(
        in folder: String,
        _ keys: [RegistryRole: PrivateKey],
        _ policy: RegistryPolicy,
        _ now: UTCTime
    ) throws {
        let signers = try keys.mapValues { try PrivateKeySigner($0) }
        func publicKey(_ role: RegistryRole) throws -> [PublicKey] { try keys[role].map { [try $0.publicKey] } ?? [] }
        let root = try RootMetadata(expires: now.advanced(by: policy.root)) { name in
            let role = RegistryRole.topLevel.first { $0.name == name }
            return (try role.map(publicKey) ?? [], 1)
        }
        let storage = RepositoryDirectory(folder)
        let all = Array(signers.values)
        var editor = try RepositoryEditor.create(in: storage, root: root, signers: all)
        let expires = now.advanced(by: policy.targets)
        let revocations = try editor.store(try Revocations().encoded(), as: try targetPath(Revocations.path))
        let policyFile = try editor.store(try policy.encoded(), as: try targetPath(RegistryPolicy.path))
        try editor.publish(.targets, expires: expires, signers: all) { targets in
            targets.targets = [Revocations.path: revocations, RegistryPolicy.path: policyFile]
            targets.delegations = try delegations(publicKey)
        }
        for role in RegistryRole.delegated {
            try editor.publish(role.name, expires: expires, signers: all) { _ in }
        }
        try FileSystem.createDirectory(FileSystem.join(folder, "blobs"), mode: 0o755)
        try editor.commit(now: now, lifetimes: policy.online, signers: all, pollInterval: policy.poll)
    }

    /// To each delegated role with its paths, in their order.
    static func delegations(_ publicKeys: (RegistryRole) throws -> [PublicKey]) throws -> Delegations {
        var delegations = Delegations()
        for role in RegistryRole.delegated {
            guard let delegated = DelegatedRole(role.name, paths: role.paths) else { continue }
            try delegations.delegate(to: delegated, keys: try publicKeys(role))
        }
        return delegations
    }
}
