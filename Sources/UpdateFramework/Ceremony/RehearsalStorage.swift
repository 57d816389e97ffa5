internal import WallClock

/// A storage over another one, to try out what would come of changes: what is written stays in memory.
package final class RehearsalStorage: RepositoryStorage {
    private let base: any RepositoryStorage
    /// Nil for a file that was removed.
    private var written: [RepositoryPath: [UInt8]?] = [:]

    package init(_ base: any RepositoryStorage) { self.base = base }

    package var name: String { base.name }

    package func files(below folder: String) throws -> [StoredFile] {
        let kept = try base.files(below: folder).filter { written[$0.path] == nil }
        let prefix = folder.split(separator: "/").map(String.init)
        let fresh = written.compactMap { path, bytes in
            path.components.starts(with: prefix) ? bytes.map { Self.file(path, $0) } : nil
        }
        return (kept + fresh).sorted { $0.path.components.lexicographicallyPrecedes($1.path.components) }
    }

    private static func file(_ path: RepositoryPath, _ bytes: [UInt8]) -> StoredFile {
        StoredFile(path: path, bytes: bytes.count, modified: UTCTime(seconds: 0))
    }

    package func status(of path: RepositoryPath) throws -> StoredFile? {
        if let entry = written[path] { return entry.map { Self.file(path, $0) } }
        return try base.status(of: path)
    }

    package func read(_ path: RepositoryPath, limitBytes: Int) throws -> [UInt8]? {
        guard let entry = written[path] else { return try base.read(path, limitBytes: limitBytes) }
        guard let bytes = entry else { return nil }
        guard bytes.count <= limitBytes else {
            throw TransportError.tooLarge(path.description, limitBytes: limitBytes)
        }
        return bytes
    }

    package func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard written[path] != nil else { return try base.fetch(path, limitBytes: limitBytes, receive: receive) }
        guard let bytes = try read(path, limitBytes: limitBytes) else {
            throw TransportError.notFound(path.description)
        }
        try bytes.withUnsafeBytes(receive)
    }

    package func create(_ bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        try replace(nil, with: bytes, at: path)
    }

    package func replace(_ old: [UInt8]?, with bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        if let old {
            guard let status = try status(of: path), status.bytes == old.count,
                try read(path, limitBytes: old.count) == old
            else { return false }
        } else if try status(of: path) != nil {
            return false
        }
        written[path] = .some(bytes)
        return true
    }

    package func put(_ path: RepositoryPath, bytes: Int, from source: ByteSource) throws {
        var gathered: [UInt8] = []
        try source { gathered.append(contentsOf: $0) }
        written[path] = .some(gathered)
    }

    package func remove(_ path: RepositoryPath) throws { written[path] = .some(nil) }
}
