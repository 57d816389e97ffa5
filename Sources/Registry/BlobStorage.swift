internal import Deployment
internal import Digest
internal import FileSystem
internal import UpdateFramework
internal import WallClock

/// The big bytes of a repository, `blobs/SHA256`: written once, never changed, found by their digest. They go through a
/// piece at a time, never whole in memory.
struct BlobStorage {
    let storage: any RepositoryStorage
    private let now: UTCTime

    init(_ storage: any RepositoryStorage, now: UTCTime) {
        self.storage = storage
        self.now = now
    }

    /// Whether a file of this name and size is there; its bytes are not looked at.
    func holds(_ blob: BundleRecord.Blob) throws -> Bool {
        try storage.status(of: blob.repositoryPath)?.bytes == blob.bytes
    }

    /// Whether it is there, and so young that no gc takes it away before it is named.
    private func holdsForLong(_ blob: BundleRecord.Blob) throws -> Bool {
        guard let status = try storage.status(of: blob.repositoryPath), status.bytes == blob.bytes else { return false }
        return now < status.modified.advanced(by: RepositoryGarbage.leastGrace / 2)
    }

    func store(_ bytes: [UInt8]) throws -> BundleRecord.Blob {
        let blob = BundleRecord.Blob(digest: SHA256.digest(bytes), bytes: bytes.count)
        guard try !holdsForLong(blob) else { return blob }
        try storage.put(blob.repositoryPath, bytes: bytes.count) { sink in try bytes.withUnsafeBytes { try sink($0) } }
        return blob
    }

    /// Stores the front of a file under its digest, unless it is there.
    ///
    /// - Parameter parts: sizes and digests of what is stored, one after another, from whoever has checked the file;
    ///   throws `changed` where it is another by now.
    func store(_ source: String, parts: [(size: Int, digest: SHA256Digest)]) throws -> BundleRecord.Blob {
        let file = try File.open(source)
        // Where it is to be stored, only its digest tells; so it is read once before.
        let blob = BundleRecord.Blob(
            digest: try Self.read(file, parts: parts) { _ in },
            bytes: parts.reduce(0) { $0 + $1.size }
        )
        guard try !holdsForLong(blob) else { return blob }
        try storage.put(blob.repositoryPath, bytes: blob.bytes) { sink in
            guard try Self.read(file, parts: parts, into: sink) == blob.digest else {
                throw FileError.changed(path: source)
            }
        }
        return blob
    }

    /// Hands on the front of a file, each part of which has to have its digest, and returns the digest of it all.
    private static func read(
        _ file: borrowing File,
        parts: [(size: Int, digest: SHA256Digest)],
        into sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> SHA256Digest {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var whole = SHA256()
        var start = 0
        for part in parts {
            var digest = SHA256()
            var offset = start
            while offset < start + part.size {
                let count = min(buffer.count, start + part.size - offset)
                let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
                try file.readFully(at: offset, into: piece)
                let bytes = UnsafeRawBufferPointer(piece)
                digest.update(bytes)
                whole.update(bytes)
                try sink(bytes)
                offset += count
            }
            guard digest.finalize() == part.digest else { throw FileError.changed(path: file.path) }
            start += part.size
        }
        return whole.finalize()
    }
}

extension BundleRecord.Blob {
    var repositoryPath: RepositoryPath { RepositoryPath(components: ["blobs", digest.hex]) }
}
