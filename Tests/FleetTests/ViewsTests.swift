import Deployment
import Digest
import FleetProtocol
import JSON
import Testing
import WallClock

@testable import Fleet

@Suite struct ViewsTests {
    private typealias Fixture = StatusFixture

    /// One device of each kind.
    private static func fleet() -> MadeUpFleet {
        let three = Fixture.bundle(3)
        var unheard = Fixture.device("e-unheard")
        unheard.report = nil
        unheard.endpoints = []
        return MadeUpFleet([
            Fixture.device("a-fine", labels: ["site": "north"]),
            Fixture.device("b-waits", [Fixture.report(wanted: three, result: "waitingFor(wave)")]),
            Fixture.device(
                "c-rejects",
                [Fixture.report(wanted: three, result: "rejected", sentence: "accuracy is 0.5")],
                labels: ["site": "south"]
            ) { $0.labels = ["site": "north", "lamp": "on"] },
            Fixture.device("d-silent", seen: 5000),
            unheard,
            Fixture.device("f-broken", [Fixture.report(running: nil, result: "successful")]),
            Fixture.device("g-revoked", membership: .revoked),
            Fixture.device("h-gone", membership: .decommissioned),
        ])
    }

    private func views(_ fleet: MadeUpFleet, now: UTCTime = Fixture.now) -> FleetViews {
        FleetViews(fleet, clock: { now })
    }

    private func ids(_ page: DevicePage) -> [String] { page.devices.map(\.record.device.text) }

    private func ids(_ pairs: [(String, String)]) throws -> [String] {
        ids(try views(Self.fleet()).devices(try DeviceQuery(pairs)))
    }

    // MARK: lists

    @Test func theWorstComeFirst() throws {
        let page = try views(Self.fleet()).devices(DeviceQuery())
        #expect(
            ids(page) == ["f-broken", "d-silent", "c-rejects", "e-unheard", "b-waits", "a-fine", "g-revoked"]
        )
        #expect(page.total == 7 && page.matching == 7 && page.offset == 0)
        let all = try views(Self.fleet()).devices(DeviceQuery([("membership", "all")]))
        #expect(all.total == 8 && all.matching == 8)
    }

    @Test func listsAreSortedAndPaged() throws {
        #expect(
            try ids([("sort", "id"), ("membership", "all")])
                == [
                    "a-fine", "b-waits", "c-rejects", "d-silent", "e-unheard", "f-broken", "g-revoked", "h-gone",
                ]
        )
        #expect(try ids([("sort", "lastSeen")]).prefix(3) == ["e-unheard", "d-silent", "a-fine"])
        #expect(try ids([("sort", "id"), ("offset", "2"), ("limit", "2")]) == ["c-rejects", "d-silent"])
        let beyond = try views(Self.fleet()).devices(try DeviceQuery([("offset", "100")]))
        #expect(beyond.devices.isEmpty && beyond.matching == 7 && beyond.offset == 100)
    }

    @Test(arguments: [
        ("reachable", "yes", ["a-fine", "b-waits", "c-rejects", "f-broken"]),
        ("reachable", "no", ["d-silent", "g-revoked"]), ("reachable", "silent", ["d-silent"]),
        ("reachable", "unknown", ["e-unheard"]), ("converged", "yes", ["a-fine"]),
        ("converged", "no", ["c-rejects", "f-broken"]), ("converged", "waiting", ["b-waits"]),
        ("converged", "waitingFor", ["b-waits"]), ("converged", "waitingFor(wave)", ["b-waits"]),
        ("converged", "waitingFor(disk)", []), ("converged", "unknown", ["d-silent", "e-unheard", "g-revoked"]),
        ("healthy", "no", ["f-broken"]), ("healthy", "notServing", ["f-broken"]),
        ("label", "site=north", ["a-fine"]), ("label", "site=south", ["c-rejects"]),
        ("label", "site", ["a-fine", "c-rejects"]), ("label", "lamp=on", ["c-rejects"]),
        ("running", "digits@2", ["a-fine", "b-waits", "c-rejects", "d-silent", "g-revoked"]),
        ("running", "digits@3", []), ("membership", "decommissioned", ["h-gone"]),
        ("membership", "revoked", ["g-revoked"]),
        ("channel", "prod", ["a-fine", "b-waits", "c-rejects", "d-silent", "f-broken", "g-revoked"]),
        ("channel", "dev", []), ("q", "SILENT", ["d-silent"]), ("q", "lamp=on", ["c-rejects"]),
        ("q", "digits@3", ["b-waits", "c-rejects"]), ("q", "nothing of it", []),
    ])
    func listsAreFiltered(_ name: String, _ value: String, _ expected: [String]) throws {
        #expect(try ids([(name, value), ("sort", "id")]) == expected)
    }

    @Test func filtersHoldTogether() throws {
        #expect(try ids([("label", "site=south"), ("label", "lamp")]) == ["c-rejects"])
        #expect(try ids([("label", "site=south"), ("label", "lamp=off")]).isEmpty)
        #expect(try ids([("reachable", "yes"), ("q", "DIGITS"), ("converged", "yes")]) == ["a-fine"])
    }

    @Test func aReasonOfAnyEndpointIsFound() throws {
        let device = Fixture.device(
            "line-3",
            [
                Fixture.report("a", wanted: Fixture.bundle(3), result: "rejected"),
                Fixture.report("b", wanted: Fixture.bundle(3), result: "waitingFor(disk)"),
            ]
        )
        let views = views(MadeUpFleet([device]))
        func found(_ value: String) throws -> Int {
            try views.devices(try DeviceQuery([("converged", value)])).matching
        }
        #expect(try found("waitingFor(disk)") == 1)
        #expect(try found("rejected") == 1)
        // But the device's answer is one.
        #expect(try found("no") == 1)
        #expect(try found("waiting") == 0)
    }

    @Test func aPageOfHugeDevicesIsShorter() throws {
        let reports = (0..<64).map { Fixture.report("endpoint-\($0)") }
        let fleet = MadeUpFleet((100..<300).map { Fixture.device("line-\($0)", reports) })
        let page = try views(fleet).devices(try DeviceQuery([("limit", "500")]))
        #expect(page.matching == 200)
        #expect(page.devices.count == DeviceQuery.endpointsOfPage / 64)
        let rest = try views(fleet).devices(try DeviceQuery([("limit", "500"), ("offset", "\(page.devices.count)")]))
        #expect(rest.devices.first?.record.device.text == "line-178")
    }

    @Test func aRowHasTheMembersOfTheAPI() throws {
        let row = try #require(try views(Self.fleet()).devices(try DeviceQuery([("q", "c-rej")])).json["devices"]?[0])
        #expect(
            row.objectValue?.names == [
                "id", "membership", "labels", "ownLabels", "channel", "enrolled", "lastSeen", "interval", "agent",
                "address", "reachable", "converged", "healthy", "endpoints",
            ]
        )
        #expect(
            row["endpoints"]?[0]?.objectValue?.names == [
                "name", "listen", "running", "wanted", "previous", "state", "since", "result", "sentence",
                "containment", "counters", "converged", "healthy",
            ]
        )
        #expect(row["labels"] == ["site": "south"])
        #expect(row["ownLabels"] == ["lamp": "on", "site": "north"])
        #expect(row["endpoints"]?[0]?["running"]?["version"] == "2")
        #expect(row["lastSeen"]?.stringValue == "2026-11-20T11:59:50Z")
        let unheard = try views(Self.fleet()).devices(try DeviceQuery([("q", "e-unheard")])).json["devices"]?[0]
        for name in ["channel", "lastSeen", "interval", "agent", "address"] { #expect(unheard?[name] == .null) }
    }

    // MARK: the overview

    @Test func theOverviewCounts() throws {
        let fleet = Self.fleet()
        fleet.happened = (1...30).map { number in
            EventRecord(
                id: Int64(number),
                received: Fixture.now,
                device: Fixture.id("a-fine"),
                kind: "labelled",
                sentence: "labels changed"
            )
        }
        fleet.refused = [
            refusal(.tokenExpired, ago: 100), refusal(.certificateMissing, ago: 10), refusal(.malformed, ago: 90_000),
        ]
        let overview = try views(fleet).overview()
        #expect(overview["now"]?.stringValue == "2026-11-20T12:00:00Z")
        #expect(overview["version"]?.stringValue == fleetVersion)
        #expect(overview["devices"]?.integerValue == 6)
        #expect(overview["members"] == ["enrolled": 6, "revoked": 1, "decommissioned": 1])
        #expect(overview["reachable"] == ["yes": 4, "no": 1, "waiting": 0, "unknown": 1])
        #expect(overview["converged"] == ["yes": 1, "no": 2, "waiting": 1, "unknown": 2])
        #expect(overview["healthy"] == ["yes": 3, "no": 1, "waiting": 0, "unknown": 2])
        #expect(
            overview["attention"]?.arrayValue?.compactMap { $0["id"]?.stringValue }
                == ["f-broken", "d-silent", "c-rejects", "e-unheard"]
        )
        #expect(overview["attentionCount"]?.integerValue == 4)
        #expect(overview["events"]?.arrayValue?.count == 20)
        #expect(overview["events"]?[0]?["id"]?.integerValue == 30)
        #expect(
            overview["refusals"]?.arrayValue?.compactMap { $0["code"]?.stringValue }
                == ["certificate_missing", "token_expired"]
        )
        let endpoint = try #require(overview["endpoints"]?[0])
        #expect(endpoint["name"]?.stringValue == "digits" && endpoint["devices"]?.integerValue == 5)
        #expect(endpoint["bundles"]?[0]?["version"]?.stringValue == "2")
        #expect(endpoint["bundles"]?[0]?["running"]?.integerValue == 4)
        #expect(endpoint["bundles"]?[0]?["wanted"]?.integerValue == 3)
        #expect(endpoint["bundles"]?[1]?["running"]?.integerValue == 0)
        #expect(endpoint["bundles"]?[1]?["wanted"]?.integerValue == 2)
        #expect(endpoint["waiting"] == [["reason": "waitingFor(wave)", "count": 1]])
        #expect(
            endpoint["failing"] == [["reason": "notRunning", "count": 1], ["reason": "rejected", "count": 1]]
        )
    }

    private func refusal(_ code: FleetProblem.Code, ago seconds: Int) -> RefusalRecord {
        RefusalRecord(
            code: code,
            hour: Fixture.ago(seconds),
            count: 3,
            last: Fixture.ago(seconds),
            address: "10.0.0.9",
            device: nil,
            sentence: "refused"
        )
    }

    @Test func anEmptyFleetHasAnOverview() throws {
        let overview = try views(MadeUpFleet()).overview()
        #expect(overview["devices"]?.integerValue == 0)
        #expect(overview["endpoints"] == [] && overview["attention"] == [])
        #expect(try views(MadeUpFleet()).devices(DeviceQuery()).json["devices"] == [])
        #expect(try views(MadeUpFleet()).bundles()["bundles"] == [])
    }

    @Test func nothingGrowsWithoutBound() throws {
        let fleet = MadeUpFleet(
            (0..<600).map { number in
                Fixture.device(
                    "line-\(number)",
                    [
                        Fixture.report(
                            "endpoint-\(number)",
                            running: BundleReport(digest: SHA256.digest(Array("\(number)".utf8)), name: "bundle"),
                            wanted: nil
                        )
                    ],
                    seen: 5000
                )
            }
        )
        fleet.refused = (0..<300).map { refusal(.malformed, ago: $0) }
        let views = views(fleet)
        let overview = try views.overview()
        #expect(overview["endpoints"]?.arrayValue?.count == 100)
        #expect(overview["attention"]?.arrayValue?.count == 20)
        #expect(overview["attentionCount"]?.integerValue == 600)
        #expect(overview["refusals"]?.arrayValue?.count == 100)
        let bundles = try views.bundles()
        #expect(bundles["bundles"]?.arrayValue?.count == 500 && bundles["total"]?.integerValue == 600)
    }

    // MARK: one device

    @Test func aDevicesPageHasAllOfIt() throws {
        let fleet = Self.fleet()
        let id = Fixture.id("c-rejects")
        fleet.happened = (1...150).map {
            EventRecord(id: Int64($0), received: Fixture.now, device: id, kind: "renewed", sentence: "a certificate")
        }
        fleet.lines = (1...90).map { number in
            LogLine(time: Fixture.ago(number), received: Fixture.now, severity: 9, body: "line \(number)")
        }
        let page = try #require(try views(fleet).device(id))
        #expect(page["id"]?.stringValue == "c-rejects")
        #expect(page["facts"]?["agent"]?.stringValue == "0.4.0")
        #expect(page["metadata"]?["timestampVersion"]?.integerValue == 8)
        #expect(page["sync"] == .null)
        #expect(page["lost"] == ["records": 0, "bytes": 0])
        #expect(page["moment"] == ["time": "2026-11-20T12:00:00Z", "clock": "trusted"])
        // Newest first.
        #expect(page["certificates"]?[0]?["fingerprint"]?.stringValue == SHA256.digest([2]).hex)
        #expect(page["events"]?.arrayValue?.count == 100)
        #expect(page["logs"]?.arrayValue?.count == 50)
        #expect(page["logs"]?[0] == ["time": "2026-11-20T11:59:59Z", "severity": 9, "body": "line 1"])
        #expect(try views(fleet).device(Fixture.id("nobody")) == nil)
        let unheard = try #require(try views(fleet).device(Fixture.id("e-unheard")))
        for name in ["facts", "metadata", "sync", "lost", "moment"] { #expect(unheard[name] == .null) }
        #expect(try views(fleet).status(of: id)?.converged.reason == "rejected")
        #expect(try views(fleet).status(of: Fixture.id("nobody")) == nil)
    }

    @Test func aDeviceIsComparedWithItsChannel() throws {
        let fleet = MadeUpFleet([
            Fixture.device("a") { $0.metadata?.timestampVersion = 7 },
            Fixture.device("b"),
            Fixture.device("c") { checkIn in
                checkIn.channel = .dev
                checkIn.metadata?.timestampVersion = 3
            },
            Fixture.device("d", membership: .revoked) { $0.metadata?.timestampVersion = 99 },
        ])
        let views = views(fleet)
        #expect(try views.status(of: Fixture.id("a"))?.converged.reason == "behind")
        #expect(try views.status(of: Fixture.id("b"))?.converged.reason == "converged")
        #expect(try views.status(of: Fixture.id("c"))?.converged.reason == "converged")
        #expect(try views.devices(try DeviceQuery([("converged", "behind")])).matching == 1)
    }

    @Test func numbersAreThinnedAndFinite() throws {
        let fleet = Self.fleet()
        let points = (0..<5000).map { MetricSeries.Point(Fixture.ago(5000 - $0), Double($0)) }
        fleet.numbers = [
            MetricSeries(
                name: "edge.ml.requests",
                unit: "1",
                attributes: ["edge.endpoint": "digits"],
                isCumulative: true,
                points: points + [.init(Fixture.now, .nan), .init(Fixture.now, .infinity)]
            )
        ]
        let id = Fixture.id("a-fine")
        let series = try #require(try views(fleet).metrics(of: id)?["series"]?[0])
        #expect(series["cumulative"] == true && series["unit"]?.stringValue == "1")
        let shown = try #require(series["points"]?.arrayValue)
        #expect(shown.count <= 2000 && shown.count > 1500)
        var hour = MetricsQuery()
        hour.hours = 1
        let last = try views(fleet).metrics(of: id, hour)?["series"]?[0]?["points"]?[0]?[0]?.integerValue
        #expect(try #require(last) >= Fixture.ago(3600).seconds)
        #expect(try views(fleet).metrics(of: Fixture.id("nobody")) == nil)
    }

    // MARK: events

    @Test func eventsAreTold() throws {
        let fleet = Self.fleet()
        var report = EventReport(
            boot: "0f3c",
            sequence: 4,
            moment: .init(Fixture.ago(60), isTrusted: false),
            endpoint: Fixture.endpoint("digits"),
            state: "Rollback",
            reason: "refused",
            detail: "it ended by itself once"
        )
        report.bundle = Fixture.bundle(3)
        report.serial = 3
        report.result = "failedRollbackComplete"
        report.log = "Traceback"
        fleet.happened = [
            EventRecord(
                id: 7,
                received: Fixture.now,
                device: Fixture.id("a-fine"),
                kind: "update",
                report: report,
                hasLog: true
            ),
            EventRecord(
                id: 8,
                received: Fixture.now,
                device: Fixture.id("b-waits"),
                kind: "revoked",
                sentence: "operator:ada revoked it: lost"
            ),
        ]
        let views = views(fleet)
        let events = try views.events(EventQuery())
        #expect(events["events"]?[0]?["sentence"]?.stringValue == "operator:ada revoked it: lost")
        #expect(events["events"]?[0]?["endpoint"] == nil)
        let update = try #require(events["events"]?[1])
        #expect(
            update["sentence"]?.stringValue
                == "digits: \(Fixture.bundle(3).title) came to Rollback; the update failed, "
                + "the box went back to what ran before: it ended by itself once"
        )
        #expect(update["log"] == nil && update["hasLog"] == true)
        #expect(update["clock"]?.stringValue == "floor")
        #expect(
            update.objectValue?.names == [
                "id", "received", "device", "kind", "sentence", "hasLog", "time", "clock", "endpoint", "state",
                "result", "reason", "detail", "serial", "bundle",
            ]
        )
        #expect(try views.event(7)?["log"]?.stringValue == "Traceback")
        #expect(try views.event(8)?["log"] == .null)
        #expect(try views.event(9) == nil)
        #expect(try views.events(try EventQuery([("device", "a-fine")]))["events"]?.arrayValue?.count == 1)
        report.result = nil
        report.detail = ""
        report.reason = "done"
        #expect(report.told == "digits: \(Fixture.bundle(3).title) came to Rollback")
    }

    // MARK: bundles

    @Test func bundlesAreCounted() throws {
        let views = views(Self.fleet())
        let bundles = try views.bundles()
        #expect(bundles["total"]?.integerValue == 2)
        let two = try #require(bundles["bundles"]?[0])
        #expect(two["version"]?.stringValue == "2")
        #expect(two["running"]?.integerValue == 4 && two["wanted"]?.integerValue == 3)
        #expect(two["refused"]?.integerValue == 0 && two["deviceCount"]?.integerValue == 5)
        #expect(two["endpoints"] == ["digits"])
        let three = try #require(try views.bundle(String(Fixture.bundle(3).digest.hex.prefix(8))))
        #expect(three["digest"]?.stringValue == Fixture.bundle(3).digest.hex)
        #expect(three["refused"]?.integerValue == 1)
        #expect(
            three["devices"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == ["c-rejects", "b-waits"]
        )
        #expect(
            three["refusals"] == [
                [
                    "device": "c-rejects", "endpoint": "digits", "result": "rejected", "sentence": "accuracy is 0.5",
                ]
            ]
        )
        #expect(try views.bundle(String(repeating: "0", count: 64)) == nil)
        for text in ["", "abc", "xyzxyz", "ABCDEF", String(repeating: "0", count: 65)] {
            #expect(throws: QueryProblem.self) { try views.bundle(text) }
        }
    }

    @Test func aBeginningOfTwoDigestsIsNotEnough() throws {
        var other = Fixture.bundle(3).digest.bytes
        other[31] ^= 1
        let twin = BundleReport(digest: try #require(SHA256Digest(bytes: other)))
        let views = views(
            MadeUpFleet([Fixture.device("a", [Fixture.report(running: Fixture.bundle(3), wanted: twin)])])
        )
        let error = #expect(throws: QueryProblem.self) { try views.bundle(String(twin.digest.hex.prefix(12))) }
        #expect(error?.hint == "give more of the digest")
        #expect(try views.bundle(twin.digest.hex)?["wanted"]?.integerValue == 1)
    }

    @Test func oneLiarDoesNotNameABundle() throws {
        var lie = Fixture.bundle(2)
        lie.name = "evil"
        let fleet = MadeUpFleet(
            [Fixture.device("a", [Fixture.report(running: lie, wanted: lie)])]
                + (0..<5).map { Fixture.device("b-\($0)") }
        )
        #expect(try views(fleet).bundles()["bundles"]?[0]?["name"]?.stringValue == "digits")
    }

    @Test func whereABundleRuns() throws {
        let views = views(Self.fleet())
        let two = try views.whereRunning("digits@2")
        // One that was revoked may run it still.
        #expect(
            two.places.map(\.device.text) == ["a-fine", "b-waits", "c-rejects", "d-silent", "g-revoked"]
        )
        #expect(two.total == 5 && two.bundles.map(\.version) == ["2"])
        #expect(two.places[3].reachable == .no && two.places[3].lastSeen == Fixture.ago(5000))
        #expect(two.json["places"]?[0]?["bundle"]?["name"]?.stringValue == "digits")
        #expect(try views.whereRunning("digits@3").total == 0)
        #expect(try views.whereRunning(String(Fixture.bundle(2).digest.hex.prefix(7))).total == 5)
        #expect(throws: QueryProblem.self) { try views.whereRunning("") }
    }

    // MARK: how fresh it is

    @Test func allDevicesAreReadAgainWhenSomethingChanged() throws {
        let fleet = Self.fleet()
        let views = views(fleet)
        _ = try views.overview()
        _ = try views.devices(DeviceQuery())
        _ = try views.bundles()
        #expect(fleet.reads == 1)
        fleet.dataVersion += 1
        fleet.records.removeLast()
        #expect(try views.devices(try DeviceQuery([("membership", "all")])).matching == 7)
        #expect(fleet.reads == 2)
        views.forget()
        _ = try views.overview()
        #expect(fleet.reads == 3)
    }

    @Test func whatTimeAloneChangesIsSeen() throws {
        final class Hands: @unchecked Sendable { var now = Fixture.now }
        let hands = Hands()
        let fleet = MadeUpFleet([Fixture.device("a", seen: 200)])
        let views = FleetViews(fleet, clock: { hands.now })
        #expect(try views.summary().reachable[.yes] == 1)
        hands.now = Fixture.now.advanced(by: .seconds(4))
        #expect(try views.summary().reachable[.yes] == 1)
        hands.now = Fixture.now.advanced(by: .seconds(11))
        #expect(try views.summary().reachable[.no] == 1)
        // Nothing was written, so nothing was read again.
        #expect(fleet.reads == 1)
    }
}
