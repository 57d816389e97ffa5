import Crypto
import Digest
import FileSystem
import JSON
import Testing
import WallClock

@testable import UpdateFramework

/// Versions of roles that wait for signatures, what their readers are told, and how they come into effect.
@Suite struct ProposalTests {
    private typealias Fixture = CeremonyFixture

    // MARK: signing apart

    @Test func whatTravelsIsWhatWasStaged() throws {
        let fixture = try Fixture()
        let proposal = try fixture.targetsProposal(by: [Fixture.dave])
        let read = try Fixture.travelled(proposal)
        #expect(read.saysTheSame(as: proposal))
        #expect(read.metadata.signatures == proposal.metadata.signatures)
        #expect(read.context == proposal.context)
        #expect(read.documents.map(\.contents) == [Array("a rule".utf8)])
        #expect(read.fileName == "2.targets.json")
    }

    @Test func copiesThatWereSignedApartAreOne() throws {
        let fixture = try Fixture()
        let staged = try fixture.targetsProposal()
        var (one, other) = (try Fixture.travelled(staged), try Fixture.travelled(staged))
        #expect(try one.sign(with: [Fixture.dave], after: try fixture.review(one)).count == 1)
        #expect(try other.sign(with: [Fixture.erin], after: try fixture.review(other)).count == 1)
        #expect(fixture.editor.standing(of: one).authorities.map(\.lacking) == [1])
        #expect(throws: ProposalError.self) { try fixture.editor.accept(one) }
        #expect(throws: ProposalError.self) { try fixture.editor.accept(other) }
        #expect(try fixture.names().contains("2.targets.json") == false)
        #expect(try FileSystem.names(in: "\(fixture.path)/targets") == ["bundles"])
        try one.merge(other, by: fixture.editor.authorities(over: one))
        try fixture.editor.accept(one)
        try fixture.reopen()
        #expect(fixture.editor.roles[.targets]?.version == 2)
        #expect(try FileSystem.names(in: "\(fixture.path)/targets").contains { $0.hasSuffix(".rules") })
        #expect(try fixture.editor.hasTaken(one))
    }

    @Test func signingTwiceIsOnce() throws {
        let fixture = try Fixture()
        var proposal = try fixture.targetsProposal(by: [Fixture.dave])
        let before = try proposal.encoded()
        #expect(try proposal.sign(with: [Fixture.dave], after: try fixture.review(proposal)).isEmpty)
        #expect(try proposal.encoded() == before)
    }

    @Test func aWorthlessSignatureTakesNoPlace() throws {
        let fixture = try Fixture()
        var spoilt = try fixture.targetsProposal(by: [Fixture.dave])
        // Somebody puts rubbish under the name of the one who has yet to sign, and under a name that nobody has.
        spoilt.metadata.signatures.append(MetadataSignature(keyID: Fixture.erin.key.id, bytes: [1, 2, 3]))
        spoilt.metadata.signatures.append(MetadataSignature(keyID: "nobody", bytes: [1]))
        var copy = try Fixture.travelled(spoilt)
        #expect(fixture.editor.standing(of: copy).wanted == [Fixture.erin.key])
        _ = try copy.sign(with: [Fixture.erin], after: try fixture.review(copy))
        #expect(fixture.editor.standing(of: copy).isComplete)
        try spoilt.merge(copy, by: fixture.editor.authorities(over: spoilt))
        #expect(fixture.editor.standing(of: spoilt).isComplete)
        var editor = fixture.editor
        try editor.accept(spoilt)
        let written = try FileSystem.read("\(fixture.path)/metadata/2.targets.json", limit: 1 << 20)
        #expect(!String(decoding: written, as: UTF8.self).contains("nobody"))
    }

    @Test func keysThatArentAskedForSignNothing() throws {
        let fixture = try Fixture()
        var proposal = try fixture.targetsProposal()
        let strangers = [Fixture.stranger, Fixture.alice, Fixture.builder]
        #expect(try proposal.sign(with: strangers, after: try fixture.review(proposal)).isEmpty)
        #expect(proposal.metadata.signatures.isEmpty)
    }

    @Test func aKeyUnderTwoIdsCountsOnce() throws {
        let fixture = try Fixture()
        let proposal = try fixture.rootProposal(by: [Fixture.alice]) { root in
            let key = try #require(Fixture.alice.key.publicKey())
            try root.setKeys([key], threshold: 2, for: .targets)
        }
        let named = try MetadataKey(try #require(Fixture.alice.key.publicKey()), owner: "alice")
        var table = fixture.editor.root.body.keys
        table[named.id] = named
        let twice = SigningAuthority(
            name: "root",
            roleKeys: RoleKeys(keyIDs: [Fixture.alice.key.id, named.id], threshold: 2),
            table: table
        )
        let authority = try #require(proposal.metadata.standing(by: [twice]).authorities.first)
        #expect(authority.signed.count == 1 && authority.missing.isEmpty && authority.lacking == 1)
        #expect(authority.sentence.hasSuffix("signed, and there is nobody else who could"))
    }

    // MARK: roots

    @Test func aNewRootIsSignedByTheKeysBeforeAndAfter() throws {
        let fixture = try Fixture()
        var proposal = try fixture.rootProposal(by: [Fixture.alice]) { root in
            let keys = try Fixture.publicKeys([Fixture.bob, Fixture.carol, Fixture.stranger])
            try root.setKeys(keys, threshold: 3, for: .root)
        }
        var standing = fixture.editor.standing(of: proposal)
        #expect(standing.authorities.map(\.name) == ["root version 1", "itself"])
        #expect(standing.authorities.map(\.lacking) == [1, 3])
        #expect(Set(standing.wanted.map(\.id)) == Set([Fixture.bob, Fixture.carol, Fixture.stranger].map(\.key.id)))
        _ = try proposal.sign(with: [Fixture.bob, Fixture.stranger], after: try fixture.review(proposal))
        standing = fixture.editor.standing(of: proposal)
        #expect(standing.authorities.map(\.lacking) == [0, 1])
        #expect(throws: ProposalError.self) { try fixture.editor.accept(proposal) }
        _ = try proposal.sign(with: [Fixture.carol], after: try fixture.review(proposal))
        try fixture.editor.accept(proposal)
        try fixture.reopen()
        #expect(fixture.editor.root.body.version == 2)
        #expect(fixture.editor.needSignature.isEmpty)
    }

    @Test func versionsFollowEachOther() throws {
        let fixture = try Fixture()
        let first = try fixture.rootProposal(by: [Fixture.alice, Fixture.bob])
        var ahead = fixture.editor.rehearsing()
        try ahead.accept(first)
        var staged = try ahead.stageRoot(expires: Fixture.later) { _ in }
        _ = try staged.sign(with: [Fixture.alice, Fixture.bob])
        let second = try ahead.proposal(staged)
        #expect(throws: ProposalError.gap(role: .root, version: 3, next: 2)) { try fixture.editor.accept(second) }
        #expect(try fixture.names().contains("2.root.json") == false, "the rehearsal wrote nothing")
        try fixture.editor.accept(first)
        try fixture.editor.accept(second)
        #expect(throws: ProposalError.self, "it is taken already") { try fixture.editor.accept(first) }
        #expect(try fixture.editor.hasTaken(first))
    }

    @Test func whatWasOvertakenIsStale() throws {
        let fixture = try Fixture()
        let both = [Fixture.dave, Fixture.erin]
        let slow = try fixture.targetsProposal("one rule", by: both)
        try fixture.editor.accept(try fixture.targetsProposal("another rule", by: both))
        #expect(throws: ProposalError.self) { try fixture.editor.accept(slow) }
        #expect(try !fixture.editor.hasTaken(slow))
        do { try fixture.editor.checkFollows(slow) } catch let error as ProposalError {
            #expect(error.message == "targets version 2 is stale: the repository has version 2 of it")
        }
        // A version that nobody could use takes a number all the same: it was not made from what is there now.
        let next = try fixture.targetsProposal("a third rule", by: both)
        try fixture.editor.publish(.targets, expires: Fixture.later, signers: both) { _ in }
        #expect(throws: ProposalError.self) { try fixture.editor.checkFollows(next) }
    }

    @Test func aRoleThatNobodyDelegatesToIsStale() throws {
        let fixture = try Fixture()
        var staged = try fixture.editor.stage(Fixture.bundles, expires: Fixture.later) { _ in }
        _ = try staged.sign(with: [Fixture.builder])
        let proposal = try fixture.editor.proposal(staged)
        try fixture.editor.publish(.targets, expires: Fixture.later, signers: [Fixture.dave, Fixture.erin]) {
            _ = $0.delegations?.undelegate(Fixture.bundles)
        }
        #expect(throws: ProposalError.self) { try fixture.editor.accept(proposal) }
    }

    // MARK: the first signatures of a repository

    @Test func aRepositoryBeginsWhenAllHaveSigned() throws {
        let folder = try TemporaryDirectory(prefix: "ceremony-tests")
        let storage = RepositoryDirectory(folder.path)
        var beginning = try RepositoryBeginning(root: try Fixture.firstRoot())
        let rules = try Fixture.document("rules", "a rule")
        try beginning.add(.targets, expires: Fixture.later, documents: [rules]) { try Fixture.delegate(&$0) }
        try beginning.add(Fixture.bundles, expires: Fixture.later)
        try beginning.sign(with: [Fixture.alice, Fixture.dave, Fixture.builder])
        #expect(!beginning.isComplete)
        #expect(throws: ProposalError.self) { try beginning.write(in: storage) }
        #expect(try storage.files(below: "metadata").isEmpty)
        var proposals = try beginning.proposals().map { try Fixture.travelled($0) }
        #expect(proposals.map(\.fileName) == ["1.root.json", "1.targets.json", "1.bundles.json"])
        #expect(throws: ProposalError.self) { try RepositoryEditor.begin(in: storage, with: proposals[0]) }
        for index in proposals.indices {
            let review = try proposals[index].review(pinned: nil)
            #expect(review.notes.first == "this is the beginning of a repository: nothing behind it is trusted yet")
            _ = try proposals[index].sign(with: [Fixture.bob, Fixture.erin], after: review)
        }
        var editor = try RepositoryEditor.begin(in: storage, with: proposals[0])
        for proposal in proposals.dropFirst() { try editor.accept(proposal) }
        try editor.commit(now: Fixture.now, lifetimes: Fixture.lifetimes, signers: [Fixture.keeper])
        let opened = try RepositoryEditor(opening: storage)
        #expect(opened.roles.keys.sorted() == [Fixture.bundles, .targets])
        #expect(throws: RepositoryError.exists) { try RepositoryEditor.begin(in: storage, with: proposals[0]) }
        // Who knows the root by now isn't shown another one.
        let root = try FileSystem.read("\(folder.path)/metadata/1.root.json", limit: 1 << 20)
        _ = try proposals[1].review(pinned: root)
        let other = try RepositoryBeginning(
            root: try RootMetadata(expires: Fixture.later) { _ in
                (try Fixture.publicKeys([Fixture.stranger]), 1)
            }
        )
        #expect(throws: ProposalError.otherRepository(role: .root, version: 1)) {
            try #require(other.proposals().first).review(pinned: root)
        }
    }

    @Test func aBeginningWhoseSignersAreAllHereIsWritten() throws {
        let folder = try TemporaryDirectory(prefix: "ceremony-tests")
        var beginning = try RepositoryBeginning(root: try Fixture.firstRoot())
        try beginning.add(.targets, expires: Fixture.later) { try Fixture.delegate(&$0) }
        try beginning.sign(with: [Fixture.alice, Fixture.carol, Fixture.dave, Fixture.erin])
        #expect(beginning.isComplete)
        let editor = try beginning.write(in: RepositoryDirectory(folder.path))
        #expect(editor.roles[.targets]?.version == 1)
        #expect(throws: RepositoryError.exists) { try beginning.write(in: RepositoryDirectory(folder.path)) }
    }

    // MARK: faults

    @Test func killedBetweenAnyTwoWritesItCanBeTakenAgain() throws {
        let both = [Fixture.dave, Fixture.erin]
        var writes = 0
        while true {
            let fixture = try Fixture()
            let proposal = try fixture.targetsProposal(by: both)
            let storage = FailingStorage(fixture.storage, after: writes)
            var editor = try RepositoryEditor(opening: storage)
            do {
                try editor.accept(proposal)
                break
            } catch is FailingStorage.Failure {}
            // It is not taken yet, or taken as a whole.
            try fixture.reopen()
            #expect(fixture.editor.rejected.isEmpty)
            if try !fixture.editor.hasTaken(proposal) { try fixture.editor.accept(proposal) }
            #expect(fixture.editor.roles[.targets]?.targets.keys.sorted() == ["rules"])
            writes += 1
        }
        #expect(writes == 2, "the document, then the role")
    }
}

/// Fails every write after some.
final class FailingStorage: RepositoryStorage {
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
