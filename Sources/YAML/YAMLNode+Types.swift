/// The core schema of YAML 1.2 (section 10.3), without its less common spellings: `true` and `false` only, so that
/// `yes`, `on` and the country code `NO` stay the strings that their writers meant.
extension YAMLNode {
    private static let coreTag = "tag:yaml.org,2002:"

    /// A value with the type that the schema gives it.
    package enum Resolved: Sendable, Equatable {
        case null
        case boolean(Bool)
        case integer(Int)
        case number(Double)
        case string(String)
    }

    /// The scalar's value by the schema, or nil for a sequence, a mapping, or a tag of somebody's own.
    package var resolved: Resolved? {
        guard let scalar else { return nil }
        let isPlain = scalar.style == .plain
        switch tag {
        case nil where isPlain:
            if scalar.isNull(tag: nil) { return .null }
            if let value = boolean { return .boolean(value) }
            if let value = integer { return .integer(value) }
            if let value = number() { return .number(value) }
            return .string(scalar.text)
        case nil, "!", Self.coreTag + "str": return .string(scalar.text)
        case Self.coreTag + "null": return .null
        case Self.coreTag + "bool": return boolean.map(Resolved.boolean)
        case Self.coreTag + "int": return integer.map(Resolved.integer)
        case Self.coreTag + "float": return number().map(Resolved.number)
        default: return nil
        }
    }

    /// The text of any scalar but null, as written: `3.10` is "3.10" although it could be a number.
    package var string: String? {
        guard let scalar, hasTag("str", "bool", "int", "float"), !scalar.isNull(tag: tag) else { return nil }
        return scalar.text
    }

    /// `true` or `false`.
    package var boolean: Bool? {
        switch typedText("bool") {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// A decimal, `0x` or `0o` number that fits 64 bits.
    package var integer: Int? {
        guard let text = typedText("int") else { return nil }
        for (prefix, radix) in [("0x", 16), ("0o", 8)] where text.hasPrefix(prefix) {
            let digits = text.dropFirst(2)
            return digits.first?.isHexDigit == true ? Int(digits, radix: radix) : nil
        }
        return Int(text)
    }

    /// A decimal number; `.inf` and `.nan` only where the caller can live with them.
    package func number(allowingNonFinite: Bool = false) -> Double? {
        guard let text = typedText("float") else { return nil }
        let unsigned = text.first.map { "+-".contains($0) } == true ? text.dropFirst() : text[...]
        if unsigned == ".inf" { return allowingNonFinite ? (text.first == "-" ? -.infinity : .infinity) : nil }
        if unsigned == ".nan" { return allowingNonFinite && unsigned.count == text.count ? .nan : nil }
        // Double() reads more than the schema does: "nan", "infinity", hexadecimal floats.
        let decimal = unsigned.allSatisfy { $0.isASCII && ($0.isNumber || ".eE+-".contains($0)) }
        guard decimal, unsigned.first.map({ $0.isNumber || $0 == "." }) == true else { return nil }
        guard unsigned.contains(where: \.isNumber) else { return nil }
        // The schema writes ".5" and "1." where Double() wants digits on both sides.
        var normal = unsigned.first == "." ? "0" + unsigned : String(unsigned)
        if let point = normal.firstIndex(of: "."), normal[normal.index(after: point)...].first?.isNumber != true {
            normal.insert("0", at: normal.index(after: point))
        }
        guard let value = Double(normal), value.isFinite else { return nil }
        return text.first == "-" ? -value : value
    }

    /// The text of a scalar that may be of a type other than string: plain, or tagged so.
    private func typedText(_ type: String) -> String? {
        guard let scalar, scalar.style == .plain || tag != nil, hasTag(type) else { return nil }
        return tag == nil || tag == Self.coreTag + type ? scalar.text : nil
    }

    /// Whether the tag is none, the non-specific "!", or one of these types of the core schema.
    private func hasTag(_ types: String...) -> Bool {
        tag == nil || tag == "!" || types.contains { tag == Self.coreTag + $0 }
    }
}

extension YAMLScalar {
    func isNull(tag: String?) -> Bool {
        switch tag {
        case nil: style == .plain && ["", "~", "null", "Null", "NULL"].contains(text)
        case "tag:yaml.org,2002:null": true
        default: false
        }
    }
}
