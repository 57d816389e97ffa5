import Deployment
import Diagnostics
import EdgeAgent
import FileSystem
import Testing
import UpdateFramework

@testable import AgentSync

@Suite struct BoxSettingsTests {
    private func settings(_ text: String) throws -> BoxSettings {
        try BoxSettings(yaml: Array(text.utf8), source: "config.yaml", folder: "/etc/edgeagent")
    }

    @Test func everythingThatAFileMaySay() throws {
        let settings = try settings(
            """
            device: line-3
            channel: prod
            repository:
              url: https://models.example.com/edge/
              root: root.json
            labels: {site: oslo, local.shift: night}
            endpoints:
              digits: {listen: 127.0.0.1:8080}
              words: {listen: /run/edge/words.sock}
              v6: {listen: "[::1]:8081"}
            poll_interval: 2m
            start_limit: 90s
            offline: {max_age: 30d}
            disk: {reserve: 128MiB}
            programs: {runtime: bin/edgeruntime, launcher_socket: /run/edge/launch, python: /usr/bin/python3}
            """
        )
        #expect(settings.device?.text == "line-3" && settings.channel == .prod)
        #expect(settings.repository == "https://models.example.com/edge" && settings.root == "/etc/edgeagent/root.json")
        #expect(settings.endpoints.map(\.value).sorted() == ["/run/edge/words.sock", "127.0.0.1:8080", "[::1]:8081"])
        #expect(settings.labels.count == 2 && settings.pollSeconds == 120 && settings.startLimitSeconds == 90)
        #expect(settings.offlineMaximumAgeDays == 30 && settings.diskReserveBytes == 128 << 20)
        #expect(settings.runtime == "/etc/edgeagent/bin/edgeruntime" && settings.python == "/usr/bin/python3")
        #expect(try self.settings("") == BoxSettings())
    }

    static let mistakes: [(text: String, message: String)] = [
        ("chanel: prod", "config.yaml:1:1: unknown key \"chanel\""),
        ("channel: production", "config.yaml:1:10: channel: 'production' is not one of dev, staging, prod"),
        ("device: a b", "config.yaml:1:9: device: 'a b' is not a device's id"),
        ("repository: {url: ftp://x}", "'ftp://x' is neither a folder nor a URL"),
        ("repository: {url: 'https:///x'}", "is neither a folder nor a URL"),
        ("repository:\n  uri: x", "config.yaml:2:3: unknown key \"repository.uri\""),
        ("labels: {Site: x}", "config.yaml:1:10: labels: 'Site' is no label's name"),
        ("labels: {site: 'a b'}", "labels.site: is no label's value"),
        ("labels: [a]", "labels: expected a mapping"),
        ("endpoints: {a b: {listen: 'x:1'}}", "'a b' is no endpoint's name"),
        ("endpoints: {digits: {listen: 8080}}", "endpoints.digits.listen: '8080' is no HOST:PORT"),
        ("endpoints: {digits: {listen: 'a:99999'}}", "is no HOST:PORT"),
        ("endpoints: {digits: {listen: '::1:80'}}", "is no HOST:PORT"),
        ("endpoints: {digits: {port: 1}}", "endpoints.digits"),
        ("poll_interval: 5", "poll_interval: '5' has no unit"),
        ("poll_interval: 2d", "poll_interval: 2d is not between 1s and 1d"),
        ("offline: {max_age: 36h}", "offline.max_age: is no whole number of days"),
        ("disk: {reserve: lots}", "disk.reserve: 'lots' does not start with a number"),
        ("programs: {runtim: x}", "unknown key \"programs.runtim\""),
        ("channel: prod\nchannel: dev", "config.yaml:2:1: key \"channel\" is there twice"),
    ]

    @Test(arguments: mistakes) func mistakesAreNamedWithTheirPlace(_ text: String, _ message: String) {
        do {
            _ = try settings(text)
            Issue.record("\(text) was read")
        } catch let error as any ExplainedError {
            #expect(error.message.contains(message), "\(error.message)")
            #expect(error.message.hasPrefix("config.yaml:") && error.exitCode == .configuration)
        } catch {
            Issue.record("\(error)")
        }
    }

    @Test func optionsCountMoreThanTheFile() throws {
        var file = try settings(
            "device: a\nchannel: prod\nendpoints: {digits: {listen: 'x:1'}, words: {listen: 'x:2'}}"
        )
        file.pollSeconds = 5
        let options = try settings("channel: dev\nendpoints: {digits: {listen: 'x:3'}}")
        let both = file.overridden(by: options)
        #expect(both.device?.text == "a" && both.channel == .dev && both.pollSeconds == 5)
        #expect(both.endpoints.map(\.value).sorted() == ["x:2", "x:3"])
    }

    @Test func optionsChangeABoxThatIsSetUpWithoutAFile() throws {
        let told = try settings(
            "device: a\nchannel: prod\nlabels: {site: oslo}\nendpoints: {digits: {listen: 'x:1'}}\npoll_interval: 7s"
        )
        let known = try BoxSetUp.box(told, known: nil)
        let change = try settings("channel: dev")
        let changed = try BoxSetUp.box(BoxSettings(known).overridden(by: change), known: known)
        #expect(changed.channel == .dev)
        #expect(changed.endpoints == known.endpoints && changed.labels == known.labels && changed.pollSeconds == 7)
    }

    @Test func aBoxKeepsItsName() throws {
        let machine = Array("0123456789abcdef0123456789abcdef".utf8)
        let first = try #require(BoxFacts.deviceID(machine: machine, host: "press 4"))
        #expect(first.text.hasPrefix("press4-") && first.text.utf8.count == 15)
        #expect(!first.text.contains("0123456789abcdef"))
        #expect(BoxFacts.deviceID(machine: machine, host: "")?.text.hasPrefix("box-") == true)
        var settings = BoxSettings()
        settings.channel = .prod
        settings.device = first
        let known = try BoxSetUp.box(settings, known: nil)
        settings.device = nil
        #expect(try BoxSetUp.box(settings, known: known).device == first)
    }

    @Test func endpointsDoNotShareAnAddress() throws {
        var settings = try settings("endpoints: {a: {listen: 'x:1'}, b: {listen: 'x:1'}}\ndevice: d\nchannel: dev")
        #expect(throws: SetUpError.self) { try BoxSetUp.box(settings, known: nil) }
        settings.endpoints = settings.endpoints.mapValues { _ in "x:0" }
        #expect(try BoxSetUp.box(settings, known: nil).endpoints.count == 2)
        settings.channel = nil
        #expect(throws: SetUpError.self) { try BoxSetUp.box(settings, known: nil) }
    }

    @Test func theFirstRootIsTrustedAndNoOtherAfterIt() throws {
        let place = try TemporaryPlace()
        let repository = try BoxRepository(in: place.path)
        let layout = StoreLayout("\(place.path)/box")
        var settings = try settings("device: d\nchannel: prod\nendpoints: {digits: {listen: 'x:1'}}")
        #expect(throws: SetUpError.self) { try BoxSetUp.configure(settings, layout) }
        settings.root = "\(repository.folder)/metadata/1.root.json"
        let first = try BoxSetUp.configure(settings, layout)
        #expect(first.isNewTrust && first.rootVersion == 1)
        #expect(try AgentStore(layout).box() == first.box)
        #expect(try FileSystem.status(of: layout.root)?.permissions == 0o700)
        #expect(try FileSystem.status(of: layout.box)?.permissions == 0o600)
        // Again, with the root and without.
        #expect(try !BoxSetUp.configure(settings, layout).isNewTrust)
        settings.root = nil
        #expect(try BoxSetUp.configure(settings, layout).rootVersion == 1)
        // The same words signed by the same key once more are another root of the same version.
        let other = try TemporaryPlace()
        let second = try BoxRepository(in: other.path)
        settings.root = "\(second.folder)/metadata/1.root.json"
        settings.channel = .dev
        #expect(throws: SetUpError.self) { try BoxSetUp.configure(settings, layout) }
        #expect(try AgentStore(layout).box().channel == .prod)
    }

    @Test func pythonsAreFoundByTheirNames() {
        #expect(BoxFacts.abi(ofName: "python3.11") == "cp311")
        for name in ["python3", "python3.11-config", "python3.", "python3.011", "python2.7", "xpython3.1"] {
            #expect(BoxFacts.abi(ofName: name) == nil, "\(name)")
        }
    }
}
