internal import BundleFormat
internal import BundleManifest
internal import Deployment
package import Digest
package import EdgeAgent
internal import FileSystem
internal import JSON

/// Fetches what a box lacks of a bundle into its inbox: talks to the network, writes nothing else.
///
/// What comes is checked on the way, so that a bad server is found out early; `BundleAdmission` checks it again.
package struct BundleFetcher: Sendable {
    private let layout: StoreLayout
    private let base: RepositoryBase?
    /// Bytes of the disk that are to stay free.
    package var reserveBytes = BoxConfiguration.defaultDiskReserve
    package var disk = DiskChanges.plain
    package var freeBytes: @Sendable (String) throws -> Int = { try FileSystem.freeBytes(at: $0) }
    /// Told the bytes that came, and how many are to come in all.
    package var progress: @Sendable (Int, Int) -> Void = { _, _ in }
    var rules = RangeRules()
    /// Opens a file of the repository by its path there; of the base in the usual case.
    var open: (@Sendable (String) throws -> any RemoteFile)?

    /// - Parameter base: nil for a box that only takes media, where nothing can be missing.
    package init(_ layout: StoreLayout, from base: RepositoryBase?) {
        self.layout = layout
        self.base = base
    }

    /// What came over the wire.
    private struct Transfer {
        var wire = WireBytes()
        var acceptanceBytes = 0
        var acceptanceRequests = 0

        var facts: JSONObject {
            [
                "acceptanceBytes": .integer(acceptanceBytes), "bytes": .integer(wire.total + acceptanceBytes),
                "dataBytes": .integer(wire.data), "indexBytes": .integer(wire.index),
                "manifestBytes": .integer(wire.manifest), "requests": .integer(wire.ranges + acceptanceRequests),
                "tableBytes": .integer(wire.tables),
            ]
        }
    }

    /// Fetches what is missing. What came before it throws is kept, and not fetched again.
    package func fetch(_ bundle: SHA256Digest) throws -> SyncOutcome {
        let agentStore = try AgentStore(layout)
        let lock = try ContentInbox(layout).lock()
        defer { withExtendedLifetime(lock) {} }
        var transfer = Transfer()
        if try FileSystem.status(of: layout.generation(bundle)) == nil {
            try fetchContents(bundle, &transfer)
        }
        for data in try AcceptanceData.needed(by: bundle, in: agentStore) { try fetch(data, &transfer) }
        return .done(transfer.facts)
    }

    private func remote(_ path: String) throws -> any RemoteFile {
        if let open { return try open(path) }
        guard let base else { throw ContentError.noRepository }
        return try base.file(path)
    }

    private var room: DiskRoom { DiskRoom(folder: layout.root, reserve: reserveBytes, free: freeBytes) }

    private func fetchContents(_ bundle: SHA256Digest, _ transfer: inout Transfer) throws {
        guard let admitted = try AdmittedBundle.read(bundle, from: layout) else {
            throw ContentError.notAdmitted(bundle: bundle)
        }
        let archive = admitted.record.archive
        let folder = ContentInbox(layout).bundle(bundle)
        let partial = try PartialFile(in: folder, of: archive.digest, size: archive.bytes, disk: disk)
        let source = RecordingSource(partial, remote: try remote(archive.path))
        let known = try KnownContent(layout, store: ContentStore(layout.contents))
        let identity = try AdmittedManifest.identity(of: bundle, admitted, in: layout)
        var hasTriedAgain = false
        while true {
            var fetch = ArchiveFetch(source: source, partial: partial, known: known, room: room)
            fetch.progress = progress
            defer { transfer.wire.add(fetch.wire) }
            do {
                return try fetch.run(identity, rules: rules)
            } catch BundleError.keptChunkDiffers(_, _, let digest) {
                // Each chunk once: this ends.
                known.distrust(digest)
            } catch let error as BundleError where error.saysDamaged {
                // Once more from the source: what lay here may have rotted, what came may have been garbled.
                guard !hasTriedAgain else {
                    try partial.forget(0..<partial.size)
                    throw error
                }
                hasTriedAgain = true
                try fetch.forget(error)
            }
        }
    }

    /// Fetches a blob whole.
    private func fetch(_ data: AcceptanceData, _ transfer: inout Transfer) throws {
        let inbox = ContentInbox(layout)
        let store = ContentStore(layout.contents)
        let place = inbox.blob(data.digest)
        guard try FileSystem.status(of: store.path(data.name)) == nil,
            try FileSystem.status(of: place)?.size != data.bytes
        else { return }
        let folder = inbox.part(data.digest)
        let partial = try PartialFile(in: folder, of: data.digest, size: data.bytes, disk: disk)
        // Once here and once in the store.
        try room.require(partial.held.missing(of: 0..<data.bytes) + data.bytes)
        let source = RecordingSource(partial, remote: try remote(data.path))
        defer {
            transfer.acceptanceBytes += source.totalBytes
            transfer.acceptanceRequests += source.totalRequests
        }
        try source.read(offset: 0, count: data.bytes) { _ in }
        guard let digest = try partial.digest() else {
            let missing = partial.held.span(at: 0)?.upperBound ?? 0
            throw ContentError.noAnswer(url: source.name, problem: "it broke off at byte \(missing)")
        }
        guard digest == data.digest else {
            try partial.forget(0..<data.bytes)
            throw ContentError.changed(name: source.name)
        }
        try FileSystem.createDirectories(inbox.blobs)
        try disk.will(.rename, place)
        try FileSystem.rename(partial.path, to: place)
        try FileSystem.synchronizeDirectory(inbox.blobs)
        try FileSystem.removeTree(folder)
    }
}

/// One try to have all of an archive that a box needs.
private struct ArchiveFetch {
    private var reader: PiecewiseReader
    private let source: RecordingSource
    private let partial: PartialFile
    private let known: KnownContent
    private let room: DiskRoom
    private var plan: BundlePlan?
    var progress: @Sendable (Int, Int) -> Void = { _, _ in }

    private(set) var wire = WireBytes()

    init(source: RecordingSource, partial: PartialFile, known: KnownContent, room: DiskRoom) {
        self.source = source
        self.partial = partial
        self.known = known
        self.room = room
        reader = PiecewiseReader(source)
    }

    mutating func run(_ identity: PiecewiseReader.Identity, rules: RangeRules) throws {
        reader = PiecewiseReader(source, rules: rules)
        defer { wire = reader.wire }
        let head = try reader.readHead(identity) { known.table($0) }
        let plan = try reader.plan(head, for: known.contents(for: head))
        self.plan = plan
        let toCome = plan.ranges.reduce(0) { $0 + partial.held.missing(of: $1) }
        // What is fetched now and unpacked later must both find room.
        try room.require(toCome + plan.missing.taken)
        let (total, before) = (source.totalBytes + toCome, progress)
        source.progress = { before($0, total) }
        try reader.fetch(plan, visitor: Checking(known))
        source.progress = { _ in }
    }

    /// Has what an error is about fetched anew, and the few bytes that say where it lies.
    func forget(_ error: BundleError) throws {
        guard case .damagedPiece(_, let offset, _, _) = error, let pieces = plan?.pieces, let first = pieces.first,
            let last = pieces.last, (first.span.lowerBound..<last.span.upperBound).contains(offset)
        else { return try partial.forget(0..<partial.size) }
        if let piece = pieces.first(where: { $0.span.contains(offset) }) { try partial.forget(piece.span) }
        try partial.forget(0..<first.span.lowerBound)
        try partial.forget(last.span.upperBound..<partial.size)
    }
}

/// Takes what was checked and leaves it: the archive's own bytes are what is kept.
private final class Checking: PieceVisitor {
    private let known: KnownContent

    init(_ known: KnownContent) { self.known = known }

    func begin(_ head: BundleHead) throws {}
    func begin(_ file: TableOfContents.File, in component: ComponentName) throws {}
    func content(_ bytes: [UInt8]) throws {}
    func endFile() throws {}
    func keptChunk(_ chunk: TableOfContents.Chunk) throws -> [UInt8] { known.chunk(chunk) }
}

extension MissingContent {
    /// What the missing contents take on the disk once they are unpacked.
    var taken: Int { DiskRoom.taken(by: files.count, of: files.reduce(0) { $0 + $1.file.size }) }
}

/// The manifest that verified metadata has of a bundle.
enum AdmittedManifest {
    /// The manifest where the store has it, else the digest to hold it to.
    static func identity(
        of bundle: SHA256Digest,
        _ admitted: AdmittedBundle,
        in layout: StoreLayout
    ) throws -> PiecewiseReader.Identity {
        let path = layout.document(admitted.path)
        guard try FileSystem.status(of: path) != nil else { return .digest(bundle) }
        let bytes = try FileSystem.read(path, limit: Manifest.limits.bytes)
        return SHA256.digest(bytes) == bundle ? .manifest(bytes) : .digest(bundle)
    }
}
