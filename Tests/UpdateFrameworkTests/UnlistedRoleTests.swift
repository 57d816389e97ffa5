import JSON
import Testing

@testable import UpdateFramework

/// A role that is delegated to and that the snapshot doesn't list (docs/adr/0026).
@Suite struct UnlistedRoleTests {
    private let keys = SampleRepository.keys
    private let team = SampleRepository.team
    private static let notice =
        "role team is delegated to, but snapshot version 1 does not list it: nothing that it may list is there"

    /// `team` for team/*, then `others` for everything, which lists what `team` lists too; the snapshot doesn't know
    /// `team`.
    private func repository(isTerminating: Bool = false) throws -> SampleRepository {
        var repository = SampleRepository()
        let others = try roleName("others")
        repository.signers[others] = [keys[5]]
        let first = SampleRepository.delegation(
            team,
            paths: ["team/*"],
            keys: [keys[4]],
            isTerminating: isTerminating
        )
        let second = SampleRepository.delegation(others, paths: ["*/*"], keys: [keys[5]])
        let delegations = repository.delegations([first, second], keys: [keys[4], keys[5]])
        repository.bodies[.snapshot]?.set([:], "meta")
        repository.bodies[.snapshot]?.set(0, "version")
        repository.bodies[.timestamp]?.set(0, "version")
        repository.bump(.targets) { $0.set(delegations, "delegations") }
        repository.bodies[others] = SampleRepository.targetsBody([
            SampleRepository.targetPath: [1], "others/file.txt": [2],
        ])
        repository.write(others)
        repository.publishOnline(snapshot: { $0.set(nil, "meta", "team.json") })
        return repository
    }

    @Test func isNeverFetchedAndTheNextRoleIsLookedAt() throws {
        let repository = try repository()
        var (updater, transport) = try SampleClient(trusting: repository).update(from: repository)
        for _ in 0..<2 {
            #expect(try updater.find(targetPath(SampleRepository.targetPath))?.role.text == "others")
        }
        #expect(updater.notices == [Self.notice])
        #expect(transport.requests.suffix(1) == ["1.others.json"])
    }

    @Test func endsTheSearchWhereItIsTerminating() throws {
        let repository = try repository(isTerminating: true)
        var (updater, transport) = try SampleClient(trusting: repository).update(from: repository)
        #expect(try updater.find(targetPath(SampleRepository.targetPath)) == nil)
        #expect(try updater.find(targetPath("others/file.txt"))?.role.text == "others")
        #expect(updater.notices == [Self.notice])
        #expect(!transport.requests.contains { $0.hasSuffix("team.json") })
    }

    @Test func isPassedOverByListings() throws {
        let repository = try repository()
        var updater = try SampleClient(trusting: repository).update(from: repository).updater
        #expect(
            try updater.targets(below: "").map { "\($0.path) \($0.role)" }
                == ["others/file.txt others", "team/file.txt others"]
        )
        #expect(updater.notices == [Self.notice])
    }

    /// Whoever takes a role off the list doesn't get past boxes that know it (5.5.5).
    @Test func isNoWayToTakeARoleAway() throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        try client.update(from: repository)
        repository.publishOnline(snapshot: { $0.set(nil, "meta", "team.json") })
        #expect(
            client.refusal(of: repository)
                == "snapshot version 2 does not list team.json, which trusted version 1 lists (rollback)"
        )
    }

    /// The top-level role is no delegation: without it there is nothing to trust.
    @Test func isNeverTheTopLevelRole() throws {
        var repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        repository.publishOnline(snapshot: { $0.set(nil, "meta", "targets.json") })
        #expect(
            client.refusal(of: repository)
                == "role targets is delegated to, but snapshot version 2 does not list it (mix-and-match)"
        )
    }
}
