internal import Glibc

/// One side of an exponential histogram: counts of neighbouring buckets. Where there are none, `first` is 0; else the
/// first and the last count are above zero.
struct ExponentialBuckets: Hashable, Sendable {
    private(set) var first: Int
    private(set) var counts: [UInt64]

    init(first: Int = 0, counts: [UInt64] = []) {
        self.first = first
        self.counts = counts
    }

    var isEmpty: Bool { counts.isEmpty }
    var last: Int { first + counts.count - 1 }
    var total: UInt64 { counts.reduce(0) { $0.saturatingAdd($1) } }

    /// By how much the scale must be lowered for both to fit together.
    func shiftToJoin(_ other: ExponentialBuckets) -> Int {
        guard !isEmpty, !other.isEmpty else { return 0 }
        var shift = 0
        let (low, high) = (min(first, other.first), max(last, other.last))
        while (high >> shift) - (low >> shift) >= ExponentialHistogram.bucketLimit { shift += 1 }
        return shift
    }

    /// Joins 2^shift neighbours to one. The shift of a negative index rounds down, which is right: bucket -1 is the upper
    /// half of bucket -1 of the next scale, and -2 its lower half.
    mutating func lower(by shift: Int) {
        guard !isEmpty, shift > 0 else { return }
        let start = first >> shift
        var joined = [UInt64](repeating: 0, count: (last >> shift) - start + 1)
        for (offset, count) in counts.enumerated() {
            let index = ((first + offset) >> shift) - start
            joined[index] = joined[index].saturatingAdd(count)
        }
        first = start
        counts = joined
    }

    /// Adds counts of the same scale.
    mutating func add(_ other: ExponentialBuckets) {
        guard !other.isEmpty else { return }
        guard !isEmpty else {
            self = other
            return
        }
        let low = min(first, other.first)
        let high = max(last, other.last)
        if low < first { counts.insert(contentsOf: [UInt64](repeating: 0, count: first - low), at: 0) }
        first = low
        if high > last { counts.append(contentsOf: [UInt64](repeating: 0, count: high - last)) }
        for (offset, count) in other.counts.enumerated() {
            let index = other.first + offset - low
            counts[index] = counts[index].saturatingAdd(count)
        }
    }

    /// Drops empty buckets from both ends, so that equal counts are equal values.
    mutating func trim() {
        while counts.last == 0 { counts.removeLast() }
        let zeros = counts.prefix { $0 == 0 }.count
        counts.removeFirst(zeros)
        first = counts.isEmpty ? 0 : first + zeros
    }

    // MARK: Which number falls into which bucket

    /// The bucket of a finite number above zero. Exponent and fraction are looked at apart, so that powers of two fall
    /// exactly on bounds, and so that the bucket at a lower scale is always the one that this bucket is part of.
    static func index(of value: Double, scale: Int) -> Int {
        let exponent = Int(value.exponent)
        let fraction = value.significand
        guard scale > 0 else { return (fraction == 1 ? exponent - 1 : exponent) >> -scale }
        let start = exponent << scale
        guard fraction > 1 else { return start - 1 }
        let steps = Double(1 << scale)
        let offset = Int((log2(fraction) * steps).rounded(.up)) - 1
        return start + min(max(offset, 0), (1 << scale) - 1)
    }

    /// Every bucket that a finite double may fall into.
    static func indexes(scale: Int) -> ClosedRange<Int> {
        index(of: .leastNonzeroMagnitude, scale: scale)...index(of: .greatestFiniteMagnitude, scale: scale)
    }

    /// f^exponent, at most the greatest finite double.
    static func power(_ exponent: Double, scale: Int) -> Double {
        min(exp2(exponent / exp2(Double(scale))), .greatestFiniteMagnitude)
    }
}

extension UInt64 {
    /// The sum, or the greatest number where there is none: counts from outside must not end the process, and this way
    /// the order of adding still doesn't matter.
    func saturatingAdd(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
