internal import Glibc
internal import Synchronization

/// Counts what is served, for `/metrics` in the Prometheus text format 0.0.4. Recording takes no lock.
final class RuntimeMetrics: Sendable {
    /// Upper bounds of the latency histogram in microseconds: powers of two from 64 µs to some 17 s.
    private static let bounds: [UInt64] = (6...24).map { 1 << UInt64($0) }

    /// One counter for each route and hundred of status codes.
    private let responses = Counters(count: Route.allCases.count * 5)
    private let buckets = Counters(count: RuntimeMetrics.bounds.count + 1)
    private let totalMicroseconds = Atomic<UInt64>(0)
    private let predictions = Atomic<UInt64>(0)

    /// A response was given to `route`.
    func countResponse(_ route: Route, status: Int) {
        responses.increment(Int(route.rawValue) * 5 + min(max(status / 100 - 1, 0), 4))
    }

    /// A prediction was answered with success, `duration` after its request was whole.
    func countPrediction(microseconds: UInt64) {
        predictions.add(1, ordering: .relaxed)
        totalMicroseconds.add(microseconds, ordering: .relaxed)
        let leading = microseconds <= 64 ? 6 : 64 - (microseconds - 1).leadingZeroBitCount
        buckets.increment(min(leading - 6, Self.bounds.count))
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
        for (index, bound) in Self.bounds.enumerated() {
            sum += buckets.value(index)
            text += "edge_prediction_duration_seconds_bucket{le=\"\(Double(bound) / 1e6)\"} \(sum)\n"
        }
        sum += buckets.value(Self.bounds.count)
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
