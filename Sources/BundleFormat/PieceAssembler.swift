package import BundleManifest
internal import Digest
internal import Zstd

/// What is told of the content that a box was missing: only files that it has not, each of them whole.
///
/// The same file is told at most once however often the bundle holds it; empty files are told like any other.
package protocol PieceVisitor: BundleVisitor {
    /// A chunk that `BoxContents` named. Its digest is checked here, and then it is told by `content` in its place, so
    /// that a visitor that writes over a file half fetched can leave it as it lies.
    func keptChunk(_ chunk: TableOfContents.Chunk) throws -> [UInt8]
}

/// Makes files of the bytes of ranges, which come in archive order, and of chunks that the box has.
final class PieceAssembler {
    private let plan: BundlePlan
    private let visitor: any PieceVisitor
    private let path: String
    private let decompressor: ZstdDecompressor
    /// The piece that is waited for, and the bytes of it that are there.
    private var next = 0
    private var bytes: [UInt8] = []
    /// The chunk that is told next: the file, its chunk.
    private var file = 0
    private var chunk = 0
    private var output: FileOutput

    init(_ plan: BundlePlan, visitor: any PieceVisitor, path: String) throws {
        self.plan = plan
        self.visitor = visitor
        self.path = path
        decompressor = try ZstdDecompressor()
        output = FileOutput(visitor: visitor, archive: path, component: .app)
    }

    /// What lies at an offset of the archive, for errors.
    func part(at offset: Int) -> String {
        let pieces = plan.pieces[min(next, plan.pieces.count)...]
        guard let piece = pieces.first(where: { $0.span.upperBound > offset }) else { return "what follows" }
        return name(of: plan.missing.files[piece.file])
    }

    /// Takes the bytes of the archive at `offset`; they go on where the last ones ended, or further on.
    func take(_ taken: UnsafeRawBufferPointer, at offset: Int) throws {
        var position = 0
        while next < plan.pieces.count {
            let piece = plan.pieces[next]
            // What lies between pieces is of no use.
            position = max(position, piece.span.lowerBound + bytes.count - offset)
            guard position < taken.count else { return }
            let count = min(piece.span.count - bytes.count, taken.count - position)
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: taken[position..<position + count]))
            position += count
            guard bytes.count == piece.span.count else { return }
            try tell(piece)
            next += 1
            bytes.removeAll(keepingCapacity: true)
        }
    }

    /// Tells what the box had all of.
    func finish() throws { try tellKept(before: (plan.missing.files.count, 0)) }

    private func tell(_ piece: BundlePlan.Piece) throws {
        try tellKept(before: (piece.file, piece.chunk))
        let missing = plan.missing.files[piece.file]
        let content: [UInt8]
        do {
            content = try job(piece, missing).run(decompressor)
        } catch let error as BundleError {
            throw error.inPiece(offset: piece.span.lowerBound, part: name(of: missing))
        }
        try tell(content, of: missing)
    }

    private func job(_ piece: BundlePlan.Piece, _ missing: MissingContent.File) -> FrameJob {
        let file = missing.file
        let name = name(of: missing)
        let header = bytes.prefix(piece.headerBytes)
        return FrameJob(
            header: header.isEmpty
                ? nil : (Array(header), TarHeader.bytes(path: name, isExecutable: file.isExecutable, size: file.size)),
            data: (Array(bytes.dropFirst(piece.headerBytes)), file.chunks[piece.chunk]),
            padding: piece.chunk == file.chunks.count - 1 ? TarHeader.padding(after: file.size) : 0,
            archive: path,
            offset: piece.span.lowerBound,
            path: name
        )
    }

    /// Tells the chunks that the box has, and the files that are empty, up to a chunk that was fetched.
    private func tellKept(before end: (file: Int, chunk: Int)) throws {
        while (file, chunk) < end {
            let missing = plan.missing.files[file]
            guard !missing.file.chunks.isEmpty else {
                try tell([], of: missing)
                continue
            }
            let kept = missing.file.chunks[chunk]
            let bytes = try visitor.keptChunk(kept)
            guard bytes.count == kept.size, SHA256.digest(bytes) == kept.digest else {
                throw BundleError.keptChunkDiffers(path: path, part: name(of: missing), digest: kept.digest)
            }
            try tell(bytes, of: missing)
        }
    }

    /// Tells the next chunk, whose digest is right; with the first the file begins, with the last it ends.
    private func tell(_ content: [UInt8], of missing: MissingContent.File) throws {
        if chunk == 0 {
            output = FileOutput(visitor: visitor, archive: path, component: missing.component)
            try output.begin(missing.file)
        }
        try output.content(content)
        chunk += 1
        guard chunk >= missing.file.chunks.count else { return }
        try output.end(missing.file)
        file += 1
        chunk = 0
    }

    private func name(of missing: MissingContent.File) -> String {
        BundleLayout.path(of: missing.file.path, in: missing.component)
    }
}

extension BundleError {
    /// The same, with the place and the part that it was found in.
    func inPiece(offset: Int, part: String) -> BundleError {
        switch self {
        case .malformed(let path, _, let problem):
            .damagedPiece(path: path, offset: offset, part: part, problem: problem)
        case .changed(let path, _):
            .damagedPiece(path: path, offset: offset, part: part, problem: "its digest is another")
        case .zstd(let path, _, let error):
            .damagedPiece(path: path, offset: offset, part: part, problem: error.message)
        default: self
        }
    }
}
