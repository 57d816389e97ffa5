import Deployment
import Diagnostics
import FleetProtocol
import FleetSimulation
import JSON
import Synchronization
import Telemetry
import Testing
import WallClock

/// A fleet in memory.
private final class PretendedFleet: SimulationTransport {
    struct State {
        var enrolled: Set<String> = []
        var checkIns: [CheckIn] = []
        var metrics: [String] = []
    }

    let state = Mutex(State())
    private let answer: @Sendable (CheckIn) throws -> Int
    private let tokens: Int

    init(tokens: Int = .max, _ answer: @escaping @Sendable (CheckIn) throws -> Int = { $0.sequence }) {
        self.tokens = tokens
        self.answer = answer
    }

    func isEnrolled(_ device: DeviceID) -> Bool { state.withLock { $0.enrolled.contains(device.text) } }

    func enrol(_ device: DeviceID) throws {
        try state.withLock { state in
            guard state.enrolled.count < tokens else { throw Refused() }
            state.enrolled.insert(device.text)
        }
    }

    func session(for device: DeviceID) throws -> any SimulationSession { Session(fleet: self, device: device) }

    private struct Session: SimulationSession {
        let fleet: PretendedFleet
        let device: DeviceID

        func send(_ checkIn: CheckIn) throws -> CheckInReply {
            fleet.state.withLock { $0.checkIns.append(checkIn) }
            let acknowledged = try fleet.answer(checkIn)
            return CheckInReply(acknowledged: acknowledged, interval: 60, labels: [:], now: UTCTime(seconds: 0))
        }

        func send(_ metrics: MetricsExport) throws {
            fleet.state.withLock { $0.metrics.append(device.text) }
        }
    }
}

private struct Refused: ExplainedError, Equatable {
    var message: String { "the token is used up" }
    var exitCode: ExitCode { .noPermission }
}

@Suite struct SimulationTests {
    private static let plan = SimulationPlan(
        count: 8,
        interval: .milliseconds(20),
        duration: .milliseconds(100),
        threads: 4
    )

    @Test func everyBoxEnrolsAndChecksInAtEachInterval() throws {
        let fleet = PretendedFleet()
        let simulation = try Simulation(Self.plan, transport: fleet)
        try simulation.run { _ in }
        let report = simulation.report
        #expect(report.enrolled == 8)
        #expect(report.isWhole)
        #expect(report.checkInsDue == 40)
        #expect(report.checkInsSent == 40)
        #expect(report.checkInsAcknowledged == 40)
        #expect(report.latency.count == 40)
        let (checkIns, metrics) = fleet.state.withLock { ($0.checkIns, $0.metrics) }
        for (_, own) in Dictionary(grouping: checkIns, by: \.device) {
            #expect(own.count == 5)
            #expect(Set(own.map(\.sequence)).count == 5)
        }
        #expect(Set(metrics).count == 8, "with the first of each")
        #expect(report.eventsAcknowledged == checkIns.reduce(0) { $0 + $1.events.count })
    }

    @Test func aBoxThatIsEnrolledIsLeftAsItIs() throws {
        let fleet = PretendedFleet(tokens: 8)
        try Simulation(Self.plan, transport: fleet).run { _ in }
        let again = try Simulation(Self.plan, transport: fleet)
        try again.run { _ in }
        #expect(again.report.enrolled == 0)
        #expect(again.report.isWhole)
    }

    @Test func aRefusedTokenEndsIt() throws {
        let fleet = PretendedFleet(tokens: 3)
        let simulation = try Simulation(Self.plan, transport: fleet)
        #expect(throws: Refused()) { try simulation.run { _ in } }
        #expect(fleet.state.withLock(\.checkIns).isEmpty)
    }

    @Test func whatFailsIsCountedByItsReason() throws {
        let fleet = PretendedFleet { checkIn in
            if checkIn.device.text == "sim-00001" { throw Refused() }
            return checkIn.device.text == "sim-00002" ? checkIn.sequence - 1 : checkIn.sequence
        }
        let simulation = try Simulation(Self.plan, transport: fleet)
        try simulation.run { _ in }
        let report = simulation.report
        #expect(!report.isWhole)
        #expect(report.checkInsFailed == 10)
        #expect(report.checkInsAcknowledged == 30)
        #expect(report.errors["the token is used up"] == 5)
        #expect(report.errors.values.reduce(0, +) == 10)
    }

    @Test func itEndsWhenItIsAskedTo() throws {
        let plan = SimulationPlan(count: 4, interval: .seconds(3_600), duration: .seconds(36_000), threads: 2)
        let simulation = try Simulation(plan, transport: PretendedFleet())
        try simulation.run { if $0.checkInsAcknowledged > 0 { simulation.stop() } }
        #expect(simulation.report.checkInsAcknowledged == 1)
        #expect(simulation.report.isWhole)
    }

    @Test func aPrefixThatNamesNoDeviceIsRefused() {
        for prefix in ["a b", "é", String(repeating: "x", count: 64)] {
            let plan = SimulationPlan(count: 1, prefix: prefix)
            #expect(throws: SimulationError.unusablePrefix(prefix)) {
                try Simulation(plan, transport: PretendedFleet())
            }
        }
    }

    @Test func checkInsAreSpreadEvenly() {
        let plan = SimulationPlan(count: 1_000, interval: .seconds(10), duration: .seconds(60))
        #expect(plan.checkIns == 6_000)
        #expect(plan.due(ofCheckIn: 0) == .zero)
        #expect(plan.due(ofCheckIn: 1_000) == .seconds(10))
        #expect(plan.box(ofCheckIn: 1_001) == 1)
        let gap = plan.due(ofCheckIn: 501) - plan.due(ofCheckIn: 500)
        #expect(gap > .milliseconds(9) && gap < .milliseconds(11))
        let short = SimulationPlan(count: 5, interval: .seconds(60), duration: .seconds(1))
        #expect(short.checkIns == 5, "each box is seen once")
    }

    @Test func whatIsReportedIsJSON() throws {
        let simulation = try Simulation(Self.plan, transport: PretendedFleet())
        try simulation.run { _ in }
        let json = simulation.report.json
        #expect(json["checkIns"]?["acknowledged"]?.integerValue == 40)
        #expect(json["latencyMilliseconds"]?["p99"]?.doubleValue != nil)
        #expect(SimulationReport().json["latencyMilliseconds"]?["max"] == .null)
    }
}

@Suite struct LatencyCountsTests {
    @Test func quantilesAreNearTheTruth() {
        var counts = LatencyCounts()
        for milliseconds in 1...1_000 { counts.record(.milliseconds(milliseconds)) }
        for (quantile, truth) in [(0.5, 500.0), (0.95, 950), (0.99, 990)] {
            let found = (counts.value(at: quantile) ?? .zero) / .milliseconds(1)
            #expect(found >= truth && found <= truth * 1.02)
        }
        #expect(counts.value(at: 1) == .seconds(1))
        #expect(counts.max == .seconds(1))
    }

    @Test func everyDurationHasABucket() {
        var counts = LatencyCounts()
        #expect(counts.value(at: 0.5) == nil)
        let durations: [Duration] = [
            .zero, .microseconds(1), .microseconds(63), .microseconds(64), .seconds(Int64.max), .seconds(-5),
        ]
        for duration in durations { counts.record(duration) }
        #expect(counts.count == 6)
        #expect(counts.value(at: 1) == .seconds(Int64.max))
        #expect(counts.value(at: 0) == .zero)
    }

    @Test func mergedCountsAreThoseOfAll() {
        var (one, other, all) = (LatencyCounts(), LatencyCounts(), LatencyCounts())
        for step in 0..<500 {
            let duration = Duration.microseconds(step * step)
            if step.isMultiple(of: 2) { one.record(duration) } else { other.record(duration) }
            all.record(duration)
        }
        one.merge(other)
        #expect(one == all)
    }
}
