/// How pieces of an archive become ranges to ask for: fewer requests against fewer bytes.
package struct RangeRules: Equatable, Sendable {
    /// Pieces of content with at most so many bytes between them are one range: what a link of 10 Mbit/s carries in a
    /// round trip of 50 ms.
    package var gapBytes = 64 << 10
    /// The same for frames of tables and parts of the index, where the bytes between are what an update is to be spared.
    package var headGapBytes = 512
    /// The most ranges; the smallest gaps are filled until they are no more.
    package var rangeCount = 64
    /// Where more than this share of an archive's content is missing, in percent, one range spans all that is.
    package var wholePercent = 80
    /// Bytes that are asked for at the end of the file, where the directory of the index lies: some 600.
    package var tailBytes = 1024

    package init() {}

    /// Nothing is read but what is needed, for sources where reading costs no round trip.
    package static let exact: RangeRules = {
        var rules = RangeRules()
        rules.gapBytes = 0
        rules.headGapBytes = 0
        rules.rangeCount = .max
        rules.wholePercent = 100
        return rules
    }()

    /// The ranges that cover `pieces`, which are in order and don't overlap, out of `whole` bytes of content.
    package func ranges(covering pieces: [Range<Int>], of whole: Int) -> [Range<Int>] {
        guard let first = pieces.first, let last = pieces.last else { return [] }
        // Counted in a width that a hundred times any file fits.
        let missing = Int128(pieces.reduce(0) { $0 + $1.count })
        if missing * 100 > Int128(whole) * Int128(wholePercent) { return [first.lowerBound..<last.upperBound] }
        let ranges = Self.join(pieces, gap: gapBytes)
        guard ranges.count > max(1, rangeCount) else { return ranges }
        // One gap less than ranges stays open: the widest. Among equals the first, so that the answer is one.
        let gaps = zip(ranges, ranges.dropFirst()).map { $1.lowerBound - $0.upperBound }
        let open = gaps.indices.sorted { (gaps[$0], $1) > (gaps[$1], $0) }.prefix(max(1, rangeCount) - 1).sorted()
        var joined: [Range<Int>] = []
        var start = first.lowerBound
        for index in open {
            joined.append(start..<ranges[index].upperBound)
            start = ranges[index + 1].lowerBound
        }
        return joined + [start..<last.upperBound]
    }

    /// Joins neighbours with at most `gap` bytes between them.
    static func join(_ pieces: [Range<Int>], gap: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for piece in pieces {
            if let last = ranges.last, piece.lowerBound - last.upperBound <= gap {
                ranges[ranges.count - 1] = last.lowerBound..<piece.upperBound
            } else {
                ranges.append(piece)
            }
        }
        return ranges
    }
}

/// Bytes that were asked of a source, and for what.
package struct WireBytes: Equatable, Sendable {
    /// The frame of MANIFEST.json.
    package var manifest = 0
    /// The directory of the index and the parts that were needed.
    package var index = 0
    /// Tables of contents.
    package var tables = 0
    /// Content, with tar's headers and what lies between pieces of one range.
    package var data = 0
    /// How many ranges all this was.
    package var ranges = 0

    package init() {}

    enum Purpose {
        case manifest, index, tables, data
    }

    /// Counts `count` bytes that came for one range, in one or several requests.
    mutating func add(_ count: Int, inRanges requests: Int, for purpose: Purpose) {
        ranges += requests
        switch purpose {
        case .manifest: manifest += count
        case .index: index += count
        case .tables: tables += count
        case .data: data += count
        }
    }

    /// Adds what another reading moved.
    package mutating func add(_ other: WireBytes) {
        manifest += other.manifest
        index += other.index
        tables += other.tables
        data += other.data
        ranges += other.ranges
    }

    package var total: Int { manifest + index + tables + data }
}
