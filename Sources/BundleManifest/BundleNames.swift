internal import Diagnostics

/// A bundle's name: lowercase letters, digits, `.`, `_` and `-`, starting and ending with a letter or digit, at most 64.
package struct BundleName: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let isOuter = { (byte: UInt8) in isLowercase(byte) || isDigit(byte) }
        guard (1...64).contains(bytes.count), bytes.first.map(isOuter) == true, bytes.last.map(isOuter) == true,
            bytes.allSatisfy({ isOuter($0) || "._-".utf8.contains($0) })
        else { return nil }
        self.text = text
    }

    package var description: String { text }
}

/// A bundle's version: one to four integers joined by points, ordered as numbers (`1.10` comes after `1.9`).
package struct BundleVersion: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let numbers: [Int]

    /// For what is built only to be tried.
    package static let zero = BundleVersion(numbers: [0])

    private init(numbers: [Int]) { self.numbers = numbers }

    /// Each number is written without leading zeros and below 2^31.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...4).contains(parts.count) else { return nil }
        var numbers: [Int] = []
        for part in parts {
            guard part.utf8.allSatisfy(isDigit), let number = Int32(part), String(number) == part else { return nil }
            numbers.append(Int(number))
        }
        self.numbers = numbers
    }

    package var description: String { numbers.map(String.init).joined(separator: ".") }

    package static func < (left: Self, right: Self) -> Bool {
        left.numbers.lexicographicallyPrecedes(right.numbers)
    }
}

/// The parts of a bundle, in the order they lie in the archive: what changes together lies together.
package enum ComponentName: String, CaseIterable, Sendable {
    /// The scoring script and what it imports from its own folder.
    case app
    /// The conformance samples.
    case samples
    /// The model's files.
    case model
    /// The environment: unpacked wheels, or ONNX Runtime's library and licences.
    case env
    /// A bundled interpreter.
    case python
}

/// The path of a file inside a component: relative, `/` between its parts, no way out of the folder.
package struct BundlePath: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Longest path in bytes of UTF-8.
    package static let longest = 1024
    /// Deepest nesting of folders.
    package static let deepest = 32

    package let text: String

    /// Nil for an empty or absolute path, an empty part, `.` or `..`, a control character or backslash, a part over 255
    /// bytes, or more than `longest` bytes or `deepest` parts.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.longest else { return nil }
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count <= Self.deepest else { return nil }
        for part in parts {
            guard (1...255).contains(part.count), !part.elementsEqual(".".utf8), !part.elementsEqual("..".utf8),
                part.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") })
            else { return nil }
        }
        self.text = text
    }

    package var description: String { text }

    package static func == (left: Self, right: Self) -> Bool { ExactText(left.text) == ExactText(right.text) }

    package func hash(into hasher: inout Hasher) { hasher.combine(ExactText(text)) }

    /// In the order of their bytes.
    package static func < (left: Self, right: Self) -> Bool { ExactText(left.text) < ExactText(right.text) }
}

func isLowercase(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
