internal import BundleFormat
internal import BundleManifest
internal import Deployment
package import Digest
package import EdgeAgent
internal import FileSystem
internal import JSON

/// Takes a bundle's contents into the store: from what was fetched, or from local media. Talks to nobody.
///
/// Every byte is held to the tables that the signed manifest names before it has a name in the store.
package struct BundleAdmission: Sendable {
    private let layout: StoreLayout
    /// A repository's folder or a portable file; nil for the inbox.
    private let media: String?
    /// Bytes of the disk that are to stay free.
    package var reserveBytes = BoxConfiguration.defaultDiskReserve
    package var disk = DiskChanges.plain
    package var freeBytes: @Sendable (String) throws -> Int = { try FileSystem.freeBytes(at: $0) }
    /// Told the bytes of content that were taken in, and how many there are in all.
    package var progress: @Sendable (Int, Int) -> Void = { _, _ in }

    package init(_ layout: StoreLayout, from media: String? = nil) {
        self.layout = layout
        self.media = media
    }

    private var room: DiskRoom { DiskRoom(folder: layout.root, reserve: reserveBytes, free: freeBytes) }

    /// Makes the bundle's generation, and has its acceptance data in the store. Whatever it throws, and wherever it is
    /// killed, a generation is whole or not there.
    package func admit(_ bundle: SHA256Digest) throws -> SyncOutcome {
        let agentStore = try AgentStore(layout)
        let lock = try ContentStore.lock(layout.contents)
        defer { withExtendedLifetime(lock) {} }
        let store = ContentStore(layout.contents, disk: disk)
        let builder = GenerationBuilder(layout: layout, store: store, disk: disk)
        try store.prepare()
        try builder.prepare()
        var taken = (files: 0, bytes: 0)
        // It got its name when the disk held all of it.
        if try FileSystem.status(of: layout.generation(bundle)) == nil {
            taken = try admitContents(bundle, store, builder)
        }
        for data in try AcceptanceData.needed(by: bundle, in: agentStore) { try admit(data, store) }
        if media == nil {
            let fetched = ContentInbox(layout).bundle(bundle)
            try disk.will(.remove, fetched)
            try FileSystem.removeTree(fetched)
        }
        return .done(["contentBytes": .integer(taken.bytes), "contents": .integer(taken.files)])
    }

    private func admitContents(
        _ bundle: SHA256Digest,
        _ store: ContentStore,
        _ builder: GenerationBuilder
    ) throws -> (files: Int, bytes: Int) {
        guard let admitted = try AdmittedBundle.read(bundle, from: layout) else {
            throw ContentError.notAdmitted(bundle: bundle)
        }
        let identity = try AdmittedManifest.identity(of: bundle, admitted, in: layout)
        let archive = try AdmittedArchive(bundle, admitted, in: layout, media: media)
        let known = try KnownContent(layout, store: store)
        do {
            while true {
                let writer = ContentWriter(store, known)
                do {
                    var reader = PiecewiseReader(archive.source, rules: .exact)
                    let head = try reader.readHead(identity) { known.table($0) }
                    let plan = try reader.plan(head, for: known.contents(for: head))
                    try room.require(plan.missing.taken)
                    writer.progress = { [progress] in progress($0, plan.missing.contentBytes) }
                    try reader.fetch(plan, visitor: writer)
                    try store.commit()
                    try builder.build(head)
                    return (writer.files, writer.bytes)
                } catch BundleError.keptChunkDiffers(_, _, let digest) {
                    known.distrust(digest)
                }
            }
        } catch let error as BundleError where error.saysDamaged {
            // What was found whole before the damage stays: it is what was signed.
            try store.commit()
            if try archive.isAsSigned() {
                throw ContentError.signedSo(name: archive.source.name, problem: error.message)
            }
            try archive.throwAway()
            throw error
        }
    }

    private func admit(_ data: AcceptanceData, _ store: ContentStore) throws {
        let isThere = try store.holds(data.name, size: data.bytes)
        if !isThere { try room.require(data.bytes) }
        guard let media else {
            if !isThere { try admitFetched(data, store) }
            return try removeFetched(data)
        }
        guard !isThere else { return }
        if try FileSystem.statusFollowingLinks(of: media)?.kind == .directory {
            try insert(data, from: FileSystem.join(media, data.path), store)
        } else {
            let chain = try OfflineChain.find(in: try BundleTail.read(media).appended, of: media)
            let name = "\(media): \(data.path)"
            guard let bytes = chain?[data.path] else { throw ContentError.notThere(path: name) }
            try store.insert(data.name, bytes, from: name)
        }
        try store.commit()
    }

    private func admitFetched(_ data: AcceptanceData, _ store: ContentStore) throws {
        let source = ContentInbox(layout).blob(data.digest)
        guard try FileSystem.status(of: source) != nil else {
            throw ContentError.notFetched(name: data.path, offset: 0)
        }
        do {
            try insert(data, from: source, store)
            try store.commit()
        } catch ContentError.changed(let name) {
            try removeFetched(data)
            throw ContentError.changed(name: name)
        }
    }

    /// It goes when it is in the store, and also where it is not what it should be: then it is fetched anew.
    private func removeFetched(_ data: AcceptanceData) throws {
        let path = ContentInbox(layout).blob(data.digest)
        try disk.will(.remove, path)
        try FileSystem.removeTree(path)
    }

    private func insert(_ data: AcceptanceData, from source: String, _ store: ContentStore) throws {
        guard let status = try FileSystem.statusFollowingLinks(of: source) else {
            throw ContentError.notThere(path: source)
        }
        guard status.kind == .regular, status.size == data.bytes else { throw ContentError.changed(name: source) }
        try store.insert(data.name, copyOf: source)
    }
}

/// An archive on this machine that a bundle's contents are taken from.
private struct AdmittedArchive {
    let source: any RangeSource
    private let record: (digest: SHA256Digest, bytes: Int)
    private let partial: PartialFile?

    init(_ bundle: SHA256Digest, _ admitted: AdmittedBundle, in layout: StoreLayout, media: String?) throws {
        let blob = admitted.record.archive
        record = (blob.digest, blob.bytes)
        guard let media else {
            let folder = ContentInbox(layout).bundle(bundle)
            let partial = try PartialFile(in: folder, of: blob.digest, size: blob.bytes)
            source = FetchedSource(partial, name: folder)
            self.partial = partial
            return
        }
        partial = nil
        guard let status = try FileSystem.statusFollowingLinks(of: media) else {
            throw ContentError.notThere(path: media)
        }
        let path = status.kind == .directory ? FileSystem.join(media, blob.path) : media
        guard try FileSystem.statusFollowingLinks(of: path) != nil else { throw ContentError.notThere(path: path) }
        source = try FileRangeSource(path)
    }

    /// Whether all of the archive is there, byte for byte as it was signed: then it is not the copy that is wrong.
    func isAsSigned() throws -> Bool {
        if let partial { return try partial.digest() == record.digest }
        guard source.size >= record.bytes else { return false }
        var hash = SHA256()
        // What a portable file carries behind the archive was not part of what was signed.
        try source.read(offset: 0, count: record.bytes) { hash.update($0) }
        return hash.finalize() == record.digest
    }

    /// Has it fetched anew. What somebody brought on media is not ours to remove.
    func throwAway() throws { if let partial { try partial.forget(0..<partial.size) } }
}

/// Writes contents into the store as they are told.
private final class ContentWriter: PieceVisitor {
    private let store: ContentStore
    private let known: KnownContent
    private var current: UnnamedContent?
    private(set) var files = 0
    private(set) var bytes = 0
    var progress: (Int) -> Void = { _ in }

    init(_ store: ContentStore, _ known: KnownContent) {
        self.store = store
        self.known = known
    }

    func begin(_ head: BundleHead) throws {}

    func begin(_ file: TableOfContents.File, in component: ComponentName) throws {
        current = try store.begin(ContentName(file.digest, isExecutable: file.isExecutable))
    }

    func content(_ bytes: [UInt8]) throws {
        guard let current else { return }
        try bytes.withUnsafeBytes { try store.append($0, to: current) }
        self.bytes += bytes.count
        progress(self.bytes)
    }

    func endFile() throws {
        guard let current else { return }
        self.current = nil
        try store.end(current)
        files += 1
    }

    func keptChunk(_ chunk: TableOfContents.Chunk) throws -> [UInt8] { known.chunk(chunk) }
}

extension MissingContent {
    fileprivate var contentBytes: Int { files.reduce(0) { $0 + $1.file.size } }
}
