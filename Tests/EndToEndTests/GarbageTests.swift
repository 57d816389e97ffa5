import FileSystem
import JSON
import Processes
import Testing

/// `edgepack repo gc`, and clients that read what it has left.
@Suite(.programs, .oneByOne) struct GarbageTests {
    private func names(_ value: JSONValue, _ kind: String) -> [String] {
        (value[kind]?.arrayValue ?? []).compactMap(\.stringValue)
    }

    private func collect(_ repository: JudgedRepository, _ options: String) throws -> JSONValue {
        let result = try repository.run("repo gc repo \(options) --json")
        return try JSONValue.parse(result.standardOutput, limits: .document)
    }

    @Test func clientsMissNothing() throws {
        let repository = try JudgedRepository()
        try repository.run("repo init repo --keys keys")
        try repository.scratch.copy(try #require(SmallBundles.shared.get().files[2]), as: "2.bundle.tar.zst")
        try repository.run("publish 2.bundle.tar.zst --to repo --keys keys")
        let before = try repository.judge()
        for role in ["root", "bundles", "snapshot"] {
            try repository.run("repo rotate repo --role \(role) --keys keys")
        }
        try repository.run("repo commit repo --renew-snapshot --keys keys")
        try repository.scratch.write("nobody's", to: "repo/blobs/\(String(repeating: "ab", count: 32))")
        #expect(try names(collect(repository, "--older-than 30d"), "metadata") == [])
        try Programs.succeed(
            "/usr/bin/find",
            [repository.scratch("repo"), "-type", "f", "-exec", "touch", "-d", "60 days ago", "{}", "+"]
        )
        let all = try Scratch.listing(repository.scratch("repo"))
        let planned = try collect(repository, "--dry-run")
        #expect(try Scratch.listing(repository.scratch("repo")) == all)
        #expect(names(planned, "metadata").contains("metadata/1.bundles.json"))
        #expect(names(planned, "metadata").contains("metadata/1.snapshot.json"))
        #expect(!names(planned, "metadata").contains { $0.hasSuffix(".root.json") })
        #expect(names(planned, "blobs") == ["blobs/\(String(repeating: "ab", count: 32))"])
        #expect(names(planned, "documents") == [])
        #expect(try names(collect(repository, "--older-than 30d"), "metadata") == names(planned, "metadata"))
        let gone = names(planned, "metadata").count + names(planned, "blobs").count
        #expect(try Scratch.listing(repository.scratch("repo")).count == all.count - gone)
        #expect(try names(collect(repository, "--older-than 1d"), "metadata") == [])
        // Clients that were here before everything was replaced, and new ones, walk over both roots.
        #expect(try repository.judge().targets == before.targets)
        try repository.run("repo verify repo")
        try repository.run("publish 2.bundle.tar.zst --to repo --keys keys")
        try repository.run("repo refresh repo --role bundles --keys keys")
        #expect(try repository.judge().targets == before.targets)
    }

    @Test func aShorterGraceThanADayIsRefused() throws {
        let repository = try JudgedRepository()
        try repository.run("repo init repo --keys keys")
        try repository.run("repo gc repo --older-than 1h", expecting: [64])
        try repository.run("repo gc nothing", expecting: [66])
    }

    @Test(.objectStore) func aBucketIsCleanedLikeAFolder() throws {
        let store = try ObjectStore.shared.get()
        let scratch = try Scratch()
        let place = "s3://models/gc-\(UInt64.random(in: .min ... .max))"
        try store.pack(["repo", "init", place, "--keys", "keys"], in: scratch.path)
        let result = try store.pack(["repo", "gc", place, "--json"], in: scratch.path)
        // All of it is young.
        let value = try JSONValue.parse(Array(result.utf8), limits: .document)
        for kind in ["metadata", "documents", "blobs", "proposals"] { #expect(names(value, kind) == []) }
        #expect(value["isDryRun"] == .boolean(false))
    }
}
