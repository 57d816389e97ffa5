import Digest
import JSON
import Testing
import WallClock

/// The suite has two repositories as others published them. Their files are not here: these are of the same shape, with
/// what makes each unusual.
extension ConformanceCase {
    static let staticRepositoryCases: [ConformanceCase] = [
        staticRepository("tuf-on-ci-0.11") { try StaticRepository.tufOnCI($0) },
        staticRepository("sigstore-root-signing") { try StaticRepository.sigstore($0) },
    ]

    private static func staticRepository(
        _ name: String,
        _ make: @escaping @Sendable (String) throws -> StaticRepository
    ) -> ConformanceCase {
        ConformanceCase("test_static_repositories.py::test_static_repository[\(name)]") { bench in
            let repository = try make(bench.folder)
            bench.serve(repository.files)
            try bench.begin(with: repository.trustedRoot)
            #expect(try bench.refreshServed(at: repository.time) == 0)
            #expect(try bench.downloadServed(repository.target, at: repository.time) == 0)
            #expect(try bench.downloads == [repository.contents])
            // A year later all of it is over.
            #expect(try bench.refreshServed(at: repository.time.advanced(by: .seconds(365 * 86_400))) == 1)
        }
    }
}

private struct StaticRepository {
    var files: [String: [UInt8]] = [:]
    var trustedRoot: [UInt8] = []
    let target: String
    let contents: String
    let time: UTCTime

    /// A signature of each; an empty one, as of somebody who has not signed yet, of those that are not `signing`.
    private static func document(
        _ body: JSONValue,
        by keys: [CaseSigner],
        signing: [Int]? = nil
    ) throws -> [UInt8] {
        let message = try body.canonicalBytes(.olpc)
        let signatures = try keys.enumerated().map { index, key -> JSONValue in
            let signs = signing?.contains(index) ?? true
            return ["keyid": .string(key.id), "sig": .string(signs ? try key.signature(of: message) : "")]
        }
        // Indented, and with members in another order than the canonical one.
        return (["signatures": .array(signatures), "signed": body] as JSONValue).prettyBytes()
    }

    private static func table(_ keys: [CaseSigner]) -> JSONValue {
        .object(JSONObject(keys.map { ($0.id, $0.object) }))
    }

    private static func role(_ keys: [CaseSigner], _ threshold: Int, _ more: JSONObject = [:]) -> JSONValue {
        var role: JSONValue = [
            "keyids": .array(keys.map { .string($0.id) }), "threshold": .integer(threshold),
        ]
        for (name, value) in more.members { role.set(value, name) }
        return role
    }

    private static func listing(_ version: Int, _ bytes: [UInt8]) -> JSONValue {
        let hashes: JSONValue = [
            "sha256": .string(SHA256.digest(bytes).hex), "sha512": .string(SHA512.digest(bytes).hex),
        ]
        return ["hashes": hashes, "length": .integer(bytes.count), "version": .integer(version)]
    }

    private static func key(of owner: String) throws -> CaseSigner {
        var key = try CaseSigner()
        key.object.set(.string(owner), "x-tuf-on-ci-keyowner")
        return key
    }

    /// tuf-on-ci: own members in keys and roles, a terminating delegation, an empty signature beside a good one.
    static func tufOnCI(_ folder: String) throws -> StaticRepository {
        var repository = StaticRepository(
            target: "delegatedrole/artifact",
            contents: "an artifact of a delegated role\n",
            time: try #require(UTCTime("2025-02-09T09:17:23Z"))
        )
        var owners = try [key(of: "@owner"), key(of: "@-other-owner-")]
        var online = try CaseSigner()
        online.object.set(
            "gcpkms:projects/example/locations/global/keyRings/ring/cryptoKeys/key",
            "x-tuf-on-ci-online-uri"
        )
        online.rename()
        for index in owners.indices { owners[index].rename() }
        let periods: JSONObject = ["x-tuf-on-ci-expiry-period": 300, "x-tuf-on-ci-signing-period": 60]
        let expires: JSONValue = "2025-08-10T10:05:04Z"
        func body(_ type: String, _ version: Int, _ members: JSONObject) -> JSONValue {
            var body: JSONValue = [
                "_type": .string(type), "expires": expires, "spec_version": "1.0.31", "version": .integer(version),
            ]
            for (name, value) in members.members { body.set(value, name) }
            return body
        }
        let root = body(
            "root",
            1,
            [
                "consistent_snapshot": true, "keys": table([owners[0], online]),
                "roles": [
                    "root": role([owners[0]], 1), "targets": role([owners[0]], 1),
                    "snapshot": role([online], 1, periods), "timestamp": role([online], 1, periods),
                ],
                "x-tuf-on-ci-expiry-period": 300, "x-tuf-on-ci-signing-period": 60,
            ]
        )
        repository.trustedRoot = try document(root, by: [owners[0]])
        repository.files["metadata/1.root.json"] = repository.trustedRoot

        var delegation = role(owners, 1)
        delegation.set("delegatedrole", "name")
        delegation.set(.array((1...4).map { .string("delegatedrole" + String(repeating: "/*", count: $0)) }), "paths")
        delegation.set(true, "terminating")
        let delegations: JSONValue = ["keys": table(owners), "roles": [delegation]]
        let targets = body("targets", 1, ["targets": [:], "delegations": delegations])
        repository.files["metadata/1.targets.json"] = try document(targets, by: [owners[0]])
        let bytes = Array(repository.contents.utf8)
        let digest = SHA256.digest(bytes).hex
        repository.files["targets/delegatedrole/\(digest).artifact"] = bytes
        let listed: JSONValue = ["length": .integer(bytes.count), "hashes": ["sha256": .string(digest)]]
        let delegated = body("targets", 2, ["targets": .object(JSONObject([(repository.target, listed)]))])
        repository.files["metadata/2.delegatedrole.json"] = try document(delegated, by: owners, signing: [0])
        let snapshot = body(
            "snapshot",
            2,
            ["meta": ["delegatedrole.json": ["version": 2], "targets.json": ["version": 1]]]
        )
        repository.files["metadata/2.snapshot.json"] = try document(snapshot, by: [online])
        let timestamp = body("timestamp", 2, ["meta": ["snapshot.json": ["version": 2]]])
        repository.files["metadata/timestamp.json"] = try document(timestamp, by: [online])
        return repository
    }

    /// sigstore's root-signing: trust begins with root version 12, signed by three of five, two signatures empty; ids of
    /// keys that are not their digest, the key type of before 2022, lengths and digests of all that is listed.
    static func sigstore(_ folder: String) throws -> StaticRepository {
        var repository = StaticRepository(
            target: "trusted_root.json",
            contents: #"{"mediaType":"application/vnd.example.trustedroot+json;version=0.1"}"#,
            time: try #require(UTCTime("2025-02-09T12:02:08Z"))
        )
        let holders = try (0..<5).map { index -> CaseSigner in
            var key = try key(of: "@holder\(index)")
            key.object.set(["sha256", "sha512"], "keyid_hash_algorithms")
            if index == 1 { key.object.set("ecdsa-sha2-nistp256", "keytype") }
            if index == 3 { key.rename(String(repeating: "7", count: 64)) } else { key.rename() }
            return key
        }
        var online = try CaseSigner()
        online.object.set(["sha256", "sha512"], "keyid_hash_algorithms")
        // As it was before a member was added: the id stays, and is the digest of nothing now.
        online.rename()
        online.object.set(
            "gcpkms:projects/example/locations/global/keyRings/tuf/cryptoKeys/timestamp",
            "x-tuf-on-ci-online-uri"
        )
        let team = try CaseSigner()
        func body(_ type: String, _ version: Int, _ expires: String, _ members: JSONObject) -> JSONValue {
            var body: JSONValue = [
                "_type": .string(type), "expires": .string(expires), "spec_version": "1.0",
                "version": .integer(version),
            ]
            for (name, value) in members.members { body.set(value, name) }
            return body
        }
        func root(_ version: Int) -> JSONValue {
            body(
                "root",
                version,
                "2025-08-19T14:33:09Z",
                [
                    "consistent_snapshot": true, "keys": table(holders + [online]),
                    "roles": [
                        "root": role(holders, 3), "targets": role(holders, 3),
                        "snapshot": role([online], 1, ["x-tuf-on-ci-expiry-period": 3_650]),
                        "timestamp": role([online], 1, ["x-tuf-on-ci-expiry-period": 7]),
                    ],
                    "x-tuf-on-ci-expiry-period": 197, "x-tuf-on-ci-signing-period": 46,
                ]
            )
        }
        // Others sign each time. The ones before the trusted root are still served, and are never asked for.
        for (version, signing) in [(11, [0, 1, 2]), (12, [1, 3, 4])] {
            repository.files["metadata/\(version).root.json"] = try document(
                root(version),
                by: holders,
                signing: signing
            )
        }
        repository.trustedRoot = try #require(repository.files["metadata/12.root.json"])

        let bytes = Array(repository.contents.utf8)
        let digest = SHA256.digest(bytes).hex
        repository.files["targets/\(digest).trusted_root.json"] = bytes
        let listed: JSONValue = [
            "length": .integer(bytes.count),
            "hashes": ["sha256": .string(digest), "sha512": .string(SHA512.digest(bytes).hex)],
            "custom": ["sigstore": ["status": "Active", "uri": "", "usage": "Unknown"]],
        ]
        var delegation = role([team], 1, ["x-tuf-on-ci-expiry-period": 3_650])
        delegation.set("registry.example.org", "name")
        delegation.set(["registry.example.org/*"], "paths")
        delegation.set(true, "terminating")
        let targets = body(
            "targets",
            11,
            "2025-08-19T14:33:09Z",
            [
                "targets": ["trusted_root.json": listed],
                "delegations": ["keys": table([team]), "roles": [delegation]],
            ]
        )
        let targetsBytes = try document(targets, by: holders, signing: [0, 2, 3])
        repository.files["metadata/11.targets.json"] = targetsBytes
        let teamBytes = try document(body("targets", 5, "2025-08-19T14:33:09Z", ["targets": [:]]), by: [team])
        repository.files["metadata/5.registry.example.org.json"] = teamBytes
        let snapshot = body(
            "snapshot",
            159,
            "2025-08-19T14:33:09Z",
            ["meta": ["targets.json": listing(11, targetsBytes), "registry.example.org.json": listing(5, teamBytes)]]
        )
        let snapshotBytes = try document(snapshot, by: [online])
        repository.files["metadata/159.snapshot.json"] = snapshotBytes
        let timestamp = body(
            "timestamp",
            294,
            "2025-02-16T12:00:00Z",
            ["meta": ["snapshot.json": listing(159, snapshotBytes)]]
        )
        repository.files["metadata/timestamp.json"] = try document(timestamp, by: [online])
        return repository
    }
}
