import BundleFormat
import BundleManifest
import Deployment
import Digest
import EdgeAgent
import FileSystem
import Glibc
import Synchronization
import WallClock

@testable import AgentSync

/// A bundle as a repository has it.
struct Published {
    let digest: SHA256Digest
    let manifest: [UInt8]
    /// Relative to the repository's base.
    let archivePath: String
    let archive: [UInt8]
}

/// A box's store and a repository, in a scratch folder of their own. The metadata is taken as verified.
final class SampleBox: Sendable {
    let scratch: String
    let repository: String
    let layout: StoreLayout

    init() throws {
        scratch = "/tmp/edge-sync-test-" + String(UInt64.random(in: .min ... .max), radix: 36)
        repository = "\(scratch)/repository"
        layout = StoreLayout("\(scratch)/store")
        try FileSystem.createDirectories("\(repository)/blobs")
        try FileSystem.createDirectories(layout.root)
        try put(Array(#"{"format":"1.0"}"#.utf8), at: layout.format)
    }

    /// A box on a copy of another one's scratch folder: as a process leaves it that is killed now.
    init(copyOf other: String) throws {
        scratch = "/tmp/edge-sync-test-" + String(UInt64.random(in: .min ... .max), radix: 36)
        repository = "\(scratch)/repository"
        layout = StoreLayout("\(scratch)/store")
        // Second names of a file stay second names.
        guard system("cp -a \(other) \(scratch)") == 0 else {
            throw FileError.failed(operation: "copy", path: other, code: EIO)
        }
    }

    deinit { try? FileSystem.removeTree(scratch) }

    func put(_ bytes: [UInt8], at path: String) throws {
        try FileSystem.createDirectories(FileSystem.parent(of: path))
        guard let file = fopen(path, "w") else { throw FileError.failed(operation: "write", path: path, code: errno) }
        defer { fclose(file) }
        fwrite(bytes, 1, bytes.count, file)
    }

    /// Puts a bundle into the repository, and what metadata says of it into the store.
    ///
    /// - Parameter change: what the repository has in the place of the archive that was built.
    func publish(
        _ source: BundleSource,
        version: String = "1",
        change: ([UInt8]) -> [UInt8] = { $0 }
    ) throws -> Published {
        let path = "\(scratch)/built"
        let built = try BundleWriter(level: 3, threads: 2).write(source, to: path) { components in
            try Self.manifest(components, version: version)
        }
        let archive = change(try FileSystem.read(path, limit: 1 << 28))
        let location = BundleLocation(
            name: built.manifest.name,
            version: built.manifest.version,
            platform: built.manifest.platform.description
        )
        let blob = BundleRecord.Blob(digest: SHA256.digest(archive), bytes: archive.count)
        let record = BundleRecord(archive: blob, publisher: "test", published: UTCTime(seconds: 0))
        try put(archive, at: "\(repository)/\(blob.path)")
        let manifest = try built.manifest.encoded()
        try put(manifest, at: layout.document(location.path))
        try AdmittedBundle(path: location.path, record: record).write(built.digest, to: layout)
        return Published(digest: built.digest, manifest: manifest, archivePath: blob.path, archive: archive)
    }

    static func manifest(_ components: [ComponentName: Manifest.Component], version: String) throws -> Manifest {
        guard let name = BundleName("sample"), let version = BundleVersion(version) else { fatalError("names") }
        var manifest = Manifest(
            name: name,
            version: version,
            platform: Platform(architecture: .amd64, glibc: GlibcVersion(2, 28), python: "cp311"),
            entry: .script(path: "app/score.py", model: components[.model] == nil ? nil : "model/big.bin"),
            interface: Manifest.Interface(epoch: 1, digest: nil)
        )
        manifest.components = components
        return manifest
    }

    /// Fetches from the repository's folder, through `remote` where it is given.
    @discardableResult
    func fetch(
        _ bundle: SHA256Digest,
        through remote: SampleRemote? = nil,
        disk: DiskChanges = .plain
    ) throws -> SyncOutcome {
        var fetcher = BundleFetcher(layout, from: RepositoryBase(repository))
        fetcher.disk = disk
        if let remote {
            fetcher.open = { path in SampleRemoteFile(remote, path: path) }
        }
        return try fetcher.fetch(bundle)
    }

    @discardableResult
    func admit(
        _ bundle: SHA256Digest,
        from media: String? = nil,
        disk: DiskChanges = .plain
    ) throws -> SyncOutcome {
        var admission = BundleAdmission(layout, from: media)
        admission.disk = disk
        return try admission.admit(bundle)
    }

    /// Has an endpoint's plan name a bundle by a deployment, which asks for an acceptance set where `data` is given.
    func plan(
        _ bundle: SHA256Digest,
        on name: String = "digits",
        fallbacks: [SHA256Digest] = [],
        data: [UInt8]? = nil
    ) throws {
        guard let endpoint = EndpointName(name), let boot = BootID("0") else { fatalError("names") }
        let location = DeploymentLocation(channel: .prod, endpoint: endpoint, serial: 1)
        var deployment = Deployment(location: location, state: .bundles([bundle]), reason: "test", author: "test")
        if let data {
            let place = AcceptanceLocation(endpoint: endpoint, version: 1)
            let acceptance = try Acceptance(
                location: place,
                metric: .accuracy,
                bar: Acceptance.Bar(absolute: 0.9),
                data: SHA256.digest(data),
                dataBytes: data.count,
                records: 1
            ).encoded()
            try put(acceptance, at: layout.document(place.path))
            deployment.gates.acceptance = Gates.AcceptanceReference(version: 1, digest: SHA256.digest(acceptance))
        }
        try put(try deployment.encoded(), at: layout.document(location.path))
        let store = try AgentStore(layout)
        let stamp = SyncPlan.Stamp(boot: boot, milliseconds: 1, time: UTCTime(seconds: 1))
        var plan = try store.plan() ?? SyncPlan(source: .repository, verified: stamp, timestampVersion: 1)
        let candidate = UpdateCandidate(serial: 1, bundle: bundle, fallbacks: fallbacks)
        plan.endpoints[endpoint] = EndpointPlan(.bundle(candidate), "test")
        plan.endpoints[endpoint]?.deployment = location.path
        try put(try plan.encoded(), at: layout.plan)
    }

    /// Whether the generation is there and every byte of it right.
    func isInstalled(_ bundle: SHA256Digest) throws -> Bool {
        guard try FileSystem.status(of: layout.generation(bundle)) != nil else { return false }
        return try BundleTree.verify(layout.generation(bundle), readOnly: true).digest == bundle
    }

    /// Names in a folder of the store; none where it isn't there.
    func names(_ folder: String) throws -> [String] {
        try FileSystem.status(of: folder) == nil ? [] : try FileSystem.names(in: folder).filter { $0 != ".lock" }
    }

    /// Contents whose bytes are not what their names say, and what lies unfinished in the store.
    func wrongContents() throws -> [String] {
        try names(layout.contents).filter { name in
            guard let content = ContentName(file: name) else { return name != ".lock" }
            let path = "\(layout.contents)/\(name)"
            let status = try FileSystem.status(of: path)
            return try SHA256.digest(FileSystem.read(path, limit: 1 << 28)) != content.digest
                || status?.permissions != content.mode
        }
    }
}

/// A repository on the other side of a wire that counts, and has its faults.
final class SampleRemote: Sendable {
    struct State {
        /// Bytes that are given before the wire breaks.
        var givesOnly = Int.max
        /// Whether a range is answered with the whole file.
        var ignoresRanges = false
        /// What is done to bytes on the way, by their place in the file.
        var flips: Set<Int> = []
        /// Bytes that come at a time.
        var pieceBytes = 1000
        var asked: [Range<Int>] = []
        var given = 0
    }

    let state: Mutex<State>
    let files: [String: [UInt8]]

    init(_ bundles: [Published], _ state: State = State()) {
        files = Dictionary(bundles.map { ($0.archivePath, $0.archive) }) { first, _ in first }
        self.state = Mutex(state)
    }

    var asked: [Range<Int>] { state.withLock { $0.asked } }
    var given: Int { state.withLock { $0.given } }
}

final class SampleRemoteFile: RemoteFile {
    let name: String
    private let remote: SampleRemote

    init(_ remote: SampleRemote, path: String) {
        name = path
        self.remote = remote
    }

    func read(
        _ range: Range<Int>,
        ofSize size: Int,
        begin: (Int) throws -> Void,
        into sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard var file = remote.files[name] else { throw ContentError.notThere(path: name) }
        let (isWhole, flips, pieceBytes) = remote.state.withLock { state in
            state.asked.append(range)
            return (state.ignoresRanges, state.flips, state.pieceBytes)
        }
        for place in flips { file[place] ^= 0x55 }
        var rest = isWhole ? file[...] : file[range]
        try begin(rest.startIndex)
        while !rest.isEmpty {
            let left = remote.state.withLock { $0.givesOnly - $0.given }
            let piece = rest.prefix(min(pieceBytes, left))
            try Array(piece).withUnsafeBytes { try sink($0) }
            remote.state.withLock { $0.given += piece.count }
            rest = rest.dropFirst(piece.count)
            if piece.count == left { throw ContentError.noAnswer(url: name, problem: "the wire broke") }
        }
    }
}

/// Bundles with every kind of file that the store treats apart.
enum SampleSources {
    static func path(_ text: String) -> BundlePath {
        guard let path = BundlePath(text) else { fatalError("not a path: \(text)") }
        return path
    }

    static func file(_ path: String, _ bytes: [UInt8], isExecutable: Bool = false, cuts: [Int] = []) -> SourceFile {
        SourceFile(path: Self.path(path), isExecutable: isExecutable, content: .bytes(bytes), cuts: cuts)
    }

    /// Bytes that don't compress, the same on every run.
    static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                buffer[initialized] = UInt8(truncatingIfNeeded: state >> 56)
                initialized += 1
            }
        }
    }

    /// Executable and not, empty, the same content twice and in both modes, several chunks.
    static func varied(
        script: String = "def run(data): return data\n",
        tensor: UInt64 = 7,
        environment: Int = 12
    ) -> BundleSource {
        let shell = Array("#!/bin/sh\n".utf8)
        var model = noise(60_000)
        model.replaceSubrange(20_000..<40_000, with: noise(20_000, seed: tensor))
        return BundleSource(components: [
            .app: [
                file("score.py", Array(script.utf8)), file("empty.txt", []),
                file("tools/run.sh", shell, isExecutable: true),
                file("tools/run.txt", shell), file("copy.sh", shell, isExecutable: true),
            ],
            .model: [file("big.bin", model, cuts: [20_000, 40_000])],
            .env: (0..<environment).map {
                file("site-packages/m\($0 % 3)/n\($0).py", noise(300, seed: UInt64($0 + 50)))
            },
        ])
    }

    /// One small file.
    static let small = BundleSource(components: [.app: [file("score.py", Array("hello hello".utf8))]])
}
