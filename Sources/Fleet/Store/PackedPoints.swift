internal import WallClock

/// Points of a series as they are kept: 12 bytes each, thinner the older they are.
///
/// Bytes, little-endian: seconds since 1970 (4), the value as IEEE 754 binary64 (8); in order of time, one for a second.
struct PackedPoints: Hashable {
    struct Point: Hashable {
        var seconds: UInt32
        var value: Double
    }

    static let bytesPerPoint = 12
    /// Older ones than this before the newest are dropped.
    static let longestSeconds: UInt32 = 14 * 86_400

    private(set) var points: [Point] = []

    init() {}

    /// From a column; what is left of a damaged one is ignored.
    init(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        points.reserveCapacity(bytes.count / Self.bytesPerPoint)
        while offset + Self.bytesPerPoint <= bytes.count {
            let seconds = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            let value = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt64.self))
            points.append(Point(seconds: seconds, value: Double(bitPattern: value)))
            offset += Self.bytesPerPoint
        }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(points.count * Self.bytesPerPoint)
        for point in points {
            withUnsafeBytes(of: point.seconds.littleEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: point.value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// Puts points in their places, whatever their order; one of the same second as another replaces it.
    mutating func add(_ more: [Point]) {
        guard !more.isEmpty else { return }
        let isInOrder = zip(more, more.dropFirst()).allSatisfy { $0.seconds < $1.seconds }
        if isInOrder, let first = more.first, points.last.map({ $0.seconds < first.seconds }) ?? true {
            points += more
        } else {
            var bySecond: [UInt32: Double] = [:]
            for point in points + more { bySecond[point.seconds] = point.value }
            points = bySecond.map { Point(seconds: $0.key, value: $0.value) }.sorted { $0.seconds < $1.seconds }
        }
    }

    /// Drops points until at most `limit` (2 or more) are left: each that stays is at least a share of its own age away
    /// from the next newer one, and the share is the smallest that does. So the last minutes stay whole, hours keep a
    /// point every few minutes, days every hour or so, whatever the interval is that they come in. Values that stay are
    /// the ones that were measured; sums of a cumulative series lose nothing by it.
    mutating func thin(to limit: Int) {
        guard let newest = points.last?.seconds else { return }
        let oldest = newest < Self.longestSeconds ? 0 : newest - Self.longestSeconds
        if let first = points.first, first.seconds < oldest { points.removeAll { $0.seconds < oldest } }
        guard points.count > limit else { return }
        var (tooSmall, enough) = (0.0, 1.0)
        for _ in 0..<24 {
            let share = (tooSmall + enough) / 2
            var count = 0
            forEachKept(share: share) { _ in count += 1 }
            if count > limit { tooSmall = share } else { enough = share }
        }
        var kept: [Point] = []
        forEachKept(share: enough) { kept.append($0) }
        points = kept.reversed()
    }

    /// From the newest to the oldest; these two are always among them.
    private func forEachKept(share: Double, _ body: (Point) -> Void) {
        guard let newest = points.last, let oldest = points.first, points.count > 1 else { return }
        body(newest)
        var last = newest.seconds
        for point in points[1..<points.count - 1].reversed()
        where Double(last - point.seconds) >= share * Double(newest.seconds - point.seconds) {
            body(point)
            last = point.seconds
        }
        body(oldest)
    }
}
