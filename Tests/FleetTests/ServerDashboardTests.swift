import Diagnostics
import FileSystem
import FleetProtocol
import Glibc
import HTTPClient
import JSON
import Testing
import UnixSockets
import WallClock

@testable import Fleet

/// What operators see, and who doesn't.
@Suite struct ServerDashboardTests {
    @Test func aPortThatIsTakenNamesItsOption() throws {
        let fixture = try ServerFixture()
        let devices = #expect(throws: FleetServerError.self) {
            _ = try ServerFixture { $0.listen = fixture.server.deviceAddress }
        }
        #expect(devices?.hint?.contains("another port with --listen") == true && devices?.exitCode == .tryAgain)
        let operators = #expect(throws: FleetServerError.self) {
            _ = try ServerFixture { $0.dashboard = fixture.server.dashboardAddress }
        }
        #expect(operators?.hint?.contains("another port with --dashboard") == true)
    }

    @Test func pagesAndJsonAreServed() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box("box-1", labels: ["site": "oslo"])
        _ = try fleet.send("/v1/checkin", box.checkIn(1).json.compactBytes(), as: box)
        #expect(try fleet.look("/").text.contains("<!doctype html>"))
        #expect(try fleet.look("/app.js").status == 200)
        #expect(try fleet.look("/style.css").status == 200)
        #expect(try fleet.look("/../fleet.db").status == 404)
        #expect(try fleet.look("/fleet.db").status == 404)
        #expect(try fleet.look("/api/overview").json?["devices"]?.integerValue == 1)
        #expect(try fleet.look("/api/devices?label=site=oslo").json?["matching"]?.integerValue == 1)
        #expect(try fleet.look("/api/devices?label=site=bergen").json?["matching"]?.integerValue == 0)
        #expect(try fleet.look("/api/devices/box-1").json?["reachable"]?["answer"]?.stringValue == "yes")
        let events = try fleet.look("/api/events")
        let id = try #require(events.json?["events"]?[0]?["id"]?.integerValue)
        #expect(try fleet.look("/api/events/\(id)").json?["kind"]?.stringValue == "enrolled")
        #expect(try fleet.look("/api/bundles").status == 200)
        for path in [
            "/api", "/api/", "/api/nothing", "/api/devices/", "/api/devices/box-2", "/api/devices/box-1/secrets",
            "/api/events/x", "/api/events/99", "/api/devices/box-2/metrics", "/api/overview/more",
        ] {
            #expect(try fleet.look(path).status == 404, "\(path)")
        }
        for path in ["/api/devices?limit=0", "/api/devices?offset=-1", "/api/events?limit=9999999999999999999"] {
            #expect(try fleet.look(path).status == 400, "\(path)")
        }
    }

    @Test func strangersPagesGetNothing() throws {
        let fleet = try ServerFixture()
        for host in ["evil.example", "evil.example:7080", "127.0.0.1.evil.example", "", "localhost.evil", "[::2]"] {
            let answer = try fleet.look("/api/overview", headers: [("Host", host)])
            #expect(answer.status == 421 || answer.status == 400, "\(host)")
            #expect(answer.json?["devices"] == nil)
        }
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:7080", "127.9.9.9"] {
            #expect(try fleet.look("/api/overview", headers: [("Host", host)]).status == 200, "\(host)")
        }
    }

    @Test func nothingCanBeChangedHere() throws {
        let fleet = try ServerFixture()
        let address = try #require(fleet.server.dashboardAddress)
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            let answer = try fleet.shell(
                "curl -s -m 5 -o /dev/null -w '%{http_code}' -X \(method) http://\(address)/api/overview"
            )
            #expect(answer.text == "405", "\(method)")
        }
        #expect(try fleet.shell("curl -s -m 5 -I http://\(address)/").text.hasPrefix("HTTP/1.1 200"))
    }

    @Test func answersCarryWhatBrowsersShallHeed() throws {
        let fleet = try ServerFixture()
        let address = try #require(fleet.server.dashboardAddress)
        for path in ["/", "/api/overview", "/nothing", "/api/nothing"] {
            let head = try fleet.shell("curl -s -m 5 -D - -o /dev/null http://\(address)\(path)").text.lowercased()
            #expect(head.contains("content-security-policy: default-src 'none';"), "\(path)")
            #expect(head.contains("frame-ancestors 'none'"), "\(path)")
            #expect(head.contains("x-content-type-options: nosniff"), "\(path)")
            #expect(head.contains("referrer-policy: no-referrer"), "\(path)")
            #expect(!head.contains("access-control-allow-origin"), "\(path)")
        }
    }

    @Test func whatHasNotChangedIsNotSentAgain() throws {
        let fleet = try ServerFixture(clock: 0) { $0.now = { UTCTime(seconds: 1_900_000_000) } }
        let address = try #require(fleet.server.dashboardAddress)
        func ask(_ tag: String) throws -> (status: String, tag: String) {
            let text = try fleet.shell(
                "curl -s -m 5 -D - -o /dev/null -H 'If-None-Match: \(tag)' http://\(address)/api/overview"
            ).text
            let lines = text.split(whereSeparator: \.isNewline)
            let found = lines.first { $0.lowercased().hasPrefix("etag: ") }?.dropFirst(6) ?? ""
            return (String(lines.first?.split(separator: " ").dropFirst().first ?? ""), String(found))
        }
        let first = try ask("none")
        #expect(first.status == "200")
        #expect(try ask(first.tag).status == "304")
        _ = try fleet.token()
        #expect(try ask(first.tag).status == "200")
    }

    @Test(arguments: ["0.0.0.0", "192.168.1.1", "::", "fe80::1", "128.0.0.1"])
    func onlyLoopbackIsListenedOn(host: String) throws {
        let scratch = try TemporaryDirectory(prefix: "dashboard")
        var settings = FleetServerSettings()
        settings.listen = .tcp(host: "127.0.0.1", port: 0)
        settings.dashboard = .tcp(host: host, port: 0)
        #expect(throws: FleetServerError.self) {
            _ = try FleetServer(FleetFolder(FileSystem.join(scratch.path, "fleet")), settings)
        }
        #expect(try FileSystem.status(of: FileSystem.join(scratch.path, "fleet")) == nil)
    }

    @Test func aSocketServesToo() throws {
        let scratch = try TemporaryDirectory(prefix: "dashboard")
        let path = FileSystem.join(scratch.path, "s")
        let fleet = try ServerFixture { $0.dashboard = .unix(path: path) }
        let answer = try fleet.shell("curl -s -m 5 --unix-socket '\(path)' http://any.name/api/overview")
        #expect(answer.text.contains("\"devices\":0"))
    }

    @Test(arguments: [
        ("localhost", "localhost"), ("A:1", "a"), ("[::1]:2", "::1"), ("[::1]", "::1"), ("127.0.0.1", "127.0.0.1"),
    ])
    func hostsAreRead(header: String, host: String) { #expect(OperatorService.host(of: header) == host) }

    @Test(arguments: ["", ":1", "a:b", "[::1", "[::1]x", "a:1:2", "::1"])
    func otherHostsAreNone(header: String) { #expect(OperatorService.host(of: header) == nil) }

    @Test func tagsAreCompared() {
        #expect(OperatorService.matches("\"a\"", "\"a\""))
        #expect(OperatorService.matches("\"b\", W/\"a\"", "W/\"a\""))
        #expect(OperatorService.matches("*", "W/\"a\""))
        #expect(!OperatorService.matches(nil, "\"a\""))
        #expect(!OperatorService.matches("\"ab\"", "\"a\""))
    }

    // MARK: Start and end

    @Test func aFolderIsServedOnce() throws {
        let fleet = try ServerFixture()
        var settings = FleetServerSettings()
        settings.listen = .tcp(host: "127.0.0.1", port: 0)
        settings.dashboard = nil
        #expect(throws: FleetServerError.isServed(path: fleet.folder.path)) {
            _ = try FleetServer(fleet.folder, settings)
        }
    }

    @Test func whereTheServerIsStandsInTheFolder() throws {
        let fleet = try ServerFixture()
        let place = try #require(try FleetPlace.read(fleet.folder))
        #expect(place.url == fleet.url)
        #expect(place.listen == fleet.server.deviceAddress.description)
        let named = try ServerFixture { $0.url = "https://fleet.example:7443" }
        #expect(try FleetPlace.read(named.folder)?.url == "https://fleet.example:7443")
    }

    @Test func aStoppedServerLetsGoOfAll() throws {
        let fleet = try ServerFixture()
        let box = try fleet.box()
        let client = try fleet.client(as: box)
        #expect(try fleet.send("/v1/checkin", box.checkIn(1).json.compactBytes(), over: client).status == 200)
        fleet.server.stop()
        #expect(throws: HTTPClientError.self) {
            _ = try fleet.send("/v1/checkin", box.checkIn(2).json.compactBytes(), over: client)
        }
        #expect(try fleet.store.device(StoreFixture.device("box-1"))?.report?.sequence == 1)
    }
}
