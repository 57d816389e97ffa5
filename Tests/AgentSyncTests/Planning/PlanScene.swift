import BundleManifest
import Deployment
import Digest
import EdgeAgent
import JSON
import Testing
import WallClock

@testable import AgentSync

/// Everything that a plan for one endpoint is made by, to be changed as a test needs it.
struct PlanScene {
    static let endpoint = EndpointName("digits")
    static let now = UTCTime("2026-11-20T12:00:00Z") ?? UTCTime(seconds: 0)

    let endpoint: EndpointName
    var box: BoxConfiguration
    var capabilities = BoxCapabilities(architecture: .amd64, glibc: GlibcVersion(2, 36), pythons: ["cp311"])
    /// By number: manifests whose digest is `digest(number)`.
    var manifests: [SHA256Digest: ManifestReading] = [:]
    var deployments: [Deployment] = []
    var rollout: Rollout?
    var revocations: RevocationReading = .read(Revocations())
    var acceptances: [SHA256Digest: ReadDocuments.AcceptanceReading] = [:]
    var situation = EndpointSituation()
    var memory = SyncMemory()
    var clock = ClockReading.trusted(now)

    /// A box with nothing on it, and bundles 1 to 9, whose versions are their numbers.
    init() throws {
        endpoint = try #require(Self.endpoint)
        let programs = BoxConfiguration.Programs(runtime: "/r", launcher: "/l", sync: "/s")
        box = BoxConfiguration(device: try #require(DeviceID("box-1")), channel: .prod, programs: programs)
        box.endpoints[endpoint] = BoxConfiguration.Endpoint(listen: "127.0.0.1:8080")
        memory.hasAdmitted = true
        for number in 1...9 { manifests[Self.digest(number)] = .read(try Self.manifest(number)) }
    }

    static func digest(_ number: Int) -> SHA256Digest { SHA256.digest("\(number)".utf8) }

    static func manifest(_ number: Int, platform: Platform? = nil, epoch: Int = 1) throws -> Manifest {
        var manifest = Manifest(
            name: try #require(BundleName("digits")),
            version: try #require(BundleVersion("\(number)")),
            platform: platform ?? Platform(architecture: .amd64, glibc: GlibcVersion(2, 28)),
            entry: .onnx(model: "model/a.onnx", library: "env/lib.so"),
            interface: Manifest.Interface(epoch: epoch, digest: nil)
        )
        manifest.components[.model] = .init(tableDigest: digest(0), bytes: 1000 * number, files: 1)
        manifest.components[.env] = .init(tableDigest: digest(0), bytes: 10, files: 1)
        manifest.endpoint.memoryBytes = 64 << 20
        return manifest
    }

    /// Lists a deployment, and a rollout that has opened all of it.
    mutating func deploy(
        _ serial: Int,
        _ bundles: [Int],
        _ change: (inout Deployment) throws -> Void = { _ in }
    ) throws {
        let location = DeploymentLocation(channel: .prod, endpoint: endpoint, serial: serial)
        var deployment = Deployment(
            location: location,
            state: .bundles(bundles.map(Self.digest)),
            reason: "release \(serial)",
            author: "ops"
        )
        try change(&deployment)
        deployments.append(deployment)
        try roll(serial, .running, open: deployment.effectiveWaves.last?.name)
    }

    /// The rollout of a deployment that is listed.
    mutating func roll(_ serial: Int, _ state: Rollout.State, open: String?, epoch: Int = 1) throws {
        let deployment = try #require(deployments.first { $0.location.serial == serial })
        rollout = Rollout(
            location: RolloutLocation(channel: .prod, endpoint: endpoint),
            deployment: SHA256.digest(try deployment.encoded()),
            serial: serial,
            epoch: epoch,
            state: state,
            openWave: open
        )
        if state == .aborted { rollout?.reason = "it answers nonsense" }
    }

    /// Bundle `number` serves, brought by a deployment.
    mutating func run(_ number: Int, serial: Int) throws {
        situation.running = RunningBundle(digest: Self.digest(number), manifest: try Self.manifest(number))
        situation.runningSerial = serial
    }

    mutating func attempt(_ number: Int, serial: Int, _ state: UpdateState) {
        situation.attempt = EndpointSituation.Attempt(serial: serial, bundle: Self.digest(number), state: state)
    }

    mutating func revoke(_ entries: [Int: Revocations.Action]) {
        revocations = .read(
            Revocations(
                Dictionary(
                    uniqueKeysWithValues: entries.map { number, action in
                        (Self.digest(number), Revocations.Entry(action: action, reason: "it leaks"))
                    }
                )
            )
        )
    }

    func maker() throws -> PlanMaker {
        var documents = ReadDocuments()
        documents.deployments[endpoint] = try deployments.map {
            DeploymentCandidate(try $0.encoded(), at: $0.location, supporting: ReadDocuments.supported)
        }
        if let rollout {
            documents.rollouts[endpoint] = .read(rollout, digest: SHA256.digest(try rollout.encoded()))
        }
        documents.revocations = revocations
        documents.manifests = manifests
        documents.acceptances = acceptances
        return PlanMaker(
            box: box,
            capabilities: capabilities,
            documents: documents,
            memory: memory,
            situations: [endpoint: situation],
            clock: clock
        )
    }

    /// The plan; what is to be kept is kept for the next one. Made again by what was kept, it is the same.
    mutating func plan() throws -> EndpointPlan {
        let (plans, kept) = try maker().make()
        memory = kept
        let again = try maker().make()
        let plan = try #require(plans[endpoint])
        #expect(again.endpoints[endpoint] == plan)
        #expect(again.memory == kept)
        #expect(try SyncMemory.parse(kept.encoded()) == kept)
        return plan
    }
}

extension EndpointPlan {
    /// The number of the bundle that is wanted, of 1 to 9.
    var wantedNumber: Int? {
        switch wanted {
        case .bundle(let candidate), .installed(let candidate):
            (1...9).first { PlanScene.digest($0) == candidate.bundle }
        case .removal, .nothing: nil
        }
    }

    var kind: String {
        switch wanted {
        case .bundle: "bundle"
        case .installed: "installed"
        case .removal: "removal"
        case .nothing(let result): result.code
        }
    }
}
