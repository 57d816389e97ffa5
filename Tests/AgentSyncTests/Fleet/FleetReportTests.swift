import Crypto
import Deployment
import Diagnostics
import Digest
import EdgeAgent
import FileSystem
import FleetClient
import FleetProtocol
import Glibc
import HTTPServer
import JSON
import Synchronization
import Telemetry
import Testing
import WallClock

@testable import AgentSync

/// What waits in a box's spool, and a fleet that takes it, refuses it, or loses its words.
@Suite struct FleetReportTests {
    private struct Killed: Error {}

    private let place: TemporaryPlace
    private let layout: StoreLayout
    private let spool: BoxSpool

    init() throws {
        place = try TemporaryPlace()
        layout = StoreLayout("\(place.path)/box")
        spool = BoxSpool(layout)
    }

    /// Enrolled, and no more: reports need nothing else of a box.
    private func enrol(_ fleet: BoxFleet) throws {
        try SyncStore.makeFolder(layout.fleet)
        let device = try #require(DeviceID("press-7"))
        let (identity, reply) = try FleetEnrolment.enrol(fleet.token(), device: device, key: try .generate())
        try FileSystem.write(try identity.pemBytes(), to: layout.identity, mode: 0o600)
        let settings = FleetSettings(
            server: identity.server,
            device: device,
            authorities: identity.authorities,
            interval: reply.interval
        )
        try FileSystem.write(try settings.encoded(), to: layout.fleetSettings, mode: 0o600)
    }

    private func report(
        _ limits: FleetReport.Limits = FleetReport.Limits(),
        willWrite: @escaping (String) throws -> Void = { _ in }
    ) throws -> FleetReport.Result {
        try FleetReport.run(layout, limits: limits, options: FleetClientOptions(), willWrite: willWrite)
    }

    private func withBox<Value>(_ body: (BoxFleet) throws -> Value) throws -> Value {
        try withFleet { fleet in
            try enrol(fleet)
            return try body(fleet)
        }
    }

    // MARK: - What arrives

    @Test func allThatWaitsArrives() throws {
        try withBox { fleet in
            try spool.snapshot(agent: "old")
            let first = try spool.event("one")
            let second = try spool.event("two")
            let newest = try spool.snapshot(agent: "new")
            for index in 0..<5 {
                try spool.metrics("edge.m\(index)")
                try spool.log("line \(index)")
            }
            let result = try report()
            #expect(result.failure == nil)
            #expect(result.checkIns == 1 && result.events == 2 && result.left == 0)
            // The older picture is acknowledged with the newer one, and was not sent.
            #expect(result.records == 14)
            #expect(result.interval == 60)
            try fleet.state.withLock { state in
                let checkIn = try #require(state.checkIns.first)
                #expect(state.checkIns.count == 1)
                #expect(checkIn.sequence == newest && checkIn.facts.agent == "new" && checkIn.boot == BoxSpool.boot)
                #expect(checkIn.events.map(\.sequence) == [first, second])
                #expect(checkIn.events.map(\.boot) == [BoxSpool.boot, BoxSpool.boot])
                #expect(checkIn.events.map(\.detail) == ["one", "two"])
                // One request each, whose records are one message.
                #expect(state.metrics.count == 1 && state.logs.count == 1)
                #expect(try MetricsExport(protobuf: state.metrics[0]).pointCount == 5)
                #expect(try LogsExport(protobuf: state.logs[0]).recordCount == 5)
            }
            #expect(try spool.left() == [])
            let line = result.json
            #expect(line["outcome"]?.stringValue == "done" && line["labels"]?.stringValue == "same")
            #expect(line["left"]?.integerValue == 0 && line["interval"]?.integerValue == 60)
        }
    }

    @Test func nothingToSendIsNoTrouble() throws {
        try withBox { fleet in
            let result = try report()
            #expect(result.failure == nil && result.checkIns == 0 && result.bytes == 0)
            #expect(fleet.state.withLock { $0.asked.filter { $0.device != nil } }.isEmpty)
        }
    }

    @Test func anEventWaitsForAPicture() throws {
        try withBox { fleet in
            try spool.event("early")
            let first = try report()
            #expect(first.failure == nil && first.left == 1 && first.checkIns == 0)
            try spool.snapshot()
            let second = try report()
            #expect(second.events == 1 && second.left == 0)
        }
    }

    /// The newest first, then from the other end, and no run takes on more than it may.
    @Test func aRunIsBounded() throws {
        try withBox { fleet in
            try spool.snapshot()
            for index in 0..<40 { try spool.metrics("edge.metric.\(index)", points: 300) }
            var limits = FleetReport.Limits()
            limits.newestBytes = 20_000
            limits.backfillBytes = 10_000
            limits.requestBytes = 8_000
            let first = try report(limits)
            #expect(first.failure == nil && first.left > 0)
            let names = try fleet.state.withLock { state in
                try state.metrics.flatMap { bytes in
                    try MetricsExport(protobuf: bytes).resources.flatMap {
                        $0.scopes.flatMap { $0.metrics.map(\.name) }
                    }
                }
            }
            #expect(fleet.state.withLock { $0.metrics.allSatisfy { $0.count <= 8_000 } })
            #expect(names.first.map { $0 == "edge.metric.39" || $0 == "edge.metric.38" } == true)
            #expect(names.contains("edge.metric.0") && names.contains("edge.metric.39"))
            #expect(!names.contains("edge.metric.20"))
            var runs = 1
            while try report(limits).left > 0, runs < 50 { runs += 1 }
            #expect(try spool.left() == [])
            let points = try fleet.state.withLock { try $0.metrics.map { try MetricsExport(protobuf: $0).pointCount } }
            #expect(points.reduce(0, +) == 40 * 300)
        }
    }

    @Test func manyEventsWithLogsFitIntoTheirMessages() throws {
        try withBox { fleet in
            for index in 0..<60 { try spool.event("event \(index)", log: 15_000) }
            for index in 0..<700 { try spool.event("small \(index)") }
            try spool.snapshot(fill: 3000)
            var runs = 0
            while try report().left > 0, runs < 10 { runs += 1 }
            #expect(try spool.left() == [])
            fleet.state.withLock { state in
                #expect(state.events.count == 760 && state.events.values.allSatisfy { $0 == 1 })
                #expect(state.checkIns.allSatisfy { $0.events.count <= FleetLimits.events })
                #expect(state.checkIns.count > 3)
            }
        }
    }

    /// A box that was enrolled anew tells what it was called before by its new name.
    @Test func whatWasWrittenUnderAnotherNameIsSentUnderThisOne() throws {
        try withBox { fleet in
            try spool.snapshot(device: "an-older-name")
            #expect(try report().checkIns == 1)
            #expect(fleet.state.withLock { $0.checkIns.first?.device.text } == "press-7")
        }
    }

    // MARK: - What does not

    @Test func whatWasNotAcknowledgedComesAgain() throws {
        try withBox { fleet in
            try spool.snapshot()
            try spool.event("once")
            try spool.metrics("edge.m")
            fleet.answer { $0.path == "/v1/checkin" ? .lost : .usual }
            let lost = try report()
            #expect(lost.failure?.code == "foreign_answer" && lost.records == 0 && lost.left == 3)
            fleet.answer { $0.path == "/v1/metrics" ? .lost : .usual }
            #expect(try report().left == 1)
            fleet.answer { _ in .usual }
            #expect(try report().left == 0)
            // A fleet that has had it all knows it by boot and sequence.
            fleet.state.withLock { #expect($0.events == ["\(BoxSpool.boot)/2": 2]) }
        }
    }

    @Test func aReplayedReplyAcknowledgesNothing() throws {
        try withBox { fleet in
            try spool.snapshot()
            #expect(try report().left == 0)
            let old = CheckInReply(acknowledged: 1, interval: 60, labels: ["a": "b"], now: UTCTime(seconds: 0))
            let body = old.json.compactBytes()
            fleet.answer { _ in .instead(HTTPResponse(.ok, body: body)) }
            try spool.snapshot()
            let result = try report()
            #expect(result.failure?.code == "unreadable_answer" && result.left == 1 && !result.hasNewLabels)
            #expect(try FileSystem.status(of: layout.inboxLabels) == nil)
        }
    }

    @Test(arguments: [FleetProblem.Code.broken, .unavailable, .tooMany])
    func aServerInTroubleIsAskedLater(code: FleetProblem.Code) throws {
        try withBox { fleet in
            try spool.snapshot()
            try spool.metrics("edge.m")
            fleet.answer { _ in .problem(code, "not now", retryAfter: 17) }
            let result = try report()
            #expect(result.left == 2 && result.records == 0)
            #expect(result.json["outcome"]?.stringValue == "failed")
            #expect(result.json["circumstance"]?.stringValue == "network")
            #expect(result.json["retryAfter"]?.integerValue == 17)
            #expect(result.json["code"]?.stringValue == code.rawValue)
            #expect(fleet.state.withLock { $0.asked.filter { $0.device != nil }.count } == 1)
        }
    }

    @Test func aRevokedBoxSaysSoAndWaitsLong() throws {
        try withBox { fleet in
            try spool.snapshot()
            fleet.answer { _ in .problem(.deviceRevoked, "press-7 was revoked by anna: stolen") }
            let result = try report()
            #expect(result.json["outcome"]?.stringValue == "refused")
            #expect(result.json["sentence"]?.stringValue?.contains("stolen") == true)
            #expect(result.json["retryAfter"]?.integerValue == 3600)
            #expect(result.failure?.exitCode == .noPermission)
            #expect(result.left == 1)
        }
    }

    @Test func whatNoFleetTakesIsDropped() throws {
        try withBox { fleet in
            try spool.append(Array("{}".utf8), 1, .state)
            try spool.append(Array("no JSON".utf8), 2, .state)
            try spool.append([1, 2, 3], 9, .metrics)
            try spool.snapshot()
            for index in 0..<9 { try spool.metrics("edge.m\(index)") }
            try spool.append([0xff, 0xff, 0xff], 3, .metrics)
            for index in 9..<12 { try spool.metrics("edge.m\(index)") }
            try spool.append([0xff], 4, .logs)
            // This one looks at what it takes.
            fleet.answer { asked in
                let isGood =
                    switch asked.path {
                    case "/v1/metrics": (try? MetricsExport(protobuf: asked.body)) != nil
                    case "/v1/logs": (try? LogsExport(protobuf: asked.body)) != nil
                    default: true
                    }
                return isGood ? .usual : .problem(.malformed, "no telemetry")
            }
            let result = try report()
            #expect(result.failure == nil && result.left == 0)
            #expect(result.dropped == 5 && result.notices.count >= 3)
            let points = try fleet.state.withLock { try $0.metrics.map { try MetricsExport(protobuf: $0).pointCount } }
            #expect(points.reduce(0, +) == 12)
            #expect(fleet.state.withLock { $0.checkIns.count } == 1)
        }
    }

    @Test func anEventThatIsRefusedTakesNoOtherAlong() throws {
        try withBox { fleet in
            for index in 0..<7 { try spool.event(index == 4 ? "poison" : "good \(index)") }
            try spool.snapshot()
            fleet.answer { asked in
                guard let checkIn = try? CheckIn(asked.body) else { return .usual }
                return checkIn.events.contains { $0.detail == "poison" } ? .problem(.malformed, "poison") : .usual
            }
            let result = try report()
            #expect(result.failure == nil && result.dropped == 1 && result.left == 0)
            #expect(fleet.state.withLock { $0.events.count } == 6)
        }
    }

    @Test func aPictureThatIsRefusedIsDroppedAndItsEventsWait() throws {
        try withBox { fleet in
            try spool.snapshot(agent: "poison")
            try spool.event("good")
            fleet.answer { asked in
                (try? CheckIn(asked.body))?.facts.agent == "poison" ? .problem(.tooLarge, "too large") : .usual
            }
            let result = try report()
            #expect(result.failure == nil && result.dropped == 1 && result.left == 1)
            try spool.snapshot()
            #expect(try report().events == 1)
        }
    }

    @Test func whatTheFleetLeavesOutIsNotSentAgain() throws {
        try withBox { fleet in
            try spool.snapshot()
            try spool.metrics("edge.m")
            let response = ExportResponse(rejected: 3, problem: "more than 200 series").protobufBytes()
            fleet.answer { $0.path == "/v1/metrics" ? .instead(HTTPResponse(.ok, body: response)) : .usual }
            let result = try report()
            #expect(result.rejected == 3 && result.left == 0)
            #expect(result.notices.contains { $0.contains("200 series") })
        }
    }

    @Test func samplesAreNotTouched() throws {
        try withBox { fleet in
            try spool.append([1, 2, 3], 1, .samples)
            try spool.snapshot()
            let result = try report()
            #expect(result.left == 0 && result.dropped == 0)
            #expect(try spool.left().count == 1)
        }
    }

    // MARK: - What the fleet says

    @Test func labelsAndIntervalAreKept() throws {
        try withBox { fleet in
            fleet.state.withLock { state in
                state.labels = ["site": "hamburg", "local.owner": "fleet"]
                state.interval = 30
            }
            try spool.snapshot()
            #expect(try report().hasNewLabels)
            #expect(try FleetLabels.read(layout.inboxLabels) == FleetLabels(["site": "hamburg"]))
            #expect(try layout.readFleetSettings()?.interval == 30)
            try spool.snapshot()
            let again = try report()
            #expect(!again.hasNewLabels && again.json["labels"]?.stringValue == "same")
            fleet.state.withLock { $0.labels = [:] }
            try spool.snapshot()
            #expect(try report().hasNewLabels)
            #expect(try FleetLabels.read(layout.inboxLabels) == FleetLabels([:]))
        }
    }

    // MARK: - The certificate

    private func fingerprint() throws -> SHA256Digest {
        let settings = try #require(try layout.readFleetSettings())
        let identity = try FleetIdentity(
            server: settings.server,
            device: settings.device,
            authorities: settings.authorities,
            pem: try FileSystem.read(layout.identity, limit: 1 << 16)
        )
        return SHA256.digest(identity.certificate.derBytes)
    }

    /// Whether it is time is for the fleet's clock to say.
    @Test func aCertificateIsRenewedWhenTwoThirdsOfItsLifeAreOver() throws {
        try withBox { fleet in
            let old = try fingerprint()
            try spool.snapshot()
            fleet.state.withLock { $0.ahead = 19 * BoxFleet.day }
            #expect(try !report().isRenewed)
            fleet.state.withLock { $0.ahead = 21 * BoxFleet.day }
            try spool.snapshot()
            #expect(try report().isRenewed)
            let new = try fingerprint()
            #expect(new != old)
            fleet.state.withLock { $0.ahead = 0 }
            try spool.snapshot()
            #expect(try !report().isRenewed)
            #expect(fleet.state.withLock { $0.asked.last?.fingerprint } == new)
        }
    }

    @Test func aRenewalThatFailsIsNoReportThatFails() throws {
        try withBox { fleet in
            fleet.state.withLock { $0.ahead = 25 * BoxFleet.day }
            fleet.answer { $0.path == "/v1/renew" ? .problem(.broken, "no key at hand") : .usual }
            try spool.snapshot()
            let result = try report()
            #expect(result.failure == nil && !result.isRenewed)
            #expect(result.notices.contains { $0.contains("no key at hand") })
        }
    }

    /// A box that was switched off for longer than its certificate was good.
    @Test func anExpiredCertificateIsRenewedOnTheWay() throws {
        try withFleet { fleet in
            fleet.state.withLock { $0.lifetime = 1 }
            try enrol(fleet)
            let old = try fingerprint()
            sleep(3)
            fleet.state.withLock { $0.lifetime = 30 * BoxFleet.day }
            try spool.snapshot()
            try spool.event("long ago")
            let result = try report()
            #expect(result.failure == nil && result.isRenewed && result.events == 1)
            #expect(try fingerprint() != old)
        }
    }

    @Test func aServerThatRenewsForEverIsAskedOnce() throws {
        try withBox { fleet in
            fleet.answer { $0.path == "/v1/checkin" ? .problem(.certificateExpired) : .usual }
            try spool.snapshot()
            let result = try report()
            #expect(result.failure?.code == "certificate_expired" && result.isRenewed)
            #expect(fleet.state.withLock { $0.asked.filter { $0.path == "/v1/renew" }.count } == 1)
        }
    }

    /// Killed before any change to the disk, with the fleet's answer lost or not: what is there works.
    @Test(arguments: [false, true]) func whereverARenewalIsKilledTheIdentityWorks(isLost: Bool) throws {
        try withBox { fleet in
            fleet.state.withLock { state in
                state.ahead = 25 * BoxFleet.day
                state.interval = 45
                state.labels = ["a": "b"]
            }
            if isLost {
                fleet.answer { $0.path == "/v1/renew" ? .lost : .usual }
                try spool.snapshot()
                #expect(try !report().isRenewed)
                fleet.answer { _ in .usual }
            }
            var places = 0
            while true {
                var left = places
                try spool.snapshot()
                do {
                    _ = try report { path in
                        if left == 0 { throw Killed() }
                        left -= 1
                    }
                    break
                } catch is Killed { places += 1 }
                try spool.snapshot()
                fleet.state.withLock { $0.ahead = 0 }
                #expect(try report { _ in }.failure == nil)
                fleet.state.withLock { $0.ahead = 25 * BoxFleet.day }
            }
            #expect(places >= 1)
            try spool.snapshot()
            #expect(try report().failure == nil)
        }
    }

    @Test func whatAKilledProcessLeftIsRemoved() throws {
        try withBox { fleet in
            let left = "\(layout.fleet)/.identity.pem.abc.tmp"
            try FileSystem.write([1], to: left)
            _ = try report()
            #expect(try FileSystem.status(of: left) == nil)
        }
    }

    // MARK: - A box that is no member

    @Test func aBoxThatIsNotEnrolledIsToldHow() throws {
        #expect(throws: NotEnrolled.self) { try report() }
        #expect(NotEnrolled(store: "/x").hint?.contains("edgeagent enroll") == true)
    }

    @Test func aDamagedIdentityIsSaid() throws {
        try withBox { fleet in
            let pem = try FileSystem.read(layout.identity, limit: 1 << 16)
            for bytes in [[], Array(pem.prefix(300)), Array("nonsense".utf8)] {
                try FileSystem.write(bytes, to: layout.identity)
                #expect(throws: SyncFailure.self) { try report() }
            }
            try FileSystem.removeFile(layout.identity)
            #expect(throws: SyncFailure.self) { try report() }
        }
    }

    @Test func nobodyThereLosesNothing() throws {
        try withFleet { try enrol($0) }
        try spool.snapshot()
        try spool.event("kept")
        let result = try report()
        #expect(result.failure?.code == "network" && result.left == 2)
        #expect(result.json["outcome"]?.stringValue == "failed")
    }
}
