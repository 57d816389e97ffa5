import BundleFormat
import Deployment
import Digest
import FileSystem
import Glibc
import JSON
import Testing
import UpdateFramework
import WallClock

@testable import Registry

/// What nothing names goes; what somebody may still need stays.
@Suite struct CollectionTests {
    /// By the clock, as the times of files are.
    private static let now = UTCTime(seconds: Int64(time(nil)))
    private static func days(_ days: Int) -> Duration { .seconds(days * 86_400) }

    private let sample: SampleRegistry

    init() throws {
        sample = try SampleRegistry()
        sample.registry = try Registry(opening: sample.folder, now: Self.now)
    }

    private func registry(days: Int = 0) throws -> Registry {
        try Registry(opening: sample.folder, now: Self.now.advanced(by: Self.days(days)))
    }

    /// What gc removes, so many days from now, with a month's grace.
    private func collect(days: Int, grace: Int = 30) throws -> [String] {
        let registry = try registry(days: days)
        let garbage = try RepositoryGarbage(of: registry, grace: Self.days(grace))
        try registry.remove(garbage)
        return garbage.items.map(\.file.path.description)
    }

    private func age(_ path: String, days: Int) throws {
        let seconds = time_t(Self.now.seconds) - days * 86_400
        let moment = timeval(tv_sec: seconds, tv_usec: 0)
        try #require(utimes("\(sample.folder)/\(path)", [moment, moment]) == 0)
    }

    private func isThere(_ path: String) throws -> Bool { try FileSystem.status(of: "\(sample.folder)/\(path)") != nil }

    private func expectWhole() throws {
        let check = try RepositoryCheck(of: sample.folder, now: Self.now)
        #expect(check.problems == [])
        _ = try sample.box(now: Self.now)
    }

    @Test func supersededMetadataGoesAndEveryRootStays() throws {
        let known = MemoryMetadataStore()
        try sample.publishAndCommit(try sample.bundle("1"))
        _ = try sample.box(known, now: Self.now)
        try sample.publishAndCommit(try sample.bundle("2"))
        _ = try sample.registry.rotate(.root, keys: sample.keys)
        _ = try sample.registry.rotate(.bundles, keys: sample.keys)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        #expect(try collect(days: 29) == [])
        let gone = try collect(days: 31)
        #expect(gone.contains("metadata/1.bundles.json") && gone.contains("metadata/1.snapshot.json"))
        #expect(gone.allSatisfy { $0.hasPrefix("metadata/") })
        #expect(try collect(days: 31) == [])
        let names = try FileSystem.names(in: "\(sample.folder)/metadata")
        #expect(names.filter { $0.hasSuffix(".root.json") } == ["1.root.json", "2.root.json"])
        #expect(names.filter { $0.hasSuffix(".bundles.json") }.count == 1)
        #expect(names.filter { $0.hasSuffix(".snapshot.json") }.count == 1)
        try expectWhole()
        // A box that was here before goes on.
        #expect(try sample.paths(below: "bundles", known).count == 2)
    }

    /// It was written long ago, and superseded a moment ago.
    @Test func whatWasInEffectAMomentAgoStays() throws {
        try sample.publishAndCommit(try sample.bundle("1"))
        let files = try FileSystem.files(below: sample.folder, limit: 1_000).map(\.path)
        for file in files { try age(file, days: 60) }
        try sample.publishAndCommit(try sample.bundle("2"))
        let snapshot = try #require(sample.registry.editor.snapshot?.body.version)
        let gone = try collect(days: 0)
        #expect(try isThere("metadata/\(snapshot - 1).snapshot.json"))
        #expect(try isThere("metadata/2.bundles.json") && isThere("metadata/3.bundles.json"))
        // What was superseded by that was superseded long ago.
        #expect(gone.contains("metadata/1.bundles.json") && gone.contains("metadata/1.snapshot.json"))
        try expectWhole()
    }

    @Test func whatWasPublishedAndNotCommittedStays() throws {
        let bundle = try sample.publish(try sample.bundle("1")).bundle
        #expect(try collect(days: 400) == [])
        #expect(try isThere(bundle.record.archive.path))
        #expect(try registry().bundles == [bundle])
    }

    @Test func blobsAndDocumentsThatNothingNamesGo() throws {
        let bundle = try sample.publishAndCommit(try sample.bundle("1"))
        let orphan = try sample.registry.blobs.store(Array("orphan".utf8))
        let document = try sample.registry.editor.store([1], as: try targetPath("bundles/a/1/b.json"))
        #expect(try collect(days: 29) == [])
        let place = "targets/bundles/a/1/\(try #require(document.hashes.fileNamePrefix)).b.json"
        let gone = try collect(days: 31).filter { !$0.hasPrefix("metadata/") }
        #expect(gone == [orphan.path, place])
        #expect(try isThere(bundle.record.archive.path))
        try expectWhole()
    }

    /// A publisher finds its blob there already, from a try that was cut off long ago.
    @Test func whatIsStoredAgainIsYoungAgain() throws {
        let orphan = try sample.registry.blobs.store(Array("orphan".utf8))
        let document = try sample.registry.editor.store([1], as: try targetPath("bundles/a/1/b.json"))
        let place = "targets/bundles/a/1/\(try #require(document.hashes.fileNamePrefix)).b.json"
        for path in [orphan.path, place] { try age(path, days: 60) }
        _ = try sample.registry.blobs.store(Array("orphan".utf8))
        _ = try sample.registry.editor.store([1], as: try targetPath("bundles/a/1/b.json"))
        #expect(try collect(days: 0, grace: 1) == [])
        // Found to be garbage, and stored again before it was removed.
        let registry = try registry(days: 40)
        let garbage = try RepositoryGarbage(of: registry, grace: Self.days(30))
        #expect(garbage.items.map(\.file.path.description).contains(orphan.path))
        try age(orphan.path, days: -1)
        try registry.remove(garbage)
        #expect(try isThere(orphan.path))
        #expect(try !isThere(place))
    }

    @Test func acceptanceDataStays() throws {
        let data = "\(sample.scratch.path)/data.jsonl"
        try FileSystem.write(Array(#"{"inputs": [], "label": "3"}"#.utf8), to: data)
        let request = Registry.AcceptanceRequest(
            endpoint: try SampleRegistry.endpoint(),
            metric: .accuracy,
            bar: Acceptance.Bar(absolute: 0.5)
        )
        let set = try sample.registry.publishAcceptance(data, request, keys: sample.keys)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)
        #expect(try collect(days: 400).allSatisfy { $0.hasPrefix("metadata/") })
        #expect(try isThere("blobs/\(set.result.document.data)"))
        try expectWhole()
    }

    /// A later program may have listed it, with blobs that this one doesn't know of.
    @Test func noBlobGoesWhereOneCanNotBeRead() throws {
        let blob = try sample.registry.blobs.store(Array("theirs".utf8))
        var editor = try RepositoryEditor(opening: RepositoryDirectory(sample.folder))
        let path = "bundles/later/1/linux-x86_64-glibc2.28-nopy.json"
        let file = try editor.store([1], as: try targetPath(path), custom: ["later": true])
        let expires = Self.now.advanced(by: Self.days(100))
        let signer = try sample.keys.signer(of: .bundles)
        try editor.publish(RegistryRole.bundles.name, expires: expires, signers: [signer]) { $0.targets[path] = file }
        let garbage = try RepositoryGarbage(of: try registry(days: 400), grace: Self.days(30))
        #expect(!garbage.items.contains { $0.kind == .blobs })
        #expect(garbage.notes.count == 1)
        #expect(try isThere(blob.path))
    }

    @Test func proposalsThatCameTooLateGo() throws {
        _ = try sample.registry.proposeRenewal(of: .bundles)
        #expect(try collect(days: 400).allSatisfy { !$0.hasPrefix("proposals/") })
        try sample.publishAndCommit(try sample.bundle("1"))
        #expect(try collect(days: 29) == [])
        #expect(try collect(days: 31).filter { $0.hasPrefix("proposals/") } == ["proposals/2.bundles.json"])
        try expectWhole()
    }

    /// Whole, it may name any blob.
    @Test func noBlobGoesWhereAProposalCanNotBeRead() throws {
        let blob = try sample.registry.blobs.store(Array("theirs".utf8))
        try FileSystem.createDirectories("\(sample.folder)/proposals")
        let place = "\(sample.folder)/proposals/2.bundles.json"
        try FileSystem.write(Array("{".utf8), to: place)
        let garbage = try RepositoryGarbage(of: try registry(days: 400), grace: Self.days(30))
        #expect(!garbage.items.contains { $0.kind == .blobs || $0.kind == .proposals })
        #expect(garbage.notes.count == 1 && garbage.notes.first?.contains("proposals/2.bundles.json") == true)
        try FileSystem.removeFile(place)
        #expect(try collect(days: 400).contains(blob.path))
    }

    @Test func theGraceHasALeastLength() throws {
        _ = try sample.registry.blobs.store(Array("orphan".utf8))
        #expect(try collect(days: 0, grace: 0) == [])
    }
}
