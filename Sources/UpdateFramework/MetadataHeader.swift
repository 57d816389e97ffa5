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

    init(_ signed: CanonicalObject) throws(JSONError) {
        let fields = signed.fields(Self.names, path: "signed")
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
    /// Reads the members but `_type`, which is checked already. Errors call the object `signed`.
    init(_ signed: CanonicalObject) throws(JSONError)
    /// The object to be signed, fields that are not known here included.
    var json: JSONValue { get }
}

extension MetadataBody {
    /// From what stands under `signed`.
    package init(json: JSONValue) throws(JSONError) {
        guard let object = try CanonicalText(json).value.object else {
            throw .unexpected(path: "signed", problem: "expected an object, found \(json.kindName)")
        }
        try self.init(object)
    }

    package var version: Int { header.version }
    package var expires: UTCTime { header.expires }
}

/// The keys of a role, and how many of them must sign.
package struct RoleKeys: Sendable, Equatable {
    /// Each once.
    package var keyIDs: [String]
    /// At least 1. More than there are keys is allowed and never met.
    package var threshold: Int
    var unrecognized: CanonicalObject

    package init(keyIDs: [String], threshold: Int = 1) {
        self.keyIDs = keyIDs
        self.threshold = threshold
        unrecognized = CanonicalObject()
    }

    /// More than any role needs: each of them may cost the verification of a signature over a whole file.
    package static let mostKeys = 256
    static let names: Set<String> = ["keyids", "threshold"]

    /// `others`: names that the object has besides, known to the caller.
    init(_ object: CanonicalObject, path: String, others: Set<String> = []) throws(JSONError) {
        let ids = try object.elements("keyids", path: path)
        guard ids.count <= Self.mostKeys else {
            throw .unexpected(path: "\(path).keyids", problem: "lists \(ids.count) keys, more than \(Self.mostKeys)")
        }
        keyIDs = ids.compactMap(\.string)
        guard keyIDs.count == ids.count else {
            throw .unexpected(path: "\(path).keyids", problem: "expected an array of strings")
        }
        guard Set(keyIDs).count == keyIDs.count else {
            throw .unexpected(path: "\(path).keyids", problem: "lists a key twice")
        }
        threshold = try object.fields(["threshold"], path: path).integer("threshold", in: 1...Int(Int32.max))
        unrecognized = object.without(Self.names.union(others))
    }

    var members: JSONObject {
        unrecognized.json.merging(["keyids": .array(keyIDs.map { .string($0) }), "threshold": .integer(threshold)])
    }
}

/// A metadata file as a timestamp or snapshot lists it.
package struct MetaFile: MetadataTableEntry {
    package var version: Int
    /// The exact length in bytes, where it is listed.
    package var length: Int?
    package var hashes: FileHashes?
    private var unrecognized: CanonicalObject

    package init(version: Int, length: Int? = nil, hashes: FileHashes? = nil) {
        self.version = version
        self.length = length
        self.hashes = hashes
        unrecognized = CanonicalObject()
    }

    package init(_ value: CanonicalValue, path: String) throws(JSONError) {
        let object = try value.requireObject(path)
        let fields = object.fields(["version", "length"], path: path)
        version = try fields.integer("version", in: MetadataHeader.versions)
        length = try fields.optionalInteger("length", in: 0...Int.max)
        hashes = try object.optionalObject("hashes", path: path).map { hashes throws(JSONError) in
            try FileHashes(hashes, path: "\(path).hashes")
        }
        unrecognized = object.without(["version", "length", "hashes"])
    }

    package var json: JSONValue {
        var object = unrecognized.json.merging(["version": .integer(version)])
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

extension CanonicalValue {
    /// Throws where it is no object; `path` is what the error calls it.
    func requireObject(_ path: String) throws(JSONError) -> CanonicalObject {
        guard let object else { throw .unexpected(path: path, problem: "expected an object, found \(kindName)") }
        return object
    }
}

extension CanonicalObject {
    /// Those of its members that have one of these names, to be read one by one.
    func fields(_ names: Set<String>, path: String) -> JSONFields {
        var object = JSONObject()
        for name in names.sorted() { object[name] = self[name]?.json }
        return JSONFields(object: object, path: path)
    }

    /// The member, where it is there and not null.
    private func member(_ name: String) -> CanonicalValue? { self[name].flatMap { $0.kindName == "null" ? nil : $0 } }

    func has(_ name: String) -> Bool { member(name) != nil }

    private func required(_ name: String, _ path: String) throws(JSONError) -> CanonicalValue {
        guard let value = member(name) else { throw .unexpected(path: "\(path).\(name)", problem: "is missing") }
        return value
    }

    func optionalObject(_ name: String, path: String) throws(JSONError) -> CanonicalObject? {
        has(name) ? try object(name, path: path) : nil
    }

    func object(_ name: String, path: String) throws(JSONError) -> CanonicalObject {
        try required(name, path).requireObject("\(path).\(name)")
    }

    /// The elements of a member that is an array.
    func elements(_ name: String, path: String) throws(JSONError) -> [CanonicalValue] {
        let value = try required(name, path)
        guard let elements = value.elements else {
            throw .unexpected(path: "\(path).\(name)", problem: "expected an array, found \(value.kindName)")
        }
        return elements
    }

    /// The strings of a member that is an array of them.
    func strings(_ name: String, path: String) throws(JSONError) -> [String] {
        let value = try required(name, path)
        let elements = value.elements
        let strings = elements?.compactMap(\.string)
        guard let strings, strings.count == elements?.count else {
            throw .unexpected(path: "\(path).\(name)", problem: "expected an array of strings, found \(value.kindName)")
        }
        return strings
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
