internal import Digest
internal import JSON
internal import UpdateFramework
internal import WallClock

extension FuzzHarness {
    static let update = FuzzHarness(
        "update",
        "a repository as a script, served to a client over a few updates",
        limitBytes: 16_384
    ) { input in
        let script = RepositoryScript(input)
        var box = ScriptedBox()
        for state in script.states { try box.update(from: state) }
    }
}

/// A client with a store in memory, and what must hold of it after every update, whether it succeeded or not.
private struct ScriptedBox {
    private let store = MemoryMetadataStore()
    /// What the store held after the last update; nil before the first root.
    private var last: StoredState?
    /// Everything that was ever served.
    private var served: Set<[UInt8]> = []

    mutating func update(from state: RepositoryScript.State) throws {
        served.formUnion(state.files.values)
        if last == nil {
            guard let root = state.files["1.root.json"] else { return }
            let trusted: Void? = try refusing(UpdateError.self) { try Updater.trust(root: root, in: store) }
            guard trusted != nil else { return try require(store.files.isEmpty, "a refused root was stored") }
        }
        let before = try last ?? StoredState(store)
        try refresh(from: state)
        let after = try StoredState(store, after: before)
        try after.check(follows: before)
        last = after
        for (file, bytes) in store.files {
            try require(served.contains(bytes), "\(file.path) is stored and was never served like that")
        }
    }

    private func refresh(from state: RepositoryScript.State) throws {
        let transport = ScriptedTransport(state.files)
        var updater = try Updater(
            store: store,
            transport: transport,
            updateStart: UTCTime(seconds: state.seconds)
        )
        let isFresh: Void? = try refusing(UpdateError.self) { try updater.refresh() }
        try require(transport.requests <= 300, "\(transport.requests) requests for one update")
        guard isFresh != nil else { return }
        for header in [
            updater.trusted.root.header, updater.trusted.timestamp?.header, updater.trusted.snapshot?.header,
        ] {
            try require(header.map { $0.expires.seconds > state.seconds } ?? false, "expired metadata is trusted")
        }
        let source = ScriptedTransport(state.targetFiles)
        let listed = try refusing(UpdateError.self) { try updater.targets(below: "") } ?? []
        for target in listed.prefix(8) {
            try require(try updater.find(target.path) == target, "\(target.path) is listed and found as another")
            let read = try refusing(UpdateError.self) {
                try updater.contents(of: target, from: source, limitBytes: 4_096)
            }
            guard let contents = read else { continue }
            try require(contents.count == target.file.length, "\(target.path) has another length")
            let digests = (target.file.hashes.sha256?.hex, target.file.hashes.sha512?.hex)
            try require(digests.0 != nil || digests.1 != nil, "\(target.path) was taken without a digest")
            try require(
                digests.0.map { $0 == SHA256.digest(contents).hex } ?? true,
                "\(target.path) has another digest"
            )
        }
        if let path = TargetPath("team/file.txt") {
            _ = try refusing(UpdateError.self) { try updater.find(path) }
        }
    }
}

/// The versions that a store holds. Reading them is a check of its own: whatever happened, the store can be read.
private struct StoredState {
    private let root: RootMetadata?
    private let timestamp: TimestampMetadata?
    private let snapshot: SnapshotMetadata?

    init(_ store: MemoryMetadataStore, after before: StoredState? = nil) throws {
        func read<Body: MetadataBody>(_ role: RoleName) throws -> Body? {
            guard let bytes = store.files[.role(role)] else { return nil }
            return try MetadataDocument<Body>(parsing: bytes, as: role, limitBytes: bytes.count).body
        }
        (root, timestamp, snapshot) = (try read(.root), try read(.timestamp), try read(.snapshot))
        guard let root, root != before?.root else { return }
        // Every root of the history is signed by its predecessor's keys and by its own.
        var last: RootMetadata?
        for version in 1...root.version {
            guard let bytes = store.files[.rootHistory(version)] else {
                guard last == nil else { throw FuzzFinding("root \(version) is missing in the history") }
                continue
            }
            let document = try MetadataDocument<RootMetadata>(parsing: bytes, as: .root, limitBytes: bytes.count)
            for authority in [last, document.body] {
                guard let authority else { continue }
                try document.verify(authority.keys(of: .root), keys: authority.keys, delegator: "history")
            }
            last = document.body
        }
        try require(last == root, "the stored root is not the last of the history")
    }

    /// No version goes back; those of timestamp and snapshot may where a new root has other keys.
    func check(follows before: StoredState) throws {
        try require((root?.version ?? 0) >= (before.root?.version ?? 0), "the root's version went back")
        guard root == before.root else { return }
        try require((timestamp?.version ?? 0) >= (before.timestamp?.version ?? 0), "the timestamp's version went back")
        try require((snapshot?.version ?? 0) >= (before.snapshot?.version ?? 0), "the snapshot's version went back")
        for (name, file) in before.snapshot?.files ?? [:] {
            try require(
                (snapshot?.files[name]?.version ?? 0) >= file.version,
                "the listed version of \(name) went back"
            )
        }
    }
}

/// Serves files from memory, without a look at the limit, as a careless transport would.
private final class ScriptedTransport: RepositoryTransport {
    private let files: [String: [UInt8]]
    private(set) var requests = 0

    init(_ files: [String: [UInt8]]) { self.files = files }

    func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        requests += 1
        guard let bytes = files[path.description] else { throw TransportError.notFound(path.description) }
        try bytes.withUnsafeBytes(receive)
    }
}
