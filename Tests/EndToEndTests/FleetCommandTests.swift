import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// What operators' commands answer, over simulated boxes: tables, JSON, exit codes.
@Suite(.programs, .oneByOne, .serialized) struct FleetCommandTests {
    private let fleet: FleetServer

    init() throws { fleet = try FleetServer() }

    /// Simulated boxes that report for some seconds; the summary.
    @discardableResult
    private func simulate(_ count: Int, seconds: Int, _ more: String...) throws -> JSONValue {
        let text = try Programs.succeed(
            Programs.edgefleet,
            ["simulate", "--count", "\(count)", "--interval", "1s", "--duration", "\(seconds)s", "--json"] + more
        )
        return try JSONValue.parse(text.utf8, limits: .document)
    }

    private func json(_ words: String...) throws -> JSONValue {
        let text = try Programs.succeed(Programs.edgefleet, words + ["--data", fleet.data, "--json"])
        return try JSONValue.parse(text.utf8, limits: .document)
    }

    @Test func simulatedBoxesAreSeenFoundAndToldOf() throws {
        let boxes = fleet.scratch("boxes")
        let report = try simulate(12, seconds: 14, "--token", try fleet.token("--uses", "12"), "--keep", boxes)
        #expect(report["enrolled"]?.integerValue == 12)
        #expect(report["checkIns"]?["acknowledged"]?.integerValue == 168)
        #expect(report["checkIns"]?["failed"]?.integerValue == 0)

        let page = try json("devices", "--limit", "5")
        #expect(page["matching"]?.integerValue == 12)
        #expect(page["devices"]?.arrayValue?.count == 5)
        for line in try fleet.succeed("devices").split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
        let ids = (1...12).map { "sim-000" + ($0 < 10 ? "0" : "") + "\($0)" }
        let codes = try ids.map { try fleet.run("status", $0).status }
        #expect(codes.allSatisfy { [.exited(0), .exited(21), .exited(22), .exited(23)].contains($0) }, "\(codes)")
        let good = try #require(codes.firstIndex(of: .exited(0)), "every update went wrong: \(codes)")
        #expect(try fleet.succeed("where", "digits@2").contains(ids[good]))
        #expect(try fleet.run("where", "digits@9999").status == .exited(24))
        #expect(try fleet.run("status", "nobody").status == .exited(66))

        let events = try fleet.succeed("events", "--limit", "500", "--json").split(separator: "\n")
            .map { try JSONValue.parse($0.utf8, limits: .document) }
        #expect(events.contains { $0["kind"]?.stringValue == "enrolled" })
        #expect(events.contains { $0["result"]?.stringValue == "successful" })
        let numbers = events.compactMap { $0["id"]?.integerValue }
        #expect(numbers == numbers.sorted() && numbers.count == events.count)

        // The same boxes again: none enrols, and they need no token.
        let again = try simulate(12, seconds: 1, "--keep", boxes)
        #expect(again["enrolled"]?.integerValue == 0)
        #expect(again["checkIns"]?["failed"]?.integerValue == 0)

        try fleet.succeed("device", "revoke", "sim-00001", "--reason", "lost")
        #expect(try fleet.run("status", "sim-00001").status == .exited(20))
        let refused = try Programs.run(
            Programs.edgefleet,
            ["simulate", "--count", "1", "--interval", "1s", "--duration", "1s", "--keep", boxes]
        )
        #expect(refused.status == .exited(1), "what is not acknowledged is a failure")
        #expect(refused.errorText.contains("revoked"), "\(refused.errorText)")
    }

    @Test func anInterruptEndsASimulationWithItsSummary() throws {
        let output = open(fleet.scratch("summary"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(output) }
        let process = try ChildProcess(
            ProcessSpecification(
                program: Programs.edgefleet,
                arguments: [
                    "simulate", "--count", "2", "--interval", "1s", "--duration", "1h", "--json", "--token",
                    try fleet.token("--uses", "2"),
                ],
                environment: Programs.environment,
                descriptors: [1: output, 2: 2],
                group: .new
            )
        )
        try fleet.wait(for: "a check-in", of: "sim-00002") { $0.answer("reachable").answer == "yes" }
        #expect(process.signal(SIGINT))
        #expect(try process.wait(upTo: .seconds(30)) == .exited(0))
        let summary = try JSONValue.parse(FileSystem.read(fleet.scratch("summary"), limit: 1 << 20), limits: .document)
        #expect(summary["checkIns"]?["failed"]?.integerValue == 0)
    }

    @Test func anAuditThatWasRewrittenIsFound() throws {
        try simulate(2, seconds: 1, "--token", try fleet.token("--uses", "2"))
        let head = try fleet.succeed("audit", "verify").split(separator: "\n").first.map(String.init) ?? ""
        try fleet.succeed("device", "label", "sim-00001", "site=oslo")
        #expect(try fleet.run("audit", "verify", "--head", head).status == .exited(0), "it goes on from there")
        let other = String(head.prefix { $0 != ":" }) + ":" + String(repeating: "0", count: 64)
        #expect(try fleet.run("audit", "verify", "--head", other).status == .exited(10))

        try fleet.stop()
        try Programs.succeed(
            Programs.python,
            [
                "-c",
                """
                import sqlite3, sys
                database = sqlite3.connect(sys.argv[1])
                database.execute("DROP TRIGGER audit_is_not_changed")
                database.execute("UPDATE audit SET actor = 'operator:nobody' WHERE number = 1")
                database.commit()
                """,
                "\(fleet.data)/fleet.db",
            ]
        )
        let broken = try fleet.run("audit", "verify")
        #expect(broken.status == .exited(10))
        #expect(broken.errorText.contains("entry 1"), "\(broken.errorText)")
    }

    @Test func whatCantBeIsRefusedWithAReason() throws {
        let token = try fleet.token()
        let cases: [(words: [String], code: Int32, says: String)] = [
            (["devices", "--data", fleet.scratch("nowhere")], 66, "there is no fleet"),
            (["token", "create", "--server", "http://x", "--data", fleet.data], 64, "https://"),
            (["token", "create", "--root", fleet.authority, "--data", fleet.data], 65, "no root metadata"),
            (["token", "create", "--label", "local.x=y", "--data", fleet.data], 64, "local"),
            (["token", "revoke", "99", "--reason", "x", "--data", fleet.data], 66, "99"),
            (["device", "revoke", "nobody", "--reason", "x", "--data", fleet.data], 66, "nobody"),
            (["devices", "--converged", "maybe", "--data", fleet.data], 64, "maybe"),
            (["simulate", "--count", "1", "--token", "edge1,nonsense"], 65, "no enrolment token"),
            (["simulate", "--count", "1", "--duration", "1s"], 64, "token"),
            (["simulate", "--count", "2", "--duration", "1s", "--token", token], 77, "token"),
        ]
        for (words, code, says) in cases {
            let result = try Programs.run(Programs.edgefleet, words)
            #expect(result.status == .exited(code), "\(words): \(result.errorText)")
            #expect(result.errorText.contains(says), "\(words): \(result.errorText)")
            #expect(result.outputText.isEmpty, "\(words): standard output is for data")
        }
    }

    /// A stranger who begins a handshake and says no more must not keep a processor busy.
    @Test func aHandshakeThatIsNeverFinishedCostsNothing() throws {
        let idle = try (0..<8).map { _ in try Stranger(port: fleet.port) }
        for stranger in idle { stranger.say([0x16, 0x03, 0x01]) }
        usleep(200_000)
        let before = try fleet.processorTicks()
        usleep(2_000_000)
        let used = try fleet.processorTicks() - before
        // Busy waiting takes all of a processor that it can get.
        #expect(used <= 20, "\(used) ticks of a hundredth of a second in 2 s")
        withExtendedLifetime(idle) {}
    }
}

/// A connection that says a few bytes and no more.
private final class Stranger {
    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw POSIXError(operation: "connect", code: errno) }
    }

    deinit { close(descriptor) }

    func say(_ bytes: [UInt8]) { _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
}
