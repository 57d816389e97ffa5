internal import Deployment
internal import Digest
internal import FileSystem

/// The big bytes of a repository, `blobs/SHA256`: written once, never changed, found by their digest.
struct BlobFolder {
    let folder: String

    init(of repository: String) { folder = FileSystem.join(repository, "blobs") }

    func path(of digest: SHA256Digest) -> String { FileSystem.join(folder, digest.hex) }

    /// Whether a file of this name and size is there; its bytes are not looked at.
    func holds(_ blob: BundleRecord.Blob) throws -> Bool {
        guard let status = try FileSystem.statusFollowingLinks(of: path(of: blob.digest)) else { return false }
        return status.kind == .regular && status.size == blob.bytes
    }

    func store(_ bytes: [UInt8]) throws -> BundleRecord.Blob {
        let blob = BundleRecord.Blob(digest: SHA256.digest(bytes), bytes: bytes.count)
        guard try !holds(blob) else { return blob }
        try FileSystem.createDirectories(folder)
        try FileSystem.write(bytes, to: path(of: blob.digest))
        return blob
    }

    /// Copies the front of a file, a piece at a time, and puts it on the disk under its digest, unless it is there.
    ///
    /// - Parameter parts: sizes and digests of what is copied, one after another, from whoever has checked the file;
    ///   throws `changed` where it is another by now.
    func store(_ source: String, parts: [(size: Int, digest: SHA256Digest)]) throws -> BundleRecord.Blob {
        try FileSystem.createDirectories(folder)
        let file = try File.open(source)
        var copy = try AtomicFile(at: FileSystem.join(folder, "incoming"))
        var whole = SHA256()
        var offset = 0
        for part in parts {
            let found = try copyPart(of: file, from: offset, count: part.size, to: copy, hashing: &whole)
            guard found == part.digest else { throw FileError.changed(path: source) }
            offset += part.size
        }
        let blob = BundleRecord.Blob(digest: whole.finalize(), bytes: offset)
        guard try !holds(blob) else { return blob }
        copy.rename(to: blob.digest.hex)
        try copy.commit()
        return blob
    }

    /// Copies some bytes and returns their digest; `whole` goes on over all that it is given.
    private func copyPart(
        of file: borrowing File,
        from start: Int,
        count: Int,
        to copy: borrowing AtomicFile,
        hashing whole: inout SHA256
    ) throws -> SHA256Digest {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var digest = SHA256()
        var offset = start
        while offset < start + count {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, start + count - offset)])
            try file.readFully(at: offset, into: piece)
            let bytes = UnsafeRawBufferPointer(piece)
            digest.update(bytes)
            whole.update(bytes)
            try copy.write(bytes)
            offset += piece.count
        }
        return digest.finalize()
    }

    /// Whether the bytes of a blob are what its name says; throws where they can't be read.
    func isWhole(_ blob: BundleRecord.Blob) throws -> Bool {
        let file = try File.open(path(of: blob.digest))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var digest = SHA256()
        var total = 0
        while case let count = try file.read(into: buffer), count > 0 {
            digest.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            total += count
        }
        let found = digest.finalize()
        return total == blob.bytes && found == blob.digest
    }

    func digests() throws -> [String] {
        guard try FileSystem.statusFollowingLinks(of: folder) != nil else { return [] }
        return try FileSystem.names(in: folder)
    }
}
