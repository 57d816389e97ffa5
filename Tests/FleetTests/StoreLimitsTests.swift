import Deployment
import Digest
import FileSystem
import FleetProtocol
import SQLite
import Testing
import WallClock

@testable import Fleet

/// What one device, or anybody, can make the fleet keep at most; and that it keeps the right part.
@Suite struct StoreLimitsTests {
    private let fixture: StoreFixture
    private let row: Int64
    private var store: FleetStore { fixture.store }
    private let box: DeviceID

    init() throws {
        fixture = try StoreFixture()
        row = try fixture.enrol("box")
        box = try StoreFixture.device("box")
    }

    private func count(_ table: String) throws -> Int {
        Int(try fixture.raw().first("SELECT count(*) FROM \(table)") { $0.integer(0) } ?? -1)
    }

    @Test func theNewestEventsStay() throws {
        for batch in 0..<60 {
            var checkIn = try StoreFixture.checkIn("box", batch + 1)
            checkIn.events = try (0..<50).map { try StoreFixture.event(batch * 50 + $0) }
            try fixture.ingest(checkIn, row: row, at: batch)
        }
        let limits = FleetStore.EventLimits.count...(FleetStore.EventLimits.count + FleetStore.EventLimits.slack)
        #expect(limits.contains(try count("events")))
        let events = try store.events(device: box, endpoint: nil, before: nil, after: nil, limit: 10_000)
        #expect(events.first?.report?.sequence == 2_999)
        #expect(events.compactMap(\.report?.sequence) == Array((3_000 - events.count..<3_000).reversed()))
    }

    @Test func largeEventsAreFewer() throws {
        for batch in 0..<40 {
            var checkIn = try StoreFixture.checkIn("box", batch + 1)
            checkIn.events = try (0..<10).map { number in
                var event = try StoreFixture.event(batch * 10 + number, log: String(repeating: "l", count: 16 << 10))
                event.detail = String(repeating: "d", count: 4 << 10)
                event.reason = String(repeating: "r", count: 4 << 10)
                return event
            }
            try fixture.ingest(checkIn, row: row, at: batch)
        }
        let events = try store.events(device: box, endpoint: nil, before: nil, after: nil, limit: 10_000)
        #expect(events.first?.report?.sequence == 399)
        #expect((60...75).contains(events.count))
        let withLog = events.filter(\.hasLog)
        #expect((16...20).contains(withLog.count))
        #expect(Array(events.prefix(withLog.count)) == withLog, "logs of the newest")
    }

    private func line(_ number: Int, body: String = "line") -> (id: String?, line: LogLine) {
        let time = StoreFixture.at(number)
        return ("boot-\(number)", LogLine(time: time, received: time, severity: 9, body: "\(body) \(number)"))
    }

    private func ingest(lines: [(id: String?, line: LogLine)]) throws -> Int {
        try store.ingest(metrics: [], logs: [(row, lines)]).lines.first ?? -1
    }

    @Test func theNewestLinesStayWhateverTheirOrder() throws {
        // Newest first, then what came before, as a box sends that was away.
        for batch in (0..<30).reversed() { #expect(try ingest(lines: (0..<100).map { line(batch * 100 + $0) }) == 0) }
        #expect((2_000...2_050).contains(try count("log_lines")))
        let lines = try store.logLines(of: box, limit: 2_000)
        #expect(lines.map(\.body) == (1_000..<3_000).reversed().map { "line \($0)" })
    }

    @Test func aLineComesOnce() throws {
        #expect(try ingest(lines: [line(1), line(1), line(2)]) == 0)
        #expect(try ingest(lines: [line(2), line(3)]) == 0)
        let noID = LogLine(
            time: StoreFixture.at(9),
            received: StoreFixture.at(9),
            severity: 17,
            body: "'\u{0}<b>",
            attributes: ["a\"": "\n"]
        )
        #expect(try ingest(lines: [(nil, noID), (nil, noID)]) == 0)
        let lines = try store.logLines(of: box, limit: 100)
        #expect(lines.map(\.body) == ["'\u{0}<b>", "'\u{0}<b>", "line 3", "line 2", "line 1"])
        #expect(lines.first == noID)
    }

    @Test func linesThatAreTooLongAreCounted() throws {
        let long = String(repeating: "x", count: 5_000)
        var attributes = line(3)
        attributes.line.attributes = ["a": long]
        #expect(try ingest(lines: [line(1, body: long), line(2), attributes, (long, line(4).line)]) == 3)
        #expect(try count("log_lines") == 1)
    }

    @Test func longLinesAreFewer() throws {
        let body = String(repeating: "x", count: 4_000)
        for batch in 0..<10 { _ = try ingest(lines: (0..<50).map { line(batch * 50 + $0, body: body) }) }
        let bytes = try fixture.raw().first("SELECT sum(bytes) FROM log_lines") { $0.integer(0) } ?? 0
        #expect(bytes <= 512 << 10 + 64 << 10)
        #expect(try store.logLines(of: box, limit: 1).first?.body.hasSuffix(" 499") == true)
    }

    private func series(_ name: String, _ points: [(Int, Double)], attributes: [String: String] = [:]) -> MetricSeries {
        MetricSeries(
            name: name,
            unit: "1",
            attributes: attributes,
            points: points.map { .init(StoreFixture.at($0.0), $0.1) }
        )
    }

    @discardableResult
    private func ingest(_ series: MetricSeries...) throws -> Int {
        try store.ingest(metrics: [(row, series)], logs: []).points.first ?? -1
    }

    private func points(_ name: String) throws -> [Int] {
        let found = try store.series(of: box, names: [name], since: UTCTime(seconds: 0))
        return found.first?.points.map { Int($0.time.seconds - StoreFixture.start.seconds) } ?? []
    }

    @Test func pointsComeBackInOrderAndOnce() throws {
        try ingest(series("b", [(60, 1), (120, 2)]), series("a", [(60, -0.5)], attributes: ["x": "1"]))
        try ingest(series("b", [(180, 3)]), series("a", [(60, 7)], attributes: ["x": "2"]))
        // Again, and what lies before.
        try ingest(series("b", [(180, 3), (0, 0)]))
        let all = try store.series(of: box, names: nil, since: UTCTime(seconds: 0))
        #expect(all.map(\.name) == ["a", "a", "b"])
        #expect(all.map(\.attributes) == [["x": "1"], ["x": "2"], [:]])
        #expect(all[2].points.map(\.value) == [0, 1, 2, 3])
        #expect(try store.series(of: box, names: ["a"], since: StoreFixture.at(61)) == [])
        #expect(try store.series(of: box, names: ["b"], since: StoreFixture.at(120)).first?.points.count == 2)
        #expect(try store.series(of: try StoreFixture.device("none"), names: nil, since: UTCTime(seconds: 0)) == [])
    }

    @Test func whatIsGatheredAndWhatIsWrittenAreOneSeries() throws {
        for minute in 0..<50 { try ingest(series("m", [(minute * 60, Double(minute))])) }
        #expect(try count("fresh_points") < FleetStore.TelemetryLimits.freshExports)
        #expect(try points("m") == (0..<50).map { $0 * 60 })
    }

    @Test func pointsThinWithAge() throws {
        // Three days of a point each minute.
        for hour in 0..<72 { try ingest(series("m", (0..<60).map { ((hour * 60 + $0) * 60, 1) })) }
        let kept = try points("m")
        #expect((200...1_300).contains(kept.count))
        let newest = 72 * 3_600 - 60
        #expect(kept.last == newest)
        // Nowhere a hole that is large for its age.
        for (point, next) in zip(kept, kept.dropFirst()) {
            #expect(next - point <= max(120, (newest - point) / 8), "at \(point)")
        }
        #expect(kept.first == 0)
    }

    @Test func aDeviceHasSoManySeriesAndOldOnesMakeRoom() throws {
        for number in 0..<200 { #expect(try ingest(series("s\(number)", [(0, 1)])) == 0) }
        #expect(try ingest(series("new", [(10, 1), (20, 2)])) == 2)
        #expect(try ingest(series("s7", [(4_000, 1)])) == 0)
        // Those of the hour before rest, but for number 7.
        for number in 0..<199 { #expect(try ingest(series("new\(number)", [(4_000, 1)])) == 0) }
        #expect(try ingest(series("one more", [(4_000, 1)])) == 1)
        #expect(try points("s7") == [0, 4_000])
        #expect(try points("s8") == [])
        #expect(try count("series") == 200)
    }

    @Test func pointsThatAreNoneAreCounted() throws {
        let long = String(repeating: "x", count: 3_000)
        let wrong = MetricSeries(
            name: "m",
            unit: "1",
            points: [
                .init(UTCTime(seconds: -1), 1), .init(UTCTime(seconds: .max), 1), .init(UTCTime(seconds: 1 << 32), 1),
                .init(UTCTime(seconds: 5), .nan), .init(UTCTime(seconds: 5), .infinity), .init(UTCTime(seconds: 5), 4),
            ]
        )
        #expect(try ingest(wrong, series(long, [(1, 1)]), series("a", [(1, 1)], attributes: [long: ""])) == 7)
        #expect(
            try store.series(of: box, names: nil, since: UTCTime(seconds: 0)).flatMap(\.points) == [
                .init(UTCTime(seconds: 5), 4)
            ]
        )
    }

    @Test func whatADeviceCostsIsBounded() throws {
        // 200 series with a point each minute for half a day, 60 at a time.
        for hour in 0..<12 {
            let all = (0..<200).map { number in
                series(
                    "edge.ml.series.\(number)",
                    (0..<60).map { ((hour * 60 + $0) * 60, Double($0)) },
                    attributes: ["edge.endpoint": "vision"]
                )
            }
            _ = try store.ingest(metrics: [(row, all)], logs: [])
        }
        let bytes = try fixture.raw().first(
            "SELECT sum(length(points) + length(name) + length(attributes) + 50) FROM series"
        ) { Int($0.integer(0)) }
        #expect(try #require(bytes) <= 230 << 10)
        #expect(try count("fresh_points") == 0, "an export of this size is not left to wait")
    }

    private func refusal(_ number: Int, device: String?, at seconds: Int = 0) -> RefusalRecord {
        RefusalRecord(
            code: .tokenUnknown,
            hour: StoreFixture.at(seconds / 3_600 * 3_600),
            count: number,
            last: StoreFixture.at(seconds),
            address: "192.0.2.1",
            device: device,
            sentence: "no <b>"
        )
    }

    @Test func refusalsAreCounted() throws {
        try store.note(refusal(1, device: "x", at: 5))
        try store.note([refusal(2, device: "x", at: 9), refusal(1, device: nil, at: 3)])
        let all = try store.refusals(since: StoreFixture.at(0))
        #expect(all == [refusal(3, device: "x", at: 9).with(count: 3), refusal(1, device: nil, at: 3)])
        #expect(try store.refusals(since: StoreFixture.at(3_599)).count == 2)
        #expect(try store.refusals(since: StoreFixture.at(3_600)) == [])
        #expect(try store.refusals(since: UTCTime(seconds: .min)).count == 2)
    }

    @Test func whoeverAsksForNothingFillsNothing() throws {
        let long = String(repeating: "é", count: 10_000)
        for batch in 0..<30 {
            try store.note((0..<100).map { refusal(1, device: "\(batch * 100 + $0) \(long)") })
        }
        #expect(try count("refusals") == FleetStore.RefusalLimits.rowsPerHour + 1)
        let all = try store.refusals(since: StoreFixture.at(0))
        #expect(all.map(\.count).reduce(0, +) == 3_000)
        #expect(all.allSatisfy { $0.device?.utf8.count ?? 0 <= 128 })
        // Those of a month ago go.
        try store.note(refusal(1, device: nil, at: 31 * 86_400))
        #expect(try count("refusals") == 1)
    }
}

extension RefusalRecord {
    fileprivate func with(count: Int) -> RefusalRecord {
        var other = self
        other.count = count
        return other
    }
}
