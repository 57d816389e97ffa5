import BundleFormat
import BundleManifest
import Deployment
import Digest
import FileSystem
import Testing
import UpdateFramework
import WallClock

@testable import Registry

@Suite struct RegistryTests {
    // MARK: beginning

    @Test func aNewRepositoryHasEveryRoleAndNothingRevoked() throws {
        let sample = try SampleRegistry()
        var box = try sample.box()
        #expect(try box.targets(below: "").map(\.path.text) == ["registry.json", "revocations.json"])
        let revocations = try #require(try box.targets(below: "").last)
        let bytes = try box.contents(
            of: revocations,
            from: RepositoryDirectory(sample.folder).targetsTransport,
            limitBytes: 1 << 16
        )
        #expect(try Revocations.parse(bytes) == Revocations())
        for role in RegistryRole.all {
            let status = try #require(try FileSystem.status(of: sample.keys.path(of: role)))
            #expect(status.permissions & 0o777 == 0o600, "\(role.text)")
        }
        #expect(try sample.keys.exposed() == [])
        #expect(sample.registry.hasUncommitted == false)
    }

    @Test func aRepositoryIsNotMadeTwice() throws {
        let sample = try SampleRegistry()
        let before = try FileSystem.files(below: sample.folder, limit: 1_000).map(\.path)
        #expect(throws: RegistryError.exists(path: sample.folder)) {
            try Registry.create(at: sample.folder, keys: sample.keys, now: SampleRegistry.now)
        }
        #expect(try FileSystem.files(below: sample.folder, limit: 1_000).map(\.path) == before)
    }

    @Test func keysThatAreThereAreUsed() throws {
        let sample = try SampleRegistry()
        let second = "\(sample.scratch.path)/second"
        let made = try Registry.create(at: second, keys: sample.keys, now: SampleRegistry.now)
        #expect(made.newKeys == [])
        let registry = try Registry(opening: second, now: SampleRegistry.now)
        for role in RegistryRole.all { #expect(registry.keyIDs(of: role) == sample.registry.keyIDs(of: role)) }
    }

    @Test func aFolderWithoutARootIsNoRepository() throws {
        let sample = try SampleRegistry()
        let folder = try #require(sample.keys.folder)
        #expect(throws: RegistryError.notARepository(path: folder)) {
            try Registry(opening: folder, now: SampleRegistry.now)
        }
    }

    @Test func lifetimesAreKeptForLaterWriters() throws {
        let sample = try SampleRegistry()
        let folder = "\(sample.scratch.path)/short"
        let policy = RegistryPolicy(targets: .seconds(7_200), timestamp: .seconds(3_600), poll: .seconds(30))
        _ = try Registry.create(at: folder, keys: sample.keys, policy: policy, now: SampleRegistry.now)
        let later = SampleRegistry.now.advanced(by: .seconds(600))
        var registry = try Registry(opening: folder, now: later)
        #expect(registry.policy == policy)
        _ = try registry.commit(keys: sample.keys)
        #expect(registry.editor.timestamp?.body.expires == later.advanced(by: .seconds(3_600)))
        #expect(registry.editor.timestamp?.body.signedAt == later)
        #expect(registry.editor.timestamp?.body.pollInterval == .seconds(30))
        #expect(registry.editor.roles[.targets]?.expires == SampleRegistry.now.advanced(by: .seconds(7_200)))
    }

    @Test(arguments: [
        "", "{}", #"{"format":"2.0"}"#, #"{"format":"1.0","lifetimeSeconds":{"root":1},"pollSeconds":3}"#,
    ])
    func aPolicyThatCantBeReadIsRefused(text: String) throws {
        let sample = try SampleRegistry()
        #expect(throws: RegistryError.self) { try RegistryPolicy.parse(Array(text.utf8)) }
        // As somebody may who holds the key of targets.
        let path = try #require(TargetPath(RegistryPolicy.path))
        let file = try sample.registry.editor.store(Array(text.utf8), as: path)
        _ = try sample.registry.change(.targets, keys: sample.keys) { _ in
            Registry.Change(result: ()) { $0.targets[RegistryPolicy.path] = file }
        }
        #expect(throws: RegistryError.self) { try Registry(opening: sample.folder, now: SampleRegistry.now) }
    }

    @Test func theSnapshotIsRenewedInTime() throws {
        let sample = try SampleRegistry()
        let store = MemoryMetadataStore()
        var versions: [Int] = []
        for day in 0..<30 {
            let now = SampleRegistry.now.advanced(by: .seconds(day * 86_400))
            var keeper = try Registry(opening: sample.folder, now: now)
            _ = try keeper.commit(keys: sample.keys)
            versions.append(
                try sample.box(store, now: now.advanced(by: .seconds(86_399))).trusted.snapshot?.version ?? 0
            )
        }
        #expect(versions.first == 1)
        #expect((5...12).contains(versions.last ?? 0), "\(versions)")
    }

    @Test func rolesThatExpireAreNamedAndRefreshed() throws {
        let sample = try SampleRegistry()
        let late = SampleRegistry.now.advanced(by: .seconds(340 * 86_400))
        let soon = late.advanced(by: .seconds(30 * 86_400))
        var registry = try Registry(opening: sample.folder, now: late)
        let roles = [RegistryRole.root, .targets] + RegistryRole.delegated
        #expect(Set(registry.expiring(before: soon).map(\.role)) == Set(roles.map(\.text)))
        for role in roles { _ = try registry.refresh(role, keys: sample.keys) }
        #expect(registry.expiring(before: soon).isEmpty)
        _ = try registry.commit(keys: sample.keys)
        let muchLater = late.advanced(by: .seconds(300 * 86_400))
        var keeper = try Registry(opening: sample.folder, now: muchLater)
        _ = try keeper.commit(keys: sample.keys)
        _ = try sample.box(now: muchLater)
    }

    // MARK: publishing

    @Test func aBundleIsListedByItsManifestAndKeptAsBuilt() throws {
        let sample = try SampleRegistry()
        let path = try sample.bundle("1")
        let built = try FileSystem.read(path, limit: 1 << 20)
        try SampleRegistry.append("a signature", to: path)
        try SampleRegistry.append("something else", tag: "OTHERTAG", to: path)
        let bundle = try sample.publishAndCommit(path)
        #expect(bundle.location.path == "bundles/sample/1/linux-x86_64-glibc2.28-cp311.json")
        #expect(bundle.record.archive.digest == SHA256.digest(built))
        #expect(try FileSystem.read("\(sample.folder)/\(bundle.record.archive.path)", limit: 1 << 20) == built)
        #expect(bundle.record.signatures.map(\.digest) == [SHA256.digest(Array("a signature".utf8))])
        var box = try sample.box()
        let found = try #require(try box.targets(below: "bundles").first)
        #expect(found.file.hashes.sha256 == bundle.digest)
        #expect(found.role.text == "bundles")
        #expect(try BundleRecord(custom: found.file.custom) == bundle.record)
        let names = try FileSystem.names(in: "\(sample.folder)/blobs")
        #expect(names.count == 2, "\(names)")
    }

    @Test func theSameBundleAgainChangesNothing() throws {
        let sample = try SampleRegistry()
        let path = try sample.bundle("1")
        try sample.publishAndCommit(path)
        let before = try FileSystem.files(below: sample.folder, limit: 1_000).map(\.path)
        #expect(try sample.publish(path).effect == .nothingNew)
        #expect(!sample.registry.hasUncommitted)
        // Another compressor makes another archive of the same bundle.
        #expect(try sample.publish(try sample.bundle("1", level: 19)).effect == .nothingNew)
        #expect(try FileSystem.files(below: sample.folder, limit: 1_000).map(\.path) == before)
    }

    @Test func aSignatureThatCameLaterIsAdded() throws {
        let sample = try SampleRegistry()
        let path = try sample.bundle("1")
        let first = try sample.publishAndCommit(path)
        try SampleRegistry.append("later", to: path)
        let second = try sample.publish(path)
        #expect(second.effect == .countersigned(1))
        #expect(second.bundle.record.archive == first.record.archive)
        #expect(second.bundle.record.signatures.count == 1)
    }

    @Test func aLostArchiveComesBack() throws {
        let sample = try SampleRegistry()
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        try FileSystem.removeFile("\(sample.folder)/\(bundle.record.archive.path)")
        try sample.publish(try sample.bundle("2"))
        let lost = "\(bundle.record.archive.path) is missing, and \(bundle.location.path) names it"
        #expect(try sample.registry.missingBlobs() == [lost])
        let other = try sample.publish(try sample.bundle("1", level: 19))
        #expect(other.bundle.record.archive != bundle.record.archive)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        #expect(try RepositoryCheck(of: sample.folder, now: SampleRegistry.now).problems == [])
    }

    @Test func aVersionIsNeverChanged() throws {
        let sample = try SampleRegistry()
        let first = try sample.publishAndCommit(try sample.bundle("1"))
        let other = try sample.bundle("1", content: "other")
        let digest = try BundleReader(threads: 1).readHead(other).digest
        let error = RegistryError.versionTaken(path: first.location.path, published: first.digest, offered: digest)
        #expect(throws: error) { try sample.publish(other) }
        #expect(try FileSystem.names(in: "\(sample.folder)/blobs").count == 1)
    }

    @Test func aDamagedBundleIsNotPublished() throws {
        let sample = try SampleRegistry()
        let path = try sample.bundle("1")
        var bytes = try FileSystem.read(path, limit: 1 << 20)
        bytes[bytes.count / 2] ^= 1
        try FileSystem.write(bytes, to: path)
        #expect(throws: BundleError.self) { try sample.publish(path) }
        #expect(try FileSystem.names(in: "\(sample.folder)/blobs") == [])
    }

    @Test func aMissingOrWrongKeyIsNamed() throws {
        let sample = try SampleRegistry()
        let path = try sample.bundle("1")
        let key = sample.keys.path(of: .bundles)
        try FileSystem.rename(key, to: "\(key).away")
        #expect(throws: RegistryError.keyMissing(role: "bundles", path: key)) { try sample.publish(path) }
        try FileSystem.rename(sample.keys.path(of: .models), to: key)
        #expect(throws: RegistryError.wrongKey(role: "bundles", path: key)) { try sample.publish(path) }
        #expect(try FileSystem.names(in: "\(sample.folder)/blobs") == [])
    }

    @Test func withoutTheKeepersKeysNothingIsInEffect() throws {
        let sample = try SampleRegistry()
        let key = sample.keys.path(of: .timestamp)
        try FileSystem.rename(key, to: "\(key).away")
        try sample.publish(try sample.bundle("1"))
        #expect(try sample.registry.commit(keys: sample.keys) == .published(lacking: ["timestamp"]))
        #expect(sample.registry.hasUncommitted)
        #expect(try sample.paths(below: "bundles") == [])
        try FileSystem.rename("\(key).away", to: key)
        var keeper = try Registry(opening: sample.folder, now: SampleRegistry.now)
        #expect(try keeper.commit(keys: sample.keys).isCommitted)
        #expect(try sample.paths(below: "bundles").count == 1)
    }

    /// Each has opened the repository before the other wrote.
    @Test func twoPublishersLoseNothing() throws {
        let sample = try SampleRegistry()
        var other = try Registry(opening: sample.folder, now: SampleRegistry.now)
        let paths = try ["1", "2", "3", "4"].map { try sample.bundle($0) }
        let note = Registry.PublishingNote(publisher: "other")
        try sample.publish(paths[0])
        _ = try other.publish(paths[1], note: note, keys: sample.keys, threads: 1)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        #expect(try other.commit(keys: sample.keys).isCommitted)
        _ = try other.publish(paths[2], note: note, keys: sample.keys, threads: 1)
        #expect(try other.commit(keys: sample.keys).isCommitted)
        try sample.publish(paths[3])
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        #expect(try sample.paths(below: "bundles").count == 4)
    }

    // MARK: acceptance

    private static func write(_ lines: String, _ sample: SampleRegistry) throws -> String {
        let path = "\(sample.scratch.path)/data.jsonl"
        try FileSystem.write(Array(lines.utf8), to: path)
        return path
    }

    private static func acceptance(bar: Double) throws -> Registry.AcceptanceRequest {
        Registry.AcceptanceRequest(
            endpoint: try SampleRegistry.endpoint(),
            metric: .accuracy,
            bar: Acceptance.Bar(absolute: bar)
        )
    }

    @Test func acceptanceSetsCountUp() throws {
        let sample = try SampleRegistry()
        let data = try Self.write("{\"inputs\":[1],\"label\":1}\n\n{\"label\":2,\"inputs\":[2]}", sample)
        let first = try sample.registry.publishAcceptance(data, Self.acceptance(bar: 0.9), keys: sample.keys)
        #expect(first.result.document.records == 2)
        #expect(first.result.document.location.version == 1)
        let same = try sample.registry.publishAcceptance(data, Self.acceptance(bar: 0.9), keys: sample.keys)
        #expect(!same.effect.isChange && same.result == first.result)
        let next = try sample.registry.publishAcceptance(data, Self.acceptance(bar: 0.8), keys: sample.keys)
        #expect(next.effect.isChange && next.result.document.location.version == 2)
        #expect(try sample.registry.acceptance(of: SampleRegistry.endpoint()) == next.result)
        #expect(try sample.registry.acceptance(of: SampleRegistry.endpoint(), version: 1) == first.result)
        #expect(throws: RegistryError.self) {
            try sample.registry.acceptance(of: SampleRegistry.endpoint(), version: 3)
        }
        let blob = next.result.document.data
        #expect(try FileSystem.read("\(sample.folder)/blobs/\(blob)", limit: 1_000).count == 50)
    }

    @Test(arguments: [
        ("", 1), ("{\"inputs\":[1],\"label\":1}\n{\"inputs\":[1]}", 2), ("[1]", 1), ("{\"label\":1}", 1),
        ("{\"inputs\":[1],\"label\":1}\nnot JSON\n", 2), ("{\"inputs\":1,\"label\":1} {}", 1),
    ])
    func labelledDataIsReadLineByLine(lines: String, line: Int) throws {
        let sample = try SampleRegistry()
        let path = try Self.write(lines, sample)
        do {
            _ = try sample.registry.publishAcceptance(path, Self.acceptance(bar: 1), keys: sample.keys)
            Issue.record("it was published")
        } catch let error as RegistryError {
            guard case .badRecord(path, line, _) = error else { throw error }
        }
        #expect(try FileSystem.names(in: "\(sample.folder)/blobs") == [])
    }
}
