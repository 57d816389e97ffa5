import Deployment
import Digest
import FileSystem
import FleetProtocol
import SQLite
import WallClock

@testable import Fleet

/// A fleet's folder for a test, and what boxes say.
final class StoreFixture {
    private let scratch: TemporaryDirectory
    let folder: FleetFolder
    let store: FleetStore

    static let start = UTCTime(seconds: 1_800_000_000)

    init() throws {
        scratch = try TemporaryDirectory(prefix: "fleet-store")
        folder = FleetFolder(FileSystem.join(scratch.path, "fleet"))
        store = try FleetStore(folder: folder)
    }

    /// The database itself, as somebody with another program has it.
    func raw() throws -> Database { try Database(folder.database) }

    static func at(_ seconds: Int) -> UTCTime { UTCTime(seconds: start.seconds + Int64(seconds)) }

    static func digest(_ text: String) -> SHA256Digest { SHA256.digest(text.utf8) }

    static func device(_ text: String) throws -> DeviceID { try DeviceID(stored: text) }

    @discardableResult
    func token(_ secret: String = "secret", uses: Int = 1000, labels: [String: String] = [:]) throws -> TokenRecord {
        let token = TokenRecord(
            created: Self.start,
            createdBy: "operator:test",
            expires: Self.at(86_400),
            uses: uses,
            labels: labels
        )
        return try store.createToken(
            token,
            secretDigest: Self.digest(secret),
            by: "operator:test",
            at: Self.start
        )
    }

    /// Certificates that are only numbers.
    static func certificate(_ name: String) -> FleetStore.NewCertificate {
        .init(fingerprint: digest("certificate \(name)"), notAfter: at(30 * 86_400), pem: name)
    }

    /// Enrols, with a token where there is none; the row.
    @discardableResult
    func enrol(
        _ name: String,
        key: String? = nil,
        secret: String = "secret",
        certificate: String? = nil
    ) throws -> Int64 {
        if try store.tokens().isEmpty { try token(secret) }
        let issued = Self.certificate(certificate ?? name)
        _ = try store.enrol(
            try Self.device(name),
            keyDigest: Self.digest("key of \(key ?? name)"),
            secretDigest: Self.digest(secret),
            at: Self.start,
            issue: { _ in issued }
        )
        return try store.standing(ofCertificate: issued.fingerprint)?.row ?? -1
    }

    static func checkIn(_ name: String, _ sequence: Int, boot: String = "boot") throws -> CheckIn {
        var checkIn = CheckIn(
            device: try device(name),
            boot: boot,
            sequence: sequence,
            moment: .init(at(sequence), isTrusted: true),
            facts: .init(
                agent: "0.9.0",
                machine: "x86_64",
                kernel: "6.1.0-18-amd64",
                system: "Debian GNU/Linux 12 (bookworm)",
                processors: 4,
                memoryBytes: 8 << 30,
                uptime: sequence
            )
        )
        checkIn.channel = .prod
        checkIn.labels = ["site": "berlin"]
        checkIn.metadata = .init(timestampVersion: 7, verified: at(0), source: "repository")
        checkIn.endpoints = [try endpoint("vision")]
        return checkIn
    }

    static func endpoint(_ name: String, running: String? = "one", wanted: String? = "one") throws -> EndpointReport {
        var report = EndpointReport(name: try EndpointName(stored: name), listen: "127.0.0.1:8080", state: "Idle")
        report.running = running.map { bundle($0) }
        report.wanted = wanted.map { bundle($0) }
        report.since = at(0)
        report.containment = "full"
        report.counters = .init(requests: 10, errors: 0, restarts: 0, p50Microseconds: 900, p99Microseconds: 2_000)
        return report
    }

    static func bundle(_ name: String) -> BundleReport {
        BundleReport(digest: digest("bundle \(name)"), name: name, version: "1.0.0", serial: 3)
    }

    static func event(_ sequence: Int, boot: String = "boot", log: String? = nil) throws -> EventReport {
        var event = EventReport(
            boot: boot,
            sequence: sequence,
            moment: .init(at(sequence), isTrusted: false),
            endpoint: try EndpointName(stored: "vision"),
            state: "Commit",
            reason: "healthy",
            detail: "event \(sequence)"
        )
        event.serial = 4
        event.bundle = bundle("one")
        event.result = "successful"
        event.log = log
        return event
    }

    @discardableResult
    func ingest(_ checkIn: CheckIn, row: Int64, at seconds: Int) throws -> CheckInReply.Inputs? {
        try store.ingest([.init(checkIn: checkIn, row: row, at: Self.at(seconds), address: "192.0.2.7")]).first
    }
}
