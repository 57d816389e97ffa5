package import JSON
import YAML

/// A value that a project leaves to be set at deployment, with its default and bounds.
package struct ProjectParameter: Sendable, Equatable {
    package enum Kind: String, CaseIterable, Sendable {
        case number, integer, string, boolean
    }

    package var kind: Kind
    package var defaultValue: JSONValue
    /// For numbers and integers.
    package var minimum: JSONNumber?
    package var maximum: JSONNumber?
    /// Whether a box's own configuration may set it.
    package var isLocal: Bool

    /// As the manifest holds it.
    package var json: JSONValue {
        var object: JSONObject = ["type": .string(kind.rawValue), "default": defaultValue, "local": .boolean(isLocal)]
        object["minimum"] = minimum.map { .number($0) }
        object["maximum"] = maximum.map { .number($0) }
        return .object(object)
    }

    /// Reads `{type, default, minimum, maximum, local}`.
    init(_ fields: YAMLFields) throws(YAMLError) {
        kind = try fields.choice("type", Kind.self)
        isLocal = try fields.booleanIfPresent("local") ?? false
        switch kind {
        case .string: defaultValue = .string(try fields.string("default"))
        case .boolean: defaultValue = .boolean(try fields.boolean("default"))
        case .integer:
            let bounds = try Self.bounds(fields, Self.safeIntegers) { key throws(YAMLError) in
                try fields.integerIfPresent(key, in: Self.safeIntegers)
            }
            minimum = bounds.minimum.map { JSONNumber($0) }
            maximum = bounds.maximum.map { JSONNumber($0) }
            defaultValue = .integer(try fields.integer("default", in: bounds.range))
        case .number:
            let all = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
            let bounds = try Self.bounds(fields, all) { key throws(YAMLError) in
                try fields.numberIfPresent(key, in: all)
            }
            minimum = try bounds.minimum.map { value throws(YAMLError) in try Self.json(value, "minimum", fields) }
            maximum = try bounds.maximum.map { value throws(YAMLError) in try Self.json(value, "maximum", fields) }
            let value = try fields.number("default", in: bounds.range)
            defaultValue = .number(try Self.json(value, "default", fields))
        }
        for key in ["minimum", "maximum"] where kind == .string || kind == .boolean {
            guard fields.nodeIfPresent(key) == nil else { throw fields.invalid(key, "a \(kind) has no bounds") }
        }
        try fields.refuseUnknown()
    }

    /// Integers that every reader of JSON keeps exactly (RFC 8259, section 6).
    private static let safeIntegers = -(1 << 53) + 1...(1 << 53) - 1

    private static func bounds<Value: Comparable>(
        _ fields: YAMLFields,
        _ all: ClosedRange<Value>,
        _ read: (String) throws(YAMLError) -> Value?
    ) throws(YAMLError) -> (minimum: Value?, maximum: Value?, range: ClosedRange<Value>) {
        let (minimum, maximum) = (try read("minimum"), try read("maximum"))
        let (lower, upper) = (minimum ?? all.lowerBound, maximum ?? all.upperBound)
        guard lower <= upper else { throw fields.invalid("maximum", "is below the minimum") }
        return (minimum, maximum, lower...upper)
    }

    private static func json(_ value: Double, _ key: String, _ fields: YAMLFields) throws(YAMLError) -> JSONNumber {
        do { return try JSONNumber(value) } catch { throw fields.invalid(key, "can't be written as JSON") }
    }
}
