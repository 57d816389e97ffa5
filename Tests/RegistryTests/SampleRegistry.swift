import BundleFormat
import BundleManifest
import Crypto
import Deployment
import Digest
import FileSystem
import JSON
import Testing
import UpdateFramework
import WallClock

@testable import Registry

/// A repository in a scratch folder with its keys, small bundles to publish, and a box that reads it.
final class SampleRegistry {
    static let now = UTCTime("2026-11-20T12:00:00Z") ?? UTCTime(seconds: 0)

    let scratch: TemporaryDirectory
    let folder: String
    let keys: KeyFolder
    var registry: Registry

    init() throws {
        scratch = try TemporaryDirectory(prefix: "registry-tests")
        folder = "\(scratch.path)/repository"
        keys = KeyFolder("\(scratch.path)/keys")
        _ = try Registry.create(at: folder, keys: keys, now: Self.now)
        registry = try Registry(opening: folder, now: Self.now)
    }

    // MARK: bundles

    static func endpoint() throws -> EndpointName { try #require(EndpointName("sorter")) }

    static func reference(_ text: String) throws -> BundleReference { try #require(BundleReference(text)) }

    /// Writes a bundle file; `content` makes it another one of the same name.
    func bundle(_ version: String, content: String = "hello", glibc: Int = 28, level: Int = 3) throws -> String {
        let (name, version) = (try #require(BundleName("sample")), try #require(BundleVersion(version)))
        let path =
            "\(scratch.path)/\(version)-\(glibc)-\(level)-\(SHA256.digest(Array(content.utf8)).hex.prefix(8)).bundle"
        let script = try #require(BundlePath("score.py"))
        let text = String(repeating: "\(version) \(content)\n", count: 100)
        let source = BundleSource(components: [.app: [SourceFile(path: script, content: .bytes(Array(text.utf8)))]])
        _ = try BundleWriter(level: level, threads: 1).write(source, to: path) { components in
            var manifest = Manifest(
                name: name,
                version: version,
                platform: Platform(architecture: .amd64, glibc: GlibcVersion(2, glibc), python: "cp311"),
                entry: .script(path: "app/score.py", model: nil),
                interface: Manifest.Interface(epoch: 1, digest: nil)
            )
            manifest.components = components
            return manifest
        }
        return path
    }

    /// Puts a frame behind a bundle file.
    static func append(_ body: String, tag: String = AppendedFrame.signatureTag, to path: String) throws {
        let tail = try BundleTail.read(path)
        let frame = AppendedFrame(tag: tag, body: Array(body.utf8))
        try tail.replaceAppended(of: path, with: tail.appended + [frame])
    }

    @discardableResult
    func publish(_ path: String) throws -> Registry.Publishing {
        try registry.publish(path, note: Registry.PublishingNote(publisher: "test"), keys: keys, threads: 1).result
    }

    @discardableResult
    func publishAndCommit(_ path: String) throws -> PublishedBundle {
        let published = try publish(path)
        #expect(try registry.commit(keys: keys).isCommitted)
        return published.bundle
    }

    // MARK: deployments

    static func request(_ bundle: String, channel: Channel = .prod) throws -> Registry.DeploymentRequest {
        Registry.DeploymentRequest(
            channel: channel,
            endpoint: try endpoint(),
            wish: .bundle(try reference(bundle)),
            reason: "a test",
            author: "test"
        )
    }

    @discardableResult
    func deploy(_ request: Registry.DeploymentRequest) throws -> PublishedDeployment {
        try registry.deploy(request, keys: keys).result
    }

    @discardableResult
    func roll(
        _ state: Rollout.State,
        open wave: String? = nil,
        channel: Channel = .prod
    ) throws -> Rollout {
        var request = Registry.RolloutRequest(channel: channel, endpoint: try Self.endpoint(), state: state)
        request.openWave = wave
        return try registry.roll(request, keys: keys).result
    }

    // MARK: a box

    /// Reads the repository as a box does, from its first root on, or on from what it knew.
    func box(_ store: MemoryMetadataStore = MemoryMetadataStore(), now: UTCTime = SampleRegistry.now) throws -> Updater
    {
        if store.files.isEmpty {
            try Updater.trust(root: try FileSystem.read("\(folder)/metadata/1.root.json", limit: 1 << 20), in: store)
        }
        let transport = RepositoryDirectory(folder).metadataTransport
        var updater = try Updater(store: store, transport: transport, updateStart: now)
        try updater.refresh()
        return updater
    }

    /// The paths below a folder that a box finds.
    func paths(below folder: String, _ store: MemoryMetadataStore = MemoryMetadataStore()) throws -> [String] {
        var updater = try box(store)
        return try updater.targets(below: folder).map(\.path.text)
    }
}
