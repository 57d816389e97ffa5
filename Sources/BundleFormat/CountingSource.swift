/// A source held to what it was asked for, with the bytes counted by what they were for.
struct CountingSource {
    private(set) var wire = WireBytes()
    private let source: any RangeSource

    var name: String { source.name }
    var size: Int { max(0, source.size) }

    init(_ source: any RangeSource) { self.source = source }

    /// Reads one range; `part` says what lies at an offset of it, for errors.
    mutating func read(
        _ range: Range<Int>,
        counting purpose: WireBytes.Purpose,
        part: (Int) -> String,
        into sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let path = name
        guard range.lowerBound >= 0, range.upperBound <= size else {
            let problem = "it would lie behind the end of the file"
            throw BundleError.damagedPiece(
                path: path,
                offset: range.lowerBound,
                part: part(range.lowerBound),
                problem: problem
            )
        }
        var position = range.lowerBound
        let metered = source as? any MeteredSource
        _ = metered?.takeTransfer()
        defer {
            let moved = metered?.takeTransfer() ?? (bytes: position - range.lowerBound, requests: 1)
            wire.add(moved.bytes, inRanges: moved.requests, for: purpose)
        }
        try source.read(offset: range.lowerBound, count: range.count) { bytes in
            guard bytes.count <= range.upperBound - position else {
                let problem = "more bytes came than were asked for"
                throw BundleError.damagedPiece(path: path, offset: position, part: part(position), problem: problem)
            }
            try sink(bytes)
            position += bytes.count
        }
        guard position == range.upperBound else {
            let missing = range.upperBound - position
            throw BundleError.shortRange(path: path, offset: position, part: part(position), missing: missing)
        }
    }

    /// Reads named pieces into memory, in order; those with at most `gap` bytes between them in one range.
    mutating func read(
        _ pieces: [(name: String, span: Range<Int>)],
        joining gap: Int,
        counting purpose: WireBytes.Purpose
    ) throws -> [[UInt8]] {
        var found: [[UInt8]] = []
        for range in RangeRules.join(pieces.map(\.span), gap: gap) {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(range.count)
            let part = { (offset: Int) in pieces.first { $0.span.upperBound > offset }?.name ?? "" }
            try read(range, counting: purpose, part: part) { bytes.append(contentsOf: $0) }
            for piece in pieces where range.contains(piece.span.lowerBound) {
                let start = piece.span.lowerBound - range.lowerBound
                found.append(Array(bytes[start..<start + piece.span.count]))
            }
        }
        return found
    }
}
