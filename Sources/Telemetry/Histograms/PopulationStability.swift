internal import Glibc

/// How far counts are from the counts of a reference, bucket by bucket.
package struct PopulationStability: Hashable, Sendable {
    /// The Population Stability Index: the sum of (q - p) ln(q / p) over the buckets, with p the reference's share and q
    /// the share now. A share of zero counts as 0.0001, as other programs have it (Evidently among them).
    package let index: Double
    /// The Jensen-Shannon distance: the square root of the divergence in nats; 0 to 0.8326.
    package let distance: Double
    /// What chance alone exceeds in one of a hundred cases where nothing has changed; see `init`.
    package let chance: Double
    /// The smaller of the two numbers of records.
    package let records: UInt64

    /// Records below which nothing can be said: the index of ten buckets and 100 records is above 0.1 in most cases where
    /// nothing has changed (measured by simulation).
    package static let leastRecords: UInt64 = 500
    /// The index from which a change is usually worth acting on; convention, not law.
    package static let threshold = 0.1

    package enum Verdict: Hashable, Sendable {
        case notEnoughData
        case stable
        /// Above both what is worth acting on and what chance explains.
        case shifted
    }

    /// Compares counts of the same buckets. Nil where there are none, or their numbers differ, or all are zero.
    ///
    /// Where nothing has changed the index is about (1/n + 1/m) times a chi-squared number with one degree of freedom less
    /// than there are buckets; its 99th percentile is taken by Wilson and Hilferty's approximation (1931).
    package init?(reference: [UInt64], current: [UInt64]) {
        guard reference.count == current.count else { return nil }
        let before = reference.reduce(0.0) { $0 + Double($1) }
        let now = current.reduce(0.0) { $0 + Double($1) }
        guard before > 0, now > 0 else { return nil }
        var index = 0.0
        var divergence = 0.0
        for (p, q) in zip(reference, current).map({ (Double($0) / before, Double($1) / now) }) {
            let (floored, other) = (p == 0 ? 0.0001 : p, q == 0 ? 0.0001 : q)
            index += (other - floored) * log(other / floored)
            let middle = (p + q) / 2
            if p > 0 { divergence += p * log(p / middle) / 2 }
            if q > 0 { divergence += q * log(q / middle) / 2 }
        }
        self.index = index
        distance = max(0, divergence).squareRoot()
        records = min(reference.reduce(0) { $0.saturatingAdd($1) }, current.reduce(0) { $0.saturatingAdd($1) })
        let freedom = Double(max(1, reference.count - 1))
        let spread = 2 / (9 * freedom)
        chance = (1 / before + 1 / now) * freedom * pow(1 - spread + 2.326_348 * spread.squareRoot(), 3)
    }

    /// Compares histograms; nil where the edges differ or one is empty.
    package init?(reference: FixedHistogram, current: FixedHistogram) {
        guard reference.edges == current.edges else { return nil }
        self.init(reference: reference.counts, current: current.counts)
    }

    package var verdict: Verdict {
        guard records >= Self.leastRecords else { return .notEnoughData }
        return index >= Self.threshold && index > chance ? .shifted : .stable
    }
}
