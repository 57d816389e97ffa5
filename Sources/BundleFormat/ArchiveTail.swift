internal import JSON

/// The end of an archive: what of the index was found there by walking back from the file's last byte.
struct ArchiveTail {
    let directory: ArchiveIndex.Directory
    /// Where the payload of the index starts in the file.
    let payloadStart: Int
    private let window: Window

    /// Bytes of the file that were read, around the end of the index.
    private struct Window {
        var start: Int
        var bytes: [UInt8]

        func bytes(at span: Range<Int>) -> [UInt8]? {
            guard span.lowerBound >= start, span.upperBound <= start + bytes.count else { return nil }
            return Array(bytes[(span.lowerBound - start)..<(span.upperBound - start)])
        }
    }

    /// Bytes that were read with the directory; nil where not all of them were.
    func bytes(at span: Range<Int>) -> [UInt8]? { window.bytes(at: span) }

    /// Reads the last `bytes` of the file, and what else it takes to have the directory.
    static func read(_ source: inout CountingSource, bytes tailBytes: Int) throws -> ArchiveTail {
        var end = source.size
        var window = Window(start: end, bytes: [])
        for _ in 0...AppendedFrame.countLimit {
            // The payload's length and tag close it, whatever it is (docs/format.md, bundle-70).
            let trailer = max(0, end - 16)..<end
            if window.bytes(at: trailer) == nil {
                let start = max(0, end - max(16, tailBytes))
                window = Window(start: start, bytes: try readIndex(&source, start..<end))
            }
            guard let bytes = window.bytes(at: trailer), bytes.count == 16,
                case let length = readLittleEndian(bytes.prefix(8)), length >= SkippableFrame.trailerLength,
                length <= AppendedFrame.sizeLimit - 8, length + 8 <= end
            else {
                let problem = "no index stands at its end: it is truncated, or no bundle"
                throw BundleError.malformed(path: source.name, offset: trailer.lowerBound, problem: problem)
            }
            if bytes.suffix(8).elementsEqual(ArchiveIndex.tag) {
                return try ArchiveTail(&source, window, payload: end - length..<end)
            }
            end -= length + 8
            guard source.size - end <= AppendedFrame.totalLimit else { break }
        }
        throw BundleError.malformed(path: source.name, offset: end, problem: "too much is appended to it")
    }

    private init(_ source: inout CountingSource, _ found: Window, payload: Range<Int>) throws {
        let path = source.name
        var window = found
        let trailer = payload.upperBound - ArchiveIndex.trailerLength..<payload.upperBound
        func malformed(_ problem: String) -> BundleError {
            .malformed(path: path, offset: trailer.lowerBound, problem: problem)
        }
        guard trailer.lowerBound >= payload.lowerBound else { throw malformed("the index is too short") }
        try Self.extend(&window, to: trailer.lowerBound, &source)
        let digestEnd = payload.upperBound - 24
        guard let lengthBytes = window.bytes(at: digestEnd..<digestEnd + 8),
            case let length = readLittleEndian(lengthBytes), length <= ArchiveIndex.Directory.limits.bytes,
            length <= trailer.lowerBound - payload.lowerBound
        else { throw malformed("the index tells no length of its directory") }
        let place = trailer.lowerBound - length..<trailer.lowerBound
        try Self.extend(&window, to: place.lowerBound, &source)
        guard let text = window.bytes(at: place) else { throw malformed("the index has no directory") }
        directory = try ArchiveIndex.Directory.parse(text, of: path, at: place.lowerBound)
        guard directory.sizesLength == place.lowerBound - payload.lowerBound else {
            throw malformed("the index has another number of bytes than its parts")
        }
        // Between the last file and the index lies the frame that ends the tar archive (bundle-8).
        let indexFrame = payload.lowerBound - 8
        guard directory.end < indexFrame, indexFrame - directory.end <= 4096 else {
            throw malformed("the index does not fit the bytes before it")
        }
        payloadStart = payload.lowerBound
        self.window = window
    }

    /// Reads what lies between `start` and the window, if anything.
    private static func extend(_ window: inout Window, to start: Int, _ source: inout CountingSource) throws {
        guard start < window.start else { return }
        window.bytes = try readIndex(&source, start..<window.start) + window.bytes
        window.start = start
    }

    private static func readIndex(_ source: inout CountingSource, _ span: Range<Int>) throws -> [UInt8] {
        guard !span.isEmpty else { return [] }
        return try source.read([(name: "the index", span: span)], joining: 0, counting: .index)[0]
    }
}
