/// Counts of numbers in buckets that grow by a factor: for latencies and other magnitudes whose range nobody knows
/// beforehand (OpenTelemetry, "Metrics Data Model", ExponentialHistogram).
///
/// Bucket i holds what is above f^i and at most f^(i+1), with f = 2^(2^-scale). It begins at the finest scale and lowers
/// it, which joins neighbouring buckets, whenever a side would need more than 160. The result depends only on what was
/// recorded, not on the order or on what was merged with what: counts add up exactly. Only `sum` is rounded, as sums of
/// doubles are.
package struct ExponentialHistogram: Hashable, Sendable {
    /// Buckets of each side; the default of OpenTelemetry's SDKs ("MaxSize"). Over six decades that gives a factor of
    /// 1.09 and so a relative error of at most 4.4 %.
    package static let bucketLimit = 160
    /// 20 is the finest that OpenTelemetry's SDKs use; at -10 every double falls into one of three buckets.
    package static let scales: ClosedRange<Int> = -10...20

    package private(set) var scale = scales.upperBound
    package private(set) var zeroCount: UInt64 = 0
    package private(set) var sum = 0.0
    /// The least and the greatest number recorded; nil where there is none, or a merged part didn't say.
    package private(set) var min: Double?
    package private(set) var max: Double?
    private(set) var positive = ExponentialBuckets()
    private(set) var negative = ExponentialBuckets()

    package init() {}

    /// How many numbers were recorded.
    package var count: UInt64 { zeroCount.saturatingAdd(positive.total).saturatingAdd(negative.total) }

    /// Counts one number. False, and nothing is changed, for NaN and infinities, which have no bucket.
    @discardableResult package mutating func record(_ value: Double) -> Bool {
        guard value.isFinite else { return false }
        min = Swift.min(min ?? value, value)
        max = Swift.max(max ?? value, value)
        sum += value
        guard value != 0 else {
            zeroCount = zeroCount.saturatingAdd(1)
            return true
        }
        let index = ExponentialBuckets.index(of: value.magnitude, scale: scale)
        let single = ExponentialBuckets(first: index, counts: [1])
        let isPositive = value > 0
        let shift = (isPositive ? positive : negative).shiftToJoin(single)
        lower(by: shift)
        let lowered = ExponentialBuckets(first: index >> shift, counts: [1])
        if isPositive { positive.add(lowered) } else { negative.add(lowered) }
        return true
    }

    /// Adds what another one counted.
    package mutating func merge(_ other: ExponentialHistogram) {
        var other = other
        let common = Swift.min(scale, other.scale)
        lower(by: scale - common)
        other.lower(by: other.scale - common)
        let shift = Swift.max(positive.shiftToJoin(other.positive), negative.shiftToJoin(other.negative))
        lower(by: shift)
        other.lower(by: shift)
        let isEmpty = count == 0
        let otherIsEmpty = other.count == 0
        positive.add(other.positive)
        negative.add(other.negative)
        zeroCount = zeroCount.saturatingAdd(other.zeroCount)
        sum += other.sum
        if isEmpty {
            (min, max) = (other.min, other.max)
        } else if !otherIsEmpty {
            min = min.flatMap { own in other.min.map { Swift.min(own, $0) } }
            max = max.flatMap { own in other.max.map { Swift.max(own, $0) } }
        }
    }

    private mutating func lower(by shift: Int) {
        guard shift > 0 else { return }
        scale -= shift
        positive.lower(by: shift)
        negative.lower(by: shift)
    }

    /// The number that the share `quantile` (0 to 1) of all is at most, as the middle of its bucket by ratio; nil where
    /// nothing was recorded.
    package func value(at quantile: Double) -> Double? {
        let total = count
        guard total > 0, quantile >= 0, quantile <= 1 else { return nil }
        if quantile == 1, let max { return max }
        let rank = Double(total) * quantile
        var below = 0.0
        var found: Double?
        for (offset, count) in negative.counts.enumerated().reversed() where found == nil {
            below += Double(count)
            if count > 0, below >= rank { found = -middle(of: negative.first + offset) }
        }
        if found == nil {
            below += Double(zeroCount)
            if zeroCount > 0, below >= rank { found = 0 }
        }
        for (offset, count) in positive.counts.enumerated() where found == nil {
            below += Double(count)
            if count > 0, below >= rank { found = middle(of: positive.first + offset) }
        }
        guard let found = found ?? max else { return nil }
        return Swift.min(Swift.max(found, min ?? found), max ?? found)
    }

    private func middle(of index: Int) -> Double {
        ExponentialBuckets.power(Double(index) + 0.5, scale: scale)
    }
}

extension ExponentialHistogram {
    /// As a data point of a message.
    package func point(_ labels: PointLabels) -> ExponentialHistogramPoint {
        ExponentialHistogramPoint(
            labels,
            count: count,
            sum: sum,
            min: min,
            max: max,
            scale: Int32(scale),
            zeroCount: zeroCount,
            positive: .init(offset: Int32(clamping: positive.first), counts: positive.counts),
            negative: .init(offset: Int32(clamping: negative.first), counts: negative.counts)
        )
    }

    /// From a data point that anybody may have sent. Nil where it can't be merged exactly: a threshold of zero other than
    /// 0, a scale out of range, buckets that no double falls into, more buckets than ours have, or a count that is not
    /// that of its buckets.
    package init?(_ point: ExponentialHistogramPoint) {
        guard point.zeroThreshold == 0, Self.scales.contains(Int(point.scale)) else { return nil }
        scale = Int(point.scale)
        for (side, path) in [
            (point.positive, \ExponentialHistogram.positive), (point.negative, \ExponentialHistogram.negative),
        ] {
            guard side.counts.count <= Self.bucketLimit else { return nil }
            var buckets = ExponentialBuckets(first: Int(side.offset), counts: side.counts)
            buckets.trim()
            let possible = ExponentialBuckets.indexes(scale: scale)
            guard buckets.isEmpty || possible.contains(buckets.first) && possible.contains(buckets.last) else {
                return nil
            }
            self[keyPath: path] = buckets
        }
        zeroCount = point.zeroCount
        guard count == point.count else { return nil }
        sum = point.sum ?? 0
        min = point.min
        max = point.max
    }
}
