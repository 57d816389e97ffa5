/// Reads the members of an object one by one, with errors that name the path: `components.app.toc: expected a string`.
///
/// Members not asked for are ignored, as all our documents are read; `requires` is how a writer makes one count.
package struct JSONFields {
    package let object: JSONObject
    package let path: String

    /// Throws where `value` is not an object.
    package init(_ value: JSONValue, path: String) throws(JSONError) {
        guard case .object(let object) = value else {
            throw .unexpected(path: path, problem: "expected an object, found \(value.kindName)")
        }
        self.object = object
        self.path = path
    }

    package init(object: JSONObject, path: String) {
        self.object = object
        self.path = path
    }

    private func path(of name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// An error about the member `name`.
    package func problem(_ name: String, _ problem: String) -> JSONError {
        .unexpected(path: path(of: name), problem: problem)
    }

    /// The member, where it is there and not null.
    package func optional(_ name: String) -> JSONValue? {
        guard let value = object[name], value != .null else { return nil }
        return value
    }

    package func value(_ name: String) throws(JSONError) -> JSONValue {
        guard let value = optional(name) else { throw problem(name, "is missing") }
        return value
    }

    package func string(_ name: String) throws(JSONError) -> String {
        try cast(name, try value(name), "a string") { $0.stringValue }
    }

    package func optionalString(_ name: String) throws(JSONError) -> String? {
        guard let value = optional(name) else { return nil }
        return try cast(name, value, "a string") { $0.stringValue }
    }

    package func integer(_ name: String, in range: ClosedRange<Int>) throws(JSONError) -> Int {
        guard let number = try optionalInteger(name, in: range) else { throw problem(name, "is missing") }
        return number
    }

    package func optionalInteger(_ name: String, in range: ClosedRange<Int>) throws(JSONError) -> Int? {
        guard let value = optional(name) else { return nil }
        let number = try cast(name, value, "an integer") { $0.integerValue }
        guard let number = Int(exactly: number), range.contains(number) else {
            throw problem(name, "\(number) is outside \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A finite double.
    package func optionalDouble(_ name: String) throws(JSONError) -> Double? {
        guard let value = optional(name) else { return nil }
        return try cast(name, value, "a number") { $0.doubleValue.flatMap { $0.isFinite ? $0 : nil } }
    }

    package func optionalBoolean(_ name: String) throws(JSONError) -> Bool? {
        guard let value = optional(name) else { return nil }
        return try cast(name, value, "true or false") {
            guard case .boolean(let boolean) = $0 else { return nil }
            return boolean
        }
    }

    package func array(_ name: String) throws(JSONError) -> [JSONValue] {
        try cast(name, try value(name), "an array") { $0.arrayValue }
    }

    /// The strings of an array; empty where the member is missing.
    package func strings(_ name: String) throws(JSONError) -> [String] {
        guard let value = optional(name) else { return [] }
        return try cast(name, value, "an array of strings") { value in
            guard let elements = value.arrayValue else { return nil }
            let strings = elements.compactMap(\.stringValue)
            return strings.count == elements.count ? strings : nil
        }
    }

    package func fields(_ name: String) throws(JSONError) -> JSONFields {
        try JSONFields(try value(name), path: path(of: name))
    }

    package func optionalFields(_ name: String) throws(JSONError) -> JSONFields? {
        guard let value = optional(name) else { return nil }
        return try JSONFields(value, path: path(of: name))
    }

    private func cast<Result>(
        _ name: String,
        _ value: JSONValue,
        _ expected: String,
        _ convert: (JSONValue) -> Result?
    ) throws(JSONError) -> Result {
        guard let result = convert(value) else { throw problem(name, "expected \(expected), found \(value.kindName)") }
        return result
    }
}
