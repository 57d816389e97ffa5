import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// What a box does that has nothing to do: look, and admit only what is news, or often enough to know what it knows.
@Suite(.programs, .oneByOne, .serialized) struct RestingBoxTests {
    private let repository: UpdateRepository
    private let scratch: Scratch
    private var helpers: String { scratch("helpers") }

    init() throws {
        repository = try SmallBundles.shared.get().repository()
        scratch = try Scratch()
    }

    /// A box whose helpers are counted, which serves the first version.
    private func restingBox() throws -> AgentBox {
        let program = scratch("sync")
        let script = "#!/bin/sh\necho \"$1\" >> '\(helpers)'\nexec '\(Programs.edgeagentSync)' \"$@\"\n"
        try FileSystem.write(Array(script.utf8), to: program, mode: 0o755)
        try repository.deploy(.good)
        let box = try AgentBox(repository.path, root: repository.root, more: "programs: {sync: \(program)}")
        try box.start()
        try box.waitUntilServing(1)
        return box
    }

    /// What was started for metadata so far, in order.
    private func started() throws -> [String] {
        let bytes = try FileSystem.read(helpers, limit: 1 << 20)
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { $0 == "fetch" || $0 == "admit" }
    }

    /// Waits until so many looks in a row were made by `fetch` alone.
    private func waitForRest(_ count: Int = 4) throws {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(40)
        while clock.now < end {
            if try started().suffix(count) == ArraySlice(repeatElement("fetch", count: count)) { return }
            usleep(50_000)
        }
        throw Unexpected(what: "the looks admit what they know: \(try started())")
    }

    private func admissions() throws -> Int { try started().count { $0 == "admit" } }

    @Test func aLookThatFindsNothingStartsOneHelper() throws {
        let box = try restingBox()
        try waitForRest()
        let verified = try box.status()["metadata"]?["verified"]?.stringValue
        try waitForRest(8)
        // It says when it was admitted, not when it was last looked for.
        #expect(try box.status()["metadata"]?["verified"]?.stringValue == verified)
        // Who asks by hand gets all of it.
        let before = try admissions()
        try box.succeed("sync")
        #expect(try admissions() > before)
        try waitForRest()
        // News are taken as ever.
        try repository.publish(try #require(SmallBundles.shared.get().files[2]))
        try repository.deploy(.better)
        try box.waitUntilServing(2)
        try waitForRest()
        // So is what happens on the box: the plan is made for what runs.
        let quiet = try admissions()
        // Not in the moment of a look.
        try box.wait(for: "the way back") { _ in try box.command("rollback", UpdateRepository.endpoint).isSuccess }
        try box.waitUntilServing(1)
        try box.wait(for: "another judgement") { _ in try admissions() > quiet }
        try box.stop()
    }

    @Test func whatMustNotRunStopsABoxAtRest() throws {
        let box = try restingBox()
        try waitForRest()
        try repository.revoke("controllable@1", action: "stop")
        try box.wait(for: "the end of what is revoked") { $0.runtimes.isEmpty }
        try box.stop()
    }

    @Test func aChangedConfigurationIsFollowed() throws {
        let box = try restingBox()
        try waitForRest()
        let before = try admissions()
        let settings = "\(box.store)/box.json"
        try FileSystem.write(try FileSystem.read(settings, limit: 1 << 20), to: settings, mode: 0o600)
        try box.wait(for: "another judgement") { _ in try admissions() > before }
        try waitForRest()
        // And a plan that is gone is made again.
        try FileSystem.removeFile("\(box.store)/tuf/plan.json")
        try box.wait(for: "the plan") { _ in try FileSystem.status(of: "\(box.store)/tuf/plan.json") != nil }
        try box.stop()
    }

    /// Kept as it is until it has expired, or set back: noticed by a look that admits nothing.
    @Test func aRepositoryThatLiesIsNoticedAtRest() throws {
        let box = try restingBox()
        let old = try repository.kept(as: "old")
        try repository.publish(try #require(SmallBundles.shared.get().files[2]))
        try repository.deploy(.better)
        try box.waitUntilServing(2)
        try waitForRest()
        let newest = try repository.kept(as: "newest")
        try repository.restore(old)
        try box.wait(for: "the rollback to be noticed") { _ in
            try box.problem()?.sentence.contains("rollback") == true
        }
        try repository.restore(newest)
        try box.wait(for: "the end of it") { _ in try box.problem() == nil }
        try waitForRest()
        try repository.forge("timestamp", "--expires", "2026-01-02T00:00:00Z")
        try box.wait(for: "the expiry to be noticed") { _ in try box.problem()?.waitingFor == "freshness" }
        #expect(try box.endpoint().isServingCurrent)
        try box.stop()
    }
}
