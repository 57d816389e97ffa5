internal import FleetProtocol
internal import JSON

/// What `edgeagent-sync report` says besides how it went: the numbers of its last line.
struct ReportOutcome: Equatable {
    /// Records that still wait.
    var left = 0
    /// Seconds between two check-ins, as the fleet wants them; nil where it said nothing.
    var interval: Int?
    /// The fleet calls the box by other labels than before.
    var hasNewLabels = false
    /// How long the server wants to be left alone, in seconds.
    var retryAfter: Int?

    private static let limits = JSONLimits(bytes: 64 << 10, depth: 8, values: 1000)

    init() {}

    /// From all that it printed. What is not there, or is none, is left out.
    init(output: [UInt8]) {
        guard let last = output.split(separator: UInt8(ascii: "\n")).last(where: { $0.first == UInt8(ascii: "{") }),
            let value = try? JSONValue.parse(last, limits: Self.limits)
        else { return }
        func number(_ name: String, _ range: ClosedRange<Int>) -> Int? {
            value[name]?.integerValue.flatMap { Int(exactly: $0) }.flatMap { range.contains($0) ? $0 : nil }
        }
        left = number("left", 0...Int.max) ?? 0
        interval = number("interval", FleetLimits.intervals)
        hasNewLabels = value["labels"]?.stringValue == "changed"
        retryAfter = number("retryAfter", 0...86_400)
    }
}
