import BundleFormat
import BundleManifest
import Digest

/// An archive in memory that answers ranges, well or badly, and keeps what it was asked.
final class MemorySource: RangeSource {
    enum Fault: Equatable {
        case none
        /// Every answer ends where so many bytes were given in all.
        case breaksOff(after: Int)
        /// Every answer has a byte too many.
        case oneMore
        /// A server that knows no ranges answers with the file from its start.
        case startOfFile
    }

    let name = "memory"
    let bytes: [UInt8]
    let size: Int
    var fault = Fault.none
    /// Bytes that each piece of an answer has.
    var pieceBytes = 1000
    private(set) var asked: [Range<Int>] = []
    private(set) var given = 0

    init(_ bytes: [UInt8], size: Int? = nil) {
        self.bytes = bytes
        self.size = size ?? bytes.count
    }

    func read(offset: Int, count: Int, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        asked.append(offset..<offset + count)
        var answer = bytes.dropFirst(fault == .startOfFile ? 0 : offset).prefix(count)
        if case .breaksOff(let limit) = fault { answer = answer.prefix(max(0, limit - given)) }
        if fault == .oneMore { answer.append(0) }
        while !answer.isEmpty {
            try Array(answer.prefix(pieceBytes)).withUnsafeBytes { try sink($0) }
            given += min(pieceBytes, answer.count)
            answer = answer.dropFirst(pieceBytes)
        }
    }
}

/// A box that keeps files by their digest, and chunks of files that never ended.
final class MemoryBox: PieceVisitor {
    private(set) var files: [SHA256Digest: [UInt8]] = [:]
    private(set) var chunks: [SHA256Digest: [UInt8]] = [:]
    private(set) var tables: [SHA256Digest: [UInt8]] = [:]
    private(set) var head: BundleHead?
    /// Told since the last `begin`, by path in the tree.
    private(set) var told: [String] = []
    /// Chunks that were asked for, though they were kept.
    private(set) var keptAsked = 0
    private var current: (file: TableOfContents.File, chunk: Int, bytes: [UInt8])?

    var contents: BoxContents { BoxContents(files: Set(files.keys), chunks: Set(chunks.keys)) }

    func begin(_ head: BundleHead) throws {
        self.head = head
        told = []
        current = nil
        for table in head.tables { tables[SHA256.digest(table.bytes)] = table.bytes }
    }

    func begin(_ file: TableOfContents.File, in component: ComponentName) throws {
        told.append("\(component.rawValue)/\(file.path)")
        current = (file, 0, [])
    }

    func content(_ bytes: [UInt8]) throws {
        guard let file = current?.file, let chunk = current?.chunk else { fatalError("content without a file") }
        chunks[file.chunks[chunk].digest] = bytes
        current?.bytes += bytes
        current?.chunk += 1
    }

    func endFile() throws {
        guard let current else { fatalError("an end without a file") }
        files[current.file.digest] = current.bytes
        self.current = nil
    }

    func keptChunk(_ chunk: TableOfContents.Chunk) throws -> [UInt8] {
        keptAsked += 1
        return chunks[chunk.digest] ?? []
    }

    /// Loses everything but what a table of an older bundle says lies in kept files.
    func forgetChunks() { chunks = [:] }

    /// Takes the chunks of kept files as a box does that looks them up in its tables.
    func findChunks(of table: TableOfContents) {
        var places = ChunkPlaces()
        places.add(table)
        for (digest, place) in places.places {
            guard let file = files[place.file] else { continue }
            chunks[digest] = Array(file[place.offset..<place.offset + place.size])
        }
    }

    func forget(_ digest: SHA256Digest) {
        files[digest] = nil
        chunks[digest] = nil
        tables[digest] = nil
    }

    /// Lets a kept thing rot.
    func spoil(_ digest: SHA256Digest) {
        files[digest]?[0] ^= 1
        chunks[digest]?[0] ^= 1
        tables[digest]?[0] ^= 1
    }

    /// Brings the box what it is missing of an archive; gives the bytes that were read.
    @discardableResult
    func update(
        from source: MemorySource,
        _ identity: PiecewiseReader.Identity,
        rules: RangeRules = RangeRules()
    ) throws -> WireBytes {
        var reader = PiecewiseReader(source, rules: rules)
        let head = try reader.readHead(identity) { tables[$0] }
        let plan = try reader.plan(head, for: contents)
        let before = reader.wire
        try reader.fetch(plan, visitor: self)
        guard reader.wire.data == plan.bytes, reader.wire.total == before.total + plan.bytes else {
            fatalError("the plan was not what was read")
        }
        return reader.wire
    }

    /// The paths whose content is not there, or is not what the head says.
    var wrong: [String] {
        guard let head else { return ["everything"] }
        return head.tables.flatMap { table in
            table.contents.files.compactMap { file in
                guard let bytes = files[file.digest], SHA256.digest(bytes) == file.digest, bytes.count == file.size
                else { return "\(table.component.rawValue)/\(file.path)" }
                return nil
            }
        }
    }
}

extension BuiltBundle {
    var source: MemorySource { MemorySource(bytes) }
}
