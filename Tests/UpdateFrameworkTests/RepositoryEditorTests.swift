import Crypto
import FileSystem
import Glibc
import JSON
import Testing
import WallClock

@testable import UpdateFramework

/// What the editor writes is judged by our own client here, and by python-tuf's in `PythonTUFTests`.
@Suite struct RepositoryEditorTests {
    private let keys = SampleRepository.keys
    private let now = SampleRepository.now
    private let later = SampleRepository.now.advanced(by: .seconds(86_400 * 30))
    private let lifetimes = RepositoryEditor.Lifetimes(snapshot: .seconds(86_400 * 7), timestamp: .seconds(86_400))
    private let bundles = RoleName("bundles")

    /// Root, targets and `bundles`, committed; keys 0 to 4 are root's, timestamp's, snapshot's, targets', bundles'.
    private func sample(in folder: String) throws -> RepositoryEditor {
        let bundles = try #require(bundles)
        let publicKeys = try keys.map { try #require($0.key.publicKey()) }
        let root = try RootMetadata(expires: later) { role in
            switch role {
            case .root: ([publicKeys[0]], 1)
            case .timestamp: ([publicKeys[1]], 1)
            case .snapshot: ([publicKeys[2]], 1)
            default: ([publicKeys[3]], 1)
            }
        }
        var editor = try RepositoryEditor.create(in: RepositoryDirectory(folder), root: root, signers: keys)
        try editor.publish(.targets, expires: later, signers: keys) { targets in
            var delegations = Delegations()
            let role = try #require(DelegatedRole(bundles, paths: [PathPattern("bundles/*/*")]))
            try delegations.delegate(to: role, keys: [publicKeys[4]])
            targets.delegations = delegations
        }
        try add("bundles/digits/1.json", [1, 2, 3], to: &editor)
        try editor.commit(now: now, lifetimes: lifetimes, signers: keys)
        return editor
    }

    private func add(_ text: String, _ contents: [UInt8], to editor: inout RepositoryEditor) throws {
        let path = try targetPath(text)
        let file = try editor.store(contents, as: path, custom: ["size": .integer(contents.count)])
        try editor.publish(try #require(bundles), expires: later, signers: keys) { $0.targets[text] = file }
    }

    private func client(of folder: String) throws -> MemoryMetadataStore {
        let store = MemoryMetadataStore()
        try Updater.trust(root: try FileSystem.read("\(folder)/metadata/1.root.json", limit: 1 << 20), in: store)
        return store
    }

    private func updater(_ store: MemoryMetadataStore, _ folder: String) throws -> Updater {
        let transport = RepositoryDirectory(folder).metadataTransport
        var updater = try Updater(store: store, transport: transport, updateStart: now)
        try updater.refresh()
        return updater
    }

    private func names(_ folder: String) throws -> [String] { try FileSystem.names(in: "\(folder)/metadata") }

    @Test func aClientFindsWhatWasPublished() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        _ = try sample(in: folder.path)
        #expect(
            try names(folder.path) == [
                "1.bundles.json", "1.root.json", "1.snapshot.json", "1.targets.json", "timestamp.json",
            ]
        )
        var updater = try updater(client(of: folder.path), folder.path)
        let found = try #require(try updater.find(try targetPath("bundles/digits/1.json")))
        #expect(found.file.custom == ["size": 3])
        let source = RepositoryDirectory(folder.path).targetsTransport
        #expect(try updater.contents(of: found, from: source, limitBytes: 10) == [1, 2, 3])
        #expect(updater.trusted.timestamp?.signedAt == now)
        try updater.check(found, at: source)
    }

    @Test func nothingIsInEffectBeforeItIsCommitted() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let store = try client(of: folder.path)
        try add("bundles/digits/2.json", [4], to: &editor)
        var before = try updater(store, folder.path)
        #expect(try before.targets(below: "bundles").map(\.path.text) == ["bundles/digits/1.json"])
        try editor.commit(now: now, lifetimes: lifetimes, signers: keys)
        var after = try updater(store, folder.path)
        #expect(
            try after.targets(below: "bundles").map(\.path.text) == ["bundles/digits/1.json", "bundles/digits/2.json"]
        )
    }

    @Test func aRenewedTimestampKeepsTheSnapshot() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let store = try client(of: folder.path)
        #expect(try updater(store, folder.path).trusted.timestamp?.version == 1)
        try editor.commit(now: now.advanced(by: .seconds(60)), lifetimes: lifetimes, signers: [keys[1]])
        let trusted = try updater(store, folder.path).trusted
        #expect(trusted.timestamp?.version == 2)
        #expect(trusted.snapshot?.version == 1)
        try editor.commit(now: now, lifetimes: lifetimes, signers: [keys[1], keys[2]], renewSnapshot: true)
        #expect(try updater(store, folder.path).trusted.snapshot?.version == 2)
    }

    @Test func opensWhatItWrote() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        let written = try sample(in: folder.path)
        let opened = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        #expect(opened.roles == written.roles)
        #expect(opened.rejected.isEmpty && opened.needSignature.isEmpty)
        #expect(opened.timestamp?.body == written.timestamp?.body)
        #expect(opened.root.body == written.root.body)
    }

    @Test func refusesARepositoryWhereOneIs() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        _ = try sample(in: folder.path)
        #expect(throws: RepositoryError.exists) { try sample(in: folder.path) }
    }

    // MARK: keys

    @Test func writesNothingBelowTheThreshold() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let before = try names(folder.path)
        let bundles = try #require(bundles)
        #expect(throws: UpdateError.self) {
            try editor.publish(bundles, expires: later, signers: [keys[3]]) { _ in }
        }
        #expect(throws: UpdateError.self) { try editor.commit(now: now, lifetimes: lifetimes, signers: [keys[0]]) }
        #expect(throws: UpdateError.self) {
            try editor.publishRoot(expires: later, signers: [keys[1]]) { _ in }
        }
        #expect(try names(folder.path) == before)
        #expect(editor.root.body.version == 1)
    }

    @Test func rotatesEveryTopLevelKey() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let store = try client(of: folder.path)
        _ = try updater(store, folder.path)
        let fresh = try (0..<5).map { _ in try PrivateKeySigner(try PrivateKey.generate()) }
        let publicKeys = try fresh.map { try #require($0.key.publicKey()) }
        try editor.publishRoot(expires: later, signers: keys + fresh) { root in
            try root.setKeys([publicKeys[0], publicKeys[4]], threshold: 2, for: .root)
            try root.setKeys([publicKeys[1]], threshold: 1, for: .timestamp)
            try root.setKeys([publicKeys[2]], threshold: 1, for: .snapshot)
            try root.setKeys([publicKeys[3]], threshold: 1, for: .targets)
        }
        #expect(editor.root.body.keys.count == 5)

        // The committed targets are no longer signed as the root asks: that is found when the repository is opened.
        var reopened = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        #expect(Array(reopened.needSignature.keys) == [.targets])
        // Until then what is in effect is renewed.
        let listed = reopened.snapshot?.body.files
        try reopened.commit(now: now, lifetimes: lifetimes, signers: fresh)
        #expect(reopened.timestamp?.body.version == 2)
        #expect(reopened.snapshot?.body.files == listed)
        try reopened.publish(.targets, expires: later, signers: fresh) { _ in }
        try reopened.commit(now: now, lifetimes: lifetimes, signers: fresh)
        var updated = try updater(store, folder.path)
        #expect(updated.trusted.root.version == 2)
        #expect(try updated.targets(below: "").count == 1)
    }

    @Test func aChangedDelegationKeepsWhatTheRoleListed() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let store = try client(of: folder.path)
        let bundles = try #require(bundles)
        let key = try #require(keys[5].key.publicKey())
        try editor.publish(.targets, expires: later, signers: keys) { targets in
            var role = try #require(targets.delegations?[bundles])
            role.keys.threshold = 1
            try targets.delegations?.delegate(to: role, keys: [key])
        }
        var reopened = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        #expect(reopened.needSignature[bundles]?.contains("signed by 0 of the 1 keys that targets version 2") == true)
        #expect(throws: UpdateError.self) { try reopened.publish(bundles, expires: later, signers: [keys[4]]) { _ in } }
        try reopened.publish(bundles, expires: later, signers: [keys[5]]) { _ in }
        try reopened.commit(now: now, lifetimes: lifetimes, signers: keys)
        var updated = try updater(store, folder.path)
        #expect(try updated.find(try targetPath("bundles/digits/1.json")) != nil)
    }

    @Test func anUndelegatedRoleIsGoneForClientsAndStaysListed() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let store = try client(of: folder.path)
        _ = try updater(store, folder.path)
        let bundles = try #require(bundles)
        try editor.publish(.targets, expires: later, signers: keys) {
            #expect($0.delegations?.undelegate(bundles) == true)
        }
        var reopened = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        try reopened.commit(now: now, lifetimes: lifetimes, signers: keys)
        var updated = try updater(store, folder.path)
        #expect(try updated.targets(below: "").isEmpty)
        #expect(updated.trusted.snapshot?[bundles]?.version == 1)
        #expect(throws: RepositoryError.unknownRole(bundles)) {
            try reopened.publish(bundles, expires: later, signers: keys) { _ in }
        }
    }

    // MARK: others at the same time

    @Test func ofTwoPublishersOfOneVersionOneIsToldToDoItAgain() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var first = try sample(in: folder.path)
        var second = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        try add("bundles/digits/2.json", [2], to: &first)
        #expect(throws: RepositoryError.changedMeanwhile(file: "2.bundles.json")) {
            try add("bundles/digits/3.json", [3], to: &second)
        }
        second = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        try add("bundles/digits/3.json", [3], to: &second)
        #expect(second.roles[try #require(bundles)]?.targets.count == 3)
    }

    @Test func ofTwoKeepersOneIsToldToDoItAgain() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var first = try sample(in: folder.path)
        var second = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        try first.commit(now: now, lifetimes: lifetimes, signers: keys)
        #expect(throws: RepositoryError.changedMeanwhile(file: "timestamp.json")) {
            try second.commit(now: now, lifetimes: lifetimes, signers: keys)
        }
        #expect(second.timestamp?.body.version == 1)
    }

    @Test func aKeeperCutOffBeforeTheTimestampLeavesNoHarm() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        _ = try sample(in: folder.path)
        try FileSystem.write(Array("{}".utf8), to: "\(folder.path)/metadata/2.snapshot.json")
        var editor = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        try add("bundles/digits/2.json", [2], to: &editor)
        try editor.commit(now: now, lifetimes: lifetimes, signers: keys)
        #expect(editor.snapshot?.body.version == 3)
        var updater = try updater(client(of: folder.path), folder.path)
        #expect(try updater.targets(below: "").count == 2)
    }

    /// Somebody without the key drops a file under the next version's name.
    @Test func aForgedRoleIsNamedAndPassedOver() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        _ = try sample(in: folder.path)
        let forged = try #require(
            SampleRepository.document(SampleRepository.targetsBody([:]), by: [keys[6]]) as [UInt8]?
        )
        try FileSystem.write(forged, to: "\(folder.path)/metadata/2.bundles.json")
        var editor = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        #expect(editor.rejected.map(\.file) == ["2.bundles.json"])
        #expect(editor.roles[try #require(bundles)]?.targets.count == 1)
        try add("bundles/digits/2.json", [2], to: &editor)
        #expect(try names(folder.path).contains("3.bundles.json"))
    }

    /// Clients look into 32 roles at most: a team that delegates to 40 would end everybody's listings.
    @Test func aRoleThatMakesTooManyIsRefusedAndPassedOver() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let bundles = try #require(bundles)
        let key = try #require(keys[5].key.publicKey())
        func delegations(_ count: Int) throws -> Delegations {
            var delegations = Delegations()
            for index in 0..<count {
                let name = try #require(RoleName("part-\(index)"))
                let role = try #require(DelegatedRole(name, paths: [PathPattern("*/*/*")]))
                try delegations.delegate(to: role, keys: [key])
            }
            return delegations
        }
        #expect(throws: RepositoryError.tooManyRoles(role: bundles, version: 2, limit: 32)) {
            try editor.publish(bundles, expires: later, signers: keys) { $0.delegations = try delegations(40) }
        }
        #expect(try !names(folder.path).contains("2.bundles.json"))
        // `targets`, `bundles` and these are as many as may be.
        try editor.publish(bundles, expires: later, signers: keys) { $0.delegations = try delegations(30) }
        try editor.commit(now: now, lifetimes: lifetimes, signers: keys)

        // Somebody with the key writes it past the editor; the keeper goes on with the version before.
        var body = try #require(editor.roles[bundles])
        body.delegations = try delegations(31)
        body.header.version = 3
        var document = try MetadataDocument(body, role: bundles)
        try document.sign(with: keys[4])
        try FileSystem.write(document.encoded(), to: "\(folder.path)/metadata/3.bundles.json")
        var keeper = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        #expect(keeper.rejected.map(\.file) == ["3.bundles.json"])
        #expect(keeper.rejected.first?.reason.contains("more than 32 roles") == true)
        #expect(keeper.roles[bundles]?.version == 2)
        try keeper.commit(now: now, lifetimes: lifetimes, signers: keys)
        var updater = try updater(client(of: folder.path), folder.path)
        #expect(try updater.targets(below: "").map(\.path.text) == ["bundles/digits/1.json"])
        #expect(try updater.targets(below: "bundles").count == 1)
    }

    /// Somebody without a key takes the last number that there is.
    @Test(arguments: ["snapshot", "bundles", "targets"])
    func anUnsignedFileUsesUpNoVersions(role: String) throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        _ = try sample(in: folder.path)
        let last = MetadataHeader.versions.upperBound
        try FileSystem.write([], to: "\(folder.path)/metadata/\(last).\(role).json")
        var editor = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        try add("bundles/digits/2.json", [2], to: &editor)
        try editor.publish(.targets, expires: later, signers: keys) { _ in }
        try editor.commit(now: now, lifetimes: lifetimes, signers: keys, renewSnapshot: true)
        var updater = try updater(client(of: folder.path), folder.path)
        #expect(try updater.targets(below: "").count == 2)
        #expect(updater.trusted.snapshot?.version == 2)
        #expect(updater.trusted.snapshot?.files["targets.json"]?.version == 2)
        #expect(updater.trusted.snapshot?.files["bundles.json"]?.version == 2)
    }

    /// Whoever held the keeper's key signed the last versions that there are.
    @Test func afterAChangeOfKeysTheKeepersVersionsBeginAnew() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let last = MetadataHeader.versions.upperBound
        let listed = try #require(editor.snapshot?.body.files)
        let snapshot = SampleRepository.document(
            SnapshotMetadata(version: last, expires: later, files: listed).json,
            by: [keys[2]]
        )
        let meta = MetaFile(version: last, length: snapshot.count, hashes: FileHashes(of: snapshot))
        let timestamp = SampleRepository.document(
            TimestampMetadata(version: last, expires: later, snapshot: meta).json,
            by: [keys[1]]
        )
        try FileSystem.write(snapshot, to: "\(folder.path)/metadata/\(last).snapshot.json")
        try FileSystem.write(timestamp, to: "\(folder.path)/metadata/timestamp.json")
        let store = try client(of: folder.path)
        #expect(try updater(store, folder.path).trusted.timestamp?.version == last)

        editor = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        #expect(throws: RepositoryError.versionsUsedUp(.timestamp)) {
            try editor.commit(now: now, lifetimes: lifetimes, signers: keys)
        }
        #expect(throws: RepositoryError.versionsUsedUp(.snapshot)) {
            try editor.commit(now: now, lifetimes: lifetimes, signers: keys, renewSnapshot: true)
        }
        let fresh = try (0..<2).map { _ in try PrivateKeySigner(try PrivateKey.generate()) }
        try editor.publishRoot(expires: later, signers: keys) { root in
            try root.setKeys([try #require(fresh[0].key.publicKey())], threshold: 1, for: .timestamp)
            try root.setKeys([try #require(fresh[1].key.publicKey())], threshold: 1, for: .snapshot)
        }
        try editor.commit(now: now, lifetimes: lifetimes, signers: fresh)
        var updated = try updater(store, folder.path)
        #expect(updated.trusted.timestamp?.version == 1)
        #expect(updated.trusted.snapshot?.version == 2)
        #expect(try updated.targets(below: "").count == 1)
    }

    // MARK: stray files

    /// None of them keeps the keeper from renewing.
    @Test func strayFilesAreNamedAndPassedOver() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        _ = try sample(in: folder.path)
        let metadata = "\(folder.path)/metadata"
        try FileSystem.write([UInt8](repeating: 0x20, count: 6_000_000), to: "\(metadata)/99.bundles.json")
        try FileSystem.write(Array("junk".utf8), to: "\(metadata)/9.root.json")
        #expect(symlink(".", "\(metadata)/loop") == 0)
        #expect(symlink("7.bundles.json", "\(metadata)/7.bundles.json") == 0)
        var editor = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        #expect(editor.rejected.map(\.file) == ["9.root.json", "99.bundles.json"])
        #expect(editor.rejected.first?.reason == "there is no 2.root.json")
        #expect(editor.rejected.last?.reason.contains("is larger than the 5000000 bytes") == true)
        try add("bundles/digits/2.json", [2], to: &editor)
        try editor.commit(now: now, lifetimes: lifetimes, signers: keys)
        var updater = try updater(client(of: folder.path), folder.path)
        #expect(try updater.targets(below: "").count == 2)
    }

    // MARK: limits

    /// What clients would not read is not written.
    @Test(arguments: [RoleName.root, .timestamp, .snapshot, .targets])
    func writesNothingThatIsTooLargeForClients(role: RoleName) throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        _ = try sample(in: folder.path)
        var limits = UpdateLimits()
        let opened = try RepositoryEditor(opening: RepositoryDirectory(folder.path), limits: limits)
        switch role {
        case .root: limits.rootBytes = opened.root.encoded().count
        case .timestamp: limits.timestampBytes = try #require(opened.timestamp).encoded().count
        case .snapshot: limits.snapshotBytes = try #require(opened.snapshot).encoded().count
        default: limits.targetsBytes = try #require(opened.files[.targets]?.length)
        }
        var editor = try RepositoryEditor(opening: RepositoryDirectory(folder.path), limits: limits)
        let before = try names(folder.path)
        let timestamp = try FileSystem.read("\(folder.path)/metadata/timestamp.json", limit: 1 << 20)
        #expect(throws: UpdateError.tooLarge(file: role.listedName, limitBytes: limits.bytes(of: role))) {
            switch role {
            case .root:
                let key = try #require(keys[6].key.publicKey())
                try editor.publishRoot(expires: later, signers: keys) {
                    try $0.setKeys([key, try #require(keys[7].key.publicKey())], threshold: 1, for: .targets)
                }
            case .targets:
                let file = TargetFile(length: 0, hashes: FileHashes(of: []))
                try editor.publish(.targets, expires: later, signers: keys) { $0.targets["rules"] = file }
            case .timestamp:
                try editor.commit(now: now, lifetimes: lifetimes, signers: keys, pollInterval: .seconds(600_000))
            default:
                let other = MetaFile(version: 1, length: 1, hashes: FileHashes(of: []))
                editor.files[try #require(RoleName("other"))] = other
                try editor.commit(now: now, lifetimes: lifetimes, signers: keys)
            }
        }
        #expect(try names(folder.path) == before)
        #expect(try FileSystem.read("\(folder.path)/metadata/timestamp.json", limit: 1 << 20) == timestamp)
    }

    // MARK: paths

    @Test(arguments: ["other/file", "bundles/file", "../x"])
    func refusesTargetsThatTheRoleMayNotList(path: String) throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let bundles = try #require(bundles)
        #expect(throws: RepositoryError.self) {
            try editor.publish(bundles, expires: later, signers: keys) {
                $0.targets[path] = TargetFile(length: 0, hashes: FileHashes(of: []))
            }
        }
    }

    @Test func fieldsThatItDoesNotKnowSurviveAnEdit() throws {
        let folder = try TemporaryDirectory(prefix: "editor-tests")
        var editor = try sample(in: folder.path)
        let bundles = try #require(bundles)
        var metadata = try #require(editor.roles[bundles]).json
        metadata.set("kept", "x-other")
        metadata.set(["deep": [1, 2]], "targets", "bundles/digits/1.json", "x-file")
        let read = try TargetsMetadata(json: metadata)
        try editor.publish(bundles, expires: later, signers: keys) { $0 = read }
        let opened = try RepositoryEditor(opening: RepositoryDirectory(folder.path))
        let again = try #require(opened.roles[bundles]).json
        #expect(again["x-other"] == "kept")
        #expect(again["targets"]?["bundles/digits/1.json"]?["x-file"] == ["deep": [1, 2]])
        #expect(again["version"] == 2)
    }
}
