import Digest
import FileSystem
import JSON
import Testing
import WallClock

@testable import UpdateFramework

@Suite struct UpdaterTests {
    private let keys = SampleRepository.keys
    private let team = SampleRepository.team

    // MARK: what is asked for and stored

    @Test func asksForEachFileOnceAndStoresIt() throws {
        let repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        var (updater, transport) = try client.update(from: repository)
        #expect(transport.requests == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
        let found = try #require(try updater.find(targetPath(SampleRepository.targetPath)))
        #expect(found.role == team)
        _ = try updater.find(targetPath(SampleRepository.targetPath))
        #expect(transport.requests.last == "1.team.json")
        #expect(transport.requests.count == 5)
        #expect(client.store.files[.role(team)] == repository.files["1.team.json"])
        #expect(client.store.files[.role(.timestamp)] == repository.files["timestamp.json"])
        #expect(client.store.files[.rootHistory(1)] == repository.files["1.root.json"])
    }

    @Test func asksForNothingButRootAndTimestampWhereNothingIsNew() throws {
        let repository = SampleRepository(listsHashes: true)
        let client = try SampleClient(trusting: repository)
        try client.update(from: repository)
        let (updater, transport) = try client.update(from: repository)
        #expect(transport.requests == ["2.root.json", "timestamp.json"])
        #expect(updater.notices.isEmpty)
    }

    @Test func readsRepositoriesWithoutConsistentSnapshots() throws {
        let repository = SampleRepository(isConsistent: false)
        let client = try SampleClient(trusting: repository)
        var (updater, transport) = try client.update(from: repository)
        #expect(transport.requests == ["2.root.json", "timestamp.json", "snapshot.json", "targets.json"])
        let found = try #require(try updater.find(targetPath(SampleRepository.targetPath)))
        let source = SampleTransport(repository.targetFiles)
        #expect(try updater.contents(of: found, from: source, limitBytes: 100) == SampleRepository.targetContents)
        #expect(source.requests == ["team/file.txt"])
    }

    @Test func keepsTheTimestampItHasWhereAnotherOfItsVersionComes() throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        try client.update(from: repository)
        let old = client.store.files[.role(.timestamp)]
        repository.bodies[.timestamp]?.set("2029-01-01T00:00:00Z", "expires")
        repository.write(.timestamp)
        try client.update(from: repository)
        #expect(client.store.files[.role(.timestamp)] == old)
    }

    @Test func beginsWithoutNetworkOnlyWithARoot() throws {
        let transport = SampleTransport([:])
        #expect(throws: UpdateError.noTrustedRoot(place: "memory")) {
            try Updater(store: MemoryMetadataStore(), transport: transport, updateStart: SampleRepository.now)
        }
        #expect(transport.requests.isEmpty)
    }

    @Test func trustsTheRootOfADigestOnly() throws {
        let root = try #require(SampleRepository().files["1.root.json"])
        let store = MemoryMetadataStore()
        let other = SHA256.digest([1])
        #expect(throws: UpdateError.wrongRootDigest(found: SHA256.digest(root).hex, expected: other.hex)) {
            try Updater.trust(root: root, expecting: other, in: store)
        }
        #expect(store.files.isEmpty)
        try Updater.trust(root: root, expecting: SHA256.digest(root), in: store)
        #expect(store.files[.role(.root)] == root)
    }

    @Test func trustsNoRootThatItsOwnKeysDidNotSign() throws {
        var repository = SampleRepository()
        repository.write(.root, by: [keys[7]])
        let store = MemoryMetadataStore()
        #expect(throws: UpdateError.self) {
            try Updater.trust(root: repository.files["1.root.json"] ?? [], in: store)
        }
        #expect(store.files.isEmpty)
    }

    // MARK: root rotation and recovery

    @Test func followsRootsOverManyVersionsToNewKeysAndThresholds() throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        repository.signers[.root] = [keys[5], keys[6], keys[7]]
        repository.rotateRoot(old: [keys[0]]) { $0.set(2, "roles", "root", "threshold") }
        repository.signers[.root] = [keys[6], keys[7]]
        repository.rotateRoot()
        repository.rotateRoot { $0.set(.string(SampleRepository.past), "expires") }
        repository.rotateRoot()
        let (updater, transport) = try client.update(from: repository)
        #expect(updater.trusted.root.version == 5)
        #expect(
            transport.requests.prefix(5) == ["2.root.json", "3.root.json", "4.root.json", "5.root.json", "6.root.json"]
        )
        #expect(client.store.files[.role(.root)] == repository.files["5.root.json"])
        #expect((1...5).allSatisfy { client.store.files[.rootHistory($0)] == repository.files["\($0).root.json"] })
    }

    @Test func readsNoMoreRootsThanTheLimitAndGoesOnNextTime() throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        for _ in 0..<5 { repository.rotateRoot() }
        var limits = UpdateLimits()
        limits.rootVersions = 3
        #expect(try client.update(from: repository, limits: limits).updater.trusted.root.version == 4)
        #expect(try client.update(from: repository, limits: limits).updater.trusted.root.version == 6)
    }

    /// Whoever had the keys pushed the versions up to where nothing could ever follow; new keys begin anew.
    @Test(arguments: [RoleName.timestamp, .snapshot])
    func recoversFromFastForwardWhenAKeyIsReplaced(role: RoleName) throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        var attacked = repository
        attacked.bodies[.timestamp]?.set(1_000_000, "version")
        attacked.bodies[.snapshot]?.set(1_000_000, "version")
        attacked.bodies[team]?.set(1_000_000, "version")
        attacked.bump(team)
        attacked.publishOnline()
        try client.update(from: attacked)
        #expect(client.refusal(of: repository)?.contains("(rollback)") == true)

        repository.signers[role] = [keys[6]]
        repository.rotateRoot()
        repository.publishOnline()
        try client.update(from: repository)
        #expect(client.store.files[.role(.snapshot)] == repository.files[repository.fileName(.snapshot)])
    }

    @Test func anAddedKeyDoesNotMakeItForgetVersions() throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        let old = repository
        repository.publishOnline()
        try client.update(from: repository)
        repository.signers[.timestamp] = [keys[1], keys[6]]
        repository.rotateRoot()
        repository.files["timestamp.json"] = old.files["timestamp.json"]
        #expect(client.refusal(of: repository) == "timestamp version 1 is older than trusted version 2 (rollback)")
    }

    // MARK: the clock

    @Test func anExpiredStoredTimestampDoesNotStandInTheWay() throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        try client.update(from: repository)
        repository.publishOnline(
            snapshot: { $0.set("2027-06-01T00:00:00Z", "expires") },
            timestamp: { $0.set("2027-06-01T00:00:00Z", "expires") }
        )
        for role in [RoleName.targets, team] { repository.bump(role) { $0.set("2027-06-01T00:00:00Z", "expires") } }
        repository.rotateRoot { $0.set("2027-06-01T00:00:00Z", "expires") }
        repository.publishOnline()
        let later = try #require(UTCTime("2027-02-01T00:00:00Z"))
        try client.update(from: repository, at: later)
    }

    @Test func aBoxWithoutAClockJudgesByWhenTheTimestampWasSigned() throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        let epoch = UTCTime(seconds: 0)
        repository.publishOnline(timestamp: { $0.set("2026-11-20T10:00:00Z", "x-edge-signed-at") })
        let updater = try client.update(from: repository, at: epoch).updater
        #expect(updater.trusted.now == UTCTime("2026-11-20T10:00:00Z"))
        // What expired before that is refused, though the clock says 1970.
        repository.bump(.targets) { $0.set("2026-11-20T09:00:00Z", "expires") }
        repository.publishOnline()
        #expect(
            client.refusal(of: repository, at: epoch)
                == "targets version 2 expired at 2026-11-20T09:00:00Z, and it is 2026-11-20T10:00:00Z (freeze)"
        )
    }

    @Test func mediaMayCarryExpiredTimestampsUpToTheAllowance() throws {
        let repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        let policy = ExpiryPolicy.acceptExpiredTimestampAndSnapshot(upTo: .seconds(90 * 86_400))
        var renewed = repository
        renewed.rotateRoot { $0.set("2028-01-01T00:00:00Z", "expires") }
        for role in [RoleName.targets, team] { renewed.bump(role) { $0.set("2028-01-01T00:00:00Z", "expires") } }
        renewed.publishOnline()
        let within = try #require(UTCTime("2027-03-31T00:00:00Z"))
        let beyond = try #require(UTCTime("2027-04-02T00:00:00Z"))
        let accepted = try client.update(from: renewed, at: within, expiryPolicy: policy).updater.trusted
        #expect(
            accepted.expiredButAccepted == [
                "timestamp version 2 expired at 2027-01-01T00:00:00Z, accepted within the allowance",
                "snapshot version 2 expired at 2027-01-01T00:00:00Z, accepted within the allowance",
            ]
        )
        #expect(throws: UpdateError.self) { try client.update(from: renewed, at: beyond, expiryPolicy: policy) }
        #expect(throws: UpdateError.self) { try client.update(from: renewed, at: within) }
    }

    // MARK: what is stored may be damaged

    @Test(arguments: ["", "{", "[]", #"{"signed":{},"signatures":[]}"#])
    func fetchesAnewWhatIsDamagedInTheStore(damage: String) throws {
        let repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        try client.update(from: repository)
        for role in [RoleName.timestamp, .snapshot, .targets] {
            try client.store.write(Array(damage.utf8), to: .role(role))
        }
        let (updater, transport) = try client.update(from: repository)
        #expect(transport.requests == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
        #expect(updater.notices.count == 3)
        #expect(client.store.files[.role(.targets)] == repository.files["1.targets.json"])
    }

    /// The store fails at its call 1, 2, 3, … and so does the network; after each the next update ends where an
    /// undisturbed one does.
    @Test(arguments: [true, false])
    func everyInterruptionIsMadeUpForByTheNextUpdate(storeFails: Bool) throws {
        var repository = SampleRepository()
        let original = repository
        repository.signers[.timestamp] = [keys[6]]
        repository.signers[.root] = [keys[5]]
        repository.rotateRoot(old: [keys[0]])
        repository.rotateRoot()
        for role in [RoleName.targets, team] { repository.bump(role) }
        repository.publishOnline()
        let undisturbed = try SampleClient(trusting: original)
        try undisturbed.update(from: original)
        try undisturbed.update(from: repository)

        for call in 1... {
            let client = try SampleClient(trusting: original)
            try client.update(from: original)
            let store = FailingStore(client.store, failingCall: storeFails ? call : 0)
            let transport = SampleTransport(repository.files)
            transport.failingCall = storeFails ? 0 : call
            let isInterrupted: Bool
            do {
                var updater = try Updater(store: store, transport: transport, updateStart: SampleRepository.now)
                try updater.refresh()
                isInterrupted = false
            } catch { isInterrupted = true }
            // What is stored is trusted as it stands, by a client that starts from it.
            let root = try #require(client.store.files[.role(.root)])
            #expect([1, 2, 3].contains { repository.files["\($0).root.json"] == root })
            try client.update(from: repository)
            #expect(client.store.files == undisturbed.store.files, "after call \(call)")
            guard isInterrupted else {
                #expect(call > 5)
                return
            }
        }
    }

    // MARK: delegations

    /// What one delegator vouches for, another may not: the same role is verified along each chain.
    @Test func verifiesARoleForEachChainOfDelegations() throws {
        var repository = SampleRepository()
        let names = try ["a", "b", "shared"].map { try roleName($0) }
        let (a, b, shared) = (names[0], names[1], names[2])
        repository.signers[a] = [keys[4]]
        repository.signers[b] = [keys[5]]
        repository.signers[shared] = [keys[6]]
        let top = repository.delegations(
            [
                SampleRepository.delegation(a, paths: ["a/*"], keys: [keys[4]]),
                SampleRepository.delegation(b, paths: ["b/*"], keys: [keys[5]]),
            ],
            keys: [keys[4], keys[5]]
        )
        repository.bump(.targets) { $0.set(top, "delegations") }
        for (role, key) in [(a, keys[6]), (b, keys[7])] {
            var body = SampleRepository.targetsBody([:])
            let delegation = SampleRepository.delegation(shared, paths: ["*/*"], keys: [key])
            body.set(repository.delegations([delegation], keys: [key]), "delegations")
            repository.bodies[role] = body
            repository.write(role)
        }
        repository.bodies[shared] = SampleRepository.targetsBody(["a/x": [1], "b/x": [2]])
        repository.write(shared)
        repository.publishOnline()
        let client = try SampleClient(trusting: repository)
        var updater = try client.update(from: repository).updater
        #expect(try updater.find(targetPath("a/x"))?.role == shared)
        #expect(throws: UpdateError.self) { try updater.find(targetPath("b/x")) }
        #expect(client.store.files[.role(shared)] == repository.files["1.shared.json"])
    }

    @Test func listsTheTargetsBelowAFolder() throws {
        var repository = SampleRepository()
        let other = try roleName("other")
        repository.signers[other] = [keys[5]]
        let delegations = repository.delegations(
            [
                SampleRepository.delegation(team, paths: ["team/*"], keys: [keys[4]]),
                SampleRepository.delegation(other, paths: ["other/*/*"], keys: [keys[5]]),
            ],
            keys: [keys[4], keys[5]]
        )
        repository.bump(.targets) { $0.set(delegations, "delegations") }
        repository.bodies[other] = SampleRepository.targetsBody(["other/b/2": [2], "other/b/1": [1], "team/evil": [6]])
        repository.write(other)
        repository.publishOnline()
        let client = try SampleClient(trusting: repository)
        var (updater, transport) = try client.update(from: repository)
        #expect(try updater.targets(below: "other").map(\.path.text) == ["other/b/1", "other/b/2"])
        #expect(!transport.requests.contains("1.team.json"))
        #expect(try updater.targets(below: "").map(\.path.text) == ["other/b/1", "other/b/2", "team/file.txt"])
        #expect(try updater.targets(below: "oth").isEmpty)
    }

    // MARK: downloads

    @Test func downloadsATargetOnceAndWhole() throws {
        let repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        var updater = try client.update(from: repository).updater
        let found = try #require(try updater.find(targetPath(SampleRepository.targetPath)))
        let folder = try TemporaryDirectory(prefix: "updater-tests")
        let place = "\(folder.path)/file"
        let source = SampleTransport(repository.targetFiles)
        #expect(try updater.download(found, from: source, to: place))
        #expect(try FileSystem.read(place, limit: 100) == SampleRepository.targetContents)
        #expect(try !updater.download(found, from: source, to: place))
        #expect(source.requests.count == 1)
        try FileSystem.write(Array("THE contents\n".utf8), to: place)
        #expect(try updater.download(found, from: source, to: place))
        #expect(try FileSystem.read(place, limit: 100) == SampleRepository.targetContents)
    }

    @Test func aRejectedDownloadLeavesWhatWasThere() throws {
        let repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        var updater = try client.update(from: repository).updater
        let found = try #require(try updater.find(targetPath(SampleRepository.targetPath)))
        let folder = try TemporaryDirectory(prefix: "updater-tests")
        let evil = SampleTransport(repository.targetFiles.mapValues { _ in Array("the c0ntents\n".utf8) })
        for there in [nil, Array("older".utf8)] as [[UInt8]?] {
            let place = "\(folder.path)/file"
            if let there { try FileSystem.write(there, to: place) }
            #expect(throws: UpdateError.self) { try updater.download(found, from: evil, to: place) }
            #expect(try FileSystem.names(in: folder.path) == (there == nil ? [] : ["file"]))
            if let there { #expect(try FileSystem.read(place, limit: 100) == there) }
        }
    }
}

/// A store whose call number `failingCall` fails, without effect.
private final class FailingStore: MetadataStore {
    private let store: MemoryMetadataStore
    private let failingCall: Int
    private var calls = 0

    init(_ store: MemoryMetadataStore, failingCall: Int) {
        self.store = store
        self.failingCall = failingCall
    }

    var name: String { store.name }

    private func count() throws {
        calls += 1
        if calls == failingCall { throw FileError.failed(operation: "write", path: "store", code: 5) }
    }

    func read(_ file: StoredMetadata, limitBytes: Int) throws -> [UInt8]? {
        try count()
        return try store.read(file, limitBytes: limitBytes)
    }

    func write(_ bytes: [UInt8], to file: StoredMetadata) throws {
        try count()
        try store.write(bytes, to: file)
    }

    func remove(_ file: StoredMetadata) throws {
        try count()
        try store.remove(file)
    }
}
