import Deployment
import FleetProtocol
import Gzip
import HTTPClient
import JSON
import Telemetry
import Testing
import WallClock

@testable import Fleet

/// Metrics and logs that come in.
@Suite struct ServerTelemetryTests {
    static let now = UTCTime(seconds: 1_800_000_000)
    static let nanoseconds: UInt64 = 1_799_999_000_000_000_000

    private static func export(_ metrics: [Metric], resource: [TelemetryAttribute] = []) -> MetricsExport {
        MetricsExport([ResourceMetrics(attributes: resource, scopes: [ScopeMetrics(metrics: metrics)])])
    }

    private static func labels(_ attributes: [TelemetryAttribute] = [], time: UInt64 = nanoseconds) -> PointLabels {
        PointLabels(attributes, time: time)
    }

    // MARK: What becomes of a request

    @Test func numbersBecomeSeries() throws {
        let gauge = Metric("a", unit: "By", .gauge([NumberPoint(Self.labels(), .integer(-3))]))
        let sum = Metric("b", .sum([NumberPoint(Self.labels(), .double(1.5))], .cumulative, isMonotonic: true))
        let level = Metric("c", .sum([NumberPoint(Self.labels(), .double(2))], .cumulative, isMonotonic: false))
        let delta = Metric("d", .sum([NumberPoint(Self.labels(), .double(3))], .delta, isMonotonic: true))
        let resource: [TelemetryAttribute] = [
            .init("service.name", "agent"), .init("edge.boot.id", "b"), .init("device.id", "x"),
            .init("host.name", "h"),
            .init("edge.slot", 2),
        ]
        let intake = MetricsIntake(Self.export([gauge, sum, level, delta], resource: resource), now: Self.now)
        #expect(intake.outcome.rejected == 0)
        #expect(intake.series.map(\.name) == ["a", "b", "c", "d"])
        #expect(intake.series.map(\.isCumulative) == [false, true, false, false])
        #expect(intake.series.map { $0.points.map(\.value) } == [[-3], [1.5], [2], [3]])
        #expect(intake.series.allSatisfy { $0.attributes == ["service.name": "agent", "edge.slot": "2"] })
        #expect(intake.series[0].points[0].time == UTCTime(seconds: 1_799_999_000))
        #expect(intake.series[0].unit == "By")
    }

    @Test func pointsOfOneSeriesComeTogether() {
        let points = [1, 2, 3].map { number in
            NumberPoint(Self.labels([.init("k", "v")], time: Self.nanoseconds + number * 1_000_000_000), .integer(1))
        }
        let other = NumberPoint(Self.labels([.init("k", "w")]), .integer(9))
        let intake = MetricsIntake(Self.export([Metric("a", .gauge(points + [other]))]), now: Self.now)
        #expect(intake.series.map(\.points.count) == [3, 1])
    }

    @Test func aPointsOwnAttributeCountsBeforeTheResources() {
        let point = NumberPoint(Self.labels([.init("service.name", "own")]), .integer(1))
        let export = Self.export([Metric("a", .gauge([point]))], resource: [.init("service.name", "resource")])
        #expect(MetricsIntake(export, now: Self.now).series.first?.attributes == ["service.name": "own"])
    }

    @Test func histogramsBecomeCountsSumsAndQuantiles() {
        var recorded = ExponentialHistogram()
        for value in 1...100 { recorded.record(Double(value)) }
        let exponential = Metric(
            "e",
            unit: "s",
            .exponentialHistogram([recorded.point(Self.labels())], .cumulative)
        )
        let explicit = Metric(
            "h",
            unit: "s",
            .histogram(
                [
                    HistogramPoint(
                        Self.labels(),
                        count: 100,
                        sum: 500,
                        bucketCounts: [0, 100, 0],
                        bounds: [10, 20]
                    )
                ],
                .delta
            )
        )
        let series = MetricsIntake(Self.export([exponential, explicit]), now: Self.now).series
        #expect(
            series.map(\.name) == [
                "e.count", "e.sum", "e.p50", "e.p99", "h.count", "h.sum", "h.p50", "h.p99",
            ]
        )
        #expect(series.map(\.isCumulative) == [true, true, false, false, false, false, false, false])
        #expect(series.map(\.unit) == ["1", "s", "s", "s", "1", "s", "s", "s"])
        let values = series.compactMap(\.points.first?.value)
        #expect(values[0] == 100)
        #expect(values[1] == 5050)
        #expect(abs(values[2] - 50) < 2)
        #expect(abs(values[3] - 99) < 3)
        #expect(values[4] == 100)
        #expect(values[6] == 15)
        #expect(abs(values[7] - 19.9) < 0.01)
    }

    @Test func brokenHistogramsGiveNoQuantiles() {
        func quantile(_ counts: [UInt64], _ bounds: [Double], min: Double? = nil, max: Double? = nil) -> Double? {
            let point = HistogramPoint(Self.labels(), min: min, max: max, bucketCounts: counts, bounds: bounds)
            return Quantiles.value(of: point, at: 0.5)
        }
        #expect(quantile([], []) == nil)
        #expect(quantile([1], []) == nil)
        #expect(quantile([1, 2], [1, 2]) == nil)
        #expect(quantile([1, 2, 3], [2, 1]) == nil)
        #expect(quantile([1, 2], [.nan]) == nil)
        #expect(quantile([1, 2], [.infinity]) == nil)
        #expect(quantile([0, 0], [1]) == nil)
        #expect(quantile([.max, .max, .max], [1, 2]) == 1.5)
        #expect(quantile([0, 5], [10]) == 10)
        #expect(quantile([0, 4], [10], max: 30) == 20)
        #expect(quantile([4, 0], [10], min: 2) == 6)
        #expect(quantile([4, 0], [10], min: .nan, max: -.infinity) != .nan)
    }

    @Test func whatCantBeKeptIsCounted() throws {
        let far = UInt64(Self.now.seconds + 7200) * 1_000_000_000
        let many = (0..<25).map { TelemetryAttribute("k\($0)", "v") }
        let metrics = [
            Metric("nan", .gauge([NumberPoint(Self.labels(), .double(.nan))])),
            Metric("infinite", .gauge([NumberPoint(Self.labels(), .double(-.infinity))])),
            Metric("ahead", .gauge([NumberPoint(Self.labels(time: far), .integer(1))])),
            Metric("never", .gauge([NumberPoint(Self.labels(time: .max), .integer(1))])),
            Metric("wide", .gauge([NumberPoint(Self.labels(many), .integer(1))])),
            Metric(
                "long",
                .gauge([
                    NumberPoint(Self.labels([.init("k", .string(String(repeating: "x", count: 257)))]), .integer(1))
                ])
            ),
            Metric("unnamed", .gauge([NumberPoint(Self.labels([.init("", "v")]), .integer(1))])),
            Metric("", .gauge([NumberPoint(Self.labels(), .integer(1))])),
            Metric(String(repeating: "x", count: 257), .gauge([NumberPoint(Self.labels(), .integer(1))])),
            Metric("summary", .other(points: 1)),
        ]
        for metric in metrics {
            let intake = MetricsIntake(Self.export([metric]), now: Self.now)
            #expect(intake.series.isEmpty, "\(metric.name.prefix(20))")
            #expect(intake.outcome.rejected == 1, "\(metric.name.prefix(20))")
            #expect(!intake.outcome.response.problem.isEmpty)
        }
        // That there is no value is nothing to complain of.
        let empty = PointLabels(time: Self.nanoseconds, flags: 1)
        let none = MetricsIntake(Self.export([Metric("a", .gauge([NumberPoint(empty, .none)]))]), now: Self.now)
        #expect(none.series.isEmpty)
        #expect(none.outcome.response.isFullSuccess)
        let series = (0..<1200).map { Metric("m\($0)", .gauge([NumberPoint(Self.labels(), .integer(1))])) }
        let wide = MetricsIntake(Self.export(series), now: Self.now)
        #expect(wide.series.count == 1000)
        #expect(wide.outcome.rejected == 200)
    }

    @Test func valuesBecomeText() {
        let value = TelemetryValue.array(["a", 1, true, .map([.init("k", 1.5)]), .bytes([1, 2]), .empty])
        #expect(AttributeText.text(value, limit: 100) == "[a, 1, true, {k=1.5}, (2 bytes), ]")
        #expect(AttributeText.text(value, limit: 10) == nil)
        var deep = TelemetryValue.array(Array(repeating: "xxxxxxxxxxxxxxxx", count: 100))
        for _ in 0..<4 { deep = .array(Array(repeating: deep, count: 100)) }
        #expect(AttributeText.text(deep, limit: 1000) == nil)
    }

    @Test func logLinesGetNamesThatComeAgain() {
        let record = LogRecord(time: Self.nanoseconds, severity: .error, body: "boom")
        let twice = LogsExport([ResourceLogs(scopes: [ScopeLogs(records: [record, record])])])
        let first = LogsIntake(twice, now: Self.now)
        let second = LogsIntake(twice, now: UTCTime(seconds: Self.now.seconds + 5))
        #expect(first.lines.map(\.id) == second.lines.map(\.id))
        #expect(Set(first.lines.map(\.id)).count == 2)
        var other = record
        other.body = "boom!"
        let third = LogsIntake(LogsExport([ResourceLogs(scopes: [ScopeLogs(records: [other])])]), now: Self.now)
        #expect(third.lines.first?.id != first.lines.first?.id)
        var named = record
        named.attributes = [.init("log.record.uid", "u-1"), .init("k", "v")]
        named.eventName = "edge.update"
        let fourth = LogsIntake(LogsExport([ResourceLogs(scopes: [ScopeLogs(records: [named])])]), now: Self.now)
        #expect(fourth.lines.first?.id == "u-1")
        #expect(fourth.lines.first?.line.attributes == ["k": "v", "event.name": "edge.update"])
        #expect(fourth.lines.first?.line.severity == 17)
        #expect(
            LogsIntake(LogsExport([ResourceLogs(scopes: [ScopeLogs(records: [LogRecord(body: "x")])])]), now: Self.now)
                .lines.first?.id == nil
        )
        let long = LogRecord(severity: LogSeverity(.max), body: .string(String(repeating: "x", count: 20_000)))
        let fifth = LogsIntake(LogsExport([ResourceLogs(scopes: [ScopeLogs(records: [long])])]), now: Self.now)
        #expect(fifth.lines.isEmpty)
        #expect(fifth.outcome.rejected == 1)
    }

    // MARK: Over the wire

    @Test func metricsComeInEveryFormAndAreAnsweredInIt() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let time = UInt64(ServerFixture.now.seconds) * 1_000_000_000
        let point = NumberPoint(PointLabels(time: time), .double(0.25))
        let bad = NumberPoint(PointLabels(time: time), .double(.nan))
        let export = Self.export([Metric("process.cpu.time", unit: "s", .gauge([point, bad]))])
        let packed = [(name: "Content-Encoding", value: "gzip")]
        let binary = try fleet.send(
            "/v1/metrics",
            Gzip.compress(export.protobufBytes()),
            as: box,
            type: "application/x-protobuf",
            headers: packed
        )
        #expect(binary.status == 200)
        #expect(try ExportResponse(protobuf: binary.body).rejected == 1)
        let text = try fleet.send("/v1/metrics", export.json().compactBytes(), as: box)
        #expect(try ExportResponse(json: text.body, of: .metrics).rejected == 1)
        let shown = try fleet.look("/api/devices/box-1/metrics")
        let series = try #require(shown.json?["series"]?.arrayValue)
        #expect(series.count == 1)
        #expect(series.first?["name"]?.stringValue == "process.cpu.time")
        #expect(series.first?["points"]?.arrayValue?.count == 1)
    }

    @Test func logsComeOnceHoweverOftenTheyAreSent() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let time = UInt64(ServerFixture.now.seconds) * 1_000_000_000
        let records = (0..<3).map { LogRecord(time: time, severity: .warning, body: .string("line \($0) <b>")) }
        let export = LogsExport([ResourceLogs(scopes: [ScopeLogs(records: records)])])
        for _ in 0..<3 {
            let answer = try fleet.send(
                "/v1/logs",
                export.protobufBytes(),
                as: box,
                type: "application/x-protobuf"
            )
            #expect(answer.status == 200)
            #expect(try ExportResponse(protobuf: answer.body).isFullSuccess)
        }
        let lines = try fleet.store.logLines(of: StoreFixture.device("box-1"), limit: 50)
        #expect(lines.map(\.body).sorted() == ["line 0 <b>", "line 1 <b>", "line 2 <b>"])
    }

    @Test func malformedTelemetryIsRefused() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let binary = "application/x-protobuf"
        let truncated = Array(
            Self.export([Metric("a", .gauge([.init(.init(), .integer(1))]))]).protobufBytes().dropLast()
        )
        for (body, type) in [
            (truncated, binary), (Array(repeating: 0xff, count: 100), binary), (Array("[]".utf8), "application/json"),
            (Array("{\"resourceMetrics\":7}".utf8), "application/json"),
            ([UInt8](repeating: 0x5b, count: 1 << 20), "application/json"),
        ] {
            let answer = try fleet.send("/v1/metrics", body, as: box, type: type)
            #expect(answer.status == 400)
            #expect(answer.code == .malformed)
        }
        // Values nested deeper than they are read.
        var nested: TelemetryValue = "x"
        for _ in 0..<20 { nested = .array([nested]) }
        let logs = LogsExport([ResourceLogs(scopes: [ScopeLogs(records: [LogRecord(body: nested)])])])
        let deep = try fleet.send("/v1/logs", logs.protobufBytes(), as: box, type: binary)
        #expect(deep.status == 413)
        let many = Self.export(
            [Metric("a", .gauge(Array(repeating: NumberPoint(PointLabels(), .integer(1)), count: 110_000)))]
        )
        #expect(try fleet.send("/v1/metrics", many.protobufBytes(), as: box, type: binary).code == .tooLarge)
    }

    @Test func aDeviceWithTooManySeriesIsToldSo() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let points = [NumberPoint(PointLabels(), .integer(1))]
        let export = Self.export((0..<300).map { Metric("metric.\($0)", .gauge(points)) })
        let answer = try fleet.send(
            "/v1/metrics",
            export.protobufBytes(),
            as: box,
            type: "application/x-protobuf"
        )
        #expect(answer.status == 200)
        let response = try ExportResponse(protobuf: answer.body)
        #expect(response.rejected == 100)
        #expect(response.problem.contains("series"))
    }
}
