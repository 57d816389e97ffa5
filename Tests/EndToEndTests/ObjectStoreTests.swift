import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// A repository in a bucket, as those who write it and those who read it find it.
@Suite(.programs, .objectStore, .oneByOne) struct ObjectStoreTests {
    private let store: ObjectStore
    private let scratch: Scratch
    /// A prefix of its own, with what URLs and signatures stumble over.
    private let prefix = "a place/ü+\(UInt64.random(in: .min ... .max))"
    private var place: String { "s3://models/\(prefix)" }
    /// As a browser would write it.
    private var url: String {
        let written = prefix.replacing(" ", with: "%20").replacing("ü", with: "%C3%BC").replacing("+", with: "%2B")
        return "\(store.url)/models/\(written)"
    }

    init() throws {
        store = try ObjectStore.shared.get()
        scratch = try Scratch()
    }

    private func pack(_ words: String...) throws -> String { try store.pack(words, in: scratch.path) }

    private func json(_ words: [String]) throws -> (result: ProcessResult, value: JSONValue) {
        let result = try store.run(words + ["--json"], in: scratch.path)
        return (result, try JSONValue.parse(result.standardOutput, limits: .document))
    }

    /// A bundle, an acceptance set and a deployment, all in effect.
    private func fill() throws {
        let bundle = try Example.native.get().signed
        _ = try pack("repo", "init", place, "--keys", "keys")
        _ = try pack("publish", bundle, "--to", place, "--keys", "keys")
        try scratch.write(#"{"inputs": [], "label": "3"}"#, to: "data.jsonl")
        _ = try pack(
            "acceptance",
            "publish",
            "data.jsonl",
            "--endpoint",
            "digits",
            "--metric",
            "accuracy",
            "--bar",
            "0.5",
            "--to",
            place,
            "--keys",
            "keys"
        )
        _ = try pack(
            "deploy",
            "digits@1",
            "--endpoint",
            "digits",
            "--channel",
            "prod",
            "--reason",
            "a test",
            "--to",
            place,
            "--keys",
            "keys"
        )
        _ = try pack("repo", "commit", place, "--keys", "keys")
        _ = try pack("repo", "refresh", place, "--role", "bundles", "--keys", "keys")
    }

    /// python-tuf's client and ours refresh and download every target over HTTP, as boxes do.
    private func judge(_ client: String) throws -> [String] {
        let root = scratch("keys/1.root.json")
        let python = try Judge.run("ngclient.py", try scratch.folder(client), url, root)
        try #require(python.isSuccess, "\(python.errorText)")
        let verdict = try JSONValue.parse(python.standardOutput, limits: .document)
        let targets = verdict["targets"]?.objectValue?.names ?? []
        let ours = scratch("\(client)-ours")
        if try FileSystem.status(of: ours) == nil {
            try Programs.succeed(Programs.tufclient, ["--metadata-dir", ours, "init", root])
        }
        let places = [
            "--metadata-dir", ours, "--metadata-url", "\(url)/metadata", "--target-dir",
            try scratch.folder("\(client)-targets"), "--target-base-url", "\(url)/targets",
        ]
        try Programs.succeed(
            Programs.tufclient,
            places + targets.flatMap { ["--target-name", $0] } + ["download"]
        )
        #expect(try FileSystem.names(in: scratch("\(client)-targets")).count == targets.count)
        return targets.sorted()
    }

    @Test func clientsReadOverHTTPWhatIsWrittenToABucket() throws {
        try fill()
        let targets = try judge("client")
        #expect(targets.count == 6)
        #expect(targets.contains("deployments/prod/digits/1.json"))
        // Every key replaced, and a second deployment, for clients that were there before and for new ones.
        for role in ["root", "targets", "snapshot", "timestamp", "bundles", "deployments-prod"] {
            _ = try pack("repo", "rotate", place, "--role", role, "--keys", "keys")
        }
        _ = try pack(
            "deploy",
            "digits@1",
            "--endpoint",
            "digits",
            "--channel",
            "prod",
            "--reason",
            "again",
            "--to",
            place,
            "--keys",
            "keys"
        )
        #expect(try judge("client").count == 7)
        #expect(try judge("new-client").count == 7)
    }

    @Test func cachesKeepWhatNeverChanges() throws {
        try fill()
        let objects = try #require(try store.boto3("list", prefix).objectValue)
        #expect(objects.members.count > 20)
        for (key, facts) in objects.members {
            let path = String(key.dropFirst(prefix.count + 1))
            let isReplaced = path == "metadata/timestamp.json"
            let control = facts[0]?.stringValue
            #expect(control == (isReplaced ? "no-cache" : "public, max-age=31536000, immutable"), "\(path)")
            let isJSON = path.hasSuffix(".json")
            #expect(facts[1]?.stringValue == (isJSON ? "application/json" : "application/octet-stream"), "\(path)")
            #expect(path.hasPrefix("blobs/") || isJSON, "\(path)")
        }
    }

    @Test func aBucketIsCheckedFromBothSides() throws {
        try fill()
        let root = scratch("keys/1.root.json")
        for (repository, more) in [(place, [String]()), (url, []), (url, ["--no-blobs"]), (place, ["--no-blobs"])] {
            let check = try json(["repo", "verify", repository, "--root", root] + more)
            #expect(check.result.status == .exited(0), "\(check.value)")
            #expect(check.value["documents"]?.integerValue == 6)
            #expect(check.value["blobs"]?.integerValue == 3)
        }
        let objects = try #require(try store.boto3("list", "\(prefix)/blobs/").objectValue)
        let blobs = objects.members.sorted { ($0.value[2]?.integerValue ?? 0) > ($1.value[2]?.integerValue ?? 0) }
        let (archive, other) = (blobs[0].name, blobs[1].name)
        try store.boto3("flip", archive)
        try store.boto3("remove", other)
        for repository in [place, url] {
            let check = try json(["repo", "verify", repository])
            #expect(check.result.status == .exited(10))
            let problems = check.value["problems"]?.arrayValue ?? []
            #expect(problems.count == 2, "\(problems)")
            #expect(problems.contains { $0["problem"]?.stringValue?.contains("another SHA-256") == true })
            #expect(problems.contains { $0["problem"]?.stringValue?.contains("is missing") == true })
        }
        let nothing = try store.run(["repo", "verify", "\(store.url)/models/nothing"], in: scratch.path)
        #expect(nothing.status == .exited(66), "\(nothing.errorText)")
    }

    @Test(arguments: ["bucket", "url"]) func aStickIsMadeOfABucket(kind: String) throws {
        try fill()
        let source = kind == "url" ? url : place
        let choice = ["--bundle", "digits@1", "--channel", "prod"]
        try store.pack(["repo", "export", source, "--to", "stick"] + choice, in: scratch.path)
        // All that it needs is there, as another stick is made of it.
        try store.pack(["repo", "export", "stick", "--to", "second"] + choice, in: scratch.path)
        #expect(try Scratch.listing(scratch("stick")) == Scratch.listing(scratch("second")))
        try store.pack(["repo", "export", source, "--to", "one.tar.zst"] + choice, in: scratch.path)
        try Programs.succeed(Programs.edgepack, ["inspect", scratch("one.tar.zst")])
        #expect(try FileSystem.names(in: scratch.path).allSatisfy { !$0.hasPrefix(".") })
    }

    @Test func aBucketBecomesARepositoryOnce() throws {
        _ = try pack("repo", "init", place, "--keys", "keys")
        let before = try store.boto3("list", prefix)
        let again = try store.run(["repo", "init", place, "--keys", "keys"], in: scratch.path)
        #expect(again.status == .exited(73), "\(again.errorText)")
        #expect(try store.boto3("list", prefix) == before)
        let other = try store.run(["repo", "commit", "\(place)/other", "--keys", "keys"], in: scratch.path)
        #expect(other.status == .exited(66), "\(other.errorText)")
        let missing = try store.run(["repo", "commit", "s3://nothing/edge", "--keys", "keys"], in: scratch.path)
        #expect(missing.status == .exited(66), "\(missing.errorText)")
        #expect(missing.errorText.contains("no bucket nothing"))
        let url = try store.run(["repo", "commit", url, "--keys", "keys"], in: scratch.path)
        #expect(url.status == .exited(64), "\(url.errorText)")
        let nobody = try Programs.run(
            Programs.edgepack,
            ["repo", "commit", place, "--keys", "keys"],
            in: scratch.path,
            environment: Programs.environment.filter { !$0.key.hasPrefix("AWS_") }
        )
        #expect(nobody.status == .exited(78), "\(nobody.errorText)")
    }
}
