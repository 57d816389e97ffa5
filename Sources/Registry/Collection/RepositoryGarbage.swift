internal import Deployment
package import UpdateFramework
internal import WallClock

/// What lies in a repository and nobody needs any more: superseded metadata, documents and blobs that nothing names,
/// proposals that came too late. Found from its files, their times and what they say; nothing is removed here.
///
/// What was in effect within the grace period stays whole, for boxes that are in the middle of reading it, and so does
/// everything that was written within it, for publishers who store first and sign then. Every root stays.
package struct RepositoryGarbage: Sendable {
    /// No shorter grace period is safe: between a publisher's blob and the metadata that names it lies this much at most.
    package static let leastGrace = Duration.seconds(86_400)

    package enum Kind: String, CaseIterable, Sendable { case metadata, documents, blobs, proposals }

    package struct Item: Sendable, Equatable {
        package let kind: Kind
        package let file: StoredFile
    }

    /// In the order of their paths.
    package private(set) var items: [Item] = []
    /// What was left though it may be garbage, and why.
    package private(set) var notes: [String] = []

    package func items(of kind: Kind) -> [Item] { items.filter { $0.kind == kind } }

    /// Looks through a repository.
    ///
    /// - Parameter grace: how long what is not needed any more stays.
    package init(of registry: Registry, grace: Duration) throws {
        let end = registry.now.advanced(by: .zero - max(grace, Self.leastGrace))
        let storage = registry.storage
        let metadata = try storage.files(below: "metadata")
        let history = SnapshotHistory(metadata, current: registry.editor.snapshot?.body.version, end: end)
        var needed = NeededFiles(registry)
        if let snapshot = registry.editor.snapshot?.body { try needed.addAll(of: snapshot) }
        for version in history.kept { try needed.addSnapshot(version) }
        try needed.addNewest()
        let proposals = try Registry.storedProposals(in: storage)
        var stale: Set<RepositoryPath> = []
        for stored in proposals.proposals {
            if registry.isStale(stored.proposal) {
                stale.insert(stored.path)
            } else {
                try needed.add(stored.proposal)
            }
        }
        for (place, reason) in proposals.unusable { needed.keepBlobs(place, reason) }
        let present = try storage.files(below: "proposals")
        let others =
            present.filter { $0.path.components.last?.hasSuffix(".json") == true }.count
            - (proposals.proposals.count + proposals.unusable.count)
        if others > 0 { needed.keepBlobs("proposals", "there are more than are looked at") }
        notes = needed.notes
        for file in metadata where file.modified < end && !needed.paths.contains(file.path) {
            if needed.isSuperseded(file, history) { items.append(Item(kind: .metadata, file: file)) }
        }
        for file in present where file.modified < end && stale.contains(file.path) {
            items.append(Item(kind: .proposals, file: file))
        }
        for file in try storage.files(below: "targets") where file.modified < end && !needed.paths.contains(file.path) {
            items.append(Item(kind: .documents, file: file))
        }
        // What can't be read may name any blob.
        if needed.knowsAllBlobs {
            for file in try storage.files(below: "blobs") where file.modified < end && !needed.paths.contains(file.path)
            {
                items.append(Item(kind: .blobs, file: file))
            }
        }
        items.sort { $0.file.path.components.lexicographicallyPrecedes($1.file.path.components) }
    }
}

/// The snapshots of a repository, and which of them a box may still be reading.
private struct SnapshotHistory {
    /// Versions that were in effect within the grace period, but for the current one.
    let kept: [Int]
    let current: Int

    init(_ metadata: [StoredFile], current: Int?, end: UTCTime) {
        let current = current ?? 0
        var kept: [Int] = []
        let past = metadata.compactMap { file -> (version: Int, modified: UTCTime)? in
            guard let (version, role) = file.versioned, role == .snapshot, version <= current else { return nil }
            return (version, file.modified)
        }
        let sorted = past.sorted { $0.version < $1.version }
        for (snapshot, next) in zip(sorted, sorted.dropFirst()) where next.modified >= end {
            kept.append(snapshot.version)
        }
        self.kept = kept
        self.current = current
    }
}

/// The files that what is kept names, gathered from it.
private struct NeededFiles {
    private(set) var paths: Set<RepositoryPath> = [.metadata(RoleName.timestamp.listedName)]
    private(set) var notes: [String] = []
    private(set) var knowsAllBlobs = true
    /// By role, the versions that are kept.
    private var versions: [RoleName: Set<Int>] = [:]
    private let registry: Registry
    private let limits = UpdateLimits()

    init(_ registry: Registry) { self.registry = registry }

    /// Whether a file of metadata that nothing kept names is older than what is there of its role. What is newer, and not
    /// valid, keeps its number taken.
    func isSuperseded(_ file: StoredFile, _ history: SnapshotHistory) -> Bool {
        guard let (version, role) = file.versioned else { return file.isLeftover }
        switch role {
        case .root: return false
        case .timestamp: return false
        case .snapshot: return version < history.current
        default: return versions[role].map { kept in kept.max().map { version < $0 } ?? true } ?? true
        }
    }

    mutating func addSnapshot(_ version: Int) throws {
        let path = RepositoryPath.metadata("\(version).\(RoleName.snapshot.listedName)")
        guard let bytes = try registry.storage.read(path, limitBytes: limits.snapshotBytes),
            let document = try? MetadataDocument<SnapshotMetadata>(
                parsing: bytes,
                as: .snapshot,
                limitBytes: limits.snapshotBytes
            )
        else { return }
        try addAll(of: document.body)
    }

    /// A snapshot, the metadata it lists, and what that lists.
    mutating func addAll(of snapshot: SnapshotMetadata) throws {
        paths.insert(.metadata("\(snapshot.version).\(RoleName.snapshot.listedName)"))
        for (name, meta) in snapshot.files {
            guard name.hasSuffix(".json"), let role = RoleName(String(name.dropLast(5))) else { continue }
            try add(role, version: meta.version)
        }
    }

    private mutating func add(_ role: RoleName, version: Int) throws {
        guard versions[role, default: []].insert(version).inserted else { return }
        let path = RepositoryPath.metadata("\(version).\(role.listedName)")
        paths.insert(path)
        guard let bytes = try registry.storage.read(path, limitBytes: limits.targetsBytes) else { return }
        let document: MetadataDocument<TargetsMetadata>
        do throws(UpdateError) {
            document = try MetadataDocument(parsing: bytes, as: role, limitBytes: limits.targetsBytes)
        } catch {
            return keepBlobs(path.description, error.message)
        }
        try addTargets(of: document.body, by: role)
    }

    /// The newest versions, in effect or not.
    mutating func addNewest() throws {
        for (role, metadata) in registry.editor.roles { try add(role, version: metadata.version) }
    }

    /// What a proposal lists that may still come into effect.
    mutating func add(_ proposal: Proposal) throws {
        guard case .targets(let document) = proposal.metadata else { return }
        let brought = Dictionary(proposal.documents.map { ($0.path.text, $0.contents) }) { first, _ in first }
        try addTargets(of: document.body, by: proposal.role, brought: brought)
    }

    private mutating func addTargets(
        of metadata: TargetsMetadata,
        by role: RoleName,
        brought: [String: [UInt8]] = [:]
    ) throws {
        for (text, file) in metadata.targets {
            guard let path = TargetPath(text) else { continue }
            let place = path.repositoryPath(hashPrefix: file.hashes.fileNamePrefix)
            let isNew = paths.insert(RepositoryPath(components: ["targets"] + place.components)).inserted
            guard isNew || brought[text] != nil else { continue }
            if BundleLocation(path: text) != nil {
                guard let record = try? BundleRecord(custom: file.custom) else {
                    keepBlobs(text, "\(role) lists it in a way that is not known here")
                    continue
                }
                for blob in [record.archive] + record.signatures { paths.insert(blob.repositoryPath) }
            } else if let location = AcceptanceLocation(path: text) {
                // One that is gone, or not what it should be, names nothing that anybody could take.
                guard let bytes = brought[text] ?? (try? registry.document(text, file)) else { continue }
                guard let acceptance = try? Acceptance.parse(bytes, at: location) else {
                    keepBlobs(text, "it can't be read")
                    continue
                }
                let blob = BundleRecord.Blob(digest: acceptance.data, bytes: acceptance.dataBytes)
                paths.insert(blob.repositoryPath)
            }
        }
    }

    mutating func keepBlobs(_ path: String, _ reason: String) {
        knowsAllBlobs = false
        notes.append("no blob is removed, as \(path) may name any: \(reason)")
    }
}

extension StoredFile {
    /// `7.bundles.json` in `metadata` is version 7 of bundles.
    fileprivate var versioned: (Int, RoleName)? {
        guard path.components.count == 2, let name = path.components.last, name.hasSuffix(".json"),
            let dot = name.firstIndex(of: "."), let version = Int(name[..<dot]), version > 0,
            let role = RoleName(String(name[name.index(after: dot)...].dropLast(5)))
        else { return nil }
        return (version, role)
    }

    /// What a writer that was killed has left on a file system that has no nameless files.
    fileprivate var isLeftover: Bool {
        path.components.last.map { $0.hasPrefix(".") && $0.hasSuffix(".tmp") } ?? false
    }
}
