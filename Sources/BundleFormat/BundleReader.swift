package import BundleManifest
package import Digest
internal import FileSystem
internal import JSON
internal import Zstd

/// What is told of a bundle while it is read, in the order of the archive.
package protocol BundleVisitor: AnyObject {
    /// The manifest and the tables are read and are what their digests say.
    func begin(_ head: BundleHead) throws
    func begin(_ file: TableOfContents.File, in component: ComponentName) throws
    /// The next piece of the file's content; its digest is right.
    func content(_ bytes: [UInt8]) throws
    /// The file has ended and its digest is right.
    func endFile() throws
}

/// Reads a bundle file from front to back, once, and checks every byte of it.
///
/// The tar headers and the index are made again from the manifest, the tables and the frames' sizes, and compared: what
/// plain tar extracts and what this reader accepts can't be two things. Memory stays at a few chunks.
package struct BundleReader: Sendable {
    /// Content may be this many times the size of the file, and this many bytes whatever the size. Real bundles have
    /// 2 to 5 times; only zeros and the like have more.
    private static let ratioLimit = 200
    private static let contentFloor = 256 << 20

    /// Threads that decompress and hash.
    package var threads: Int

    package init(threads: Int) { self.threads = max(1, threads) }

    /// What a whole reading found.
    package struct Archive: Sendable {
        package let head: BundleHead
        /// Bytes up to the end of the index: the file as it was built.
        package let builtSize: Int
        /// SHA-256 of the bytes before the index, and of the index; together they tell these bytes from any others.
        package let contentDigest: SHA256Digest
        package let indexDigest: SHA256Digest
        package let indexSize: Int
        package let appended: [AppendedFrame]
    }

    /// The manifest and tables only, from the front of the file.
    package func readHead(_ path: String) throws -> BundleHead {
        var scanner = FrameScanner(try File.open(path))
        return try HeadReader().read(&scanner).head
    }

    /// Reads all of the file. Throws BundleError and FileError at the first byte that is not as it must be, having told
    /// `visitor` nothing that is wrong.
    @discardableResult
    package func read(_ path: String, visitor: any BundleVisitor) throws -> Archive {
        let file = try File.open(path)
        let size = try file.status().size
        var scanner = FrameScanner(file)
        let (head, headSizes) = try HeadReader().read(&scanner)
        try Self.checkDensity(of: head, inArchiveOf: size, path: path)
        try visitor.begin(head)
        var components: [(ComponentName, [Int])] = []
        let pool = OrderedPool<FrameJob, [UInt8]>(threads: threads) {
            let decompressor = try ZstdDecompressor()
            return { try $0.run(decompressor) }
        }
        defer { pool.close() }
        for table in head.tables {
            var unpacker = ComponentUnpacker(table, pool: pool, depth: threads + 1, archive: path)
            try unpacker.run(&scanner, visitor: visitor)
            components.append((table.component, unpacker.frameSizes))
        }
        return try readEnd(&scanner, head, headSizes, components)
    }

    /// Throws `tooDense` where the content is out of all proportion to an archive of `size` bytes.
    static func checkDensity(of head: BundleHead, inArchiveOf size: Int, path: String) throws(BundleError) {
        let limit = contentFloor + min(size, ArchiveIndex.Directory.largestOffset) * ratioLimit
        guard head.contentBytes <= limit else {
            throw .tooDense(path: path, content: head.contentBytes, limit: limit)
        }
    }

    private func readEnd(
        _ scanner: inout FrameScanner,
        _ head: BundleHead,
        _ headSizes: [Int],
        _ components: [(ComponentName, [Int])]
    ) throws -> Archive {
        guard let end = try scanner.next(limit: 4096) else { throw scanner.truncated }
        let decompressor = try ZstdDecompressor()
        let zeros = try? end.withUnsafeBytes { try decompressor.decompress(frame: $0, limit: TarHeader.end.count) }
        guard zeros == TarHeader.end else { throw scanner.malformed("expected the end of the tar archive") }

        let digest = scanner.takeDigest()
        guard let indexFrame = try scanner.next(limit: AppendedFrame.sizeLimit) else { throw scanner.truncated }
        let payload = Array(indexFrame.dropFirst(8))
        guard let compressor = ArchiveIndex.compressor(inPayload: payload) else {
            throw scanner.malformed("expected the index")
        }
        let index = ArchiveIndex(
            head: headSizes,
            components: components,
            compressor: compressor,
            archiveDigest: digest
        )
        guard indexFrame == SkippableFrame.bytes(magic: SkippableFrame.indexMagic, payload: index.payload()) else {
            throw scanner.malformed("the index does not fit the bytes before it: one of the two was changed")
        }
        let builtSize = scanner.offset
        let indexDigest = scanner.takeDigest()

        var appended: [AppendedFrame] = []
        var total = 0
        while let frame = try scanner.next(limit: AppendedFrame.sizeLimit) {
            total += frame.count
            guard let known = AppendedFrame(frame: frame), appended.count < AppendedFrame.countLimit,
                total <= AppendedFrame.totalLimit
            else { throw scanner.malformed("something other than a few appended frames follows the bundle") }
            appended.append(known)
        }
        return Archive(
            head: head,
            builtSize: builtSize,
            contentDigest: digest,
            indexDigest: indexDigest,
            indexSize: indexFrame.count,
            appended: appended
        )
    }
}

extension FrameScanner {
    var truncated: BundleError { .truncated(path: path, at: offset) }
}

/// Reads the frames of MANIFEST.json and the tables of contents.
private struct HeadReader {
    func read(_ scanner: inout FrameScanner) throws -> (head: BundleHead, frameSizes: [Int]) {
        var sizes: [Int] = []
        let path = scanner.path
        let manifest = try entry(BundleLayout.manifestPath, limit: Manifest.limits.bytes, &scanner, &sizes)
        let head = try BundleHead(manifest, of: path) { table throws in
            try entry(table, limit: TableOfContents.limits.bytes, &scanner, &sizes)
        }
        return (head, sizes)
    }

    /// The content of a tar entry that has a frame of its own.
    private func entry(
        _ name: String,
        limit: Int,
        _ scanner: inout FrameScanner,
        _ sizes: inout [Int]
    ) throws -> [UInt8] {
        let offset = scanner.offset
        guard let frame = try scanner.next(limit: HeadEntry.largestFrame(limit: limit)) else { throw scanner.truncated }
        let content = try HeadEntry.content(
            ofFrame: frame,
            name: name,
            limit: limit,
            path: scanner.path,
            offset: offset
        )
        sizes.append(frame.count)
        return content
    }
}
