internal import JSON

/// The least that a bundle needs of a machine: `linux-x86_64-glibc2.28-cp311`, or `…-nopy` where it runs no Python.
package struct Platform: Hashable, Sendable, CustomStringConvertible {
    package enum Architecture: String, CaseIterable, Sendable {
        case amd64 = "x86_64"
        case arm64 = "aarch64"

        /// The architecture that this program was built for.
        package static var current: Architecture {
            #if arch(arm64)
                .arm64
            #else
                .amd64
            #endif
        }
    }

    package var architecture: Architecture
    /// The oldest glibc that every library of the bundle runs on.
    package var glibc: GlibcVersion
    /// The CPython ABI such as `cp311`; nil where no Python runs.
    package var python: String?
    /// The accelerator class such as `cuda12`; nil for the processor alone.
    package var accelerator: String?

    package init(architecture: Architecture, glibc: GlibcVersion, python: String? = nil, accelerator: String? = nil) {
        self.architecture = architecture
        self.glibc = glibc
        self.python = python
        self.accelerator = accelerator
    }

    /// Whether a text names an ABI of CPython: `cp311`, or `cp313t` without the global lock (PEP 425, PEP 703).
    package static func isABI(_ text: String) -> Bool {
        guard text.hasPrefix("cp") else { return false }
        var digits = text.utf8.dropFirst(2)
        if digits.last == UInt8(ascii: "t") { digits.removeLast() }
        return (2...4).contains(digits.count) && digits.allSatisfy(isDigit)
    }

    /// Whether a text names a class of accelerators such as `cuda12`; it stands in a platform's name, behind a plus.
    package static func isAccelerator(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { isLowercase($0) || isDigit($0) }
    }

    package var description: String {
        "linux-\(architecture.rawValue)-glibc\(glibc)-\(python ?? "nopy")" + (accelerator.map { "+\($0)" } ?? "")
    }
}

/// A glibc version; only its first two numbers matter.
package struct GlibcVersion: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int

    package init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// From `2.28`; a third number is ignored.
    package init?(_ text: String) {
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard (2...3).contains(numbers.count), let major = numbers[0], let minor = numbers[1],
            (0...99).contains(major), (0...999).contains(minor)
        else { return nil }
        self.init(major, minor)
    }

    package var description: String { "\(major).\(minor)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}

extension Platform {
    init(_ fields: JSONFields) throws(JSONError) {
        let system = try fields.string("os")
        guard system == "linux" else { throw fields.problem("os", "is \"\(system)\", known is \"linux\"") }
        let architecture = try fields.string("architecture")
        guard let known = Architecture(rawValue: architecture) else {
            throw fields.problem("architecture", "is \"\(architecture)\", known are x86_64 and aarch64")
        }
        guard let glibc = GlibcVersion(try fields.string("glibc")) else {
            throw fields.problem("glibc", "is no version such as 2.28")
        }
        let python = try fields.optionalString("python")
        guard python.map(Self.isABI) != false else { throw fields.problem("python", "is no ABI such as cp311") }
        let accelerator = try fields.optionalString("accelerator")
        guard accelerator.map(Self.isAccelerator) != false else {
            throw fields.problem("accelerator", "is no class such as cuda12")
        }
        self.init(architecture: known, glibc: glibc, python: python, accelerator: accelerator)
    }

    var json: JSONValue {
        var object: JSONObject = [
            "os": "linux", "architecture": .string(architecture.rawValue), "glibc": .string(glibc.description),
        ]
        object["python"] = python.map { .string($0) }
        object["accelerator"] = accelerator.map { .string($0) }
        return .object(object)
    }
}
