internal import JSON

extension Selector {
    /// Reads the JSON form: `{"label":"site","equals":"oslo"}`, `{"label":"site","in":["a","b"]}`,
    /// `{"label":"gpu","exists":true}`, `{"not":…}`, `{"all":[…]}`, `{"any":[…]}`.
    ///
    /// A selector narrows, so a member that isn't known is never ignored here: it is a feature that this program lacks.
    init(_ fields: JSONFields) throws {
        var left = Self.mostClauses
        self = try Self.read(fields, depth: 1, left: &left)
    }

    private static func read(_ fields: JSONFields, depth: Int, left: inout Int) throws -> Selector {
        left -= 1
        guard depth <= deepest, left >= 0 else {
            throw JSONError.unexpected(path: fields.path, problem: "has too many clauses or levels")
        }
        let known: Set<String> = ["label", "equals", "in", "exists", "not", "all", "any"]
        for name in fields.object.names where !known.contains(name) { throw UnknownFeatures("selector", name) }
        let operators = fields.object.names.filter { $0 != "label" }
        guard operators.count == 1, let kind = operators.first else {
            throw JSONError.unexpected(
                path: fields.path,
                problem: "needs exactly one of equals, in, exists, not, all, any"
            )
        }
        switch kind {
        case "equals": return .equals(try fields.labelName(), try labelValue(try fields.string(kind), fields, kind))
        case "in":
            let texts = try fields.strings(kind)
            guard (1...mostClauses).contains(texts.count) else { throw fields.problem(kind, "needs 1 to 256 values") }
            return .isIn(try fields.labelName(), try texts.map { try labelValue($0, fields, kind) })
        case "exists":
            guard try fields.optionalBoolean(kind) == true else { throw fields.problem(kind, "must be true") }
            return .exists(try fields.labelName())
        case "not": return .not(try read(try fields.fields(kind), depth: depth + 1, left: &left))
        default:
            var clauses: [Selector] = []
            for (index, element) in try fields.array(kind).enumerated() {
                let inner = try JSONFields(element, path: "\(fields.path).\(kind)[\(index)]")
                clauses.append(try read(inner, depth: depth + 1, left: &left))
            }
            guard kind == "all" || !clauses.isEmpty else { throw fields.problem(kind, "is empty") }
            return kind == "all" ? .all(clauses) : .any(clauses)
        }
    }

    private static func labelValue(_ text: String, _ fields: JSONFields, _ name: String) throws -> LabelValue {
        guard let value = LabelValue(text) else { throw fields.problem(name, "is no label's value") }
        return value
    }

    var json: JSONValue {
        switch self {
        case .equals(let name, let value): ["label": .string(name.text), "equals": .string(value.text)]
        case .isIn(let name, let values):
            ["label": .string(name.text), "in": .array(values.map { .string($0.text) })]
        case .exists(let name): ["label": .string(name.text), "exists": true]
        case .not(let inner): ["not": inner.json]
        case .all(let clauses): ["all": .array(clauses.map(\.json))]
        case .any(let clauses): ["any": .array(clauses.map(\.json))]
        }
    }
}

extension JSONFields {
    fileprivate func labelName() throws -> LabelName {
        guard let name = LabelName(try string("label")) else { throw problem("label", "is no label's name") }
        return name
    }
}
