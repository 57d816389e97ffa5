import JSON
import Testing

@testable import UpdateFramework

/// Listings find what searches for single targets find, however roles delegate, and however little is kept in memory.
@Suite struct ListingTests {
    /// Numbers that are the same on every run.
    private struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    private static let names = ["a", "b", "c", "d", "e"]
    private static let paths = ["x/1", "x/2", "y/1", "y/2", "z/1"]
    private static let patterns = ["*/*", "x/*", "y/*", "*/1", "z/?"]

    /// Five roles that delegate to each other at random, in circles too, and list some of five targets each.
    private func repository(_ seed: UInt64) throws -> SampleRepository {
        var dice = Dice(state: seed)
        var repository = SampleRepository()
        let key = SampleRepository.keys[4]
        for name in ["targets"] + Self.names {
            let role = try roleName(name)
            var delegations: [JSONValue] = []
            for other in Self.names.shuffled(using: &dice).prefix(Int.random(in: 1...3, using: &dice)) {
                let pattern = Self.patterns.randomElement(using: &dice) ?? ""
                delegations.append(
                    SampleRepository.delegation(
                        try roleName(other),
                        paths: [pattern],
                        keys: [key],
                        isTerminating: Int.random(in: 0..<4, using: &dice) == 0
                    )
                )
            }
            var listed: [String: [UInt8]] = [:]
            for path in Self.paths where Int.random(in: 0..<4, using: &dice) == 0 { listed[path] = Array(name.utf8) }
            var body = SampleRepository.targetsBody(listed)
            body.set(repository.delegations(delegations, keys: [key]), "delegations")
            repository.bodies[role] = body
            if role != .targets { repository.signers[role] = [key] }
            repository.write(role)
        }
        repository.publishOnline()
        return repository
    }

    @Test func findWhatSearchesFind() throws {
        var total = 0
        for seed in 0..<40 {
            let repository = try repository(UInt64(seed))
            let client = try SampleClient(trusting: repository)
            for kept in [0, 1_500, 5_000_000] {
                var limits = UpdateLimits()
                limits.keptTargetsBytes = kept
                var updater = try client.update(from: repository, limits: limits).updater
                var found: [FoundTarget] = []
                for path in Self.paths { found += try updater.find(targetPath(path)).map { [$0] } ?? [] }
                #expect(try updater.targets(below: "") == found, "graph \(seed), \(kept) bytes kept")
                let below = found.filter { $0.path.text.hasPrefix("y/") }
                #expect(try updater.targets(below: "y") == below, "graph \(seed), \(kept) bytes kept")
                #expect(
                    try updater.targets(below: "", where: { path, _ in path.text == "x/1" })
                        == found.filter { $0.path.text == "x/1" }
                )
                total += found.count
            }
        }
        // Else nothing was compared.
        #expect(total > 100)
    }

    /// What was let go comes back from the store; the repository is asked once for each file.
    @Test func askForNothingTwiceWhateverIsKept() throws {
        let repository = try repository(7)
        let client = try SampleClient(trusting: repository)
        var limits = UpdateLimits()
        limits.keptTargetsBytes = 0
        var (updater, transport) = try client.update(from: repository, limits: limits)
        for _ in 0..<3 { _ = try updater.targets(below: "") }
        #expect(Set(transport.requests).count == transport.requests.count, "\(transport.requests)")
    }

    /// A store that somebody changes under the client's feet is no way in: the file is fetched and verified anew.
    @Test func aStoredRoleThatChangedIsVerifiedAnew() throws {
        let repository = SampleRepository()
        let client = try SampleClient(trusting: repository)
        var limits = UpdateLimits()
        limits.keptTargetsBytes = 0
        var (updater, transport) = try client.update(from: repository, limits: limits)
        _ = try updater.find(targetPath(SampleRepository.targetPath))
        var forged = repository
        forged.bodies[SampleRepository.team] = SampleRepository.targetsBody(["team/evil": [6]])
        forged.write(SampleRepository.team, by: [SampleRepository.keys[7]])
        try client.store.write(forged.files["1.team.json"] ?? [], to: .role(SampleRepository.team))
        _ = try updater.find(targetPath("other/file"))
        #expect(try updater.find(targetPath("team/evil")) == nil)
        #expect(try updater.find(targetPath(SampleRepository.targetPath)) != nil)
        #expect(transport.requests.filter { $0 == "1.team.json" }.count == 2)
        #expect(client.store.files[.role(SampleRepository.team)] == repository.files["1.team.json"])
    }

    @Test func aListingThatIsTooLongIsRefused() throws {
        let repository = SampleRepository()
        var limits = UpdateLimits()
        limits.listedTargets = 0
        var updater = try SampleClient(trusting: repository).update(from: repository, limits: limits).updater
        #expect(throws: UpdateError.listingTooLong(folder: "team", limit: 0)) { try updater.targets(below: "team") }
        #expect(try updater.targets(below: "nowhere").isEmpty)
    }
}
