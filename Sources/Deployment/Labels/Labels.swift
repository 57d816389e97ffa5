/// The name of a label: lowercase letters, digits, `.`, `_`, `-` and `/`, starting and ending with a letter or digit,
/// at most 63.
package struct LabelName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard (1...63).contains(bytes.count), bytes.allSatisfy(Self.isNameByte),
            let first = bytes.first, let last = bytes.last, isWordByte(first, or: ""), isWordByte(last, or: "")
        else { return nil }
        self.text = text
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        isWordByte(byte, or: "._-/") && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    /// Set on the box itself and not by the server.
    package var isLocal: Bool { text.hasPrefix("local.") }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// The value of a label: letters, digits and `._:/+@-`, 1 to 128 of them, so that it needs no quotes anywhere.
package struct LabelValue: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy(Self.isValueByte) else { return nil }
        self.text = text
    }

    static func isValueByte(_ byte: UInt8) -> Bool { isWordByte(byte, or: "._:/+@-") }

    package var description: String { text }
}

/// What is said about a box: the server's labels, delivered at check-in, and its own `local.` ones.
package struct Labels: Hashable, Sendable {
    package var values: [LabelName: LabelValue]

    package init(_ values: [LabelName: LabelValue] = [:]) { self.values = values }

    /// Nil where a name or value is none.
    package init?(_ texts: [String: String]) {
        values = [:]
        for (name, value) in texts {
            guard let name = LabelName(name), let value = LabelValue(value) else { return nil }
            values[name] = value
        }
    }

    package subscript(name: LabelName) -> LabelValue? { values[name] }

    /// Only what the server says.
    package var withoutLocal: Labels { Labels(values.filter { !$0.key.isLocal }) }
}
