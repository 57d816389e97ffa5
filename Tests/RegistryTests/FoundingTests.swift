import Crypto
import Deployment
import Diagnostics
import FileSystem
import Testing
import UpdateFramework
import WallClock

@testable import Registry

/// How a repository begins: by one person, by several, with keys of all kinds.
@Suite struct FoundingTests {
    private let scratch: SampleKeys

    init() throws { scratch = try SampleKeys() }

    /// The keys of one holder, in a folder of their own; returns the public one under their name.
    private func holder(_ name: String, _ type: KeyType) throws -> (keys: KeyFolder, key: MetadataKey) {
        let folder = "\(scratch.folder)/\(name)"
        try FileSystem.createDirectories(folder)
        let key = try PrivateKey.generate(type)
        _ = try KeyFile.write(key, to: "\(folder)/\(name).pem")
        return (KeyFolder(folder), try MetadataKey(try key.publicKey, owner: name))
    }

    private var folder: String { "\(scratch.folder)/repository" }
    private var keys: KeyFolder { KeyFolder("\(scratch.folder)/keys") }

    private func create(_ founding: FoundingKeys) throws -> Registry.Created {
        try Registry.create(at: folder, keys: keys, founding: founding, now: SampleRegistry.now)
    }

    /// A box that trusts the first root of the folder reads it all.
    private func refresh() throws -> Updater {
        let store = MemoryMetadataStore()
        try Updater.trust(root: try FileSystem.read("\(folder)/metadata/1.root.json", limit: 1 << 20), in: store)
        let transport = RepositoryDirectory(folder).metadataTransport
        var updater = try Updater(store: store, transport: transport, updateStart: SampleRegistry.now)
        try updater.refresh()
        return updater
    }

    @Test(arguments: KeyType.allCases)
    func withKeysOfOneKind(type: KeyType) throws {
        let created = try create(FoundingKeys(type: type))
        #expect(created.waiting.isEmpty)
        #expect(created.newKeys.count == RegistryRole.all.count)
        let kinds = try created.newKeys.map { try KeyFile.readPrivate($0).key.kind.name }
        #expect(Set(kinds) == [type.rawValue])
        var updater = try refresh()
        #expect(try updater.targets(below: "").count == 2)
    }

    @Test func withKeysThatAreThere() throws {
        try FileSystem.createDirectories("\(scratch.folder)/keys")
        let old = try PrivateKey.generate(.ed25519)
        _ = try KeyFile.write(old, to: keys.path(of: .root))
        let created = try create(FoundingKeys())
        #expect(created.newKeys.count == RegistryRole.all.count - 1)
        let registry = try Registry(opening: folder, keys: keys, now: SampleRegistry.now)
        #expect(try registry.editor.root.body.keys(of: .root).keyIDs == [MetadataKey(try old.publicKey).id])
    }

    /// Alice has her own key in the folder that makes the repository, under the role's name; it counts once.
    @Test func withTheMakersOwnKeyAndItsName() throws {
        let (_, bob) = try holder("bob", .ed25519)
        try FileSystem.createDirectories("\(scratch.folder)/keys")
        let own = try PrivateKey.generate()
        _ = try KeyFile.write(own, to: keys.path(of: .root))
        let alice = try MetadataKey(try own.publicKey, owner: "alice")
        let created = try create(FoundingKeys(keys: [.root: [alice, bob]]))
        #expect(created.waiting.isEmpty, "one signature is enough")
        let root = try Registry(opening: folder, keys: keys, now: SampleRegistry.now).editor.root.body
        #expect(root.keys(of: .root).keyIDs.compactMap { root.keys[$0]?.owner } == ["alice", "bob"])
        #expect(root.keys(of: .root).threshold == 1)
    }

    /// Two of three sign the root, of three kinds; one of them behind a passphrase.
    @Test func beginsWhenAllHaveSignedWhoMust() throws {
        let holders = try [holder("alice", .ed25519), holder("bob", .rsa), holder("carol", .p384)]
        let founding = FoundingKeys(
            keys: [.root: holders.map(\.key), .deployments(.prod): [holders[0].key, holders[1].key]],
            thresholds: [.root: 2, .deployments(.prod): 2]
        )
        let created = try create(founding)
        #expect(created.rootPath == nil && created.rootDigest == nil)
        #expect(created.waiting.map(\.place) == ["proposals/1.root.json", "proposals/1.deployments-prod.json"])
        #expect(created.waiting[0].sentences[0].contains("root version 1: itself asks for 2 of 3 keys"))
        #expect(created.waiting[0].sentences[0].contains("bob ("))
        #expect(try FileSystem.status(of: "\(folder)/metadata") == nil)
        let storage = RepositoryDirectory(folder)
        #expect(try Registry.isProposed(in: storage))
        #expect(throws: RegistryError.notARepository(path: folder)) {
            try Registry(opening: folder, now: SampleRegistry.now)
        }
        // Alice's signature alone brings nothing to life.
        try sign(holders[0].keys)
        #expect(throws: ProposalError.self) { try Registry.begin(in: storage) }
        #expect(try FileSystem.status(of: "\(folder)/metadata") == nil)
        try sign(holders[1].keys)
        try Registry.begin(in: storage)
        var registry = try Registry(opening: folder, keys: keys, now: SampleRegistry.now)
        let taken = try registry.takeProposals()
        #expect(taken.waiting.isEmpty && taken.left.isEmpty)
        #expect(try registry.commit(keys: keys).isCommitted)
        var updater = try refresh()
        #expect(try updater.targets(below: "").count == 2)
    }

    private func sign(_ keys: KeyFolder) throws {
        for file in try Registry.storedProposals(in: RepositoryDirectory(folder)).proposals {
            var proposal = file.proposal
            let review = try proposal.review(pinned: try self.keys.trustedRoot())
            let signers = try keys.signers(among: review.authorities.flatMap(\.keys))
            _ = try proposal.sign(with: signers, after: review)
            let isReplaced = try RepositoryDirectory(folder)
                .replace(file.bytes, with: try proposal.encoded(), at: file.path)
            #expect(isReplaced)
        }
    }

    /// The keys that made it hold for the root that was proposed, whoever has signed it by the time it begins.
    @Test func isPinnedBeforeItBegins() throws {
        let (other, bob) = try holder("bob", .ed25519)
        _ = try create(FoundingKeys(keys: [.root: [bob]]))
        try sign(other)
        try Registry.begin(in: RepositoryDirectory(folder))
        _ = try Registry(opening: folder, keys: keys, now: SampleRegistry.now)
        let stranger = try SampleRegistry()
        #expect(throws: RegistryError.self) {
            try Registry(opening: stranger.folder, keys: keys, now: SampleRegistry.now)
        }
    }

    /// Somebody else's proposals lie in the place, signed by all who must, alone or beside the true ones.
    @Test func beginsAsNoOtherRepository() throws {
        let (holder, bob) = try holder("bob", .ed25519)
        _ = try create(FoundingKeys(keys: [.root: [bob]]))
        let other = "\(scratch.folder)/other"
        let mallory = KeyFolder("\(scratch.folder)/mallory")
        let later = SampleRegistry.now.advanced(by: .seconds(60))
        _ = try Registry.create(at: other, keys: mallory, founding: FoundingKeys(keys: [.root: [bob]]), now: later)
        let foreign = RepositoryDirectory(other)
        var file = try ProposalFile("\(other)/proposals/1.root.json")
        _ = try file.sign(with: holder, after: try file.review(trusting: nil))
        let pin = try #require(keys.trustedRootPath)
        #expect(throws: RegistryError.otherRepository(path: other, pin: pin)) {
            try Registry.begin(in: foreign, keys: keys)
        }
        #expect(throws: RegistryError.otherRepository(path: other, pin: pin)) {
            try Registry.begin(in: foreign, [file.given], keys: keys)
        }
        #expect(try FileSystem.status(of: "\(other)/metadata") == nil)

        let storage = RepositoryDirectory(folder)
        let place = RepositoryPath(components: ["proposals", "0.json"])
        #expect(try storage.create(try file.proposal.encoded(), at: place))
        #expect(throws: ProposalError.incomplete(role: .root, version: 1, missing: try missing())) {
            try Registry.begin(in: storage, keys: keys)
        }
        var own = try ProposalFile("\(folder)/proposals/1.root.json")
        _ = try own.sign(with: holder, after: try own.review(trusting: try keys.trustedRoot()))
        #expect(throws: ProposalError.differing(role: .root, version: 1)) { try Registry.begin(in: storage) }
        #expect(try FileSystem.status(of: "\(folder)/metadata") == nil)
        try Registry.begin(in: RehearsalStorage(storage), keys: keys)
        try Registry.begin(in: storage, [own.given], keys: keys)
        var registry = try Registry(opening: folder, keys: keys, now: SampleRegistry.now)
        #expect(try registry.takeProposals().left.map(\.place) == ["proposals/0.json"])
        #expect(try registry.commit(keys: keys).isCommitted)
    }

    private func missing() throws -> [String] {
        try ProposalFile("\(folder)/proposals/1.root.json").review(trusting: nil).standing.authorities.map(\.sentence)
    }

    /// Who signs a first root signs for no other repository from then on.
    @Test func holdersKeepTheRootThatTheySigned() throws {
        let (holder, bob) = try holder("bob", .ed25519)
        let (_, carol) = try self.holder("carol", .ed25519)
        let founding = FoundingKeys(keys: [.root: [bob, carol]], thresholds: [.root: 2])
        _ = try create(founding)
        let other = "\(scratch.folder)/other"
        let mallory = KeyFolder("\(scratch.folder)/mallory")
        let later = SampleRegistry.now.advanced(by: .seconds(60))
        _ = try Registry.create(at: other, keys: mallory, founding: founding, now: later)

        var file = try ProposalFile("\(folder)/proposals/1.root.json")
        _ = try file.sign(with: holder, after: try file.review(trusting: try holder.trustedRoot()))
        #expect(try file.keepFirstRoot(beside: holder) == holder.trustedRootPath)
        let kept = try holder.trustedRoot()
        #expect(kept == file.proposal.metadata.encoded())
        let foreign = try ProposalFile("\(other)/proposals/1.root.json")
        #expect(throws: ProposalError.otherRepository(role: .root, version: 1)) {
            try foreign.review(trusting: try holder.trustedRoot())
        }
        #expect(try foreign.keepFirstRoot(beside: holder) == nil, "never another")
        #expect(try holder.trustedRoot() == kept)
        _ = try file.review(trusting: kept)
    }

    @Test func leavesTheKeepersPartToTheKeeper() throws {
        let (keeper, key) = try holder("keeper", .p256)
        let created = try create(FoundingKeys(keys: [.snapshot: [key], .timestamp: [key]]))
        #expect(created.waiting.isEmpty)
        #expect(created.lacking == ["snapshot", "timestamp"])
        #expect(throws: (any Error).self) { try refresh() }
        var registry = try Registry(opening: folder, now: SampleRegistry.now)
        #expect(try registry.commit(keys: keeper).isCommitted)
        _ = try refresh()
    }

    @Test func makesNothingWhereAThresholdCannotBeReached() throws {
        let (_, bob) = try holder("bob", .p256)
        for founding in [
            FoundingKeys(thresholds: [.targets: 2]), FoundingKeys(keys: [.targets: [bob]], thresholds: [.targets: 2]),
            FoundingKeys(keys: [.targets: [bob, bob]]),
        ] {
            #expect(throws: KeyAssignmentError.self) { try create(founding) }
            #expect(try FileSystem.status(of: folder) == nil)
            #expect(try FileSystem.status(of: "\(scratch.folder)/keys") == nil)
        }
    }

    @Test func isNotMadeTwice() throws {
        let (_, bob) = try holder("bob", .p256)
        _ = try create(FoundingKeys(keys: [.root: [bob]]))
        #expect(throws: RegistryError.exists(path: folder)) { try create(FoundingKeys()) }
    }
}
