import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// Whatever is killed, at whatever step: an agent that starts again ends wholly on the old or the new version.
@Suite(.programs, .oneByOne, .serialized) struct KillTests {
    private let repository: UpdateRepository

    init() throws {
        repository = try UpdateRepository()
        try repository.publish(Example.native.get().bundle)
        try repository.add(Example.native.get().project, version: 7)
        try repository.deploy("digits@1", "--soak", "0")
    }

    /// States that an update passes through; `UpdateState` by their names on the disk.
    private static let states = [
        "Preflight", "Download", "Verify", "Stage", "Probe", "Activate", "Observe", "Commit", "Cleanup",
    ]

    @Test(arguments: states) func theAgentIsKilled(in state: String) throws {
        let box = try AgentBox(repository.path, root: repository.root)
        try box.start()
        try box.waitUntilServing(1)
        let request = "\(try Example.native.get().project)/requests/seven.json"
        let load = try Load("/v2/models/digits/infer", port: box.port, requests: [request], rate: 100)
        try repository.deploy("digits@7", "--soak", "1")
        try kill(box, in: state)
        try box.start()
        try box.waitUntilServing(7)
        let result = try load.finish()
        #expect(result.failed == 0, "killed in \(state): \(result)")
        try box.stop()
    }

    /// Kills the agent as soon as the disk says that state; steps that are too short to be met are met by chance, so
    /// the box may be a step further.
    private func kill(_ box: AgentBox, in state: String) throws {
        let path = "\(box.store)/endpoints/\(UpdateRepository.endpoint)/state"
        let wanted = Array("\"state\":\"\(state)\",\"waiting\"".utf8)
        let clock = ContinuousClock()
        let end = clock.now + .seconds(30)
        while clock.now < end {
            if let bytes = try? FileSystem.read(path, limit: 1 << 20),
                String(decoding: bytes, as: UTF8.self).contains(String(decoding: wanted, as: UTF8.self))
            {
                return try box.killAgent()
            }
            // The states up to the end follow each other: one that was missed has passed.
            if let endpoint = try? box.endpoint(), endpoint.version == "7", endpoint.state == "Idle" {
                return try box.killAgent()
            }
        }
        throw Unexpected(what: "the update did not begin; the agent's log:\n\(box.logText)")
    }

    /// Helpers and runtimes are killed for as long as an update runs: it ends all the same.
    @Test func everyProcessIsKilledAgainAndAgain() throws {
        let box = try AgentBox(repository.path, root: repository.root)
        try box.start()
        try box.waitUntilServing(1)
        try repository.deploy("digits@7", "--soak", "1")
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<40 {
            usleep(UInt32.random(in: 10_000...150_000, using: &generator))
            let victims = try Self.processes(of: box.store)
            if let victim = victims.randomElement(using: &generator) { Glibc.kill(victim, SIGKILL) }
            if let agent = box.agent, agent.hasEnded {
                try box.killAgent()
                try box.start()
            }
        }
        // It may just have been killed.
        try box.killAgent()
        try box.start()
        // A back-off may be under way, which grows to minutes by design: whoever asks for it ends it.
        let clock = ContinuousClock()
        let end = clock.now + .seconds(90)
        while clock.now < end {
            if let endpoint = try? box.endpoint(), endpoint.state == "Idle", endpoint.isServingCurrent,
                endpoint.version == "7"
            {
                break
            }
            _ = try? box.command("retry", "--no-wait")
            usleep(500_000)
        }
        try box.waitUntilServing(7, seconds: 5)
        #expect(try box.score("/v2/models/digits/infer", try Example.native.get().request("seven")).status == 200)
        try box.stop()
    }

    /// Every process whose command line names the store.
    private static func processes(of store: String) throws -> [Int32] {
        try FileSystem.names(in: "/proc").compactMap { name in
            guard let process = Int32(name) else { return nil }
            let descriptor = open("/proc/\(name)/cmdline", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return nil }
            defer { close(descriptor) }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            return String(decoding: buffer[..<count], as: UTF8.self).contains(store) ? process : nil
        }
    }
}
