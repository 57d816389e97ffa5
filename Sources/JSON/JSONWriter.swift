extension JSONValue {
    /// Which of the two canonical forms.
    package enum CanonicalForm: Sendable {
        /// RFC 8785 (JCS): names in UTF-16 order, ECMAScript numbers. Integer literals beyond 2^53, as far as Int64
        /// goes, are kept as written.
        case jcs
        /// The form that TUF signs (OLPC canonical JSON): names in code-point order, integers only, and in strings
        /// nothing escaped but the quote and the backslash.
        case olpc
    }

    /// The one byte form of this value. Throws `notRepresentable` for a fraction under `.olpc`.
    package func canonicalBytes(_ form: CanonicalForm = .jcs) throws(JSONError) -> [UInt8] {
        var bytes: [UInt8] = []
        try writeCanonical(form, to: &bytes)
        return bytes
    }

    /// Members in their own order, no white space.
    package func compactBytes() -> [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes, indent: nil)
        return bytes
    }

    /// For people and `--json`: members in their own order, indented by two spaces, ending with a newline.
    package func prettyBytes() -> [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes, indent: 0)
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private func writeCanonical(_ form: CanonicalForm, to bytes: inout [UInt8]) throws(JSONError) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .boolean(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .string(let text): appendString(text, form: form, to: &bytes)
        case .number(let number):
            if let integer = number.integer {
                bytes.append(contentsOf: String(integer).utf8)
            } else {
                guard form == .jcs else { throw .notRepresentable("the number \(number.text)") }
                bytes.append(contentsOf: try canonicalNumber(number.double).utf8)
            }
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                try element.writeCanonical(form, to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in sorted(object, form).enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                appendString(member.name, form: form, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                try member.value.writeCanonical(form, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private func sorted(_ object: JSONObject, _ form: CanonicalForm) -> [(name: String, value: JSONValue)] {
        // String's own `<` compares normalised text; both forms order by code units.
        switch form {
        case .jcs: object.members.sorted { $0.name.utf16.lexicographicallyPrecedes($1.name.utf16) }
        case .olpc: object.members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        }
    }

    private func write(to bytes: inout [UInt8], indent: Int?) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .boolean(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let number): bytes.append(contentsOf: number.text.utf8)
        case .string(let text): appendString(text, form: .jcs, to: &bytes)
        case .array(let elements):
            writeList(elements, "[", "]", to: &bytes, indent: indent) { $0.write(to: &$1, indent: $2) }
        case .object(let object):
            writeList(object.members, "{", "}", to: &bytes, indent: indent) { member, bytes, indent in
                appendString(member.name, form: .jcs, to: &bytes)
                bytes.append(contentsOf: (indent == nil ? ":" : ": ").utf8)
                member.value.write(to: &bytes, indent: indent)
            }
        }
    }

    private func writeList<Item>(
        _ items: [Item],
        _ opening: String,
        _ closing: String,
        to bytes: inout [UInt8],
        indent: Int?,
        each: (Item, inout [UInt8], Int?) -> Void
    ) {
        bytes.append(contentsOf: opening.utf8)
        let inner = indent.map { $0 + 2 }
        for (index, item) in items.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            appendLineBreak(inner, to: &bytes)
            each(item, &bytes, inner)
        }
        if !items.isEmpty { appendLineBreak(indent, to: &bytes) }
        bytes.append(contentsOf: closing.utf8)
    }
}

private func appendLineBreak(_ indent: Int?, to bytes: inout [UInt8]) {
    guard let indent else { return }
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indent))
}

/// Appends `text` as a JSON string with RFC 8785's escapes: the short ones where they exist, `\u00xx` for other controls.
package func appendJSONString(_ text: String, to bytes: inout [UInt8]) {
    appendString(text, form: .jcs, to: &bytes)
}

private func appendString(_ text: String, form: JSONValue.CanonicalForm, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0..<0x20 where form == .jcs: bytes.append(contentsOf: escape(control: byte).utf8)
        default: bytes.append(byte)
        }
    }
    bytes.append(UInt8(ascii: "\""))
}

private func escape(control byte: UInt8) -> String {
    switch byte {
    case 0x08: return "\\b"
    case 0x09: return "\\t"
    case 0x0A: return "\\n"
    case 0x0C: return "\\f"
    case 0x0D: return "\\r"
    default:
        let digits = Array("0123456789abcdef")
        return "\\u00" + String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
    }
}
