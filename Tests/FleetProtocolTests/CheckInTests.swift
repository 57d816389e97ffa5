import Deployment
import Digest
import FleetProtocol
import JSON
import Testing
import WallClock

@Suite struct CheckInTests {
    static func full() throws -> CheckIn {
        let time = try #require(UTCTime("2026-11-20T12:00:00Z"))
        var checkIn = CheckIn(
            device: try #require(DeviceID("line-3")),
            boot: "0f3c",
            sequence: 12,
            moment: .init(time, isTrusted: false),
            facts: .init(agent: "0.4.0", machine: "x86_64", kernel: "6.18", system: "Debian", processors: 2)
        )
        let bundle = BundleReport(digest: SHA256.digest([1]), name: "digits", version: "2", serial: 3)
        let endpoint = try #require(EndpointName("digits"))
        var report = EndpointReport(name: endpoint, listen: "127.0.0.1:8080", state: "Idle")
        report.running = bundle
        report.wanted = BundleReport(digest: SHA256.digest([2]))
        report.result = "rejected"
        report.sentence = "<b>\"quoted\"</b>'; DROP TABLE devices"
        report.counters = .init(requests: 5, errors: 1, restarts: 0, p50Microseconds: 80, p99Microseconds: 900)
        checkIn.endpoints = [report]
        var event = EventReport(
            boot: "0f3c",
            sequence: 11,
            moment: .init(time, isTrusted: true),
            endpoint: endpoint,
            state: "Rollback",
            reason: "refused"
        )
        event.bundle = bundle
        event.log = "Traceback\n"
        checkIn.events = [event]
        checkIn.labels = ["site": "oslo"]
        checkIn.channel = .prod
        checkIn.metadata = .init(timestampVersion: 8, verified: time, source: "repository")
        checkIn.sync = .init(waitingFor: "network", sentence: "no route", since: time)
        checkIn.lost = .init(records: 3, bytes: 400)
        return checkIn
    }

    @Test func aCheckInIsReadAsItWasWritten() throws {
        let checkIn = try Self.full()
        #expect(try CheckIn(checkIn.json.compactBytes()) == checkIn)
    }

    @Test func whatANewerBoxAddsIsLeftAlone() throws {
        let checkIn = try Self.full()
        guard case .object(var object) = checkIn.json else { return }
        object["mood"] = "good"
        #expect(try CheckIn(JSONValue.object(object).compactBytes()) == checkIn)
    }

    @Test(arguments: [
        "schema", "device", "boot", "sequence", "time", "clock", "facts", "interval", "endpoints", "lost",
    ])
    func whatIsMissingIsNamed(_ member: String) throws {
        guard case .object(let object) = try Self.full().json else { return }
        let cut = JSONObject(object.members.filter { $0.name != member }.map { ($0.name, $0.value) })
        let problem = #expect(throws: JSONError.self) { try CheckIn(JSONValue.object(cut).compactBytes()) }
        #expect(problem?.message.contains(member) == true)
    }

    @Test func limitsHold() throws {
        var checkIn = try Self.full()
        checkIn.endpoints.append(checkIn.endpoints[0])
        #expect(throws: JSONError.self) { try CheckIn(checkIn.json.compactBytes()) }
        checkIn = try Self.full()
        checkIn.events[0].log = String(repeating: "a", count: FleetLimits.logBytes + 1)
        #expect(throws: JSONError.self) { try CheckIn(checkIn.json.compactBytes()) }
        checkIn = try Self.full()
        checkIn.endpoints[0].sentence = String(repeating: "a", count: FleetLimits.sentenceBytes + 1)
        #expect(throws: JSONError.self) { try CheckIn(checkIn.json.compactBytes()) }
    }

    @Test func repliesAndEnrolmentsAreReadAsTheyWereWritten() throws {
        let time = try #require(UTCTime("2026-11-20T12:00:00Z"))
        let reply = CheckInReply(acknowledged: 12, interval: 60, labels: ["site": "oslo"], now: time)
        #expect(try CheckInReply(reply.json.compactBytes()) == reply)
        let device = try #require(DeviceID("line-3"))
        let enrolment = EnrolmentReply(
            certificate: IssuedCertificate(certificate: "c", authorities: "a"),
            device: device,
            channel: .prod,
            repository: "https://r",
            root: "{}",
            labels: ["a": "b"]
        )
        #expect(try EnrolmentReply(enrolment.json.compactBytes()) == enrolment)
        let request = EnrolmentRequest(device: device, certificateRequest: "r")
        #expect(try EnrolmentRequest(request.json.compactBytes()) == request)
    }

    @Test(arguments: FleetProblem.Code.allCases)
    func problemsAreReadAsTheyWereWritten(_ code: FleetProblem.Code) {
        let problem = FleetProblem(code, "why", hint: "do")
        #expect(FleetProblem(problem.json.compactBytes()) == problem)
        #expect((400..<600).contains(code.status))
    }

    @Test func aTokenIsOneWordAndReadAsItWasWritten() throws {
        let token = EnrolmentToken(
            server: "https://127.0.0.1:7443",
            authority: SHA256.digest([1]),
            root: SHA256.digest([2]),
            secret: SHA256.digest([3]).hex
        )
        #expect(try EnrolmentToken(token.text) == token)
        #expect(!token.text.contains(" "))
        for wrong in ["", "edge2,", String(token.text.dropLast()), token.text + "0", "edge1,http://x,a,b,c"] {
            let problem = #expect(throws: EnrolmentTokenError.self) { try EnrolmentToken(wrong) }
            #expect(problem?.message.contains(token.secret) == false)
        }
    }
}
