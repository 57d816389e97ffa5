internal import Deployment
internal import Digest
internal import EdgeAgent
internal import FileSystem
internal import Glibc
internal import HTTPClient
internal import JSON
internal import RepositoryHTTP
internal import UpdateFramework
package import WallClock

/// `edgeagent-sync fetch` without a bundle: whatever is new, into the inbox, after it was verified once so that nothing
/// useless is carried home. Whether it counts is decided by `admit`.
package enum MetadataFetch {
    package struct Result: Sendable, Equatable {
        package var requests = 0
        /// Of bodies.
        package var bytes = 0
        /// Whether anything came that the store doesn't hold.
        package var isChanged = false
        /// What somebody who looks after the box may want to know.
        package var notices: [String] = []
    }

    /// The agent gives up on the whole after ten minutes, without a word of what took so long.
    private static let time = TransferTime(file: .seconds(120), total: .seconds(540))

    /// - Parameter machineTime: what the machine's clock shows.
    package static func run(_ store: SyncStore, machineTime: UTCTime = BoxFacts.machineTime()) throws -> Result {
        guard let repository = store.box.repository else { throw ContentError.noRepository }
        let base = try Self.base(of: repository)
        return try run(store, metadata: base.metadata, targets: base.targets, machineTime: machineTime)
    }

    private static func base(
        of repository: String
    ) throws -> (metadata: any RepositoryTransport, targets: any RepositoryTransport) {
        guard !repository.hasPrefix("/") else {
            return (DirectoryTransport("\(repository)/metadata"), DirectoryTransport("\(repository)/targets"))
        }
        var configuration = HTTPClientConfiguration()
        configuration.userAgent = "edgeagent-sync"
        let client = try HTTPClient(configuration)
        return (
            HTTPTransport("\(repository)/metadata", client, time: time),
            HTTPTransport("\(repository)/targets", client, time: time)
        )
    }

    static func run(
        _ opened: SyncStore,
        metadata: any RepositoryTransport,
        targets: any RepositoryTransport,
        machineTime: UTCTime
    ) throws -> Result {
        // What is admitted next is judged by them.
        let (store, newLabels) = opened.withNewestLabels()
        let layout = store.layout
        let lock = try SyncStore.lock(in: layout.inbox)
        defer { withExtendedLifetime(lock) {} }
        let record = TransferRecord()
        let memory = try store.memory()
        let clock = BoxFacts.clock(floor: memory.floor, machineTime: machineTime)
        // Asked for before the first byte: what comes is no newer than this.
        let asked = try BoxFacts.stamp(clock)
        var updater = try Updater(
            store: OverlayMetadataStore(over: MetadataDirectory(layout.metadata)),
            transport: RecordingTransport(metadata, folder: "metadata", into: record),
            updateStart: clock.time
        )
        try updater.refresh()
        var collector = DocumentCollector(
            box: store.box,
            layout: layout,
            memory: memory,
            running: try store.running(),
            source: RecordingTransport(targets, folder: "targets", into: record)
        )
        _ = try collector.collect(&updater)
        let isChanged = try isNew(record, layout)
        try Inbox(layout).receive(record.files, asked: asked)
        return Result(
            requests: record.requests,
            bytes: record.bytes,
            isChanged: isChanged || newLabels != nil,
            notices: updater.notices
        )
    }

    /// Whether there is more than the timestamp that is trusted already.
    private static func isNew(_ record: TransferRecord, _ layout: StoreLayout) throws -> Bool {
        let timestamp = "metadata/timestamp.json"
        guard record.files.count == 1, let bytes = record.files[timestamp] else { return true }
        let trusted = try MetadataDirectory(layout.metadata).read(
            .role(.timestamp),
            limitBytes: UpdateLimits().timestampBytes
        )
        return trusted != bytes
    }
}

/// What was fetched and nobody has judged: `inbox/metadata` and `inbox/targets`. What belongs to contents lies beside
/// them and is left alone.
struct Inbox {
    let layout: StoreLayout

    init(_ layout: StoreLayout) { self.layout = layout }

    var metadata: String { "\(layout.inbox)/metadata" }
    var targets: String { "\(layout.inbox)/targets" }
    private var incoming: String { "\(layout.inbox)/incoming" }
    private var asked: String { "\(layout.inbox)/fetched.json" }

    /// Puts the files of one run in the place of those before. Cut off anywhere, the next run does it again.
    func receive(_ files: [String: [UInt8]], asked moment: SyncPlan.Stamp) throws {
        if try !holds(files) {
            try? FileSystem.removeFile(asked)
            for folder in [incoming, metadata, targets] where try FileSystem.status(of: folder) != nil {
                try FileSystem.removeTree(folder)
            }
            for (path, bytes) in files.sorted(by: { $0.key < $1.key }) {
                let place = FileSystem.join(incoming, path)
                try FileSystem.createDirectories(FileSystem.parent(of: place))
                try write(bytes, to: place)
            }
            for (name, folder) in [("metadata", metadata), ("targets", targets)] {
                let place = FileSystem.join(incoming, name)
                if try FileSystem.status(of: place) != nil { try FileSystem.rename(place, to: folder) }
            }
            if try FileSystem.status(of: incoming) != nil { try FileSystem.removeTree(incoming) }
        }
        let value: JSONValue = ["boot": .string(moment.boot.text), "milliseconds": .integer(moment.milliseconds)]
        try write(try value.canonicalBytes(), to: asked)
    }

    private func holds(_ files: [String: [UInt8]]) throws -> Bool {
        for (path, bytes) in files {
            let place = FileSystem.join(layout.inbox, path)
            guard let status = try FileSystem.status(of: place), status.kind == .regular, status.size == bytes.count,
                try FileSystem.read(place, limit: bytes.count) == bytes
            else { return false }
        }
        return true
    }

    /// Not to the disk at once: after a power cut the inbox is only worth fetching again.
    private func write(_ bytes: [UInt8], to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError.failed(operation: FileError.create, path: path, code: errno) }
        try File(descriptor: descriptor, path: path).write(bytes)
    }

    /// When what lies here was asked for; nil where that was in another boot or is not known.
    func asked(in now: SyncPlan.Stamp) -> Int? {
        let limits = JSONLimits(bytes: 4096, depth: 4, values: 32)
        guard let bytes = try? FileSystem.read(asked, limit: limits.bytes),
            let fields = try? JSONFields(try JSONValue.parse(bytes, limits: limits), path: "fetched"),
            (try? fields.string("boot")) == now.boot.text,
            let milliseconds = try? fields.integer("milliseconds", in: 0...(1 << 53) - 1)
        else { return nil }
        return min(milliseconds, now.milliseconds)
    }
}
