internal import BundleManifest
internal import Digest
internal import Zstd

/// Frames of one piece of a file, to be decompressed and compared with what the table of contents says.
struct FrameJob: Sendable {
    /// With the file's first piece: the frame of its header, and the bytes it must hold.
    let header: (frame: [UInt8], expected: [UInt8])?
    /// Nil for an empty file.
    let data: (frame: [UInt8], chunk: TableOfContents.Chunk)?
    /// Zero bytes behind the content.
    let padding: Int
    let archive: String
    /// Where the first of the frames starts, for errors.
    let offset: Int
    /// The file's path in the tree, for errors.
    let path: String

    /// The content of the piece.
    func run(_ decompressor: ZstdDecompressor) throws -> [UInt8] {
        do {
            if let header {
                let bytes = try header.frame.withUnsafeBytes {
                    try decompressor.decompress(frame: $0, limit: header.expected.count)
                }
                guard bytes == header.expected else { throw malformed("the tar header of \(path) is not its own") }
            }
            guard let data else { return [] }
            var bytes = try data.frame.withUnsafeBytes {
                try decompressor.decompress(frame: $0, limit: data.chunk.size + padding)
            }
            guard bytes.count == data.chunk.size + padding, bytes.suffix(padding).allSatisfy({ $0 == 0 }) else {
                throw malformed("\(path) has another size here than in its table")
            }
            bytes.removeLast(padding)
            guard SHA256.digest(bytes) == data.chunk.digest else {
                throw BundleError.changed(path: archive, part: path)
            }
            return bytes
        } catch let error as ZstdError {
            throw BundleError.zstd(path: archive, offset: offset, error)
        }
    }

    private func malformed(_ problem: String) -> BundleError {
        .malformed(path: archive, offset: offset, problem: problem)
    }
}

/// Takes the frames of one component from a scanner and hands the files on, whole and in order.
struct ComponentUnpacker {
    /// The sizes of the frames taken.
    private(set) var frameSizes: [Int] = []

    private let table: BundleHead.Table
    private let pool: OrderedPool<FrameJob, [UInt8]>
    /// Pieces in work at most: what bounds the memory.
    private let depth: Int
    private let archive: String
    /// Where the pieces come back: the file, the piece.
    private var file = 0
    private var piece = 0

    init(_ table: BundleHead.Table, pool: OrderedPool<FrameJob, [UInt8]>, depth: Int, archive: String) {
        self.table = table
        self.pool = pool
        self.depth = depth
        self.archive = archive
    }

    mutating func run(_ scanner: inout FrameScanner, visitor: any BundleVisitor) throws {
        var output = FileOutput(visitor: visitor, archive: archive, component: table.component)
        for file in table.contents.files {
            let path = BundleLayout.path(of: file.path, in: table.component)
            let expected = TarHeader.bytes(path: path, isExecutable: file.isExecutable, size: file.size)
            for index in 0..<max(1, file.chunks.count) {
                let offset = scanner.offset
                let header = index == 0 ? (try take(&scanner, holding: expected.count), expected) : nil
                let isLast = index >= file.chunks.count - 1
                let padding = isLast ? TarHeader.padding(after: file.size) : 0
                let chunk = file.chunks.isEmpty ? nil : file.chunks[index]
                let data = try chunk.map { (try take(&scanner, holding: $0.size + padding), $0) }
                pool.submit(
                    FrameJob(
                        header: header,
                        data: data,
                        padding: padding,
                        archive: archive,
                        offset: offset,
                        path: path
                    )
                )
                try handOn(to: depth, &output)
            }
        }
        try handOn(to: 0, &output)
    }

    private mutating func take(_ scanner: inout FrameScanner, holding size: Int) throws -> [UInt8] {
        guard let frame = try scanner.next(limit: zstdBound(size)) else { throw scanner.truncated }
        frameSizes.append(frame.count)
        return frame
    }

    private mutating func handOn(to limit: Int, _ output: inout FileOutput) throws {
        while pool.inFlight > limit, let bytes = try pool.next() {
            let current = table.contents.files[file]
            if piece == 0 { try output.begin(current) }
            try output.content(bytes)
            piece += 1
            guard piece >= current.chunks.count else { continue }
            try output.end(current)
            file += 1
            piece = 0
        }
    }
}

/// Hands one file after another to the visitor, holding files of several pieces to their own digest.
struct FileOutput: ~Copyable {
    private let visitor: any BundleVisitor
    private let archive: String
    private let component: ComponentName
    private var whole = SHA256()
    private var hashesWhole = false

    init(visitor: any BundleVisitor, archive: String, component: ComponentName) {
        self.visitor = visitor
        self.archive = archive
        self.component = component
    }

    mutating func begin(_ file: TableOfContents.File) throws {
        // A file of one piece has its piece's digest, which is checked already.
        hashesWhole = file.chunks.count > 1
        whole = SHA256()
        try visitor.begin(file, in: component)
    }

    mutating func content(_ bytes: [UInt8]) throws {
        if hashesWhole { whole.update(bytes) }
        if !bytes.isEmpty { try visitor.content(bytes) }
    }

    mutating func end(_ file: TableOfContents.File) throws {
        if hashesWhole {
            var finished = SHA256()
            swap(&finished, &whole)
            let digest = finished.finalize()
            guard digest == file.digest else {
                throw BundleError.changed(path: archive, part: BundleLayout.path(of: file.path, in: component))
            }
        } else if file.size == 0, file.digest != SHA256.digest([]) {
            throw BundleError.changed(path: archive, part: BundleLayout.path(of: file.path, in: component))
        }
        try visitor.endFile()
    }
}
