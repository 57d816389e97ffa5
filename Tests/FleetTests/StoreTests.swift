import Deployment
import Digest
import FleetProtocol
import SQLite
import Testing
import WallClock

@testable import Fleet

/// What boxes say, and what is known of them then.
@Suite struct StoreTests {
    private let fixture: StoreFixture
    private var store: FleetStore { fixture.store }

    init() throws { fixture = try StoreFixture() }

    @Test func aCheckInComesBackAsItWas() throws {
        let row = try fixture.enrol("box-1")
        var checkIn = try StoreFixture.checkIn("box-1", 5)
        checkIn.sync = .init(waitingFor: "network", sentence: "no route", since: StoreFixture.at(1))
        checkIn.lost = .init(records: 3, bytes: 400)
        var second = try StoreFixture.endpoint("audio", running: nil, wanted: "two")
        second.result = "failedNoStateChange"
        second.sentence = "no room"
        second.previous = StoreFixture.bundle("zero")
        second.counters = nil
        second.containment = nil
        second.since = nil
        checkIn.endpoints.append(second)
        let answer = try #require(try fixture.ingest(checkIn, row: row, at: 100))
        #expect(answer == .init(labels: [:], membership: .enrolled, isDuplicate: false))

        let record = try #require(try store.device(try StoreFixture.device("box-1")))
        #expect(
            record.report
                == DeviceReport(
                    checkIn,
                    lastSeen: StoreFixture.at(100),
                    reachableSince: StoreFixture.at(100),
                    address: "192.0.2.7"
                )
        )
        #expect(record.endpoints.map(\.report) == [second, checkIn.endpoints[0]])
        #expect(record.endpoints.map(\.convergedSince) == [StoreFixture.at(100), StoreFixture.at(100)])
        #expect(record.endpoints[1].converged == EndpointJudgement.converged(checkIn.endpoints[0]))
        #expect(try store.devices() == [record])
    }

    @Test func sinceStaysWhileTheAnswerDoes() throws {
        let row = try fixture.enrol("box-1")
        try fixture.ingest(try StoreFixture.checkIn("box-1", 1), row: row, at: 100)
        try fixture.ingest(try StoreFixture.checkIn("box-1", 2), row: row, at: 160)
        var endpoint = try #require(try store.devices().first?.endpoints.first)
        #expect(endpoint.convergedSince == StoreFixture.at(100))
        var other = try StoreFixture.checkIn("box-1", 3)
        other.endpoints = [try StoreFixture.endpoint("vision", running: "one", wanted: "two")]
        try fixture.ingest(other, row: row, at: 220)
        endpoint = try #require(try store.devices().first?.endpoints.first)
        #expect(endpoint.convergedSince == StoreFixture.at(220))
        #expect(endpoint.healthySince == StoreFixture.at(100))
    }

    @Test func aBoxIsReachableSinceItsLastGap() throws {
        let row = try fixture.enrol("box-1")
        func since() throws -> UTCTime? { try store.devices().first?.report?.reachableSince }
        try fixture.ingest(try StoreFixture.checkIn("box-1", 1), row: row, at: 0)
        try fixture.ingest(try StoreFixture.checkIn("box-1", 2), row: row, at: 210)
        #expect(try since() == StoreFixture.at(0))
        try fixture.ingest(try StoreFixture.checkIn("box-1", 3), row: row, at: 421)
        #expect(try since() == StoreFixture.at(421))
    }

    @Test func anOlderSnapshotIsNotAppliedAndItsEventsAre() throws {
        let row = try fixture.enrol("box-1")
        var newer = try StoreFixture.checkIn("box-1", 9)
        newer.events = [try StoreFixture.event(8)]
        try fixture.ingest(newer, row: row, at: 10)
        var older = try StoreFixture.checkIn("box-1", 4)
        older.labels = ["site": "old"]
        older.endpoints = []
        older.events = [try StoreFixture.event(3), try StoreFixture.event(8)]
        let answer = try #require(try fixture.ingest(older, row: row, at: 20))
        #expect(answer.isDuplicate)
        let record = try #require(try store.devices().first)
        #expect(record.report?.sequence == 9)
        #expect(record.report?.labels == ["site": "berlin"])
        #expect(record.endpoints.count == 1)
        // It spoke, whatever it said.
        #expect(record.report?.lastSeen == StoreFixture.at(20))
        let events = try store.events(device: record.device, endpoint: nil, before: nil, after: nil, limit: 10)
        #expect(events.compactMap(\.report?.sequence) == [3, 8])
    }

    @Test func whatIsSentTwiceCountsOnce() throws {
        let row = try fixture.enrol("box-1")
        var checkIn = try StoreFixture.checkIn("box-1", 9)
        checkIn.events = [try StoreFixture.event(7), try StoreFixture.event(8)]
        try fixture.ingest(checkIn, row: row, at: 10)
        let before = try store.events(device: nil, endpoint: nil, before: nil, after: nil, limit: 100)
        #expect(try fixture.ingest(checkIn, row: row, at: 10)?.isDuplicate == true)
        #expect(try store.events(device: nil, endpoint: nil, before: nil, after: nil, limit: 100) == before)
    }

    @Test func anEndpointThatIsGoneIsGone() throws {
        let row = try fixture.enrol("box-1")
        try fixture.ingest(try StoreFixture.checkIn("box-1", 1), row: row, at: 10)
        var without = try StoreFixture.checkIn("box-1", 2)
        without.endpoints = []
        try fixture.ingest(without, row: row, at: 20)
        #expect(try store.devices().first?.endpoints == [])
    }

    @Test func nothingIsWrittenOfADeviceThatIsOut() throws {
        let row = try fixture.enrol("box-1")
        try store.revoke(
            try StoreFixture.device("box-1"),
            reason: "stolen",
            by: "operator:test",
            at: StoreFixture.at(1)
        )
        var checkIn = try StoreFixture.checkIn("box-1", 1)
        checkIn.events = [try StoreFixture.event(1)]
        #expect(try fixture.ingest(checkIn, row: row, at: 10)?.membership == .revoked)
        #expect(try store.devices().first?.report == nil)
        #expect(
            try store.events(device: nil, endpoint: nil, before: nil, after: nil, limit: 9).map(\.kind) == [
                "revoked", "enrolled",
            ]
        )
    }

    @Test func anUnknownRowLosesTheWholeBatch() throws {
        let row = try fixture.enrol("box-1")
        let checkIn = try StoreFixture.checkIn("box-1", 1)
        #expect(throws: FleetStoreError.self) {
            try store.ingest([
                .init(checkIn: checkIn, row: row, at: StoreFixture.start, address: ""),
                .init(checkIn: checkIn, row: 99, at: StoreFixture.start, address: ""),
            ])
        }
        #expect(try store.devices().first?.report == nil)
    }

    @Test func devicesComeInOrderOfTheirIds() throws {
        for name in ["b", "a-9", "C", "a.1", "z", "a"] {
            let row = try fixture.enrol(name)
            if name != "z" { try fixture.ingest(try StoreFixture.checkIn(name, 1), row: row, at: 1) }
        }
        let devices = try store.devices()
        #expect(devices.map(\.device.text) == ["C", "a", "a-9", "a.1", "b", "z"])
        #expect(devices.map { $0.endpoints.count } == [1, 1, 1, 1, 1, 0])
        for record in devices { #expect(try store.device(record.device) == record) }
        #expect(try store.device(try StoreFixture.device("nobody")) == nil)
    }

    @Test func hostileTextIsDataAndNothingElse() throws {
        let row = try fixture.enrol("box-1")
        for (number, text) in [
            "'; DROP TABLE devices; --", "<script>alert(1)</script>", "a\0b\u{1B}[2J\r\n\u{202E}", "%s%n",
            "\u{FFFD}\u{10FFFF}",
            "\"}],{\"x\":1", String(repeating: "ß", count: 2_000),
        ].enumerated() {
            var checkIn = try StoreFixture.checkIn("box-1", number + 1, boot: text)
            checkIn.facts.kernel = text
            checkIn.facts.system = text
            checkIn.sync = .init(waitingFor: text, sentence: text, since: UTCTime(seconds: .max))
            checkIn.endpoints[0].sentence = text
            checkIn.endpoints[0].result = text
            checkIn.endpoints[0].running?.name = text
            var event = try StoreFixture.event(number, boot: text, log: text)
            event.detail = text
            event.reason = text
            event.serial = 1 << 53
            checkIn.events = [event]
            try fixture.ingest(checkIn, row: row, at: number)
            let record = try #require(try store.devices().first)
            #expect(record.report?.facts.kernel == text)
            #expect(record.report?.sync == checkIn.sync)
            #expect(record.endpoints.first?.report == checkIn.endpoints[0])
            let newest = try #require(
                try store.events(device: nil, endpoint: nil, before: nil, after: nil, limit: 1).first
            )
            #expect(newest.hasLog)
            #expect(try store.event(newest.id)?.report == event)
        }
    }

    @Test func largestNumbersAreNoTrap() throws {
        let row = try fixture.enrol("box-1")
        for (sequence, time) in [(1, Int64.min), (1 << 53, .max), (1 << 53, .min)] {
            var checkIn = try StoreFixture.checkIn("box-1", 1)
            checkIn.sequence = sequence
            checkIn.moment.time = UTCTime(seconds: time)
            checkIn.interval = 86_400
            _ = try store.ingest([.init(checkIn: checkIn, row: row, at: UTCTime(seconds: time), address: "")])
        }
        #expect(try store.devices().first?.report?.sequence == 1 << 53)
    }
}
