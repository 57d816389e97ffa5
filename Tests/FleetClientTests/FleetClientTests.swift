import Crypto
import Deployment
import Diagnostics
import Digest
import FleetProtocol
import Glibc
import HTTPClient
import HTTPServer
import JSON
import Telemetry
import Testing
import WallClock

@testable import FleetClient

/// A box's side of the protocol against a server with TLS, and against servers that fail.
@Suite struct FleetClientTests {
    private func withFleet<Value>(
        made: Int64 = 0,
        name: String = "127.0.0.1",
        lifetime: Int64 = 90 * SmallFleet.day,
        _ body: (SmallFleet) throws -> Value
    ) throws -> Value {
        let fleet = try SmallFleet(made: made, name: name, lifetime: lifetime)
        defer { fleet.stop() }
        return try body(fleet)
    }

    private static var device: DeviceID {
        get throws { try #require(DeviceID("press-7")) }
    }

    private func enrol(
        _ fleet: SmallFleet,
        _ token: EnrolmentToken? = nil,
        key: PrivateKey? = nil
    ) throws -> FleetIdentity {
        try FleetEnrolment.enrol(token ?? fleet.token, device: try Self.device, key: try key ?? .generate()).identity
    }

    private func connection(_ identity: FleetIdentity, timeout: Duration = .seconds(20)) throws -> FleetConnection {
        var options = FleetClientOptions()
        options.timeout = timeout
        return try FleetConnection(identity, options: options)
    }

    private func checkIn(_ sequence: Int = 7) throws -> CheckIn {
        CheckIn(
            device: try Self.device,
            boot: "2f1c8a52-6c1f-4a09-8a41-0d7c3a7e9b11",
            sequence: sequence,
            moment: .init(UTCTime(seconds: 1_800_000_000), isTrusted: true),
            facts: .init(agent: "0.1")
        )
    }

    private func problem(_ body: () throws -> Void) -> FleetClientError? {
        do { try body() } catch let error as FleetClientError { return error } catch { Issue.record(error) }
        return nil
    }

    // MARK: - Enrolling

    @Test func aBoxEnrolsAndIsKnown() throws {
        try withFleet { fleet in
            let key = try PrivateKey.generate()
            let (identity, reply) = try FleetEnrolment.enrol(fleet.token, device: try Self.device, key: key)
            #expect(reply.labels == ["site": "hamburg"])
            #expect(identity.server == fleet.url)
            #expect(try identity.certificate.publicKey == key.publicKey)
            // Nothing but the address of the authority is asked of a server that nobody has vouched for yet.
            #expect(fleet.asked.map(\.path) == ["/v1/authority", "/v1/enrol"])
            #expect(fleet.asked[0].token == nil && fleet.asked[0].body.isEmpty)
            let connection = try connection(identity)
            #expect(try connection.checkIn(try checkIn()).interval == 30)
            #expect(fleet.asked.last?.device == "press-7")
        }
    }

    @Test func theSecretIsShownToTheTokensAuthorityOnly() throws {
        try withFleet { fleet in
            var token = fleet.token
            token.authority = SHA256.digest([1])
            let error = problem { _ = try enrol(fleet, token) }
            #expect(
                error
                    == .otherAuthority(
                        server: fleet.url,
                        expected: SHA256.digest([1]),
                        found: SHA256.digest(fleet.authority.certificate.derBytes)
                    )
            )
            #expect(fleet.asked.map(\.path) == ["/v1/authority"])
        }
    }

    /// Who gives out the right authority's certificate needs its key as well.
    @Test func whoBorrowsAnAuthorityIsNotBelieved() throws {
        try withFleet { fleet in
            try withFleet { thief in
                let borrowed = fleet.authority.certificate.pemBytes
                thief.answer { asked in
                    asked.path == "/v1/authority" ? .response(HTTPResponse(.ok, body: borrowed)) : .usual
                }
                var token = fleet.token
                token.server = thief.url
                let error = problem { _ = try enrol(fleet, token) }
                #expect(error == .untrusted(server: thief.url, cause: .otherAuthority))
                #expect(thief.asked.map(\.path) == ["/v1/authority"])
            }
        }
    }

    @Test func aClockBeforeTheAuthorityIsSaid() throws {
        try withFleet(made: 3650 * SmallFleet.day) { fleet in
            let error = problem { _ = try enrol(fleet) }
            guard case .untrusted(_, .notYetValid)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(error?.message.contains("clock says 20") == true)
            #expect(error?.hint?.contains("clock") == true)
            #expect(fleet.asked.map(\.path) == ["/v1/authority"])
        }
    }

    @Test func aServersCertificateOfAnotherTimeOrNameIsSaid() throws {
        try withFleet(made: -100 * SmallFleet.day, lifetime: SmallFleet.day) { fleet in
            guard case .untrusted(_, .expired)? = problem({ _ = try enrol(fleet) }) else {
                Issue.record("an expired server was believed")
                return
            }
        }
        try withFleet(name: "other.example") { fleet in
            #expect(problem { _ = try enrol(fleet) } == .untrusted(server: fleet.url, cause: .otherName))
        }
    }

    @Test(arguments: [FleetProblem.Code.tokenUnknown, .tokenExpired, .tokenUsedUp, .tokenRevoked, .deviceTaken])
    func whatTheFleetSaysIsSaid(code: FleetProblem.Code) throws {
        try withFleet { fleet in
            fleet.answer { $0.path == "/v1/enrol" ? .problem(code) : .usual }
            let error = problem { _ = try enrol(fleet) }
            #expect(
                error == .refused(FleetProblem(code, "because of \(code.rawValue)", hint: "do so"), retryAfter: nil)
            )
            #expect(error?.message.contains("because of") == true)
            #expect(error?.hint == "do so")
            #expect(error?.needsSomebody == true)
            #expect(error?.code == code.rawValue)
        }
    }

    /// What an answer to an enrolment must be, each wrong in one way.
    @Test(arguments: ["device", "key", "name", "authorities", "cut", "nonsense", "leaf", "stranger"])
    func aWrongReplyMakesNoIdentity(fault: String) throws {
        let other = try SmallFleet()
        defer { other.stop() }
        try withFleet { fleet in
            fleet.answer { asked in
                guard asked.path == "/v1/enrol", let request = try? EnrolmentRequest(asked.body) else { return .usual }
                do {
                    let anotherKey = try CertificateRequest.make(key: .generate()).pemBytes
                    var issued = try fleet.certificate(request.certificateRequest, "press-7")
                    var device = request.device
                    switch fault {
                    case "device": device = DeviceID("press-8") ?? device
                    case "key": issued = try fleet.certificate(String(decoding: anotherKey, as: UTF8.self), "press-7")
                    case "name": issued = try fleet.certificate(request.certificateRequest, "press-8")
                    case "authorities": issued.authorities = "none"
                    case "leaf": issued.authorities = issued.certificate
                    case "stranger":
                        issued.certificate = try other.certificate(request.certificateRequest, "press-7").certificate
                    default: break
                    }
                    var body = EnrolmentReply(certificate: issued, device: device).json.compactBytes()
                    if fault == "cut" { body.removeLast(20) }
                    if fault == "nonsense" { body = Array("<html>".utf8) }
                    return .response(HTTPResponse(.ok, body: body))
                } catch { return .silence }
            }
            guard case .unreadable? = problem({ _ = try enrol(fleet) }) else {
                Issue.record("\(fault) was taken")
                return
            }
        }
    }

    @Test func aDeviceOfTooLongANameIsSaidBeforeAnybodyIsAsked() throws {
        try withFleet { fleet in
            let device = try #require(DeviceID(String(repeating: "a", count: 65)))
            let error = problem { _ = try FleetEnrolment.enrol(fleet.token, device: device, key: .generate()) }
            #expect(error?.message.contains("65 bytes") == true)
            #expect(fleet.asked.isEmpty)
        }
    }

    // MARK: - An identity as it is stored

    @Test func anIdentityIsReadAsItWasWritten() throws {
        try withFleet { fleet in
            let identity = try enrol(fleet)
            let pem = try identity.pemBytes()
            func read(_ pem: [UInt8], device: String = "press-7") throws -> FleetIdentity {
                try FleetIdentity(
                    server: identity.server,
                    device: try #require(DeviceID(device)),
                    authorities: identity.authorities,
                    pem: pem
                )
            }
            let again = try read(pem)
            #expect(again.certificate.derBytes == identity.certificate.derBytes)
            #expect(try again.privateKey.publicKey == identity.privateKey.publicKey)
            #expect(again.renewalTime < again.expiry)
            #expect(try connection(again).checkIn(try checkIn()).acknowledged == 7)
            #expect(throws: FleetClientError.self) { try read(pem, device: "press-8") }
            for count in stride(from: 0, to: pem.count - 2, by: 37) {
                #expect(throws: FleetClientError.self) { try read(Array(pem.prefix(count))) }
            }
            let another = try enrol(fleet)
            let mixed = try another.privateKey.pemBytes() + identity.certificate.pemBytes
            #expect(throws: FleetClientError.self) { try read(mixed) }
        }
    }

    // MARK: - Reporting

    @Test func telemetryTravelsPacked() throws {
        try withFleet { fleet in
            let connection = try connection(try enrol(fleet))
            let bytes = MetricsExport([
                ResourceMetrics(
                    attributes: [],
                    scopes: [
                        ScopeMetrics(
                            metrics: (0..<100).map { index in
                                Metric("edge.m\(index)", .gauge([NumberPoint(PointLabels(time: 1), .integer(2))]))
                            }
                        )
                    ]
                )
            ]).protobufBytes()
            #expect(try connection.send(metrics: bytes).isFullSuccess)
            #expect(fleet.asked.last?.body == bytes)
            #expect(fleet.asked.last?.wasPacked == true)
            #expect(fleet.asked.last?.type == "application/x-protobuf")
            #expect((1..<bytes.count).contains(connection.sentBytes))
            fleet.answer { _ in
                .response(HTTPResponse(.ok, body: ExportResponse(rejected: 3, problem: "too many").protobufBytes()))
            }
            #expect(try connection.send(logs: bytes) == ExportResponse(rejected: 3, problem: "too many"))
            #expect(fleet.asked.last?.path == "/v1/logs")
        }
    }

    @Test func aRenewalIsOfAnotherKey() throws {
        try withFleet { fleet in
            let identity = try enrol(fleet)
            let renewed = try connection(identity).renew()
            #expect(try renewed.privateKey.publicKey != identity.privateKey.publicKey)
            #expect(try connection(renewed).checkIn(try checkIn()).acknowledged == 7)
            #expect(try connection(identity).checkIn(try checkIn()).acknowledged == 7)
        }
    }

    @Test func anExpiredCertificateCanBeRenewed() throws {
        try withFleet { fleet in
            let key = try PrivateKey.generate()
            let request = String(decoding: try CertificateRequest.make(key: key).pemBytes, as: UTF8.self)
            // The authority is as young as the test: its certificates begin with it.
            let issued = try fleet.certificate(request, "press-7", lifetime: 1)
            while Int64(time(nil))
                <= (try Certificate.parse(pem: Array(issued.certificate.utf8), source: "c"))[0].notAfter
            {
                usleep(100_000)
            }
            let old = try FleetIdentity(
                server: fleet.url,
                device: try Self.device,
                authorities: issued.authorities,
                pem: try key.pemBytes() + Array(issued.certificate.utf8)
            )
            #expect(old.expiry < UTCTime(seconds: Int64(time(nil))))
            let renewed = try connection(old).renew()
            #expect(fleet.asked.last?.isExpired == true)
            #expect(renewed.expiry > UTCTime(seconds: Int64(time(nil))))
        }
    }

    @Test func whoIsNotOfTheFleetIsToldSo() throws {
        try withFleet { fleet in
            try withFleet { other in
                let stranger = try enrol(other)
                let lost = try FleetIdentity(
                    server: fleet.url,
                    device: stranger.device,
                    authorities: stranger.authorities
                        + String(decoding: fleet.authority.certificate.pemBytes, as: UTF8.self),
                    pem: try stranger.pemBytes()
                )
                let error = problem { _ = try connection(lost).checkIn(try checkIn()) }
                #expect(error == .unrecognized(server: fleet.url, problem: .unknownAuthority))
                #expect(error?.hint?.contains("enrol") == true)
                let moved = try FleetIdentity(
                    server: fleet.url,
                    device: stranger.device,
                    authorities: stranger.authorities,
                    pem: try stranger.pemBytes()
                )
                #expect(
                    problem { _ = try connection(moved).checkIn(try checkIn()) }
                        == .untrusted(server: fleet.url, cause: .otherAuthority)
                )
            }
        }
    }

    // MARK: - Servers that fail

    @Test func whatIsToldOfLaterIsCarried() throws {
        try withFleet { fleet in
            let connection = try connection(try enrol(fleet))
            fleet.answer { _ in .problem(.tooMany, headers: [HTTPHeader("Retry-After", "17")]) }
            let busy = problem { _ = try connection.checkIn(try checkIn()) }
            #expect(busy?.retryAfter == .seconds(17))
            #expect(busy?.needsSomebody == false)
            fleet.answer { _ in
                .response(.text(.serviceUnavailable, "<h1>down</h1>", headers: [HTTPHeader("Retry-After", "5")]))
            }
            let foreign = problem { _ = try connection.checkIn(try checkIn()) }
            #expect(foreign == .foreign(url: "\(fleet.url)/v1/checkin", status: 503, retryAfter: .seconds(5)))
        }
    }

    @Test func aReplyToAnotherCheckInIsNone() throws {
        try withFleet { fleet in
            let connection = try connection(try enrol(fleet))
            let old = CheckInReply(acknowledged: 6, interval: 60, labels: [:], now: UTCTime(seconds: 0))
            for body in [old.json.compactBytes(), [], Array("{}".utf8), Array(repeating: 0x20, count: 70_000)] {
                fleet.answer { _ in .response(HTTPResponse(.ok, body: body)) }
                guard case .unreadable? = problem({ _ = try connection.checkIn(try checkIn()) }) else {
                    Issue.record("taken: \(body.prefix(50))")
                    return
                }
            }
        }
    }

    @Test func whatTheFleetSaysIsOneLine() throws {
        try withFleet { fleet in
            let connection = try connection(try enrol(fleet))
            fleet.answer { _ in
                let problem = FleetProblem(.broken, "no\nsyncing: done\u{1B}[2J", hint: "a\rb")
                return .response(HTTPResponse(.internalServerError, body: problem.json.compactBytes()))
            }
            let problem = problem { _ = try connection.checkIn(try checkIn()) }
            #expect(problem?.message == "the fleet refuses: no\\nsyncing: done\\u{1B}[2J")
            #expect(problem?.hint == "a\\u{D}b")
        }
    }

    @Test func aLongWordOfTheFleetIsCut() throws {
        try withFleet { fleet in
            let connection = try connection(try enrol(fleet))
            fleet.answer { _ in
                let problem = FleetProblem(.broken, String(repeating: "x", count: 50_000))
                return .response(HTTPResponse(.internalServerError, body: problem.json.compactBytes()))
            }
            #expect(problem { _ = try connection.checkIn(try checkIn()) }?.message.utf8.count ?? 0 < 2000)
        }
    }

    @Test func silenceEnds() throws {
        try withFleet { fleet in
            let connection = try connection(try enrol(fleet), timeout: .milliseconds(300))
            fleet.answer { _ in .silence }
            guard case .network? = problem({ _ = try connection.checkIn(try checkIn()) }) else {
                Issue.record("silence is an answer")
                return
            }
        }
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"acknow", "no HTTP at all\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}",
        "HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.invalid/\r\n\r\n",
        "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n",
    ])
    func brokenAnswersAreNoAcknowledgement(answer: String) throws {
        try withFleet { fleet in
            let identity = try enrol(fleet)
            let server = ScriptedServer { _ in Array(answer.utf8) }
            try server.with("") { url in
                let plain = try FleetIdentity(
                    server: url,
                    device: identity.device,
                    authorities: identity.authorities,
                    pem: try identity.pemBytes()
                )
                #expect(problem { _ = try connection(plain).checkIn(try checkIn()) } != nil)
                #expect(problem { _ = try connection(plain).renew() } != nil)
            }
        }
    }

    @Test func nobodyThereIsNoTrouble() throws {
        let identity = try withFleet { try enrol($0) }
        let error = problem { _ = try connection(identity).checkIn(try checkIn()) }
        guard case .network? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.needsSomebody == false)
        #expect(error?.exitCode == .tryAgain)
    }
}
