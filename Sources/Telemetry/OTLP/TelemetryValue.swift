/// The value of an attribute or the body of a log record: AnyValue of opentelemetry/proto/common/v1/common.proto.
package enum TelemetryValue: Hashable, Sendable {
    /// No value, which the protocol tells from an empty text.
    case empty
    case string(String)
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    case array([TelemetryValue])
    case map([TelemetryAttribute])
    case bytes([UInt8])
}

extension TelemetryValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(floatLiteral value: Double) { self = .double(value) }

    package var stringValue: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var integerValue: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }
}

/// A name with its value: KeyValue of the protocol. Names in one list must differ (common.proto, "attributes").
package struct TelemetryAttribute: Hashable, Sendable {
    package var key: String
    package var value: TelemetryValue

    package init(_ key: String, _ value: TelemetryValue) {
        self.key = key
        self.value = value
    }
}

extension [TelemetryAttribute] {
    /// The value of the first attribute of that name.
    package subscript(key: String) -> TelemetryValue? { first { $0.key == key }?.value }
}

/// What made the telemetry, inside its resource: InstrumentationScope of common.proto.
package struct TelemetryScope: Hashable, Sendable {
    package var name: String
    package var version: String
    package var attributes: [TelemetryAttribute]

    package init(name: String = "", version: String = "", attributes: [TelemetryAttribute] = []) {
        self.name = name
        self.version = version
        self.attributes = attributes
    }
}
