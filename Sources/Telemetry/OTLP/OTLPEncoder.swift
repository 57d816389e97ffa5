// The binary form of what is sent (OTLP 1.11, "OTLP/HTTP", Content-Type application/x-protobuf). Field numbers are those
// of opentelemetry-proto 1.11.

extension MetricsExport {
    /// ExportMetricsServiceRequest in the wire format.
    package func protobufBytes() -> [UInt8] {
        var writer = ProtobufWriter()
        for resource in resources {
            writer.message(1) { writer in
                writer.message(1) { $0.attributes(1, resource.attributes) }
                for scope in resource.scopes {
                    writer.message(2) { writer in
                        writer.message(1) { $0.content(of: scope.scope) }
                        for metric in scope.metrics { writer.message(2) { $0.content(of: metric) } }
                    }
                }
            }
        }
        return writer.bytes
    }
}

extension LogsExport {
    /// ExportLogsServiceRequest in the wire format.
    package func protobufBytes() -> [UInt8] {
        var writer = ProtobufWriter()
        for resource in resources {
            writer.message(1) { writer in
                writer.message(1) { $0.attributes(1, resource.attributes) }
                for scope in resource.scopes {
                    writer.message(2) { writer in
                        writer.message(1) { $0.content(of: scope.scope) }
                        for record in scope.records { writer.message(2) { $0.content(of: record) } }
                    }
                }
            }
        }
        return writer.bytes
    }
}

extension ExportResponse {
    /// The response of either service in the wire format: empty where all was taken, as the protocol asks.
    package func protobufBytes() -> [UInt8] {
        var writer = ProtobufWriter()
        guard !isFullSuccess else { return [] }
        writer.message(1) { writer in
            writer.integer(1, rejected)
            writer.text(2, problem)
        }
        return writer.bytes
    }
}

extension ProtobufWriter {
    fileprivate mutating func attributes(_ field: UInt32, _ attributes: [TelemetryAttribute]) {
        for attribute in attributes {
            message(field) { writer in
                writer.text(1, attribute.key)
                writer.message(2) { $0.content(of: attribute.value) }
            }
        }
    }

    fileprivate mutating func content(of value: TelemetryValue) {
        switch value {
        case .empty: break
        case .string(let text): self.text(1, text, always: true)
        case .boolean(let boolean): integer(2, boolean ? 1 : 0, always: true)
        case .integer(let number): integer(3, number, always: true)
        case .double(let number): double(4, number, always: true)
        case .array(let values): message(5) { for value in values { $0.message(1) { $0.content(of: value) } } }
        case .map(let attributes): message(6) { $0.attributes(1, attributes) }
        case .bytes(let bytes): data(7, bytes, always: true)
        }
    }

    fileprivate mutating func content(of scope: TelemetryScope) {
        text(1, scope.name)
        text(2, scope.version)
        attributes(3, scope.attributes)
    }

    fileprivate mutating func content(of metric: Metric) {
        text(1, metric.name)
        text(2, metric.description)
        text(3, metric.unit)
        switch metric.data {
        case .other: break
        case .gauge(let points): message(5) { for point in points { $0.message(1) { $0.content(of: point) } } }
        case .sum(let points, let temporality, let isMonotonic):
            message(7) { writer in
                for point in points { writer.message(1) { $0.content(of: point) } }
                writer.integer(2, Int64(temporality.rawValue))
                writer.integer(3, isMonotonic ? 1 : 0)
            }
        case .histogram(let points, let temporality):
            message(9) { writer in
                for point in points { writer.message(1) { $0.content(of: point) } }
                writer.integer(2, Int64(temporality.rawValue))
            }
        case .exponentialHistogram(let points, let temporality):
            message(10) { writer in
                for point in points { writer.message(1) { $0.content(of: point) } }
                writer.integer(2, Int64(temporality.rawValue))
            }
        }
    }

    private mutating func content(of point: NumberPoint) {
        fixed(2, point.labels.start)
        fixed(3, point.labels.time)
        switch point.value {
        case .none: break
        case .integer(let number): fixed(6, UInt64(bitPattern: number), always: true)
        case .double(let number): double(4, number, always: true)
        }
        attributes(7, point.labels.attributes)
        integer(8, Int64(point.labels.flags))
    }

    private mutating func content(of point: HistogramPoint) {
        fixed(2, point.labels.start)
        fixed(3, point.labels.time)
        fixed(4, point.count)
        if let sum = point.sum { double(5, sum, always: true) }
        packedFixed(6, point.bucketCounts)
        packedFixed(7, point.bounds.map(\.bitPattern))
        attributes(9, point.labels.attributes)
        integer(10, Int64(point.labels.flags))
        if let min = point.min { double(11, min, always: true) }
        if let max = point.max { double(12, max, always: true) }
    }

    private mutating func content(of point: ExponentialHistogramPoint) {
        attributes(1, point.labels.attributes)
        fixed(2, point.labels.start)
        fixed(3, point.labels.time)
        fixed(4, point.count)
        if let sum = point.sum { double(5, sum, always: true) }
        signed(6, point.scale)
        fixed(7, point.zeroCount)
        message(8) { $0.content(of: point.positive) }
        message(9) { $0.content(of: point.negative) }
        integer(10, Int64(point.labels.flags))
        if let min = point.min { double(12, min, always: true) }
        if let max = point.max { double(13, max, always: true) }
        double(14, point.zeroThreshold)
    }

    private mutating func content(of buckets: ExponentialHistogramPoint.Buckets) {
        signed(1, buckets.offset)
        packedVarints(2, buckets.counts)
    }

    fileprivate mutating func content(of record: LogRecord) {
        fixed(1, record.time)
        integer(2, Int64(record.severity.number))
        text(3, record.severityText)
        if record.body != .empty { message(5) { $0.content(of: record.body) } }
        attributes(6, record.attributes)
        fixed(11, record.observed)
        text(12, record.eventName)
    }
}
