package import JSON

/// What came of a run, or of it so far.
package struct SimulationReport: Hashable, Sendable {
    /// Kinds of errors that are told apart; the rest is counted as one.
    private static let errorLimit = 16
    private static let otherErrors = "other errors"

    package var boxes = 0
    /// Enrolled by this run; the others were before.
    package var enrolled = 0
    package var enrolmentSeconds = 0.0
    /// From the first check-in on.
    package var seconds = 0.0
    package var checkInsDue = 0
    package var checkInsSent = 0
    /// The fleet said that it keeps them.
    package var checkInsAcknowledged = 0
    package var checkInsFailed = 0
    package var eventsAcknowledged = 0
    package var metricsSent = 0
    package var metricsFailed = 0
    /// Of check-ins that were acknowledged, each from the opening of its connection to the end of the answer.
    package var latency = LatencyCounts()
    /// How long after it was due a check-in began.
    package var delay = LatencyCounts()
    package private(set) var errors: [String: Int] = [:]

    package init() {}

    /// Whether everything that was sent was acknowledged.
    package var isWhole: Bool { checkInsFailed == 0 && metricsFailed == 0 }

    mutating func count(error: String) {
        let key = errors[error] != nil || errors.count < Self.errorLimit ? error : Self.otherErrors
        errors[key, default: 0] += 1
    }

    package static func milliseconds(_ duration: Duration?) -> Double? {
        guard let duration else { return nil }
        return (duration / .milliseconds(1) * 1_000).rounded() / 1_000
    }

    package var json: JSONValue {
        func number(_ value: Double?) -> JSONValue { value.flatMap { try? .number(JSONNumber($0)) } ?? .null }
        func spread(_ counts: LatencyCounts) -> JSONValue {
            [
                "p50": number(Self.milliseconds(counts.value(at: 0.5))),
                "p95": number(Self.milliseconds(counts.value(at: 0.95))),
                "p99": number(Self.milliseconds(counts.value(at: 0.99))),
                "max": number(Self.milliseconds(counts.count > 0 ? counts.max : nil)),
            ]
        }
        let errors = errors.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return [
            "boxes": .integer(boxes), "enrolled": .integer(enrolled), "enrolmentSeconds": number(enrolmentSeconds),
            "seconds": number(seconds),
            "checkIns": [
                "due": .integer(checkInsDue), "sent": .integer(checkInsSent),
                "acknowledged": .integer(checkInsAcknowledged), "failed": .integer(checkInsFailed),
            ],
            "events": .integer(eventsAcknowledged),
            "metrics": ["sent": .integer(metricsSent), "failed": .integer(metricsFailed)],
            "latencyMilliseconds": spread(latency), "delayMilliseconds": spread(delay),
            "errors": .array(errors.map { ["sentence": .string($0.key), "count": .integer($0.value)] }),
        ]
    }
}
