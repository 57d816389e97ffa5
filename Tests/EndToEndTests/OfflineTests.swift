import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// Boxes without a network: what a stick brings goes the same way as what a repository brings.
@Suite(.programs, .oneByOne, .serialized) struct OfflineTests {
    private let repository: UpdateRepository

    init() throws {
        repository = try UpdateRepository()
        try repository.publish(Example.native.get().bundle)
        try repository.deploy("digits@1", "--soak", "0")
    }

    private func export(to name: String) throws -> String {
        let place = repository.scratch(name)
        try Programs.pack(
            "repo",
            "export",
            repository.path,
            "--bundle",
            "digits@1",
            "--channel",
            UpdateRepository.channel,
            "--to",
            place
        )
        return place
    }

    @Test(arguments: ["stick", "digits-1.bundle.tar.zst"])
    func aStickIsInstalledWithoutAnAgentAndWithoutANetwork(_ name: String) throws {
        let stick = try export(to: name)
        // The box knows no repository at all.
        let box = try AgentBox(nil, root: repository.root)
        try box.succeed("install", stick)
        let endpoint = try box.endpoint()
        #expect(endpoint.version == "1")
        #expect(endpoint.lastResult == "successful")
        #expect(endpoint.isServingCurrent)
        #expect(try box.status()["metadata"]?["source"]?.stringValue == "media")
        let answer = try box.score("/v2/models/digits/infer", try Example.native.get().request("seven"))
        #expect(answer.status == 200)
        // An agent that starts now takes over what runs.
        let before = box.runtimeProcesses
        try box.start()
        try box.waitUntilServing(1)
        #expect(box.runtimeProcesses == before)
        try box.stop()
    }

    @Test func aRunningAgentTakesAStick() throws {
        let stick = try export(to: "stick")
        let box = try AgentBox(nil, root: repository.root)
        try box.start()
        try box.wait(for: "the agent") { _ in try box.status()["agent"]?.stringValue == "running" }
        try box.succeed("install", stick)
        try box.waitUntilServing(1)
        try box.stop()
    }

    @Test func aBundleWithoutItsChainIsRefused() throws {
        let box = try AgentBox(nil, root: repository.root)
        let result = try box.command(
            "install",
            try Example.native.get().signed,
            "--device",
            "box",
            "--channel",
            UpdateRepository.channel,
            "--root",
            repository.root,
            "--endpoint",
            "digits=127.0.0.1:\(box.port)"
        )
        #expect(!result.isSuccess)
        #expect(result.errorText.contains("chain"), "\(result.errorText)")
        #expect(try FileSystem.status(of: "\(box.store)/generations") == nil)
    }

    @Test func anotherRepositorysStickIsRefused() throws {
        let other = try UpdateRepository()
        let stick = try export(to: "stick")
        let box = try AgentBox(nil, root: other.root)
        let result = try box.command(
            "install",
            stick,
            "--device",
            "box",
            "--channel",
            UpdateRepository.channel,
            "--root",
            other.root,
            "--endpoint",
            "digits=127.0.0.1:\(box.port)"
        )
        #expect(!result.isSuccess)
        #expect(try box.endpoint().current == nil)
    }

    /// A byte of the archive on the stick is another one: nothing is installed, and the error says so.
    @Test func aDamagedStickIsRefused() throws {
        let stick = try export(to: "stick")
        let blobs = try FileSystem.names(in: "\(stick)/blobs")
        let largest = try #require(
            try blobs.max {
                try FileSystem.read("\(stick)/blobs/\($0)", limit: 1 << 30).count
                    < FileSystem.read("\(stick)/blobs/\($1)", limit: 1 << 30).count
            }
        )
        var bytes = try FileSystem.read("\(stick)/blobs/\(largest)", limit: 1 << 30)
        bytes[bytes.count / 2] ^= 1
        try FileSystem.write(bytes, to: "\(stick)/blobs/\(largest)")
        let box = try AgentBox(nil, root: repository.root)
        _ = try? box.succeed("install", stick)
        let endpoint = try box.endpoint()
        #expect(endpoint.current == nil)
        #expect(endpoint.runtimes.isEmpty)
        #expect(try FileSystem.names(in: "\(box.store)/generations").isEmpty)
    }
}
