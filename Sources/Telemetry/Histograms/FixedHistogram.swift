/// Counts of numbers between edges that are fixed beforehand: for inputs and outputs of a model, against the counts that
/// its training data had between the same edges. Histograms of the same edges add up exactly, over boxes and windows.
package struct FixedHistogram: Hashable, Sendable {
    /// Ascending and finite. Bucket i holds what is above edge i-1 and at most edge i, as in `HistogramPoint`.
    package let edges: [Double]
    /// One more than edges.
    package private(set) var counts: [UInt64]
    /// Numbers that are none (NaN): missing values.
    package private(set) var missing: UInt64 = 0

    /// The most edges that a histogram may have.
    package static let edgeLimit = 1_023

    /// Nil where the edges don't ascend, aren't finite, or are too many, or the counts aren't one more than edges.
    package init?(edges: [Double], counts: [UInt64]? = nil, missing: UInt64 = 0) {
        let ascends = zip(edges, edges.dropFirst()).allSatisfy { $0 < $1 }
        guard ascends, edges.allSatisfy(\.isFinite), edges.count <= Self.edgeLimit else { return nil }
        let counts = counts ?? [UInt64](repeating: 0, count: edges.count + 1)
        guard counts.count == edges.count + 1 else { return nil }
        self.edges = edges
        self.counts = counts
        self.missing = missing
    }

    /// From a data point that anybody may have sent; nil where it is none of these, or counts something else.
    package init?(_ point: HistogramPoint) {
        self.init(edges: point.bounds, counts: point.bucketCounts)
        guard count == point.count else { return nil }
    }

    /// Numbers counted, missing ones left out.
    package var count: UInt64 { counts.reduce(0) { $0.saturatingAdd($1) } }

    /// Counts one number; infinities fall into the first and the last bucket.
    package mutating func record(_ value: Double) {
        guard !value.isNaN else {
            missing = missing.saturatingAdd(1)
            return
        }
        // The first edge that is not below the value.
        var (low, high) = (0, edges.count)
        while low < high {
            let middle = (low + high) / 2
            if edges[middle] < value { low = middle + 1 } else { high = middle }
        }
        counts[low] = counts[low].saturatingAdd(1)
    }

    /// Adds what another one counted. False, and nothing is changed, where the edges differ.
    package mutating func merge(_ other: FixedHistogram) -> Bool {
        guard edges == other.edges else { return false }
        for index in counts.indices { counts[index] = counts[index].saturatingAdd(other.counts[index]) }
        missing = missing.saturatingAdd(other.missing)
        return true
    }

    /// As a data point of a message. Sum and extremes are not kept: they would tell of single records.
    package func point(_ labels: PointLabels) -> HistogramPoint {
        HistogramPoint(labels, count: count, bucketCounts: counts, bounds: edges)
    }
}
