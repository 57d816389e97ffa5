import Digest
import Glibc
import JSON
import Testing
import UpdateFramework
import WallClock

/// A repository in memory, for one case. The case changes bodies and signers; `publish` signs what is there as the next
/// version, which is served from then on as the first version, the second, and so on, whatever version it says it is.
///
/// It begins with version 1 of each top-level role, one key for each, and no target.
struct SimulatedRepository {
    static let topLevel = ["targets", "snapshot", "timestamp", "root"]

    let now = UTCTime(seconds: Int64(time(nil)))
    /// `signed` of every role.
    var bodies: [String: JSONValue] = [:]
    var signers: [String: [CaseSigner]] = [:]
    /// Every version that was published.
    var published: [String: [[UInt8]]] = [:]
    /// What is served below the base of targets, by path.
    var targetFiles: [String: [UInt8]] = [:]
    /// Whether snapshot and timestamp state lengths and digests.
    var listsHashes = false

    init() throws {
        var roles: [(String, JSONValue)] = []
        for role in Self.topLevel {
            bodies[role] = body(role == "root" ? "root" : role)
            roles.append((role, ["keyids": [], "threshold": 1]))
        }
        bodies["targets"]?.set([:], "targets")
        bodies["snapshot"]?.set([:], "meta")
        bodies["timestamp"]?.set([:], "meta")
        bodies["root"]?.set(true, "consistent_snapshot")
        bodies["root"]?.set([:], "keys")
        bodies["root"]?.set(.object(JSONObject(roles)), "roles")
        for role in Self.topLevel { try addKey(to: role) }
        try publish("targets", "snapshot", "timestamp", "root")
    }

    private func body(_ type: String) -> JSONValue {
        [
            "_type": .string(type), "spec_version": "1.0.34", "version": 1,
            "expires": .string(daysFromNow(30).description),
        ]
    }

    func daysFromNow(_ days: Int) -> UTCTime { now.advanced(by: .seconds(days * 86_400)) }

    /// Has the role's next version expire so many days from now.
    mutating func expire(_ role: String, inDays days: Int) {
        let time = daysFromNow(days).description
        bodies[role]?.set(.string(time), "expires")
    }

    // MARK: keys

    /// Gives a top-level role, or one that `delegator` delegates to, one more key, which signs it from now on.
    mutating func addKey(to role: String, by delegator: String = "root", _ signer: CaseSigner? = nil) throws {
        let signer = try signer ?? CaseSigner()
        list(signer, for: role, by: delegator)
        signers[role, default: []].append(signer)
    }

    /// Only lists it.
    mutating func list(_ signer: CaseSigner, for role: String, by delegator: String = "root") {
        if delegator == "root" {
            bodies["root"]?.set(signer.object, "keys", signer.id)
            let ids = bodies["root"]?.at("roles", role, "keyids")?.arrayValue ?? []
            bodies["root"]?.set(.array(ids + [.string(signer.id)]), "roles", role, "keyids")
        } else {
            bodies[delegator]?.set(signer.object, "delegations", "keys", signer.id)
            var roles = bodies[delegator]?.at("delegations", "roles")?.arrayValue ?? []
            for index in roles.indices where roles[index]["name"]?.stringValue == role {
                roles[index].append(.string(signer.id), to: "keyids")
            }
            bodies[delegator]?.set(.array(roles), "delegations", "roles")
        }
    }

    /// Takes all keys of a top-level role away.
    mutating func removeKeys(of role: String) {
        bodies["root"]?.set([], "roles", role, "keyids")
        signers[role] = []
    }

    mutating func rotateKey(of role: String) throws {
        removeKeys(of: role)
        try addKey(to: role)
    }

    mutating func setThreshold(_ threshold: Int, of role: String) {
        bodies["root"]?.set(.integer(threshold), "roles", role, "threshold")
    }

    // MARK: targets

    /// A delegation at the end of the order, with a key of its own; the role is begun where there is none.
    mutating func delegate(
        from delegator: String = "targets",
        to role: String,
        paths: [String] = ["*"],
        isTerminating: Bool = false
    ) throws {
        var delegations = bodies[delegator]?["delegations"] ?? ["keys": [:], "roles": []]
        delegations.append(
            [
                "name": .string(role), "keyids": [], "threshold": 1, "terminating": .boolean(isTerminating),
                "paths": .array(paths.map { .string($0) }),
            ],
            to: "roles"
        )
        bodies[delegator]?.set(delegations, "delegations")
        try addKey(to: role, by: delegator)
        if bodies[role] == nil {
            var new = body("targets")
            new.set([:], "targets")
            bodies[role] = new
        }
    }

    /// Lists a target with these hashes (`sha256`, `sha512`) and serves its file under each.
    mutating func addTarget(
        _ path: String,
        _ text: String,
        to role: String = "targets",
        hashes: [String] = ["sha256"]
    ) throws {
        let contents = Array(text.utf8)
        let known = ["sha256": SHA256.digest(contents).hex, "sha512": SHA512.digest(contents).hex]
        let stated = try hashes.map { ($0, JSONValue.string(try #require(known[$0]))) }
        let target: JSONValue = ["length": .integer(contents.count), "hashes": .object(JSONObject(stated))]
        bodies[role]?.set(target, "targets", path)
        for hash in hashes { targetFiles[place(of: path, known[hash] ?? "")] = contents }
    }

    /// Serves other bytes in the place of a target that is listed.
    mutating func substitute(_ path: String, _ text: String, in role: String = "targets") {
        let digest = bodies[role]?.at("targets", path, "hashes", "sha256")?.stringValue ?? ""
        targetFiles[place(of: path, digest)] = Array(text.utf8)
    }

    private func place(of path: String, _ digest: String) -> String {
        TargetPath(path)?.repositoryPath(hashPrefix: digest).urlPath ?? ""
    }

    // MARK: publishing

    /// Signs each role by its signers and serves it: the first time as it stands, then as the next version.
    mutating func publish(_ roles: String...) throws {
        for role in roles {
            if published[role] != nil { setVersion(version(of: role) + 1, of: role) }
            let bytes = try signed(role)
            published[role, default: []].append(bytes)
            let listing = listing(version(of: role), bytes)
            switch role {
            case "root", "timestamp": break
            case "snapshot": bodies["timestamp"]?.set(listing, "meta", "snapshot.json")
            default: bodies["snapshot"]?.set(listing, "meta", "\(role).json")
            }
        }
    }

    func version(of role: String) -> Int { Int(bodies[role]?["version"]?.integerValue ?? 0) }

    mutating func setVersion(_ version: Int, of role: String) { bodies[role]?.set(.integer(version), "version") }

    /// Forgets all that was published of a role; the next version is `version`, served as the first.
    mutating func begin(_ role: String, anewAt version: Int) {
        published[role] = nil
        setVersion(version, of: role)
    }

    /// Changes the document that was published last, as somebody without keys could.
    mutating func tamper(_ role: String, _ edit: (inout JSONValue) throws -> Void) throws {
        let bytes = try withdraw(role)
        var document = try JSONValue.parse(bytes, limits: .document)
        try edit(&document)
        published[role]?.append(document.compactBytes())
    }

    /// Takes the document that was published last back, and returns it.
    mutating func withdraw(_ role: String) throws -> [UInt8] {
        let last = published[role]?.popLast()
        return try #require(last)
    }

    private func listing(_ version: Int, _ bytes: [UInt8]) -> JSONValue {
        guard listsHashes else { return ["version": .integer(version)] }
        let digest = SHA256.digest(bytes).hex
        return ["version": .integer(version), "length": .integer(bytes.count), "hashes": ["sha256": .string(digest)]]
    }

    private func signed(_ role: String) throws -> [UInt8] {
        try Self.document(try #require(bodies[role]), by: signers[role] ?? [])
    }

    static func document(_ body: JSONValue, by signers: [CaseSigner]) throws -> [UInt8] {
        let message = try body.canonicalBytes(.olpc)
        let signatures = try signers.map { signer -> JSONValue in
            ["keyid": .string(signer.id), "sig": .string(try signer.signature(of: message))]
        }
        return (["signatures": .array(signatures), "signed": body] as JSONValue).compactBytes()
    }

    /// Everything that is served, by path.
    var files: [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for (role, versions) in published {
            guard let name = RoleName(role), role != "timestamp" else { continue }
            for (index, bytes) in versions.enumerated() {
                files["metadata/\(name.repositoryPath(version: index + 1).urlPath)"] = bytes
            }
        }
        files["metadata/timestamp.json"] = published["timestamp"]?.last
        for (path, bytes) in targetFiles { files["targets/\(path)"] = bytes }
        return files
    }
}
