internal import JSON

extension FuzzHarness {
    static let json = FuzzHarness("json", "one JSON document: reader, values, all writers", limitBytes: 8_192) {
        input in
        let limits = JSONLimits(bytes: 8_192, values: 4_096)
        let isText = input.withUnsafeBytes { isWellFormed($0, limits) }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(input, limits: limits)
        } catch {
            let members = try? CanonicalText.members(of: input, limits: limits)
            try require(members == nil, "canonical text is made of what the parser refuses: \(error)")
            switch error {
            case .duplicateName, .tooManyValues: return
            default: return try require(!isText, "the reader takes what the parser refuses: \(error)")
            }
        }
        try require(isText, "the parser takes what the reader refuses")
        try checkWriters(of: value, limits)
        try checkCanonical(value, input, limits)
        try checkCanonicalText(of: value, input, limits)
        try checkLimits(of: value, input, limits)
    }

    /// What the pull reader says, which sees no duplicates and counts no values.
    private static func isWellFormed(_ bytes: UnsafeRawBufferPointer, _ limits: JSONLimits) -> Bool {
        do {
            var reader = try JSONReader(bytes, limits: limits)
            try reader.skip()
            try reader.end()
            return true
        } catch {
            return false
        }
    }

    /// Nothing is lost by writing a value and reading it again.
    private static func checkWriters(of value: JSONValue, _ limits: JSONLimits) throws {
        for written in [value.compactBytes(), value.prettyBytes()] {
            // Escapes and white space may make it longer than what was read.
            let limits = JSONLimits(bytes: written.count, values: limits.values)
            let again = try JSONValue.parse(written, limits: limits)
            try require(again == value, "another value after writing and reading")
            try require(again.hashValue == value.hashValue, "equal values with different hashes")
            try require(
                again.compactBytes() == value.compactBytes(),
                "another order or number after writing and reading"
            )
        }
    }

    /// A canonical form holds the same value, is its own canonical form, and is recognised; nothing else is.
    private static func checkCanonical(_ value: JSONValue, _ input: [UInt8], _ limits: JSONLimits) throws {
        let canonical = try? value.canonicalBytes(.jcs)
        try require(
            isCanonical(input, limits) == (canonical == input),
            "the check of canonical form and the writer disagree"
        )
        if let canonical {
            let limits = JSONLimits(bytes: canonical.count, values: limits.values)
            let again = try JSONValue.parse(canonical, limits: limits)
            try require(isSame(again, value), "the canonical form is another value")
            try require(try again.canonicalBytes(.jcs) == canonical, "the canonical form is not its own canonical form")
            try require(isCanonical(canonical, limits), "the canonical form is not recognised")
        }
        // What TUF signs is no JSON where a string holds control characters: it is only ever made, never read.
        if let signed = try? value.canonicalBytes(.olpc), !signed.contains(where: { $0 < 0x20 }) {
            let limits = JSONLimits(bytes: signed.count, values: limits.values)
            let again = try JSONValue.parse(signed, limits: limits)
            try require(isSame(again, value), "the form that is signed is another value")
            try require(try again.canonicalBytes(.olpc) == signed, "the form that is signed is not its own")
        }
    }

    /// What is read where it stands is what the tree has, member by member.
    private static func checkCanonicalText(of value: JSONValue, _ input: [UInt8], _ limits: JSONLimits) throws {
        let expected: [(String, [UInt8])]? = try? value.objectValue?.members.map { member throws(JSONError) in
            (member.name, try member.value.canonicalBytes(.olpc))
        }
        let found = try? CanonicalText.members(of: input, limits: limits)
        guard let expected, let found else {
            return try require((expected == nil) == (found == nil), "the tree and its text differ in what they refuse")
        }
        try require(expected.map(\.0) == found.map(\.name), "canonical text has other members")
        try require(expected.map(\.1) == found.map(\.text.bytes), "canonical text is another than the tree's")
        for (member, text) in zip(value.objectValue?.members ?? [], found) {
            try checkCanonicalValue(text.text.value, member.value)
        }
    }

    private static func checkCanonicalValue(_ text: CanonicalValue, _ value: JSONValue) throws {
        try require(isSame(text.json, value), "canonical text becomes another tree")
        try require(text.kindName == value.kindName, "canonical text is \(text.kindName), the tree \(value.kindName)")
        try require(text.string.map { Array($0.utf8) } == value.stringValue.map { Array($0.utf8) }, "another string")
        try require(text.detached == text && text.detached.hashValue == text.hashValue, "another text when detached")
        if let elements = text.elements {
            try require(elements.count == value.arrayValue?.count, "canonical text has other elements")
            for (element, value) in zip(elements, value.arrayValue ?? []) { try checkCanonicalValue(element, value) }
        } else {
            try require(value.arrayValue == nil, "canonical text has no elements")
        }
        guard let object = text.object else { return try require(value.objectValue == nil, "no object") }
        try require(object.count == value.objectValue?.members.count, "canonical text has other members")
        for (name, value) in value.objectValue?.members ?? [] {
            guard let member = object[name] else { throw FuzzFinding("canonical text lacks \(name)") }
            try checkCanonicalValue(member, value)
        }
        let rest = object.without(Set(object.json.names.prefix(1)))
        try require(object.isEmpty || rest.count < object.count, "a member can't be left out")
    }

    private static func isCanonical(_ bytes: [UInt8], _ limits: JSONLimits) -> Bool {
        bytes.withUnsafeBytes { (try? JSONReader.requireCanonical($0, limits: limits, path: "")) != nil }
    }

    /// The limits hold at exactly what the value has.
    private static func checkLimits(of value: JSONValue, _ input: [UInt8], _ limits: JSONLimits) throws {
        let size = size(of: value)
        let exact = JSONLimits(bytes: input.count, depth: size.depth, values: size.values)
        _ = try JSONValue.parse(input, limits: exact)
        var lower = [exact, exact, exact]
        lower[0].bytes -= 1
        lower[1].values -= 1
        lower[2].depth -= 1
        for (limits, what) in zip(lower, ["bytes", "values", "depth"]) where what != "depth" || size.depth > 0 {
            let refused = (try? JSONValue.parse(input, limits: limits)) == nil
            try require(refused, "one less of \(what) is not refused")
        }
    }

    private static func size(of value: JSONValue) -> (values: Int, depth: Int) {
        let children: [JSONValue]
        switch value {
        case .array(let elements): children = elements
        case .object(let object): children = object.members.map(\.value)
        default: return (1, 0)
        }
        return children.map { size(of: $0) }.reduce((1, 1)) { ($0.0 + $1.values, max($0.1, $1.depth + 1)) }
    }

    /// Equal but for the order of members and for how numbers are written.
    private static func isSame(_ left: JSONValue, _ right: JSONValue) -> Bool {
        switch (left, right) {
        case (.number(let left), .number(let right)):
            if let integer = left.integer, right.integer != nil { return integer == right.integer }
            return left.double == right.double
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { isSame($0, $1) }
        case (.object(let left), .object(let right)):
            return left.members.count == right.members.count
                && left.members.allSatisfy { name, value in right[name].map { isSame($0, value) } ?? false }
        default: return left == right
        }
    }
}
