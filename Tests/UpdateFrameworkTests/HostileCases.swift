import JSON

@testable import UpdateFramework

private let keys = SampleRepository.keys
private let team = SampleRepository.team

extension HostileCase {
    static let all = rootCases + timestampCases + snapshotCases + targetsCases + delegationCases + targetFileCases

    static let rootCases: [HostileCase] = [
        .root(
            "not signed by the old key",
            "root version 2 is signed by 0 of the 1 keys that root version 1 asks"
        ) {
            $0.signers[.root] = [keys[5]]
            $0.rotateRoot()
        },
        .root("not signed by its own key", "root version 2 is signed by 0 of the 1 keys that it asks for") {
            let old = $0.signers[.root]
            $0.signers[.root] = [keys[5]]
            $0.rotateRoot(by: old)
        },
        .root("with one key under two ids for a threshold of two", "signed by 1 of the 2 keys that it asks for") {
            $0.rotateRoot(by: []) { body in
                body.set(keys[0].key.json, "keys", "alias")
                body.set(["keyids": [.string(keys[0].key.id), "alias"], "threshold": 2], "roles", "root")
            }
            let body = $0.bodies[.root] ?? .null
            let signature = (try? keys[0].sign(body.canonicalBytes(.olpc))) ?? []
            let signatures = [keys[0].key.id, "alias"].map { id -> JSONValue in
                ["keyid": .string(id), "sig": .string(hexadecimal(signature))]
            }
            $0.files["2.root.json"] = (["signatures": .array(signatures), "signed": body] as JSONValue).compactBytes()
        },
        .root(
            "of a version too far",
            "root has version 3, but the chain after trusted version 1 asks for version 2"
        ) {
            $0.rotateRoot { $0.set(3, "version") }
            $0.files["2.root.json"] = $0.files["3.root.json"]
        },
        .root("of the trusted version again", "root has version 1, but the chain after trusted version 1") {
            $0.files["2.root.json"] = $0.files["1.root.json"]
        },
        .root("without a timestamp role", "signed.roles.timestamp: is missing") {
            $0.rotateRoot { $0.set(nil, "roles", "timestamp") }
        },
        .root("with a threshold of zero", "signed.roles.targets.threshold: 0 is outside 1") {
            $0.rotateRoot { $0.set(0, "roles", "targets", "threshold") }
        },
        .root("with a key twice in a role", "signed.roles.root.keyids: lists a key twice") {
            $0.rotateRoot { $0.set([.string(keys[0].key.id), .string(keys[0].key.id)], "roles", "root", "keyids") }
        },
        .root("of specification 2", "signed.spec_version: 2.0.0 is not supported") {
            $0.rotateRoot { $0.set("2.0.0", "spec_version") }
        },
        .root("of another type", "root metadata is of type \"targets\"") {
            $0.rotateRoot { $0.set("targets", "_type") }
        },
        .root("with a fraction in its expiry", "signed.expires: 2027-01-01T00:00:00.5Z is no time") {
            $0.rotateRoot { $0.set("2027-01-01T00:00:00.5Z", "expires") }
        },
        .root("with a local time", "signed.expires: 2027-01-01T00:00:00+01:00 is no time") {
            $0.rotateRoot { $0.set("2027-01-01T00:00:00+01:00", "expires") }
        },
        .root("with a version in quotes", "signed.version: expected an integer, found a string") {
            $0.rotateRoot { $0.set("2", "version") }
            $0.files["2.root.json"] = $0.files["0.root.json"]
        },
        .root("of version zero", "signed.version: 0 is outside 1") {
            $0.rotateRoot { $0.set(0, "version") }
            $0.files["2.root.json"] = $0.files["0.root.json"]
        },
        .root("that is cut off", "malformed JSON: the text ends") {
            $0.rotateRoot()
            $0.files["2.root.json"]?.removeLast(20)
        },
        .root("with a name twice", "the name \"version\" stands twice") {
            $0.rotateRoot()
            let text = String(decoding: $0.files["2.root.json"] ?? [], as: UTF8.self)
            $0.files["2.root.json"] = Array(text.replacing("\"version\":2", with: "\"version\":2,\"version\":2").utf8)
        },
        .root(
            "that never ends",
            "2.root.json is larger than the 512000 bytes that are read of it (endless data)"
        ) {
            $0.files["2.root.json"] = [UInt8](repeating: UInt8(ascii: " "), count: 600_000)
        },
        .root("that is a list", "expected an object, found an array") {
            $0.files["2.root.json"] = Array("[]".utf8)
        },
        .root("without keys", "signed.keys: is missing") { $0.rotateRoot { $0.set(nil, "keys") } },
        .root("with a key without a scheme", ".scheme: is missing") {
            $0.rotateRoot { $0.set(nil, "keys", keys[0].key.id, "scheme") }
        },
    ]

    static let timestampCases: [HostileCase] = [
        .timestamp("without signatures", "timestamp version 3 is signed by 0 of the 1 keys that root version 1") {
            $0.bump(.timestamp, by: [])
        },
        .timestamp("signed by another role's key", "timestamp version 3 is signed by 0 of the 1 keys") {
            $0.bump(.timestamp, by: [keys[2]])
        },
        .timestamp("with an empty signature", "timestamp version 3 is signed by 0 of the 1 keys") {
            $0.bump(.timestamp)
            guard let body = $0.bodies[.timestamp] else { return }
            let signature: JSONValue = ["keyid": .string(keys[1].key.id), "sig": ""]
            $0.files["timestamp.json"] = (["signatures": [signature], "signed": body] as JSONValue).compactBytes()
        },
        .timestamp("changed after it was signed", "timestamp version 9 is signed by 0 of the 1 keys") {
            let text = String(decoding: $0.files["timestamp.json"] ?? [], as: UTF8.self)
            $0.files["timestamp.json"] = Array(text.replacing("\"version\":2,\"exp", with: "\"version\":9,\"exp").utf8)
        },
        .timestamp("with two signatures of one key", "holds two signatures of key \(keys[1].key.id)") {
            $0.bump(.timestamp, by: [keys[1], keys[1]])
        },
        .timestamp(
            "older than the trusted one",
            "timestamp version 1 is older than trusted version 2 (rollback)"
        ) {
            $0.bump(.timestamp) { $0.set(1, "version") }
        },
        .timestamp(
            "naming an older snapshot",
            "timestamp version 3 lists snapshot version 1, which is older than trusted version 2 (rollback)"
        ) { $0.bump(.timestamp) { $0.set(1, "meta", "snapshot.json", "version") } },
        .timestamp("that is expired", "timestamp version 3 expired at 2026-11-20T11:59:59Z") {
            $0.publishOnline(timestamp: { $0.set(.string(SampleRepository.past), "expires") })
        },
        .timestamp("without a snapshot", "signed.meta.snapshot.json: is missing") {
            $0.publishOnline(timestamp: { $0.set([:], "meta") })
        },
        .timestamp("of another type", "timestamp metadata is of type \"snapshot\"") {
            $0.files["timestamp.json"] = SampleRepository.document($0.bodies[.snapshot] ?? .null, by: [keys[1]])
        },
        .timestamp(
            "that never ends",
            "timestamp.json is larger than the 16384 bytes that are read of it (endless data)"
        ) {
            $0.files["timestamp.json"] = [UInt8](repeating: UInt8(ascii: " "), count: 20_000)
        },
        .timestamp("signed after its expiry", "signed.x-edge-signed-at: is not before its expiry") {
            $0.publishOnline(timestamp: { $0.set("2028-01-01T00:00:00Z", "x-edge-signed-at") })
        },
        .timestamp("that is missing", "the repository has no timestamp.json") {
            $0.files["timestamp.json"] = nil
        },
        .timestamp("with a fraction for a version", "the number 2.5 has no canonical JSON form") {
            let text = String(decoding: $0.files["timestamp.json"] ?? [], as: UTF8.self)
            $0.files["timestamp.json"] = Array(text.replacing("\"version\":2", with: "\"version\":2.5").utf8)
        },
        .timestamp("with a fraction where nobody looks", "the number 0.5 has no canonical JSON form") {
            $0.publishOnline(timestamp: { body in
                if let half = try? JSONNumber(0.5) { body.set(.number(half), "x-other") }
            })
        },
        .timestamp("nested too deeply", "nested deeper than 64 levels") {
            let text = String(repeating: "[", count: 100)
            $0.files["timestamp.json"] = Array(#"{"signatures":[],"signed":{"x":\#(text)}}"#.utf8)
        },
    ]

    static let snapshotCases: [HostileCase] = [
        .snapshot("signed by another role's key", "snapshot version 3 is signed by 0 of the 1 keys that root") {
            $0.publishOnline()
            $0.write(.snapshot, by: [keys[1]])
        },
        .snapshot(
            "with another digest",
            "snapshot.json has another SHA-256 than signed metadata says",
            listsHashes: true
        ) {
            $0.publishOnline()
            let text = String(decoding: $0.files["3.snapshot.json"] ?? [], as: UTF8.self)
            $0.files["3.snapshot.json"] = Array(text.replacing("2027-01-01", with: "2028-01-01").utf8)
        },
        .snapshot("with another length", "bytes, where signed metadata says", listsHashes: true) {
            $0.publishOnline()
            $0.files["3.snapshot.json"]?.removeLast()
        },
        .snapshot("longer than it says", "3.snapshot.json is larger than the", listsHashes: true) {
            $0.publishOnline()
            $0.files["3.snapshot.json"]?.append(UInt8(ascii: " "))
        },
        .snapshot("listed as larger than any may be", "3.snapshot.json is larger than the 2000000 bytes") {
            $0.publishOnline(timestamp: { $0.set(3_000_000, "meta", "snapshot.json", "length") })
        },
        .snapshot("with no known digest", "metadata states neither a sha256 nor a sha512 of snapshot.json") {
            $0.publishOnline(timestamp: { $0.set(["md5": "00"], "meta", "snapshot.json", "hashes") })
        },
        .snapshot(
            "of another version than its name",
            "snapshot has version 2, but timestamp version 3 asks for version 3 (mix-and-match)"
        ) {
            $0.publishOnline()
            $0.files["3.snapshot.json"] = $0.files["2.snapshot.json"]
        },
        .snapshot(
            "naming an older role",
            "snapshot version 3 lists team.json version 1, which is older than trusted version 2 (rollback)"
        ) {
            $0.publishOnline(snapshot: { $0.set(1, "meta", "team.json", "version") })
        },
        .snapshot(
            "that forgets a role",
            "snapshot version 3 does not list team.json, which trusted version 2 lists (rollback)"
        ) {
            $0.publishOnline(snapshot: { $0.set(nil, "meta", "team.json") })
        },
        .snapshot("that is expired", "snapshot version 3 expired at 2026-11-20T11:59:59Z") {
            $0.publishOnline(snapshot: { $0.set(.string(SampleRepository.past), "expires") })
        },
        .snapshot("that is missing", "the repository has no 3.snapshot.json") {
            $0.publishOnline()
            $0.files["3.snapshot.json"] = nil
        },
        .snapshot("of another type", "snapshot metadata is of type \"targets\"") {
            $0.publishOnline()
            $0.files["3.snapshot.json"] = SampleRepository.document($0.bodies[.targets] ?? .null, by: [keys[2]])
        },
        .snapshot("listing version zero", "signed.meta.team.json.version: 0 is outside 1") {
            $0.publishOnline(snapshot: { $0.set(0, "meta", "team.json", "version") })
        },
        .snapshot("with a negative length", "signed.meta.team.json.length: -1 is outside 0") {
            $0.publishOnline(snapshot: { $0.set(-1, "meta", "team.json", "length") })
        },
    ]

    static let targetsCases: [HostileCase] = [
        .targets(
            "signed by another role's key",
            "targets version 3 is signed by 0 of the 1 keys that root version 1"
        ) {
            $0.bump(.targets, by: [keys[4]])
            $0.publishOnline()
        },
        .targets("with another digest", "targets.json has another SHA-256", listsHashes: true) {
            $0.bump(.targets)
            $0.publishOnline()
            let text = String(decoding: $0.files["3.targets.json"] ?? [], as: UTF8.self)
            $0.files["3.targets.json"] = Array(text.replacing("2027-01-01", with: "2028-01-01").utf8)
        },
        .targets(
            "of another version than its name",
            "targets has version 2, but snapshot version 3 asks for version 3 (mix-and-match)"
        ) {
            $0.bump(.targets)
            $0.publishOnline()
            $0.files["3.targets.json"] = $0.files["2.targets.json"]
        },
        .targets("that is expired", "targets version 3 expired at") {
            $0.bump(.targets) { $0.set(.string(SampleRepository.past), "expires") }
            $0.publishOnline()
        },
        .targets("that is missing", "the repository has no 3.targets.json") {
            $0.bump(.targets)
            $0.publishOnline()
            $0.files["3.targets.json"] = nil
        },
        .targets("without targets", "signed.targets: is missing") {
            $0.bump(.targets) { $0.set(nil, "targets") }
            $0.publishOnline()
        },
        .targets("with a length below zero", "length: -5 is outside 0") {
            $0.bump(.targets) { $0.set(["length": -5, "hashes": [:]], "targets", "x") }
            $0.publishOnline()
        },
        .targets("with a digest that is none", "is no SHA-256 digest") {
            $0.bump(.targets) { $0.set(["length": 5, "hashes": ["sha256": "AB"]], "targets", "x") }
            $0.publishOnline()
        },
        .targets("with custom data that is no object", "custom: expected an object") {
            $0.bump(.targets) { $0.set(["length": 5, "hashes": [:], "custom": 7], "targets", "x") }
            $0.publishOnline()
        },
        .targets("with succinct roles", "hash bins by succinct roles (TAP 15) are not supported") {
            $0.bump(.targets) { $0.set(["keys": [:], "succinct_roles": ["bit_length": 4]], "delegations") }
            $0.publishOnline()
        },
        .targets("delegating to a top-level role", "\"snapshot\" can't be the name of a delegated role") {
            $0.bump(.targets) { $0.setDelegation(["name": "snapshot"]) }
            $0.publishOnline()
        },
        .targets("delegating to a role without a name", "\"\" can't be the name of a delegated role") {
            $0.bump(.targets) { $0.setDelegation(["name": ""]) }
            $0.publishOnline()
        },
        .targets("with paths and prefixes", "paths: stands beside path_hash_prefixes") {
            $0.bump(.targets) { $0.setDelegation(["path_hash_prefixes": ["00"]]) }
            $0.publishOnline()
        },
        .targets("with neither paths nor prefixes", "paths: is missing, and so is path_hash_prefixes") {
            $0.bump(.targets) { $0.setDelegation(["paths": .null]) }
            $0.publishOnline()
        },
        .targets("with prefixes that are no digits", "expected lowercase hexadecimal digits") {
            $0.bump(.targets) { $0.setDelegation(["paths": .null, "path_hash_prefixes": ["XY"]]) }
            $0.publishOnline()
        },
        .targets("with one delegated role twice", "two roles are called team") {
            $0.bump(.targets) { body in
                guard let role = body["delegations"]?["roles"]?[0] else { return }
                body.set([role, role], "delegations", "roles")
            }
            $0.publishOnline()
        },
    ]

    static let delegationCases: [HostileCase] = [
        .delegated(
            "signed by another key",
            "team version 3 is signed by 0 of the 1 keys that targets version 2"
        ) {
            $0.bump(team, by: [keys[3]])
            $0.publishOnline()
        },
        .delegated(
            "whose key was taken away",
            "team version 2 is signed by 0 of the 1 keys that targets version 3"
        ) {
            let other = SampleRepository.delegation(team, paths: ["team/*"], keys: [keys[6]])
            let delegations = $0.delegations([other], keys: [keys[6]])
            $0.bump(.targets) { $0.set(delegations, "delegations") }
            $0.publishOnline()
        },
        .delegated("that is expired", "team version 3 expired at") {
            $0.bump(team) { $0.set(.string(SampleRepository.past), "expires") }
            $0.publishOnline()
        },
        .delegated(
            "of another version than listed",
            "team has version 2, but snapshot version 3 asks for version 3"
        ) {
            $0.bump(team)
            $0.publishOnline()
            $0.files["3.team.json"] = $0.files["2.team.json"]
        },
        .delegated("that is missing", "the repository has no 3.team.json") {
            $0.bump(team)
            $0.publishOnline()
            $0.files["3.team.json"] = nil
        },
        .file(
            "of a role that no snapshot lists",
            "not found",
            target: "team/ghost"
        ) {
            let ghost = SampleRepository.delegation(RoleName("ghost") ?? team, paths: ["team/*"], keys: [keys[5]])
            let delegations = $0.delegations([ghost], keys: [keys[5]])
            $0.bump(team) { $0.set(delegations, "delegations") }
            $0.publishOnline()
        },
        .delegated("listing what it is not trusted with", "not found", target: "other/file.txt") {
            let contents = Array("evil".utf8)
            let listed = SampleRepository.targetsBody(["other/file.txt": contents])["targets"]
            $0.bump(team) { $0.set(listed, "targets") }
            $0.addTargetFile("other/file.txt", contents)
            $0.publishOnline()
        },
    ]

    static let targetFileCases: [HostileCase] = [
        .file(
            "with other contents",
            "team/file.txt has another SHA-256 than signed metadata says"
        ) {
            $0.spoilTarget { $0[0] ^= 1 }
        },
        .file(
            "longer than listed",
            "team/file.txt is larger than the 13 bytes"
        ) {
            $0.spoilTarget { $0.append(0) }
        },
        .file(
            "shorter than listed",
            "team/file.txt has 12 bytes, where signed metadata says 13"
        ) {
            $0.spoilTarget { $0.removeLast() }
        },
        .file("that is missing", "the repository has no team/") {
            $0.targetFiles = [:]
        },
        .file(
            "with no known digest",
            "metadata states neither a sha256 nor a sha512 of team/file.txt"
        ) {
            $0.bump(team) { $0.set(["blake2b": "00"], "targets", SampleRepository.targetPath, "hashes") }
            $0.publishOnline()
        },
        .file(
            "with a right and a wrong digest",
            "team/file.txt has another SHA-512"
        ) {
            let wrong = String(repeating: "0", count: 128)
            $0.bump(team) { $0.set(.string(wrong), "targets", SampleRepository.targetPath, "hashes", "sha512") }
            $0.publishOnline()
        },
    ]
}

extension JSONValue {
    /// Changes the one delegation of the sample.
    fileprivate mutating func setDelegation(_ changes: JSONObject) {
        guard var role = self["delegations"]?["roles"]?[0]?.objectValue else { return }
        for (name, value) in changes.members { role[name] = value }
        set([.object(role)], "delegations", "roles")
    }
}

extension SampleRepository {
    fileprivate mutating func spoilTarget(_ change: (inout [UInt8]) -> Void) {
        for path in targetFiles.keys { change(&targetFiles[path, default: []]) }
    }
}
