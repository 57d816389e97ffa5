import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// A repository that `edgepack` writes, as people, boxes and python-tuf find it.
@Suite(.programs, .oneByOne) struct RepositoryTests {
    private static let options = ["--to", "repo", "--keys", "keys"]
    private static let site = ["--endpoint", "digits", "--channel", "prod"]

    /// A repository `repo` with its `keys` in a scratch folder.
    private static func repository() throws -> Scratch {
        let scratch = try Scratch()
        try Programs.pack("repo", "init", "repo", "--keys", "keys", in: scratch.path)
        return scratch
    }

    private static func pack(_ scratch: Scratch, _ words: [String]) throws -> String {
        try Programs.succeed(Programs.edgepack, words, in: scratch.path)
    }

    private static func json(_ scratch: Scratch, _ words: [String]) throws -> JSONValue {
        try JSONValue.parse(Array(try pack(scratch, words + ["--json"]).utf8), limits: .document)
    }

    /// Bundle 1 for two platforms, signed; an acceptance set; a deployment in waves; a revocation.
    private static func full() throws -> Scratch {
        let scratch = try repository()
        let example = try Example.native.get()
        _ = try pack(scratch, ["publish", example.signed, example.bundleForOther, "--tag", "run=7"] + options)
        let lines = try ["3", "8"].map { label in
            let request =
                try JSONValue.parse(
                    Array(try example.request("seven").utf8),
                    limits: .document
                ).objectValue ?? [:]
            var record: JSONObject = ["label": .string(label)]
            record["inputs"] = request["inputs"]
            return String(decoding: JSONValue.object(record).compactBytes(), as: UTF8.self)
        }
        try scratch.write(lines.joined(separator: "\n"), to: "data.jsonl")
        _ = try pack(
            scratch,
            ["acceptance", "publish", "data.jsonl", "--endpoint", "digits", "--metric", "accuracy", "--bar", "0.5"]
                + options
        )
        let plan = [
            "--wave", "canary=5", "--wave", "all=100", "--soak", "1", "--acceptance", "1", "--reason", "a test",
        ]
        _ = try pack(scratch, ["deploy", "digits@1"] + site + plan + options)
        let unwanted = String(repeating: "ab", count: 32)
        _ = try pack(scratch, ["revoke", unwanted, "--action", "stop", "--reason", "a test"] + options)
        return scratch
    }

    /// python-tuf's client refreshes and downloads everything that is listed, before and after every key was replaced.
    @Test func pythonTUFTakesAllOfIt() throws {
        let scratch = try Self.full()
        let judge = "\(Programs.repository)/Tests/UpdateFrameworkTests/judges/read_repository.py"
        let platforms = try FileSystem.names(in: scratch("repo/targets/bundles/digits/1"))
            .map { String($0.split(separator: ".", maxSplits: 1)[1]) }
        #expect(platforms.count == 2)
        let targets =
            platforms.map { "bundles/digits/1/\($0)" } + [
                "revocations.json", "registry.json", "acceptance/digits/1.json", "deployments/prod/digits/1.json",
                "rollouts/prod/digits.json",
            ]
        let arguments = [judge, scratch("repo/metadata"), scratch("repo/targets"), scratch("client")]
        let output = try Programs.succeed(Programs.python, arguments + targets)
        #expect(output.split(separator: "\n").count == targets.count, "\(output)")
        for role in [
            "root", "targets", "snapshot", "timestamp", "bundles", "acceptance", "deployments-prod", "rollouts-prod",
        ] {
            _ = try Self.pack(scratch, ["repo", "rotate", "repo", "--role", role, "--keys", "keys"])
        }
        _ = try Self.pack(scratch, ["deploy", "digits@1", "--reason", "again"] + Self.site + Self.options)
        let later = try Programs.succeed(Programs.python, arguments + targets + ["deployments/prod/digits/2.json"])
        #expect(later.split(separator: "\n").count == targets.count + 1, "\(later)")
        let fresh = [judge, scratch("repo/metadata"), scratch("repo/targets"), scratch("other-client")]
        _ = try Programs.succeed(Programs.python, fresh + targets)
    }

    @Test func keysAreTheirOwnersOnlyAndNothingIsOverwritten() throws {
        let scratch = try Self.repository()
        for name in try FileSystem.names(in: scratch("keys")) where name.hasSuffix(".pem") {
            #expect(try FileSystem.status(of: scratch("keys/\(name)"))?.permissions == 0o600, "\(name)")
        }
        let before = try scratch.listing()
        let result = try Programs.run(
            Programs.edgepack,
            ["repo", "init", "repo", "--keys", "keys"],
            in: scratch.path
        )
        #expect(result.status == .exited(73), "\(result.errorText)")
        #expect(try scratch.listing() == before)
    }

    @Test func whatIsPublishedIsTheBuiltFileAndItsSignatures() throws {
        let scratch = try Self.repository()
        let example = try Example.native.get()
        let result = try Self.json(scratch, ["publish", example.signed] + Self.options)
        let archive = try #require(result["archive"]?.stringValue)
        let built = try FileSystem.read(example.bundle, limit: 1 << 30)
        #expect(try FileSystem.read(scratch("repo/\(archive)"), limit: 1 << 30) == built)
        #expect(result["signatures"]?.integerValue == 1)
        let again = try Self.json(scratch, ["publish", example.signed] + Self.options)
        #expect(again["isNew"] == .boolean(false))
        try scratch.copy(example.bundle, as: "b")
        try scratch.flip("b", at: built.count / 2)
        let damaged = try Programs.run(Programs.edgepack, ["publish", "b"] + Self.options, in: scratch.path)
        #expect(damaged.status == .exited(65), "\(damaged.errorText)")
    }

    /// The same name, version and platform, with other content.
    @Test func aVersionIsNeverChanged() throws {
        let scratch = try Self.repository()
        let example = try Example.native.get()
        _ = try Self.pack(scratch, ["publish", example.bundle] + Self.options)
        try scratch.copy(example.project, as: "project")
        let sample = try #require(try FileSystem.names(in: scratch("project/samples")).first)
        try FileSystem.removeFile(scratch("project/samples/\(sample)"))
        let device = "generic-\(Architecture.here.rawValue)"
        let built = try Self.json(scratch, ["build", "project", "-o", "dist", "--device", device])
        let path = try #require(built[0]?["path"]?.stringValue)
        let result = try Programs.run(Programs.edgepack, ["publish", path] + Self.options, in: scratch.path)
        #expect(result.status == .exited(73), "\(result.errorText)")
        #expect(result.errorText.contains("is published with other content"), "\(result.errorText)")
    }

    @Test func anExportedFolderAndFileCarryEverything() throws {
        let scratch = try Self.full()
        let architecture = Architecture.here.rawValue
        _ = try Self.pack(
            scratch,
            ["repo", "export", "repo", "--bundle", "digits@1", "--channel", "prod", "--to", "stick"]
        )
        let check = try Self.json(
            scratch,
            ["repo", "verify", "stick", "--root", "repo/metadata/1.root.json"]
        )
        #expect(check["problems"]?.arrayValue == [])
        #expect(check["blobs"]?.integerValue == 4)
        let platform = try #require(
            try FileSystem.names(in: scratch("repo/targets/bundles/digits/1")).first { $0.contains(architecture) }
        ).split(separator: ".", maxSplits: 1)[1].dropLast(5)
        _ = try Self.pack(
            scratch,
            [
                "repo", "export", "repo", "--bundle", "digits@1", "--platform", String(platform), "--to",
                "portable.bundle.tar.zst",
            ]
        )
        let key = try Keys.shared.get().publicKey
        _ = try Self.pack(scratch, ["verify", "portable.bundle.tar.zst", "--key", key])
        _ = try Self.pack(scratch, ["extract", "portable.bundle.tar.zst", "tree"])
        let tree = try Example.native.get().tree
        _ = try Programs.succeed("/usr/bin/diff", ["-r", tree, scratch("tree")])
        _ = try Programs.succeed("/bin/tar", ["--zstd", "-tf", scratch("portable.bundle.tar.zst")])
        // Published again from there, nothing is new.
        let again = try Self.json(scratch, ["publish", "portable.bundle.tar.zst"] + Self.options)
        #expect(again["isNew"] == .boolean(false))
    }

    /// The keys lie where their holders are: each does their part, in the order of things.
    @Test func everyHolderDoesTheirPart() throws {
        let scratch = try Self.repository()
        let example = try Example.native.get()
        for (holder, roles) in [
            ("build", ["bundles"]), ("operators", ["deployments-prod"]), ("duty", ["rollouts-prod"]),
            ("keeper", ["snapshot", "timestamp"]),
        ] {
            _ = try scratch.folder(holder)
            for role in roles {
                try FileSystem.rename(scratch("keys/\(role).pem"), to: scratch("\(holder)/\(role).pem"))
            }
        }
        let to = ["--to", "repo", "--keys"]
        _ = try Self.pack(scratch, ["publish", example.bundle] + to + ["build"])
        let deploy = ["deploy", "digits@1", "--reason", "a test"] + Self.site + to
        let refused = try Programs.run(Programs.edgepack, deploy + ["build"], in: scratch.path)
        #expect(refused.status == .exited(66), "\(refused.errorText)")
        #expect(refused.errorText.contains("the key of role deployments-prod is missing"), "\(refused.errorText)")
        let deployed = try Self.json(scratch, deploy + ["operators"])
        #expect(deployed["isCommitted"] == .boolean(false))
        #expect(deployed["openWave"] == .null)
        let rollout = ["rollout", "repo", "--state", "running", "--keys", "duty"] + Self.site
        #expect(try Self.json(scratch, rollout)["openWave"]?.stringValue == "all")
        let before = try Self.json(scratch, ["repo", "verify", "repo"])
        #expect(before["documents"]?.integerValue == 2, "nothing but the revocations and the policy is in effect")
        _ = try Self.pack(scratch, ["repo", "commit", "repo", "--keys", "keeper"])
        let after = try Self.json(scratch, ["repo", "verify", "repo"])
        #expect(after["documents"]?.integerValue == 5)
        #expect(after["problems"]?.arrayValue == [])
    }

    /// Two that publish at once, again and again: nothing of either is lost.
    @Test func twoAtOnceLoseNothing() throws {
        let scratch = try Self.repository()
        _ = try Self.pack(scratch, ["publish", try Example.native.get().bundle] + Self.options)
        let once =
            "\"$0\" deploy digits@1 --reason x --endpoint $1 --channel prod --to repo --keys keys >/dev/null 2>&1"
        let script = "for n in 1 2 3 4 5; do \(once) || exit 1; done"
        let both = "(set -- a; \(script)) & one=$!; (set -- b; \(script)) && wait $one"
        let result = try Programs.run("/bin/bash", ["-c", both, Programs.edgepack], in: scratch.path)
        #expect(result.isSuccess, "\(result.errorText)")
        for endpoint in ["a", "b"] {
            #expect(try FileSystem.names(in: scratch("repo/targets/deployments/prod/\(endpoint)")).count >= 5)
        }
        let check = try Self.json(scratch, ["repo", "verify", "repo"])
        #expect(check["problems"]?.arrayValue == [])
        #expect(
            check["documents"]?.integerValue == 15,
            "revocations, policy, bundle, 5 deployments and a rollout for each"
        )
    }

    /// Killed at any moment, done again, whole: a writer leaves nothing that a reader takes, or that is in its way.
    @Test func whatWasKilledIsDoneAgain() throws {
        let scratch = try Scratch()
        let bundle = try Example.native.get().bundle
        let commands = [
            "repo init repo --keys keys", "publish \(bundle) --to repo --keys keys",
            "deploy digits@1 --reason x --endpoint digits --channel prod --to repo --keys keys",
            "repo rotate repo --role bundles --keys keys", "repo rotate repo --role timestamp --keys keys",
        ]
        var killed = 0
        for command in commands {
            for milliseconds in [2, 5, 10, 15, 20, 30, 50, 80, 130, 210] {
                let line = "timeout -s KILL 0.\(String(1_000 + milliseconds).dropFirst()) \"$0\" \(command)"
                let result = try Programs.run("/bin/bash", ["-c", line, Programs.edgepack], in: scratch.path)
                killed += !result.isSuccess && !result.errorText.contains("error: ") ? 1 : 0
                guard command.contains(" init ") || result.isSuccess == false else { continue }
                guard try FileSystem.status(of: scratch("repo")) != nil else { continue }
                // A root is in effect when it is written; until the keeper has signed anew, boxes take nothing.
                guard !command.contains("--role timestamp") else { continue }
                let check = try Self.json(scratch, ["repo", "verify", "repo"])
                #expect(check["problems"]?.arrayValue == [], "\(command) after \(milliseconds) ms")
            }
            let again = try Programs.run(
                Programs.edgepack,
                command.split(separator: " ").map(String.init),
                in: scratch.path
            )
            let isDone = again.isSuccess || (command.contains(" init ") && again.status == .exited(73))
            #expect(isDone, "\(command): \(again.errorText)")
            let check = try Self.json(scratch, ["repo", "verify", "repo"])
            #expect(check["problems"]?.arrayValue == [], "\(command)")
        }
        #expect(killed > 5, "hardly anything was killed")
    }
}
