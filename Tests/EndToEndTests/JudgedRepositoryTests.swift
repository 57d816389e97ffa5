import FileSystem
import Processes
import Testing

/// Repositories as `edgepack` makes and changes them, which PyPI's `tuf` and our own client both follow from the first
/// root on: after each change they update, and download everything that is listed.
@Suite(.programs, .oneByOne) struct JudgedRepositoryTests {
    private static let site = "--endpoint controllable --channel prod --reason test --to repo"

    /// A repository with one bundle and its deployment, whose roles have keys of this type.
    private static func repository(_ options: String = "") throws -> JudgedRepository {
        let repository = try JudgedRepository()
        try repository.run("repo init repo --keys keys \(options)".trimmingSpaces())
        try repository.scratch.copy(try #require(SmallBundles.shared.get().files[2]), as: "2.bundle.tar.zst")
        try repository.run("publish 2.bundle.tar.zst --to repo --keys keys")
        try repository.run("deploy controllable@2 \(site) --keys keys")
        return repository
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
        let refusals = try repository.refusals(of: target)
        #expect(refusals.pythonTUF.contains("bundles was signed by 0/1 keys"), "\(refusals.pythonTUF)")
        #expect(refusals.tufclient.contains("is signed by 0 of the 1 keys"), "\(refusals.tufclient)")
    }
}

extension String {
    fileprivate func trimmingSpaces() -> String { split(separator: " ").joined(separator: " ") }
}
