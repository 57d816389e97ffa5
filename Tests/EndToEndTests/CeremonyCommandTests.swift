import FileSystem
import JSON
import Processes
import Testing

/// Signing by several holders, with the commands that they type: each has a folder with their own key and the first root.
/// What comes of it is judged by python-tuf's client and by ours.
@Suite(.programs, .oneByOne) struct CeremonyCommandTests {
    private static let waiting = "repo/proposals/3.deployments-prod.json"

    private static func holder(_ name: String, of repository: JudgedRepository) throws {
        _ = try repository.scratch.folder(name)
        try repository.run("key generate --out \(name)/\(name).pem")
        try repository.scratch.copy(repository.scratch("repo/metadata/1.root.json"), as: "\(name)/1.root.json")
    }

    /// Alice, bob and carol hold the root, of whom two must sign.
    private static func repository() throws -> JudgedRepository {
        let repository = try JudgedRepository()
        try repository.run("repo init repo --keys keys")
        for name in ["alice", "bob", "carol"] { try holder(name, of: repository) }
        let people = ["alice", "bob", "carol"].map { "--key \($0)=\($0)/\($0).pub" }.joined(separator: " ")
        try repository.run("repo delegate repo --role root \(people) --threshold 2 --keys keys")
        for name in ["alice", "bob"] { try repository.run("repo sign repo/proposals/2.root.json --keys \(name)") }
        try repository.run("repo commit repo --keys keys")
        #expect(try repository.judge().versions["root"] == 2)
        return repository
    }

    private func json(_ result: ProcessResult) throws -> JSONValue {
        try JSONValue.parse(result.standardOutput, limits: .document)
    }

    @Test func aKeyOfTheRootIsReplacedByThoseWhoHoldIt() throws {
        let repository = try Self.repository()
        try Self.holder("dave", of: repository)
        try repository.run("repo rotate repo --role root --old bob --new dave=dave/dave.pub --keys alice")
        let place = "repo/proposals/3.root.json"
        // Two copies go by mail. Bob's own signature would still count for the root before, and dave's for the new one.
        try repository.scratch.copy(repository.scratch(place), as: "carol.json")
        try repository.scratch.copy(repository.scratch(place), as: "dave.json")
        let status = try json(repository.run("repo status carol.json --root alice/1.root.json --json"))
        let authorities = try #require(status["authorities"]?.arrayValue)
        #expect(authorities.map { $0["name"]?.stringValue } == ["root version 2", "itself"])
        #expect(authorities.map { $0["lacking"]?.integerValue } == [1, 1])
        let signed = try repository.run("repo sign carol.json --keys carol")
        #expect(signed.errorText.contains("root: bob (") && signed.errorText.contains(") signs no more, key id "))
        #expect(signed.errorText.contains("root: dave (") && signed.errorText.contains(") may sign from now on"))
        #expect(try repository.run("repo sign carol.json --keys carol").errorText.contains("it was signed already"))
        // Bob is asked by the root before, the keeper by nobody.
        let refused = try repository.run("repo sign carol.json --key keys/timestamp.pem", expecting: [77])
        #expect(refused.errorText.contains("none of the keys here is asked to sign root version 3"))

        try repository.run("repo sign dave.json --keys dave")
        let early = try repository.run("repo commit repo --keys keys --proposal dave.json", expecting: [11])
        #expect(early.errorText.contains("root version 3 is not signed by all who must"))
        #expect(early.errorText.contains("root version 2 asks for 2 of 3 keys: alice ("))
        #expect(try repository.judge().versions["root"] == 2)
        try repository.run("repo commit repo --keys keys --proposal carol.json --proposal dave.json")
        #expect(try repository.judge().versions["root"] == 3)
        // What bob signs from now on is nothing to anybody.
        try repository.run("repo propose repo --role root --keys alice")
        let late = try repository.run("repo sign repo/proposals/4.root.json --keys bob", expecting: [77])
        #expect(late.errorText.contains("none of the keys here is asked to sign root version 4; asked are"))
        try repository.run("repo sign repo/proposals/4.root.json --keys dave")
        let taken = try json(repository.run("repo commit repo --keys keys --json"))
        #expect(taken["taken"] == [["role": "root", "version": 4]])
        #expect(try repository.judge().versions["root"] == 4)
        try repository.run("repo verify repo --root alice/1.root.json")
    }

    @Test func aDeploymentToProductionIsApprovedByASecondPerson() throws {
        let repository = try Self.repository()
        let people = "--key alice=alice/alice.pub --key bob=bob/bob.pub --threshold 2"
        try repository.run("repo delegate repo --role deployments-prod \(people) --keys keys")
        // Until both have signed the channel anew, the keeper renews what is in effect.
        let before = try repository.judge()
        let unsigned = try repository.run("repo commit repo --keys keys", expecting: [11])
        #expect(unsigned.errorText.contains("deployments-prod has to be signed anew"))
        let renewed = try repository.judge()
        #expect((renewed.versions["timestamp"] ?? 0) > (before.versions["timestamp"] ?? 0))
        #expect(renewed.versions["targets"] == before.versions["targets"])
        for name in ["alice", "bob"] {
            try repository.run("repo sign repo/proposals/2.deployments-prod.json --keys \(name)")
        }
        try repository.run("repo commit repo --keys keys")

        try repository.scratch.copy(try #require(SmallBundles.shared.get().files[2]), as: "2.bundle.tar.zst")
        try repository.run("publish 2.bundle.tar.zst --to repo --keys keys")
        let published = try repository.judge()
        let site = "--endpoint controllable --channel prod"
        let deployed = try repository.run("deploy controllable@2 \(site) --reason better --to repo --keys alice --json")
        let answer = try json(deployed)
        #expect(answer["proposal"]?.stringValue == Self.waiting)
        #expect(answer["missing"]?[0]?.stringValue?.hasPrefix("bob (") == true)
        #expect(answer["isCommitted"] == false)
        #expect(deployed.errorText.contains("they run `edgepack repo sign \(Self.waiting) --keys KEYDIR`"))
        // One signature is nothing.
        #expect(try repository.run("repo commit repo --keys keys").errorText.contains("missing 1 of bob ("))
        #expect(try repository.judge().targets == published.targets)
        // Another wish has to wait.
        let second = "deploy --absent \(site) --reason moved --to repo --keys bob"
        #expect(try repository.run(second, expecting: [75]).errorText.contains("proposals/3.deployments-prod.json"))

        // Bob reads what it is at his terminal, says no, and then yes.
        for (reply, code) in [("n", Int32(1)), ("y", 0)] {
            let words = ["repo", "sign", repository.scratch(Self.waiting), "--keys", repository.scratch("bob")]
            let arguments = ["\(Programs.judges)/terminal.py", reply, "--", Programs.edgepack] + words
            let asked = try Programs.run(Programs.python, arguments)
            #expect(asked.status == .exited(code), "\(asked.outputText)")
            #expect(asked.outputText.contains("deployment 1 of controllable in prod: bundle controllable@2 for linux-"))
            #expect(asked.outputText.contains("reason: better; by "))
            #expect(asked.outputText.contains("sign this? [y/N]: "))
            #expect(asked.outputText.contains("nothing was signed") == (code == 1))
        }
        try repository.run("repo commit repo --keys keys")
        let approved = try repository.judge()
        let target = "deployments/prod/controllable/1.json"
        #expect(approved.targets == (published.targets + [target]).sorted())
        #expect(try FileSystem.names(in: repository.scratch("repo/proposals")).isEmpty)
        try repository.run("rollout repo \(site) --state running --keys keys")
        #expect(try repository.judge().targets.contains("rollouts/prod/controllable.json"))
        try repository.run("repo verify repo")
    }
}
