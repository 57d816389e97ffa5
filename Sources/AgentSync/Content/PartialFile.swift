internal import Digest
internal import FileSystem

/// A file of which some bytes have been fetched: the bytes at their places, and a journal of which are there.
///
/// What the journal says was on the disk before it was written down, so that after a kill or a power cut it holds; a
/// line that was cut off is dropped. Nothing in it is believed to be what was signed.
final class PartialFile {
    let path: String
    let size: Int
    /// What was fetched, whether or not the journal has it yet.
    private(set) var held = ByteSpans()

    private let journalPath: String
    private let heading: String
    private let disk: DiskChanges
    private let bytes: File
    private var journal: File
    private var journalEnd = 0
    /// Not in the journal yet.
    private var pending = ByteSpans()
    private var pendingBytes = 0

    /// So many bytes are put on the disk together.
    private static let flushBytes = 8 << 20
    /// A longer journal is none of ours.
    private static let journalLimit = 4 << 20
    /// With more lines it is written anew.
    private static let longJournal = 512

    static func bytesPath(in folder: String) -> String { "\(folder)/archive" }
    static func journalPath(in folder: String) -> String { "\(folder)/held" }

    /// Opens what is in `folder`, or begins it; what is there of another file is forgotten.
    init(in folder: String, of blob: SHA256Digest, size: Int, disk: DiskChanges = .plain) throws {
        path = Self.bytesPath(in: folder)
        journalPath = Self.journalPath(in: folder)
        heading = "edge-held 1 \(blob.hex) \(size)\n"
        self.size = size
        self.disk = disk
        try disk.will(.create, path)
        try FileSystem.createDirectories(folder)
        bytes = try File.openForUpdate(path)
        journal = try File.openForUpdate(journalPath)
        try readJournal()
        // The folder's own name and the names in it must outlive what is written down of them.
        try FileSystem.synchronizeDirectory(folder)
        try FileSystem.synchronizeDirectory(FileSystem.parent(of: folder))
    }

    private func readJournal() throws {
        let length = try journal.status().size
        let text = length <= Self.journalLimit ? try journal.bytes(at: 0, count: length) : []
        let (spans, lines) = Self.parse(text, heading: heading, size: min(size, try bytes.status().size))
        guard let spans, lines <= Self.longJournal, lines == text.count(where: { $0 == UInt8(ascii: "\n") }) - 1,
            text.last == UInt8(ascii: "\n")
        else {
            held = spans ?? ByteSpans()
            return try rewriteJournal()
        }
        held = spans
        journalEnd = length
    }

    /// The spans that the whole lines tell, and how many lines these are; nil where it is no journal of this file.
    static func parse(_ text: [UInt8], heading: String, size: Int) -> (ByteSpans?, lines: Int) {
        guard text.starts(with: heading.utf8) else { return (nil, 0) }
        var spans = ByteSpans()
        var rest = text.dropFirst(heading.utf8.count)
        var lines = 0
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let words = String(decoding: rest[rest.startIndex..<end], as: UTF8.self).split(separator: " ")
            guard words.count == 2, let first = Int(words[0]), let last = Int(words[1]), first >= 0, first < last,
                last <= size, rest[rest.startIndex..<end].elementsEqual("\(first) \(last)".utf8)
            else { break }
            spans.insert(first..<last)
            lines += 1
            rest = rest[(end + 1)...]
        }
        return (spans, lines)
    }

    /// Bytes that came from `offset` on.
    func write(_ piece: UnsafeRawBufferPointer, at offset: Int) throws {
        try disk.will(.write, path)
        try bytes.write(piece, at: offset)
        held.insert(offset..<offset + piece.count)
        pending.insert(offset..<offset + piece.count)
        pendingBytes += piece.count
        if pendingBytes >= Self.flushBytes { try flush() }
    }

    /// Durable point: what came is on the disk, and then the journal says so.
    func flush() throws {
        guard !pending.spans.isEmpty else { return }
        try disk.will(.synchronize, path)
        try bytes.synchronize()
        try append(pending)
        pending = ByteSpans()
        pendingBytes = 0
    }

    private static func lines(_ spans: ByteSpans) -> String {
        spans.spans.map { "\($0.lowerBound) \($0.upperBound)\n" }.joined()
    }

    private func append(_ spans: ByteSpans) throws {
        let text = Array(Self.lines(spans).utf8)
        try disk.will(.write, journalPath)
        let outcome = text.withUnsafeBytes { buffer in
            Result { () throws(FileError) in try journal.write(buffer, at: journalEnd) }
        }
        try outcome.get()
        try disk.will(.synchronize, journalPath)
        try journal.synchronize()
        journalEnd += text.count
    }

    /// Replaces the journal as a whole; what is held is on the disk already.
    private func rewriteJournal() throws {
        let text = Array((heading + Self.lines(held)).utf8)
        try disk.will(.rename, journalPath)
        try FileSystem.write(text, to: journalPath)
        journal = try File.openForUpdate(journalPath)
        journalEnd = text.count
        pending = ByteSpans()
        pendingBytes = 0
    }

    /// Forgets bytes, so that they are fetched anew.
    func forget(_ span: Range<Int>) throws {
        guard held.missing(of: span) < span.count else { return }
        // What stays is on the disk before the journal is written anew.
        try bytes.synchronize()
        held.remove(span)
        try rewriteJournal()
    }

    /// Hands on bytes that are held.
    func read(_ span: Range<Int>, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(span.count, 1 << 18), alignment: 16)
        defer { buffer.deallocate() }
        var position = span.lowerBound
        while position < span.upperBound {
            let count = min(buffer.count, span.upperBound - position)
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            try bytes.readFully(at: position, into: piece)
            try sink(UnsafeRawBufferPointer(piece))
            position += count
        }
    }

    /// The digest of the whole; nil where not all of it is held.
    func digest() throws -> SHA256Digest? {
        guard held.contains(0..<size) else { return nil }
        var hash = SHA256()
        try read(0..<size) { hash.update($0) }
        return hash.finalize()
    }
}
