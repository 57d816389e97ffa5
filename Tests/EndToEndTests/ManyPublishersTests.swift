import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// Twenty publishers at once, who have the bundles' key only, while the keeper commits again and again.
@Suite(.programs, .oneByOne) struct ManyPublishersTests {
    private static let count = 20

    @Test(arguments: ["folder", "object store"]) func allAreThereAndNoneTwice(kind: String) throws {
        let scratch = try Scratch()
        var environment = Programs.environment
        var place = scratch("repo")
        if kind == "object store" {
            guard ObjectStore.isThere else {
                print("not judged in an object store: EDGE_TOOLS_PYTHON names no Python that has moto and boto3")
                return
            }
            environment = try ObjectStore.shared.get().environment
            place = "s3://models/publishers-\(UInt64.random(in: .min ... .max))"
        }
        func run(_ words: String...) throws -> ProcessResult {
            try Programs.run(Programs.edgepack, words, in: scratch.path, environment: environment)
        }
        try #require(try run("repo", "init", place, "--keys", "keys").isSuccess)
        let publisher = try scratch.folder("publisher")
        for name in ["bundles.pem", "bundles.pub", "1.root.json"] {
            try scratch.copy(scratch("keys/\(name)"), as: "publisher/\(name)")
        }
        let bundles = try Self.bundles(in: scratch)
        let publishers = try bundles.enumerated().map { number, bundle in
            let log = open(scratch("log-\(number)"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            defer { close(log) }
            return try ChildProcess(
                ProcessSpecification(
                    program: Programs.edgepack,
                    arguments: ["publish", bundle, "--to", place, "--keys", publisher],
                    environment: environment,
                    descriptors: [1: log, 2: log],
                    group: .new
                )
            )
        }
        var commits = 0
        while publishers.contains(where: { !$0.hasEnded }) {
            let commit = try run("repo", "commit", place, "--keys", "keys")
            #expect(commit.isSuccess, "\(commit.errorText)")
            commits += 1
        }
        for (number, publisher) in publishers.enumerated() {
            let status = try publisher.wait(upTo: .seconds(60))
            let log = String(decoding: try FileSystem.read(scratch("log-\(number)"), limit: 1 << 20), as: UTF8.self)
            #expect(status == .exited(0), "\(log)")
        }
        #expect(commits > 0)
        let last = try run("repo", "commit", place, "--keys", "keys")
        #expect(last.isSuccess, "\(last.errorText)")
        let check = try run("repo", "verify", place, "--json")
        #expect(check.isSuccess, "\(check.outputText)")
        let found = try JSONValue.parse(check.standardOutput, limits: .document)
        // The list of revocations and the policy beside them.
        #expect(found["documents"]?.integerValue == Int64(Self.count + 2))
        #expect(found["blobs"]?.integerValue == Int64(Self.count))
        // Each wrote one version of the role.
        let again = try run("publish", bundles[0], "--to", place, "--keys", publisher, "--json")
        let view = try JSONValue.parse(again.standardOutput, limits: .document)
        #expect(view["isNew"] == .boolean(false))
        if kind == "folder" {
            let versions = try FileSystem.names(in: scratch("repo/metadata")).filter { $0.hasSuffix(".bundles.json") }
            #expect(versions.count == Self.count + 1)
        }
    }

    /// As many versions of a small bundle.
    private static func bundles(in scratch: Scratch) throws -> [String] {
        let project = try ScriptProject(in: scratch)
        try Programs.pack("lock", project.path)
        let output = try scratch.folder("dist")
        return try (1...count).map { version in
            let device = "generic-\(Architecture.here.rawValue)"
            let folder = try scratch.folder("dist/\(version)")
            try Programs.pack(
                "build",
                project.path,
                "-o",
                folder,
                "--version",
                "\(version)",
                "--device",
                device
            )
            return "\(output)/\(version)/\(try #require(try FileSystem.names(in: folder).first))"
        }
    }
}
