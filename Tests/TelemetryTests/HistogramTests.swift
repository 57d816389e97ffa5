import Testing

@testable import Telemetry

@Suite struct HistogramTests {
    /// Numbers of all magnitudes, negative ones and zeros. Whole multiples of 1/1024 below 2^20, so that sums are exact.
    private func numbers(_ count: Int, spread: Double, _ generator: inout SeededGenerator) -> [Double] {
        (0..<count).map { _ in
            let magnitude = (Double.random(in: 0...1, using: &generator) * spread * 1_024).rounded() / 1_024
            return Int.random(in: 0..<4, using: &generator) == 0 ? -magnitude : magnitude
        }
    }

    private func recorded(_ numbers: [Double]) -> ExponentialHistogram {
        var histogram = ExponentialHistogram()
        for number in numbers { histogram.record(number) }
        return histogram
    }

    @Test func boundsBelongToTheBucketBelow() {
        // Bucket i holds what is above f^i and at most f^(i+1).
        #expect(ExponentialBuckets.index(of: 1, scale: 0) == -1)
        #expect(ExponentialBuckets.index(of: 1.000_001, scale: 0) == 0)
        #expect(ExponentialBuckets.index(of: 2, scale: 0) == 0)
        #expect(ExponentialBuckets.index(of: 4, scale: 0) == 1)
        #expect(ExponentialBuckets.index(of: 4, scale: -1) == 0)
        #expect(ExponentialBuckets.index(of: 5, scale: -1) == 1)
        #expect(ExponentialBuckets.index(of: 4, scale: 3) == 15)
        #expect(ExponentialBuckets.index(of: 0.5, scale: 20) == -(1 << 20) - 1)
    }

    /// The bucket of a coarse scale is the one that the bucket of the finest is part of, next to bounds too.
    @Test func scalesAgree() {
        var generator = SeededGenerator(seed: 1)
        var values: [Double] = [.leastNonzeroMagnitude, .greatestFiniteMagnitude, .leastNormalMagnitude]
        for exponent in -1_074...1_023 {
            let power = Double(sign: .plus, exponent: exponent, significand: 1)
            values += [power, power.nextUp, power.nextDown].filter { $0 > 0 && $0.isFinite }
        }
        for _ in 0..<5_000 {
            values.append(Double(bitPattern: .random(in: 1..<0x7ff0_0000_0000_0000, using: &generator)))
        }
        for value in values {
            let finest = ExponentialBuckets.index(of: value, scale: 20)
            for scale in [-10, -4, -1, 0, 1, 7, 19] {
                #expect(ExponentialBuckets.index(of: value, scale: scale) == finest >> (20 - scale), "\(value)")
            }
        }
    }

    @Test func lowersItsScaleToFit() {
        // Just under ten octaves of 16, and 1 itself belongs to the bucket below.
        #expect(recorded([1.01, 1_000]).scale == 4)
        #expect(recorded([1, 1_000]).scale == 3)
        let all = recorded([.leastNonzeroMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude])
        #expect(all.scale == -4)
        #expect(all.count == 3)
        #expect(all.positive.counts.count <= ExponentialHistogram.bucketLimit)
    }

    @Test func notANumberIsNotCounted() {
        var histogram = recorded([1])
        for value in [Double.nan, .infinity, -.infinity] { histogram.record(value) }
        #expect(histogram == recorded([1]))
    }

    @Test(arguments: 0..<40) func mergingIsExact(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let spreads = [0.01, 1, 1_000, 1_000_000]
        let parts = (0..<3).map { _ in
            let spread = spreads[Int.random(in: 0..<4, using: &generator)]
            return numbers(.random(in: 0..<60, using: &generator), spread: spread, &generator)
        }
        let (a, b, c) = (recorded(parts[0]), recorded(parts[1]), recorded(parts[2]))
        let whole = recorded(parts.flatMap { $0 })
        #expect(merged(merged(a, b), c) == whole)
        #expect(merged(a, merged(b, c)) == whole)
        #expect(merged(merged(c, b), a) == whole)
        #expect(merged(a, ExponentialHistogram()) == a)
        #expect(merged(ExponentialHistogram(), a) == a)
        #expect(whole.count == UInt64(parts.joined().count))
        #expect(recorded(parts.flatMap { $0 }.shuffled(using: &generator)) == whole)
        #expect(ExponentialHistogram(whole.point(PointLabels())) == whole)
    }

    private func merged(_ left: ExponentialHistogram, _ right: ExponentialHistogram) -> ExponentialHistogram {
        var left = left
        left.merge(right)
        return left
    }

    @Test func quantilesAreWithinTheError() throws {
        let histogram = recorded((1...10_000).map { Double($0) / 1_000 })
        for (quantile, exact) in [(0.5, 5.0), (0.9, 9), (0.99, 9.9), (0.001, 0.01)] {
            let value = try #require(histogram.value(at: quantile))
            #expect(abs(value - exact) / exact < 0.05, "\(quantile): \(value)")
        }
        #expect(histogram.value(at: 1) == 10)
        #expect(recorded([-2]).value(at: 0.5) == -2)
        #expect(ExponentialHistogram().value(at: 0.5) == nil)
    }

    @Test func refusesPointsThatCannotBeMerged() throws {
        let good = recorded([1, 2, 3]).point(PointLabels())
        let changes: [(inout ExponentialHistogramPoint) -> Void] = [
            { $0.count += 1 }, { $0.scale = 21 }, { $0.scale = -11 }, { $0.zeroThreshold = 0.5 },
            { $0.positive.offset = .max },
            {
                $0.negative = .init(offset: .min, counts: [0]); $0.zeroCount = 1
            },
            { $0.positive.counts = [UInt64](repeating: 0, count: 161) },
        ]
        for change in changes {
            var point = good
            change(&point)
            #expect(ExponentialHistogram(point) == nil)
        }
        // Counts at the end of their range are kept there.
        let full = ExponentialHistogramPoint(count: .max, positive: .init(counts: [.max]))
        let counted = try #require(ExponentialHistogram(full))
        #expect(merged(counted, counted).count == .max)
    }

    // MARK: Fixed edges

    @Test func fixedBucketsIncludeTheirUpperEdge() throws {
        var histogram = try #require(FixedHistogram(edges: [0, 1, 2]))
        for value in [-5, 0, 0.5, 1, 1.5, 2, 3, .infinity, -.infinity, .nan] { histogram.record(value) }
        #expect(histogram.counts == [3, 2, 2, 2])
        #expect(histogram.missing == 1)
        #expect(histogram.count == 9)
        #expect(FixedHistogram(edges: [1, 1]) == nil)
        #expect(FixedHistogram(edges: [2, 1]) == nil)
        #expect(FixedHistogram(edges: [.nan]) == nil)
        #expect(FixedHistogram(edges: [1], counts: [1]) == nil)
        #expect(FixedHistogram(histogram.point(PointLabels()))?.counts == histogram.counts)
    }

    @Test(arguments: 0..<20) func fixedMergingIsExact(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let empty = try #require(FixedHistogram(edges: [-1, 0, 0.25, 10]))
        let parts = (0..<3).map { _ in
            var part = empty
            for number in numbers(50, spread: 5, &generator) { part.record(number) }
            return part
        }
        var whole = empty
        for part in parts { _ = whole.merge(part) }
        var other = empty
        for part in parts.reversed() { _ = other.merge(part) }
        #expect(whole == other)
        #expect(whole.count == 150)
        var different = try #require(FixedHistogram(edges: [1]))
        let isMerged = different.merge(whole)
        #expect(!isMerged)
    }

    /// Worked example: p = 0.1, 0.4, 0.5 and q = 0.2, 0.3, 0.5; the values are those of SciPy.
    @Test func stabilityOfAnExample() throws {
        let stability = try #require(PopulationStability(reference: [100, 400, 500], current: [200, 300, 500]))
        #expect(abs(stability.index - 0.098_083) < 0.000_001)
        #expect(abs(stability.distance - 0.109_903) < 0.000_001)
        // 9.2103 is the 99th percentile of chi-squared with two degrees of freedom.
        #expect(abs(stability.chance - 9.2103 * 2 / 1_000) < 0.001)
        #expect(stability.verdict == .stable)
        #expect(PopulationStability(reference: [50, 50], current: [1, 2])?.verdict == .notEnoughData)
        #expect(PopulationStability(reference: [900, 100], current: [100, 900])?.verdict == .shifted)
        #expect(PopulationStability(reference: [900, 100], current: [900, 100])?.index == 0)
        #expect(PopulationStability(reference: [900, 0], current: [900, 100])?.index.isFinite == true)
        #expect(PopulationStability(reference: [1], current: [0]) == nil)
        #expect(PopulationStability(reference: [1], current: [1, 2]) == nil)
    }
}
