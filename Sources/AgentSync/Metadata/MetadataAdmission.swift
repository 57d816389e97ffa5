internal import BundleManifest
internal import Deployment
internal import Digest
package import EdgeAgent
internal import FileSystem
internal import JSON
internal import UpdateFramework
package import WallClock

/// `edgeagent-sync admit` without a bundle: verifies metadata and documents, takes them into the store, and says in the
/// plan what they mean for this box.
///
/// Each file is whole and on the disk before the next one is begun, and the plan comes last: cut off anywhere, the old
/// plan stands with all that it names, and admitting again goes on. Metadata is stored as it is verified, so that no
/// older version is ever taken after it.
package enum MetadataAdmission {
    package struct Result: Sendable {
        package let plan: SyncPlan
        /// What somebody who looks after the box may want to know.
        package let notices: [String]
    }

    /// - Parameters:
    ///   - media: a repository's folder or a portable file in the place of the inbox.
    ///   - machineTime: what the machine's clock shows.
    package static func run(
        _ store: SyncStore,
        from media: String?,
        machineTime: UTCTime = BoxFacts.machineTime()
    ) throws -> Result {
        try run(store, from: media, machineTime: machineTime) { _ in }
    }

    /// - Parameter willWrite: told of each file before it is written, so that tests can end the work at any.
    static func run(
        _ opened: SyncStore,
        from media: String?,
        machineTime: UTCTime = BoxFacts.machineTime(),
        willWrite: @escaping (String) throws -> Void
    ) throws -> Result {
        let layout = opened.layout
        let lock = try SyncStore.lock(in: layout.trust)
        defer { withExtendedLifetime(lock) {} }
        var notices: [String] = []
        let (store, newLabels) = opened.withNewestLabels { notices.append($0) }
        var memory = try store.memory()
        let clock = BoxFacts.clock(floor: memory.floor, machineTime: machineTime)
        let inbox = Inbox(layout)
        let source = try media.map { try MediaSource($0) }
        let days = store.box.offlineMaximumAgeDays
        var updater = try Updater(
            store: WatchedMetadataStore(MetadataDirectory(layout.metadata), willWrite),
            transport: source?.metadata ?? DirectoryTransport(inbox.metadata),
            updateStart: clock.time,
            expiryPolicy: source == nil
                ? .refuse : .acceptExpiredTimestampAndSnapshot(upTo: .seconds(days * 86_400))
        )
        try updater.refresh()
        guard let timestamp = updater.trusted.timestamp else {
            throw SyncFailure(.refused("there is no timestamp"))
        }
        var collector = DocumentCollector(
            box: store.box,
            layout: layout,
            memory: memory,
            running: try store.running(),
            source: source?.targets ?? DirectoryTransport(inbox.targets),
            isPartial: source != nil
        )
        let collected = try collector.collect(&updater)
        let documents = ReadDocuments(collected, box: store.box, memory: memory)
        let floor = max(memory.floor, timestamp.signedAt ?? memory.floor)
        let now = BoxFacts.clock(floor: floor, machineTime: machineTime)
        let maker = PlanMaker(
            box: store.box,
            capabilities: BoxFacts.capabilities(of: store.box),
            documents: documents,
            memory: memory,
            situations: try store.situations(documents),
            clock: now
        )
        let before = memory
        let endpoints: [EndpointName: EndpointPlan]
        (endpoints, memory) = maker.make()
        memory.documents = collected.standing
        memory.raiseFloor(signedAt: timestamp.signedAt, clock: now, isFromNetwork: source == nil)
        var stamp = try BoxFacts.stamp(now)
        // Fresh is what was asked for lately, however late it is admitted.
        if source == nil { stamp.milliseconds = inbox.asked(in: stamp) ?? 0 }
        let plan = SyncPlan(
            source: source == nil ? .repository : .media,
            verified: stamp,
            timestampVersion: timestamp.version,
            signedAt: timestamp.signedAt,
            pollSeconds: timestamp.pollInterval.map { max(1, min(Int($0.components.seconds), 86_400)) },
            endpoints: endpoints
        )
        try write(collected, to: layout, willWrite)
        if memory != before || !before.hasAdmitted {
            try willWrite(layout.memory)
            try FileSystem.write(try memory.encoded(), to: layout.memory, mode: 0o600)
        }
        if let newLabels {
            try willWrite(layout.labels)
            _ = try newLabels.write(to: layout.labels)
        }
        try willWrite(layout.plan)
        try FileSystem.write(try plan.encoded(), to: layout.plan, mode: 0o600)
        return Result(plan: plan, notices: notices + updater.notices + updater.trusted.expiredButAccepted)
    }

    private static func write(
        _ collected: CollectedDocuments,
        to layout: StoreLayout,
        _ willWrite: (String) throws -> Void
    ) throws {
        for path in collected.fresh.sorted() {
            guard let bytes = collected.documents[path] else { continue }
            let place = layout.document(path)
            try SyncStore.makeFolder(FileSystem.parent(of: place))
            try willWrite(place)
            try FileSystem.write(bytes, to: place)
        }
        for (digest, bundle) in collected.bundles.sorted(by: { $0.key < $1.key }) {
            guard (try? AdmittedBundle.read(digest, from: layout)) != bundle else { continue }
            try willWrite(AdmittedBundle.file(of: digest, in: layout))
            try bundle.write(digest, to: layout)
        }
    }
}

/// Tells of each change before it is made.
private struct WatchedMetadataStore: MetadataStore {
    private let store: MetadataDirectory
    private let willWrite: (String) throws -> Void

    init(_ store: MetadataDirectory, _ willWrite: @escaping (String) throws -> Void) {
        self.store = store
        self.willWrite = willWrite
    }

    var name: String { store.name }

    func read(_ file: StoredMetadata, limitBytes: Int) throws -> [UInt8]? {
        try store.read(file, limitBytes: limitBytes)
    }

    func write(_ bytes: [UInt8], to file: StoredMetadata) throws {
        try willWrite(file.path)
        try store.write(bytes, to: file)
    }

    func remove(_ file: StoredMetadata) throws {
        try willWrite(file.path)
        try store.remove(file)
    }
}

extension SyncMemory {
    /// The latest of build time and what was kept: no earlier time is believed.
    var floor: UTCTime { max(clockFloor ?? BoxFacts.buildFloor, BoxFacts.buildFloor) }

    /// Raises the clock's floor by what was verified. The time itself is kept an hour at a time: it is not worth a write
    /// to the disk at every look, and it lies before the timestamp's expiry, however wrong the clock.
    mutating func raiseFloor(signedAt: UTCTime?, clock: ClockReading, isFromNetwork: Bool) {
        var raised = floor
        if let signedAt { raised = max(raised, signedAt) }
        if isFromNetwork, clock.isTrusted, clock.time >= raised.advanced(by: .seconds(3600)) { raised = clock.time }
        clockFloor = raised
    }
}

extension SyncStore {
    /// What was kept; nothing before the first metadata was admitted.
    package func memory() throws -> SyncMemory {
        guard try FileSystem.status(of: layout.memory) != nil else { return SyncMemory() }
        let bytes = try FileSystem.read(layout.memory, limit: SyncMemory.limits.bytes)
        do {
            return try SyncMemory.parse(bytes)
        } catch {
            throw StoreError.damaged(file: layout.memory, problem: "\(error)")
        }
    }

    private func states() throws -> [EndpointName: EndpointState] {
        let files = try AgentStore(layout)
        var states: [EndpointName: EndpointState] = [:]
        for endpoint in box.endpoints.keys { states[endpoint] = try files.state(of: endpoint) }
        return states
    }

    /// The bundle that each endpoint serves.
    func running() throws -> [EndpointName: SHA256Digest] {
        try states().compactMapValues { $0.progress.generations.current?.bundle }
    }

    /// What each endpoint runs and is at.
    func situations(_ documents: ReadDocuments) throws -> [EndpointName: EndpointSituation] {
        try states().mapValues { state in
            EndpointSituation(state.progress) { describe($0, documents) }
        }
    }

    /// An installed bundle by its manifest. One whose manifest is gone is none that another could be compatible with.
    private func describe(_ digest: SHA256Digest, _ documents: ReadDocuments) -> RunningBundle {
        if case .read(let manifest)? = documents.manifests[digest] {
            return RunningBundle(digest: digest, manifest: manifest)
        }
        let path = FileSystem.join(layout.generation(digest), "MANIFEST.json")
        if let bytes = try? FileSystem.read(path, limit: Manifest.limits.bytes), SHA256.digest(bytes) == digest,
            let manifest = try? Manifest.parse(bytes)
        {
            return RunningBundle(digest: digest, manifest: manifest)
        }
        return .unknown(digest)
    }
}

extension RunningBundle {
    /// A bundle of which only the digest is known.
    static func unknown(_ digest: SHA256Digest) -> RunningBundle {
        guard let name = BundleName("unknown"), let version = BundleVersion("0") else {
            preconditionFailure("these are a name and a version")
        }
        return RunningBundle(digest: digest, name: name, version: version, interfaceEpoch: -1)
    }
}
