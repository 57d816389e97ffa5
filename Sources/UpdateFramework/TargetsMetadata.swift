package import JSON
package import WallClock

/// targets.json and every delegated role: files, and who else may list some (TUF 1.0.34 section 4.5).
package struct TargetsMetadata: MetadataBody {
    package static let typeName = "targets"

    package var header: MetadataHeader
    /// By path, as it was written.
    package var targets: [String: TargetFile]
    package var delegations: Delegations?
    private var unrecognized: JSONObject

    package init(version: Int, expires: UTCTime) {
        header = MetadataHeader(version: version, expires: expires)
        targets = [:]
        unrecognized = JSONObject()
    }

    package init(_ fields: JSONFields) throws(JSONError) {
        header = try MetadataHeader(fields)
        let listed = try fields.fields("targets")
        targets = [:]
        for (path, value) in listed.object.members {
            targets[path] = try TargetFile(try JSONFields(value, path: "\(listed.path).\(path)"))
        }
        delegations = try Delegations(optionalIn: fields)
        unrecognized = fields.unrecognized(besides: MetadataHeader.names.union(["targets", "delegations"]))
    }

    package var json: JSONValue {
        var object = unrecognized.merging(header.members(type: Self.typeName))
        object["targets"] = .object(JSONObject(targets.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }))
        if let delegations { object["delegations"] = delegations.json }
        return .object(object)
    }
}

/// What metadata says of a target file.
package struct TargetFile: Sendable, Equatable {
    /// The exact length in bytes.
    package var length: Int
    package var hashes: FileHashes
    /// The operators' own statement about the file, an object.
    package var custom: JSONObject?
    private var unrecognized: JSONObject

    package init(length: Int, hashes: FileHashes, custom: JSONObject? = nil) {
        self.length = length
        self.hashes = hashes
        self.custom = custom
        unrecognized = JSONObject()
    }

    init(_ fields: JSONFields) throws(JSONError) {
        length = try fields.integer("length", in: 0...Int.max)
        hashes = try FileHashes(try fields.fields("hashes"))
        custom = try fields.optionalFields("custom")?.object
        unrecognized = fields.unrecognized(besides: ["length", "hashes", "custom"])
    }

    var json: JSONValue {
        var object = unrecognized.merging(["length": .integer(length), "hashes": hashes.json])
        if let custom { object["custom"] = .object(custom) }
        return .object(object)
    }
}
