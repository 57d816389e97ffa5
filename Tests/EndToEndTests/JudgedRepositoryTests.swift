import FileSystem
import Processes
import Testing

/// Repositories as `edgepack` makes and changes them, which PyPI's `tuf` and our own client both follow from the first
/// root on: after each change they update, and download everything that is listed.
@Suite(.programs, .oneByOne) struct JudgedRepositoryTests {
    private static let site = "--endpoint controllable --channel prod --reason test --to repo"

    /// A repository with one bundle and its deployment, all keys in one folder.
    private static func repository(_ options: String = "") throws -> JudgedRepository {
        let repository = try JudgedRepository()
        try repository.run("repo init repo --keys keys \(options)")
        try publish(2, in: repository, keys: "keys")
        try repository.run("deploy controllable@2 \(site) --keys keys")
        return repository
    }

    private static func publish(_ version: Int, in repository: JudgedRepository, keys: String) throws {
        let name = "\(version).bundle.tar.zst"
        try repository.scratch.copy(try #require(SmallBundles.shared.get().files[version]), as: name)
        try repository.run("publish \(name) --to repo --keys \(keys)")
    }

    /// Folders with a key of this kind in each, and the first root beside it.
    private static func holder(_ name: String, _ file: String, _ type: String, in repository: JudgedRepository) throws {
        _ = try repository.scratch.folder(name)
        try repository.run("key generate --type \(type) --out \(name)/\(file).pem")
    }

    private static func handOutTheRoot(to holders: [String], in repository: JudgedRepository) throws {
        for holder in holders {
            try repository.scratch.copy(repository.scratch("repo/metadata/1.root.json"), as: "\(holder)/1.root.json")
        }
    }

    /// Two of three sign roots and targets, with keys of three kinds; one leaves, another comes, and it becomes three.
    @Test func afterRootRotationsWithThresholds() throws {
        let repository = try JudgedRepository()
        let holders = [("alice", "ed25519"), ("bob", "rsa-3072"), ("carol", "ecdsa-p384"), ("dave", "ecdsa-p256")]
        for (name, type) in holders { try Self.holder(name, "root", type, in: repository) }
        let keys = ["root", "targets"].flatMap { role in
            holders.dropLast().map { "--key \(role)=\($0.0)=\($0.0)/root.pub" }
        }
        let thresholds = "--threshold root=2 --threshold targets=2"
        try repository.run("repo init repo --keys alice \(keys.joined(separator: " ")) \(thresholds)")
        for role in ["root", "targets"] { try repository.run("repo sign repo/proposals/1.\(role).json --keys bob") }
        try repository.run("repo commit repo --keys alice")
        try Self.handOutTheRoot(to: holders.map(\.0), in: repository)
        try Self.publish(2, in: repository, keys: "alice")
        let before = try repository.judge()
        #expect(before.versions["root"] == 1)

        try repository.run("repo rotate repo --role root --old carol --new dave=dave/root.pub --keys alice")
        #expect(try repository.judge().versions["root"] == 1)
        for holder in ["bob", "dave"] { try repository.run("repo sign repo/proposals/2.root.json --keys \(holder)") }
        try repository.run("repo commit repo --keys alice")
        #expect(try repository.judge().versions["root"] == 2)

        try repository.run("repo delegate repo --role root --threshold 3 --keys alice")
        for holder in ["bob", "dave"] { try repository.run("repo sign repo/proposals/3.root.json --keys \(holder)") }
        try repository.run("repo commit repo --keys alice")
        let after = try repository.judge()
        #expect(after.versions["root"] == 3)
        #expect(after.targets == before.targets)
    }

    /// Each role's key was stolen, and is replaced; what a thief signs from then on is nothing to anybody.
    @Test func afterKeysWereRevoked() throws {
        let repository = try Self.repository()
        let before = try repository.judge()
        #expect(before.targets.contains("deployments/prod/controllable/1.json"))
        for role in ["bundles", "deployments-prod", "snapshot", "timestamp", "targets", "root"] {
            try repository.run("repo rotate repo --role \(role) --keys keys")
            let after = try repository.judge()
            #expect(after.targets == before.targets)
            #expect((after.versions[role] ?? 0) > (before.versions[role] ?? 0), "\(role)")
        }
        try repository.scratch.write("{}", to: "document.json")
        let target = "bundles/stolen/1/linux-x86_64-glibc2.28-nopy.json"
        try Programs.succeed(
            Programs.python,
            [
                "\(Programs.judges)/forge.py", repository.scratch("repo"), repository.scratch("keys"), "bundles",
                "--signature", "bundles.retired-1", "--target", target, repository.scratch("document.json"),
            ]
        )
        let outcomes = try repository.outcomes(of: [target])
        #expect(outcomes.pythonTUF.errorText.contains("bundles was signed by 0/1 keys"))
        #expect(outcomes.tufclient.status == .exited(1))
        #expect(outcomes.tufclient.errorText.contains("is signed by 0 of the 1 keys"))
    }

    /// A team gets a role, publishes by it, and loses it again: what it listed is nobody's then.
    @Test func afterADelegationWasAddedAndRemoved() throws {
        let repository = try Self.repository()
        let before = try repository.judge()
        try Self.holder("vision", "vision", "ed25519", in: repository)
        try Self.handOutTheRoot(to: ["vision"], in: repository)
        let paths = "--path bundles/controllable/*/*"
        try repository.run("repo delegate repo --role vision \(paths) --key vision=vision/vision.pub --keys keys")
        // Nobody has signed for the role yet. We pass over it (ADR 26); python-tuf goes no further.
        let outcomes = try repository.outcomes(of: before.targets)
        #expect(outcomes.pythonTUF.errorText.contains("Role vision was delegated but is not part of snapshot"))
        #expect(outcomes.tufclient.isSuccess, "\(outcomes.tufclient.errorText)")
        try repository.run("repo sign \(repository.proposal(of: "vision")) --keys vision")
        try repository.run("repo commit repo --keys keys")
        #expect(try repository.judge().targets == before.targets)
        try Self.publish(1, in: repository, keys: "vision")
        try repository.run("repo commit repo --keys keys")
        let during = try repository.judge()
        let added = Set(during.targets).subtracting(before.targets)
        #expect(added.count == 1 && added.allSatisfy { $0.hasPrefix("bundles/controllable/1/") })
        #expect((during.versions["vision"] ?? 0) >= 1)
        try repository.run("repo undelegate repo --role vision --keys keys")
        #expect(try repository.judge(hidden: added.sorted()).targets == before.targets)
    }

    /// A deployment that one has signed is not there yet for anybody.
    @Test func afterADeploymentThatTwoSigned() throws {
        let repository = try Self.repository()
        for holder in ["erin", "frank"] { try Self.holder(holder, "prod", "ecdsa-p256", in: repository) }
        try Self.handOutTheRoot(to: ["erin", "frank"], in: repository)
        let keys = "--key erin=erin/prod.pub --key frank=frank/prod.pub --threshold 2"
        try repository.run("repo delegate repo --role deployments-prod \(keys) --keys keys")
        for holder in ["erin", "frank"] {
            try repository.run("repo sign \(repository.proposal(of: "deployments-prod")) --keys \(holder)")
        }
        try repository.run("repo commit repo --keys keys")
        let before = try repository.judge()
        try repository.run("deploy controllable@2 \(Self.site) --keys erin")
        try repository.run("repo commit repo --keys keys")
        #expect(try repository.judge().targets == before.targets)
        try repository.run("repo sign \(repository.proposal(of: "deployments-prod")) --keys frank")
        try repository.run("repo commit repo --keys keys")
        let after = try repository.judge()
        #expect(Set(after.targets).subtracting(before.targets) == ["deployments/prod/controllable/2.json"])
    }

    @Test(arguments: ["ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072"])
    func withKeysOfOneKind(type: String) throws {
        let repository = try Self.repository("--key-type \(type)")
        let before = try repository.judge()
        for role in ["root", "timestamp", "bundles"] {
            try repository.run("repo rotate repo --role \(role) --keys keys")
        }
        let after = try repository.judge()
        #expect(after.targets == before.targets)
        #expect((after.versions["root"] ?? 0) == 3)
    }
}
