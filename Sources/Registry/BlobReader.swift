internal import Deployment
internal import Digest
internal import FileSystem
internal import UpdateFramework

/// Reads blobs of a repository, wherever it lies.
struct BlobReader {
    let source: RepositorySource

    /// What is wrong with a blob as a whole: that it is missing, or has other bytes.
    enum Fault: Equatable {
        case missing
        case otherSize(Int)
        /// Larger than it should be; how much nobody looked.
        case tooLarge
        case otherBytes
    }

    /// Reads a blob, hands its bytes to `sink`, and says at the end what was wrong; nil where nothing was.
    func read(_ blob: BundleRecord.Blob, into sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Fault? {
        if let fault = try faultOfSize(blob) { return fault }
        var digest = SHA256()
        var total = 0
        do {
            try source.transport.fetch(blob.repositoryPath, limitBytes: blob.bytes) { piece in
                digest.update(piece)
                total += piece.count
                try sink(piece)
            }
        } catch let error as TransportError {
            switch error {
            case .notFound: return .missing
            case .tooLarge: return .tooLarge
            case .unavailable: throw error
            }
        }
        guard total == blob.bytes else { return .otherSize(total) }
        return digest.finalize() == blob.digest ? nil : .otherBytes
    }

    /// What a listing can tell without reading the blob; nil behind a plain URL.
    func faultOfSize(_ blob: BundleRecord.Blob) throws -> Fault? {
        guard let storage = source.storage else { return nil }
        guard let status = try storage.status(of: blob.repositoryPath) else { return .missing }
        return status.bytes == blob.bytes ? nil : .otherSize(status.bytes)
    }

    /// The bytes of a small blob, checked.
    func bytes(of blob: BundleRecord.Blob, limitBytes: Int, neededBy: String) throws -> [UInt8] {
        guard blob.bytes <= limitBytes else {
            throw TransportError.tooLarge(blob.path, limitBytes: limitBytes)
        }
        var bytes: [UInt8] = []
        try require(read(blob) { bytes.append(contentsOf: $0) }, blob, neededBy)
        return bytes
    }

    /// Writes a blob to a storage.
    func copy(_ blob: BundleRecord.Blob, to storage: any RepositoryStorage, neededBy: String) throws {
        try storage.put(blob.repositoryPath, bytes: blob.bytes) { sink in
            try require(read(blob, into: sink), blob, neededBy)
        }
    }

    /// Lends a file with a blob's bytes, checked: the repository's own where it is a folder, else a copy in `folder`.
    func withFile<Result>(
        of blob: BundleRecord.Blob,
        copiedInto folder: String,
        neededBy: String,
        _ body: (String) throws -> Result
    ) throws -> Result {
        if let directory = source.storage as? RepositoryDirectory {
            try require(read(blob) { _ in }, blob, neededBy)
            return try body(FileSystem.join(directory.folder, blob.path))
        }
        let scratch = try TemporaryDirectory(in: folder, prefix: ".edgepack")
        let place = FileSystem.join(scratch.path, blob.digest.hex)
        let file = try File.create(place)
        try require(read(blob) { try file.write($0) }, blob, neededBy)
        return try body(place)
    }

    private func require(_ fault: Fault?, _ blob: BundleRecord.Blob, _ neededBy: String) throws(RegistryError) {
        switch fault {
        case nil: return
        case .missing, .otherSize: throw .blobMissing(digest: blob.digest, neededBy: neededBy)
        case .tooLarge, .otherBytes: throw .damaged(path: blob.path, reason: "its bytes have another SHA-256")
        }
    }
}
