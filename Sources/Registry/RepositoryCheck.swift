internal import BundleFormat
internal import BundleManifest
internal import Deployment
package import Diagnostics
internal import Digest
internal import FileSystem
internal import JSON
package import UpdateFramework
package import WallClock

/// A whole repository read as a box reads it, and more: every role verified, every document parsed, every name in one
/// followed to what it names, every blob read.
package struct RepositoryCheck {
    package struct Problem: Equatable, Sendable {
        package let path: String
        package let text: String
    }

    package private(set) var problems: [Problem] = []
    /// What isn't wrong, but somebody may want to know.
    package private(set) var notes: [String] = []
    package private(set) var documents = 0
    package private(set) var blobs = 0
    package private(set) var blobBytes = 0
    /// Of the first problem with metadata; a client gets no further there.
    package private(set) var metadataExitCode: ExitCode?

    package var exitCode: ExitCode { metadataExitCode ?? (problems.isEmpty ? .done : .checkFailed) }

    private let source: RepositorySource
    private let blobReader: BlobReader
    private let readsBlobs: Bool
    private var bundles: Set<SHA256Digest> = []
    private var deployments: [String: SHA256Digest] = [:]
    private var acceptances: [String: SHA256Digest] = [:]
    /// Bundle digests by those of the archives they were read from.
    private var heads: [SHA256Digest: SHA256Digest] = [:]
    private var checkedBlobs: [BundleRecord.Blob: Bool] = [:]
    private static let documentLimit = 16 << 20

    /// Checks a repository in a folder.
    package init(
        of folder: String,
        root: String? = nil,
        now: UTCTime,
        progress: (String) -> Void = { _ in }
    ) throws {
        try self.init(of: RepositorySource(RepositoryDirectory(folder)), root: root, now: now, progress: progress)
    }

    /// Checks the repository.
    ///
    /// - Parameters:
    ///   - root: the file of the root to trust; nil for the repository's own first one.
    ///   - readsBlobs: without it blobs are only looked for, with their sizes, where the repository can be listed.
    ///   - progress: told the name of each blob before it is read.
    package init(
        of source: RepositorySource,
        root: String? = nil,
        readsBlobs: Bool = true,
        now: UTCTime,
        progress: (String) -> Void = { _ in }
    ) throws {
        self.source = source
        self.readsBlobs = readsBlobs
        blobReader = BlobReader(source: source)
        let first = try source.firstRoot()
        guard let trusted = try root.map({ try FileSystem.read($0, limit: UpdateLimits().rootBytes) }) ?? first,
            first != nil || source.storage == nil
        else { throw RegistryError.notARepository(path: source.name) }
        let store = MemoryMetadataStore()
        try Updater.trust(root: trusted, in: store)
        var updater = try Updater(store: store, transport: source.metadata, updateStart: now, limits: .wholeRepository)
        var targets: [FoundTarget] = []
        do {
            try updater.refresh()
            targets = try updater.targets(below: "")
        } catch let error as any ExplainedError {
            problems.append(Problem(path: "metadata", text: error.message))
            metadataExitCode = error.exitCode
            // One role that can't be verified: what the others list is checked all the same.
            targets = updater.targetsBesideDamage()
        }
        noteExpiries(updater, now)
        collect(targets)
        for target in targets { try check(target, updater, source.targets, progress) }
        try noteUnused()
    }

    private mutating func noteExpiries(_ updater: Updater, _ now: UTCTime) {
        let root = updater.trusted.root
        if root.expires < now.advanced(by: .seconds(30 * 86_400)) {
            notes.append("root version \(root.version) expires at \(root.expires)")
        }
    }

    private mutating func report(_ path: String, _ text: String) {
        problems.append(Problem(path: path, text: text))
    }

    /// What others may name.
    private mutating func collect(_ targets: [FoundTarget]) {
        for target in targets {
            guard let digest = target.file.hashes.sha256 else { continue }
            if BundleLocation(path: target.path.text) != nil { bundles.insert(digest) }
            if DeploymentLocation(path: target.path.text) != nil { deployments[target.path.text] = digest }
            if AcceptanceLocation(path: target.path.text) != nil { acceptances[target.path.text] = digest }
        }
    }
}

// MARK: documents

extension RepositoryCheck {
    private mutating func check(
        _ target: FoundTarget,
        _ updater: Updater,
        _ source: some RepositoryTransport,
        _ progress: (String) -> Void
    ) throws {
        let path = target.path.text
        documents += 1
        do {
            let bytes = try updater.contents(of: target, from: source, limitBytes: Self.documentLimit)
            if let location = BundleLocation(path: path) {
                try checkBundle(bytes, at: location, target, progress)
            } else if let location = AcceptanceLocation(path: path) {
                let document = try Acceptance.parse(bytes, at: location)
                let blob = BundleRecord.Blob(digest: document.data, bytes: document.dataBytes)
                try checkBlob(blob, of: path, progress)
            } else if let location = DeploymentLocation(path: path) {
                checkDeployment(try Deployment.parse(bytes, at: location))
            } else if let location = RolloutLocation(path: path) {
                checkRollout(try Rollout.parse(bytes, at: location))
            } else if path == Revocations.path {
                _ = try Revocations.parse(bytes)
            } else if path == RegistryPolicy.path {
                _ = try RegistryPolicy.parse(bytes)
            } else if path.hasPrefix("models/") {
                _ = try JSONValue.parse(bytes, limits: .document)
            } else {
                notes.append("\(path) is nothing that is known here")
            }
        } catch let error as any ExplainedError {
            report(path, error.message)
        }
    }

    private mutating func checkBundle(
        _ bytes: [UInt8],
        at location: BundleLocation,
        _ target: FoundTarget,
        _ progress: (String) -> Void
    ) throws {
        let manifest = try Manifest.parse(bytes)
        let record = try BundleRecord(custom: target.file.custom)
        guard manifest.name == location.name, manifest.version == location.version,
            manifest.platform.description == location.platform
        else {
            return report(
                location.path,
                "the manifest is of \(manifest.name)@\(manifest.version) for \(manifest.platform)"
            )
        }
        let front = readsBlobs ? try ArchiveFront() : nil
        if try checkBlob(record.archive, of: location.path, progress, receive: { try front?.take($0) }) {
            if let front, heads[record.archive.digest] == nil { heads[record.archive.digest] = try front.readDigest() }
            if let found = heads[record.archive.digest], found != target.file.hashes.sha256 {
                report(location.path, "\(record.archive.path) is the archive of another bundle, sha256:\(found)")
            }
        }
        for signature in record.signatures { try checkBlob(signature, of: location.path, progress) }
    }

    private mutating func checkDeployment(_ deployment: Deployment) {
        let path = deployment.location.path
        for digest in deployment.state.bundles + deployment.fallback where !bundles.contains(digest) {
            report(path, "bundle sha256:\(digest) is not published")
        }
        if let wanted = deployment.gates.acceptance {
            let place = AcceptanceLocation(endpoint: deployment.location.endpoint, version: wanted.version).path
            if acceptances[place] != wanted.digest {
                report(path, "\(place) is not published, or another one than it names")
            }
        }
    }

    private mutating func checkRollout(_ rollout: Rollout) {
        let location = rollout.location
        for (serial, digest) in [(rollout.serial, rollout.deployment)]
            + rollout.completed.map({ ($0.serial, $0.deployment) })
        {
            let place = DeploymentLocation(channel: location.channel, endpoint: location.endpoint, serial: serial).path
            if deployments[place] != digest {
                report(location.path, "\(place) is not published, or another one than it names")
            }
        }
    }
}

// MARK: blobs

extension RepositoryCheck {
    /// Whether the blob is there and whole; read once, however many name it.
    @discardableResult
    private mutating func checkBlob(
        _ blob: BundleRecord.Blob,
        of path: String,
        _ progress: (String) -> Void,
        receive: (UnsafeRawBufferPointer) throws -> Void = { _ in }
    ) throws -> Bool {
        if let known = checkedBlobs[blob] {
            if !known { report(path, "\(blob.path) is missing or damaged") }
            return known
        }
        var problem: String?
        if readsBlobs { progress(blob.path) }
        switch try readsBlobs ? blobReader.read(blob, into: receive) : blobReader.faultOfSize(blob) {
        case nil: break
        case .missing: problem = "\(blob.path) is missing"
        case .otherSize(let bytes): problem = "\(blob.path) has \(bytes) bytes instead of \(blob.bytes)"
        case .tooLarge: problem = "\(blob.path) has more than its \(blob.bytes) bytes"
        case .otherBytes: problem = "\(blob.path) is damaged: its bytes have another SHA-256"
        }
        checkedBlobs[blob] = problem == nil
        if let problem {
            report(path, problem)
        } else {
            blobs += 1
            blobBytes += blob.bytes
        }
        return problem == nil
    }

    private mutating func noteUnused() throws {
        let used = Set(checkedBlobs.keys.map(\.digest.hex))
        guard let storage = source.storage else { return }
        let unused = try storage.files(below: "blobs").compactMap(\.path.components.last).filter { !used.contains($0) }
        if !unused.isEmpty {
            notes.append("\(unused.count) file\(unused.count == 1 ? "" : "s") in blobs that nothing in effect names")
        }
    }
}

/// The front of a bundle's archive, kept on the disk while the archive passes by.
private final class ArchiveFront {
    /// More than the manifest and the tables take up, however they were compressed (docs/format.md, bundle-23).
    private static let limit = 80 << 20
    private let scratch: TemporaryDirectory
    private let file: File
    private var bytes = 0

    init() throws {
        let scratch = try TemporaryDirectory(prefix: "edgepack-verify")
        file = try File.create(FileSystem.join(scratch.path, "front"))
        self.scratch = scratch
    }

    func take(_ piece: UnsafeRawBufferPointer) throws {
        let kept = UnsafeRawBufferPointer(rebasing: piece.prefix(Self.limit - bytes))
        try file.write(kept)
        bytes += kept.count
    }

    /// The digest of the bundle whose archive it is.
    func readDigest() throws -> SHA256Digest { try BundleReader(threads: 1).readHead(file.path).digest }
}
