internal import Glibc
internal import RuntimeControl
internal import Synchronization

/// Counts what is served, for `/metrics` in the Prometheus text format 0.0.4. Recording takes no lock.
final class RuntimeMetrics: Sendable {
    /// Upper bounds of the latency histogram that the page shows, as powers of two in microseconds: 64 µs to some 17 s.
    private static let exponents = 6...24

    /// One counter for each route and hundred of status codes.
    private let responses = Counters(count: Route.allCases.count * 5)
    private let latencies = Counters(count: LatencyClass.count)
    private let unavailable = Atomic<UInt64>(0)
    private let tooMany = Atomic<UInt64>(0)
    private let totalMicroseconds = Atomic<UInt64>(0)
    private let predictions = Atomic<UInt64>(0)

    /// A response was given to `route`.
    func countResponse(_ route: Route, status: Int) {
        responses.increment(Int(route.rawValue) * 5 + min(max(status / 100 - 1, 0), 4))
        if route.isScoring {
            if status == 503 { unavailable.add(1, ordering: .relaxed) }
            if status == 429 { tooMany.add(1, ordering: .relaxed) }
        }
    }

    /// A prediction was answered with success, `duration` after its request was whole.
    func countPrediction(microseconds: UInt64) {
        predictions.add(1, ordering: .relaxed)
        totalMicroseconds.add(microseconds, ordering: .relaxed)
        latencies.increment(LatencyClass.index(of: microseconds))
    }

    /// What an agent judges a runtime by, but for `restarts`, which it does not know.
    ///
    /// One counter is read after the other while others go on: a sum may lack the last requests.
    var counters: ServingCounters {
        let all = (0..<5).map { hundred in
            Route.allCases.filter(\.isScoring).reduce(0) { $0 + responses.value(Int($1.rawValue) * 5 + hundred) }
        }
        let unavailable = min(unavailable.load(ordering: .relaxed), all[4])
        let classes = (0..<LatencyClass.count).map { latencies.value($0) }
        return ServingCounters(
            requests: Int(clamping: all.reduce(0, +)),
            errors: Int(clamping: all[4] - unavailable),
            busy: Int(clamping: unavailable + tooMany.load(ordering: .relaxed)),
            p50Microseconds: LatencyClass.percentile(50, of: classes),
            p99Microseconds: LatencyClass.percentile(99, of: classes),
            latencies: LatencyCounts(
                totalMicroseconds: Int(clamping: totalMicroseconds.load(ordering: .relaxed)),
                classes: classes.enumerated().filter { $0.element > 0 }.map { index, count in
                    let isLast = index == LatencyClass.count - 1
                    return .init(longest: isLast ? nil : LatencyClass.longest(index), count: Int(clamping: count))
                }
            )
        )
    }

    /// A value of the moment, with its help.
    struct Value {
        let name: String
        let help: String
        let value: Double
        let isCounter: Bool

        init(_ name: String, _ help: String, _ value: Double, isCounter: Bool = false) {
            self.name = name
            self.help = help
            self.value = value
            self.isCounter = isCounter
        }
    }

    /// The page, with values that others keep.
    func page(info: [(String, String)], values: [Value]) -> String {
        var text = "# HELP edge_bundle_info What is served; always 1.\n# TYPE edge_bundle_info gauge\nedge_bundle_info{"
        text += info.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",") + "} 1\n"
        text += "# HELP edge_http_responses_total Responses by route and class of status.\n"
        text += "# TYPE edge_http_responses_total counter\n"
        for route in Set(Route.allCases.map(\.label)).sorted() {
            for hundred in 1...5 {
                let count = Route.allCases.filter { $0.label == route }
                    .reduce(0) { $0 + responses.value(Int($1.rawValue) * 5 + hundred - 1) }
                guard count > 0 else { continue }
                text += "edge_http_responses_total{route=\"\(route)\",code=\"\(hundred)xx\"} \(count)\n"
            }
        }
        text += "# HELP edge_prediction_duration_seconds From the whole request to its answer.\n"
        text += "# TYPE edge_prediction_duration_seconds histogram\n"
        var sum: UInt64 = 0
        var counted = 0
        for exponent in Self.exponents {
            let end = LatencyClass.end(exponent: exponent)
            sum += (counted..<end).reduce(0) { $0 + latencies.value($1) }
            counted = end
            text += "edge_prediction_duration_seconds_bucket{le=\"\(Double(1 << exponent) / 1e6)\"} \(sum)\n"
        }
        sum += (counted..<LatencyClass.count).reduce(0) { $0 + latencies.value($1) }
        text += "edge_prediction_duration_seconds_bucket{le=\"+Inf\"} \(sum)\n"
        text += "edge_prediction_duration_seconds_sum \(Double(totalMicroseconds.load(ordering: .relaxed)) / 1e6)\n"
        text += "edge_prediction_duration_seconds_count \(sum)\n"
        for value in values + Self.process() {
            let number = value.value == value.value.rounded() ? "\(Int64(value.value))" : "\(value.value)"
            let kind = value.isCounter ? "counter" : "gauge"
            text += "# HELP \(value.name) \(value.help)\n# TYPE \(value.name) \(kind)\n\(value.name) \(number)\n"
        }
        return text
    }

    private func escaped(_ text: String) -> String {
        text.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
            .split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"")
    }

    /// Names as Prometheus' own client libraries give them.
    private static func process() -> [Value] {
        let pages = (firstLine(of: "/proc/self/statm") ?? "").split(separator: " ").compactMap { Double($0) }
        guard pages.count > 1 else { return [] }
        let resident = pages[1] * Double(sysconf(Int32(_SC_PAGESIZE)))
        return [Value("process_resident_memory_bytes", "Resident memory of the front process in bytes.", resident)]
    }
}

/// How latencies are counted: exactly up to 8 µs, then in four classes for each doubling, up to some 33 s.
enum LatencyClass {
    private static let largestExponent = 24
    static let count = 8 + (largestExponent - 2) * 4 + 1

    static func index(of microseconds: UInt64) -> Int {
        // One less, so that a power of two is the last of its class, as the bounds of Prometheus include their value.
        let value = max(microseconds, 1) - 1
        guard value >= 8 else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        guard exponent <= largestExponent else { return count - 1 }
        return 8 + (exponent - 3) * 4 + Int(value >> (UInt64(exponent) - 2) & 3)
    }

    /// The longest time of a class, in microseconds; of the last one the shortest.
    static func longest(_ index: Int) -> Int {
        guard index >= 8 else { return index + 1 }
        let (exponent, part) = (index - 8).quotientAndRemainder(dividingBy: 4)
        guard exponent + 3 <= largestExponent else { return 1 << (largestExponent + 1) }
        return (5 + part) << (exponent + 1)
    }

    /// The first class above 2^exponent µs.
    static func end(exponent: Int) -> Int { 8 + (exponent - 3) * 4 }

    /// What so many of a hundred took at most, in microseconds; 0 where nothing was counted.
    static func percentile(_ percent: UInt64, of classes: [UInt64]) -> Int {
        let total = classes.reduce(0, +)
        guard total > 0 else { return 0 }
        // Rounded up: of one request, 99 percent is that one.
        let wanted = (total * percent + 99) / 100
        var sum: UInt64 = 0
        for (index, count) in classes.enumerated() {
            sum += count
            if sum >= wanted { return longest(index) }
        }
        return longest(count - 1)
    }
}

/// A row of counters that any thread may raise.
private final class Counters: Sendable {
    // Never reallocated; each element is only ever touched through its atomic operations.
    private nonisolated(unsafe) let storage: UnsafeMutablePointer<Atomic<UInt64>>
    private let count: Int

    init(count: Int) {
        self.count = count
        storage = .allocate(capacity: count)
        for index in 0..<count { (storage + index).initialize(to: Atomic(0)) }
    }

    deinit {
        storage.deinitialize(count: count)
        storage.deallocate()
    }

    func increment(_ index: Int) { storage[index].add(1, ordering: .relaxed) }

    func value(_ index: Int) -> UInt64 { storage[index].load(ordering: .relaxed) }
}
