internal import JSON

extension MetricsExport {
    /// Reads an ExportMetricsServiceRequest in the JSON form.
    package init(json bytes: [UInt8], limits: OTLPLimits = OTLPLimits()) throws(OTLPError) {
        let decoder = OTLPJSONDecoder(limits: limits)
        let document = try decoder.document(bytes)
        self.init(try decoder.list(document, "resourceMetrics", decoder.metrics))
    }
}

extension LogsExport {
    /// Reads an ExportLogsServiceRequest in the JSON form.
    package init(json bytes: [UInt8], limits: OTLPLimits = OTLPLimits()) throws(OTLPError) {
        let decoder = OTLPJSONDecoder(limits: limits)
        let document = try decoder.document(bytes)
        self.init(try decoder.list(document, "resourceLogs", decoder.logs))
    }
}

extension ExportResponse {
    /// Reads the response of one service in the JSON form.
    package init(json bytes: [UInt8], of signal: Signal, limits: OTLPLimits = OTLPLimits()) throws(OTLPError) {
        let decoder = OTLPJSONDecoder(limits: limits)
        let partial = try decoder.object(try decoder.document(bytes), "partialSuccess")
        self.init(
            rejected: try decoder.integer(partial, signal.rejectedName),
            problem: try decoder.text(partial, "errorMessage")
        )
    }
}

/// Reads the JSON form of the protocol (OTLP 1.11, "JSON Protobuf Encoding"): unknown members are ignored, 64-bit integers
/// may be numbers or strings, enumerations are numbers only. A member that is null counts as missing.
struct OTLPJSONDecoder {
    let limits: OTLPLimits

    /// Nesting that the messages themselves have, above the values in them.
    private static let messageDepth = 16

    func document(_ bytes: [UInt8]) throws(OTLPError) -> JSONValue {
        // Each value nested in values is four levels deep: kvlistValue, values, an element, its value.
        let depth = Self.messageDepth + 4 * limits.depth
        // Each of our values has at most about eight members.
        let limits = JSONLimits(bytes: limits.bytes, depth: depth, values: 8 * limits.values)
        do throws(JSONError) {
            let document = try JSONValue.parse(bytes, limits: limits)
            guard case .object = document else { throw .syntax(offset: 0, expected: "an object") }
            return document
        } catch { throw .wrongJSON(error.message) }
    }

    // MARK: Members

    private func member(_ value: JSONValue, _ name: String) -> JSONValue? {
        guard let member = value[name], member != .null else { return nil }
        return member
    }

    private func wrong(_ name: String, _ expected: String, _ found: JSONValue) -> OTLPError {
        .wrongJSON("\(name) is \(found.kindName), expected \(expected)")
    }

    /// An empty object where there is none.
    func object(_ value: JSONValue, _ name: String) throws(OTLPError) -> JSONValue {
        guard let member = member(value, name) else { return [:] }
        guard case .object = member else { throw wrong(name, "an object", member) }
        return member
    }

    func list<Element>(
        _ value: JSONValue,
        _ name: String,
        limit: Int = .max,
        _ read: (JSONValue) throws(OTLPError) -> Element
    ) throws(OTLPError) -> [Element] {
        guard let member = member(value, name) else { return [] }
        guard let values = member.arrayValue else { throw wrong(name, "an array", member) }
        guard values.count <= limit else { throw .overLimit("\(values.count) elements in \(name)", limit: limit) }
        var elements: [Element] = []
        for value in values { elements.append(try read(value)) }
        return elements
    }

    func text(_ value: JSONValue, _ name: String) throws(OTLPError) -> String {
        guard let member = member(value, name) else { return "" }
        guard let text = member.stringValue else { throw wrong(name, "a string", member) }
        guard text.utf8.count <= limits.textBytes else {
            throw .overLimit("a text of \(text.utf8.count) bytes", limit: limits.textBytes)
        }
        return text
    }

    func integer<Integer: FixedWidthInteger>(_ value: JSONValue, _ name: String) throws(OTLPError) -> Integer {
        guard let member = member(value, name) else { return 0 }
        return try integer(member, as: name)
    }

    private func integer<Integer: FixedWidthInteger>(_ value: JSONValue, as name: String) throws(OTLPError) -> Integer {
        let literal: String?
        switch value {
        case .string(let text): literal = text
        case .number(let number): literal = number.text
        default: literal = nil
        }
        guard let number = literal.flatMap({ Integer($0) }) else { throw wrong(name, "an integer in range", value) }
        return number
    }

    private func optionalDouble(_ value: JSONValue, _ name: String) throws(OTLPError) -> Double? {
        guard let member = member(value, name) else { return nil }
        return try double(member, as: name)
    }

    private func double(_ value: JSONValue, as name: String) throws(OTLPError) -> Double {
        switch value {
        case .number(let number) where number.double.isFinite: return number.double
        case .string("NaN"): return .nan
        case .string("Infinity"): return .infinity
        case .string("-Infinity"): return -.infinity
        default: throw wrong(name, "a number", value)
        }
    }

    private func boolean(_ value: JSONValue, _ name: String) throws(OTLPError) -> Bool {
        guard let member = member(value, name) else { return false }
        guard case .boolean(let boolean) = member else { throw wrong(name, "true or false", member) }
        return boolean
    }

    // MARK: Values

    func attributes(_ value: JSONValue, _ name: String, depth: Int = 0) throws(OTLPError) -> [TelemetryAttribute] {
        try list(value, name, limit: limits.attributes) { element throws(OTLPError) in
            let content = try object(element, "value")
            return TelemetryAttribute(try text(element, "key"), try self.value(content, depth: depth))
        }
    }

    private func value(_ value: JSONValue, depth: Int) throws(OTLPError) -> TelemetryValue {
        guard depth < limits.depth else { throw .overLimit("values nested deeper", limit: limits.depth) }
        if member(value, "stringValue") != nil { return .string(try text(value, "stringValue")) }
        if member(value, "boolValue") != nil { return .boolean(try boolean(value, "boolValue")) }
        if member(value, "intValue") != nil { return .integer(try integer(value, "intValue")) }
        if let number = try optionalDouble(value, "doubleValue") { return .double(number) }
        if member(value, "arrayValue") != nil {
            let array = try object(value, "arrayValue")
            return .array(
                try list(array, "values") { element throws(OTLPError) in try self.value(element, depth: depth + 1) }
            )
        }
        if member(value, "kvlistValue") != nil {
            return .map(try attributes(try object(value, "kvlistValue"), "values", depth: depth + 1))
        }
        guard let bytes = member(value, "bytesValue") else { return .empty }
        guard let decoded = Base64.decode(try text(value, "bytesValue")) else {
            throw wrong("bytesValue", "base64", bytes)
        }
        return .bytes(decoded)
    }

    private func scope(_ value: JSONValue) throws(OTLPError) -> TelemetryScope {
        let scope = try object(value, "scope")
        return TelemetryScope(
            name: try text(scope, "name"),
            version: try text(scope, "version"),
            attributes: try attributes(scope, "attributes")
        )
    }

    // MARK: Logs

    fileprivate func logs(_ value: JSONValue) throws(OTLPError) -> ResourceLogs {
        ResourceLogs(
            attributes: try attributes(try object(value, "resource"), "attributes"),
            scopes: try list(value, "scopeLogs") { value throws(OTLPError) in
                ScopeLogs(scope: try scope(value), records: try list(value, "logRecords", record))
            }
        )
    }

    private func record(_ value: JSONValue) throws(OTLPError) -> LogRecord {
        LogRecord(
            time: try integer(value, "timeUnixNano"),
            observed: try integer(value, "observedTimeUnixNano"),
            severity: LogSeverity(try integer(value, "severityNumber")),
            severityText: try text(value, "severityText"),
            body: try self.value(try object(value, "body"), depth: 0),
            attributes: try attributes(value, "attributes"),
            eventName: try text(value, "eventName")
        )
    }

    // MARK: Metrics

    fileprivate func metrics(_ value: JSONValue) throws(OTLPError) -> ResourceMetrics {
        ResourceMetrics(
            attributes: try attributes(try object(value, "resource"), "attributes"),
            scopes: try list(value, "scopeMetrics") { value throws(OTLPError) in
                ScopeMetrics(scope: try scope(value), metrics: try list(value, "metrics", metric))
            }
        )
    }

    private func metric(_ value: JSONValue) throws(OTLPError) -> Metric {
        Metric(
            try text(value, "name"),
            description: try text(value, "description"),
            unit: try text(value, "unit"),
            try data(value)
        )
    }

    private func data(_ value: JSONValue) throws(OTLPError) -> MetricData {
        if member(value, "gauge") != nil {
            return .gauge(try list(try object(value, "gauge"), "dataPoints", numberPoint))
        }
        if member(value, "sum") != nil {
            let sum = try object(value, "sum")
            let points = try list(sum, "dataPoints", numberPoint)
            return .sum(points, try temporality(sum), isMonotonic: try boolean(sum, "isMonotonic"))
        }
        if member(value, "histogram") != nil {
            let histogram = try object(value, "histogram")
            return .histogram(try list(histogram, "dataPoints", histogramPoint), try temporality(histogram))
        }
        if member(value, "exponentialHistogram") != nil {
            let histogram = try object(value, "exponentialHistogram")
            let points = try list(histogram, "dataPoints", exponentialPoint)
            return .exponentialHistogram(points, try temporality(histogram))
        }
        return .other(points: try list(try object(value, "summary"), "dataPoints") { _ throws(OTLPError) in () }.count)
    }

    private func temporality(_ value: JSONValue) throws(OTLPError) -> Temporality {
        if let text = member(value, "aggregationTemporality")?.stringValue {
            throw .wrongJSON("aggregationTemporality is \(text.prefix(64)), expected its number")
        }
        return Temporality(rawValue: try integer(value, "aggregationTemporality")) ?? .unspecified
    }

    private func labels(_ value: JSONValue) throws(OTLPError) -> PointLabels {
        PointLabels(
            try attributes(value, "attributes"),
            start: try integer(value, "startTimeUnixNano"),
            time: try integer(value, "timeUnixNano"),
            flags: try integer(value, "flags")
        )
    }

    private func numberPoint(_ value: JSONValue) throws(OTLPError) -> NumberPoint {
        let labels = try labels(value)
        if member(value, "asInt") != nil { return NumberPoint(labels, .integer(try integer(value, "asInt"))) }
        return NumberPoint(labels, try optionalDouble(value, "asDouble").map { .double($0) } ?? .none)
    }

    private func counts(_ value: JSONValue) throws(OTLPError) -> [UInt64] {
        try list(value, "bucketCounts", limit: limits.buckets) { count throws(OTLPError) in
            try integer(count, as: "bucketCounts")
        }
    }

    private func histogramPoint(_ value: JSONValue) throws(OTLPError) -> HistogramPoint {
        HistogramPoint(
            try labels(value),
            count: try integer(value, "count"),
            sum: try optionalDouble(value, "sum"),
            min: try optionalDouble(value, "min"),
            max: try optionalDouble(value, "max"),
            bucketCounts: try counts(value),
            bounds: try list(value, "explicitBounds", limit: limits.buckets) { bound throws(OTLPError) in
                try double(bound, as: "explicitBounds")
            }
        )
    }

    private func exponentialPoint(_ value: JSONValue) throws(OTLPError) -> ExponentialHistogramPoint {
        ExponentialHistogramPoint(
            try labels(value),
            count: try integer(value, "count"),
            sum: try optionalDouble(value, "sum"),
            min: try optionalDouble(value, "min"),
            max: try optionalDouble(value, "max"),
            scale: try integer(value, "scale"),
            zeroCount: try integer(value, "zeroCount"),
            zeroThreshold: try optionalDouble(value, "zeroThreshold") ?? 0,
            positive: try buckets(value, "positive"),
            negative: try buckets(value, "negative")
        )
    }

    private func buckets(
        _ value: JSONValue,
        _ name: String
    ) throws(OTLPError) -> ExponentialHistogramPoint.Buckets {
        let buckets = try object(value, name)
        return ExponentialHistogramPoint.Buckets(offset: try integer(buckets, "offset"), counts: try counts(buckets))
    }
}
