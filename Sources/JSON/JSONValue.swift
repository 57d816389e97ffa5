internal import Diagnostics

/// A JSON value; numbers keep their literal and objects the order of their members, so unknown fields survive.
package enum JSONValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Parses one document: strict grammar, UTF-8 checked, duplicate names refused, within `limits`.
    package static func parse(_ bytes: some Sequence<UInt8>, limits: JSONLimits) throws(JSONError) -> JSONValue {
        // `withContiguousStorageIfAvailable` can't carry a typed error, so the outcome travels as a value.
        func outcome(_ buffer: UnsafeRawBufferPointer) -> Result<JSONValue, JSONError> {
            Result { () throws(JSONError) in try JSONValue.parse(buffer: buffer, limits: limits) }
        }
        let contiguous = bytes.withContiguousStorageIfAvailable { outcome(UnsafeRawBufferPointer($0)) }
        return try (contiguous ?? Array(bytes).withUnsafeBytes { outcome($0) }).get()
    }

    /// The same over memory that the caller keeps alive for the call.
    package static func parse(buffer: UnsafeRawBufferPointer, limits: JSONLimits) throws(JSONError) -> JSONValue {
        var reader = try JSONReader(buffer, limits: limits)
        var left = limits.values
        let value = try JSONValue(&reader, left: &left, limit: limits.values)
        try reader.end()
        return value
    }

    /// The value that `reader` stands at, of at most `limit` values.
    init(_ reader: inout JSONReader, limit: Int) throws(JSONError) {
        var left = limit
        try self.init(&reader, left: &left, limit: limit)
    }

    /// Builds the value that `reader` stands at; `left` counts down the values still allowed.
    private init(_ reader: inout JSONReader, left: inout Int, limit: Int) throws(JSONError) {
        left -= 1
        guard left >= 0 else { throw .tooManyValues(limit: limit) }
        switch try reader.peek() {
        case .object:
            try reader.enterObject()
            var object = JSONObject()
            var names = Set<ExactText>()
            while let name = try reader.nextMember() {
                let text = reader.text(at: name)
                guard names.insert(ExactText(text)).inserted else { throw .duplicateName(text, offset: name.start) }
                object.append(text, try JSONValue(&reader, left: &left, limit: limit))
            }
            self = .object(object)
        case .array:
            try reader.enterArray()
            var elements: [JSONValue] = []
            while try reader.nextElement() { elements.append(try JSONValue(&reader, left: &left, limit: limit)) }
            self = .array(elements)
        case .string: self = .string(reader.text(at: try reader.string()))
        case .number: self = .number(JSONNumber(checked: reader.text(at: try reader.number())))
        case .boolean: self = .boolean(try reader.boolean())
        case .null:
            try reader.null()
            self = .null
        }
    }

    /// What kind of value it is, in words for errors.
    package var kindName: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .number(JSONNumber(value)) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }

    package static func integer(_ value: some BinaryInteger) -> JSONValue { .number(JSONNumber(value)) }

    /// The object's member, or nil where this is no object or has none of that name.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let object) = self else { return nil }
        return object[name]
    }

    /// The array's element, or nil where this is no array or too short.
    package subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    package var stringValue: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var integerValue: Int64? {
        guard case .number(let number) = self else { return nil }
        return number.integer
    }

    package var doubleValue: Double? {
        guard case .number(let number) = self else { return nil }
        return number.double
    }

    package var arrayValue: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    package var objectValue: JSONObject? {
        guard case .object(let object) = self else { return nil }
        return object
    }
}

/// The members of an object in the order they were written; each name stands once.
package struct JSONObject: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var members: [(name: String, value: JSONValue)]

    package init() { members = [] }

    /// Names must differ: a later member of the same name replaces the earlier one.
    package init(_ members: some Sequence<(String, JSONValue)>) {
        self.members = []
        // Looking for each name among all before it would take the square of their number.
        var places: [ExactText: Int] = [:]
        for (name, value) in members {
            if let place = places.updateValue(self.members.count, forKey: ExactText(name)) {
                places[ExactText(name)] = place
                self.members[place].value = value
            } else {
                self.members.append((name, value))
            }
        }
    }

    package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }

    package subscript(name: String) -> JSONValue? {
        get { members.first { ExactText($0.name) == ExactText(name) }?.value }
        set {
            if let index = members.firstIndex(where: { ExactText($0.name) == ExactText(name) }) {
                if let newValue { members[index].value = newValue } else { members.remove(at: index) }
            } else if let newValue {
                members.append((name, newValue))
            }
        }
    }

    /// For a parser that has already refused duplicates.
    mutating func append(_ name: String, _ value: JSONValue) { members.append((name, value)) }

    package var names: [String] { members.map(\.name) }
    package var isEmpty: Bool { members.isEmpty }

    /// Equal members in any order, as JSON means it.
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.members.count == right.members.count else { return false }
        // Most are written in the same order; the rest are found by name, at one step for each.
        let isInOrder = zip(left.members, right.members).allSatisfy { ExactText($0.name) == ExactText($1.name) }
        if isInOrder { return zip(left.members, right.members).allSatisfy { $0.value == $1.value } }
        let values = Dictionary(right.members.map { (ExactText($0.name), $0.value) }) { first, _ in first }
        return left.members.allSatisfy { values[ExactText($0.name)] == $0.value }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(members.count)
        hasher.combine(Set(members.map(\.name)))
    }
}
