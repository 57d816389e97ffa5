/// The name of a role: one of the four top-level ones, or whatever a delegation calls a delegated one.
package struct RoleName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    package static let root = RoleName(known: "root")
    package static let timestamp = RoleName(known: "timestamp")
    package static let snapshot = RoleName(known: "snapshot")
    package static let targets = RoleName(known: "targets")

    /// A name that stands in a program's own tables: short and plain, which nothing checks.
    package init(known text: String) { self.text = text }

    /// Nil for a name that no file could be called after: empty, with control characters, or longer than 200 bytes once
    /// it is percent-encoded (255 is the longest file name, and a version and `.json` are added to it).
    package init?(_ text: String) {
        guard !text.isEmpty, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }),
            percentEncoded(text).utf8.count <= 200
        else { return nil }
        self.text = text
    }

    package var description: String { text }

    /// One of root, timestamp, snapshot and targets, which no delegation can give away.
    package var isTopLevel: Bool { [.root, .timestamp, .snapshot, .targets].contains(self) }

    /// The name that snapshot metadata lists it under: `bundles.json`.
    package var listedName: String { "\(text).json" }

    /// The file that the client stores it in: unreserved characters as they are, all others percent-encoded, so that no
    /// name leads out of the folder and no two names meet.
    package var storedName: String { "\(percentEncoded(text)).json" }

    /// The file in a repository: `7.bundles.json` where snapshots are consistent, else `bundles.json`.
    package func repositoryPath(version: Int?) -> RepositoryPath {
        RepositoryPath(components: [version.map { "\($0).\(listedName)" } ?? listedName])
    }

    // Swift's own comparison of strings takes two spellings of one character as equal; metadata means bytes.
    package static func == (left: RoleName, right: RoleName) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    package func hash(into hasher: inout Hasher) { for byte in text.utf8 { hasher.combine(byte) } }

    package static func < (left: RoleName, right: RoleName) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
}

/// The path of a target: what the operators call a file, `/` between components.
package struct TargetPath: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    /// Nil for what is no relative path: empty, over 1,024 bytes, with an empty component, `.` or `..`, or with control
    /// characters. Metadata may list such a name; nobody gets it.
    package init?(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= 1_024,
            text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }),
            // Scalars: a slash with a combining mark behind it is one Character, and a slash to everybody else.
            text.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false)
                .allSatisfy({ !["", ".", ".."].contains(String($0)) })
        else { return nil }
        self.text = text
    }

    package var description: String { text }

    package var components: [String] { text.unicodeScalars.split(separator: "/").map { String($0) } }

    /// One file name for the whole path, for a flat folder of downloads.
    package var storedName: String { percentEncoded(text) }

    /// Where a repository keeps the file: with `HASH.` before its name where snapshots are consistent.
    package func repositoryPath(hashPrefix: String?) -> RepositoryPath {
        var components = components
        if let hashPrefix, let name = components.popLast() { components.append("\(hashPrefix).\(name)") }
        return RepositoryPath(components: components)
    }

    package static func == (left: TargetPath, right: TargetPath) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) { for byte in text.utf8 { hasher.combine(byte) } }

    package static func < (left: TargetPath, right: TargetPath) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }
}

/// The place of a file below the base of a repository's metadata or targets.
package struct RepositoryPath: Hashable, Sendable, CustomStringConvertible {
    /// Names of folders, then of the file, nothing encoded. A delegated role may be called `../x`: whoever turns these
    /// into paths or URLs must keep each one component.
    package let components: [String]

    package init(components: [String]) { self.components = components }

    package var description: String { components.joined(separator: "/") }

    /// For a URL: every component percent-encoded, joined by `/`.
    package var urlPath: String { components.map { percentEncoded($0) }.joined(separator: "/") }

    /// For a folder: nil where a component can't be one file name.
    package var filePath: String? {
        let isPlain = components.allSatisfy {
            !["", ".", ".."].contains($0) && !$0.utf8.contains(UInt8(ascii: "/")) && !$0.utf8.contains(0)
        }
        return isPlain && !components.isEmpty ? components.joined(separator: "/") : nil
    }
}

/// RFC 3986 section 2.3: letters, digits and `-._~` stay, all other bytes become `%XX`.
package func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            bytes.append(byte)
        default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
