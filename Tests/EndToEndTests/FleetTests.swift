import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// Boxes and the fleet: enrol, report, see; with the programs as they are.
@Suite(.programs, .oneByOne, .serialized) struct FleetTests {
    private let repository: UpdateRepository
    private let fleet: FleetServer

    init() throws {
        repository = try UpdateRepository()
        try repository.publish(Example.native.get().bundle)
        try repository.deploy("digits@1", "--soak", "0")
        fleet = try FleetServer()
    }

    /// A box that has joined the fleet, and runs.
    private func enrolled(_ more: String = "") throws -> AgentBox {
        let box = try AgentBox(repository.path, root: repository.root, more: more)
        try box.succeed("enroll", "--token", try fleet.token())
        try box.start()
        return box
    }

    @Test func aBoxJoinsReportsIsRenamedAndRevoked() throws {
        let box = try enrolled()
        let id = box.device
        let seen = try fleet.wait(for: "version 1", of: id) { device in
            device.runningVersion == "1" && device.answer("converged").answer == "yes"
        }
        #expect(seen.answer("reachable").answer == "yes")
        #expect(seen.answer("healthy").answer == "yes")
        #expect(try fleet.succeed("devices").contains(id))
        #expect(try fleet.succeed("where", "digits@1").contains(id))
        #expect(try fleet.run("status", id).status == .exited(0))

        // Labels: the fleet gives one, changes it, and takes it away; a selector that asks for it then finds the box.
        try repository.add("\(Programs.repository)/examples/digits", version: 7)
        try repository.deploy("digits@7", "--soak", "0", "--selector", "site=oslo", "--priority", "1")
        try fleet.succeed("device", "label", id, "site=bergen")
        usleep(3_000_000)
        #expect(try box.endpoint().version == "1")
        try fleet.succeed("device", "label", id, "site=oslo")
        try box.waitUntilServing(7)
        try fleet.wait(for: "version 7", of: id) { $0.runningVersion == "7" }
        try fleet.succeed("device", "label", id, "site-")
        #expect(try fleet.device(id).value["labels"]?.objectValue?.isEmpty == true)

        // Revoked: it says so, is refused, and goes on scoring.
        try fleet.succeed("device", "revoke", id, "--reason", "stolen")
        try fleet.wait(for: "the revocation", of: id) { $0.answer("reachable").reason == "revoked" }
        let clock = ContinuousClock()
        let end = clock.now + .seconds(30)
        while !box.logText.contains("revoked"), clock.now < end { usleep(50_000) }
        #expect(box.logText.contains("revoked"))
        #expect(try box.score("/v2/models/digits/infer", try Example.native.get().request("seven")).status == 200)
        var refused: String?
        while refused == nil, clock.now < end {
            refused = try fleet.api("/api/overview")["refusals"]?[0]?["code"]?.stringValue
            usleep(100_000)
        }
        #expect(refused == "device_revoked")
        let audit = try fleet.succeed("audit", "list")
        for action in ["token.create", "device.enrol", "device.label", "device.revoke"] {
            #expect(audit.contains(action), "\(audit)")
        }
        #expect(try fleet.run("audit", "verify").status == .exited(0))
        try box.stop()
    }

    /// What the operator asks of a box that stays behind: why?
    @Test func aRefusedVersionAndARollbackAreToldWithTheirReasons() throws {
        try repository.publish(Example.script.get().bundle)
        try repository.add("\(Programs.repository)/examples/digits-worse", version: 3)
        try repository.publishAcceptance("\(Programs.repository)/examples/digits/acceptance.jsonl", bar: 0.9)
        let box = try enrolled()
        try box.waitUntilServing(1)
        try repository.deploy("digits@3", "--soak", "0", "--acceptance", "1")
        let refused = try fleet.wait(for: "the refusal", of: box.device) { $0.answer("converged").reason == "rejected" }
        #expect(refused.answer("converged").sentence.contains("accuracy"), "\(refused)")
        #expect(refused.runningVersion == "1")
        #expect(try fleet.run("status", box.device).status != .exited(0))

        try repository.add(try repository.crashingProject(), version: 4)
        try repository.deploy("digits@4", "--soak", "60")
        try box.wait(for: "version 4 to serve") { $0.state == "Observe" && $0.version == "4" }
        for _ in 0..<30 { _ = try? box.score("/score", try Example.script.get().request("seven")) }
        let gone = try fleet.wait(for: "the rollback", of: box.device) { device in
            device.runningVersion == "1" && device.answer("converged").reason == "rolledBack"
        }
        let event = try #require(gone.events.first { $0["state"]?.stringValue == "Rollback" })
        #expect(event["hasLog"] == true)
        let number = try #require(event["id"]?.integerValue)
        let log = try fleet.api("/api/events/\(number)")["log"]?.stringValue
        #expect(log?.isEmpty == false)
        try box.stop()
    }

    /// Without a fleet server a box does what it does; what it had to tell comes later, once and in order.
    @Test func whatHappenedWithoutTheServerIsToldLater() throws {
        let box = try enrolled()
        try fleet.wait(for: "version 1", of: box.device) { $0.runningVersion == "1" }
        try fleet.kill()
        try repository.add("\(Programs.repository)/examples/digits", version: 7)
        try repository.deploy("digits@7", "--soak", "0")
        try box.waitUntilServing(7)
        try box.killAgent()
        try box.start()
        try fleet.start()
        let device = try fleet.wait(for: "version 7", of: box.device) { $0.runningVersion == "7" }
        let states = device.events.compactMap { event in
            event["serial"]?.integerValue == 2 ? event["state"]?.stringValue : nil
        }
        for state in ["Download", "Probe", "Activate", "Commit"] {
            #expect(states.filter { $0 == state }.count == 1, "\(states)")
        }
        try box.stop()
    }

    @Test func anOfficialExporterDeliversMetricsAndLogs() throws {
        let identity = try fleet.enrolByHand("camera-1")
        for more in [[], ["--gzip"]] {
            let arguments =
                ["\(Programs.judges)/fleet/otlp_export.py", fleet.url, fleet.authority, identity.certificate]
                + [identity.key] + more
            let text = try Programs.succeed(Programs.python, arguments)
            let result = try JSONValue.parse(text.utf8, limits: .document)
            #expect(result["metrics"]?.stringValue == "SUCCESS")
            #expect(result["logs"] == ["SUCCESS"])
        }
        let series = try fleet.api("/api/devices/camera-1/metrics?hours=1")["series"]?.arrayValue ?? []
        let names = Set(series.compactMap { $0["name"]?.stringValue })
        for name in ["camera.frames", "camera.temperature"] { #expect(names.contains(name), "\(names)") }
        let frames = series.first { $0["name"]?.stringValue == "camera.frames" }
        #expect(frames?["attributes"]?["lens"]?.stringValue == "left")
        #expect(names.contains { $0.hasPrefix("camera.latency") } && names.contains { $0.hasPrefix("camera.size") })
        let logs = try fleet.device("camera-1").value["logs"]?.arrayValue ?? []
        #expect(logs.contains { $0["body"]?.stringValue == "the lens is <b>dirty</b>" }, "\(logs)")
    }

    /// A server in Python, written from the protocol's page, takes what a box sends, with opentelemetry-proto.
    @Test func aServerOfAnotherMakeUnderstandsTheBox() throws {
        let other = try FleetOfAnother()
        let box = try AgentBox(repository.path, root: repository.root)
        try box.succeed("enroll", "--token", other.token)
        try box.start()
        try box.waitUntilServing(1)
        _ = try box.score("/v2/models/digits/infer", try Example.native.get().request("seven"))
        let clock = ContinuousClock()
        let end = clock.now + .seconds(30)
        while clock.now < end, try other.metricNames().isSuperset(of: FleetOfAnother.expectedMetrics) == false {
            usleep(100_000)
        }
        #expect(other.text("problems.txt") == "")
        let names = try other.metricNames()
        #expect(names.isSuperset(of: FleetOfAnother.expectedMetrics), "\(names.sorted())")
        let checkIns = try other.lines("checkins.jsonl")
        let last = try #require(checkIns.last)
        #expect(last["device"]?.stringValue == box.device)
        #expect(last["endpoints"]?[0]?["running"]?["version"]?.stringValue == "1")
        let sequences = checkIns.compactMap { $0["sequence"]?.integerValue }
        #expect(sequences == sequences.sorted())
        try box.stop()
    }
}
