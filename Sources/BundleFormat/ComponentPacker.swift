internal import BundleManifest
internal import Digest
internal import FileSystem
internal import Zstd

/// A piece of a file to be hashed and compressed.
struct ChunkJob: Sendable {
    /// The file's tar header, with its first piece.
    let header: [UInt8]?
    /// The content, followed by tar's padding where it is the file's last.
    let bytes: [UInt8]
    /// Bytes of content, without the padding.
    let size: Int

    func run(_ compressor: ZstdCompressor) throws -> HashedChunk {
        var frames: [[UInt8]] = []
        for piece in [header, bytes.isEmpty ? nil : bytes] {
            guard let piece else { continue }
            var frame: [UInt8] = []
            try piece.withUnsafeBytes { try compressor.compress($0, into: &frame) }
            frames.append(frame)
        }
        let digest = bytes.withUnsafeBytes { SHA256.digest(UnsafeRawBufferPointer(rebasing: $0[..<size])) }
        return HashedChunk(frames: frames, chunk: TableOfContents.Chunk(size: size, digest: digest))
    }
}

struct HashedChunk: Sendable {
    let frames: [[UInt8]]
    let chunk: TableOfContents.Chunk
}

/// Reads the files of one component, has their pieces hashed and compressed side by side, and hands the frames on in
/// order.
struct ComponentPacker {
    /// The files whose frames have been handed on.
    private(set) var files: [TableOfContents.File] = []
    /// The sizes of those frames.
    private(set) var frameSizes: [Int] = []

    let component: ComponentName
    private let pool: OrderedPool<ChunkJob, HashedChunk>
    /// Pieces in work at most: what bounds the memory.
    private let depth: Int
    /// Files of which not every piece has come back; the first is the one whose pieces come next.
    private var inWork: [FileInWork] = []

    private struct FileInWork {
        let source: SourceFile
        let size: Int
        let pieces: Int
        /// Of the whole file, where it has several pieces; known before its last piece comes back.
        var digest: SHA256Digest?
        var done: [TableOfContents.Chunk] = []
    }

    init(_ component: ComponentName, pool: OrderedPool<ChunkJob, HashedChunk>, depth: Int) {
        self.component = component
        self.pool = pool
        self.depth = max(1, depth)
    }

    /// Reads a file and submits its pieces; frames that are ready go to `sink`. Returns the file's size.
    mutating func add(_ source: SourceFile, sink: ([UInt8]) throws -> Void) throws -> Int {
        switch source.content {
        case .bytes(let bytes):
            try submit(source, size: bytes.count, sink: sink) { offset, buffer in
                buffer.copyBytes(from: bytes[offset..<offset + buffer.count])
            }
            return bytes.count
        case .file(let path):
            let file = try File.open(path)
            let size = try file.status().size
            try submit(source, size: size, sink: sink) { offset, buffer in
                try file.readFully(at: offset, into: buffer)
            }
            // A file that grew meanwhile would be packed short.
            guard try file.status().size == size else { throw FileError.changed(path: path) }
            return size
        }
    }

    /// Hands on what is in work until at most `limit` pieces are.
    mutating func drain(to limit: Int, sink: ([UInt8]) throws -> Void) throws {
        while pool.inFlight > limit, let piece = try pool.next() {
            for frame in piece.frames {
                try sink(frame)
                frameSizes.append(frame.count)
            }
            if piece.chunk.size > 0 { inWork[0].done.append(piece.chunk) }
            let file = inWork[0]
            guard file.done.count == file.pieces || file.size == 0 else { continue }
            inWork.removeFirst()
            files.append(
                TableOfContents.File(
                    path: file.source.path,
                    isExecutable: file.source.isExecutable,
                    size: file.size,
                    digest: file.digest ?? piece.chunk.digest,
                    chunks: file.done
                )
            )
        }
    }

    private mutating func submit(
        _ source: SourceFile,
        size: Int,
        sink: ([UInt8]) throws -> Void,
        read: (Int, UnsafeMutableRawBufferPointer) throws -> Void
    ) throws {
        let sizes = source.chunkSizes(of: size)
        inWork.append(FileInWork(source: source, size: size, pieces: sizes.count))
        let path = BundleLayout.path(of: source.path, in: component)
        var header: [UInt8]? = TarHeader.bytes(path: path, isExecutable: source.isExecutable, size: size)
        guard size > 0 else {
            pool.submit(ChunkJob(header: header, bytes: [], size: 0))
            return try drain(to: depth, sink: sink)
        }
        var whole = SHA256()
        var offset = 0
        for (index, pieceSize) in sizes.enumerated() {
            let isLast = index == sizes.count - 1
            let padding = isLast ? TarHeader.padding(after: size) : 0
            let bytes = try [UInt8](unsafeUninitializedCapacity: pieceSize + padding) { buffer, count in
                let content = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<pieceSize]))
                try read(offset, content)
                buffer[pieceSize...].initialize(repeating: 0)
                count = pieceSize + padding
                // A file of one piece has its piece's digest.
                if sizes.count > 1 { whole.update(UnsafeRawBufferPointer(content)) }
            }
            pool.submit(ChunkJob(header: header, bytes: bytes, size: pieceSize))
            header = nil
            offset += pieceSize
            try drain(to: depth, sink: sink)
        }
        // The last piece is still in work, as `depth` is at least one.
        if sizes.count > 1 { inWork[inWork.count - 1].digest = whole.finalize() }
    }
}
