internal import Digest
internal import FileSystem
package import UpdateFramework

extension Registry {
    /// Makes a repository in a folder beside, and puts it where it is to be. The first root, by which a repository is one,
    /// comes last but for the timestamp: what was cut off before is no repository, and may be made again.
    ///
    /// Throws `exists` where there is a repository.
    package static func place(
        in storage: any RepositoryStorage,
        keys: KeyFolder,
        making make: (_ folder: String) throws -> Created
    ) throws -> Created {
        if let directory = storage as? RepositoryDirectory { return try make(directory.folder) }
        let first = RepositoryPath.metadata("1.root.json")
        guard try storage.status(of: first) == nil, try !isProposed(in: storage) else {
            throw RegistryError.exists(path: storage.name)
        }
        let scratch = try TemporaryDirectory(prefix: "edgepack-init")
        let folder = FileSystem.join(scratch.path, "repository")
        let wasPinned = try keys.trustedRoot() != nil
        var made = try make(folder)
        do {
            try upload(RepositoryDirectory(folder), to: storage)
        } catch {
            // Keys are for a repository only once there is one.
            if !wasPinned, let pin = keys.trustedRootPath { try? FileSystem.removeFile(pin) }
            throw error
        }
        if made.rootPath != nil { made.rootPath = "\(storage.name)/\(first)" }
        return made
    }

    private static func upload(_ directory: RepositoryDirectory, to storage: any RepositoryStorage) throws {
        let root = RepositoryPath.metadata("1.root.json")
        let timestamp = RepositoryPath.metadata(RoleName.timestamp.listedName)
        let files = try ["metadata", "targets", "proposals", "blobs"].flatMap { try directory.files(below: $0) }
        for file in files where file.path != root && file.path != timestamp {
            try storage.put(file.path, bytes: file.bytes) { sink in
                try directory.fetch(file.path, limitBytes: file.bytes, receive: sink)
            }
        }
        for path in [root, timestamp] {
            guard let bytes = try directory.read(path, limitBytes: UpdateLimits().rootBytes) else { continue }
            guard try storage.create(bytes, at: path) else { throw RegistryError.exists(path: storage.name) }
        }
    }
}
