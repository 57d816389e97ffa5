/// What a spool has lost since it was made: cumulative counts, to be sent as data like any other.
package struct SpoolLosses: Hashable, Sendable {
    package enum Reason: UInt8, CaseIterable, Hashable, Sendable {
        /// The oldest made room for newer ones or more important ones.
        case evicted = 0
        /// No room could be made: all there is is more important.
        case full = 1
        /// The record is larger than a record may be.
        case tooLarge = 2
        /// The disk couldn't be written.
        case unwritable = 3
        /// The disk has something else than what was written.
        case damaged = 4

        package var name: String {
            switch self {
            case .evicted: "evicted"
            case .full: "full"
            case .tooLarge: "too_large"
            case .unwritable: "unwritable"
            case .damaged: "damaged"
            }
        }
    }

    package struct Key: Hashable, Sendable {
        package let spoolClass: SpoolClass
        package let reason: Reason
    }

    package struct Amount: Hashable, Sendable {
        package var records: UInt64 = 0
        /// About: of a file of which some was acknowledged, the share.
        package var bytes: UInt64 = 0

        package init(records: UInt64 = 0, bytes: UInt64 = 0) {
            self.records = records
            self.bytes = bytes
        }
    }

    package private(set) var amounts: [Key: Amount] = [:]

    package init() {}

    package var records: UInt64 { amounts.values.reduce(0) { $0.saturatingAdd($1.records) } }
    package var bytes: UInt64 { amounts.values.reduce(0) { $0.saturatingAdd($1.bytes) } }

    mutating func add(_ amount: Amount, to key: Key) {
        guard amount != Amount() else { return }
        let before = amounts[key] ?? Amount()
        amounts[key] = Amount(
            records: before.records.saturatingAdd(amount.records),
            bytes: before.bytes.saturatingAdd(amount.bytes)
        )
    }

    mutating func add(_ other: SpoolLosses) { for (key, amount) in other.amounts { add(amount, to: key) } }

    /// In order of class and reason.
    package var sorted: [(key: Key, amount: Amount)] {
        amounts.map { ($0.key, $0.value) }.sorted {
            ($0.0.spoolClass.rawValue, $0.0.reason.rawValue) < ($1.0.spoolClass.rawValue, $1.0.reason.rawValue)
        }
    }

    /// As metrics: `edge.spool.dropped.records` and `edge.spool.dropped.size`, cumulative, by class and reason.
    package func metrics(time: UInt64, start: UInt64 = 0) -> [Metric] {
        func metric(_ name: String, _ unit: String, _ value: (Amount) -> UInt64) -> Metric {
            let points = sorted.map { key, amount in
                let attributes = [
                    TelemetryAttribute("edge.spool.class", .string(key.spoolClass.name)),
                    TelemetryAttribute("edge.spool.reason", .string(key.reason.name)),
                ]
                return NumberPoint(
                    PointLabels(attributes, start: start, time: time),
                    .integer(Int64(clamping: value(amount)))
                )
            }
            return Metric(name, unit: unit, .sum(points, .cumulative, isMonotonic: true))
        }
        return [
            metric("edge.spool.dropped.records", "{record}") { $0.records },
            metric("edge.spool.dropped.size", "By") { $0.bytes },
        ]
    }
}
