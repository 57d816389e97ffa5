import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// The operators' pages in a browser: `judges/dashboard/judge.py` drives Chromium over the DevTools protocol.
@Suite(.programs, .oneByOne) struct DashboardTests {
    private static func judge(_ arguments: String...) throws -> ProcessResult? {
        guard let chromium = Judge.find("chromium") else { return nil }
        return try Programs.run(
            Programs.python,
            ["\(Programs.judges)/dashboard/judge.py", "--chromium", chromium] + arguments
        )
    }

    /// Over a made-up fleet, which holds what a real one seldom does; see `judge.py` for what each group looks at.
    @Test(arguments: ["shown", "outside", "live", "people"])
    func thePagesAreJudged(_ group: String) throws {
        guard let result = try Self.judge(group) else { return }
        #expect(result.isSuccess, "\(result.outputText)\(result.errorText)")
    }

    @Test func aFleetIsShownAsItIs() throws {
        let fleet = try LookedAtFleet()
        let token = try Programs.succeed(
            Programs.edgefleet,
            ["token", "create", "--data", fleet.data, "--uses", "6", "--label", "site=oslo"]
        )
        try Programs.succeed(
            Programs.edgefleet,
            [
                "simulate", "--count", "6", "--interval", "1s", "--duration", "6s", "--prefix", "box", "--token",
                String(token.prefix { $0 != "\n" }),
            ]
        )
        let device = "box-00003"
        try Programs.succeed(Programs.edgefleet, ["device", "label", "--data", fleet.data, device, "line=seven"])
        guard let result = try Self.judge("--url", fleet.dashboard, "--device", device) else { return }
        try #require(result.isSuccess, "\(result.outputText)\(result.errorText)")
        let pages = try JSONValue.parse(result.outputText.utf8, limits: .document)
        let overview = pages["overview"]?.stringValue ?? ""
        #expect(overview.contains("6 devices") && overview.contains("What runs where"), "\(overview)")
        let page = pages["device"]?.stringValue ?? ""
        for text in ["oslo", "seven", "Wanted", "enrolled"] { #expect(page.contains(text), "\(text) in \(page)") }
        #expect(pages["bundle"]?.stringValue?.contains("Who runs it") == true)
        #expect(pages["events"]?.stringValue?.contains(device) == true)
    }
}

/// `edgefleet serve` with a folder and ports of its own; killed when the last reference goes.
private final class LookedAtFleet {
    private let scratch: Scratch
    private let process: ChildProcess
    let dashboard: String

    var data: String { scratch("fleet") }

    init() throws {
        let scratch = try Scratch()
        let (boxes, operators) = (try AgentBox.freePort(), try AgentBox.freePort())
        let log = open(scratch("server.log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw POSIXError(operation: "open the server's log", code: errno) }
        defer { close(log) }
        process = try ChildProcess(
            ProcessSpecification(
                program: Programs.edgefleet,
                arguments: [
                    "serve", "--data", scratch("fleet"), "--listen", "127.0.0.1:\(boxes)", "--dashboard",
                    "127.0.0.1:\(operators)",
                ],
                environment: Programs.environment,
                descriptors: [1: log, 2: log],
                group: .new
            )
        )
        self.scratch = scratch
        dashboard = "http://127.0.0.1:\(operators)"
        // It says where operators look once it answers there.
        let clock = ContinuousClock()
        let end = clock.now + .seconds(30)
        func said() -> String {
            let bytes = try? FileSystem.read(scratch("server.log"), limit: 1 << 20)
            return String(decoding: bytes ?? [], as: UTF8.self)
        }
        while !said().contains("dashboard: ") {
            guard clock.now < end, !process.hasEnded else {
                throw Unexpected(what: "the fleet's server did not start:\n\(said())")
            }
            usleep(20_000)
        }
    }

    deinit { _ = try? process.killAndWait() }
}
