internal import FileSystem
internal import Glibc

/// Where a repository is written: a folder, an object store. Paths begin with `metadata` or `targets`.
package protocol RepositoryStorage {
    /// The names of all files directly below `metadata`.
    func metadataNames() throws -> [String]
    /// The file's bytes, or nil where there is none.
    func read(_ path: RepositoryPath, limitBytes: Int) throws -> [UInt8]?
    /// Writes a file that isn't there; false where it is, which then stays as it is.
    func create(_ bytes: [UInt8], at path: RepositoryPath) throws -> Bool
    /// Writes a file in the place of exactly these bytes (nil: of none); false where something else is there, which then
    /// stays as it is. Of several callers at once one gets true.
    func replace(_ old: [UInt8]?, with bytes: [UInt8], at path: RepositoryPath) throws -> Bool
}

extension RepositoryPath {
    /// `metadata/NAME`.
    package static func metadata(_ name: String) -> RepositoryPath { RepositoryPath(components: ["metadata", name]) }
}

/// A repository in a folder, which a web server may serve as it stands.
package struct RepositoryDirectory: RepositoryStorage {
    package let folder: String

    package init(_ folder: String) { self.folder = folder }

    /// For a client of the folder.
    package var metadataTransport: DirectoryTransport { DirectoryTransport(FileSystem.join(folder, "metadata")) }
    package var targetsTransport: DirectoryTransport { DirectoryTransport(FileSystem.join(folder, "targets")) }

    private func place(_ path: RepositoryPath) throws(FileError) -> String {
        guard let relative = path.filePath else {
            throw FileError.failed(operation: "write", path: path.description, code: EINVAL)
        }
        return FileSystem.join(folder, relative)
    }

    package func metadataNames() throws -> [String] {
        let place = FileSystem.join(folder, "metadata")
        guard try FileSystem.statusFollowingLinks(of: place) != nil else { return [] }
        return try FileSystem.names(in: place)
    }

    package func read(_ path: RepositoryPath, limitBytes: Int) throws -> [UInt8]? {
        let place = try place(path)
        guard try FileSystem.statusFollowingLinks(of: place) != nil else { return nil }
        return try FileSystem.read(place, limit: limitBytes)
    }

    package func create(_ bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        try replace(nil, with: bytes, at: path)
    }

    package func replace(_ old: [UInt8]?, with bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        let place = try place(path)
        try FileSystem.createDirectories(FileSystem.parent(of: place))
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        if let old {
            // A file that is larger than the expected one is another.
            guard let status = try FileSystem.statusFollowingLinks(of: place), status.size == old.count,
                try FileSystem.read(place, limit: old.count) == old
            else { return false }
        } else if try FileSystem.status(of: place) != nil {
            return false
        }
        try FileSystem.write(bytes, to: place)
        return true
    }

    /// Keeps other writers out until it is closed; the system closes it when a writer is killed.
    private func lock() throws -> File {
        let path = FileSystem.join(folder, ".lock")
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.failed(operation: "open", path: path, code: errno) }
        let file = File(descriptor: descriptor, path: path)
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw FileError.failed(operation: "lock", path: path, code: errno) }
        }
        return file
    }
}
