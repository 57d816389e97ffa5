/// Changes a repository with consistent snapshots: what publishers and the keeper do.
///
/// Publishers write new versions of the roles they sign, and files; nothing of it is in effect until the keeper's `commit`
/// lists it in a new snapshot and points a new timestamp to that. Files with a version are written once and never
/// changed; the timestamp is replaced only if it is the one that was read, so that of two keepers one fails and does it
/// again. What is written is verified first, as a client would.
package struct RepositoryEditor {
    /// The newest root.
    package internal(set) var root: MetadataDocument<RootMetadata>
    /// What is in effect; nil before the first commit.
    package internal(set) var timestamp: MetadataDocument<TimestampMetadata>?
    package internal(set) var snapshot: MetadataDocument<SnapshotMetadata>?
    /// The newest valid version of every targets role that is delegated to, committed or not.
    package internal(set) var roles: [RoleName: TargetsMetadata]
    /// Roles whose committed version is no longer signed as their delegators ask, with the reason: after a change of keys.
    /// They are to be published anew; until then nothing is committed.
    package internal(set) var needSignature: [RoleName: String]
    /// Files that are not what their names say, or not signed as they must be, with the reason. They are not used.
    package internal(set) var rejected: [(file: String, reason: String)]
    /// Roles of which a proposed version is taken for granted that not all have signed who must: what follows it can be
    /// made. Never of a repository that is written to.
    package internal(set) var assumed: Set<RoleName>

    var storage: any RepositoryStorage
    let limits: UpdateLimits
    var timestampBytes: [UInt8]?
    /// The bytes behind `roles`, for the snapshot.
    var files: [RoleName: MetaFile]
    /// The versions of every role that there are files of, valid or not: a new one takes a number that is free.
    var takenVersions: [RoleName: Set<Int>]

    init(storage: any RepositoryStorage, root: MetadataDocument<RootMetadata>, limits: UpdateLimits) {
        self.storage = storage
        self.root = root
        self.limits = limits
        roles = [:]
        files = [:]
        needSignature = [:]
        rejected = []
        assumed = []
        takenVersions = [:]
    }

    /// Begins a repository: writes its first root, signed by those of the signers that are the root's keys.
    package static func create(
        in storage: any RepositoryStorage,
        root: RootMetadata,
        signers: [any MetadataSigner],
        limits: UpdateLimits = UpdateLimits()
    ) throws -> RepositoryEditor {
        guard try storage.metadataNames().isEmpty else { throw RepositoryError.exists }
        var staged = StagedMetadata.root(try MetadataDocument(root, role: .root))
        _ = try staged.sign(with: signers, for: SigningAuthority.overRoot(root, after: nil))
        return try begin(in: storage, staged, limits: limits)
    }

    /// Writes the first root, signed by those who must.
    static func begin(
        in storage: any RepositoryStorage,
        _ staged: StagedMetadata,
        limits: UpdateLimits
    ) throws -> RepositoryEditor {
        guard case .root(let document) = staged else { throw RepositoryError.incomplete(missing: "root") }
        try staged.verify(SigningAuthority.overRoot(document.body, after: nil))
        let name = "\(document.body.version).\(RoleName.root.listedName)"
        let editor = RepositoryEditor(storage: storage, root: document, limits: limits)
        let bytes = document.encoded()
        try editor.checkReadable(bytes, .root, version: document.body.version)
        guard try storage.create(bytes, at: .metadata(name)) else { throw RepositoryError.exists }
        return editor
    }
}
