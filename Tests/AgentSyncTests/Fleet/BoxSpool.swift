import Deployment
import EdgeAgent
import FleetProtocol
import JSON
import Telemetry
import Testing
import WallClock

@testable import AgentSync

/// A box's spool as the resident agent fills it.
struct BoxSpool {
    static let boot = "2f1c8a52-6c1f-4a09-8a41-0d7c3a7e9b11"
    let layout: StoreLayout

    init(_ layout: StoreLayout) { self.layout = layout }

    private func stamp() throws -> SpoolStamp {
        SpoolStamp(
            boot: try #require(SpoolBoot(Self.boot)),
            milliseconds: 1000,
            clock: .trusted(UTCTime(seconds: 1_800_000_000))
        )
    }

    @discardableResult
    func append(_ payload: [UInt8], _ kind: UInt8, _ spoolClass: SpoolClass) throws -> Int {
        var writer = try SpoolWriter(SpoolFolder(layout.spool, as: .writer))
        let id = try writer.append(payload, kind: kind, to: spoolClass, at: try stamp())
        try writer.synchronize()
        return Int(id.sequence)
    }

    @discardableResult
    func snapshot(device: String = "press-7", agent: String = "0.1", fill: Int = 0) throws -> Int {
        var checkIn = CheckIn(
            device: try #require(DeviceID(device)),
            boot: Self.boot,
            sequence: 0,
            moment: .init(UTCTime(seconds: 1_800_000_000), isTrusted: true),
            facts: .init(agent: agent)
        )
        if fill > 0 {
            var endpoint = EndpointReport(name: try #require(EndpointName("digits")), listen: "x", state: "Idle")
            endpoint.sentence = String(repeating: "s", count: fill)
            checkIn.endpoints = [endpoint]
        }
        return try append(checkIn.json.compactBytes(), 1, .state)
    }

    @discardableResult
    func event(_ detail: String = "", log: Int = 0) throws -> Int {
        var event = EventReport(
            boot: "",
            sequence: 0,
            moment: .init(UTCTime(seconds: 1_800_000_000), isTrusted: true),
            endpoint: try #require(EndpointName("digits")),
            state: "Observe",
            reason: "soak",
            detail: detail
        )
        if log > 0 { event.log = String(repeating: "l", count: log) }
        return try append(event.json.compactBytes(), 2, .state)
    }

    @discardableResult
    func metrics(_ name: String, points: Int = 1) throws -> Int {
        let numbers = (0..<points).map { NumberPoint(PointLabels(time: UInt64($0 + 1)), .integer(Int64($0))) }
        let export = MetricsExport([ResourceMetrics(scopes: [ScopeMetrics(metrics: [Metric(name, .gauge(numbers))])])])
        return try append(export.protobufBytes(), 3, .metrics)
    }

    @discardableResult
    func log(_ text: String) throws -> Int {
        let record = LogRecord(time: 1, severity: .information, body: .string(text))
        let export = LogsExport([ResourceLogs(scopes: [ScopeLogs(records: [record])])])
        return try append(export.protobufBytes(), 4, .logs)
    }

    /// What waits.
    func left() throws -> [SpoolRecord] {
        var reader = try SpoolReader(SpoolFolder(layout.spool, as: .reader))
        return try reader.next(.oldest, limitBytes: 64 << 20)
    }
}
