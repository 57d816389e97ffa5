/// A set of sequence numbers as ranges that neither touch nor overlap, in order.
struct SequenceRanges: Hashable, Sendable {
    private(set) var ranges: [ClosedRange<UInt64>] = []

    var highest: UInt64 { ranges.last?.upperBound ?? 0 }

    mutating func insert(_ new: ClosedRange<UInt64>) {
        // The first range that touches the new one, or comes after it.
        let start = position { $0.upperBound < .max && $0.upperBound + 1 < new.lowerBound }
        var end = start
        var joined = new
        while end < ranges.count, new.upperBound == .max || ranges[end].lowerBound <= new.upperBound + 1 {
            joined = min(joined.lowerBound, ranges[end].lowerBound)...max(joined.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(start..<end, with: [joined])
    }

    func contains(_ sequence: UInt64) -> Bool { count(in: sequence...sequence) == 1 }

    /// How many numbers of `range` are in the set.
    func count(in range: ClosedRange<UInt64>) -> UInt64 {
        var total: UInt64 = 0
        var index = position { $0.upperBound < range.lowerBound }
        while index < ranges.count, ranges[index].lowerBound <= range.upperBound {
            let common = ranges[index].clamped(to: range)
            total = total.saturatingAdd(common.upperBound - common.lowerBound).saturatingAdd(1)
            index += 1
        }
        return total
    }

    func covers(_ range: ClosedRange<UInt64>) -> Bool {
        let index = position { $0.upperBound < range.lowerBound }
        return index < ranges.count && ranges[index].lowerBound <= range.lowerBound
            && ranges[index].upperBound >= range.upperBound
    }

    /// The first index whose range is not `before`; ranges that are come first.
    private func position(where before: (ClosedRange<UInt64>) -> Bool) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if before(ranges[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
