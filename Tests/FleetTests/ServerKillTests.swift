import Crypto
import Deployment
import Diagnostics
import Digest
import FileSystem
import FleetProtocol
import Glibc
import HTTPClient
import JSON
import Processes
import SQLite
import Synchronization
import Telemetry
import Testing
import UnixSockets
import WallClock

@testable import Fleet

/// The server as a program that is killed while boxes report.
@Suite(.serialized) struct ServerKillTests {
    static let program = Processes.inheritedEnvironment()["EDGE_BIN"].map { "\($0)/edgefleet" }

    /// What was acknowledged to one box.
    struct Acknowledged: Sendable {
        var sequence = 0
        var events: Set<Int> = []
        var lines: Set<String> = []
        var tries = 0
    }

    /// A server of a folder, on a port that stays.
    final class Server {
        let folder: FleetFolder
        private let port: UInt16
        private let log: File
        private var child: ChildProcess?

        init(_ folder: FleetFolder, port: UInt16, log: String) throws {
            self.folder = folder
            self.port = port
            self.log = try File.openForUpdate(log)
        }

        func start() throws {
            child = try ChildProcess(
                ProcessSpecification(
                    program: ServerKillTests.program ?? "",
                    arguments: [
                        "serve", "--data", folder.path, "--listen", "127.0.0.1:\(port)", "--dashboard",
                        "\(folder.path)/dashboard",
                    ],
                    descriptors: [1: log.descriptor, 2: log.descriptor],
                    group: .new
                )
            )
        }

        func kill() throws {
            _ = child?.signal(SIGKILL)
            _ = try child?.wait()
            child = nil
        }

        /// Whether it ended as it was asked to.
        func end() throws -> Bool {
            _ = child?.signal(SIGTERM)
            defer { child = nil }
            return try child?.wait() == .exited(0)
        }
    }

    /// A port that nobody listens on now.
    static func freePort() throws -> UInt16 {
        let socket = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        defer { socket.close() }
        guard case .tcp(_, let port) = socket.address else { throw TestProblem("no port") }
        return port
    }

    @Test(.enabled(if: program != nil, "EDGE_BIN is not set: run scripts/test"))
    func nothingThatWasAcknowledgedIsLost() throws {
        let scratch = try TemporaryDirectory(prefix: "fleet-kill")
        let folder = FleetFolder(FileSystem.join(scratch.path, "fleet"))
        let port = try Self.freePort()
        let url = "https://127.0.0.1:\(port)"
        let boxes = try Self.enrol(4, in: folder)
        let authorities = try FleetAuthority.open(folder, at: ServerFixture.now).certificatePEM
        let server = try Server(folder, port: port, log: FileSystem.join(scratch.path, "log"))
        try server.start()
        let isOver = Atomic<Bool>(false)
        let results = Mutex<[String: Acknowledged]>([:])
        let threads = boxes.map { box in
            TestThread {
                let acknowledged = Self.report(box, to: url, authorities) { isOver.load(ordering: .relaxed) }
                results.withLock { $0[box.id] = acknowledged }
            }
        }
        for _ in 0..<12 {
            usleep(UInt32.random(in: 150_000...700_000))
            try server.kill()
            try server.start()
        }
        usleep(500_000)
        isOver.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        #expect(try server.end())

        let store = try FleetStore(folder: folder)
        for box in boxes {
            let device = try StoreFixture.device(box.id)
            let acknowledged = try #require(results.withLock { $0[box.id] })
            // Else nothing was tested.
            #expect(acknowledged.sequence > 0 && acknowledged.lines.count > 0, "\(box.id)")
            #expect((try store.device(device)?.report?.sequence ?? -1) >= acknowledged.sequence)
            var kept: [Int] = []
            var before: Int64?
            while true {
                let page = try store.events(device: device, endpoint: nil, before: before, after: nil, limit: 500)
                kept += page.compactMap(\.report?.sequence)
                guard let last = page.last, page.count == 500 else { break }
                before = last.id
            }
            #expect(Set(kept).count == kept.count, "an event is there twice")
            #expect(acknowledged.events.subtracting(kept).isEmpty)
            let lines = Set(try store.logLines(of: device, limit: 2000).map(\.body))
            #expect(acknowledged.lines.subtracting(lines).isEmpty)
        }
        let check: String? = try Database(folder.database).first("PRAGMA integrity_check") { $0.text(0) }
        #expect(check == "ok")
        guard case .whole = try store.verifyAudit() else {
            Issue.record("the audit is broken")
            return
        }
    }

    /// Enrolled without a server.
    static func enrol(_ count: Int, in folder: FleetFolder) throws -> [TestBox] {
        let authority = try FleetAuthority.open(folder, at: ServerFixture.now)
        let store = try FleetStore(folder: folder)
        let secret = SHA256.digest("secret".utf8)
        _ = try store.createToken(
            TokenRecord(
                created: ServerFixture.now,
                createdBy: "operator:test",
                expires: UTCTime(seconds: ServerFixture.now.seconds + 3600),
                uses: count
            ),
            secretDigest: secret,
            by: "operator:test",
            at: ServerFixture.now
        )
        return try (0..<count).map { number in
            let box = try TestBox.issued("box-\(number)", by: authority.authority, seconds: 86_400)
            let certificate = try #require(try Certificate.parse(pem: Array(box.certificate.utf8), source: "it").first)
            _ = try store.enrol(
                StoreFixture.device(box.id),
                keyDigest: SHA256.digest(try box.key.publicKey.pemBytes),
                secretDigest: secret,
                at: ServerFixture.now,
                issue: { _ in
                    FleetStore.NewCertificate(
                        fingerprint: SHA256.digest(certificate.derBytes),
                        notAfter: UTCTime(seconds: certificate.notAfter),
                        pem: box.certificate
                    )
                }
            )
            return box
        }
    }

    /// Reports as a box does until told to end: what was not acknowledged is sent again.
    static func report(
        _ box: TestBox,
        to url: String,
        _ authorities: [UInt8],
        until isOver: () -> Bool
    ) -> Acknowledged {
        var acknowledged = Acknowledged()
        var configuration = HTTPClientConfiguration()
        configuration.pinnedAuthorities = authorities
        configuration.connectTimeout = .seconds(2)
        guard let key = try? box.key.pemBytes() else { return acknowledged }
        configuration.identity = HTTPClientIdentity(certificateChain: Array(box.certificate.utf8), privateKey: key)
        guard let client = try? HTTPClient(configuration), let endpoint = EndpointName("main") else {
            return acknowledged
        }
        var sequence = 1
        while !isOver() {
            acknowledged.tries += 1
            guard var checkIn = try? box.checkIn(sequence) else { return acknowledged }
            checkIn.events = [
                EventReport(
                    boot: "boot-1",
                    sequence: sequence,
                    moment: checkIn.moment,
                    endpoint: endpoint,
                    state: "Rollback",
                    reason: "number \(sequence)"
                )
            ]
            let body = checkIn.json.compactBytes()
            let request = HTTPClientRequest(.post, url + "/v1/checkin", contentType: "application/json", body: body)
            let answer = try? client.send(request, limitBytes: 1 << 16, timeout: .seconds(3))
            guard answer?.status == 200 else {
                usleep(20_000)
                continue
            }
            acknowledged.sequence = sequence
            acknowledged.events.insert(sequence)
            let line = "\(box.id) line \(sequence)"
            let record = LogRecord(time: UInt64(time(nil)) * 1_000_000_000, body: .string(line))
            let logs = LogsExport([ResourceLogs(scopes: [ScopeLogs(records: [record])])])
            let second = HTTPClientRequest(
                .post,
                url + "/v1/logs",
                contentType: "application/x-protobuf",
                body: logs.protobufBytes()
            )
            if let answer = try? client.send(second, limitBytes: 1 << 16, timeout: .seconds(3)), answer.status == 200 {
                acknowledged.lines.insert(line)
            }
            sequence += 1
            // Below what a device may ask.
            usleep(100_000)
        }
        return acknowledged
    }

    @Test(.enabled(if: program != nil, "EDGE_BIN is not set: run scripts/test"))
    func theProgramSaysWhyItCantStart() throws {
        let program = try #require(Self.program)
        let scratch = try TemporaryDirectory(prefix: "fleet-start")
        let data = FileSystem.join(scratch.path, "fleet")
        func serve(_ arguments: String...) throws -> (code: Int32?, text: String) {
            let result = try Processes.run(
                program,
                arguments: ["serve", "--data", data, "--listen", "127.0.0.1:0"] + arguments,
                deadline: .seconds(10)
            )
            guard case .exited(let code) = result.status else { return (nil, result.errorText) }
            return (code, result.errorText)
        }
        let open = try serve("--dashboard", "0.0.0.0:7080")
        #expect(open.code == 64)
        #expect(open.text.contains("ssh -L"))
        #expect(try serve("--dashboard", "nonsense").code == 64)
        #expect(try serve("--url", "http://fleet.example").code == 64)
        let taken = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        defer { taken.close() }
        let busy = try serve("--dashboard", taken.address.description)
        #expect(busy.code == 75)
        #expect(busy.text.contains("hint:"))
        // A database of a later version.
        let store = try FleetStore(folder: FleetFolder(data))
        store.close()
        try Database(FleetFolder(data).database).run("PRAGMA user_version = 9999")
        let newer = try serve("--dashboard", FileSystem.join(scratch.path, "s"))
        #expect(newer.code == 65 || newer.code == 78 || newer.code == 69)
        #expect(newer.text.contains("newer"))
        try FileSystem.write([], to: FileSystem.join(scratch.path, "file"))
        let noFolder = try Processes.run(
            program,
            arguments: ["serve", "--data", FileSystem.join(scratch.path, "file/fleet"), "--listen", "127.0.0.1:0"],
            deadline: .seconds(10)
        )
        #expect(noFolder.status != .exited(0))
        #expect(noFolder.errorText.contains("error:"))
    }
}

/// A thread that is joined.
final class TestThread: @unchecked Sendable {
    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let context = Unmanaged.passRetained(Box(body))
        pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Box>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            context.toOpaque()
        )
    }

    func join() { pthread_join(thread, nil) }

    private final class Box: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
