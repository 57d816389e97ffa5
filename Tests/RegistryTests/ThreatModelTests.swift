import Crypto
import Deployment
import Digest
import FileSystem
import JSON
import Testing
import WallClock

@testable import Registry
@testable import UpdateFramework

/// What somebody can do who has stolen one key and may write every file of the repository, and how it is recovered from.
/// `docs/threat-model.md` names these tests.
@Suite struct ThreatModelTests {
    /// A role's metadata with any content, signed by any key: written beside what honest publishers wrote.
    private static func forge(
        _ role: RegistryRole,
        by signer: PrivateKeySigner,
        in sample: SampleRegistry,
        _ edit: (inout TargetsMetadata) throws -> Void
    ) throws {
        let editor = try RepositoryEditor(opening: RepositoryDirectory(sample.folder))
        var metadata = try #require(editor.roles[role.name])
        try edit(&metadata)
        let names = try FileSystem.names(in: "\(sample.folder)/metadata").filter { $0.hasSuffix(".\(role.text).json") }
        metadata.header.version = (names.compactMap { Int($0.prefix { $0 != "." }) }.max() ?? 0) + 1
        var document = try MetadataDocument(metadata, role: role.name)
        try document.sign(with: signer)
        let path = "\(sample.folder)/metadata/\(metadata.version).\(role.text).json"
        try FileSystem.write(document.encoded(), to: path)
    }

    /// The keeper does its work: it takes what is signed as it must be.
    private static func keep(_ sample: SampleRegistry) throws -> [String] {
        var keeper = try Registry(opening: sample.folder, now: SampleRegistry.now)
        _ = try keeper.commit(keys: sample.keys, renewSnapshot: true)
        return keeper.editor.rejected.map(\.file)
    }

    private static func file(_ bytes: [UInt8], _ sample: SampleRegistry, at path: String) throws -> TargetFile {
        let target = try #require(TargetPath(path))
        return try RepositoryEditor(opening: RepositoryDirectory(sample.folder)).store(bytes, as: target)
    }

    private static let evil = "deployments/prod/sorter/99.json"

    /// A key signs for its own paths and for no others: not for another channel, not for another kind of document.
    @Test(
        arguments: RegistryRole.delegated.filter { $0 != .deployments(.prod) }.map(\.text)
    )
    func aDelegatedKeyReachesNoOtherPaths(name: String) throws {
        let role = try #require(RegistryRole(name))
        let sample = try SampleRegistry()
        let file = try Self.file([1], sample, at: Self.evil)
        let revocations = try Self.file([2], sample, at: Revocations.path)
        try Self.forge(role, by: try sample.keys.signer(of: role), in: sample) {
            $0.targets[Self.evil] = file
            $0.targets[Revocations.path] = revocations
        }
        #expect(try Self.keep(sample) == [], "it is signed as it must be")
        #expect(try sample.paths(below: "deployments/prod") == [])
        var box = try sample.box()
        let path = try #require(TargetPath(Revocations.path))
        #expect(try box.find(path)?.file.hashes != revocations.hashes)
        #expect(try box.find(path)?.role == .targets)
    }

    /// Once a role has a new key, nothing of the old one is taken, and what was committed stays.
    @Test(arguments: RegistryRole.delegated.map(\.text))
    func aRotatedKeySignsNothingMore(name: String) throws {
        let role = try #require(RegistryRole(name))
        let sample = try SampleRegistry()
        let stolen = try sample.keys.signer(of: role)
        let store = MemoryMetadataStore()
        let pattern = try #require(role.paths.first).text
        let (kept, added) = (pattern.replacing("*", with: "kept"), pattern.replacing("*", with: "added"))
        let file = try Self.file([1], sample, at: kept)
        try Self.forge(role, by: stolen, in: sample) { $0.targets[kept] = file }
        #expect(try Self.keep(sample) == [])
        // Signed with the stolen key, and not committed yet.
        try Self.forge(role, by: stolen, in: sample) { $0.targets[added] = file }
        sample.registry = try Registry(opening: sample.folder, now: SampleRegistry.now)
        _ = try sample.registry.rotate(role, keys: sample.keys)
        try Self.forge(role, by: stolen, in: sample) { $0.targets[added] = file }
        #expect(try Self.keep(sample).contains { $0.hasSuffix(".\(role.text).json") })
        let folder = String(pattern.prefix { $0 != "/" })
        #expect(try !sample.paths(below: folder, store).contains(added))
        #expect(try sample.paths(below: folder, store).contains(kept))
    }

    /// Documents that can't be read hold up neither the keeper nor other publishers, nor the role itself once it has its
    /// next key.
    @Test func whatCantBeReadHoldsUpNobody() throws {
        let sample = try SampleRegistry()
        try sample.publishAndCommit(try sample.bundle("1"))
        for (role, path) in [
            (RegistryRole.bundles, "bundles/sample/2/linux-x86_64-glibc2.28-cp311.json"),
            (.acceptance, "acceptance/sorter/1.json"), (.deployments(.prod), Self.evil),
            (.rollouts(.prod), "rollouts/prod/sorter.json"),
        ] {
            let file = try Self.file([1], sample, at: path)
            try Self.forge(role, by: try sample.keys.signer(of: role), in: sample) { $0.targets[path] = file }
        }
        #expect(try Self.keep(sample) == [])
        sample.registry = try Registry(opening: sample.folder, now: SampleRegistry.now)
        try sample.publish(try sample.bundle("3"))
        let digest = SHA256.digest([1])
        _ = try sample.registry.revoke(.digest(digest), .stop, reason: "a test", keys: sample.keys)
        #expect(try sample.deploy(SampleRegistry.request("sample@1")).document.location.serial == 100)
        #expect(try sample.roll(.running).serial == 100)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        #expect(try RepositoryCheck(of: sample.folder, now: SampleRegistry.now).problems.count == 3)
    }

    // MARK: the keeper's keys

    private static func timestamp(
        in sample: SampleRegistry,
        by signer: PrivateKeySigner,
        snapshot: MetaFile,
        version: Int,
        expires: UTCTime
    ) throws {
        let body = TimestampMetadata(version: version, expires: expires, snapshot: snapshot)
        var document = try MetadataDocument(body, role: .timestamp)
        try document.sign(with: signer)
        try FileSystem.write(document.encoded(), to: "\(sample.folder)/metadata/timestamp.json")
    }

    /// With the timestamp's key alone: old news can be kept as the newest, until the snapshot expires; nothing goes back.
    @Test func aTimestampKeyCanHideNewsForAWeek() throws {
        let sample = try SampleRegistry()
        let store = MemoryMetadataStore()
        let first = try #require(sample.registry.editor.timestamp).body.snapshot
        try sample.publishAndCommit(try sample.bundle("1"))
        let present = try #require(sample.registry.editor.timestamp).body
        _ = try sample.box(store)
        let signer = try sample.keys.signer(of: .timestamp)
        let forever = SampleRegistry.now.advanced(by: .seconds(3_650 * 86_400))
        let next = present.version + 1
        try Self.timestamp(in: sample, by: signer, snapshot: first, version: next, expires: forever)
        #expect(throws: UpdateError.self, "an older snapshot") { try sample.box(store) }
        try Self.timestamp(in: sample, by: signer, snapshot: present.snapshot, version: next, expires: forever)
        _ = try sample.box(store, now: SampleRegistry.now.advanced(by: .seconds(6 * 86_400)))
        #expect(throws: UpdateError.self, "the snapshot has expired") {
            try sample.box(store, now: SampleRegistry.now.advanced(by: .seconds(8 * 86_400)))
        }
        // The recovery.
        sample.registry = try Registry(opening: sample.folder, now: SampleRegistry.now)
        _ = try sample.registry.rotate(.timestamp, keys: sample.keys)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        let renewed = try sample.box(store).trusted.timestamp
        #expect(renewed?.expires == SampleRegistry.now.advanced(by: sample.registry.policy.timestamp))
        try Self.timestamp(in: sample, by: signer, snapshot: present.snapshot, version: 1_000, expires: forever)
        #expect(throws: UpdateError.self, "the stolen key") { try sample.box(store) }
    }

    /// With the snapshot's key alone: nothing, as the timestamp names the snapshot by its digest.
    @Test func aSnapshotKeyAloneDoesNothing() throws {
        let sample = try SampleRegistry()
        var body = try #require(sample.registry.editor.snapshot).body
        body.header.expires = SampleRegistry.now.advanced(by: .seconds(3_650 * 86_400))
        var document = try MetadataDocument(body, role: .snapshot)
        try document.sign(with: try sample.keys.signer(of: .snapshot))
        try FileSystem.write(document.encoded(), to: "\(sample.folder)/metadata/\(body.version).snapshot.json")
        #expect(throws: UpdateError.self) { try sample.box() }
    }

    /// With both: no content of their own, nothing goes back on a box that knows better; numbers that were driven up are
    /// forgotten once the keys are replaced.
    @Test func bothKeysOfTheKeeperInventNothing() throws {
        let sample = try SampleRegistry()
        let store = MemoryMetadataStore()
        try sample.publishAndCommit(try sample.bundle("1"))
        _ = try sample.box(store)
        let copy = "\(sample.scratch.path)/copy"
        let honest = try FileSystem.files(below: sample.folder, limit: 1_000).map(\.path)
        for path in honest {
            try FileSystem.createDirectories(FileSystem.parent(of: "\(copy)/\(path)"))
            try FileSystem.write(try FileSystem.read("\(sample.folder)/\(path)", limit: 1 << 24), to: "\(copy)/\(path)")
        }
        let expires = SampleRegistry.now.advanced(by: .seconds(3_650 * 86_400))
        func serve(_ version: Int, _ edit: (inout MetadataTable<MetaFile>) -> Void) throws {
            var files = try #require(sample.registry.editor.snapshot).body.files
            edit(&files)
            let body = SnapshotMetadata(version: version, expires: expires, files: files)
            var document = try MetadataDocument(body, role: .snapshot)
            try document.sign(with: try sample.keys.signer(of: .snapshot))
            let bytes = document.encoded()
            try FileSystem.write(bytes, to: "\(sample.folder)/metadata/\(version).snapshot.json")
            let meta = MetaFile(version: version, length: bytes.count, hashes: FileHashes(of: bytes))
            let signer = try sample.keys.signer(of: .timestamp)
            try Self.timestamp(in: sample, by: signer, snapshot: meta, version: version, expires: expires)
        }
        try serve(500) { $0["bundles.json"] = MetaFile(version: 1, length: nil, hashes: nil) }
        #expect(throws: UpdateError.self, "bundles of before") { try sample.box(store) }
        let highest = 9_007_199_254_740_991
        try serve(highest) { _ in }
        _ = try sample.box(store)
        // The recovery, from a copy of before.
        try FileSystem.removeTree(sample.folder)
        try FileSystem.rename(copy, to: sample.folder)
        #expect(throws: UpdateError.self, "older than what the box has seen") { try sample.box(store) }
        sample.registry = try Registry(opening: sample.folder, now: SampleRegistry.now)
        for role in [RegistryRole.snapshot, .timestamp] {
            _ = try sample.registry.rotate(role, keys: sample.keys)
            _ = try sample.registry.commit(keys: sample.keys, renewSnapshot: true)
        }
        #expect((try sample.box(store).trusted.timestamp?.version ?? highest) < 100)
    }

    // MARK: targets and root

    /// With the key of targets: anything, through roles of one's own. Taken back by root, with the delegations restored.
    @Test func aTargetsKeyIsTakenBackByRoot() throws {
        let sample = try SampleRegistry()
        let store = MemoryMetadataStore()
        let own = try PrivateKeySigner(try PrivateKey.generate())
        let publicKey = try #require(own.key.publicKey())
        let stolen = try sample.keys.signer(of: .targets)
        let role = RoleName(known: "deployments-own")
        try Self.forge(.targets, by: stolen, in: sample) { targets in
            let delegated = try #require(DelegatedRole(role, paths: [PathPattern("deployments/prod/*/*")]))
            try targets.delegations?.delegate(to: delegated, keys: [publicKey])
        }
        let file = try Self.file([1], sample, at: Self.evil)
        var editor = try RepositoryEditor(opening: RepositoryDirectory(sample.folder))
        let expires = SampleRegistry.now.advanced(by: .seconds(86_400))
        try editor.publish(role, expires: expires, signers: [own]) { $0.targets[Self.evil] = file }
        _ = try Self.keep(sample)
        #expect(try sample.paths(below: "deployments/prod", store) == [Self.evil])

        sample.registry = try Registry(opening: sample.folder, now: SampleRegistry.now)
        _ = try sample.registry.rotate(.targets, keys: sample.keys, restoring: Registry.Restoration())
        #expect(try sample.registry.commit(keys: sample.keys, renewSnapshot: true).isCommitted)
        #expect(try sample.paths(below: "deployments/prod", store) == [])
        try Self.forge(.targets, by: stolen, in: sample) { $0.targets["evil.json"] = file }
        #expect(try !Self.keep(sample).isEmpty)
        #expect(try sample.paths(below: "", store) == ["registry.json", "revocations.json"])
    }

    /// A root that was replaced in time signs no successor; boxes follow the new one from wherever they were.
    @Test func aRotatedRootSignsNoSuccessor() throws {
        let sample = try SampleRegistry()
        let (early, late) = (MemoryMetadataStore(), MemoryMetadataStore())
        _ = try sample.box(early)
        let stolen = try sample.keys.signer(of: .root)
        _ = try sample.registry.rotate(.root, keys: sample.keys)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        _ = try sample.box(early)
        let publicKey = try #require(stolen.key.publicKey())
        var next = sample.registry.editor.root.body
        next.header.version += 1
        for role in [RoleName.root, .targets, .snapshot, .timestamp] {
            try next.setKeys([publicKey], threshold: 1, for: role)
        }
        var document = try MetadataDocument(next, role: .root)
        try document.sign(with: stolen)
        try FileSystem.write(document.encoded(), to: "\(sample.folder)/metadata/\(next.version).root.json")
        for store in [early, late] { #expect(throws: UpdateError.self) { try sample.box(store) } }
        #expect(throws: UpdateError.self) { try Registry(opening: sample.folder, now: SampleRegistry.now) }
    }

    /// Whoever may write files, and has no key, can't have a writer sign for a repository of theirs.
    @Test func keysSignForTheirOwnRepositoryOnly() throws {
        let (sample, other) = (try SampleRegistry(), try SampleRegistry())
        let pin = try #require(sample.keys.trustedRootPath)
        _ = try Registry(opening: sample.folder, keys: sample.keys, now: SampleRegistry.now)
        #expect(throws: RegistryError.otherRepository(path: other.folder, pin: pin)) {
            try Registry(opening: other.folder, keys: sample.keys, now: SampleRegistry.now)
        }
    }

    /// Files that were changed, or lost, are found and never taken.
    @Test func withoutAKeyNothingCanBeAdded() throws {
        let sample = try SampleRegistry()
        let own = try PrivateKeySigner(try PrivateKey.generate())
        for role in RegistryRole.delegated {
            try Self.forge(role, by: own, in: sample) { $0.targets["x"] = nil }
        }
        let rejected = try Self.keep(sample)
        #expect(rejected.count == RegistryRole.delegated.count, "\(rejected)")
        #expect(try sample.paths(below: "") == ["registry.json", "revocations.json"])
    }
}
