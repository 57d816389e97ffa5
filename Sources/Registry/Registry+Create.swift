internal import Crypto
internal import Deployment
package import Digest
internal import FileSystem
internal import UpdateFramework
package import WallClock

extension Registry {
    package struct Created: Sendable {
        /// Where a box's first trust is to come from; nil where the repository has yet to be signed.
        package internal(set) var rootPath: String?
        package let rootDigest: SHA256Digest?
        /// Key files that were made; others were there.
        package let newKeys: [String]
        /// What others have yet to sign before the repository begins.
        package let waiting: [WaitingProposal]
        /// The keeper's roles whose keys are elsewhere: the repository has begun, and its keeper has to commit it.
        package let lacking: [String]
    }

    /// Makes a repository with all roles and an empty list of revocations; whole, or nothing is there.
    ///
    /// Keys that are missing in the folder are made, but not for roles whose keys others hold. Where the keys at hand
    /// don't reach every threshold, the repository is made of proposals, which `begin` brings to life. Throws `exists`
    /// where there is a repository.
    package static func create(
        at folder: String,
        keys: KeyFolder,
        policy: RegistryPolicy = RegistryPolicy(),
        founding: FoundingKeys = FoundingKeys(),
        now: UTCTime
    ) throws -> Created {
        for place in ["metadata", proposalFolder] {
            guard try FileSystem.statusFollowingLinks(of: FileSystem.join(folder, place)) == nil else {
                throw RegistryError.exists(path: folder)
            }
        }
        try FileSystem.createDirectories(FileSystem.parent(of: folder))
        let made = try AtomicDirectory(at: folder)
        let (assigned, newKeys) = try founding.assign(keys)
        var beginning = try beginning(assigned, policy, now)
        try beginning.sign(with: try keys.signers(among: beginning.wanted))
        let storage = RepositoryDirectory(made.temporaryPath)
        try FileSystem.createDirectory(FileSystem.join(made.temporaryPath, "blobs"), mode: 0o755)
        var (waiting, lacking): ([WaitingProposal], [String]) = ([], [])
        if beginning.isComplete {
            _ = try beginning.write(in: storage)
            var registry = try Registry(opening: storage, now: now)
            if case .published(let roles) = try registry.commit(keys: keys) { lacking = roles }
        } else {
            waiting = try propose(beginning, in: storage)
        }
        let root = beginning.root.metadata.encoded()
        try keys.trust(root: root)
        try made.commit(durably: true)
        return Created(
            rootPath: beginning.isComplete ? FileSystem.join(folder, "metadata/1.root.json") : nil,
            rootDigest: beginning.isComplete ? SHA256.digest(root) : nil,
            newKeys: newKeys,
            waiting: waiting,
            lacking: lacking
        )
    }

    /// The first version of every role, with nobody's signature.
    private static func beginning(
        _ assigned: [RegistryRole: KeyAssignment],
        _ policy: RegistryPolicy,
        _ now: UTCTime
    ) throws -> RepositoryBeginning {
        let topLevel = RegistryRole.topLevel.compactMap { role in
            assigned[role].map { (role.name, (keys: $0.keys, threshold: $0.threshold)) }
        }
        let root = RootMetadata(
            expires: now.advanced(by: policy.root),
            roles: Dictionary(topLevel) { first, _ in first }
        )
        var beginning = try RepositoryBeginning(root: root)
        let expires = now.advanced(by: policy.targets)
        let documents = [
            NewDocument(try Revocations().encoded(), as: try targetPath(Revocations.path)),
            NewDocument(try policy.encoded(), as: try targetPath(RegistryPolicy.path)),
        ]
        try beginning.add(.targets, expires: expires, documents: documents) { targets in
            var delegations = Delegations()
            for role in RegistryRole.delegated {
                guard let keys = assigned[role],
                    let delegated = DelegatedRole(role.name, paths: role.paths, threshold: keys.threshold)
                else { continue }
                delegations.delegate(to: delegated, keys: keys.keys)
            }
            targets.delegations = delegations
        }
        for role in RegistryRole.delegated { try beginning.add(role.name, expires: expires) }
        return beginning
    }

    /// Puts all of it among the proposals, also what is signed already: a repository begins whole. Returns what waits.
    private static func propose(
        _ beginning: RepositoryBeginning,
        in storage: RepositoryDirectory
    ) throws -> [WaitingProposal] {
        let staged = [beginning.root] + beginning.roles
        return try zip(staged, beginning.proposals()).compactMap { version, proposal in
            let path = place(of: proposal)
            guard try storage.create(try proposal.encoded(), at: path) else {
                throw RegistryError.exists(path: storage.name)
            }
            let standing = version.standing
            return standing.isComplete ? nil : WaitingProposal(place: path.description, standing: standing)
        }
    }
}
