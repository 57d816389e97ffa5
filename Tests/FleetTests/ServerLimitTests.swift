import Crypto
import Deployment
import Digest
import FileSystem
import FleetProtocol
import Glibc
import Gzip
import HTTPClient
import JSON
import Telemetry
import Testing
import UnixSockets
import WallClock

@testable import Fleet

/// What is not taken, and that nothing else suffers from it.
@Suite struct ServerLimitTests {
    @Test func bodiesThatAreNoneAreRefused() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let whole = try box.checkIn(3).json.compactBytes()
        let client = try fleet.client(as: box)
        let send = { (body: [UInt8]) in try fleet.send("/v1/checkin", body, over: client) }

        for (name, body) in [
            ("nothing", []), ("no JSON", Array("<html>".utf8)), ("truncated", Array(whole.dropLast(9))),
            ("two", whole + whole), ("another schema", Array("{\"schema\":99}".utf8)),
            ("NUL", [0, 0, 0]), ("no UTF-8", Array("{\"a\":\"".utf8) + [0xff, 0xfe] + Array("\"}".utf8)),
            ("deeply nested", [UInt8](repeating: UInt8(ascii: "["), count: 400_000)),
            ("many values", Array(("[" + String(repeating: "0,", count: 200_000) + "0]").utf8)),
            ("a huge number", Array("{\"schema\":1e999999999}".utf8)),
        ] {
            let answer = try send(body)
            #expect(answer.status == 400, "\(name)")
            #expect(answer.code == .malformed, "\(name)")
        }
        // The connection and the server have come through all of it.
        #expect(try send(whole).status == 200)
    }

    @Test func everyFieldHasALimit() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let whole = try box.checkIn(3).json
        func changed(_ name: String, _ value: JSONValue) -> [UInt8] {
            guard case .object(var object) = whole else { return [] }
            object[name] = value
            return JSONValue.object(object).compactBytes()
        }
        let client = try fleet.client(as: box)
        for (name, value) in [
            ("device", JSONValue.string(String(repeating: "x", count: 65))), ("sequence", -1),
            ("sequence", .number(JSONNumber(Int.max))), ("interval", 0), ("interval", 86_401), ("time", "yesterday"),
            ("clock", "wrong"), ("boot", .string(String(repeating: "x", count: 65))),
            ("labels", ["<script>": "x"]), ("endpoints", .array(Array(repeating: .null, count: 65))),
            ("events", .array(Array(repeating: .null, count: 501))), ("facts", .null),
        ] {
            let answer = try fleet.send("/v1/checkin", changed(name, value), over: client)
            #expect(answer.code == .malformed, "\(name) \(value)")
        }
        #expect(try fleet.store.device(StoreFixture.device("box-1"))?.report == nil)
    }

    @Test func longBodiesAreRefusedPackedAndUnpacked() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let blanks = { (count: Int) in [UInt8](repeating: UInt8(ascii: " "), count: count) }
        let plain = try fleet.send("/v1/checkin", blanks(FleetLimits.checkInBytes + 1), as: box)
        #expect(plain.status == 413)
        #expect(plain.code == .tooLarge)
        let bomb = Gzip.compress(blanks(64 << 20))
        #expect(bomb.count < 100_000)
        let packed = [(name: "Content-Encoding", value: "gzip")]
        for path in ["/v1/checkin", "/v1/metrics", "/v1/logs"] {
            let answer = try fleet.send(path, bomb, as: box, headers: packed)
            #expect(answer.code == .tooLarge, "\(path)")
        }
        let cut = Array(Gzip.compress(try box.checkIn(1).json.compactBytes()).dropLast(5))
        let damaged = try fleet.send("/v1/checkin", cut, as: box, headers: packed)
        #expect(damaged.code == .malformed)
        #expect(try fleet.send("/v1/checkin", Array("text".utf8), as: box, headers: packed).code == .malformed)
        let good = Gzip.compress(try box.checkIn(1).json.compactBytes())
        #expect(try fleet.send("/v1/checkin", good, as: box, headers: packed).status == 200)
    }

    @Test func onlyKnownTypesAndCodingsAreTaken() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let body = try box.checkIn().json.compactBytes()
        for type in [nil, "text/plain", "application/x-protobuf", "application/json2", ""] {
            let answer = try fleet.send("/v1/checkin", body, as: box, type: type)
            #expect(answer.status == 415, "\(type ?? "none")")
            #expect(answer.code == .unsupportedType, "\(type ?? "none")")
        }
        for coding in ["br", "gzip, gzip", "deflate"] {
            let headers = [(name: "Content-Encoding", value: coding)]
            #expect(try fleet.send("/v1/checkin", body, as: box, headers: headers).code == .unsupportedType)
        }
        #expect(try fleet.send("/v1/checkin", body, as: box, type: "Application/JSON; charset=utf-8").status == 200)
    }

    @Test func otherPathsAndMethodsSaySo() throws {
        let fleet = try ServerFixture()
        #expect(try fleet.send("/", [], method: .get, type: nil).code == .notFound)
        #expect(try fleet.send("/v1/checkin/", []).code == .notFound)
        #expect(try fleet.send("/v1/%63heckin", []).code == .certificateMissing)
        #expect(try fleet.send("/v1/checkin", [], method: .get, type: nil).code == .methodNotAllowed)
        #expect(try fleet.send("/v1/authority", []).code == .methodNotAllowed)
        #expect(try fleet.send("/v1/authority", [], method: .delete).status == 405)
    }

    @Test func whoAsksTooOftenWaits() throws {
        let fleet = try ServerFixture {
            $0.rates.device = (burst: 3, perSecond: 0.001)
            $0.rates.address = (burst: 4, perSecond: 0.001)
        }
        let box = try fleet.box("box-1")
        let other = try fleet.box("box-2")
        for sequence in 1...3 {
            #expect(try fleet.send("/v1/checkin", box.checkIn(sequence).json.compactBytes(), as: box).status == 200)
        }
        let answer = try fleet.send("/v1/checkin", box.checkIn(4).json.compactBytes(), as: box)
        #expect(answer.status == 429)
        #expect(answer.code == .tooMany)
        #expect((answer.retryAfter ?? .zero) > .seconds(60))
        #expect(try fleet.send("/v1/checkin", other.checkIn(1).json.compactBytes(), as: other).status == 200)
        // Two enrolments are left of four.
        let secret = try fleet.token()
        let codes = try (0..<3).map { try fleet.enrol("box-\($0 + 3)", key: .generate(), secret: secret).status }
        #expect(codes == [200, 200, 429])
    }

    @Test func hostileTextIsKeptAsTextAndHarmsNobody() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let texts = [
            "<script>alert(1)</script>", "'; DROP TABLE devices; --", "\u{1B}[31mred\u{7}", "\u{202E}evil", "%00%0a",
            "a\0b", String(repeating: "\u{1F600}", count: 60),
        ]
        for (index, text) in texts.enumerated() {
            var checkIn = try box.checkIn(index + 1)
            checkIn.facts.system = text
            checkIn.facts.machine = text
            var endpoint = EndpointReport(
                name: try #require(EndpointName("main")),
                listen: text,
                state: text
            )
            endpoint.sentence = text
            endpoint.result = text
            endpoint.running = BundleReport(digest: SHA256.digest(text.utf8), name: text, version: text)
            checkIn.endpoints = [endpoint]
            let answer = try fleet.send("/v1/checkin", checkIn.json.compactBytes(), as: box)
            #expect(answer.status == 200, "\(text.debugDescription): \(answer.text)")
            let shown = try fleet.look("/api/devices/box-1")
            #expect(shown.status == 200)
            #expect(shown.json?["facts"]?["system"]?.stringValue == text)
        }
        #expect(try fleet.store.devices().count == 1)
        let query = "/api/devices?q=%27%3B%20DROP%20TABLE%20devices%3B%20--"
        #expect(try fleet.look(query).status == 200)
        #expect(try fleet.look("/api/devices/%27%20OR%201%3D1").status == 404)
        let refusal = try fleet.send("/v1/checkin", Array("\u{1B}[31m<b>".utf8), as: box)
        #expect(refusal.code == .malformed)
        #expect(fleet.lines.all.allSatisfy { !$0.contains("\u{1B}") && !$0.contains("\u{202E}") })
    }

    @Test func aClientThatDripsIsCutOffAndKeepsNobodyWaiting() throws {
        let fleet = try ServerFixture { $0.requestDeadline = .seconds(2) }
        let box = try fleet.box()
        try fleet.write(box, as: "box")
        guard case .tcp(_, let port) = fleet.server.deviceAddress else { return }
        // A head without an end, and a body that never comes.
        let head =
            "POST /v1/checkin HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: application/json\\r\\nContent-Length: 400\\r\\n"
        let drip = try fleet.shell(
            """
            for i in 1 2 3 4; do
            (printf '\(head)\\r\\n{'; for s in 1 2 3 4 5 6 7 8 9 10; do sleep 1; printf ' '; done) | \
            timeout 20 openssl s_client -quiet -connect 127.0.0.1:\(port) -cert box.pem -key box.key >/dev/null 2>&1 &
            done
            sleep 0.5
            curl -sS -m 5 -o /dev/null -w '%{http_code} ' --cacert ca.pem \(fleet.url)/v1/authority
            wait
            """
        )
        #expect(drip.text.hasPrefix("200 "))
        #expect(try fleet.send("/v1/checkin", box.checkIn(1).json.compactBytes(), as: box).status == 200)
    }

    // MARK: Pure parts

    @Test func bucketsFillAgain() {
        var limiter = RateLimiter<String>(burst: 2, perSecond: 0.5)
        #expect(limiter.take("a", at: 0) == nil)
        #expect(limiter.take("a", at: 0) == nil)
        #expect(limiter.take("a", at: 0) == 2)
        #expect(limiter.take("b", at: 0) == nil)
        #expect(limiter.take("a", at: 1) == 1)
        #expect(limiter.take("a", at: 2.5) == nil)
        #expect(limiter.take("a", at: 2.5) != nil)
        // A clock that runs backward takes nothing away.
        #expect(limiter.take("a", at: -1000) != nil)
    }

    @Test func bucketsAreBounded() {
        var limiter = RateLimiter<Int>(burst: 1, perSecond: 1, keyLimit: 100)
        for key in 0..<10_000 { #expect(limiter.take(key, at: 0) == nil) }
        #expect(limiter.count <= 100)
    }

    @Test(arguments: [
        ("https://fleet.example", "fleet.example"), ("https://fleet.example:7443", "fleet.example"),
        ("https://[::1]:7443", "::1"), ("https://10.0.0.1:1", "10.0.0.1"), ("https://[fe80::1]", "fe80::1"),
    ])
    func urlsNameHosts(url: String, host: String) throws { #expect(try FleetPlace.host(of: url) == host) }

    @Test(arguments: [
        "http://fleet.example", "https://", "https://:7443", "https://a:0", "https://a:99999", "https://a/b",
        "https://a?b", "https://u@a", "https://a b", "https://a,b", "fleet.example:7443",
    ])
    func otherUrlsAreRefused(url: String) {
        #expect(throws: FleetServerError.self) { try FleetPlace.host(of: url) }
    }
}
