import FileSystem
import JSON
import Processes
import Testing

/// Two teams with roles of their own beside the general ones, as their holders, a box and python-tuf find it.
@Suite(.programs, .oneByOne) struct TeamTests {
    private static let site = ["--endpoint", "digits", "--channel", "prod"]
    private static let judge = "\(Programs.repository)/Tests/UpdateFrameworkTests/judges/read_repository.py"

    private let scratch: Scratch

    /// A repository `repo` with its `keys`, and `olga` and `pavel` with a key each, in folders of their own.
    init() throws {
        scratch = try Scratch()
        try pack(["repo", "init", "repo", "--keys", "keys"])
        for holder in ["olga", "pavel"] {
            try FileSystem.createDirectories(scratch(holder))
            try pack(["key", "generate", "--out", "\(holder)/\(holder).pem"])
            try scratch.copy(scratch("keys/1.root.json"), as: "\(holder)/1.root.json")
        }
    }

    @discardableResult
    private func pack(_ words: [String]) throws -> String {
        try Programs.succeed(Programs.edgepack, words, in: scratch.path)
    }

    private func run(_ words: [String]) throws -> ProcessResult {
        try Programs.run(Programs.edgepack, words, in: scratch.path)
    }

    private func json(_ words: [String]) throws -> JSONValue {
        try JSONValue.parse(Array(try pack(words + ["--json"]).utf8), limits: .document)
    }

    /// What python-tuf's client says of these targets.
    private func pythonTUF(_ targets: String...) throws -> ProcessResult {
        let client = scratch("client-\(targets.joined().utf8.count)")
        let arguments = [Self.judge, scratch("repo/metadata"), scratch("repo/targets"), client]
        return try Programs.run(Programs.python, arguments + targets)
    }

    /// Gives the two teams their roles and has them sign, so that all is in effect.
    private func makeTeams() throws {
        let paths = ["bundles/digits/*/*", "deployments/prod/digits/*", "rollouts/prod/digits.json"]
        let vision = ["--role", "vision", "--key", "olga=olga/olga.pub", "--keys", "keys"]
        try pack(["repo", "delegate", "repo"] + vision + paths.flatMap { ["--path", $0] })
        let speech = ["--role", "speech", "--path", "bundles/words/*/*", "--path", "deployments/prod/words/*"]
        try pack(["repo", "delegate", "repo"] + speech + ["--key", "pavel=pavel/pavel.pub", "--keys", "keys"])
        try pack(["repo", "refresh", "repo", "--role", "vision", "--keys", "olga"])
        try pack(["repo", "refresh", "repo", "--role", "speech", "--keys", "pavel"])
        try pack(["repo", "commit", "repo", "--keys", "keys"])
    }

    @Test func aBoxRunsWhatATeamDeploysWithItsOwnKey() throws {
        try makeTeams()
        let example = try Example.native.get()
        let publishing = ["--to", "repo", "--keys", "olga"]
        try pack(["publish", example.signed] + publishing)
        let deployed = try json(
            ["deploy", "digits@1", "--soak", "0", "--reason", "ours", "--role", "vision"] + Self.site + publishing
        )
        #expect(deployed["path"]?.stringValue == "deployments/prod/digits/1.json")
        try pack(["repo", "commit", "repo", "--keys", "keys"])
        try pack(["repo", "verify", "repo"])
        let judged = try pythonTUF("deployments/prod/digits/1.json", "rollouts/prod/digits.json")
        #expect(judged.isSuccess, "\(judged.errorText)")

        let box = try AgentBox(scratch("repo"), root: scratch("repo/metadata/1.root.json"))
        try box.start()
        try box.waitUntilServing(1)
        let answer = try box.score("/v2/models/digits/infer", try example.request("seven"))
        #expect(answer.status == 200)
        try box.stop()
    }

    @Test func aTeamReachesNoOthersPaths() throws {
        try makeTeams()
        let example = try Example.native.get()
        // Without a role that may list it and of which a key is here, nothing is written.
        let before = try scratch.listing()
        let refused = try run(["publish", example.signed, "--to", "repo", "--keys", "pavel"])
        #expect(refused.status == .exited(66), "\(refused.errorText)")
        let forced = try run(["publish", example.signed, "--role", "speech", "--to", "repo", "--keys", "pavel"])
        #expect(forced.status == .exited(77), "\(forced.errorText)")
        #expect(forced.errorText.contains("vision, bundles are"), "\(forced.errorText)")
        let mistyped = try run(["publish", example.signed, "--role", "visoin", "--to", "repo", "--keys", "olga"])
        #expect(mistyped.status == .exited(66) && mistyped.errorText.contains("did you mean vision?"))
        #expect(try scratch.listing() == before)
    }

    @Test func aRoleThatIsTakenAwayIsFoundByNobody() throws {
        try makeTeams()
        try pack(["publish", Example.native.get().signed, "--to", "repo", "--keys", "olga"])
        try pack(["deploy", "digits@1", "--reason", "ours", "--to", "repo", "--keys", "olga"] + Self.site)
        try pack(["repo", "commit", "repo", "--keys", "keys"])
        let place = "deployments/prod/digits/1.json"
        #expect(try pythonTUF(place).isSuccess)

        let undelegate = ["repo", "undelegate", "repo", "--role", "vision", "--keys", "keys"]
        let before = try scratch.listing()
        let trial = try run(undelegate + ["--dry-run"])
        #expect(trial.isSuccess, "\(trial.errorText)")
        #expect(trial.errorText.contains("deployment 1 of digits in prod, which is in use"), "\(trial.errorText)")
        #expect(try scratch.listing() == before)

        let gone = try json(undelegate)
        #expect(gone["isCommitted"] == .boolean(true))
        #expect(gone["hidden"]?.arrayValue?.contains(.string(place)) == true, "\(gone)")
        // 3 is what the judge ends with where nothing is found.
        #expect(try pythonTUF(place).status == .exited(3))
        let late = try run(["deploy", "digits@1", "--reason", "x", "--to", "repo", "--keys", "olga"] + Self.site)
        #expect(!late.isSuccess)
    }

    @Test func aTeamsStolenKeyIsReplacedByAnother() throws {
        try makeTeams()
        try pack(["publish", Example.native.get().signed, "--to", "repo", "--keys", "olga"])
        try pack(["repo", "commit", "repo", "--keys", "keys"])
        try FileSystem.createDirectories(scratch("olga-2"))
        try pack(["key", "generate", "--out", "olga-2/olga.pem"])
        try scratch.copy(scratch("keys/1.root.json"), as: "olga-2/1.root.json")
        let rotate = ["repo", "rotate", "repo", "--role", "vision", "--old", "olga", "--new", "olga-2/olga.pub"]
        let rotated = try json(rotate + ["--keys", "keys"])
        #expect(rotated["new"]?["owner"]?.stringValue == "olga")
        #expect(
            rotated["content"]?["proposal"]?.stringValue?.hasSuffix("proposals/3.vision.json") == true,
            "\(rotated)"
        )
        let stolen = try run(
            ["deploy", "digits@1", "--reason", "x", "--role", "vision", "--to", "repo", "--keys", "olga"] + Self.site
        )
        #expect(stolen.status == .exited(66), "\(stolen.errorText)")
        try pack(["repo", "refresh", "repo", "--role", "vision", "--keys", "olga-2"])
        try pack(["repo", "commit", "repo", "--keys", "keys"])
        let names = try FileSystem.names(in: scratch("repo/targets/bundles/digits/1"))
        let name = try #require(names.first?.split(separator: ".", maxSplits: 1).last)
        #expect(try pythonTUF("bundles/digits/1/\(name)").isSuccess)
    }

    /// `targets` asks for two: what one begins waits for the other, and goes on where it was when it is run again.
    @Test func aRotationThatWaitsForASecondPersonGoesOn() throws {
        let both = ["--key", "olga=olga/olga.pub", "--key", "pavel=pavel/pavel.pub", "--threshold", "2"]
        let commit = ["repo", "commit", "repo", "--keys", "keys"]
        func sign(_ proposal: JSONValue?, _ holder: String) throws {
            try pack(["repo", "sign", try #require(proposal?.stringValue), "--yes", "--keys", holder])
        }
        let made = try json(["repo", "delegate", "repo", "--role", "targets", "--keys", "keys"] + both)
        #expect(made["proposal"] == .null, "the root's own key is here")
        let content = made["content"]?["proposal"]
        try sign(content, "olga")
        #expect(try run(commit).status == .exited(11), "nothing new comes into effect")
        try sign(content, "pavel")
        try pack(commit)

        let rotate = ["repo", "rotate", "repo", "--role", "bundles", "--keys", "olga"]
        let waiting = try json(rotate)
        #expect(waiting["isCommitted"] == .boolean(false) && waiting["retiredKey"] == .null)
        #expect(waiting["missing"]?.arrayValue?.count == 1, "\(waiting)")
        // Meanwhile the old key signs on.
        try pack(["publish", Example.native.get().signed, "--to", "repo", "--keys", "keys"])
        try sign(waiting["proposal"], "pavel")
        #expect(try run(commit).status == .exited(11), "the content is signed by the old key only")
        let done = try json(rotate)
        #expect(done["key"]?.stringValue == "olga/bundles.pem" && done["proposal"] == .null, "\(done)")
        #expect(done["new"] == waiting["new"])
        try pack(commit)
        let stolen = try run(["repo", "refresh", "repo", "--role", "bundles", "--keys", "keys"])
        #expect(stolen.status == .exited(77), "\(stolen.errorText)")
        try pack(["repo", "verify", "repo"])
        let names = try FileSystem.names(in: scratch("repo/targets/bundles/digits/1"))
        let name = try #require(names.first?.split(separator: ".", maxSplits: 1).last)
        #expect(try pythonTUF("bundles/digits/1/\(name)").isSuccess)
    }

    /// Two sign `targets`; whoever is to approve deployments from now on signs beside them, and one commit takes both.
    @Test func aProposedRolesHoldersSignBesideWhoDelegates() throws {
        let commit = ["repo", "commit", "repo", "--keys", "keys"]
        let both = ["--key", "olga=olga/olga.pub", "--key", "pavel=pavel/pavel.pub", "--threshold", "2"]
        func sign(_ proposal: JSONValue?, _ holder: String) throws {
            try pack(["repo", "sign", try #require(proposal?.stringValue), "--yes", "--keys", holder])
        }
        let first = try json(["repo", "delegate", "repo", "--role", "targets", "--keys", "keys"] + both)
        for holder in ["olga", "pavel"] { try sign(first["content"]?["proposal"], holder) }
        try pack(commit)

        let approval = ["repo", "delegate", "repo", "--role", "deployments-prod", "--keys", "olga"] + both
        let waiting = try json(approval)
        let content = waiting["content"]?["proposal"]
        #expect(content?.stringValue == "repo/proposals/2.deployments-prod.json", "\(waiting)")
        try sign(waiting["proposal"], "pavel")
        let held = try run(commit)
        #expect(held.isSuccess && held.errorText.contains("missing 1 of pavel"), "\(held.errorText)")
        try sign(content, "pavel")
        let taken = try run(commit)
        #expect(taken.isSuccess && taken.errorText.contains("took deployments-prod version 2"), "\(taken.errorText)")
        try pack(["repo", "verify", "repo"])
    }

    @Test func monitoringAndTheTimerNeedNoOthersKeys() throws {
        let check = ["repo", "check-expiry", "repo"]
        #expect(try run(check).isSuccess)
        let ahead = try run(check + ["--within", "2d", "--json"])
        #expect(ahead.status == .exited(10))
        let found = try JSONValue.parse(Array(ahead.outputText.utf8), limits: .document)
        let due = (found["roles"]?.arrayValue ?? []).filter { $0["isDue"] == .boolean(true) }
        #expect(due.compactMap { $0["role"]?.stringValue } == ["timestamp"], "\(ahead.outputText)")
        #expect(ahead.errorText.contains("timestamp expires"), "\(ahead.errorText)")

        try FileSystem.createDirectories(scratch("keeper"))
        for name in ["snapshot.pem", "timestamp.pem", "1.root.json"] {
            try scratch.copy(scratch("keys/\(name)"), as: "keeper/\(name)")
        }
        let refresh = ["repo", "refresh", "repo", "--keys", "keeper", "--if-expires-within"]
        let nothing = try run(refresh + ["1h"])
        #expect(nothing.isSuccess && nothing.errorText.contains("nothing to do"), "\(nothing.errorText)")
        let renewed = try json(refresh + ["2d"])
        #expect(renewed["isRenewed"] == .boolean(true) && renewed["others"] == .array([]))
        let named = try run(refresh + ["370d"])
        #expect(named.isSuccess)
        #expect(named.errorText.contains("repo refresh repo --role bundles"), "\(named.errorText)")
        let other = try run(["repo", "refresh", "repo", "--role", "bundles", "--keys", "keeper"])
        #expect(other.status == .exited(66), "\(other.errorText)")
    }
}
