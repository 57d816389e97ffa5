import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// The agent's end is not scoring's end.
@Suite(.programs, .oneByOne, .serialized) struct AgentLifeTests {
    private let repository: UpdateRepository

    init() throws {
        repository = try UpdateRepository()
        try repository.publish(Example.native.get().bundle)
        try repository.add(Example.native.get().project, version: 7)
        try repository.deploy("digits@1", "--soak", "0")
    }

    private func servingBox() throws -> AgentBox {
        let box = try AgentBox(repository.path, root: repository.root)
        try box.start()
        try box.waitUntilServing(1)
        return box
    }

    private func load(on box: AgentBox) throws -> Load {
        let request = "\(try Example.native.get().project)/requests/seven.json"
        return try Load("/v2/models/digits/infer", port: box.port, requests: [request], rate: 200)
    }

    @Test func stopKillAndUpgradeOfTheAgentLoseNoRequest() throws {
        let box = try servingBox()
        let before = box.runtimeProcesses
        let load = try load(on: box)
        // Stop and start, as a package manager's upgrade does.
        try box.stop()
        #expect(try box.status()["agent"]?.stringValue == "stopped")
        try box.start()
        try box.waitUntilServing(1)
        // Kill and start.
        try box.killAgent()
        try box.start()
        try box.waitUntilServing(1)
        #expect(box.runtimeProcesses == before, "the runtime was not adopted")
        // The agent that adopted it switches it, too.
        try repository.deploy("digits@7", "--soak", "0")
        try box.waitUntilServing(7)
        let result = try load.finish()
        #expect(result.failed == 0, "\(result)")
        #expect(result.bundles.count == 2, "\(result)")
        try box.stop()
    }

    @Test func aRuntimeThatIsKilledIsStartedAgain() throws {
        let box = try servingBox()
        let first = try #require(box.runtimeProcesses.first)
        kill(first, SIGKILL)
        try box.wait(for: "another runtime") { $0.isServingCurrent && $0.runtimes.first?.process != first }
        try box.stop()
    }

    /// There is nothing to go back to: the only bundle is started again, also while it is observed.
    @Test func theFirstBundleIsStartedAgainWhileItIsObserved() throws {
        try repository.deploy("digits@7", "--soak", "3")
        let box = try AgentBox(repository.path, root: repository.root)
        try box.start()
        let endpoint = try box.wait(for: "the observation") { $0.state == "Observe" && $0.isServingCurrent }
        let first = try #require(endpoint.runtimes.first?.process)
        kill(first, SIGKILL)
        let after = try box.waitUntilServing(7)
        #expect(after.runtimes.first?.process != first)
        #expect(after.lastResult == "successful")
        try box.stop()
    }

    @Test func aSecondAgentIsRefused() throws {
        let box = try servingBox()
        let result = try box.command("run")
        #expect(result.status == .exited(75), "\(result.errorText)")
        #expect(result.errorText.contains("another agent"))
        try box.stop()
    }

    @Test func rollbackByHandHoldsUntilARetry() throws {
        let box = try servingBox()
        try repository.deploy("digits@7", "--soak", "0")
        try box.waitUntilServing(7)
        try box.succeed("rollback", UpdateRepository.endpoint)
        try box.waitUntilServing(1)
        // The next look at the repository does not bring it back.
        try box.succeed("sync")
        #expect(try box.endpoint().version == "1")
        #expect(try box.endpoint().result == "failedRollbackComplete")
        try box.succeed("retry")
        try box.waitUntilServing(7)
        try box.stop()
    }

    @Test func runtimesEndWithTheAgentWhereThatIsWished() throws {
        let box = try AgentBox(repository.path, root: repository.root)
        try box.start("--with-runtimes")
        try box.waitUntilServing(1)
        let runtimes = box.runtimeProcesses
        try box.stop()
        try box.wait(for: "the runtimes' end") { $0.runtimes.isEmpty }
        for runtime in runtimes { try box.wait(for: "the process's end") { _ in !Self.isRunning(runtime) } }
    }

    /// One that nobody waits for stays as a zombie where the first process of the machine does not reap.
    private static func isRunning(_ process: Int32) -> Bool {
        let descriptor = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return false }
        return !String(decoding: buffer[..<count], as: UTF8.self).contains(") Z ")
    }

    @Test func aNewerStoreIsLeftAlone() throws {
        let box = try servingBox()
        try box.stop()
        try FileSystem.write(Array(#"{"format":"2.0"}"#.utf8), to: "\(box.store)/store.json")
        let result = try box.command("run")
        #expect(result.status == .exited(12), "\(result.errorText)")
        #expect(result.errorText.contains("2.0"))
        // What ran goes on.
        #expect(try box.score("/v2/models/digits/infer", try Example.native.get().request("seven")).status == 200)
        try FileSystem.write(Array(#"{"format":"1.0"}"#.utf8), to: "\(box.store)/store.json")
    }
}
