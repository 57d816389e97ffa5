import Crypto
import Digest
import JSON
import Testing
import WallClock

@testable import UpdateFramework

/// A repository in memory that can be made to lie: every role is a JSON value that a test may spoil before it is signed,
/// with whatever keys.
struct SampleRepository {
    /// Keys are made once: their making is the slowest part.
    static let keys: [PrivateKeySigner] = (0..<8).map { _ in
        guard let key = try? PrivateKey.generate(), let signer = try? PrivateKeySigner(key) else {
            preconditionFailure("no key can be made")
        }
        return signer
    }

    static let now = UTCTime("2026-11-20T12:00:00Z") ?? UTCTime(seconds: 0)
    static let later = "2027-01-01T00:00:00Z"
    static let past = "2026-11-20T11:59:59Z"
    static let team = RoleName("team") ?? .targets
    static let targetPath = "team/file.txt"
    static let targetContents = Array("the contents\n".utf8)

    /// What is served: metadata by file name.
    var files: [String: [UInt8]] = [:]
    /// What is served below the base of targets.
    var targetFiles: [String: [UInt8]] = [:]
    /// `signed` of every role, as it was written last.
    var bodies: [RoleName: JSONValue] = [:]
    var signers: [RoleName: [PrivateKeySigner]]
    var isConsistent = true
    /// Whether snapshot and timestamp state lengths and digests.
    var listsHashes = false

    /// Root 1, and version 1 of everything else, with one target in a delegated role.
    init(isConsistent: Bool = true, listsHashes: Bool = false) {
        let keys = Self.keys
        signers = [
            .root: [keys[0]], .timestamp: [keys[1]], .snapshot: [keys[2]], .targets: [keys[3]], Self.team: [keys[4]],
        ]
        self.isConsistent = isConsistent
        self.listsHashes = listsHashes
        bodies[.root] = rootBody(version: 1)
        write(.root)
        bodies[.targets] = [
            "_type": "targets", "spec_version": "1.0.34", "version": 1, "expires": .string(Self.later), "targets": [:],
            "delegations": delegations(
                [Self.delegation(Self.team, paths: ["team/*"], keys: [keys[4]])],
                keys: [keys[4]]
            ),
        ]
        bodies[Self.team] = Self.targetsBody([Self.targetPath: Self.targetContents])
        addTargetFile(Self.targetPath, Self.targetContents)
        write(.targets)
        write(Self.team)
        bodies[.snapshot] = [
            "_type": "snapshot", "spec_version": "1.0.34", "version": 0, "expires": .string(Self.later), "meta": [:],
        ]
        bodies[.timestamp] = [
            "_type": "timestamp", "spec_version": "1.0.34", "version": 0, "expires": .string(Self.later), "meta": [:],
        ]
        publishOnline()
    }

    // MARK: bodies

    func rootBody(version: Int, threshold: Int = 1) -> JSONValue {
        var keys: [(String, JSONValue)] = []
        var roles: [(String, JSONValue)] = []
        for role in [RoleName.root, .timestamp, .snapshot, .targets] {
            let signers = signers[role] ?? []
            keys += signers.map { ($0.key.id, $0.key.json) }
            roles.append((role.text, Self.roleKeys(signers, threshold: role == .root ? threshold : 1)))
        }
        return [
            "_type": "root", "spec_version": "1.0.34", "version": .integer(version), "expires": .string(Self.later),
            "consistent_snapshot": .boolean(isConsistent), "keys": .object(JSONObject(keys)),
            "roles": .object(JSONObject(roles)),
        ]
    }

    static func roleKeys(_ signers: [PrivateKeySigner], threshold: Int = 1) -> JSONValue {
        ["keyids": .array(signers.map { .string($0.key.id) }), "threshold": .integer(threshold)]
    }

    static func delegation(
        _ role: RoleName,
        paths: [String],
        keys: [PrivateKeySigner],
        isTerminating: Bool = false
    ) -> JSONValue {
        [
            "name": .string(role.text), "keyids": .array(keys.map { .string($0.key.id) }), "threshold": 1,
            "paths": .array(paths.map { .string($0) }), "terminating": .boolean(isTerminating),
        ]
    }

    func delegations(_ roles: [JSONValue], keys: [PrivateKeySigner]) -> JSONValue {
        ["keys": .object(JSONObject(keys.map { ($0.key.id, $0.key.json) })), "roles": .array(roles)]
    }

    static func targetsBody(_ targets: [String: [UInt8]]) -> JSONValue {
        let listed = targets.map { path, contents -> (String, JSONValue) in
            (path, ["length": .integer(contents.count), "hashes": ["sha256": .string(SHA256.digest(contents).hex)]])
        }
        return [
            "_type": "targets", "spec_version": "1.0.34", "version": 1, "expires": .string(later),
            "targets": .object(JSONObject(listed)),
        ]
    }

    mutating func addTargetFile(_ path: String, _ contents: [UInt8]) {
        let prefix = isConsistent ? SHA256.digest(contents).hex : nil
        guard let target = TargetPath(path) else { return }
        targetFiles[target.repositoryPath(hashPrefix: prefix).description] = contents
    }

    // MARK: writing

    func version(of role: RoleName) -> Int { Int(bodies[role]?["version"]?.integerValue ?? 0) }

    static func document(_ signed: JSONValue, by signers: [PrivateKeySigner]) -> [UInt8] {
        let message = (try? signed.canonicalBytes(.olpc)) ?? signed.compactBytes()
        let signatures = signers.map { signer -> JSONValue in
            ["keyid": .string(signer.key.id), "sig": .string(hexadecimal((try? signer.sign(message)) ?? []))]
        }
        return (["signatures": .array(signatures), "signed": signed] as JSONValue).compactBytes()
    }

    /// The name that a role's present version is served under.
    func fileName(_ role: RoleName) -> String {
        let isVersioned = role == .root || (isConsistent && role != .timestamp)
        return role.repositoryPath(version: isVersioned ? version(of: role) : nil).description
    }

    /// Signs a role as it stands, by its own keys or others, and serves it.
    mutating func write(_ role: RoleName, by others: [PrivateKeySigner]? = nil) {
        guard let body = bodies[role] else { return }
        files[fileName(role)] = Self.document(body, by: others ?? signers[role] ?? [])
    }

    /// The next version of a role, changed by `edit`; not listed in a snapshot yet.
    mutating func bump(
        _ role: RoleName,
        by others: [PrivateKeySigner]? = nil,
        _ edit: (inout JSONValue) -> Void = { _ in }
    ) {
        let next = version(of: role) + 1
        bodies[role]?.set(.integer(next), "version")
        if var body = bodies[role] {
            edit(&body)
            bodies[role] = body
        }
        write(role, by: others)
    }

    /// The next root with the keys that `signers` holds now, signed by `others` or by the new root keys and `old`.
    mutating func rotateRoot(
        old: [PrivateKeySigner]? = nil,
        by others: [PrivateKeySigner]? = nil,
        _ edit: (inout JSONValue) -> Void = { _ in }
    ) {
        var body = rootBody(version: version(of: .root) + 1)
        edit(&body)
        bodies[.root] = body
        var all = signers[.root] ?? []
        for signer in old ?? [] where !all.contains(where: { $0.key.id == signer.key.id }) { all.append(signer) }
        write(.root, by: others ?? all)
    }

    /// A snapshot of all there is, and a timestamp of that, each changed by an edit before it is signed.
    mutating func publishOnline(
        snapshot editSnapshot: (inout JSONValue) -> Void = { _ in },
        timestamp editTimestamp: (inout JSONValue) -> Void = { _ in }
    ) {
        for role in bodies.keys where ![.root, .timestamp, .snapshot].contains(role) { list(role, in: .snapshot) }
        bump(.snapshot, editSnapshot)
        list(.snapshot, in: .timestamp)
        bump(.timestamp, editTimestamp)
    }

    mutating func list(_ role: RoleName, in lister: RoleName) {
        var meta: JSONValue = ["version": .integer(version(of: role))]
        if listsHashes, let bytes = files[fileName(role)] {
            meta.set(.integer(bytes.count), "length")
            meta.set(["sha256": .string(SHA256.digest(bytes).hex)], "hashes")
        }
        bodies[lister]?.set(meta, "meta", role.listedName)
    }
}

extension JSONValue {
    /// Sets a member deep in objects, or removes it by nil.
    mutating func set(_ value: JSONValue?, _ path: String...) { set(value, path[...]) }

    private mutating func set(_ value: JSONValue?, _ path: ArraySlice<String>) {
        guard let name = path.first, var object = objectValue else { return }
        if path.count == 1 {
            object[name] = value
        } else {
            var inner = object[name] ?? [:]
            inner.set(value, path.dropFirst())
            object[name] = inner
        }
        self = .object(object)
    }
}

/// Serves a sample, and remembers what was asked for.
final class SampleTransport: RepositoryTransport {
    var files: [String: [UInt8]]
    var requests: [String] = []
    /// The call that fails, counted from 1; 0 for none.
    var failingCall = 0

    init(_ files: [String: [UInt8]]) { self.files = files }

    func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        requests.append(path.description)
        if requests.count == failingCall {
            throw TransportError.unavailable(path.description, reason: "the cable is cut", retryAfter: nil)
        }
        guard let bytes = files[path.description] else { throw TransportError.notFound(path.description) }
        // In two pieces, and without a look at the limit, as a careless transport would.
        let middle = bytes.count / 2
        try bytes[..<middle].withUnsafeBytes(receive)
        try bytes[middle...].withUnsafeBytes(receive)
    }
}

/// A box: a store, and updates of it.
struct SampleClient {
    let store = MemoryMetadataStore()

    init(trusting repository: SampleRepository) throws {
        try Updater.trust(root: repository.files["1.root.json"] ?? [], in: store)
    }

    /// An update; returns the updater for what comes after it, and what was asked for.
    @discardableResult
    func update(
        from repository: SampleRepository,
        at time: UTCTime = SampleRepository.now,
        limits: UpdateLimits = UpdateLimits(),
        expiryPolicy: ExpiryPolicy = .refuse
    ) throws -> (updater: Updater, transport: SampleTransport) {
        let transport = SampleTransport(repository.files)
        var updater = try Updater(
            store: store,
            transport: transport,
            updateStart: time,
            limits: limits,
            expiryPolicy: expiryPolicy
        )
        try updater.refresh()
        return (updater, transport)
    }

    /// The message of the error that an update ends with; nil where it doesn't.
    func refusal(
        of repository: SampleRepository,
        at time: UTCTime = SampleRepository.now,
        limits: UpdateLimits = UpdateLimits(),
        target: String? = nil
    ) -> String? {
        do {
            var updater = try update(from: repository, at: time, limits: limits).updater
            guard let target else { return nil }
            guard let path = TargetPath(target), let found = try updater.find(path) else { return "not found" }
            let source = SampleTransport(repository.targetFiles)
            return try updater.contents(of: found, from: source, limitBytes: 1 << 20).isEmpty ? "empty" : nil
        } catch {
            return "\(error)"
        }
    }
}

func roleName(_ text: String) throws -> RoleName { try #require(RoleName(text)) }

func targetPath(_ text: String) throws -> TargetPath { try #require(TargetPath(text)) }
