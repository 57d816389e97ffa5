import Deployment
import Digest
import FileSystem
import FleetProtocol
import Glibc
import JSON
import Telemetry
import Testing
import WallClock

@testable import EdgeAgent

/// What the resident puts into the spool, when, and when it has it sent.
@Suite struct ReporterTests {
    @Test(arguments: [
        (
            "standing by with a 1 (sha256:aa)\ndraining\nstanding by with a 2 (sha256:bb)\ngone\n",
            "standing by with a 2 (sha256:bb)\ngone\n"
        ),
        (
            "standing by with a 2 (sha256:bb)\nstanding by with a 1 (sha256:aa)\n"
                + "standing by with a 2 (sha256:bb)\ngone\nstanding by with a 2 (sha256:bb)\ngone",
            "standing by with a 2 (sha256:bb)\ngone\nstanding by with a 2 (sha256:bb)\ngone"
        ),
        ("standing by with a 2 (sha256:bb)\nstanding by with a 1 (sha256:aa)", nil), ("no model here", nil), ("", nil),
    ])
    func aLogIsTheBundlesOwn(_ log: String, _ expected: String?) {
        #expect(Reporter.part(of: log, by: "bb") == expected ?? log)
    }

    @Test func aBoxInNoFleetKeepsNothing() throws {
        let box = try ReportFixture(isEnrolled: false)
        try box.happen(3)
        try box.pass(.seconds(600))
        #expect(box.runs == 0)
        #expect(try FileSystem.status(of: box.layout.spool) == nil)
    }

    @Test func enrolmentIsNoticedWhileItRuns() throws {
        let box = try ReportFixture(isEnrolled: false)
        try box.happen(2)
        try box.pass(.seconds(10))
        try box.enrol()
        try box.pass(.seconds(61))
        #expect(box.runs >= 1)
        #expect(try box.events().map(\.detail) == ["step 1", "step 2"])
        #expect(try box.snapshots().first?.device.text == "press-7")
        #expect(box.said.lines.contains("reporting to https://fleet.example:7443 as press-7"))
    }

    @Test func aWishIsEnoughToNoticeIt() throws {
        let box = try ReportFixture(isEnrolled: false)
        try box.pass()
        try box.enrol()
        box.reporter.hurry()
        try box.pass()
        #expect(box.runs == 1)
    }

    @Test func aChangeIsToldAtOnceAndTheLastOneAlways() throws {
        let box = try ReportFixture()
        try box.pass(.seconds(2))
        let before = try box.snapshots().count
        for port in 1...5 {
            box.world.endpoints[0].listen = "127.0.0.1:\(port)"
            try box.pass()
        }
        #expect(try box.snapshots().count <= before + 1)
        try box.pass(.seconds(2))
        #expect(try box.snapshots().count <= before + 2)
        #expect(try box.snapshots().last?.endpoints[0].listen == "127.0.0.1:5")
    }

    @Test func whereNothingChangesThereIsABeat() throws {
        let box = try ReportFixture()
        try box.pass(.seconds(602))
        let count = try box.snapshots().count
        #expect((9...13).contains(count), "\(count)")
        #expect(try box.records(SpoolKind.metrics).count == count)
    }

    @Test func theFleetSaysHowOften() throws {
        let box = try ReportFixture()
        try box.answer(#"{"outcome":"done","left":0,"interval":10,"labels":"same"}"#)
        try box.pass(.seconds(100))
        let count = try box.snapshots().count
        #expect((9...13).contains(count), "\(count)")
        #expect(try box.snapshots().last?.interval == 10)
    }

    @Test func newLabelsArePassedOn() throws {
        let box = try ReportFixture()
        try box.answer(#"{"outcome":"done","left":0,"interval":60,"labels":"changed"}"#)
        try box.pass(.seconds(2))
        #expect(box.labelChanges == 1)
    }

    @Test func whatAFleetDoesNotTakeDoesNotPushEventsOut() throws {
        let box = try ReportFixture()
        try box.answer(#"{"outcome":"failed","circumstance":"network","sentence":"no route"}"#)
        try box.pass(.seconds(3600))
        // The one that waits says it all; it is tried again ever more rarely.
        #expect(try box.snapshots().count <= 2)
        #expect((8...40).contains(box.runs), "\(box.runs)")
        #expect(box.said.lines.filter { $0 == "report: no route" }.count == 1)
        // What is measured is kept all the same.
        #expect(try box.records(SpoolKind.metrics).count > 50)
        try box.happen(1)
        try box.pass(.seconds(2))
        #expect(try box.events().count == 1)
        try box.answer(#"{"outcome":"done","left":0,"interval":60,"labels":"same"}"#)
        try box.pass(.seconds(301))
        #expect(box.said.lines.last == "report: it works again")
    }

    // MARK: - Each step once

    @Test func eachStepIsToldOnce() throws {
        let box = try ReportFixture()
        for count in 1...7 {
            try box.happen(count)
            try box.pass(.seconds(count.isMultiple(of: 2) ? 2 : 0))
            if count == 4 { try box.restart() }
        }
        try box.pass(.seconds(2))
        #expect(try box.events().map(\.detail) == (1...7).map { "step \($0)" })
    }

    /// Killed after the mark was written and any number of records, at each of the two.
    @Test(arguments: 0...5) func aKillInTheMiddleLosesNothingAndDoublesNothing(appended: Int) throws {
        let box = try ReportFixture()
        try box.happen(2)
        try box.pass(.seconds(2))
        // The one that was killed has let go of the spool.
        try box.restart()
        var marks = ReportMarks.read(box.layout)
        do {
            var writer = try SpoolWriter(try SpoolFolder(box.layout.spool, as: .writer))
            let next = Int(writer.next(.state))
            marks.settle(next: next)
            marks.begin((3...7).map { .init(endpoint: box.endpoint, history: $0) }, first: next)
            try marks.save(box.layout)
            for step in 3..<(3 + appended) {
                var event = EventReport(
                    boot: "01234567-89ab-cdef-0123-456789abcdef",
                    sequence: Int(writer.next(.state)),
                    moment: .init(UTCTime(seconds: 0), isTrusted: true),
                    endpoint: box.endpoint,
                    state: "Probe",
                    reason: "done"
                )
                event.detail = "step \(step)"
                let boot = try #require(SpoolBoot(event.boot))
                let stamp = SpoolStamp(boot: boot, milliseconds: 1, clock: Sample.noon)
                _ = try writer.append(event.json.compactBytes(), kind: SpoolKind.event, to: .state, at: stamp)
            }
        }
        try box.restart()
        try box.happen(7)
        try box.pass(.seconds(2))
        #expect(try box.events().map(\.detail) == (1...7).map { "step \($0)" })
    }

    @Test func aHistoryThatBeginsAnewIsToldFromItsStart() throws {
        let box = try ReportFixture()
        try box.happen(5)
        try box.pass(.seconds(2))
        try box.happen(2)
        try box.pass(.seconds(2))
        #expect(try box.events().map(\.detail).suffix(2) == ["step 1", "step 2"])
    }

    @Test func aFailureBringsTheEndOfItsLog() throws {
        let box = try ReportFixture()
        let log = [UInt8](repeating: 0xff, count: 20_000) + Array("<b>the end\u{1b}[0m".utf8)
        try FileSystem.createDirectories(box.layout.endpoint(box.endpoint))
        try FileSystem.write(log, to: box.layout.failureLog(box.endpoint))
        try box.happen(2, result: "rejected")
        try box.pass(.seconds(2))
        let events = try box.events()
        #expect(events.map { $0.log == nil } == [true, false])
        let end = try #require(events.last?.log)
        #expect(end.utf8.count <= FleetLimits.logBytes)
        #expect(end.hasSuffix("<b>the end\u{1b}[0m"))
    }

    // MARK: - Bad disks

    @Test func aSpoolThatCanNotBeUsedIsMovedAside() throws {
        let box = try ReportFixture()
        try box.happen(2)
        try box.pass(.seconds(2))
        let last = try #require(try box.snapshots().last?.sequence)
        // A journal that is a folder can't be read.
        try FileSystem.removeFile(box.layout.spool + "/acknowledged")
        try FileSystem.createDirectory(box.layout.spool + "/acknowledged", mode: 0o700)
        try box.restart()
        try box.happen(3)
        try box.pass(.seconds(2))
        #expect(box.said.lines.contains { $0.hasPrefix("the spool is damaged and was moved to ") })
        #expect(try FileSystem.status(of: box.layout.damagedSpool) != nil)
        #expect(try box.events().map(\.detail) == ["step 3"])
        // A receiver takes smaller numbers for old ones.
        let snapshot = try #require(try box.snapshots().last)
        #expect(snapshot.sequence > last)
        #expect(snapshot.lost.records > 0)
    }

    @Test func aSpoolThatWasRemovedGoesOnWithItsNumbers() throws {
        let box = try ReportFixture()
        try box.happen(2)
        try box.pass(.seconds(2))
        let last = try #require(try box.snapshots().last?.sequence)
        try FileSystem.removeTree(box.layout.spool)
        try box.restart()
        try box.happen(3)
        try box.pass(.seconds(2))
        #expect(try box.events().map(\.detail) == ["step 3"])
        #expect(try #require(try box.snapshots().last?.sequence) >= last)
    }

    @Test func settingsThatCanNotBeReadAreSaidOnce() throws {
        let box = try ReportFixture()
        try FileSystem.write(Array("{".utf8), to: box.layout.fleetSettings)
        try box.pass(.seconds(300))
        #expect(box.runs == 0)
        #expect(box.said.lines.filter { $0.hasPrefix("the box reports to nobody: ") }.count == 1)
    }

    // MARK: - The end

    @Test func whatACommandDidIsSentAtItsEnd() throws {
        let box = try ReportFixture()
        try box.happen(3)
        box.reporter.finishAndSend(at: box.now)
        #expect(box.runs == 1)
        #expect(try box.events().count == 3)
        #expect(try box.snapshots().count == 1)
    }

    @Test func linesOfTheAgentAreKept() throws {
        let box = try ReportFixture()
        box.reporter.log.note("digits: serving", at: box.now)
        for number in 0..<500 { box.reporter.log.note("line \(number)", at: box.now) }
        try box.pass(.seconds(70))
        let records = try box.records(SpoolKind.logs)
        let exports = try records.map { try LogsExport(protobuf: $0.payload) }
        let lines = exports.flatMap { $0.resources }.flatMap { $0.scopes }.flatMap { $0.records }
        #expect(lines.count == AgentLog.burst + 1)
        #expect(lines.first?.body == .string("digits: serving"))
        #expect(lines.first?.attributes["edge.endpoint"] == .string("digits"))
        #expect(lines.last?.body == .string("401 more lines were not kept"))
        #expect(Set(lines.compactMap { $0.attributes["edge.sequence"]?.integerValue }).count == lines.count)
    }
}
