import Crypto
import Digest
import FileSystem
import JSON
import Testing
import WallClock

@testable import UpdateFramework

/// What somebody may do to a proposal on its way to the person who is to sign it, and what that person is told.
@Suite struct ProposalJudgementTests {
    private typealias Fixture = CeremonyFixture

    private func expectRefused(
        _ fixture: Fixture,
        _ proposal: Proposal,
        _ words: String,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        do {
            _ = try fixture.review(proposal)
            Issue.record("it was not refused", sourceLocation: location)
        } catch let error as ProposalError {
            #expect(error.message.contains(words), "\(error.message)", sourceLocation: location)
        }
    }

    private func text(_ bytes: [UInt8]) -> JSONValue { .string(String(decoding: bytes, as: UTF8.self)) }

    /// To Swift two spellings of one letter are one; to who signs them they are not.
    @Test func aDocumentInAnotherSpellingIsAnotherDocument() throws {
        let fixture = try Fixture()
        let document = try Fixture.document("r\u{E9}gle", "a rule")
        let staged = try fixture.editor.stage(.targets, expires: Fixture.later, documents: [document]) {
            $0.targets[document.path.text] = document.file
        }
        let proposal = try fixture.editor.proposal(staged)
        var metadata = try JSONValue.parse(proposal.metadata.encoded(), limits: .document)
        let other: JSONValue = ["length": 1, "hashes": ["sha256": .string(String(repeating: "0", count: 64))]]
        metadata.set(other, "signed", "targets", "re\u{301}gle")
        let forged = try Fixture.forged(proposal, "metadata", text(metadata.compactBytes()))
        try expectRefused(fixture, forged, "doesn't bring it along")
        // The same file under both names, brought along under both: both are said.
        metadata.set(metadata["signed"]?["targets"]?["r\u{E9}gle"], "signed", "targets", "re\u{301}gle")
        var both = try Fixture.forged(proposal, "metadata", text(metadata.compactBytes()))
        let second = try Fixture.document("re\u{301}gle", "a rule")
        both = Proposal(metadata: both.metadata, context: both.context, documents: [document, second])
        #expect(try fixture.review(both).changes.count { $0.hasPrefix("lists r") } == 2)
    }

    // MARK: the chain of trust

    @Test func aProposalOfAnotherRepositoryIsRefused() throws {
        let fixture = try Fixture()
        // The same keys, and another first root.
        let other = try Fixture(rootExpires: Fixture.later.advanced(by: .seconds(1)))
        let proposal = try other.targetsProposal(by: [Fixture.dave])
        #expect(throws: ProposalError.otherRepository(role: .targets, version: 2)) { try fixture.review(proposal) }
        #expect(throws: ProposalError.noTrustedRoot(role: .targets, version: 2)) { try proposal.review(pinned: nil) }
        #expect(throws: ProposalError.noTrustedRoot(role: .root, version: 2)) {
            try other.rootProposal().review(pinned: nil)
        }
    }

    @Test func aRootThatWasKeptBeforeAllHadSignedIsTheSame() throws {
        let fixture = try Fixture()
        var early = try MetadataDocument(try Fixture.firstRoot(), role: .root)
        try early.sign(with: Fixture.carol)
        let review = try fixture.targetsProposal().review(pinned: early.encoded())
        #expect(review.notes == ["trusted by root version 1"])
    }

    @Test func aLaterRootOfTheChainCanBeTrusted() throws {
        let fixture = try Fixture()
        try fixture.editor.accept(try fixture.rootProposal(by: [Fixture.alice, Fixture.bob]))
        let second = try FileSystem.read("\(fixture.path)/metadata/2.root.json", limit: 1 << 20)
        let proposal = try Fixture.travelled(try fixture.targetsProposal())
        #expect(try proposal.review(pinned: second).standing.authorities.map(\.name) == ["root version 2"])
        #expect(try fixture.review(proposal).notes == ["trusted by root version 2"])
    }

    @Test func rootsThatDontFollowEachOtherAreRefused() throws {
        let fixture = try Fixture()
        let first = try fixture.firstRootBytes()
        try fixture.editor.accept(try fixture.rootProposal(by: [Fixture.alice, Fixture.bob]))
        let proposal = try fixture.targetsProposal()
        var stolen = try RootMetadata(expires: Fixture.later) { _ in
            (try Fixture.publicKeys([Fixture.stranger]), 1)
        }
        stolen.header.version = 2
        var document = try MetadataDocument(stolen, role: .root)
        try document.sign(with: Fixture.stranger)
        let forged = try Fixture.forged(proposal, "roots", [text(first), text(document.encoded())])
        try expectRefused(fixture, forged, "root version 2 is signed by 0 of the 2 keys that root version 1 asks for")
        let gap = try Fixture.forged(proposal, "roots", [text(first), text(first)])
        try expectRefused(fixture, gap, "root has version 1, but the chain of roots asks for version 2")
        let none = try Fixture.forged(proposal, "roots", [])
        #expect(throws: ProposalError.self) { try fixture.review(none) }
    }

    /// The builder's own idea of who delegates.
    private func forgedTargets(by signers: [PrivateKeySigner]) throws -> [UInt8] {
        var metadata = TargetsMetadata(version: 9, expires: Fixture.later)
        var delegations = Delegations()
        let role = try #require(DelegatedRole(Fixture.bundles, paths: [PathPattern("*/*/*")]))
        try delegations.delegate(to: role, keys: try Fixture.publicKeys([Fixture.stranger]))
        metadata.delegations = delegations
        var document = try MetadataDocument(metadata, role: .targets)
        for signer in signers { try document.sign(with: signer) }
        return document.encoded()
    }

    private func bundleProposal(_ fixture: Fixture) throws -> Proposal {
        let document = try Fixture.document("bundles/digits/2", "two")
        let staged = try fixture.editor.stage(Fixture.bundles, expires: Fixture.later, documents: [document]) {
            $0.targets[document.path.text] = document.file
        }
        return try fixture.editor.proposal(staged)
    }

    /// With the document that was listed before.
    private static func bringingAll(_ proposal: Proposal) throws -> Proposal {
        let first = try Fixture.document("bundles/digits/1", "one")
        return Proposal(
            metadata: proposal.metadata,
            context: proposal.context,
            documents: proposal.documents + [first]
        )
    }

    @Test func aKeyUnderAnIDThatIsNotItsOwnIsRefused() throws {
        let fixture = try Fixture()
        let staged = try fixture.editor.stage(.targets, expires: Fixture.later) { targets in
            let role = try #require(targets.delegations?[Fixture.bundles])
            try targets.delegations?.delegate(to: role, keys: try Fixture.publicKeys([Fixture.stranger]))
        }
        let proposal = try fixture.editor.proposal(staged)
        let (real, other) = (Fixture.stranger.key.id, Fixture.builder.key.id)
        let bytes = String(decoding: try proposal.encoded(), as: UTF8.self).replacing(real, with: other)
        let forged = try Proposal(parsing: Array(bytes.utf8), place: "mail")
        #expect {
            try fixture.review(forged)
        } throws: {
            "\($0)".contains("has an id that isn't the digest of the key")
        }
    }

    @Test func delegatorsThatAreNotSignedAreRefused() throws {
        let fixture = try Fixture()
        let proposal = try bundleProposal(fixture)
        _ = try fixture.review(proposal)
        let forged = try Fixture.forged(
            proposal,
            "delegators",
            [["role": "targets", "metadata": text(try forgedTargets(by: [Fixture.stranger, Fixture.dave]))]]
        )
        try expectRefused(fixture, forged, "targets version 9 is signed by 1 of the 2 keys that root version 1")
        let lost = try Fixture.forged(proposal, "delegators", [])
        try expectRefused(fixture, lost, "no role delegates to bundles")
        // A ring of roles that vouch for each other leads to no root.
        let ring = try Fixture.forged(
            proposal,
            "delegators",
            [["role": "team", "metadata": text(try forgedTargets(by: [Fixture.stranger]))]]
        )
        try expectRefused(fixture, ring, "no role delegates to bundles")
    }

    @Test func whatIsOnlyAssumedIsSaidToBe() throws {
        let fixture = try Fixture()
        var proposal = try bundleProposal(fixture)
        proposal = try Fixture.forged(
            proposal,
            "delegators",
            [["role": "targets", "metadata": text(try forgedTargets(by: []))]]
        )
        proposal = try Fixture.forged(proposal, "assumed", ["targets"])
        // The version before may be made up as well, so nothing is known by it.
        #expect(throws: ProposalError.documentMissing(path: "bundles/digits/1")) { try fixture.review(proposal) }
        proposal = try Self.bringingAll(proposal)
        let review = try fixture.review(proposal)
        #expect(review.changes.contains { $0.hasPrefix("lists bundles/digits/1") })
        #expect(review.notes.contains { $0.contains("can only follow a version of targets that is itself not signed") })
        // A signature that was given under it counts for nothing.
        _ = try proposal.sign(with: [Fixture.stranger], after: review)
        var editor = fixture.editor
        #expect(throws: ProposalError.self) { try editor.accept(proposal) }
    }

    @Test func aVersionBeforeThatNobodySignedHidesNothing() throws {
        let fixture = try Fixture()
        let document = try Fixture.document("bundles/digits/2", "two")
        let proposal = try bundleProposal(fixture)
        #expect(try fixture.review(proposal).changes.count { $0.contains("bundles/digits/1") } == 0)
        // "It was there before", says whoever sends it.
        var before = TargetsMetadata(version: 1, expires: Fixture.later)
        before.targets[document.path.text] = document.file
        var unsigned = try MetadataDocument(before, role: Fixture.bundles)
        try unsigned.sign(with: Fixture.stranger)
        let forged = try Fixture.forged(proposal, "previous", text(unsigned.encoded()))
        #expect(throws: ProposalError.documentMissing(path: "bundles/digits/1")) { try fixture.review(forged) }
        before.targets["bundles/digits/1"] = fixture.editor.roles[Fixture.bundles]?.targets["bundles/digits/1"]
        unsigned = try MetadataDocument(before, role: Fixture.bundles)
        let unread = try Fixture.forged(proposal, "previous", text(unsigned.encoded()))
        #expect(throws: ProposalError.documentMissing(path: "bundles/digits/1")) { try fixture.review(unread) }
        let review = try fixture.review(try Self.bringingAll(unread))
        #expect(review.changes.contains { $0.hasPrefix("lists bundles/digits/2") })
        #expect(review.changes.contains { $0.hasPrefix("lists bundles/digits/1") })
        #expect(review.notes.contains { $0.contains("the version before can't be relied on") })
    }

    @Test func aVersionBeforeThatIsNewerIsRefused() throws {
        let fixture = try Fixture()
        let proposal = try bundleProposal(fixture)
        for _ in 0..<2 {
            try fixture.editor.publish(Fixture.bundles, expires: Fixture.later, signers: [Fixture.builder]) { _ in }
        }
        let newer = try FileSystem.read("\(fixture.path)/metadata/3.bundles.json", limit: 1 << 20)
        try expectRefused(fixture, try Fixture.forged(proposal, "previous", text(newer)), "rollback")
    }

    @Test func aPathThatTheRoleIsNotTrustedWithIsRefused() throws {
        let fixture = try Fixture()
        let document = try Fixture.document("deployments/prod", "evil")
        var metadata = TargetsMetadata(version: 2, expires: Fixture.later)
        metadata.targets[document.path.text] = document.file
        let staged = StagedMetadata.targets(try MetadataDocument(metadata, role: Fixture.bundles))
        let honest = try bundleProposal(fixture)
        let proposal = Proposal(metadata: staged, context: honest.context, documents: [document])
        try expectRefused(fixture, proposal, "role bundles is not trusted with deployments/prod")
    }

    // MARK: documents

    @Test func documentsAreWhatTheMetadataLists() throws {
        let fixture = try Fixture()
        let proposal = try fixture.targetsProposal()
        let other: JSONValue = ["path": "rules", "text": "b rule"]
        try expectRefused(
            fixture,
            try Fixture.forged(proposal, "documents", [other]),
            "rules is not what the metadata lists"
        )
        let honest: JSONValue = ["path": "rules", "text": "a rule"]
        try expectRefused(fixture, try Fixture.forged(proposal, "documents", [honest, honest]), "stands there twice")
        let extra: JSONValue = ["path": "more", "text": "more"]
        try expectRefused(
            fixture,
            try Fixture.forged(proposal, "documents", [honest, extra]),
            "more is not listed by the metadata"
        )
        #expect(throws: ProposalError.documentMissing(path: "rules")) {
            try fixture.review(try Fixture.forged(proposal, "documents", []))
        }
        let root = try fixture.rootProposal()
        try expectRefused(fixture, try Fixture.forged(root, "documents", [honest]), "stands beside a root")
        // Nor are they taken where all have signed.
        var signed = try Fixture.forged(proposal, "documents", [other])
        signed.metadata = try fixture.targetsProposal(by: [Fixture.dave, Fixture.erin]).metadata
        var editor = fixture.editor
        #expect(throws: ProposalError.self) { try editor.accept(signed) }
        #expect(try FileSystem.names(in: "\(fixture.path)/targets") == ["bundles"])
    }

    // MARK: the file

    struct BadFile: Sendable, CustomTestStringConvertible {
        let name: String
        let words: String
        let change: @Sendable (inout JSONObject) -> Void
        var testDescription: String { name }
    }

    static let badFiles: [BadFile] = [
        BadFile(name: "another format", words: "format: is not edge-proposal-1") { $0["format"] = "edge-proposal-2" },
        BadFile(name: "no format", words: "format: is missing") { $0["format"] = nil },
        BadFile(name: "another role of the same kind of metadata", words: "metadata is of type") {
            $0["role"] = "root"
        },
        BadFile(name: "a role that only the keeper signs", words: "never proposed") { $0["role"] = "timestamp" },
        BadFile(name: "a role with a slash", words: "can't be the name of a role") { $0["role"] = "../targets" },
        BadFile(name: "a role with an escape", words: "can't be the name of a role") { $0["role"] = "a\u{1b}[2J" },
        BadFile(name: "another version", words: "version: is 3, and that of the metadata is 2") { $0["version"] = 3 },
        BadFile(name: "metadata that is none", words: "targets metadata can't be used") { $0["metadata"] = "{}" },
        BadFile(name: "metadata as an object", words: "expected a string") { $0["metadata"] = [:] },
        BadFile(name: "roots that are no texts", words: "roots") { $0["roots"] = [1] },
        BadFile(name: "a document outside of everything", words: "can't be the path of a target") {
            $0["documents"] = [["path": "../rules", "text": "a"]]
        },
        BadFile(name: "one delegator twice", words: "stands there twice") {
            $0["delegators"] = [["role": "a", "metadata": "{}"], ["role": "a", "metadata": "{}"]]
        },
    ]

    @Test(arguments: badFiles)
    func aFileThatIsNoProposalIsRefused(bad: BadFile) throws {
        let fixture = try Fixture()
        let bytes = try fixture.targetsProposal().encoded()
        var object = try #require(try JSONValue.parse(bytes, limits: JSONLimits(bytes: bytes.count)).objectValue)
        bad.change(&object)
        do {
            _ = try Proposal(parsing: JSONValue.object(object).compactBytes(), place: "mail")
            Issue.record("it was not refused")
        } catch {
            #expect(error.message.hasPrefix("mail is no proposal that can be used: "))
            #expect(error.message.contains(bad.words), "\(error.message)")
        }
    }

    @Test func duplicateKeysAndGreatSizesAreRefused() throws {
        let fixture = try Fixture()
        let text = String(decoding: try fixture.targetsProposal().encoded(), as: UTF8.self)
        let twice = text.replacing("\"version\": 2", with: "\"version\": 2,\n  \"version\": 2")
        #expect(twice != text)
        #expect(throws: ProposalError.self) { try Proposal(parsing: Array(twice.utf8), place: "mail") }
        // Inside of the metadata, too.
        let inner = text.replacing("\\\"_type\\\":", with: "\\\"_type\\\":\\\"targets\\\",\\\"_type\\\":")
        #expect(inner != text)
        #expect(throws: ProposalError.self) { try Proposal(parsing: Array(inner.utf8), place: "mail") }
        let large = [UInt8](repeating: UInt8(ascii: " "), count: Proposal.limitBytes + 1)
        #expect(throws: ProposalError.tooLarge(place: "mail", limitBytes: Proposal.limitBytes)) {
            try Proposal(parsing: large, place: "mail")
        }
        #expect(throws: ProposalError.self, "metadata is limited as a client limits it") {
            let note = String(repeating: "x", count: UpdateLimits().targetsBytes)
            let path = try #require(TargetPath("rules"))
            let fat = NewDocument([1], as: path, custom: ["note": .string(note)])
            let staged = try fixture.editor.stage(.targets, expires: Fixture.later, documents: [fat]) {
                $0.targets["rules"] = fat.file
            }
            let proposal = Proposal(metadata: staged.metadata, context: ProposalContext(roots: []))
            _ = try Proposal(parsing: try proposal.encoded(), place: "mail")
        }
    }

    // MARK: words

    @Test func aChangeOfKeysIsSaidByTheirHoldersNames() throws {
        let fixture = try Fixture()
        let proposal = try fixture.rootProposal { root in
            let keys = try Fixture.publicKeys([Fixture.alice, Fixture.bob, Fixture.stranger])
            try root.setKeys(keys, threshold: 3, for: .root)
        }
        let changes = try fixture.review(proposal).changes
        #expect(changes.contains("root: \(Fixture.carol.key.label) signs no more, key id \(Fixture.carol.key.id)"))
        #expect(
            changes.contains(
                "root: \(Fixture.stranger.key.label) may sign from now on, key id \(Fixture.stranger.key.id)"
            )
        )
        #expect(changes.contains { $0.hasPrefix("root: signed by 3 of 3: ") && $0.hasSuffix("instead of 2 of 3") })
        #expect(changes.contains { $0.hasPrefix("good until ") })
        #expect(!changes.contains { $0.hasPrefix("targets:") || $0.hasPrefix("timestamp:") })
    }

    @Test func aChangeOfDelegationsIsSaid() throws {
        let fixture = try Fixture()
        let team = RoleName(known: "bundles-red")
        let staged = try fixture.editor.stage(.targets, expires: Fixture.later) { targets in
            var role = try #require(targets.delegations?[Fixture.bundles])
            role.scope = .paths([PathPattern("bundles/*/*"), PathPattern("*")])
            try targets.delegations?.delegate(to: role, keys: try Fixture.publicKeys([Fixture.stranger]))
            let red = try #require(DelegatedRole(team, paths: [PathPattern("bundles/red/*")], isTerminating: true))
            try targets.delegations?.delegate(to: red, keys: try Fixture.publicKeys([Fixture.carol]))
        }
        let changes = try fixture.review(try fixture.editor.proposal(staged)).changes
        #expect(changes.contains("bundles: for bundles/*/*, *, before for bundles/*/*"))
        #expect(changes.contains { $0.hasPrefix("bundles: \(Fixture.builder.key.label) signs no more") })
        let carol = Fixture.carol.key.label
        #expect(
            changes.contains("delegates to bundles-red, as the last: for bundles/red/*, signed by 1 of 1: \(carol)")
        )
        #expect(changes.contains { $0.contains("what bundles-red doesn't list is looked for nowhere else") })
        #expect(changes.contains("  \(carol) has the key id \(Fixture.carol.key.id)"))
        #expect(changes.count == 7, "\(changes)")
    }

    @Test func whatHasNoWordsIsShownAsItIs() throws {
        let fixture = try Fixture()
        let proposal = try fixture.targetsProposal()
        guard case .targets(let document) = proposal.metadata else { return }
        var body = try #require(document.body.json.objectValue)
        body["x-evil"] = ["run": "\u{1b}[2Jrm"]
        var rules = try #require(body["targets"]?["rules"]?.objectValue)
        rules["custom"] = ["note": "custom \u{202e}words"]
        rules["x-else"] = 7
        body["targets"] = ["rules": .object(rules)]
        let signed = JSONValue.object(["signatures": [], "signed": .object(body)])
        let forged = try Fixture.forged(proposal, "metadata", text(signed.compactBytes()))
        let changes = try fixture.review(forged).changes
        #expect(changes.contains { $0.contains("\"x-evil\"") && $0.contains(#"\u001b[2Jrm"#) }, "\(changes)")
        #expect(changes.contains { $0.contains("custom \\u{202E}words") }, "\(changes)")
        #expect(changes.contains { $0.contains("\"x-else\"") })
        #expect(changes.contains { $0.contains("in full: a rule") })
        for line in changes { #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x202E }) }
    }

    @Test func documentsAreExplainedByWhoeverKnowsThem() throws {
        let fixture = try Fixture()
        let proposal = try fixture.targetsProposal()
        let review = try proposal.review(pinned: try fixture.firstRootBytes()) { change, attachments in
            #expect(attachments.isEmpty && change.old == nil)
            return ["\(change.path) says \(String(decoding: change.contents ?? [], as: UTF8.self))\u{7}"]
        }
        #expect(review.changes.contains("  rules says a rule\\u{7}"))
        let digest = SHA256.digest(Array("a rule".utf8)).hex
        #expect(review.changes.contains("lists rules, 6 bytes, sha256:\(digest)"))
        #expect(review.changes.contains { $0.contains("in full") } == false)
    }
}
