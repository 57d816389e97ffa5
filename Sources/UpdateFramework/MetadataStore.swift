internal import FileSystem

/// Where a client keeps the metadata that it trusts.
package protocol MetadataStore {
    /// The bytes as they were written, or nil where nothing was.
    func read(_ file: StoredMetadata, limitBytes: Int) throws -> [UInt8]?
    /// Replaces the file as a whole: after a failure or a power cut the old one is there, or the new one.
    func write(_ bytes: [UInt8], to file: StoredMetadata) throws
    /// Removes the file; none there is fine.
    func remove(_ file: StoredMetadata) throws
    /// What messages call the store.
    var name: String { get }
}

/// A file of the store.
package enum StoredMetadata: Hashable, Sendable {
    /// The newest trusted metadata of a role, byte for byte as it was served.
    case role(RoleName)
    /// A root by its version: every one that was trusted. It is written before `role(.root)` is replaced, and an update
    /// that was cut off in between goes on from it.
    case rootHistory(Int)

    /// `timestamp.json`, or `root_history/7.root.json`.
    package var path: String {
        switch self {
        case .role(let role): role.storedName
        case .rootHistory(let version): "root_history/\(version).root.json"
        }
    }
}

/// The store as a folder.
package struct MetadataDirectory: MetadataStore {
    package let folder: String

    package init(_ folder: String) { self.folder = folder }

    package var name: String { folder }

    private func path(_ file: StoredMetadata) -> String { FileSystem.join(folder, file.path) }

    package func read(_ file: StoredMetadata, limitBytes: Int) throws -> [UInt8]? {
        let path = path(file)
        guard try FileSystem.statusFollowingLinks(of: path) != nil else { return nil }
        return try FileSystem.read(path, limit: limitBytes)
    }

    package func write(_ bytes: [UInt8], to file: StoredMetadata) throws {
        let path = path(file)
        try FileSystem.createDirectories(FileSystem.parent(of: path))
        try FileSystem.write(bytes, to: path)
    }

    package func remove(_ file: StoredMetadata) throws {
        let path = path(file)
        guard try FileSystem.status(of: path) != nil else { return }
        try FileSystem.removeFile(path)
        try FileSystem.synchronizeDirectory(FileSystem.parent(of: path))
    }
}

/// The store for as long as it is referred to: for checking a repository without leaving anything.
package final class MemoryMetadataStore: MetadataStore {
    package private(set) var files: [StoredMetadata: [UInt8]] = [:]

    package init() {}

    package var name: String { "memory" }

    package func read(_ file: StoredMetadata, limitBytes: Int) throws -> [UInt8]? { files[file] }

    package func write(_ bytes: [UInt8], to file: StoredMetadata) throws { files[file] = bytes }

    package func remove(_ file: StoredMetadata) throws { files[file] = nil }
}
