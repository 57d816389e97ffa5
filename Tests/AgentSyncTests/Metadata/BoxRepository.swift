import BundleManifest
import Crypto
import Deployment
import Digest
import EdgeAgent
import FileSystem
import Glibc
import JSON
import Testing
import UpdateFramework
import WallClock

@testable import AgentSync

/// A repository in a folder with the registry's roles, and a box that follows it. Every role can be made to lie before
/// it is signed, by whatever key.
struct BoxRepository {
    static let roles = ["targets", "bundles", "acceptance", "deployments-prod", "rollouts-prod"]
    /// Made once: their making is the slowest part. By role, and `stranger`.
    static let keys: [String: PrivateKeySigner] = {
        var keys: [String: PrivateKeySigner] = [:]
        for role in ["root", "snapshot", "timestamp", "stranger"] + roles {
            guard let key = try? PrivateKey.generate(), let signer = try? PrivateKeySigner(key) else {
                preconditionFailure("no key can be made")
            }
            keys[role] = signer
        }
        return keys
    }()

    let folder: String
    let store: StoreLayout
    var box: BoxConfiguration
    /// Listed target files, by role and path.
    var targets: [String: [String: (bytes: [UInt8], custom: JSONObject?)]] = [:]
    var versions: [String: Int] = [:]
    /// Seconds from now.
    var expiry: [String: Int64] = [:]
    /// Who signs instead of the role's own key; nobody for the empty list.
    var signers: [String: [String]] = [:]
    /// Seconds from now at which the timestamp says that it was signed.
    var signedAt: Int64 = 0
    let endpoint: EndpointName

    /// - Parameter place: holds the repository and the box's store.
    init(in place: String) throws {
        folder = "\(place)/repository"
        store = StoreLayout("\(place)/store")
        endpoint = try #require(EndpointName("digits"))
        let programs = BoxConfiguration.Programs(runtime: "/r", launcher: "/l", sync: "/s")
        box = BoxConfiguration(device: try #require(DeviceID("box-1")), channel: .prod, programs: programs)
        box.endpoints[endpoint] = .init(listen: "127.0.0.1:8080")
        box.repository = folder
        try list(Revocations().encoded(), "revocations.json", by: "targets")
        try publish()
        try FileSystem.createDirectories(store.root)
        try FileSystem.write(Array(#"{"format":"1.0"}"#.utf8), to: store.format)
        try FileSystem.write(box.encoded(), to: store.box)
        try Updater.trust(
            root: FileSystem.read("\(folder)/metadata/1.root.json", limit: 1 << 20),
            in: MetadataDirectory(store.metadata)
        )
    }

    static var now: UTCTime { BoxFacts.clock(floor: BoxFacts.buildFloor).time }

    // MARK: documents

    mutating func list(_ bytes: [UInt8], _ path: String, by role: String, custom: JSONObject? = nil) throws {
        targets[role, default: [:]][path] = (bytes, custom)
    }

    static func manifest(_ version: Int, _ platform: Platform? = nil) throws -> Manifest {
        var manifest = Manifest(
            name: try #require(BundleName("digits")),
            version: try #require(BundleVersion("\(version)")),
            platform: platform ?? Platform(architecture: .current, glibc: GlibcVersion(2, 17)),
            entry: .onnx(model: "model/a.onnx", library: "env/lib.so"),
            interface: Manifest.Interface(epoch: 1, digest: nil)
        )
        manifest.components[.model] = .init(tableDigest: SHA256.digest([1]), bytes: 1000, files: 1)
        return manifest
    }

    /// Lists a bundle; returns its digest.
    @discardableResult
    mutating func addBundle(_ version: Int, _ platform: Platform? = nil, at path: String? = nil) throws -> SHA256Digest
    {
        let manifest = try Self.manifest(version, platform)
        let bytes = try manifest.encoded()
        let place = BundleLocation(
            name: manifest.name,
            version: manifest.version,
            platform: manifest.platform.description
        )
        let record = BundleRecord(
            archive: .init(digest: SHA256.digest([UInt8(version)]), bytes: 5),
            publisher: "ci",
            published: Self.now
        )
        try list(bytes, path ?? place.path, by: "bundles", custom: record.custom)
        return SHA256.digest(bytes)
    }

    /// Lists a deployment of bundle `version`, and a rollout that has opened it.
    mutating func deploy(
        _ serial: Int,
        _ version: Int,
        state: Rollout.State = .running,
        open: String? = "all",
        epoch: Int = 1,
        _ change: (inout Deployment) throws -> Void = { _ in }
    ) throws {
        let digest = SHA256.digest(try Self.manifest(version).encoded())
        let location = DeploymentLocation(channel: .prod, endpoint: endpoint, serial: serial)
        var deployment = Deployment(location: location, state: .bundles([digest]), reason: "r\(serial)", author: "ops")
        try change(&deployment)
        let bytes = try deployment.encoded()
        try list(bytes, location.path, by: "deployments-prod")
        let place = RolloutLocation(channel: .prod, endpoint: endpoint)
        let rollout = Rollout(
            location: place,
            deployment: SHA256.digest(bytes),
            serial: serial,
            epoch: epoch,
            state: state,
            openWave: open
        )
        try list(rollout.encoded(), place.path, by: "rollouts-prod")
    }

    // MARK: metadata

    private func header(_ role: String, _ type: String) -> [(String, JSONValue)] {
        let expires = Self.now.advanced(by: .seconds(expiry[role] ?? 86_400))
        return [
            ("_type", .string(type)), ("spec_version", "1.0.34"), ("version", .integer(versions[role] ?? 1)),
            ("expires", .string(expires.description)),
        ]
    }

    private static func key(_ role: String) throws -> PrivateKeySigner { try #require(keys[role]) }

    private func write(_ role: String, _ signed: JSONValue, versioned: Bool = true) throws {
        let message = try signed.canonicalBytes(.olpc)
        let signatures = try (signers[role] ?? [role]).map { name -> JSONValue in
            let signer = try Self.key(name)
            // A stranger signs in the name of the key that is asked for.
            let digits = Array("0123456789abcdef")
            let text = try signer.sign(message).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
            return ["keyid": .string(try Self.key(role).key.id), "sig": .string(String(text))]
        }
        let document: JSONValue = ["signatures": .array(signatures), "signed": signed]
        let name = versioned ? "\(versions[role] ?? 1).\(role).json" : "\(role).json"
        try Self.write(document.compactBytes(), to: "\(folder)/metadata/\(name)")
    }

    /// Without waiting for the disk.
    private static func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0, "\(path)")
        try File(descriptor: descriptor, path: path).write(bytes)
    }

    private func file(_ role: String) -> JSONValue { ["version": .integer(versions[role] ?? 1)] }

    private func keyMembers(_ roles: [String]) throws -> JSONValue {
        .object(JSONObject(try roles.map { (try Self.key($0).key.id, try Self.key($0).key.json) }))
    }

    /// Writes everything anew, every role but the root with its next version.
    mutating func publish() throws {
        try FileSystem.createDirectories("\(folder)/metadata")
        if versions["root"] == nil {
            versions["root"] = 1
            let roles = try ["root", "timestamp", "snapshot", "targets"].map { role -> (String, JSONValue) in
                (role, ["keyids": [.string(try Self.key(role).key.id)], "threshold": 1])
            }
            var members = header("root", "root")
            members += [
                ("consistent_snapshot", true), ("roles", .object(JSONObject(roles))),
                ("keys", try keyMembers(["root", "timestamp", "snapshot", "targets"])),
            ]
            try write("root", .object(JSONObject(members)))
        }
        for role in Self.roles + ["snapshot", "timestamp"] { versions[role, default: 0] += 1 }
        for role in Self.roles { try writeTargets(role) }
        try writeOnline()
    }

    private func writeTargets(_ role: String) throws {
        var listed: [(String, JSONValue)] = []
        for (path, file) in (targets[role] ?? [:]).sorted(by: { $0.key < $1.key }) {
            let digest = SHA256.digest(file.bytes).hex
            var entry: JSONObject = ["length": .integer(file.bytes.count), "hashes": ["sha256": .string(digest)]]
            entry["custom"] = file.custom.map { .object($0) }
            listed.append((path, .object(entry)))
            let slash = path.lastIndex(of: "/")
            let name = slash.map { path[path.index(after: $0)...] } ?? path[...]
            let place = "\(folder)/targets/" + (slash.map { path[...$0] } ?? "") + "\(digest).\(name)"
            try FileSystem.createDirectories(FileSystem.parent(of: place))
            try Self.write(file.bytes, to: place)
        }
        var members = header(role, "targets") + [("targets", .object(JSONObject(listed)))]
        if role == "targets" {
            let patterns = [
                "bundles": "bundles/*/*/*", "acceptance": "acceptance/*/*", "deployments-prod": "deployments/prod/*/*",
                "rollouts-prod": "rollouts/prod/*",
            ]
            let delegated = try Self.roles.dropFirst().map { name -> JSONValue in
                [
                    "name": .string(name), "keyids": [.string(try Self.key(name).key.id)], "threshold": 1,
                    "terminating": false, "paths": [.string(try #require(patterns[name]))],
                ]
            }
            members.append(
                ("delegations", ["keys": try keyMembers(Array(Self.roles.dropFirst())), "roles": .array(delegated)])
            )
        }
        try write(role, .object(JSONObject(members)))
    }

    /// The snapshot and the timestamp as they stand.
    func writeOnline() throws {
        let listed = Self.roles.map { ("\($0).json", file($0)) }
        try write(
            "snapshot",
            .object(JSONObject(header("snapshot", "snapshot") + [("meta", .object(JSONObject(listed)))]))
        )
        let signed = Self.now.advanced(by: .seconds(signedAt)).description
        let members =
            header("timestamp", "timestamp") + [
                ("meta", ["snapshot.json": file("snapshot")]), ("x-edge-signed-at", .string(signed)),
                ("x-edge-poll-seconds", 60),
            ]
        try write("timestamp", .object(JSONObject(members)), versioned: false)
    }

    // MARK: the box

    func opened() throws -> SyncStore { try SyncStore(opening: store) }

    @discardableResult
    func fetch(at machineTime: UTCTime = BoxFacts.machineTime()) throws -> MetadataFetch.Result {
        try MetadataFetch.run(opened(), machineTime: machineTime)
    }

    @discardableResult
    func admit(
        from media: String? = nil,
        at machineTime: UTCTime = BoxFacts.machineTime()
    ) throws -> MetadataAdmission.Result {
        try MetadataAdmission.run(opened(), from: media, machineTime: machineTime)
    }

    @discardableResult
    func sync() throws -> EndpointPlan {
        try fetch()
        return try #require(try admit().plan.endpoints[endpoint])
    }

    func plan() throws -> SyncPlan? { try AgentStore(store).plan() }

    /// The outcome that fetching, or else admitting, ends with; nil where both are done.
    func outcome(from media: String? = nil) -> SyncOutcome? {
        do {
            if media == nil { try fetch() }
            try admit(from: media)
            return nil
        } catch {
            return SyncOutcome(of: error)
        }
    }

    /// The bundle of `version` serves, brought by a deployment.
    func run(_ version: Int, serial: Int) throws {
        let digest = SHA256.digest(try Self.manifest(version).encoded())
        try FileSystem.createDirectories(store.generation(digest))
        try FileSystem.write(try Self.manifest(version).encoded(), to: "\(store.generation(digest))/MANIFEST.json")
        var state = EndpointState(endpoint: endpoint)
        state.progress = UpdateProgress(
            generations: EndpointGenerations(current: InstalledGeneration(bundle: digest, serial: serial))
        )
        try AgentStore(store).save(state)
    }
}

extension SyncOutcome {
    /// `refused`, `failed(network)`, …
    var kind: String {
        switch self {
        case .done: "done"
        case .failed(let circumstance, _): "failed(\(circumstance.rawValue))"
        case .refused: "refused"
        case .damaged: "damaged"
        case .waiting(let reason, _): "waiting(\(reason.rawValue))"
        }
    }
}
