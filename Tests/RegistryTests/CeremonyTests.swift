import BundleManifest
import Crypto
import Deployment
import Diagnostics
import Digest
import FileSystem
import JSON
import Testing
import UpdateFramework
import WallClock

@testable import Registry

/// A registry where one signature is not enough: two operators for `prod`, three people for the root of whom two must sign.
private final class SharedRegistry {
    let sample: SampleRegistry
    let alice: KeyFolder
    let bob: KeyFolder
    let carol: KeyFolder

    var keeper: KeyFolder { sample.keys }
    var folder: String { sample.folder }

    static let prod = RegistryRole.deployments(.prod)

    init() throws {
        sample = try SampleRegistry()
        alice = try Self.holder("alice", sample)
        bob = try Self.holder("bob", sample)
        carol = try Self.holder("carol", sample)
        let holders = try [alice, bob, carol].map { try Self.key(of: $0) }
        _ = try sample.registry.changeRoot(keys: sample.keys, adding: try Self.signers([alice, bob, carol], holders)) {
            _ in Registry.RootChange(result: ()) { $0.setKeys(holders, threshold: 2, for: .root) }
        }
        _ = try sample.registry.change(.targets, keys: sample.keys) { _ in
            Registry.Change(result: ()) { targets in
                var role = try #require(targets.delegations?[Self.prod.name])
                role.keys.threshold = 2
                targets.delegations?.delegate(to: role, keys: Array(holders.prefix(2)))
            }
        }
        try sample.registry.reopen()
        let renewal = try sample.registry.change(
            Self.prod,
            keys: alice,
            adding: try Self.signers([bob], holders)
        ) { _ in Registry.Change(result: ()) { _ in } }
        #expect(renewal.effect == .published(version: 2))
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
    }

    private static func holder(_ name: String, _ sample: SampleRegistry) throws -> KeyFolder {
        let folder = "\(sample.scratch.path)/\(name)"
        try FileSystem.createDirectory(folder, mode: 0o700)
        let keys = KeyFolder(folder)
        _ = try keys.make("\(folder)/\(name).pem")
        let root = try FileSystem.read("\(sample.folder)/metadata/1.root.json", limit: 1 << 20)
        try FileSystem.write(root, to: "\(folder)/1.root.json")
        return keys
    }

    static func key(of holder: KeyFolder) throws -> MetadataKey {
        let name = FileSystem.name(of: try #require(holder.folder))
        let key = try KeyFile.readPublic("\(try #require(holder.folder))/\(name).pub")
        return try MetadataKey(key, owner: name)
    }

    static func signers(_ holders: [KeyFolder], _ keys: [MetadataKey]) throws -> [any MetadataSigner] {
        try holders.flatMap { try $0.signers(among: keys) }
    }

    /// Alice's wish, which bob has yet to approve.
    func deploy(_ bundle: String = "sample@1") throws -> Registry.Changed<PublishedDeployment> {
        var registry = try Registry(opening: folder, keys: alice, now: SampleRegistry.now)
        return try registry.deploy(SampleRegistry.request(bundle), keys: alice)
    }

    func sign(_ place: String, by holder: KeyFolder) throws -> [MetadataKey] {
        var file = try ProposalFile(place)
        return try file.sign(with: holder, after: try file.review(trusting: try holder.trustedRoot()))
    }

    func open(now: UTCTime = SampleRegistry.now) throws -> Registry {
        try Registry(opening: folder, keys: keeper, now: now)
    }

    /// What the keeper's commit does.
    @discardableResult
    func commit(_ given: [GivenProposal] = []) throws -> TakenProposals {
        var registry = try open()
        let taken = try registry.takeProposals(given)
        _ = try registry.commit(keys: keeper)
        return taken
    }

    func proposals() throws -> [String] {
        let folder = "\(folder)/proposals"
        guard try FileSystem.status(of: folder) != nil else { return [] }
        return try FileSystem.names(in: folder)
    }

    /// The root with a new expiry, for its holders to sign.
    func rootProposal(_ path: String) throws {
        let registry = try open(now: SampleRegistry.now.advanced(by: .seconds(60)))
        try ProposalFile.write(try registry.proposal(try registry.stageRenewal(of: .root)), to: path)
    }

    func scratch(_ name: String) -> String { "\(sample.scratch.path)/\(name)" }
}

@Suite struct CeremonyTests {
    private static let waiting = "proposals/3.deployments-prod.json"

    // MARK: the approval by a second person

    @Test func aDeploymentWaitsForASecondPerson() throws {
        let shared = try SharedRegistry()
        let bundle = try shared.sample.publishAndCommit(try shared.sample.bundle("1"))
        let changed = try shared.deploy()
        let waiting = try #require(changed.effect.waiting)
        #expect(waiting.place == Self.waiting)
        #expect(!changed.effect.isPublished && changed.effect.isChange)
        let authority = try #require(waiting.standing.authorities.first)
        #expect(authority.signed.compactMap(\.owner) == ["alice"])
        #expect(waiting.standing.wanted.compactMap(\.owner) == ["bob"])
        #expect(waiting.sentences.first?.contains("missing 1 of bob (") == true)
        // Nothing of it is in the repository's targets yet, nor does a commit put it into effect.
        #expect(try shared.commit().waiting == [waiting])
        #expect(try shared.sample.paths(below: "deployments").isEmpty)
        let stored = try FileSystem.files(below: "\(shared.folder)/targets", limit: 1_000).map(\.path)
        #expect(!stored.contains { $0.contains("deployments") })

        // What bob is told.
        let place = "\(shared.folder)/\(Self.waiting)"
        let review = try ProposalFile(place).review(trusting: try shared.bob.trustedRoot())
        #expect(review.notes == ["trusted by root version 2"])
        let words = review.changes.joined(separator: "\n")
        #expect(words.contains("deployment 1 of sorter in prod: bundle sample@1 for "), "\(words)")
        #expect(words.contains("sha256:\(bundle.digest)") && words.contains("reason: a test; by test"))
        #expect(!words.contains("in full"), "all of it has words: \(words)")

        #expect(try shared.sign(place, by: shared.bob).compactMap(\.owner) == ["bob"])
        #expect(try shared.sign(place, by: shared.bob).isEmpty, "twice is once")
        let standing = try shared.open().standing()
        #expect(standing.waiting.map(\.standing.isComplete) == [true])
        #expect(try shared.commit().taken == [TakenProposals.Taken(role: "deployments-prod", version: 3)])
        #expect(try shared.proposals().isEmpty)
        #expect(try shared.sample.paths(below: "deployments") == ["deployments/prod/sorter/1.json"])
        #expect(try RepositoryCheck(of: shared.folder, now: SampleRegistry.now).problems == [])
        // Now it can be rolled out.
        var registry = try shared.open()
        let request = Registry.RolloutRequest(
            channel: .prod,
            endpoint: try SampleRegistry.endpoint(),
            state: .running
        )
        #expect(try registry.roll(request, keys: shared.keeper).result.deployment == changed.result.digest)
    }

    @Test func oneProposalWaitsForAVersion() throws {
        let shared = try SharedRegistry()
        for version in ["1", "2"] { try shared.sample.publishAndCommit(try shared.sample.bundle(version)) }
        _ = try shared.deploy("sample@1")
        let place = Self.waiting
        #expect(throws: ProposalError.waiting(role: RoleName(known: "deployments-prod"), version: 3, place: place)) {
            try shared.deploy("sample@2")
        }
        var registry = try shared.open()
        #expect(try registry.withdraw(SharedRegistry.prod) == place)
        #expect(try registry.withdraw(SharedRegistry.prod) == nil)
        #expect(try shared.deploy("sample@2").effect.waiting != nil)
    }

    @Test func theSameWishOfTheOtherPersonIsTheirSignature() throws {
        let shared = try SharedRegistry()
        try shared.sample.publishAndCommit(try shared.sample.bundle("1"))
        _ = try shared.deploy()
        var registry = try Registry(opening: shared.folder, keys: shared.bob, now: SampleRegistry.now)
        let again = try registry.deploy(SampleRegistry.request("sample@1"), keys: shared.bob)
        #expect(again.effect.waiting?.standing.isComplete == true)
        #expect(try shared.commit().taken.count == 1)
    }

    @Test func whoIsntAskedSignsNothing() throws {
        let shared = try SharedRegistry()
        try shared.sample.publishAndCommit(try shared.sample.bundle("1"))
        #expect(throws: RegistryError.self) {
            var registry = try Registry(opening: shared.folder, keys: shared.carol, now: SampleRegistry.now)
            _ = try registry.deploy(SampleRegistry.request("sample@1"), keys: shared.carol)
        }
        #expect(try shared.proposals().isEmpty)
        _ = try shared.deploy()
        let place = "\(shared.folder)/\(Self.waiting)"
        let before = try FileSystem.read(place, limit: 1 << 20)
        do {
            _ = try shared.sign(place, by: shared.carol)
            Issue.record("it was signed")
        } catch let error as ProposalError {
            #expect(error.message.contains("none of the keys here is asked to sign deployments-prod version 3"))
            #expect(error.message.contains("bob (") && error.message.contains("alice ("))
            #expect(error.exitCode == .noPermission)
        }
        #expect(try FileSystem.read(place, limit: 1 << 20) == before)
    }

    @Test func signersOfOneFileDontLoseEachOther() throws {
        let shared = try SharedRegistry()
        let place = "\(shared.folder)/proposals/3.root.json"
        try FileSystem.createDirectories("\(shared.folder)/proposals")
        try shared.rootProposal(place)
        // Both have read it before one of them writes.
        var (one, other) = (try ProposalFile(place), try ProposalFile(place))
        let review = try one.review(trusting: try shared.alice.trustedRoot())
        _ = try one.sign(with: shared.alice, after: review)
        _ = try other.sign(with: shared.carol, after: review)
        #expect(try shared.commit().taken == [TakenProposals.Taken(role: "root", version: 3)])
        // Who reads it when it was taken hears that.
        #expect(throws: ProposalError.self) { try ProposalFile(place) }
        #expect(throws: RepositoryError.self) { try other.sign(with: shared.bob, after: review) }
        #expect(try shared.proposals().isEmpty)
    }

    // MARK: files that travel

    @Test func copiesThatWereSignedApartAreMerged() throws {
        let shared = try SharedRegistry()
        let copies = ["alice", "bob"].map { shared.scratch("\($0).json") }
        try shared.rootProposal(copies[0])
        try FileSystem.write(try FileSystem.read(copies[0], limit: 1 << 20), to: copies[1])
        _ = try shared.sign(copies[0], by: shared.alice)
        _ = try shared.sign(copies[1], by: shared.bob)
        let given = try copies.map { try ProposalFile($0).given }
        do {
            try shared.commit([given[1]])
            Issue.record("it was taken")
        } catch let error as ProposalError {
            #expect(error.message.contains("root version 3 is not signed by all who must"))
            #expect(error.message.contains("root version 2 asks for 2 of 3 keys: bob ("))
            #expect(error.message.contains("itself asks for 2 of 3 keys"))
            #expect(error.exitCode == .signatureInvalid)
        }
        #expect(try shared.open().editor.root.body.version == 2)
        #expect(try shared.commit(given).taken == [TakenProposals.Taken(role: "root", version: 3)])
        #expect(try shared.open().editor.root.body.version == 3)
        // Again: it is what the repository has.
        #expect(try shared.commit(given).taken.count == 1)
    }

    @Test func twoThatDifferAreNotMixed() throws {
        let shared = try SharedRegistry()
        try shared.rootProposal(shared.scratch("a.json"))
        let registry = try shared.open(now: SampleRegistry.now.advanced(by: .seconds(61)))
        let staged = try registry.stageRenewal(of: .root)
        try ProposalFile.write(try registry.proposal(staged), to: shared.scratch("b.json"))
        let given = try ["a.json", "b.json"].map { try ProposalFile(shared.scratch($0)).given }
        #expect(throws: ProposalError.differing(role: .root, version: 3)) { try shared.commit(given) }
        #expect(throws: RegistryError.self, "a file that is there stays") {
            try ProposalFile.write(try registry.proposal(staged), to: shared.scratch("b.json"))
        }
    }

    @Test func aRivalInTheRepositoryStopsNobody() throws {
        let shared = try SharedRegistry()
        let path = shared.scratch("root.json")
        try shared.rootProposal(path)
        for holder in [shared.alice, shared.carol] { _ = try shared.sign(path, by: holder) }
        let registry = try shared.open(now: SampleRegistry.now.advanced(by: .seconds(61)))
        let rival = try registry.proposal(try registry.stageRenewal(of: .root))
        #expect(try registry.storage.create(try rival.encoded(), at: Registry.place(of: rival)))
        let taken = try shared.commit([try ProposalFile(path).given])
        #expect(taken.taken == [TakenProposals.Taken(role: "root", version: 3)])
        let reason = "another one for root version 3 was handed over"
        #expect(taken.left == [TakenProposals.Left(place: "proposals/3.root.json", reason: reason)])
        #expect(try shared.proposals() == ["3.root.json"])
    }

    @Test func whatNamesABlobThatIsGoneIsRefused() throws {
        let shared = try SharedRegistry()
        let bundle = try shared.sample.publishAndCommit(try shared.sample.bundle("1"))
        var registry = try shared.open()
        let listed = try #require(registry.editor.roles[RegistryRole.bundles.name]?.targets.first { _ in true })
        let (path, file) = (listed.key, listed.value)
        _ = try registry.change(.bundles, keys: shared.keeper) { _ in
            Registry.Change(result: ()) { $0.targets[path] = nil }
        }
        try registry.reopen()
        let expires = SampleRegistry.now.advanced(by: .seconds(86_400))
        var staged = try registry.editor.stage(RegistryRole.bundles.name, expires: expires) { $0.targets[path] = file }
        _ = try staged.sign(with: try shared.keeper.signers(among: staged.wanted))
        let given = GivenProposal(place: "bundles.json", proposal: try registry.proposal(staged))
        let blob = "\(shared.folder)/\(bundle.record.archive.path)"
        try FileSystem.rename(blob, to: "\(blob).away")
        #expect(throws: RegistryError.blobMissing(digest: bundle.record.archive.digest, neededBy: path)) {
            try shared.commit([given])
        }
        try FileSystem.rename("\(blob).away", to: blob)
        #expect(try shared.commit([given]).taken.map(\.role) == ["bundles"])
    }

    @Test func whatWasGivenAndCantBeTakenLeavesAllAsItWas() throws {
        let shared = try SharedRegistry()
        try shared.sample.publishAndCommit(try shared.sample.bundle("1"))
        _ = try shared.deploy()
        _ = try shared.sign("\(shared.folder)/\(Self.waiting)", by: shared.bob)
        let path = shared.scratch("root.json")
        try shared.rootProposal(path)
        let before = try FileSystem.files(below: shared.folder, limit: 1_000).map(\.path).sorted()
        #expect(throws: ProposalError.self) { try shared.commit([try ProposalFile(path).given]) }
        #expect(try FileSystem.files(below: shared.folder, limit: 1_000).map(\.path).sorted() == before)
    }

    @Test func aStaleProposalStaysAndIsNamed() throws {
        let shared = try SharedRegistry()
        var registry = try shared.open()
        _ = try registry.proposeRenewal(of: .bundles, keys: nil)
        #expect(try shared.proposals() == ["2.bundles.json"])
        try shared.sample.registry.reopen()
        try shared.sample.publishAndCommit(try shared.sample.bundle("1"))
        let taken = try shared.commit()
        #expect(taken.left.map(\.place) == ["proposals/2.bundles.json"])
        #expect(taken.left.first?.reason == "bundles version 2 is stale: the repository has version 2 of it")
        #expect(throws: ProposalError.self, "nobody signs it") {
            try shared.sign("\(shared.folder)/proposals/2.bundles.json", by: shared.keeper)
        }
        #expect(try shared.open().standing().left.count == 1)
        // What is no proposal is named as well, and harms nobody.
        try FileSystem.write(Array("{}".utf8), to: "\(shared.folder)/proposals/9.root.json")
        #expect(try shared.commit().left.count == 2)
    }

    // MARK: changes of keys

    @Test func theKeeperNeverStopsRenewing() throws {
        let shared = try SharedRegistry()
        try shared.sample.publishAndCommit(try shared.sample.bundle("1"))
        // Carol takes alice's place; the two haven't signed anew.
        let (bob, carol) = (try SharedRegistry.key(of: shared.bob), try SharedRegistry.key(of: shared.carol))
        var registry = try shared.open()
        _ = try registry.change(.targets, keys: shared.keeper) { _ in
            Registry.Change(result: ()) { targets in
                let role = try #require(targets.delegations?[SharedRegistry.prod.name])
                targets.delegations?.delegate(to: role, keys: [bob, carol])
            }
        }
        try registry.reopen()
        let listed = registry.editor.snapshot?.body.files
        let version = registry.editor.timestamp?.body.version ?? 0
        guard case .renewed(let timestamp, let unsigned) = try registry.commit(keys: shared.keeper) else {
            Issue.record("it was committed")
            return
        }
        #expect(timestamp == version + 1)
        #expect(unsigned["deployments-prod"]?.contains("signed by 1 of the 2 keys") == true)
        #expect(registry.editor.snapshot?.body.files == listed)
        // A snapshot that gets old is renewed too; boxes go on.
        let later = SampleRegistry.now.advanced(by: .seconds(6 * 86_400))
        var keeper = try shared.open(now: later)
        _ = try keeper.commit(keys: shared.keeper)
        #expect(keeper.editor.snapshot?.body.files == listed)
        _ = try shared.sample.box(now: later)
        // The two sign, and all of it comes into effect.
        let waiting = try keeper.proposeRenewal(of: SharedRegistry.prod, keys: shared.bob)
        _ = try shared.sign("\(shared.folder)/\(waiting.place)", by: shared.carol)
        #expect(try shared.commit().taken.map(\.role) == ["deployments-prod"])
        let opened = try shared.open()
        #expect(opened.editor.needSignature.isEmpty && !opened.hasUncommitted)
        #expect(try RepositoryCheck(of: shared.folder, now: SampleRegistry.now).problems == [])
    }

    @Test func aRootThatMakesWayForOthersIsTakenFirst() throws {
        let shared = try SharedRegistry()
        let (alice, bob) = (try SharedRegistry.key(of: shared.alice), try SharedRegistry.key(of: shared.bob))
        let root = shared.scratch("root.json")
        var registry = try shared.open()
        var staged = try registry.editor.stageRoot(expires: SampleRegistry.now.advanced(by: .seconds(86_400))) {
            $0.setKeys([alice, bob], threshold: 2, for: .targets)
        }
        _ = try staged.sign(with: try SharedRegistry.signers([shared.alice, shared.bob], [alice, bob]))
        try ProposalFile.write(try registry.proposal(staged), to: root)
        // On top of it, before it is in effect.
        var ahead = registry.editor.rehearsing()
        try ahead.accept(staged)
        var targets = try ahead.stage(.targets, expires: SampleRegistry.now.advanced(by: .seconds(86_400))) { _ in }
        _ = try targets.sign(with: try SharedRegistry.signers([shared.alice, shared.bob], [alice, bob]))
        let next = GivenProposal(place: "targets.json", proposal: try ahead.proposal(targets))
        #expect(throws: ProposalError.self, "the root has yet to come") { try shared.commit([next]) }
        let given = [next, try ProposalFile(root).given]
        #expect(try shared.commit(given).taken.map(\.role) == ["root", "targets"])
        try registry.reopen()
        #expect(registry.editor.needSignature.isEmpty)
        _ = try shared.sample.box()
    }

    // MARK: beginnings

    @Test func aRepositoryThatExistsAsProposalsBeginsWhenAllHaveSigned() throws {
        let shared = try SharedRegistry()
        let folder = shared.scratch("new")
        let storage = RepositoryDirectory(folder)
        let keys = try [shared.alice, shared.bob].map { try SharedRegistry.key(of: $0) }
        let root = try RootMetadata(expires: SampleRegistry.now.advanced(by: .seconds(86_400))) { role in
            let isKeeper = role == .snapshot || role == .timestamp
            return (
                isKeeper ? [try shared.keeper.publicKey(of: .timestamp)] : keys.compactMap { $0.publicKey() },
                isKeeper ? 1 : 2
            )
        }
        var beginning = try RepositoryBeginning(root: root)
        let documents = [
            NewDocument(try Revocations().encoded(), as: try targetPath(Revocations.path)),
            NewDocument(try RegistryPolicy().encoded(), as: try targetPath(RegistryPolicy.path)),
        ]
        try beginning.add(.targets, expires: SampleRegistry.now.advanced(by: .seconds(86_400)), documents: documents)
        for proposal in beginning.proposals() {
            #expect(try storage.create(try proposal.encoded(), at: Registry.place(of: proposal)))
        }
        #expect(try Registry.isProposed(in: storage))
        #expect(try Registry.standingOfProposals(in: storage).waiting.count == 2)
        for holder in [shared.alice, shared.bob] {
            #expect(throws: ProposalError.self) { try Registry.begin(in: storage) }
            #expect(try storage.status(of: .metadata("1.root.json")) == nil)
            for name in ["1.root.json", "1.targets.json"] {
                var file = try ProposalFile("\(folder)/proposals/\(name)")
                // Their other repository's root is not this one's.
                #expect(throws: ProposalError.self) { try file.review(trusting: try holder.trustedRoot()) }
                let review = try file.review(trusting: nil)
                #expect(
                    review.changes.contains { $0.contains("what is signed is good for") } == (name != "1.root.json")
                )
                _ = try file.sign(with: holder, after: review)
            }
        }
        try Registry.begin(in: storage)
        #expect(try !Registry.isProposed(in: storage))
        var registry = try Registry(opening: storage, now: SampleRegistry.now)
        #expect(try registry.takeProposals().taken.map(\.role) == ["root", "targets"])
        #expect(try registry.commit(keys: shared.keeper).isCommitted)
        #expect(try storage.files(below: "proposals").isEmpty)
        #expect(try RepositoryCheck(of: folder, now: SampleRegistry.now).problems == [])
    }

    // MARK: faults

    @Test func killedBetweenAnyTwoWritesTheKeeperGoesOn() throws {
        var writes = 0
        while true {
            let shared = try SharedRegistry()
            try shared.sample.publishAndCommit(try shared.sample.bundle("1"))
            _ = try shared.deploy()
            _ = try shared.sign("\(shared.folder)/\(Self.waiting)", by: shared.bob)
            let faulty = FaultyStorage(RepositoryDirectory(shared.folder), after: writes)
            do {
                var registry = try Registry(opening: faulty, keys: shared.keeper, now: SampleRegistry.now)
                _ = try registry.takeProposals()
                _ = try registry.commit(keys: shared.keeper)
                break
            } catch is FaultyStorage.Failure {}
            // For a box it is the old repository or the new one.
            let paths = try shared.sample.paths(below: "deployments")
            #expect(paths.isEmpty || paths == ["deployments/prod/sorter/1.json"])
            try shared.commit()
            #expect(try shared.sample.paths(below: "deployments") == ["deployments/prod/sorter/1.json"])
            #expect(try shared.proposals().isEmpty, "after \(writes) writes")
            writes += 1
        }
        #expect(writes == 5, "the document, the role, the proposal's end, the snapshot, the timestamp")
    }

    @Test func twoKeepersAtOnceTakeItOnce() throws {
        let shared = try SharedRegistry()
        try shared.sample.publishAndCommit(try shared.sample.bundle("1"))
        _ = try shared.deploy()
        _ = try shared.sign("\(shared.folder)/\(Self.waiting)", by: shared.bob)
        var (one, other) = (try shared.open(), try shared.open())
        #expect(try one.takeProposals().taken.count == 1)
        // It saw the repository before.
        #expect(try other.takeProposals().taken.isEmpty)
        _ = try other.commit(keys: shared.keeper)
        _ = try one.commit(keys: shared.keeper)
        #expect(try shared.sample.paths(below: "deployments") == ["deployments/prod/sorter/1.json"])
    }
}

/// Fails every write after some.
private final class FaultyStorage: RepositoryStorage {
    struct Failure: Error {}

    private let base: any RepositoryStorage
    private var left: Int

    init(_ base: any RepositoryStorage, after writes: Int) {
        self.base = base
        left = writes
    }

    private func count() throws {
        guard left > 0 else { throw Failure() }
        left -= 1
    }

    var name: String { base.name }
    func files(below folder: String) throws -> [StoredFile] { try base.files(below: folder) }
    func status(of path: RepositoryPath) throws -> StoredFile? { try base.status(of: path) }
    func read(_ path: RepositoryPath, limitBytes: Int) throws -> [UInt8]? {
        try base.read(path, limitBytes: limitBytes)
    }
    func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws { try base.fetch(path, limitBytes: limitBytes, receive: receive) }
    func create(_ bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        try count()
        return try base.create(bytes, at: path)
    }
    func replace(_ old: [UInt8]?, with bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        try count()
        return try base.replace(old, with: bytes, at: path)
    }
    func put(_ path: RepositoryPath, bytes: Int, from source: ByteSource) throws {
        try count()
        try base.put(path, bytes: bytes, from: source)
    }
    func remove(_ path: RepositoryPath) throws {
        try count()
        try base.remove(path)
    }
}
