internal import BundleManifest

/// The name of a scoring service on a box. Spelled as a bundle's name is: it becomes a folder and a part of a path.
package struct EndpointName: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        guard BundleName(text) != nil else { return nil }
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// Whose deployments a box follows; pinned on the box.
package enum Channel: String, CaseIterable, Sendable {
    case dev, staging, prod
}

/// The name a box is enrolled under: letters, digits, `.`, `_`, `:` and `-`, at most 128.
package struct DeviceID: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package init?(_ text: String) {
        guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ isWordByte($0, or: "._:-") }) else {
            return nil
        }
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// Whether a byte is an ASCII letter, a digit or one of `others`.
func isWordByte(_ byte: UInt8, or others: StaticString) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: others.withUTF8Buffer { $0.contains(byte) }
    }
}
