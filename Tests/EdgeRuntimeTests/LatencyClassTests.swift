import RuntimeControl
import Testing

@testable import EdgeRuntime

@Suite struct LatencyClassTests {
    @Test func everyTimeIsInTheFirstClassThatReachesIt() {
        var times: [UInt64] = Array(0...5000)
        for exponent in 12...25 {
            let power = UInt64(1) << UInt64(exponent)
            times += [power - 1, power, power + 1, power + power / 2]
        }
        for time in times where time <= 1 << 25 {
            let index = LatencyClass.index(of: time)
            #expect(LatencyClass.longest(index) >= time, "\(time)")
            if index > 0 { #expect(LatencyClass.longest(index - 1) < max(time, 1), "\(time)") }
            #expect(Double(LatencyClass.longest(index)) <= max(1, Double(time) * 1.25), "\(time)")
        }
    }

    @Test func whatIsLongerThanAnyClassIsInTheLast() {
        #expect(LatencyClass.index(of: .max) == LatencyClass.count - 1)
        #expect(LatencyClass.index(of: (1 << 25) + 1) == LatencyClass.count - 1)
        #expect(LatencyClass.index(of: 1 << 25) == LatencyClass.count - 2)
    }

    @Test(arguments: 6...24)
    func aPowerOfTwoIsWithinTheBoundThatThePageShows(exponent: Int) {
        #expect(LatencyClass.index(of: 1 << UInt64(exponent)) == LatencyClass.end(exponent: exponent) - 1)
        #expect(LatencyClass.index(of: (1 << UInt64(exponent)) + 1) == LatencyClass.end(exponent: exponent))
    }

    @Test func percentilesAreTimesThatSoManyKept() {
        var classes = [UInt64](repeating: 0, count: LatencyClass.count)
        #expect(LatencyClass.percentile(99, of: classes) == 0)
        classes[LatencyClass.index(of: 100)] = 98
        classes[LatencyClass.index(of: 1000)] = 2
        #expect(LatencyClass.percentile(50, of: classes) == LatencyClass.longest(LatencyClass.index(of: 100)))
        #expect(LatencyClass.percentile(98, of: classes) == LatencyClass.longest(LatencyClass.index(of: 100)))
        #expect(LatencyClass.percentile(99, of: classes) == LatencyClass.longest(LatencyClass.index(of: 1000)))
        #expect(LatencyClass.percentile(99, of: [0, 1]) == 2)
    }

    @Test func countersTellTheModelsErrorsFromWhatWasTurnedAway() {
        let metrics = RuntimeMetrics()
        for status in [200, 200, 400, 404, 413, 429, 500, 502, 503, 504] {
            metrics.countResponse(.infer, status: status)
        }
        metrics.countResponse(.score, status: 500)
        for status in [200, 404, 503] { metrics.countResponse(.ready, status: status) }
        metrics.countPrediction(microseconds: 90)
        let longest = LatencyClass.longest(LatencyClass.index(of: 90))
        let expected = ServingCounters(
            requests: 11,
            errors: 4,
            busy: 2,
            p50Microseconds: longest,
            p99Microseconds: longest,
            latencies: LatencyCounts(totalMicroseconds: 90, classes: [.init(longest: longest, count: 1)])
        )
        #expect(metrics.counters == expected)
    }

    /// A runtime that was busy for years still fits into one message.
    @Test func theLargestCountsFitIntoAReply() throws {
        let classes = (0..<LatencyClass.count).map { index in
            let isLast = index == LatencyClass.count - 1
            return LatencyCounts.Class(longest: isLast ? nil : LatencyClass.longest(index), count: Int.max)
        }
        let counters = ServingCounters(
            requests: .max,
            errors: .max,
            busy: .max,
            restarts: .max,
            p50Microseconds: .max,
            p99Microseconds: .max,
            latencies: LatencyCounts(totalMicroseconds: .max, classes: classes)
        )
        let bytes = ControlReply.counters(counters).encoded
        #expect(bytes.count <= ControlProtocol.limitBytes)
        #expect(try ControlReply(bytes) == .counters(counters))
    }
}
