package import JSON
package import WallClock

/// targets.json and every delegated role: files, and who else may list some (TUF 1.0.34 section 4.5).
package struct TargetsMetadata: MetadataBody {
    package static let typeName = "targets"

    package var header: MetadataHeader
    /// By path, as it was written.
    package var targets: MetadataTable<TargetFile>
    package var delegations: Delegations?
    private var unrecognized: CanonicalObject

    package init(version: Int, expires: UTCTime) {
        header = MetadataHeader(version: version, expires: expires)
        targets = [:]
        unrecognized = CanonicalObject()
    }

    package init(_ signed: CanonicalObject) throws(JSONError) {
        header = try MetadataHeader(signed)
        targets = try MetadataTable(try signed.object("targets", path: "signed"), path: "signed.targets")
        delegations = try Delegations(optionalIn: signed)
        unrecognized = signed.without(MetadataHeader.names.union(["targets", "delegations"]))
    }

    package var json: JSONValue {
        var object = unrecognized.json.merging(header.members(type: Self.typeName))
        object["targets"] = targets.json
        if let delegations { object["delegations"] = delegations.json }
        return .object(object)
    }
}

/// What metadata says of a target file.
package struct TargetFile: MetadataTableEntry {
    /// The exact length in bytes.
    package var length: Int
    package var hashes: FileHashes
    /// The operators' own statement about the file, an object.
    package var custom: JSONObject? { madeCustom ?? readCustom?.json }
    private let madeCustom: JSONObject?
    private let readCustom: CanonicalObject?
    private let unrecognized: CanonicalObject

    package init(length: Int, hashes: FileHashes, custom: JSONObject? = nil) {
        self.length = length
        self.hashes = hashes
        madeCustom = custom
        readCustom = nil
        unrecognized = CanonicalObject()
    }

    package init(_ value: CanonicalValue, path: String) throws(JSONError) {
        let object = try value.requireObject(path)
        length = try object.fields(["length"], path: path).integer("length", in: 0...Int.max)
        hashes = try FileHashes(try object.object("hashes", path: path), path: "\(path).hashes")
        madeCustom = nil
        readCustom = try object.optionalObject("custom", path: path)
        unrecognized = object.without(["length", "hashes", "custom"])
    }

    /// The same with text of its own, so that the role's may be let go.
    var detached: TargetFile {
        guard let text = try? CanonicalText(json) else { return self }
        return (try? TargetFile(text.value, path: "")) ?? self
    }

    package static func == (left: TargetFile, right: TargetFile) -> Bool { left.json == right.json }

    package var json: JSONValue {
        var object = unrecognized.json.merging(["length": .integer(length), "hashes": hashes.json])
        if let custom { object["custom"] = .object(custom) }
        return .object(object)
    }
}
