import Digest
import JSON

/// The JSON of an OMS statement, taken apart and checked member by member, but not yet against itself.
///
/// Members that OMS v1.0 doesn't name are ignored in predicate, resources and serialization, as its text asks for.
struct OMSStatementDocument {
    /// The longest statement that is read: some 300,000 files.
    static let limits = JSONLimits(bytes: 48 << 20, depth: 16, values: 2_000_000)

    let modelName: String
    let rootDigest: SHA256Digest
    let resources: [OMSResource]
    let ignoredPaths: [String]

    init(_ payload: [UInt8]) throws(JSONError) {
        let fields = try JSONFields(JSONValue.parse(payload, limits: Self.limits), path: "statement")
        try fields.require("_type", OMSStatement.type)
        try fields.require("predicateType", OMSStatement.predicateType)
        let subjects = try fields.array("subject")
        guard subjects.count == 1 else { throw fields.problem("subject", "holds \(subjects.count) subjects, not one") }
        let subject = try JSONFields(subjects[0], path: "statement.subject[0]")
        modelName = try subject.string("name")
        rootDigest = try subject.fields("digest").sha256("sha256")
        let predicate = try fields.fields("predicate")
        ignoredPaths = try Self.ignoredPaths(predicate.fields("serialization"))
        var resources: [OMSResource] = []
        for (index, value) in try predicate.array("resources").enumerated() {
            let resource = try JSONFields(value, path: "statement.predicate.resources[\(index)]")
            try resource.require("algorithm", "sha256")
            resources.append(OMSResource(name: try resource.string("name"), digest: try resource.sha256("digest")))
        }
        self.resources = resources
    }

    /// Refuses every way of walking a tree but the one that is safe: whole files, SHA-256, no symbolic links.
    private static func ignoredPaths(_ serialization: JSONFields) throws(JSONError) -> [String] {
        try serialization.require("method", "files")
        try serialization.require("hash_type", "sha256")
        guard try serialization.optionalBoolean("allow_symlinks") != true else {
            throw serialization.problem("allow_symlinks", "true is not supported")
        }
        return try serialization.strings("ignore_paths")
    }
}

extension JSONFields {
    /// Throws unless the member is this string.
    func require(_ name: String, _ expected: String) throws(JSONError) {
        let found = try string(name)
        guard found.utf8.elementsEqual(expected.utf8) else {
            throw problem(name, "\(quoted(found)) is not supported, only \(quoted(expected))")
        }
    }

    fileprivate func sha256(_ name: String) throws(JSONError) -> SHA256Digest {
        guard let digest = SHA256Digest(hex: try string(name)) else {
            throw problem(name, "is no SHA-256 digest of 64 lowercase hexadecimal digits")
        }
        return digest
    }
}
