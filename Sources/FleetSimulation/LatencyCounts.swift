/// How long things took, counted in a fixed amount of memory: whole microseconds, to less than two parts in a hundred.
package struct LatencyCounts: Hashable, Sendable {
    // 64 buckets for each power of two from 64 µs on, and one for each microsecond below.
    private static let bits = 6
    private static let buckets = (64 - bits) << bits

    private var counts = [Int](repeating: 0, count: buckets)
    package private(set) var count = 0
    package private(set) var max = Duration.zero

    package init() {}

    package mutating func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, tooMuch) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        let microseconds = overflow || tooMuch ? Int64.max : Swift.max(0, sum)
        counts[Self.bucket(UInt64(microseconds))] += 1
        count += 1
        if duration > max { max = duration }
    }

    package mutating func merge(_ other: LatencyCounts) {
        for (index, count) in other.counts.enumerated() where count > 0 { counts[index] += count }
        count += other.count
        max = Swift.max(max, other.max)
    }

    /// What the share `quantile` (0 to 1) of all took at most, as the upper end of its bucket; nil where nothing was
    /// recorded.
    package func value(at quantile: Double) -> Duration? {
        guard count > 0, (0...1).contains(quantile) else { return nil }
        let rank = Swift.max(1, Int((Double(count) * quantile).rounded(.up)))
        guard rank < count else { return max }
        var below = 0
        for (index, count) in counts.enumerated() {
            below += count
            if below >= rank { return min(max, .microseconds(Int64(clamping: Self.end(of: index)))) }
        }
        return max
    }

    private static func bucket(_ microseconds: UInt64) -> Int {
        guard microseconds >= 1 << bits else { return Int(microseconds) }
        let exponent = 63 - microseconds.leadingZeroBitCount
        let shift = exponent - bits
        return ((shift + 1) << bits) + Int(microseconds >> UInt64(shift)) - (1 << bits)
    }

    private static func end(of bucket: Int) -> UInt64 {
        guard bucket >= 1 << bits else { return UInt64(bucket) }
        let shift = UInt64(bucket >> bits) - 1
        let first = (UInt64(bucket & ((1 << bits) - 1)) + (1 << bits)) << shift
        return first + (1 << shift) - 1
    }
}
