package import JSON

// The JSON form (OTLP 1.11, "JSON Protobuf Encoding"): names in lowerCamelCase, 64-bit integers as decimal strings,
// enumerations as numbers. What has its type's zero is left out, as in the binary form.

extension MetricsExport {
    /// ExportMetricsServiceRequest in the JSON form.
    package func json() -> JSONValue {
        JSONFieldsWriter.value { writer in
            writer.list("resourceMetrics", resources) { writer, resource in
                writer.object("resource") { $0.attributes("attributes", resource.attributes) }
                writer.list("scopeMetrics", resource.scopes) { writer, scope in
                    writer.object("scope") { $0.content(of: scope.scope) }
                    writer.list("metrics", scope.metrics) { $0.content(of: $1) }
                }
            }
        }
    }
}

extension LogsExport {
    /// ExportLogsServiceRequest in the JSON form.
    package func json() -> JSONValue {
        JSONFieldsWriter.value { writer in
            writer.list("resourceLogs", resources) { writer, resource in
                writer.object("resource") { $0.attributes("attributes", resource.attributes) }
                writer.list("scopeLogs", resource.scopes) { writer, scope in
                    writer.object("scope") { $0.content(of: scope.scope) }
                    writer.list("logRecords", scope.records) { $0.content(of: $1) }
                }
            }
        }
    }
}

extension ExportResponse {
    /// The response of one service in the JSON form; the two name what they reject differently.
    package func json(of signal: Signal) -> JSONValue {
        JSONFieldsWriter.value { writer in
            guard !isFullSuccess else { return }
            writer.object("partialSuccess") { writer in
                writer.long(signal.rejectedName, rejected)
                writer.text("errorMessage", problem)
            }
        }
    }

    /// What a request carries.
    package enum Signal: Sendable {
        case metrics, logs

        var rejectedName: String { self == .metrics ? "rejectedDataPoints" : "rejectedLogRecords" }
    }
}

/// Builds an object member by member.
private struct JSONFieldsWriter {
    private var members = JSONObject()

    static func value(_ write: (inout JSONFieldsWriter) -> Void) -> JSONValue {
        var writer = JSONFieldsWriter()
        write(&writer)
        return .object(writer.members)
    }

    mutating func object(_ name: String, _ write: (inout JSONFieldsWriter) -> Void) {
        members[name] = Self.value(write)
    }

    mutating func list<Element>(
        _ name: String,
        _ elements: [Element],
        _ write: (inout JSONFieldsWriter, Element) -> Void
    ) {
        guard !elements.isEmpty else { return }
        members[name] = .array(elements.map { element in Self.value { write(&$0, element) } })
    }

    mutating func text(_ name: String, _ text: String) { if !text.isEmpty { members[name] = .string(text) } }

    mutating func integer(_ name: String, _ number: some BinaryInteger) {
        if number != 0 { members[name] = .integer(number) }
    }

    /// A 64-bit integer.
    mutating func long(_ name: String, _ number: some BinaryInteger, always: Bool = false) {
        if number != 0 || always { members[name] = .string(String(number)) }
    }

    mutating func double(_ name: String, _ number: Double) { members[name] = Self.number(number) }

    /// A double; JSON's numbers lack three of them, which protobuf writes as strings.
    private static func number(_ number: Double) -> JSONValue {
        guard !number.isNaN else { return "NaN" }
        guard let literal = try? JSONNumber(number) else { return number < 0 ? "-Infinity" : "Infinity" }
        return .number(literal)
    }

    mutating func attributes(_ name: String, _ attributes: [TelemetryAttribute]) {
        list(name, attributes) { writer, attribute in
            writer.text("key", attribute.key)
            writer.object("value") { $0.content(of: attribute.value) }
        }
    }

    mutating func content(of value: TelemetryValue) {
        switch value {
        case .empty: break
        case .string(let text): members["stringValue"] = .string(text)
        case .boolean(let boolean): members["boolValue"] = .boolean(boolean)
        case .integer(let number): long("intValue", number, always: true)
        case .double(let number): double("doubleValue", number)
        case .array(let values): object("arrayValue") { $0.list("values", values) { $0.content(of: $1) } }
        case .map(let attributes): object("kvlistValue") { $0.attributes("values", attributes) }
        case .bytes(let bytes): members["bytesValue"] = .string(Base64.encode(bytes))
        }
    }

    mutating func content(of scope: TelemetryScope) {
        text("name", scope.name)
        text("version", scope.version)
        attributes("attributes", scope.attributes)
    }

    mutating func content(of metric: Metric) {
        text("name", metric.name)
        text("description", metric.description)
        text("unit", metric.unit)
        switch metric.data {
        case .other: break
        case .gauge(let points): object("gauge") { $0.list("dataPoints", points) { $0.content(of: $1) } }
        case .sum(let points, let temporality, let isMonotonic):
            object("sum") { writer in
                writer.list("dataPoints", points) { $0.content(of: $1) }
                writer.integer("aggregationTemporality", temporality.rawValue)
                if isMonotonic { writer.members["isMonotonic"] = true }
            }
        case .histogram(let points, let temporality):
            object("histogram") { writer in
                writer.list("dataPoints", points) { $0.content(of: $1) }
                writer.integer("aggregationTemporality", temporality.rawValue)
            }
        case .exponentialHistogram(let points, let temporality):
            object("exponentialHistogram") { writer in
                writer.list("dataPoints", points) { $0.content(of: $1) }
                writer.integer("aggregationTemporality", temporality.rawValue)
            }
        }
    }

    private mutating func labels(_ labels: PointLabels) {
        attributes("attributes", labels.attributes)
        long("startTimeUnixNano", labels.start)
        long("timeUnixNano", labels.time)
        integer("flags", labels.flags)
    }

    private mutating func content(of point: NumberPoint) {
        labels(point.labels)
        switch point.value {
        case .none: break
        case .integer(let number): long("asInt", number, always: true)
        case .double(let number): double("asDouble", number)
        }
    }

    private mutating func summary(count: UInt64, sum: Double?, min: Double?, max: Double?) {
        long("count", count)
        if let sum { double("sum", sum) }
        if let min { double("min", min) }
        if let max { double("max", max) }
    }

    private mutating func longs(_ name: String, _ numbers: [UInt64]) {
        if !numbers.isEmpty { members[name] = .array(numbers.map { .string(String($0)) }) }
    }

    private mutating func content(of point: HistogramPoint) {
        labels(point.labels)
        summary(count: point.count, sum: point.sum, min: point.min, max: point.max)
        longs("bucketCounts", point.bucketCounts)
        if !point.bounds.isEmpty { members["explicitBounds"] = .array(point.bounds.map(Self.number)) }
    }

    private mutating func content(of point: ExponentialHistogramPoint) {
        labels(point.labels)
        summary(count: point.count, sum: point.sum, min: point.min, max: point.max)
        integer("scale", point.scale)
        long("zeroCount", point.zeroCount)
        if point.zeroThreshold != 0 { double("zeroThreshold", point.zeroThreshold) }
        for (name, buckets) in [("positive", point.positive), ("negative", point.negative)] {
            object(name) { writer in
                writer.integer("offset", buckets.offset)
                writer.longs("bucketCounts", buckets.counts)
            }
        }
    }

    mutating func content(of record: LogRecord) {
        long("timeUnixNano", record.time)
        long("observedTimeUnixNano", record.observed)
        integer("severityNumber", record.severity.number)
        text("severityText", record.severityText)
        if record.body != .empty { object("body") { $0.content(of: record.body) } }
        attributes("attributes", record.attributes)
        text("eventName", record.eventName)
    }
}
