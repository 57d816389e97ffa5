package import JSON
package import WallClock

/// timestamp.json: which snapshot is the newest (TUF 1.0.34 section 4.6).
package struct TimestampMetadata: MetadataBody {
    package static let typeName = "timestamp"

    package var header: MetadataHeader
    package var snapshot: MetaFile
    /// When the keeper signed it (`x-edge-signed-at`): a lower bound of the time, for boxes without a clock.
    package var signedAt: UTCTime?
    /// How often boxes are asked to look for a newer one (`x-edge-poll-seconds`).
    package var pollInterval: Duration?
    private var unrecognized: JSONObject

    private static let signedAtName = "x-edge-signed-at"
    private static let pollName = "x-edge-poll-seconds"

    package init(version: Int, expires: UTCTime, snapshot: MetaFile) {
        header = MetadataHeader(version: version, expires: expires)
        self.snapshot = snapshot
        unrecognized = JSONObject()
    }

    package init(_ signed: CanonicalObject) throws(JSONError) {
        // As a tree: a timestamp is small.
        let fields = JSONFields(object: signed.json, path: "signed")
        header = try MetadataHeader(signed)
        let name = RoleName.snapshot.listedName
        let listed = try signed.object("meta", path: "signed")
        guard let meta = listed[name], meta.kindName != "null" else {
            throw .unexpected(path: "signed.meta.\(name)", problem: "is missing")
        }
        snapshot = try MetaFile(meta, path: "signed.meta.\(name)")
        if fields.optional(Self.signedAtName) != nil {
            let time = try fields.time(Self.signedAtName)
            guard time < header.expires else { throw fields.problem(Self.signedAtName, "is not before its expiry") }
            signedAt = time
        }
        pollInterval = try fields.optionalInteger(Self.pollName, in: 1...604_800).map { .seconds($0) }
        unrecognized = fields.unrecognized(
            besides: MetadataHeader.names.union(["meta", Self.signedAtName, Self.pollName])
        )
    }

    package var json: JSONValue {
        var object = unrecognized.merging(header.members(type: Self.typeName))
        object["meta"] = .object([RoleName.snapshot.listedName: snapshot.json])
        if let signedAt { object[Self.signedAtName] = .string(signedAt.description) }
        if let pollInterval { object[Self.pollName] = .integer(pollInterval.components.seconds) }
        return .object(object)
    }
}

/// snapshot.json: which versions of all targets metadata belong together (TUF 1.0.34 section 4.4).
package struct SnapshotMetadata: MetadataBody {
    package static let typeName = "snapshot"

    package var header: MetadataHeader
    /// By listed name: `targets.json`, `bundles.json`.
    package var files: MetadataTable<MetaFile>
    private var unrecognized: CanonicalObject

    package init(version: Int, expires: UTCTime, files: MetadataTable<MetaFile>) {
        header = MetadataHeader(version: version, expires: expires)
        self.files = files
        unrecognized = CanonicalObject()
    }

    package init(_ signed: CanonicalObject) throws(JSONError) {
        header = try MetadataHeader(signed)
        files = try MetadataTable(try signed.object("meta", path: "signed"), path: "signed.meta")
        unrecognized = signed.without(MetadataHeader.names.union(["meta"]))
    }

    /// How a targets role is listed.
    package subscript(role: RoleName) -> MetaFile? { files[role.listedName] }

    package var json: JSONValue {
        var object = unrecognized.json.merging(header.members(type: Self.typeName))
        object["meta"] = files.json
        return .object(object)
    }
}
