internal import Digest
internal import JSON
internal import WallClock

// Readers and writers of single members, for the state file.

extension JSONFields {
    /// What every JSON reader keeps exactly (RFC 8785 section 3.2.2.3).
    static let counts = 0...(1 << 53) - 1

    func digest(_ name: String) throws(JSONError) -> SHA256Digest {
        guard let digest = SHA256Digest(hex: try string(name)) else { throw problem(name, "is no SHA-256 digest") }
        return digest
    }

    func optionalDigest(_ name: String) throws(JSONError) -> SHA256Digest? {
        optional(name) == nil ? nil : try digest(name)
    }

    func digests(_ name: String) throws(JSONError) -> [SHA256Digest] {
        var digests: [SHA256Digest] = []
        for text in try strings(name) {
            guard let digest = SHA256Digest(hex: text) else { throw problem(name, "holds what is no SHA-256 digest") }
            digests.append(digest)
        }
        return digests
    }

    func choice<Choice: RawRepresentable<String>>(_ name: String) throws(JSONError) -> Choice {
        let text = try string(name)
        guard let choice = Choice(rawValue: text) else { throw problem(name, "\"\(text)\" is not known") }
        return choice
    }

    func boot(_ name: String) throws(JSONError) -> BootID {
        guard let boot = BootID(try string(name)) else { throw problem(name, "is no boot id") }
        return boot
    }

    func optionalTime(_ name: String) throws(JSONError) -> UTCTime? {
        guard let text = try optionalString(name) else { return nil }
        guard let time = UTCTime(text) else { throw problem(name, "is no time such as 2026-01-31T12:00:00Z") }
        return time
    }

    func optionalMilliseconds(_ name: String) throws(JSONError) -> Duration? {
        try optionalInteger(name, in: Self.counts).map { .milliseconds($0) }
    }

    /// The objects of an array; none where the member is missing.
    func list(_ name: String) throws(JSONError) -> [JSONFields] {
        guard optional(name) != nil else { return [] }
        var list: [JSONFields] = []
        for (index, element) in try array(name).enumerated() {
            list.append(try JSONFields(element, path: "\(path).\(name)[\(index)]"))
        }
        return list
    }
}

extension JSONValue {
    static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

    static func optional(_ number: Int?) -> JSONValue { number.map { .integer($0) } ?? .null }

    static func digests(_ digests: [SHA256Digest]) -> JSONValue { .array(digests.map { .string($0.hex) }) }

    /// This value with the members of `old` that it lacks, in objects that are about the same thing.
    ///
    /// Design section 7: "every minor of one's major is read, unknown keys are kept". What a newer agent noted of one
    /// attempt must not stick to the next one.
    func keepingUnknown(of old: JSONValue) -> JSONValue {
        switch (self, old) {
        case (.object(var object), .object(let before)) where isSameThing(as: old):
            for (name, value) in before.members { object[name] = object[name]?.keepingUnknown(of: value) ?? value }
            return .object(object)
        case (.array(let elements), .array(let before)):
            return .array(
                elements.map { element in
                    guard element.hasIdentity, let same = before.first(where: element.isSameThing) else {
                        return element
                    }
                    return element.keepingUnknown(of: same)
                }
            )
        default: return self
        }
    }

    /// Members that say what an object of the state file is about.
    private static let identity = ["sequence", "pid", "startTime", "deployment", "serial", "bundle", "host"]

    private var hasIdentity: Bool { Self.identity.contains { self[$0] != nil } }

    private func isSameThing(as other: JSONValue) -> Bool { Self.identity.allSatisfy { self[$0] == other[$0] } }
}

extension Duration {
    /// Whole milliseconds; a negative or immense duration is cut to what the file can hold.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        let (product, overflow) = Int(seconds).multipliedReportingOverflow(by: 1000)
        guard !overflow else { return seconds < 0 ? 0 : JSONFields.counts.upperBound }
        return min(max(product + Int(attoseconds / 1_000_000_000_000_000), 0), JSONFields.counts.upperBound)
    }
}
