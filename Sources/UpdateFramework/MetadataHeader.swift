package import JSON
package import WallClock

/// What all four kinds of metadata begin with.
package struct MetadataHeader: Sendable, Equatable {
    /// From 1; rises with every change.
    package var version: Int
    /// The moment from which on it counts for nothing.
    package var expires: UTCTime
    /// `1.` and whatever the writer had; all of version 1 is read.
    package var specVersion: String

    /// The version of the specification that is written.
    package static let writtenSpecVersion = "1.0.34"
    /// The highest version of a document: the largest integer that every JSON reader keeps exactly.
    package static let versions = 1...9_007_199_254_740_991

    package init(version: Int, expires: UTCTime) {
        self.version = version
        self.expires = expires
        specVersion = Self.writtenSpecVersion
    }

    static let names: Set<String> = ["_type", "spec_version", "version", "expires"]

    init(_ fields: JSONFields) throws(JSONError) {
        specVersion = try fields.string("spec_version")
        guard specVersion == "1" || specVersion.hasPrefix("1.") else {
            throw fields.problem("spec_version", "\(specVersion) is not supported, only 1.x is")
        }
        version = try fields.integer("version", in: Self.versions)
        expires = try fields.time("expires")
    }

    /// The members in front of a body's own.
    func members(type: String) -> JSONObject {
        [
            "_type": .string(type), "spec_version": .string(specVersion), "version": .integer(version),
            "expires": .string(expires.description),
        ]
    }
}

/// One of the four kinds of metadata: what stands under `signed`.
package protocol MetadataBody: Sendable, Equatable {
    /// The value of `_type`.
    static var typeName: String { get }
    var header: MetadataHeader { get set }
    /// Reads the members but `_type`, which is checked already.
    init(_ fields: JSONFields) throws(JSONError)
    /// The object to be signed, fields that are not known here included.
    var json: JSONValue { get }
}

extension MetadataBody {
    package var version: Int { header.version }
    package var expires: UTCTime { header.expires }
}

/// The keys of a role, and how many of them must sign.
package struct RoleKeys: Sendable, Equatable {
    /// Each once.
    package var keyIDs: [String]
    /// At least 1. More than there are keys is allowed and never met.
    package var threshold: Int
    var unrecognized: JSONObject

    package init(keyIDs: [String], threshold: Int = 1) {
        self.keyIDs = keyIDs
        self.threshold = threshold
        unrecognized = JSONObject()
    }

    static let names: Set<String> = ["keyids", "threshold"]

    /// `others`: names that the object has besides, known to the caller.
    init(_ fields: JSONFields, others: Set<String> = []) throws(JSONError) {
        let array = try fields.array("keyids")
        keyIDs = array.compactMap(\.stringValue)
        guard keyIDs.count == array.count else { throw fields.problem("keyids", "expected an array of strings") }
        guard Set(keyIDs).count == keyIDs.count else { throw fields.problem("keyids", "lists a key twice") }
        threshold = try fields.integer("threshold", in: 1...Int(Int32.max))
        unrecognized = fields.unrecognized(besides: Self.names.union(others))
    }

    var members: JSONObject {
        unrecognized.merging(["keyids": .array(keyIDs.map { .string($0) }), "threshold": .integer(threshold)])
    }
}

/// A metadata file as a timestamp or snapshot lists it.
package struct MetaFile: Sendable, Equatable {
    package var version: Int
    /// The exact length in bytes, where it is listed.
    package var length: Int?
    package var hashes: FileHashes?
    var unrecognized: JSONObject

    package init(version: Int, length: Int? = nil, hashes: FileHashes? = nil) {
        self.version = version
        self.length = length
        self.hashes = hashes
        unrecognized = JSONObject()
    }

    init(_ fields: JSONFields) throws(JSONError) {
        version = try fields.integer("version", in: MetadataHeader.versions)
        length = try fields.optionalInteger("length", in: 0...Int.max)
        hashes = try FileHashes(optionalIn: fields)
        unrecognized = fields.unrecognized(besides: ["version", "length", "hashes"])
    }

    var json: JSONValue {
        var object = unrecognized.merging(["version": .integer(version)])
        if let length { object["length"] = .integer(length) }
        if let hashes { object["hashes"] = hashes.json }
        return .object(object)
    }

    /// Throws where the bytes are not of the listed length or digest.
    func check(_ bytes: [UInt8], file: String) throws(UpdateError) {
        let hashes = hashes ?? FileHashes(sha256: nil)
        if self.hashes != nil, !hashes.hasKnownKind { throw .noKnownHash(file: file) }
        try FileChecker.check(bytes, file: file, length: length, hashes: hashes)
    }
}

extension FileHashes {
    init?(optionalIn fields: JSONFields) throws(JSONError) {
        guard let hashes = try fields.optionalFields("hashes") else { return nil }
        try self.init(hashes)
    }
}

extension JSONFields {
    /// `YYYY-MM-DDTHH:MM:SSZ`.
    func time(_ name: String) throws(JSONError) -> UTCTime {
        let text = try string(name)
        guard let time = UTCTime(text) else { throw problem(name, "\(text) is no time such as 2026-11-20T08:00:00Z") }
        return time
    }

    /// The members that a reader didn't ask for: they were signed, so they are written again.
    func unrecognized(besides names: Set<String>) -> JSONObject {
        // Taking the few out, not putting the rest in: strangers send objects of any size, and an object looks for each
        // name that it is given.
        var rest = object
        for name in names { rest[name] = nil }
        return rest
    }
}

extension JSONObject {
    /// With these members too; they win.
    func merging(_ other: JSONObject) -> JSONObject {
        var merged = self
        for (name, value) in other.members { merged[name] = value }
        return merged
    }
}
