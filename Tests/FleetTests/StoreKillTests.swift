import Deployment
import Digest
import FileSystem
import FleetProtocol
import Glibc
import SQLite
import Testing
import WallClock

@testable import Fleet

/// A server that is killed while it writes: what it had answered for is there, and nothing is there by half.
@Suite struct StoreKillTests {
    /// Boxes that check in, all in one batch, round after round.
    private static let boxes = 20

    @Test(arguments: [2, 5, 9, 14, 20, 35, 60, 100])
    func whatWasAnsweredForIsThere(milliseconds: Int) async throws {
        let fixture = try StoreFixture()
        var rows: [Int64] = []
        for box in 0..<Self.boxes { rows.append(try fixture.enrol("box-\(box)")) }
        let acknowledged = FileSystem.join(fixture.folder.path, "acknowledged")
        try FileSystem.write([], to: acknowledged)
        // Twice on the same file: what is there after the first must be good to go on from.
        for life in 0..<2 {
            let (path, begin) = (fixture.folder.path, try Self.told(acknowledged) + 1)
            await #expect(processExitsWith: .signal(SIGKILL), "life \(life)") {
                [path = path as String, begin = begin as Int, life = life as Int, milliseconds = milliseconds as Int] in
                // The first life may end before anything was written, the second only after something was.
                if life == 0 { Self.killMyself(after: milliseconds) }
                try Self.work(path, from: begin) {
                    if life == 1, $0 == begin { Self.killMyself(after: milliseconds) }
                }
            }
            if life == 1 { #expect(try Self.told(acknowledged) >= begin) }
            try check(fixture, told: try Self.told(acknowledged))
        }
    }

    /// The number of the last round that was answered for.
    private static func told(_ path: String) throws -> Int {
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        return text.split(separator: "\n").compactMap { Int($0) }.max() ?? 0
    }

    /// In the middle of whatever it does then.
    private static func killMyself(after milliseconds: Int) {
        var thread = pthread_t()
        let time = UnsafeMutableRawPointer(bitPattern: milliseconds)
        pthread_create(
            &thread,
            nil,
            { time in
                usleep(UInt32(Int(bitPattern: time) * 1_000))
                kill(getpid(), SIGKILL)
                return nil
            },
            time
        )
    }

    /// Check-ins, numbers, lines and commands, without end.
    private static func work(_ path: String, from begin: Int, told: (Int) -> Void) throws {
        let store = try FleetStore(folder: FleetFolder(path))
        let devices = try store.devices()
        let file = try File.openForUpdate(FileSystem.join(path, "acknowledged"))
        var offset = try file.status().size
        for round in begin..<begin + 1_000_000 {
            let answers = try store.ingest(
                try devices.map { record in
                    var checkIn = try StoreFixture.checkIn(record.device.text, round)
                    checkIn.events = [try StoreFixture.event(round)]
                    return .init(checkIn: checkIn, row: record.row, at: StoreFixture.at(round), address: "")
                }
            )
            guard answers.count == devices.count else { return }
            let line = LogLine(
                time: StoreFixture.at(round),
                received: StoreFixture.at(round),
                severity: 9,
                body: "\(round)"
            )
            let series = MetricSeries(name: "round", unit: "1", points: [.init(StoreFixture.at(round), Double(round))])
            _ = try store.ingest(
                metrics: devices.map { ($0.row, [series]) },
                logs: devices.map { ($0.row, [("\(round)", line)]) }
            )
            let box = devices[round % devices.count].device
            _ = try store.label(
                box,
                set: ["round": "\(round)"],
                remove: [],
                by: "operator:x",
                at: StoreFixture.at(round)
            )
            let text = "\(round)\n"
            var bytes = Array(text.utf8)
            try bytes.withUnsafeMutableBytes { try file.write(UnsafeRawBufferPointer($0), at: offset) }
            offset += bytes.count
            told(round)
        }
    }

    private func check(_ fixture: StoreFixture, told: Int) throws {
        let store = try FleetStore(folder: fixture.folder)
        #expect(try fixture.raw().first("PRAGMA integrity_check") { $0.text(0) } == "ok")
        #expect(try fixture.raw().first("PRAGMA foreign_key_check") { $0.text(0) } == nil)
        guard case .whole = try store.verifyAudit() else {
            Issue.record("\(try store.verifyAudit())")
            return
        }
        let devices = try store.devices()
        // One batch is there for all boxes or for none.
        let sequences = Set(devices.map { $0.report?.sequence ?? 0 })
        #expect(sequences.count == 1)
        let last = sequences.first ?? 0
        #expect(last == told || last == told + 1)
        for record in devices.prefix(3) {
            let events = try store.events(device: record.device, endpoint: nil, before: nil, after: nil, limit: 10_000)
            let numbers = events.compactMap(\.report?.sequence)
            #expect(numbers == Array((0..<last).map { last - $0 }).prefix(numbers.count).map { $0 })
            #expect(numbers.count >= min(last, 1_500))
            let lines = try store.logLines(of: record.device, limit: 1).map(\.body)
            let points = try store.series(of: record.device, names: nil, since: UTCTime(seconds: 0)).first?.points ?? []
            guard told > 0 else { continue }
            #expect([told, told + 1].map { "\($0)" }.contains(lines.first))
            #expect([told, told + 1].map { Double($0) }.contains(points.last?.value))
        }
        let labels = Set(devices.compactMap { $0.labels["round"] }.compactMap { Int($0) })
        if told > 0 { #expect(labels.contains(told)) }
    }
}
