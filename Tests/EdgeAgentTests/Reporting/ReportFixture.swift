import Deployment
import Digest
import FileSystem
import FleetProtocol
import JSON
import Telemetry
import Testing
import UnixSockets
import WallClock

@testable import EdgeAgent

/// A configured box with a store on disk, and a program in the place of `edgeagent-sync` that does as it is told.
final class ReportFixture {
    let folder: TemporaryFolder
    let layout: StoreLayout
    let endpoint: EndpointName
    private(set) var reporter: Reporter
    /// What the agent would say.
    let said: Said
    /// The agent's clock.
    var now: Duration {
        get { said.now }
        set { said.now = newValue }
    }
    var world: Reporter.World
    private(set) var labelChanges = 0

    /// The helper does not end.
    struct Stuck: Error {}

    final class Said {
        var lines: [String] = []
        var now = Duration.seconds(1000)
    }

    init(isEnrolled: Bool = true) throws {
        folder = try TemporaryFolder()
        layout = StoreLayout(folder.path)
        said = Said()
        endpoint = try #require(Sample.endpoint)
        try FileSystem.write(Array(#"{"format":"1.0"}"#.utf8), to: layout.format)
        try FileSystem.write(
            Array("#!/bin/sh\necho \"$@\" >> \(folder.path)/runs\ncat \(folder.path)/outcome\n".utf8),
            to: folder.path + "/sync",
            mode: 0o700
        )
        world = Reporter.World(endpoints: [])
        reporter = try Self.reporter(layout, folder.path, AgentLog(), said)
        try answer(#"{"outcome":"done","left":0,"interval":60,"labels":"same"}"#)
        if isEnrolled { try enrol() }
        world.endpoints = [try endpoint(history: 0)]
        connect()
    }

    static func box(_ folder: String) throws -> BoxConfiguration {
        let programs = BoxConfiguration.Programs(runtime: "/r", launcher: "/l", sync: folder + "/sync")
        var box = BoxConfiguration(device: try #require(DeviceID("own-name")), channel: .prod, programs: programs)
        box.labels = try #require(Labels(["site": "hamburg", "local.rack": "7"]))
        box.endpoints[try #require(Sample.endpoint)] = .init(listen: "127.0.0.1:8080")
        return box
    }

    private static func reporter(
        _ layout: StoreLayout,
        _ folder: String,
        _ log: AgentLog,
        _ said: Said
    ) throws -> Reporter {
        let box = try box(folder)
        return Reporter(
            store: try AgentStore(layout),
            box: box,
            boot: try #require(BootID("01234567-89ab-cdef-0123-456789abcdef")),
            lane: HelperLane(program: box.programs.sync),
            log: log,
            clock: { _ in .trusted(Sample.noon.time.advanced(by: said.now)) },
            say: { said.lines.append($0) }
        )
    }

    private func connect() {
        reporter.world = { [unowned self] in world }
        reporter.labelsChanged = { [unowned self] in labelChanges += 1 }
    }

    /// As if the agent was killed and started anew: only the disk is left.
    func restart() throws {
        reporter = try Self.reporter(layout, folder.path, AgentLog(), said)
        connect()
    }

    func enrol(interval: Int = 60) throws {
        try FileSystem.createDirectories(layout.fleet)
        let settings = FleetSettings(
            server: "https://fleet.example:7443",
            device: try #require(DeviceID("press-7")),
            authorities: "",
            interval: interval
        )
        try FileSystem.write(try settings.encoded(), to: layout.fleetSettings)
    }

    func answer(_ line: String) throws { try FileSystem.write(Array((line + "\n").utf8), to: folder.path + "/outcome") }

    /// How often the helper was started.
    var runs: Int {
        let bytes = (try? FileSystem.read(folder.path + "/runs", limit: 1 << 20)) ?? []
        return bytes.split(separator: UInt8(ascii: "\n")).count
    }

    /// Lets the agent's loop go on for so long.
    func pass(_ time: Duration = .zero) throws {
        let end = now + time
        while true {
            while reporter.advance(at: now) {}
            // What was started needs time of its own, which the test's clock does not have.
            while !reporter.isIdle {
                var entries = reporter.descriptors.map { Poll.Entry($0) }
                #expect(!entries.isEmpty)
                guard try Poll.wait(&entries, milliseconds: 30_000) else { throw Stuck() }
                _ = reporter.advance(at: now)
            }
            guard now < end else { return }
            now = min(max(reporter.wake, now + .milliseconds(1)), end)
        }
    }

    // MARK: - What happens to the endpoint

    func endpoint(history count: Int, result: String? = nil) throws -> Reporter.World.Endpoint {
        var state = EndpointState(endpoint: endpoint)
        let entries = (0..<count).map { index in
            UpdateHistory.Entry(
                sequence: index + 1,
                time: UTCTime(seconds: 1_800_000_000 + Int64(index)),
                isTimeTrusted: true,
                boot: "b007-1",
                state: "Probe",
                serial: 7,
                bundle: Sample.new,
                result: index + 1 == count ? result : nil,
                reason: "done",
                detail: "step \(index + 1)"
            )
        }
        state.history = UpdateHistory(entries)
        return Reporter.World.Endpoint(
            name: endpoint,
            listen: "127.0.0.1:8080",
            standing: EndpointStanding(state: state, plan: nil, problem: nil, isHalted: false),
            runtimes: []
        )
    }

    func happen(_ count: Int, result: String? = nil) throws {
        world.endpoints = [try endpoint(history: count, result: result)]
    }

    // MARK: - What is in the spool

    func records(_ kind: UInt8) throws -> [SpoolRecord] {
        var reader = try SpoolReader(try SpoolFolder(layout.spool, as: .reader))
        return try reader.next(.oldest, limitBytes: 64 << 20).filter { $0.kind == kind }
    }

    func events() throws -> [EventReport] {
        try records(SpoolKind.event).map { record in
            let value = try JSONValue.parse(record.payload, limits: FleetLimits.checkIn)
            let event = try EventReport(JSONFields(value, path: "event"))
            #expect(event.sequence == Int(record.id.sequence))
            #expect(event.boot == record.stamp.boot.description)
            return event
        }
    }

    func snapshots() throws -> [CheckIn] {
        try records(SpoolKind.snapshot).map { record in
            let message = try CheckIn(record.payload)
            #expect(message.sequence == Int(record.id.sequence))
            #expect(message.boot == record.stamp.boot.description)
            return message
        }
    }
}
