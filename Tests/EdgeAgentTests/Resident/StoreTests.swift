import Deployment
import Diagnostics
import Digest
import EdgeAgent
import FileSystem
import Glibc
import JSON
import Testing
import WallClock

/// The resident's files: what it writes it reads, and what it can't read it does not touch.
@Suite struct StoreTests {
    private let folder: TemporaryFolder
    private let layout: StoreLayout

    init() throws {
        folder = try TemporaryFolder()
        layout = StoreLayout(folder.path)
    }

    private func configure(format: String = "1.0") throws {
        try FileSystem.write(Array(#"{"format":"\#(format)"}"#.utf8), to: layout.format)
        try FileSystem.write(try Self.box().encoded(), to: layout.box)
    }

    private static func box() throws -> BoxConfiguration {
        let programs = BoxConfiguration.Programs(
            runtime: "/usr/bin/edgeruntime",
            launcher: "/usr/bin/edgelaunch",
            launcherSocket: "/run/edgelaunch",
            sync: "/usr/bin/edgeagent-sync",
            python: "/usr/bin/python3"
        )
        var box = BoxConfiguration(device: try #require(DeviceID("box-1")), channel: .prod, programs: programs)
        box.repository = "https://models.example.com"
        box.labels = try #require(Labels(["site": "hamburg"]))
        box.endpoints[try #require(EndpointName("digits"))] = .init(listen: "127.0.0.1:8080")
        box.pollSeconds = 30
        box.startLimitSeconds = 7
        return box
    }

    @Test func aBoxIsReadAsItWasWritten() throws {
        #expect(try BoxConfiguration.parse(Self.box().encoded()) == Self.box())
    }

    @Test func aPlanIsReadAsItWasWritten() throws {
        let time = try #require(UTCTime("2026-01-31T12:00:00Z"))
        var plan = SyncPlan(
            source: .media,
            verified: .init(boot: try #require(BootID("abc-1")), milliseconds: 17, time: time),
            timestampVersion: 9,
            signedAt: time,
            pollSeconds: 60
        )
        let candidate = UpdateCandidate(
            serial: 4,
            bundle: SHA256.digest([1]),
            fallbacks: [SHA256.digest([2])],
            deadline: .seconds(5)
        )
        let wishes: [EndpointPlan.Wanted] = [
            .bundle(candidate), .installed(candidate), .removal(serial: 3), .nothing(.ambiguous),
            .nothing(.waitingFor(.wave)), .nothing(.incompatible(subject: "deployment", feature: "window")),
        ]
        for (index, wanted) in wishes.enumerated() {
            var endpoint = EndpointPlan(wanted, "because")
            endpoint.mayPrepare = index == 0
            endpoint.waiting = index == 1 ? .freshness : nil
            endpoint.withdrawal = index == 2 ? .revoked : nil
            endpoint.stopsRunning = index == 3
            endpoint.revoked = index == 3 ? [SHA256.digest([7]), SHA256.digest([8])] : []
            endpoint.deployment = "deployments/prod/e/4.json"
            endpoint.title = "digits 2"
            endpoint.installBytes = 12
            endpoint.memoryBytes = 34
            plan.endpoints[try #require(EndpointName("e\(index)"))] = endpoint
        }
        #expect(try SyncPlan.parse(plan.encoded()) == plan)
    }

    @Test func anUnconfiguredFolderIsNoStore() throws {
        #expect(throws: StoreError.notConfigured(path: layout.root)) { try AgentStore(layout) }
    }

    @Test func aNewerMinorIsReadAndANewerMajorIsLeftAlone() throws {
        try configure(format: "1.7")
        #expect(try AgentStore(layout).box() == Self.box())
        try configure(format: "2.0")
        #expect(throws: StoreError.storeTooNew(path: layout.root, format: "2.0")) { try AgentStore(layout) }
    }

    @Test func aStoreThatIsTooNewIsNamedSo() {
        #expect(StoreError.storeTooNew(path: "/s", format: "2.0").message.hasPrefix("storeTooNew: "))
    }

    @Test func socketsHavePathsThatTheKernelTakes() throws {
        let name = try #require(EndpointName("digits"))
        let long = StoreLayout("/" + String(repeating: "x", count: 107 - "//run/digits.green".utf8.count))
        #expect(long.controls(name).map(\.utf8.count).max() == StoreLayout.longestSocketPath)
        try configure()
        let deep = folder.path + "/" + String(repeating: "d", count: 90)
        try FileSystem.createDirectories(deep)
        for file in ["store.json", "box.json"] {
            try FileSystem.write(try FileSystem.read(folder.path + "/" + file, limit: 1 << 20), to: deep + "/" + file)
        }
        #expect(throws: StoreError.pathTooLong(deep + "/run/agent")) {
            try Agent(StoreLayout(deep), options: .init()) { _ in }
        }
    }

    @Test func statesComeBack() throws {
        try configure()
        let store = try AgentStore(layout)
        let name = try #require(EndpointName("digits"))
        #expect(try store.state(of: name).history.entries.isEmpty)
        var state = EndpointState(endpoint: name)
        state.isStopped = true
        try store.save(state)
        #expect(try store.state(of: name).isStopped)
        #expect(try FileSystem.status(of: layout.state(name))?.permissions == 0o600)
    }

    @Test func aDamagedStateIsAnErrorAndNotANewEndpoint() throws {
        try configure()
        let store = try AgentStore(layout)
        let name = try #require(EndpointName("digits"))
        try store.save(EndpointState(endpoint: name))
        let bytes = try FileSystem.read(layout.state(name), limit: 1 << 20)
        try FileSystem.write(Array(bytes.dropLast(5)), to: layout.state(name))
        #expect(throws: StoreError.self) { try store.state(of: name) }
    }

    @Test func oneAgentHasTheStore() throws {
        try configure()
        let first = try StoreLock(layout)
        #expect(throws: StoreError.inUse(path: layout.root)) { try StoreLock(layout) }
        withExtendedLifetime(first) {}
    }

    @Test(arguments: [
        AgentWish.sync, .ping, .retry(nil), .retry(EndpointName("a.b")), .install(path: "/media/a stick/x"),
    ])
    func wishesComeThrough(_ wish: AgentWish) { #expect(AgentWish(wish.bytes) == wish) }

    @Test func aRollbackNamesWhoWantsIt() throws {
        let wish = AgentWish.rollback(try #require(EndpointName("a")), by: "some body")
        #expect(AgentWish(wish.bytes) == wish)
    }

    @Test(arguments: ["", "sync now", "retry a b", "rollback a", "install relative", "install", "stop"])
    func whatIsNoWishIsNone(_ text: String) { #expect(AgentWish(Array(text.utf8)) == nil) }

    @Test func answersComeThrough() {
        for answer in [AgentAnswer.ok("synced"), .refused("no repository: none", .usage)] {
            #expect(AgentAnswer(answer.bytes) == answer)
        }
        #expect(AgentAnswer(Array("okay".utf8)) == nil)
    }
}

/// Removed with the test that made it.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/edge-store-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileError.failed(operation: "create", path: "/tmp", code: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileSystem.removeTree(path) }
}
