internal import BundleManifest
internal import Digest
internal import JSON

/// A document uses features that this program doesn't know.
struct UnknownFeatures: Error {
    let names: [String]

    init(_ names: [String]) { self.names = names }

    /// A value where a closed list is expected: `strategy.canary`.
    init(_ scope: String, _ value: String) { self.init(["\(scope).\(value)"]) }
}

/// What all documents have in common: `schema`, `requires`, canonical bytes and limits.
enum SignedDocument {
    /// The schema number that this program writes and reads.
    static let schema = 1
    /// The largest integer that every JSON reader keeps (RFC 8785 section 3.2.2.3).
    static let largestInteger = (1 << 53) - 1
    static let limits = JSONLimits(bytes: 1 << 20, depth: 32, values: 50_000)

    /// Reads one document.
    ///
    /// Design section 5: "Every signed document has `schema` and `requires`; unknown keys are ignored unless
    /// `requires` names them." A value outside a closed list counts as a feature too, since to skip it would be to
    /// half understand. The bytes must be in canonical form, so that no two readers see two documents in them.
    static func read<Document>(
        _ bytes: [UInt8],
        _ kind: DocumentKind,
        path: String,
        limits: JSONLimits = limits,
        knowing features: Set<String>,
        _ make: (JSONFields) throws -> Document
    ) throws(DocumentError) -> Document {
        do {
            let value = try JSONValue.parse(bytes, limits: limits)
            let fields = try JSONFields(value, path: "")
            try checkHead(fields, knowing: features)
            let document = try make(fields)
            guard try value.canonicalBytes() == bytes else {
                throw JSONError.unexpected(path: "", problem: "it is not in canonical form")
            }
            return document
        } catch let error as JSONError {
            throw .malformed(kind, path: path, error)
        } catch let error as UnknownFeatures {
            throw .requiresUnknown(kind, path: path, features: error.names)
        } catch {
            throw .malformed(kind, path: path, .unexpected(path: "", problem: "\(error)"))
        }
    }

    private static func checkHead(_ fields: JSONFields, knowing features: Set<String>) throws {
        let number = try fields.integer("schema", in: 1...Int(Int32.max))
        guard number == schema else { throw UnknownFeatures("schema", String(number)) }
        _ = try fields.value("requires")
        let required = try fields.strings("requires")
        guard required.count <= 64, required.allSatisfy(isFeatureName) else {
            throw fields.problem("requires", "is no list of up to 64 feature names")
        }
        let unknown = required.filter { !features.contains($0) }
        guard unknown.isEmpty else { throw UnknownFeatures(unknown) }
    }

    /// The bytes of a document with these members.
    static func write(_ members: JSONObject, requiring features: Set<String>) throws(JSONError) -> [UInt8] {
        var object = members
        object["schema"] = .integer(schema)
        object["requires"] = .array(features.sorted().map { .string($0) })
        return try JSONValue.object(object).canonicalBytes()
    }

    static func isFeatureName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.allSatisfy { isWordByte($0, or: "._-") }
    }
}

// Readers of single members, for all documents.
extension JSONFields {
    func digest(_ name: String) throws -> SHA256Digest { try Self.digest(try string(name), self, name) }

    func optionalDigest(_ name: String) throws -> SHA256Digest? { optional(name) == nil ? nil : try digest(name) }

    /// Digests in order, each once.
    func digests(_ name: String, most: Int) throws -> [SHA256Digest] {
        let digests = try strings(name).map { try Self.digest($0, self, name) }
        guard digests.count <= most, Set(digests).count == digests.count else {
            throw problem(name, "holds more than \(most) digests, or one twice")
        }
        return digests
    }

    private static func digest(_ text: String, _ fields: JSONFields, _ name: String) throws -> SHA256Digest {
        guard let digest = SHA256Digest(hex: text) else {
            throw fields.problem(name, "is no SHA-256 digest of 64 lowercase hexadecimal digits")
        }
        return digest
    }

    /// A value of a closed list; one outside it is a feature that this program doesn't know.
    func choice<Choice: RawRepresentable<String>>(_ name: String, _ scope: String) throws -> Choice {
        try Self.choice(try string(name), scope, self, name)
    }

    func choices<Choice: RawRepresentable<String> & Hashable>(_ name: String, _ scope: String) throws -> Set<Choice> {
        let texts = try strings(name)
        guard texts.count <= 64 else { throw problem(name, "is too long a list") }
        return Set(try texts.map { try Self.choice($0, scope, self, name) })
    }

    private static func choice<Choice: RawRepresentable<String>>(
        _ text: String,
        _ scope: String,
        _ fields: JSONFields,
        _ name: String
    ) throws -> Choice {
        guard SignedDocument.isFeatureName(text) else { throw fields.problem(name, "is no word") }
        guard let choice = Choice(rawValue: text) else { throw UnknownFeatures(scope, text) }
        return choice
    }

    func endpoint(_ name: String) throws -> EndpointName {
        guard let endpoint = EndpointName(try string(name)) else { throw problem(name, "is no endpoint's name") }
        return endpoint
    }

    func bundleVersion(_ name: String) throws -> BundleVersion {
        guard let version = BundleVersion(try string(name)) else {
            throw problem(name, "is no version such as 3 or 1.2")
        }
        return version
    }

    /// A finite number within a range.
    func optionalDouble(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
        guard let number = try optionalDouble(name) else { return nil }
        guard range.contains(number) else {
            throw problem(name, "\(number) is outside \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func double(_ name: String, in range: ClosedRange<Double>) throws -> Double {
        guard let number = try optionalDouble(name, in: range) else { throw problem(name, "is missing") }
        return number
    }

    /// Text that people wrote, shown in terminals and pages: no control characters.
    func line(_ name: String) throws -> String {
        let text = try string(name)
        guard isPlainLine(text) else {
            throw problem(name, "must be a line of 1 to 1000 bytes without control characters")
        }
        return text
    }

    func optionalLine(_ name: String) throws -> String? { optional(name) == nil ? nil : try line(name) }

    /// The objects of an array; none where the member is missing.
    func list(_ name: String, most: Int) throws -> [JSONFields] {
        guard optional(name) != nil else { return [] }
        let elements = try array(name)
        guard elements.count <= most else { throw problem(name, "holds more than \(most) entries") }
        let base = path.isEmpty ? name : "\(path).\(name)"
        return try elements.enumerated().map { try JSONFields($1, path: "\(base)[\($0)]") }
    }
}

/// One line of people's text: 1 to 1000 bytes, no control characters.
func isPlainLine(_ text: String) -> Bool {
    (1...1000).contains(text.utf8.count)
        && text.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
                && !(0x2028...0x202E).contains(scalar.value) && !(0x2066...0x2069).contains(scalar.value)
        }
}
