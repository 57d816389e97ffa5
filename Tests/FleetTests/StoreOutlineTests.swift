import Deployment
import FleetProtocol
import Testing
import WallClock

@testable import Fleet

/// What is asked of a whole fleet is found by outlines as it is by whole records.
@Suite struct StoreOutlineTests {
    let fixture: StoreFixture
    var store: FleetStore { fixture.store }

    init() throws {
        fixture = try StoreFixture()
        for (number, name) in ["b", "a-9", "C", "a.1", "quiet", "a", "gone", "away"].enumerated() {
            let row = try fixture.enrol(name)
            guard name != "quiet" else { continue }
            var checkIn = try StoreFixture.checkIn(name, number + 1)
            checkIn.channel = number % 2 == 0 ? .prod : .staging
            checkIn.labels = ["site": "s\(number)"]
            checkIn.interval = 10 * (number + 1)
            if number != 1 {
                checkIn.metadata = .init(timestampVersion: number, verified: StoreFixture.at(number), source: "media")
            }
            if number == 2 {
                checkIn.sync = .init(waitingFor: "network", sentence: "no line", since: StoreFixture.at(1))
            }
            checkIn.endpoints = [
                try StoreFixture.endpoint("vision", running: "one", wanted: number == 3 ? "two" : "one"),
                try StoreFixture.endpoint("audio", running: "three", wanted: nil),
            ]
            try fixture.ingest(checkIn, row: row, at: 100 + number)
        }
        let operatorName = "operator:test"
        try store.revoke(
            try StoreFixture.device("gone"),
            reason: "lost",
            by: operatorName,
            at: StoreFixture.at(200)
        )
        try store.decommission(
            try StoreFixture.device("away"),
            reason: "old",
            by: operatorName,
            at: StoreFixture.at(200)
        )
        _ = try store.label(
            try StoreFixture.device("a"),
            set: ["line": "3"],
            remove: [],
            by: operatorName,
            at: StoreFixture.at(200)
        )
    }

    @Test func whatTheyHoldIsWhatWholeRecordsHold() throws {
        let (whole, outlines) = (try store.devices(), try store.outlines())
        #expect(outlines.map(\.device) == whole.map(\.device))
        for (record, outline) in zip(whole, outlines) {
            #expect(outline.row == record.row)
            #expect(outline.membership == record.membership)
            #expect(outline.enrolled == record.enrolled)
            #expect(outline.labels == record.labels)
            #expect(outline.report?.lastSeen == record.report?.lastSeen)
            #expect(outline.report?.interval == record.report?.interval)
            #expect(outline.report?.channel == record.report?.channel)
            #expect(outline.report?.labels == record.report?.labels)
            #expect(outline.report?.metadata?.timestampVersion == record.report?.metadata?.timestampVersion)
            #expect((outline.report?.sync == nil) == (record.report?.sync == nil))
            #expect(outline.endpoints.map(\.report.name) == record.endpoints.map(\.report.name))
            #expect(outline.endpoints.map(\.report.running) == record.endpoints.map(\.report.running))
            #expect(outline.endpoints.map(\.report.wanted) == record.endpoints.map(\.report.wanted))
            #expect(outline.endpoints.map(\.converged) == record.endpoints.map(\.converged))
            #expect(outline.endpoints.map(\.healthy) == record.endpoints.map(\.healthy))
        }
    }

    @Test func aFleetStandsByThemAsItStands() throws {
        for seconds in [150, 250, 1_000] {
            let now = StoreFixture.at(seconds)
            let whole = FleetSnapshot(try store.devices(), now: now)
            let outlined = FleetSnapshot(try store.outlines(), now: now)
            #expect(outlined.newest == whole.newest)
            for (one, other) in zip(outlined.verdicts, whole.verdicts) {
                #expect(one.reachable == other.reachable)
                #expect(one.converged == other.converged)
                #expect(one.healthy == other.healthy)
                #expect(one.severity == other.severity)
            }
            #expect(outlined.bundles.mapValues(\.running) == whole.bundles.mapValues(\.running))
            #expect(outlined.bundles.mapValues(\.wanted) == whole.bundles.mapValues(\.wanted))
        }
    }

    /// A page shows whole records, as read when they are shown.
    @Test func whatIsShownIsWhole() throws {
        let views = FleetViews(store) { StoreFixture.at(250) }
        let page = try views.devices(DeviceQuery())
        #expect(page.devices.count == 7)
        for status in page.devices { #expect(status.record == (try store.device(status.record.device))) }
        #expect(try views.summary().attention.allSatisfy { $0.record.row > 0 })
    }
}
