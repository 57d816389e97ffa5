internal import Deployment
internal import FileSystem
package import UpdateFramework
package import WallClock

/// A repository as its publishers see it: what exists, what is deployed, who may say so.
///
/// Every change writes the next version of one role, signed by that role's key; nothing is in effect before `commit`.
/// Where another publisher was faster the change is worked out and written again on top of theirs.
package struct Registry {
    package internal(set) var editor: RepositoryEditor
    package private(set) var policy: RegistryPolicy
    package let now: UTCTime
    package let storage: any RepositoryStorage
    let blobs: BlobStorage
    /// A proposal that is taken for granted, so that what follows it can be proposed beside; nothing is published then.
    var followed: Proposal?

    /// What messages call the repository, and commands take for it.
    package var name: String { storage.name }

    /// How often a change is tried again after another publisher was faster.
    static let attempts = 64

    /// Opens a repository.
    ///
    /// - Parameters:
    ///   - keys: where they hold the first root (`1.root.json`), the repository's must be that one: a writer then signs
    ///     for no other, whoever may change the storage.
    ///   - now: the time, from the clock; expiries are counted from it.
    package init(opening storage: any RepositoryStorage, keys: KeyFolder? = nil, now: UTCTime) throws {
        let first = RepositoryPath.metadata("1.root.json")
        guard let root = try storage.read(first, limitBytes: UpdateLimits().rootBytes) else {
            throw RegistryError.notARepository(path: storage.name)
        }
        self.storage = storage
        self.now = now
        blobs = BlobStorage(storage, now: now)
        if let pinned = try keys?.trustedRoot(), !Self.isSameRoot(root, pinned) {
            throw RegistryError.otherRepository(path: storage.name, pin: keys?.trustedRootPath ?? "")
        }
        editor = try RepositoryEditor(opening: storage)
        policy = RegistryPolicy()
        if let file = listed(RegistryPolicy.path, by: .targets) {
            policy = try RegistryPolicy.parse(try document(RegistryPolicy.path, file))
        }
    }

    /// Whether two first roots say the same, whoever has signed them by now: keys are made for a repository before all
    /// who must have signed its root.
    static func isSameRoot(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left != right else { return true }
        let documents = [left, right].compactMap {
            try? MetadataDocument<RootMetadata>(parsing: $0, as: .root, limitBytes: UpdateLimits().rootBytes)
        }
        return documents.count == 2 && documents[0].signedBytes == documents[1].signedBytes
    }

    /// Opens a repository in a folder.
    package init(opening folder: String, keys: KeyFolder? = nil, now: UTCTime) throws {
        try self.init(opening: RepositoryDirectory(folder), keys: keys, now: now)
    }

    /// What was written anew for other publishers' sake is lost with the old view.
    mutating func reopen() throws {
        editor = try RepositoryEditor(opening: storage)
        if let followed { editor = try editor.assuming(followed) }
    }
}

func targetPath(_ text: String) throws(RepositoryError) -> TargetPath {
    guard let path = TargetPath(text) else { throw .badTargetPath(text) }
    return path
}

// MARK: changing

extension Registry {
    /// Throws where no key of the role is here: `keyMissing`, or `wrongKey` where another one lies in its place.
    func requireKey(of role: RegistryRole, _ keys: KeyFolder) throws {
        let trusted = authorities(over: role).flatMap { authority in
            authority.roleKeys.keyIDs.compactMap { authority.keys[$0] }
        }
        guard try !keys.holdsAny(of: trusted) else { return }
        throw try missingKey(of: role, keys)
    }

    func missingKey(of role: RegistryRole, _ keys: KeyFolder) throws -> RegistryError {
        let path = keys.path(of: role)
        return try keys.holds(role)
            ? .wrongKey(role: role.text, path: path) : .keyMissing(role: role.text, path: path)
    }

    func keyIDs(of role: RegistryRole) -> [String] { authorities(over: role).flatMap(\.roleKeys.keyIDs) }

    /// Whether something was published that is not in effect yet.
    package var hasUncommitted: Bool {
        guard let snapshot = editor.snapshot?.body else { return true }
        return editor.roles.contains { role, metadata in snapshot[role]?.version != metadata.version }
    }

    /// Roles that expire before a moment, with the time; boxes then refuse what they say. The keeper's are not among
    /// them: `commit` renews those.
    package func expiring(before moment: UTCTime) -> [(role: String, expires: UTCTime)] {
        let root = editor.root.body
        let found =
            [(RoleName.root, root.expires)] + editor.roles.map { ($0.key, $0.value.expires) }
        return found.filter { $0.1 < moment }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map { ($0.0.text, $0.1) }
    }

    /// Signs a role's present content anew, so that it is good for its whole lifetime again.
    package mutating func refresh(_ role: RegistryRole, keys: KeyFolder) throws -> ChangeEffect {
        switch role {
        case .root: return try changeRoot(keys: keys) { _ in RootChange(result: ()) { _ in } }.effect
        case .snapshot, .timestamp:
            try requireKey(of: role, keys)
            return .none
        default: return try change(role, keys: keys) { _ in Change(result: ()) { _ in } }.effect
        }
    }
}

// MARK: reading

extension Registry {
    /// The most that is read of a document, whatever a role lists.
    static let documentLimit = 16 << 20

    /// The file that the newest version of a role lists under a path.
    func listed(_ path: String, by role: RegistryRole) -> TargetFile? { listed(path, editor, role) }

    func listed(_ path: String, _ editor: RepositoryEditor, _ role: RegistryRole) -> TargetFile? {
        editor.roles[role.name]?.targets[path]
    }

    /// The bytes of a listed document, checked.
    func document(_ path: String, _ file: TargetFile) throws -> [UInt8] {
        let place = try targetPath(path).repositoryPath(hashPrefix: file.hashes.fileNamePrefix)
        let repositoryPath = RepositoryPath(components: ["targets"] + place.components)
        guard let bytes = try storage.read(repositoryPath, limitBytes: min(file.length, Self.documentLimit)) else {
            throw RegistryError.damaged(path: path, reason: "its file is missing")
        }
        guard bytes.count == file.length, FileHashes(of: bytes).sha256 == file.hashes.sha256 else {
            throw RegistryError.damaged(path: path, reason: "it is not what signed metadata says")
        }
        return bytes
    }
}
