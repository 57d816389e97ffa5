import Crypto
import Deployment
import Diagnostics
import Digest
import FileSystem
import FleetProtocol
import Glibc
import Gzip
import HTTPClient
import JSON
import Synchronization
import Testing
import UnixSockets
import WallClock

@testable import Fleet

/// A server of a fleet in a folder of its own, on ports that were free.
final class ServerFixture {
    private let scratch: TemporaryDirectory
    let folder: FleetFolder
    let server: FleetServer
    let store: FleetStore
    let lines: Lines

    var url: String { server.url }
    var path: String { scratch.path }

    /// - Parameter clock: how far the fleet's clock is ahead of the machine's, in seconds.
    init(clock: Int64 = 0, _ configure: (inout FleetServerSettings) -> Void = { _ in }) throws {
        scratch = try TemporaryDirectory(prefix: "fleet-server")
        folder = FleetFolder(FileSystem.join(scratch.path, "fleet"))
        let lines = Lines()
        self.lines = lines
        var settings = FleetServerSettings()
        settings.listen = .tcp(host: "127.0.0.1", port: 0)
        settings.dashboard = .tcp(host: "127.0.0.1", port: 0)
        settings.log = { lines.append($0) }
        settings.now = { UTCTime(seconds: Int64(time(nil)) + clock) }
        configure(&settings)
        server = try FleetServer(folder, settings)
        store = try FleetStore(folder: folder)
        try FileSystem.write(
            FleetAuthority.open(folder, at: settings.now()).certificatePEM,
            to: FileSystem.join(scratch.path, "ca.pem")
        )
    }

    deinit { server.stop() }

    static var now: UTCTime { UTCTime(seconds: Int64(time(nil))) }

    /// The secret of a new token.
    func token(
        uses: Int = 10,
        expires: UTCTime = UTCTime(seconds: Int64.max / 4),
        labels: [String: String] = [:],
        root: SHA256Digest? = nil
    ) throws -> String {
        let secret = SHA256.digest("\(UInt64.random(in: .min ... .max))".utf8).hex
        _ = try store.createToken(
            TokenRecord(
                created: Self.now,
                createdBy: "operator:test",
                expires: expires,
                uses: uses,
                rootDigest: root,
                labels: labels
            ),
            secretDigest: SHA256.digest(secret.utf8),
            by: "operator:test",
            at: Self.now
        )
        return secret
    }

    /// A box that has enrolled.
    func box(_ id: String = "box-1", labels: [String: String] = [:]) throws -> TestBox {
        let key = try PrivateKey.generate()
        let answer = try enrol(id, key: key, secret: try token(labels: labels))
        guard answer.status == 200 else { throw TestProblem("enrolment: \(answer.status) \(answer.text)") }
        return TestBox(id: id, key: key, certificate: try EnrolmentReply(answer.body).certificate.certificate)
    }

    func enrol(_ id: String, key: PrivateKey, secret: String) throws -> HTTPClientAnswer {
        let request = String(decoding: try CertificateRequest.make(key: key).pemBytes, as: UTF8.self)
        let body = EnrolmentRequest(device: try StoreFixture.device(id), certificateRequest: request)
        return try send("/v1/enrol", body.json.compactBytes(), headers: [("Authorization", "Bearer \(secret)")])
    }

    func client(as box: TestBox? = nil) throws -> HTTPClient {
        var configuration = HTTPClientConfiguration()
        configuration.pinnedAuthorities = try FileSystem.read(folder.authorityCertificate, limit: 1 << 16)
        configuration.identity = try box.map {
            HTTPClientIdentity(certificateChain: Array($0.certificate.utf8), privateKey: try $0.key.pemBytes())
        }
        return try HTTPClient(configuration)
    }

    /// Over a connection of its own unless a client is given.
    func send(
        _ path: String,
        _ body: [UInt8],
        as box: TestBox? = nil,
        method: HTTPClientRequest.Method = .post,
        type: String? = "application/json",
        headers: [(name: String, value: String)] = [],
        over client: HTTPClient? = nil
    ) throws -> HTTPClientAnswer {
        let request = HTTPClientRequest(method, url + path, contentType: type, headers: headers, body: body)
        return try (client ?? self.client(as: box)).send(request, limitBytes: 8 << 20, timeout: .seconds(20))
    }

    /// From the dashboard.
    func look(_ path: String, headers: [(name: String, value: String)] = []) throws -> HTTPClientAnswer {
        let address = try #require(server.dashboardAddress)
        return try HTTPClient().send(
            HTTPClientRequest(.get, "http://\(address)\(path)", headers: headers),
            limitBytes: 8 << 20,
            timeout: .seconds(20)
        )
    }

    /// What a command of a shell prints, run in the folder that holds `ca.pem`.
    func shell(_ command: String) throws -> (status: Int32, text: String) {
        let path = FileSystem.join(scratch.path, "out.\(UInt64.random(in: 0 ... .max))")
        let status = system("cd '\(scratch.path)' && ( \(command) ) >'\(path)' 2>&1 </dev/null")
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        return ((status & 0x7F) == 0 ? (status >> 8) & 0xFF : -1, text)
    }

    /// Writes NAME.pem and NAME.key for programs that are not ours.
    func write(_ box: TestBox, as name: String) throws {
        try FileSystem.write(Array(box.certificate.utf8), to: FileSystem.join(path, "\(name).pem"))
        try FileSystem.write(try box.key.pemBytes(), to: FileSystem.join(path, "\(name).key"))
    }
}

struct TestBox {
    var id: String
    var key: PrivateKey
    var certificate: String

    func checkIn(_ sequence: Int = 1, labels: [String: String] = [:]) throws -> CheckIn {
        guard let device = DeviceID(id) else { throw TestProblem("\(id) is no id") }
        var checkIn = CheckIn(
            device: device,
            boot: "boot-1",
            sequence: sequence,
            moment: .init(ServerFixture.now, isTrusted: true),
            facts: .init(agent: "test")
        )
        checkIn.labels = labels
        return checkIn
    }

    /// A certificate for the same device that another authority has issued.
    static func stranger(_ id: String) throws -> TestBox {
        let now = ServerFixture.now.seconds
        let authority = try CertificateAuthority.make(
            name: "edge fleet",
            key: try .generate(),
            at: now,
            lifetimeSeconds: 86_400
        )
        return try issued(id, by: authority, seconds: 3600)
    }

    static func issued(_ id: String, by authority: CertificateAuthority, seconds: Int64) throws -> TestBox {
        let key = try PrivateKey.generate()
        let certificate = try authority.issueClientCertificate(
            for: try CertificateRequest.make(key: key),
            deviceID: id,
            at: ServerFixture.now.seconds,
            lifetimeSeconds: seconds
        )
        return TestBox(id: id, key: key, certificate: String(decoding: certificate.pemBytes, as: UTF8.self))
    }
}

struct TestProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    func append(_ line: String) { lines.withLock { $0.append(line) } }

    var all: [String] { lines.withLock { $0 } }
}

extension HTTPClientAnswer {
    var text: String { String(decoding: body, as: UTF8.self) }

    /// The code of the error that it is.
    var code: FleetProblem.Code? { FleetProblem(body)?.code }

    var json: JSONValue? { try? JSONValue.parse(body, limits: .document) }
}
