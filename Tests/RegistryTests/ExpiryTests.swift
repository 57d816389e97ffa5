import Deployment
import FileSystem
import Testing
import WallClock

@testable import Registry
@testable import UpdateFramework

/// When roles expire, and who renews them.
@Suite struct ExpiryTests {
    private static let day = Duration.seconds(86_400)

    private static func check(_ sample: SampleRegistry, after days: Int) throws -> ExpiryCheck {
        let now = SampleRegistry.now.advanced(by: day * days)
        return try ExpiryCheck(of: RepositorySource(RepositoryDirectory(sample.folder)), now: now)
    }

    private static func keeper(_ sample: SampleRegistry, after days: Double) throws -> Registry {
        let now = SampleRegistry.now.advanced(by: .seconds(Int64(days * 86_400)))
        return try Registry(opening: sample.folder, now: now)
    }

    private static func lose(_ roles: [RegistryRole], _ sample: SampleRegistry) throws {
        for role in roles {
            try FileSystem.rename(sample.keys.path(of: role), to: "\(sample.keys.path(of: role)).away")
        }
    }

    // MARK: looking

    @Test func everyRoleIsListedWithItsTime() throws {
        let sample = try SampleRegistry()
        let team = try TeamRoleTests.delegate("sorting", "bundles/sample/*/*", in: sample, from: .bundles)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        let check = try Self.check(sample, after: 0)
        #expect(
            check.roles.map(\.name.text) == [
                "root", "timestamp", "snapshot", "targets", "models", "bundles", team.text,
            ]
                + RegistryRole.delegated.dropFirst(2).map(\.text)
        )
        let policy = sample.registry.policy
        #expect(check.roles[0].expires == SampleRegistry.now.advanced(by: policy.root))
        #expect(check.roles[1].expires == SampleRegistry.now.advanced(by: policy.timestamp))
        #expect(check.roles[2].expires == SampleRegistry.now.advanced(by: policy.snapshot))
        #expect(check.roles[6].expires == SampleRegistry.now.advanced(by: policy.targets))
        #expect(check.roles[1].version == 2 && check.roles[5].version == 2 && check.notes == [])
        #expect(check.due(within: .zero) == [])
        #expect(check.due(within: Self.day * 3).map(\.name) == [.timestamp])
        #expect(check.due(within: Self.day * 7).map(\.name) == [.timestamp, .snapshot])
        #expect(check.due(within: Self.day * 365).count == check.roles.count)
        // What the keeper renews every day is not due three days before.
        #expect(check.due(within: nil) == [])
        let late = try ExpiryCheck(
            of: RepositorySource(RepositoryDirectory(sample.folder)),
            now: SampleRegistry.now.advanced(by: Self.day * 3 / 4)
        )
        #expect(late.due(within: nil).map(\.name) == [.timestamp])
    }

    /// Nobody came for weeks: what a box would refuse is what the check is there to tell.
    @Test func whatHasExpiredIsListedToo() throws {
        let sample = try SampleRegistry()
        let check = try Self.check(sample, after: 30)
        #expect(check.due(within: .zero).map(\.name) == [.timestamp, .snapshot])
        #expect(check.roles.count == 13)
        #expect(throws: UpdateError.self) { try sample.box(now: SampleRegistry.now.advanced(by: Self.day * 30)) }
    }

    /// The keeper goes on, and one role's holder has forgotten it.
    @Test func oneRoleThatExpiredHidesNoOther() throws {
        let sample = try SampleRegistry()
        let folder = "\(sample.scratch.path)/short"
        let policy = RegistryPolicy(targets: Self.day * 2)
        _ = try Registry.create(at: folder, keys: sample.keys, policy: policy, now: SampleRegistry.now)
        var keeper = try Registry(opening: folder, now: SampleRegistry.now.advanced(by: Self.day))
        for role in [RegistryRole.targets] + RegistryRole.delegated where role != .bundles {
            _ = try keeper.refresh(role, keys: sample.keys)
        }
        keeper = try Registry(opening: folder, now: SampleRegistry.now.advanced(by: .seconds(86_400 * 5 / 2)))
        _ = try keeper.commit(keys: sample.keys)
        let check = try ExpiryCheck(of: RepositorySource(RepositoryDirectory(folder)), now: keeper.now)
        #expect(check.roles.count == 13 && check.notes == [])
        #expect(check.due(within: .zero).map(\.name.text) == ["bundles"])
    }

    @Test func behindAnExpiredRootNothingCanBeSeen() throws {
        let sample = try SampleRegistry()
        var keeper = try Self.keeper(sample, after: 400)
        _ = try keeper.commit(keys: sample.keys, renewSnapshot: true)
        let check = try Self.check(sample, after: 400)
        #expect(check.roles.map(\.name) == [.timestamp, .root])
        #expect(check.due(within: .zero).map(\.name) == [.root])
        #expect(check.notes == ["boxes look no further than root, which had expired when the keeper last signed"])
    }

    @Test func aRoleThatHasPublishedNothingHasNoTime() throws {
        let sample = try SampleRegistry()
        var request = DelegationRequest(try DelegateTests.role("sorting"))
        request.paths = [PathPattern("bundles/sample/*/*")]
        request.keys = [try DelegateTests.key("olaf")]
        _ = try sample.registry.delegate(request, keys: sample.keys)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        let check = try Self.check(sample, after: 0)
        let role = try #require(check.roles.first { $0.name.text == "sorting" })
        #expect(role.version == nil && role.expires == nil)
        #expect(check.due(within: Self.day * 3_000).allSatisfy { $0.name.text != "sorting" })
    }

    /// A repository that can't be verified is an error, whatever its times.
    @Test func anotherRootIsAnError() throws {
        let (sample, other) = (try SampleRegistry(), try SampleRegistry())
        let source = RepositorySource(RepositoryDirectory(sample.folder))
        #expect(throws: UpdateError.self) {
            try ExpiryCheck(of: source, root: "\(other.folder)/metadata/1.root.json", now: SampleRegistry.now)
        }
        #expect(throws: RegistryError.notARepository(path: sample.keys.folder ?? "")) {
            let folder = RepositoryDirectory(sample.keys.folder ?? "")
            _ = try ExpiryCheck(of: RepositorySource(folder), now: SampleRegistry.now)
        }
        let version = try #require(sample.registry.editor.snapshot?.body.version)
        try FileSystem.write([1], to: "\(sample.folder)/metadata/\(version).snapshot.json")
        #expect(throws: UpdateError.self) { try ExpiryCheck(of: source, now: SampleRegistry.now) }
    }

    // MARK: renewing

    @Test func theKeeperRenewsWithItsOwnKeysWhatIsDue() throws {
        let sample = try SampleRegistry()
        try Self.lose([.root, .targets] + RegistryRole.delegated, sample)
        let period = Self.day / 2
        var keeper = try Self.keeper(sample, after: 0.25)
        #expect(try keeper.renew(keys: sample.keys, ifExpiringWithin: period) == nil)
        #expect(keeper.editor.timestamp?.body.version == 1)
        keeper = try Self.keeper(sample, after: 0.5)
        #expect(try keeper.renew(keys: sample.keys, ifExpiringWithin: period) == .committed(timestamp: 2))
        #expect(keeper.editor.snapshot?.body.version == 1)
        // With a longer look ahead the snapshot is due too; without any both are made in any case.
        #expect(try keeper.renew(keys: sample.keys, ifExpiringWithin: Self.day * 7) == .committed(timestamp: 3))
        #expect(keeper.editor.snapshot?.body.version == 2)
        #expect(try keeper.renew(keys: sample.keys, ifExpiringWithin: nil) == .committed(timestamp: 4))
        #expect(keeper.editor.snapshot?.body.version == 3)
        _ = try sample.box(now: keeper.now)
        try Self.lose([.snapshot], sample)
        let path = sample.keys.path(of: .snapshot)
        #expect(throws: RegistryError.keyMissing(role: "snapshot", path: path)) {
            try keeper.renew(keys: sample.keys, ifExpiringWithin: period)
        }
    }

    @Test func aRoleIsDueByItsNewestVersion() throws {
        let sample = try SampleRegistry()
        #expect(!sample.registry.isDue(.bundles, within: Self.day * 364))
        #expect(sample.registry.isDue(.bundles, within: Self.day * 365))
        #expect(sample.registry.isDue(.root, within: Self.day * 365))
        #expect(
            sample.registry.isDue(.timestamp, within: Self.day) && !sample.registry.isDue(.snapshot, within: Self.day)
        )
        #expect(sample.registry.isDue(try DelegateTests.role("sorting"), within: .zero))
    }
}
