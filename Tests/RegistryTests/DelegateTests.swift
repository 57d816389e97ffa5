import Crypto
import Deployment
import FileSystem
import Testing

@testable import Registry
@testable import UpdateFramework

/// Roles made, changed and taken away: what is decided, what it hides, and what boxes find afterwards.
@Suite struct DelegateTests {
    static func key(_ owner: String? = nil) throws -> MetadataKey {
        try MetadataKey(try PrivateKey.generate().publicKey, owner: owner)
    }

    static func role(_ text: String) throws -> RegistryRole { try #require(RegistryRole(text)) }

    private static func request(
        _ name: String,
        _ paths: [String]? = nil,
        keys: [MetadataKey]? = nil
    ) throws -> DelegationRequest {
        var request = DelegationRequest(try role(name))
        request.paths = paths?.map { PathPattern($0) }
        request.keys = keys
        return request
    }

    /// Delegations as `targets` has them in a new repository.
    private static func standard() throws -> Delegations {
        let key = try key()
        var delegations = Delegations()
        for role in RegistryRole.delegated {
            delegations.place(try #require(DelegatedRole(role.name, paths: role.paths)), keys: [key])
        }
        return delegations
    }

    private static func names(_ plan: DelegationPlan) -> [String] { plan.delegations.roles.map(\.name.text) }

    // MARK: the decision

    @Test func aNewRoleStandsBeforeTheMoreGeneralOnes() throws {
        let plan = try Self.standard().planning(
            Self.request("team-a", ["deployments/prod/a-*/*", "rollouts/prod/a-*"], keys: [Self.key()]),
            by: .targets,
            trusted: nil
        )
        #expect(plan.isNew && plan.warnings == [])
        #expect(Self.names(plan).firstIndex(of: "team-a") == 5)
        #expect(Self.names(plan)[6] == "deployments-prod")
        let added = try #require(plan.delegations[RoleName(known: "team-a")])
        #expect((added.keys.threshold, added.isTerminating) == (1, false))
    }

    @Test func aGeneralRoleStandsBehindTheSpecialOnesAndBeforeTheRest() throws {
        let first = try Self.standard().planning(
            Self.request("team-a", ["bundles/a-*/*/*"], keys: [Self.key()]),
            by: .targets,
            trusted: nil
        )
        let second = try first.delegations.planning(
            Self.request("all-teams", ["bundles/*/*/*"], keys: [Self.key()]),
            by: .targets,
            trusted: nil
        )
        #expect(Array(Self.names(second).prefix(4)) == ["models", "team-a", "all-teams", "bundles"])
        let unrelated = try second.delegations.planning(
            Self.request("lab", ["experiments/*"], keys: [Self.key()]),
            by: .targets,
            trusted: nil
        )
        #expect(Self.names(unrelated).last == "lab")
    }

    @Test func theOrderCanBeGiven() throws {
        var request = try Self.request("team-a", ["bundles/a-*/*/*"], keys: [Self.key()])
        request.before = .rollouts(.dev)
        let plan = try Self.standard().planning(request, by: .targets, trusted: nil)
        #expect(Self.names(plan).firstIndex(of: "team-a") == 6)
        var again = try Self.request("team-a")
        again.before = .models
        let moved = try plan.delegations.planning(again, by: .targets, trusted: nil)
        #expect(Self.names(moved).first == "team-a")
        #expect(Self.names(moved).filter { $0 == "team-a" }.count == 1)
        #expect(moved.delegations[RoleName(known: "team-a")] == plan.delegations[RoleName(known: "team-a")])
        again.before = try Self.role("bundle")
        #expect(
            throws: DelegationError.unknownNeighbour(role: "bundle", known: plan.delegations.roles.map(\.name.text))
        ) { try plan.delegations.planning(again, by: .targets, trusted: nil) }
        again.before = again.role
        #expect(throws: DelegationError.beforeItself(role: "team-a")) {
            try plan.delegations.planning(again, by: .targets, trusted: nil)
        }
    }

    @Test func whatIsNotGivenStays() throws {
        let (alice, bob) = (try Self.key("alice"), try Self.key("bob"))
        var request = try Self.request("team-a", ["bundles/a/*/*"], keys: [alice, bob])
        request.threshold = 2
        request.isTerminating = true
        let first = try Self.standard().planning(request, by: .targets, trusted: nil)
        let before = try #require(first.delegations[request.role.name])
        let same = try first.delegations.planning(Self.request("team-a"), by: .targets, trusted: nil)
        #expect(same.delegations == first.delegations && !same.isNew && same.warnings == [])
        let wider = try first.delegations.planning(
            Self.request("team-a", ["bundles/a/*/*", "bundles/b/*/*", "bundles/a/*/*"]),
            by: .targets,
            trusted: nil
        )
        let after = try #require(wider.delegations[request.role.name])
        #expect(after.scope == .paths([PathPattern("bundles/a/*/*"), PathPattern("bundles/b/*/*")]))
        #expect(after.keys == before.keys && after.isTerminating)
        var lower = try Self.request("team-a")
        lower.threshold = 1
        lower.isTerminating = false
        let changed = try first.delegations.planning(lower, by: .targets, trusted: nil)
        #expect(changed.delegations[request.role.name]?.keys.threshold == 1)
        #expect(changed.delegations[request.role.name]?.isTerminating == false)
    }

    // MARK: keys and thresholds

    @Test func aThresholdThatNobodyReachesIsRefused() throws {
        let keys = [try Self.key("alice"), try Self.key("bob")]
        for (threshold, count) in [(3, 2), (0, 2), (-1, 2), (2, 1)] {
            var request = try Self.request("team-a", ["bundles/a/*/*"], keys: Array(keys.prefix(count)))
            request.threshold = threshold
            let error = KeyAssignmentError.threshold(role: request.role.name, threshold: threshold, keys: count)
            #expect(throws: error) { try Self.standard().planning(request, by: .targets, trusted: nil) }
        }
        // Taking a key away below what must sign is the same.
        var request = try Self.request("team-a", ["bundles/a/*/*"], keys: keys)
        request.threshold = 2
        let plan = try Self.standard().planning(request, by: .targets, trusted: nil)
        #expect(throws: KeyAssignmentError.threshold(role: request.role.name, threshold: 2, keys: 1)) {
            try plan.delegations.planning(Self.request("team-a", keys: [keys[0]]), by: .targets, trusted: nil)
        }
    }

    @Test func theLastKeyStays() throws {
        let name = RegistryRole.bundles.name
        #expect(throws: KeyAssignmentError.noKey(role: name)) {
            try Self.standard().planning(Self.request("bundles", keys: []), by: .targets, trusted: nil)
        }
    }

    @Test func oneKeyUnderTwoNamesIsRefused() throws {
        let publicKey = try PrivateKey.generate().publicKey
        let twice = [try MetadataKey(publicKey, owner: "alice"), try MetadataKey(publicKey, owner: "bob")]
        let name = try Self.role("team-a").name
        let error = KeyAssignmentError.sameKey(role: name, first: twice[0].label, second: twice[1].label)
        #expect(throws: error) {
            try Self.standard().planning(
                Self.request("team-a", ["bundles/a/*/*"], keys: twice),
                by: .targets,
                trusted: nil
            )
        }
        #expect(error.message.contains("one key under two names: alice") && error.message.contains("bob"))
    }

    /// The id of a key is made of its holder's name too; who has told the name once need not tell it again.
    @Test func aKeyKeepsItsHoldersName() throws {
        let publicKey = try PrivateKey.generate().publicKey
        let alice = try MetadataKey(publicKey, owner: "alice")
        let first = try Self.standard().planning(
            Self.request("team-a", ["bundles/a/*/*"], keys: [alice]),
            by: .targets,
            trusted: nil
        )
        let second = try first.delegations.planning(
            Self.request("team-b", ["bundles/b/*/*"], keys: [MetadataKey(publicKey)]),
            by: .targets,
            trusted: nil
        )
        #expect(second.delegations[RoleName(known: "team-b")]?.keys.keyIDs == [alice.id])
    }

    @Test func oneHolderWhoIsEnoughIsNamed() throws {
        var request = try Self.request("team-a", ["bundles/a/*/*"], keys: [Self.key("alice"), Self.key("alice")])
        request.threshold = 2
        let plan = try Self.standard().planning(request, by: .targets, trusted: nil)
        #expect(plan.warnings == ["alice holds as many keys of team-a as must sign: one person is enough"])
    }

    // MARK: paths

    @Test(arguments: [
        ("experiments/*", "matches no document"), ("bundles/a-*", "matches no document"),
        ("revocations.json", "is for targets alone"), ("*", "is for targets alone"),
    ])
    func aPatternThatCantBeMeantIsDoubted(pattern: String, doubt: String) throws {
        let plan = try Self.standard().planning(
            Self.request("team-a", [pattern], keys: [Self.key()]),
            by: .targets,
            trusted: nil
        )
        #expect(plan.warnings.count == 1 && plan.warnings[0].contains(doubt), "\(plan.warnings)")
    }

    @Test(arguments: ["", "/bundles/*", "bundles//*", "../*", "bundles/./x", "a\u{0}"])
    func aPatternThatIsNoPathIsRefused(pattern: String) throws {
        #expect(throws: DelegationError.badPath(pattern)) {
            try Self.standard().planning(
                Self.request("team-a", [pattern], keys: [Self.key()]),
                by: .targets,
                trusted: nil
            )
        }
    }

    @Test func aRoleWithoutPathsIsRefused() throws {
        let standard = try Self.standard()
        let known = standard.roles.map(\.name.text)
        #expect(throws: DelegationError.noPaths(role: "team-a", known: known)) {
            try standard.planning(Self.request("team-a", keys: [Self.key()]), by: .targets, trusted: nil)
        }
        // Nothing is made for a name that was mistyped.
        let sample = try SampleRegistry()
        let error = DelegationError.noPaths(role: "bundels", known: known)
        #expect(throws: error) { try Self.delegate("bundels", in: sample) { $0.threshold = 1 } }
        #expect(
            error.hint == "did you mean bundles? A new role needs at least one --path, such as 'bundles/digits/*/*'"
        )
        #expect(throws: DelegationError.badPath("../x")) { try Self.delegate("bundels", ["../x"], in: sample) }
        #expect(try FileSystem.statusFollowingLinks(of: sample.keys.path(named: "bundels")) == nil)
    }

    @Test func pathsThatTheDelegatorHasNotAreDoubted() throws {
        let plan = try Delegations().planning(
            Self.request("team-a", ["bundles/a/*/*", "deployments/prod/a/*"], keys: [Self.key()]),
            by: RegistryRole.bundles.name,
            trusted: RegistryRole.bundles.paths
        )
        #expect(
            plan.warnings == [
                "bundles itself is not trusted with all of deployments/prod/a/*: the rest counts for nothing"
            ]
        )
    }

    @Test func whoIsAskedNoMoreBehindATerminatingRoleIsNamed() throws {
        var request = try Self.request("team-a", ["deployments/prod/a/*"], keys: [Self.key()])
        request.isTerminating = true
        let plan = try Self.standard().planning(request, by: .targets, trusted: nil)
        #expect(
            plan.warnings == ["boxes no longer ask deployments-prod for the paths of team-a, which ends their search"]
        )
        // It is said once, and not again with every other change.
        let again = try plan.delegations.planning(
            Self.request("team-a", keys: [Self.key()]),
            by: .targets,
            trusted: nil
        )
        #expect(again.warnings == [])
    }

    // MARK: the repository

    private static func delegate(
        _ name: String,
        _ paths: [String]? = nil,
        in sample: SampleRegistry,
        _ edit: (inout DelegationRequest) throws -> Void = { _ in }
    ) throws -> Registry.Delegated {
        var request = try request(name, paths)
        try edit(&request)
        return try sample.registry.delegate(request, keys: sample.keys).result
    }

    private static func commit(_ sample: SampleRegistry) throws {
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
    }

    @Test func aRoleIsMadeWithAKeyOfItsOwnAndTakenAway() throws {
        let sample = try SampleRegistry()
        let role = try Self.role("sorting")
        let made = try Self.delegate("sorting", ["bundles/sample/*/*"], in: sample)
        #expect(made.isNew && made.newKey == sample.keys.path(of: role))
        #expect(made.content.isPublished)
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        var box = try sample.box()
        #expect(try box.find(try #require(TargetPath(bundle.location.path)))?.role == role.name)
        let store = MemoryMetadataStore()
        #expect(try sample.paths(below: "bundles", store) == [bundle.location.path])
        _ = try sample.roll(open: bundle, in: sample)
        let gone = try sample.registry.undelegate(role, keys: sample.keys)
        #expect(
            gone.result.warnings == [
                "boxes no longer find bundle sample@1 for linux-x86_64-glibc2.28-cp311, which deployment 1 of sorter in "
                    + "prod names"
            ]
        )
        try Self.commit(sample)
        #expect(try sample.paths(below: "bundles", store) == [])
        #expect(sample.registry.bundles == [])
        #expect(sample.registry.lookup.find(bundle.location.path) == nil)
        #expect(throws: RegistryError.unknownRole("sorting", known: RegistryRole.delegated.map(\.text))) {
            try sample.registry.undelegate(role, keys: sample.keys)
        }
        #expect(try RepositoryCheck(of: sample.folder, now: SampleRegistry.now).metadataExitCode == nil)
    }

    @Test func aDeploymentInUseIsNamedBeforeItsRoleGoes() throws {
        let sample = try SampleRegistry()
        try sample.publishAndCommit(try sample.bundle("1"))
        _ = try Self.delegate("sorting", ["deployments/prod/sorter/*", "rollouts/prod/sorter.json"], in: sample)
        for _ in 0..<3 { try sample.deploy(SampleRegistry.request("sample@1")) }
        try sample.roll(.running)
        try Self.commit(sample)
        let before = try FileSystem.files(below: sample.folder, limit: 1_000).map(\.path)
        let trial = try sample.registry.undelegate(Self.role("sorting"), keys: sample.keys, isTrial: true)
        #expect(trial.effect == .none)
        #expect(
            trial.result.warnings == [
                "boxes no longer find deployment 3 of sorter in prod, which is in use",
                "boxes no longer find the rollout of sorter in prod, and hold still there",
                "boxes no longer find 2 documents",
            ]
        )
        #expect(try FileSystem.files(below: sample.folder, limit: 1_000).map(\.path) == before)
        #expect(sample.registry.delegatedRoles.contains { $0.name.text == "sorting" })
    }

    /// Undelegated by mistake, and made again with the same key: what it had counts again. With another key it doesn't.
    @Test func aRoleThatComesBackWithItsKeyHasItsContent() throws {
        let sample = try SampleRegistry()
        let role = try Self.role("sorting")
        _ = try Self.delegate("sorting", ["bundles/sample/*/*"], in: sample)
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        let store = MemoryMetadataStore()
        _ = try sample.box(store)
        _ = try sample.registry.undelegate(role, keys: sample.keys)
        try Self.commit(sample)
        let back = try Self.delegate("sorting", ["bundles/sample/*/*"], in: sample)
        #expect(back.isNew && back.newKey == nil && back.content == .none)
        #expect(back.warnings == [])
        try Self.commit(sample)
        #expect(try sample.paths(below: "bundles", store) == [bundle.location.path])

        _ = try sample.registry.undelegate(role, keys: sample.keys)
        try Self.commit(sample)
        try FileSystem.rename(sample.keys.path(of: role), to: "\(sample.keys.path(of: role)).away")
        let publicPath = KeyFile.publicPath(for: sample.keys.path(of: role))
        try FileSystem.rename(publicPath, to: "\(publicPath).away")
        let other = try Self.delegate("sorting", ["bundles/sample/*/*"], in: sample)
        #expect(other.newKey != nil && other.content.isPublished)
        try Self.commit(sample)
        #expect(try sample.paths(below: "bundles", store) == [])
    }

    @Test func theContentOfAnothersRoleWaitsForItsHolder() throws {
        let sample = try SampleRegistry()
        let made = try Self.delegate("sorting", ["bundles/sample/*/*"], in: sample) { $0.keys = [try Self.key("olaf")] }
        #expect(made.isNew && made.newKey == nil)
        #expect(made.content.waiting?.place == "proposals/1.sorting.json")
        #expect(try FileSystem.statusFollowingLinks(of: sample.keys.path(of: Self.role("sorting"))) == nil)
        // Nobody is held up by that.
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        #expect(try sample.paths(below: "bundles") == [bundle.location.path])
    }

    @Test func narrowerPathsTakeTheRestOfTheListAlong() throws {
        let sample = try SampleRegistry()
        _ = try Self.delegate("sorting", ["bundles/*/1/*", "bundles/*/2/*"], in: sample)
        for version in ["1", "2"] { try sample.publishAndCommit(try sample.bundle(version)) }
        let narrowed = try Self.delegate("sorting", ["bundles/*/2/*"], in: sample)
        #expect(narrowed.content.isPublished)
        #expect(narrowed.warnings == ["boxes no longer find 1 document"])
        try Self.commit(sample)
        #expect(try sample.paths(below: "bundles") == ["bundles/sample/2/linux-x86_64-glibc2.28-cp311.json"])
        // And it can publish on.
        try sample.publishAndCommit(try sample.bundle("2", glibc: 34))
    }

    @Test func twoTeamsAndTheGeneralRoleKeepToTheirPaths() throws {
        let sample = try SampleRegistry()
        _ = try Self.delegate("team-a", ["deployments/prod/sorter/*", "rollouts/prod/sorter.json"], in: sample)
        _ = try Self.delegate("team-b", ["deployments/prod/counter/*"], in: sample)
        try sample.publishAndCommit(try sample.bundle("1"))
        try sample.deploy(SampleRegistry.request("sample@1"))
        var other = try SampleRegistry.request("sample@1")
        other.endpoint = try #require(EndpointName("counter"))
        try sample.deploy(other)
        other.endpoint = try #require(EndpointName("reader"))
        try sample.deploy(other)
        try Self.commit(sample)
        var box = try sample.box()
        let found = try box.targets(below: "deployments/prod")
        #expect(found.map(\.role.text) == ["team-b", "deployments-prod", "team-a"])
        #expect(found.map(\.path.text).first == "deployments/prod/counter/1.json")
    }

    @Test func aDelegatedRoleDelegatesWithItsOwnKey() throws {
        let sample = try SampleRegistry()
        try FileSystem.rename(sample.keys.path(of: .targets), to: "\(sample.keys.path(of: .targets)).away")
        let made = try sample.registry.delegate(
            Self.request("sorting", ["bundles/sample/*/*"]),
            from: .bundles,
            keys: sample.keys
        )
        #expect(made.result.delegator.text == "bundles" && made.effect.isPublished)
        try FileSystem.rename(sample.keys.path(of: .bundles), to: "\(sample.keys.path(of: .bundles)).away")
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        var box = try sample.box()
        #expect(try box.find(try #require(TargetPath(bundle.location.path)))?.role.text == "sorting")
        // Whoever delegates need not be named again, and nobody else can take its place.
        try FileSystem.rename("\(sample.keys.path(of: .bundles)).away", to: sample.keys.path(of: .bundles))
        #expect(throws: DelegationError.otherDelegator(role: "sorting", delegators: ["bundles"])) {
            try sample.registry.delegate(
                Self.request("sorting", ["bundles/sample/*/*"]),
                from: .targets,
                keys: sample.keys
            )
        }
        #expect(
            try sample.registry.undelegate(Self.role("sorting"), keys: sample.keys).result.delegator.text == "bundles"
        )
    }

    /// Clients look into 32 roles: one more and they find nothing.
    @Test func moreRolesThanClientsLookIntoAreRefused() throws {
        let sample = try SampleRegistry()
        _ = try sample.registry.change(.targets, keys: sample.keys) { _ in
            Registry.Change(result: ()) { targets in
                for number in 1...22 {
                    let role = try #require(
                        DelegatedRole(RoleName(known: "team-\(number)"), paths: [PathPattern("x/\(number)")])
                    )
                    targets.delegations?.place(role, keys: [try Self.key()])
                }
            }
        }
        #expect(sample.registry.lookup.reachable.count == 32)
        #expect(throws: DelegationError.tooMany(limit: 32)) { try Self.delegate("one-more", ["x/y"], in: sample) }
        try Self.commit(sample)
        _ = try sample.paths(below: "")
    }

    // MARK: top-level roles

    @Test func rootGetsMoreKeysThroughANewRoot() throws {
        let sample = try SampleRegistry()
        let store = MemoryMetadataStore()
        _ = try sample.box(store)
        let own = try MetadataKey(try sample.keys.publicKey(of: .root), owner: "alice")
        let bob = try PrivateKey.generate()
        _ = try KeyFile.write(bob, to: sample.keys.path(named: "bob"))
        let made = try Self.delegate("root", in: sample) {
            $0.keys = [own, try MetadataKey(try bob.publicKey, owner: "bob"), try Self.key("carol")]
        }
        #expect(made.delegator == .root && made.keys.map(\.owner) == ["alice", "bob", "carol"])
        try Self.commit(sample)
        #expect(try sample.box(store).trusted.root.version == 2)
        #expect(throws: KeyAssignmentError.threshold(role: .root, threshold: 4, keys: 3)) {
            try Self.delegate("root", in: sample) { $0.threshold = 4 }
        }
        #expect(throws: DelegationError.topLevel("root")) { try Self.delegate("root", ["x"], in: sample) }
        #expect(throws: DelegationError.topLevel("snapshot")) {
            try sample.registry.undelegate(.snapshot, keys: sample.keys)
        }
    }
}

extension SampleRegistry {
    /// Deploys the bundle and opens its rollout.
    fileprivate func roll(open bundle: PublishedBundle, in sample: SampleRegistry) throws -> Rollout {
        try deploy(SampleRegistry.request("\(bundle.location.name)@\(bundle.location.version)"))
        let rollout = try roll(.running)
        #expect(try registry.commit(keys: keys).isCommitted)
        return rollout
    }
}
