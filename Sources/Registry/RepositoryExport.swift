internal import BundleFormat
internal import BundleManifest
package import Deployment
internal import Digest
internal import FileSystem
package import UpdateFramework
package import WallClock

/// What a box without a network needs of a repository: the signed metadata in full, the documents of some channels, and a
/// bundle with what its deployments ask for. Everything is read and verified as a client does.
package struct RepositoryExport {
    /// The bundles that are exported.
    package let bundles: [PublishedBundle]
    /// Below the repository's base; small.
    private let files: [(path: String, bytes: [UInt8])]
    private let acceptanceData: [BundleRecord.Blob]
    private let blobReader: BlobReader

    private static let documentLimit = 16 << 20
    private static let purpose = "what is exported"

    /// Reads what is to be exported of a repository in a folder.
    package init(
        of folder: String,
        bundle reference: BundleReference,
        platform: String? = nil,
        channel: Channel? = nil,
        now: UTCTime
    ) throws {
        let source = RepositorySource(RepositoryDirectory(folder))
        try self.init(of: source, bundle: reference, platform: platform, channel: channel, now: now)
    }

    /// Reads what is to be exported.
    ///
    /// - Parameters:
    ///   - root: the file of the root to trust; nil for the repository's own first one.
    ///   - platform: one of the bundle's platforms; nil for all.
    ///   - channel: whose deployments come along; nil for all channels'.
    package init(
        of source: RepositorySource,
        root trusted: String? = nil,
        bundle reference: BundleReference,
        platform: String? = nil,
        channel: Channel? = nil,
        now: UTCTime
    ) throws {
        guard let root = try source.firstRoot() else { throw RegistryError.notARepository(path: source.name) }
        blobReader = BlobReader(source: source)
        let store = MemoryMetadataStore()
        let limit = UpdateLimits().rootBytes
        try Updater.trust(root: try trusted.map { try FileSystem.read($0, limit: limit) } ?? root, in: store)
        let metadata = RecordingTransport(source.metadata)
        let targets = RecordingTransport(source.targets)
        var updater = try Updater(store: store, transport: metadata, updateStart: now, limits: .wholeRepository)
        try updater.refresh()
        // Loads every role.
        let all = try updater.targets(below: "")
        var choice = ExportChoice(all, reference: reference, platform: platform, channel: channel)
        guard !choice.bundles.isEmpty else {
            let what = "\(reference)" + (platform.map { " for \($0)" } ?? "")
            throw RegistryError.notPublished(what: what, known: choice.knownBundles)
        }
        for target in choice.documents {
            let bytes = try updater.contents(of: target, from: targets, limitBytes: Self.documentLimit)
            choice.follow(target, bytes)
        }
        for target in choice.named {
            let bytes = try updater.contents(of: target, from: targets, limitBytes: Self.documentLimit)
            choice.follow(target, bytes)
        }
        bundles = choice.bundles
        acceptanceData = choice.data
        files =
            [("metadata/1.root.json", root)] + metadata.files.map { ("metadata/\($0.key)", $0.value) }
            + targets.files.map { ("targets/\($0.key)", $0.value) }
    }

    /// Writes a folder that a box takes for a repository. It must not exist, or be empty.
    package func write(toFolder path: String) throws {
        try FileSystem.createDirectories(FileSystem.parent(of: path))
        let folder = try AtomicDirectory(at: path)
        for file in files {
            let place = FileSystem.join(folder.temporaryPath, file.path)
            try FileSystem.createDirectories(FileSystem.parent(of: place))
            try FileSystem.write(file.bytes, to: place)
        }
        let blobs = FileSystem.join(folder.temporaryPath, "blobs")
        try FileSystem.createDirectory(blobs, mode: 0o755)
        var copied: Set<SHA256Digest> = []
        for blob in bundles.flatMap({ [$0.record.archive] + $0.record.signatures }) + acceptanceData
        where copied.insert(blob.digest).inserted {
            let copy = RepositoryDirectory(folder.temporaryPath)
            try blobReader.copy(blob, to: copy, neededBy: Self.purpose)
        }
        try folder.commit(durably: true)
    }

    /// Writes one bundle with its signatures and the offline chain behind it, in the place of what may be there.
    ///
    /// Throws `contradiction` where there are several bundles, and what `OfflineChain.frame` throws where the chain would
    /// be too large.
    package func write(toFile path: String) throws {
        guard let bundle = bundles.first, bundles.count == 1 else {
            let platforms = bundles.map(\.location.platform).joined(separator: ", ")
            throw RegistryError.contradiction("one file holds one bundle; choose with --platform one of \(platforms)")
        }
        var carried = files
        for blob in acceptanceData {
            let bytes = try blobReader.bytes(of: blob, limitBytes: AppendedFrame.sizeLimit, neededBy: Self.purpose)
            carried.append((blob.path, bytes))
        }
        let signatures = try bundle.record.signatures.map { blob in
            let bytes = try blobReader.bytes(of: blob, limitBytes: AppendedFrame.sizeLimit, neededBy: Self.purpose)
            return AppendedFrame(tag: AppendedFrame.signatureTag, body: bytes)
        }
        let chain = try OfflineChain(carried, for: path).frame(for: path)
        let folder = FileSystem.parent(of: path)
        try blobReader.withFile(of: bundle.record.archive, copiedInto: folder, neededBy: Self.purpose) { archive in
            try BundleTail.read(archive).writeCopy(of: archive, to: path, with: signatures + [chain])
        }
    }
}

/// Which targets are exported: those of some channels, and what they name.
private struct ExportChoice {
    private(set) var bundles: [PublishedBundle] = []
    /// Deployments, rollouts, revocations, the policy.
    private(set) var documents: [FoundTarget] = []
    /// Manifests and acceptance sets that are exported or named by a document.
    var named: [FoundTarget] { needed.sorted().compactMap { byPath[$0] } }
    /// The data of acceptance sets that the exported bundles must pass.
    private(set) var data: [BundleRecord.Blob] = []
    private var needed: Set<String> = []
    private var byPath: [String: FoundTarget] = [:]
    private var manifests: [SHA256Digest: String] = [:]
    private var judging: Set<String> = []

    init(_ targets: [FoundTarget], reference: BundleReference, platform: String?, channel: Channel?) {
        for target in targets {
            let path = target.path.text
            byPath[path] = target
            let found = DeploymentLocation(path: path)?.channel ?? RolloutLocation(path: path)?.channel
            if [Revocations.path, RegistryPolicy.path].contains(path)
                || (found != nil && (channel == nil || found == channel))
            {
                documents.append(target)
            }
            guard let location = BundleLocation(path: path), let digest = target.file.hashes.sha256 else { continue }
            manifests[digest] = path
            guard let record = try? BundleRecord(custom: target.file.custom) else { continue }
            let bundle = PublishedBundle(location: location, digest: digest, record: record)
            if reference.matches(bundle), platform == nil || platform == location.platform {
                bundles.append(bundle)
                needed.insert(path)
            }
        }
    }

    var knownBundles: [String] { manifests.values.map { String($0.dropFirst(8).dropLast(5)) }.sorted() }

    /// Notes what a document names. One that isn't understood here is exported as it is: a newer box may.
    mutating func follow(_ target: FoundTarget, _ bytes: [UInt8]) {
        let path = target.path.text
        if let location = DeploymentLocation(path: path), let deployment = try? Deployment.parse(bytes, at: location) {
            let digests = deployment.state.bundles + deployment.fallback
            needed.formUnion(digests.compactMap { manifests[$0] })
            guard let wanted = deployment.gates.acceptance else { return }
            let place = AcceptanceLocation(endpoint: location.endpoint, version: wanted.version).path
            needed.insert(place)
            if bundles.contains(where: { digests.contains($0.digest) }) { judging.insert(place) }
        } else if judging.contains(path), let location = AcceptanceLocation(path: path),
            let acceptance = try? Acceptance.parse(bytes, at: location)
        {
            data.append(BundleRecord.Blob(digest: acceptance.data, bytes: acceptance.dataBytes))
        }
    }
}

/// Keeps what went through it, by its path.
private final class RecordingTransport: RepositoryTransport {
    private let source: any RepositoryTransport
    private(set) var files: [String: [UInt8]] = [:]

    init(_ source: any RepositoryTransport) { self.source = source }

    func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var bytes: [UInt8] = []
        try source.fetch(path, limitBytes: limitBytes) { piece in
            bytes.append(contentsOf: piece)
            try receive(piece)
        }
        if let place = path.filePath { files[place] = bytes }
    }
}
