import Crypto
import Deployment
import FileSystem
import Testing
import WallClock

@testable import Registry
@testable import UpdateFramework

/// Who signs a role is changed by several: what that leaves unsigned waits beside it and is taken with it.
@Suite struct FollowingTests {
    private let sample: SampleRegistry

    /// A repository whose `targets` two of alice, bob and carol sign, with a deployment in effect.
    init() throws {
        sample = try SampleRegistry()
        for holder in ["alice", "bob", "carol", "erin", "frank"] {
            try FileSystem.createDirectories("\(sample.scratch.path)/\(holder)")
            _ = try keys(holder).make("\(sample.scratch.path)/\(holder)/\(holder).pem")
        }
        try sample.publishAndCommit(try sample.bundle("1"))
        try sample.deploy(SampleRegistry.request("sample@1"))
        var request = try request(.targets, "alice", "bob", "carol")
        request.threshold = 2
        let waiting = try #require(try sample.registry.delegate(request, keys: sample.keys).result.content.waiting)
        for holder in ["alice", "bob"] { try sign(waiting, holder) }
        #expect(try commit() == ["targets 2"])
    }

    private func keys(_ holder: String) -> KeyFolder { KeyFolder("\(sample.scratch.path)/\(holder)") }

    private func key(_ holder: String) throws -> MetadataKey {
        let path = KeyFile.publicPath(for: "\(sample.scratch.path)/\(holder)/\(holder).pem")
        return try MetadataKey(try KeyFile.readPublic(path), owner: holder)
    }

    private func request(_ role: RegistryRole, _ holders: String...) throws -> DelegationRequest {
        var request = DelegationRequest(role)
        request.keys = try holders.map(key)
        request.threshold = holders.count
        return request
    }

    /// Reads as its signer does, and signs. Returns what was read.
    @discardableResult
    private func sign(_ waiting: WaitingProposal, _ holder: String) throws -> Proposal.Review {
        var file = try ProposalFile("\(sample.folder)/\(waiting.place)")
        let root = try FileSystem.read("\(sample.folder)/metadata/1.root.json", limit: 1 << 20)
        let review = try file.review(trusting: root)
        #expect(try file.sign(with: keys(holder), after: review).count == 1)
        return review
    }

    /// Returns what was taken; what can be in effect is.
    private func commit(_ given: String...) throws -> [String] {
        sample.registry = try Registry(opening: sample.folder, now: SampleRegistry.now)
        let files = try given.map { try ProposalFile("\(sample.folder)/\($0)").given }
        let taken = try sample.registry.takeProposals(files)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        return taken.taken.map { "\($0.role) \($0.version)" }
    }

    private func delegate(_ request: DelegationRequest) throws -> (proposal: WaitingProposal, content: WaitingProposal)
    {
        let changed = try sample.registry.delegate(request, keys: keys("alice"))
        return (try #require(changed.effect.waiting), try #require(changed.result.content.waiting))
    }

    @Test(arguments: [true, false])
    func aRolesNewHoldersSignBesideItsDelegator(isContentFirst: Bool) throws {
        let store = MemoryMetadataStore()
        let before = try sample.paths(below: "deployments", store)
        #expect(before == ["deployments/prod/sorter/1.json"])
        let (proposal, content) = try delegate(try request(.deployments(.prod), "erin", "frank"))
        #expect(proposal.place == "proposals/3.targets.json")
        #expect(content.place == "proposals/3.deployments-prod.json")
        #expect(content.standing.authorities.map(\.name) == ["targets version 3"])
        #expect(content.standing.wanted.compactMap(\.owner) == ["erin", "frank"])
        let steps = [(content, "frank"), (proposal, "carol"), (content, "erin")]
        for (waiting, holder) in isContentFirst ? steps : steps.reversed() { try sign(waiting, holder) }
        #expect(try commit() == ["targets 3", "deployments-prod 3"])
        #expect(try sample.paths(below: "deployments", store) == before)
        #expect(try FileSystem.names(in: "\(sample.folder)/proposals") == [])
    }

    @Test func whatWouldBlockEverybodyWaitsForItsFollower() throws {
        let (proposal, content) = try delegate(try request(.deployments(.prod), "erin", "frank"))
        try sign(proposal, "bob")
        try sign(content, "erin")
        sample.registry = try Registry(opening: sample.folder, now: SampleRegistry.now)
        let taken = try sample.registry.takeProposals()
        #expect(taken.taken == [])
        #expect(taken.waiting.map(\.place) == [content.place])
        #expect(taken.waiting.first?.standing.wanted.compactMap(\.owner) == ["frank"])
        let held = try #require(taken.left.first)
        #expect(held.place == proposal.place && held.reason.contains("missing 1 of frank"), "\(held)")
        // Nobody is held up meanwhile.
        try sample.publishAndCommit(try sample.bundle("2"))
        try sign(content, "frank")
        #expect(try commit() == ["targets 3", "deployments-prod 3"])
    }

    @Test func inAnEmergencyTheDelegatorIsTakenAlone() throws {
        let (proposal, content) = try delegate(try request(.deployments(.prod), "erin", "frank"))
        try sign(proposal, "bob")
        sample.registry = try Registry(opening: sample.folder, now: SampleRegistry.now)
        let given = try ProposalFile("\(sample.folder)/\(proposal.place)").given
        #expect(try sample.registry.takeProposals([given]).taken.map(\.role) == ["targets"])
        guard case .renewed(_, let unsigned) = try sample.registry.commit(keys: sample.keys) else {
            Issue.record("the role's content is not signed by its new keys")
            return
        }
        #expect(Array(unsigned.keys) == ["deployments-prod"])
        for holder in ["erin", "frank"] { try sign(content, holder) }
        #expect(try commit() == ["deployments-prod 3"])
    }

    @Test func newHoldersReadInWordsWhatTheySign() throws {
        let content = try delegate(try request(.deployments(.prod), "erin")).content
        let review = try sign(content, "erin")
        #expect(review.notes.contains { $0.contains("follow a version of targets") }, "\(review.notes)")
        #expect(!review.notes.contains { $0.contains("not brought along") }, "\(review.notes)")
        let words = review.changes.joined(separator: "\n")
        #expect(words.contains("lists deployments/prod/sorter/1.json"), "\(words)")
        #expect(words.contains("sample@1") && words.contains("a test"), "\(words)")
    }

    @Test func aNewRoleBeginsWithItsDelegation() throws {
        var request = try request(DelegateTests.role("sorting"), "erin")
        request.paths = [PathPattern("bundles/sample/*/*")]
        let (proposal, content) = try delegate(request)
        #expect(content.place == "proposals/1.sorting.json")
        try sign(content, "erin")
        #expect(try commit() == [], "nobody delegates to it")
        try sign(proposal, "carol")
        #expect(try commit() == ["targets 3", "sorting 1"])
        #expect(try sample.paths(below: "bundles").count == 1)
    }

    @Test func aKeyOfSomebodyElseIsPutInPlaceByOneCommit() throws {
        let new = Registry.NewKey(key: try KeyFile.readPublic("\(sample.scratch.path)/erin/erin.pub"), owner: "erin")
        let rotated = try sample.registry.rotate(.bundles, new: new, keys: keys("alice"))
        let (proposal, content) = (try #require(rotated.effect.waiting), try #require(rotated.content.waiting))
        try sign(proposal, "bob")
        try sign(content, "erin")
        #expect(try commit() == ["targets 3", "bundles 3"])
        #expect(try sample.paths(below: "bundles").count == 1)
    }

    @Test func otherKeysOfTargetsFollowAProposedRoot() throws {
        let rooted = try sample.registry.delegate(request(.root, "alice", "bob"), keys: sample.keys)
        try sign(try #require(rooted.effect.waiting), "alice")
        try sign(try #require(rooted.effect.waiting), "bob")
        #expect(try commit() == ["root 3"])
        let (proposal, content) = try delegate(try request(.targets, "erin"))
        #expect([proposal.place, content.place] == ["proposals/4.root.json", "proposals/3.targets.json"])
        try sign(content, "erin")
        try sign(proposal, "bob")
        #expect(try commit() == ["root 4", "targets 3"])
        #expect(try sample.paths(below: "deployments").count == 1)
    }

    @Test func whatFollowsIsTakenBackWithWhatItFollows() throws {
        _ = try delegate(try request(.deployments(.prod), "erin", "frank"))
        #expect(try sample.registry.withdraw(.targets) == "proposals/3.targets.json")
        #expect(try FileSystem.names(in: "\(sample.folder)/proposals") == [])
        let again = try delegate(try request(.deployments(.prod), "erin"))
        #expect(again.content.standing.wanted.compactMap(\.owner) == ["erin"])
    }
}
