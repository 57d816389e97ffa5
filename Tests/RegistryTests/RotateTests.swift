import Crypto
import Deployment
import FileSystem
import Testing

@testable import Registry
@testable import UpdateFramework

/// Keys replaced one by one: made here or given, cut off anywhere and gone on with, and what becomes of what they signed.
@Suite struct RotateTests {
    private static func key(_ owner: String? = nil) throws -> (privateKey: PrivateKey, key: MetadataKey) {
        let key = try PrivateKey.generate()
        return (key, try MetadataKey(try key.publicKey, owner: owner))
    }

    /// The keys of a role, as whoever delegates to it names them.
    private static func keys(_ role: RegistryRole, _ sample: SampleRegistry) -> [MetadataKey] {
        sample.registry.authorities(over: role).flatMap { authority in
            authority.roleKeys.keyIDs.compactMap { authority.keys[$0] }
        }
    }

    /// Gives a role more keys than the one in the folder, which stays its first.
    private static func give(
        _ role: RegistryRole,
        _ others: [MetadataKey],
        threshold: Int = 1,
        in sample: SampleRegistry
    ) throws {
        var request = DelegationRequest(role)
        request.keys = keys(role, sample) + others
        request.threshold = threshold
        _ = try sample.registry.delegate(request, keys: sample.keys)
    }

    private static func away(_ path: String) throws {
        for half in [path, KeyFile.publicPath(for: path)] { try FileSystem.rename(half, to: "\(half).away") }
    }

    // MARK: which key

    @Test func oneOfSeveralIsReplacedByName() throws {
        let sample = try SampleRegistry()
        let (alice, bob) = (try Self.key("alice"), try Self.key("bob"))
        try Self.give(.bundles, [alice.key, bob.key], in: sample)
        let own = try #require(Self.keys(.bundles, sample).first)
        let fresh = try Self.key()
        let new = Registry.NewKey(key: try fresh.privateKey.publicKey, owner: nil)
        let rotated = try sample.registry.rotate(.bundles, old: .called("bob"), new: new, keys: sample.keys)
        #expect(rotated.old == bob.key)
        // The key is another's, and still bob's.
        #expect(rotated.new.owner == "bob" && rotated.new.isSameKey(as: fresh.key))
        #expect(Self.keys(.bundles, sample) == [own, alice.key, rotated.new])
        #expect(rotated.newKey == nil && rotated.retiredKey == nil)
        #expect(try sample.keys.publicKey(of: .bundles).material == own.material)
        try sample.publishAndCommit(try sample.bundle("1"))
        // By the beginning of its id, or by the key itself; and to another holder.
        let carol = Registry.NewKey(key: try Self.key().privateKey.publicKey, owner: "carol")
        let id = String(alice.key.id.prefix(12))
        let second = try sample.registry.rotate(.bundles, old: .called(id), new: carol, keys: sample.keys)
        #expect(second.old == alice.key && second.new.owner == "carol")
        let old = Registry.OldKey.key(try fresh.privateKey.publicKey)
        let third = try sample.registry.rotate(.bundles, old: old, keys: sample.keys)
        #expect(third.old == rotated.new && third.new.owner == "bob")
        // The folder has a key of this role already, which counts still.
        #expect(third.newKey == sample.keys.path(named: "bundles-2"))
        #expect(try sample.keys.publicKey(of: .bundles).material == own.material)
    }

    @Test func aKeyThatIsNotMeantClearlyIsRefused() throws {
        let sample = try SampleRegistry()
        let (first, second) = (try Self.key("alice").key, try Self.key("alice").key)
        try Self.give(.bundles, [first, second], in: sample)
        let labels = Self.keys(.bundles, sample).map(\.label)
        let name = RegistryRole.bundles.name
        let before = try FileSystem.names(in: sample.keys.folder ?? "")
        #expect(throws: KeyAssignmentError.unnamed(role: name, known: labels)) {
            try sample.registry.rotate(.bundles, keys: sample.keys)
        }
        #expect(throws: KeyAssignmentError.ambiguous(role: name, key: "alice", meant: [first.label, second.label])) {
            try sample.registry.rotate(.bundles, old: .called("alice"), keys: sample.keys)
        }
        for text in ["bob", String(first.id.prefix(7)), ""] {
            #expect(throws: KeyAssignmentError.unknown(role: name, key: text, known: labels)) {
                try sample.registry.rotate(.bundles, old: .called(text), keys: sample.keys)
            }
        }
        let stranger = try Self.key()
        #expect(throws: KeyAssignmentError.unknown(role: name, key: stranger.key.label, known: labels)) {
            try sample.registry.rotate(.bundles, old: .key(stranger.privateKey.publicKey), keys: sample.keys)
        }
        let other = try #require(RegistryRole("bundels"))
        #expect(throws: RegistryError.unknownRole("bundels", known: RegistryRole.delegated.map(\.text))) {
            try sample.registry.rotate(other, keys: sample.keys)
        }
        // Nothing was made for it.
        #expect(try FileSystem.names(in: sample.keys.folder ?? "") == before)
    }

    @Test func aKeyOfTheRoleCantTakeAnothersPlace() throws {
        let sample = try SampleRegistry()
        let (alice, bob) = (try Self.key("alice"), try Self.key("bob"))
        try Self.give(.bundles, [alice.key, bob.key], in: sample)
        // It is there already: nothing is to be replaced.
        let new = Registry.NewKey(key: try alice.privateKey.publicKey, owner: nil)
        let rotated = try sample.registry.rotate(.bundles, old: .called("bob"), new: new, keys: sample.keys)
        #expect(rotated.old == nil && rotated.effect == .none)
        #expect(Self.keys(.bundles, sample).count == 3)
    }

    @Test func aTeamsKeyIsReplacedByWhoeverDelegates() throws {
        let sample = try SampleRegistry()
        let team = try TeamRoleTests.delegate("sorting", "bundles/sample/*/*", in: sample, from: .bundles)
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        let stolen = try sample.keys.signer(of: team)
        try Self.away(sample.keys.path(of: .targets))
        let rotated = try sample.registry.rotate(team, keys: sample.keys)
        #expect(rotated.content.isPublished)
        #expect(rotated.retiredKey == sample.keys.path(named: "sorting.retired-1"))
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        // What it listed stays listed, signed by the new key; the old one counts no more.
        #expect(try sample.paths(below: "bundles") == [bundle.location.path])
        #expect(!Self.keys(team, sample).contains { $0.id == stolen.key.id })
        #expect(throws: UpdateError.self) {
            var editor = try RepositoryEditor(opening: RepositoryDirectory(sample.folder))
            try editor.publish(team.name, expires: SampleRegistry.now, signers: [stolen]) { _ in }
        }
    }

    // MARK: cut off

    /// Every state in which a rotation can be left: done again it comes to the same, with one new key and the old one aside.
    @Test(arguments: 0...5)
    func aRotationThatWasCutOffGoesOn(steps: Int) throws {
        let sample = try SampleRegistry()
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        let role = RegistryRole.bundles
        let old = try #require(Self.keys(role, sample).first)
        let (place, next) = (sample.keys.path(of: role), sample.keys.path(named: "bundles.next"))
        let retired = sample.keys.path(named: "bundles.retired-1")
        let fresh = try PrivateKey.generate()
        let key = try MetadataKey(try fresh.publicKey)
        let all: [() throws -> Void] = [
            { _ = try KeyFile.write(fresh, to: next) },
            {
                _ = try sample.registry.change(.targets, keys: sample.keys) { _ in
                    Registry.Change(result: ()) { targets in
                        let delegated = try #require(targets.delegations?[role.name])
                        targets.delegations?.place(delegated, keys: [key])
                    }
                }
            },
            { try FileSystem.rename(KeyFile.publicPath(for: place), to: KeyFile.publicPath(for: retired)) },
            { try FileSystem.rename(KeyFile.publicPath(for: next), to: KeyFile.publicPath(for: place)) },
            { try FileSystem.rename(place, to: retired) },
        ]
        for step in all.prefix(steps) { try step() }
        sample.registry = try Registry(opening: sample.folder, now: SampleRegistry.now)
        let rotated = try sample.registry.rotate(role, keys: sample.keys)
        #expect(rotated.newKey == place)
        if steps > 0 { #expect(rotated.new == key) }
        #expect(Self.keys(role, sample) == [rotated.new])
        #expect(try sample.keys.key(of: role).publicKey.material == rotated.new.material)
        #expect(try KeyFile.readPrivate(retired).key.publicKey.material == old.material)
        #expect(try KeyFile.readPublic(KeyFile.publicPath(for: retired)).material == old.material)
        #expect(try KeyFile.readPublic(KeyFile.publicPath(for: place)).material == rotated.new.material)
        #expect(try FileSystem.names(in: sample.keys.folder ?? "").filter { $0.contains("next") } == [])
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        #expect(try sample.paths(below: "bundles") == [bundle.location.path])
        try sample.publishAndCommit(try sample.bundle("2"))
    }

    /// The old key, in other hands, publishes once more after its replacement: that is dropped, and not the rest.
    @Test func whatTheOldKeySignsLaterIsDropped() throws {
        let sample = try SampleRegistry()
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        let stolen = try #require(Self.keys(.bundles, sample).first)
        let note = Registry.PublishingNote(publisher: "thief")
        let thief = KeyFolder("\(sample.scratch.path)/thief")
        try FileSystem.createDirectories("\(sample.scratch.path)/thief")
        for role in [RegistryRole.bundles] {
            _ = try KeyFile.write(try sample.keys.key(of: role), to: thief.path(of: role))
        }
        var late = try Registry(opening: sample.folder, now: SampleRegistry.now)
        _ = try sample.registry.rotate(.bundles, keys: sample.keys)
        #expect(throws: (any Error).self) {
            // The repository as it was before: the version that would follow is written meanwhile.
            _ = try late.publish(try sample.bundle("2"), note: note, keys: thief, threads: 1)
        }
        #expect(!Self.keys(.bundles, sample).contains { $0.id == stolen.id })
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        #expect(try sample.paths(below: "bundles") == [bundle.location.path])
    }

    // MARK: after targets was in other hands

    @Test func aRestorationTrustsNobodyWhoIsNotNamed() throws {
        let (alice, bob, own) = (try Self.key("alice").key, try Self.key("bob").key, try Self.key())
        var present = Delegations()
        for role in RegistryRole.delegated {
            var delegated = try #require(DelegatedRole(role.name, paths: [PathPattern("*/*")], isTerminating: true))
            delegated.keys.threshold = role == .deployments(.staging) ? 2 : 1
            present.place(delegated, keys: [alice, bob])
        }
        for name in ["sorting", "counting"] {
            let paths = [PathPattern("bundles/\(name)/*/*")]
            present.place(try #require(DelegatedRole(RoleName(known: name), paths: paths)), keys: [alice])
        }
        let sorting = try DelegateTests.role("sorting")
        let restoration = Registry.Restoration(
            others: [sorting],
            keys: [.deployments(.prod): [alice, bob]],
            thresholds: [.deployments(.prod): 2]
        )
        let (next, warnings) = try restoration.delegations(instead: present) { _ in try own.privateKey.publicKey }
        #expect(
            warnings == [
                "deployments-staging had a threshold of 2, and has one of 1 now",
                "sorting is trusted with bundles/sorting/*/* again: make sure that this is what it had",
                "counting is not delegated to any more",
            ]
        )
        let standard = RegistryRole.delegated.map(\.text)
        #expect(next.roles.map(\.name.text) == ["models", "sorting"] + standard.dropFirst())
        for role in RegistryRole.delegated {
            let delegated = try #require(next[role.name])
            #expect(delegated.scope == .paths(role.paths) && !delegated.isTerminating)
            let ids = role == .deployments(.prod) ? [alice.id, bob.id] : [own.key.id]
            #expect(delegated.keys.keyIDs == ids && delegated.keys.threshold == ids.count)
        }
        #expect(next[sorting.name]?.keys.keyIDs == [own.key.id])
        let other = Registry.Restoration(others: [try DelegateTests.role("sortin")])
        #expect(throws: RegistryError.unknownRole("sortin", known: present.roles.map(\.name.text))) {
            try other.delegations(instead: present) { _ in try own.privateKey.publicKey }
        }
    }

    @Test func aTeamIsRestoredWithItsContent() throws {
        let sample = try SampleRegistry()
        let names = ["sorting", "counting"]
        for name in names { try TeamRoleTests.delegate(name, "bundles/sample/*/*", in: sample, before: .models) }
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        #expect(sample.registry.lookup.find(bundle.location.path)?.role.text == "sorting")
        let restoration = Registry.Restoration(others: [try DelegateTests.role("sorting")])
        let rotated = try sample.registry.rotate(.targets, keys: sample.keys, restoring: restoration)
        #expect(rotated.warnings.last == "counting is not delegated to any more")
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        var box = try sample.box()
        #expect(try box.find(try #require(TargetPath(bundle.location.path)))?.role.text == "sorting")
    }
}
