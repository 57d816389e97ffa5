package import UpdateFramework

/// What was fetched in one run, and how much it took.
package final class TransferRecord {
    package private(set) var requests = 0
    /// Of bodies; headers are not counted.
    package private(set) var bytes = 0
    /// By the path in the repository: `metadata/timestamp.json`.
    package private(set) var files: [String: [UInt8]] = [:]

    /// The most that is fetched in one run. All of it is in memory, and a repository for one box needs a small part.
    package static let mostBytes = 64 << 20
    package static let mostRequests = 20_000

    package init() {}

    /// Counts a request. Throws where a repository makes a box ask without an end.
    fileprivate func begin(_ path: String) throws {
        requests += 1
        guard requests <= Self.mostRequests else { throw TransportError.tooLarge(path, limitBytes: Self.mostBytes) }
    }

    fileprivate func count(_ piece: Int, _ path: String) throws {
        bytes += piece
        guard bytes <= Self.mostBytes else { throw TransportError.tooLarge(path, limitBytes: Self.mostBytes) }
    }

    fileprivate func finish(_ path: String, _ contents: [UInt8]) { files[path] = contents }
}

/// Hands a source's files on and keeps those that came whole.
package struct RecordingTransport: RepositoryTransport {
    private let source: any RepositoryTransport
    private let folder: String
    private let record: TransferRecord

    /// - Parameter folder: `metadata` or `targets`.
    package init(_ source: any RepositoryTransport, folder: String, into record: TransferRecord) {
        self.source = source
        self.folder = folder
        self.record = record
    }

    package func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        // What no folder can hold is not asked for: the inbox could not bring it to who verifies it.
        guard let relative = path.filePath else { throw TransportError.notFound(path.description) }
        let name = "\(folder)/\(relative)"
        try record.begin(name)
        var contents: [UInt8] = []
        try source.fetch(path, limitBytes: limitBytes) { piece in
            try record.count(piece.count, name)
            contents.append(contentsOf: piece)
            try receive(piece)
        }
        record.finish(name, contents)
    }
}

/// What the store holds, with what was written since in memory: for judging metadata without changing what is trusted.
package final class OverlayMetadataStore: MetadataStore {
    private let base: any MetadataStore
    /// Nil where the file was removed.
    private var changes: [StoredMetadata: [UInt8]?] = [:]

    package init(over base: any MetadataStore) { self.base = base }

    package var name: String { base.name }

    package func read(_ file: StoredMetadata, limitBytes: Int) throws -> [UInt8]? {
        if let change = changes[file] { return change }
        return try base.read(file, limitBytes: limitBytes)
    }

    package func write(_ bytes: [UInt8], to file: StoredMetadata) throws { changes[file] = .some(bytes) }

    package func remove(_ file: StoredMetadata) throws { changes[file] = .some(nil) }
}
