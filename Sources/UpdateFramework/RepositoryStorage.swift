internal import FileSystem
internal import Glibc
package import WallClock

/// A file as a storage lists it.
package struct StoredFile: Sendable, Equatable {
    package let path: RepositoryPath
    package let bytes: Int
    /// When it was written, by the storage's clock.
    package let modified: UTCTime

    package init(path: RepositoryPath, bytes: Int, modified: UTCTime) {
        self.path = path
        self.bytes = bytes
        self.modified = modified
    }
}

/// Where a repository is written: a folder, an object store. Paths begin with `metadata`, `targets`, `blobs` or
/// `proposals`. As a transport it hands over files from all of them, of any size, a piece at a time.
package protocol RepositoryStorage: RepositoryTransport {
    /// What messages call it: `repo`, `s3://models/edge`.
    var name: String { get }
    /// All files below a folder such as `metadata`, in the order of their paths; none where there is no such folder.
    func files(below folder: String) throws -> [StoredFile]
    /// What is known of a file without its bytes; nil where there is none.
    func status(of path: RepositoryPath) throws -> StoredFile?
    /// The file's bytes, or nil where there is none.
    func read(_ path: RepositoryPath, limitBytes: Int) throws -> [UInt8]?
    /// Writes a file that isn't there; false where it is, which then stays as it is.
    func create(_ bytes: [UInt8], at path: RepositoryPath) throws -> Bool
    /// Writes a file in the place of exactly these bytes (nil: of none); false where something else is there, which then
    /// stays as it is. Of several callers at once one gets true.
    func replace(_ old: [UInt8]?, with bytes: [UInt8], at path: RepositoryPath) throws -> Bool
    /// Writes a file of any size, in the place of what may be there: for files whose names tell their content. Whole or
    /// not at all.
    ///
    /// - Parameters:
    ///   - bytes: how many `source` hands over.
    ///   - source: called once; hands the bytes to what it is given, a piece at a time. What it throws leaves what was
    ///     there as it was.
    func put(_ path: RepositoryPath, bytes: Int, from source: ByteSource) throws
    /// Removes a file; none there is fine.
    func remove(_ path: RepositoryPath) throws
}

/// Hands bytes over, a piece at a time.
package typealias ByteSource = (_ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

extension RepositoryPath {
    /// `metadata/NAME`.
    package static func metadata(_ name: String) -> RepositoryPath { RepositoryPath(components: ["metadata", name]) }
}

extension RepositoryStorage {
    /// All files directly below `metadata`.
    func metadataFiles() throws -> [StoredFile] {
        try files(below: "metadata").filter { $0.path.components.count == 2 }
    }

    /// Their names.
    func metadataNames() throws -> [String] { try metadataFiles().compactMap(\.path.components.last) }
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

    package var name: String { folder }

    package func files(below folder: String) throws -> [StoredFile] {
        var found: [StoredFile] = []
        var open = [folder.split(separator: "/").map(String.init)]
        while let components = open.popLast() {
            let place = FileSystem.join(self.folder, components.joined(separator: "/"))
            guard try FileSystem.statusFollowingLinks(of: place)?.kind == .directory else { continue }
            for name in try FileSystem.names(in: place) {
                // One that is gone by now was a writer's temporary name.
                guard var status = try FileSystem.status(of: FileSystem.join(place, name)) else { continue }
                if status.kind == .symbolicLink {
                    // One to a folder may lead back here, one that leads nowhere is no file.
                    let target = try? FileSystem.statusFollowingLinks(of: FileSystem.join(place, name))
                    guard let target, target.kind == .regular else { continue }
                    status = target
                }
                switch status.kind {
                case .directory: open.append(components + [name])
                case .regular:
                    let path = RepositoryPath(components: components + [name])
                    let modified = UTCTime(seconds: Int64(status.modifiedSeconds))
                    found.append(StoredFile(path: path, bytes: status.size, modified: modified))
                default: continue
                }
            }
        }
        return found.sorted { $0.path.components.lexicographicallyPrecedes($1.path.components) }
    }

    package func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try DirectoryTransport(folder).fetch(path, limitBytes: limitBytes, receive: receive)
    }

    package func status(of path: RepositoryPath) throws -> StoredFile? {
        guard let status = try FileSystem.statusFollowingLinks(of: try place(path)), status.kind == .regular else {
            return nil
        }
        let modified = UTCTime(seconds: Int64(status.modifiedSeconds))
        return StoredFile(path: path, bytes: status.size, modified: modified)
    }

    package func put(_ path: RepositoryPath, bytes: Int, from source: ByteSource) throws {
        let place = try place(path)
        try FileSystem.createDirectories(FileSystem.parent(of: place))
        let file = try AtomicFile(at: place)
        var written = 0
        try source { piece in
            try file.write(piece)
            written += piece.count
        }
        guard written == bytes else { throw FileError.changed(path: place) }
        try file.commit()
    }

    package func remove(_ path: RepositoryPath) throws {
        let place = try place(path)
        guard try FileSystem.status(of: place) != nil else { return }
        try FileSystem.removeFile(place)
        try FileSystem.synchronizeDirectory(FileSystem.parent(of: place))
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
