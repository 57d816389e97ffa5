import Crypto
import Deployment
import Digest
import FleetProtocol
import Glibc
import Gzip
import HTTPServer
import JSON
import Synchronization
import Testing
import UnixSockets
import WallClock

/// A fleet with one server, TLS as the real one has it, and a memory of what boxes sent. A test can answer in its place,
/// before or after it has taken what was sent.
final class BoxFleet: HTTPHandler {
    enum Answer {
        case usual
        /// In the place of taking what was sent.
        case instead(HTTPResponse)
        /// What was sent is taken, and the answer is lost.
        case lost

        static func problem(_ code: FleetProblem.Code, _ words: String = "so it is", retryAfter: Int? = nil) -> Answer {
            .instead(
                HTTPResponse(
                    HTTPStatus(UInt16(code.status)),
                    contentType: "application/json",
                    headers: retryAfter.map { [HTTPHeader("Retry-After", "\($0)")] } ?? [],
                    body: FleetProblem(code, words, hint: "do so").json.compactBytes()
                )
            )
        }
    }

    struct Asked: Sendable {
        let path: String
        let body: [UInt8]
        let device: String?
        /// SHA-256 of the certificate that was shown.
        let fingerprint: SHA256Digest?
        let isExpired: Bool
    }

    typealias Script = @Sendable (Asked) -> Answer

    /// What a test looks at, and what it sets.
    struct State {
        fileprivate var server: HTTPServer?
        var script: Script = { _ in .usual }
        var asked: [Asked] = []
        /// By device: digest of the key that it enrolled with.
        var keys: [String: SHA256Digest] = [:]
        /// Certificates that count.
        var certificates: Set<SHA256Digest> = []
        var tokenUses = 0
        var checkIns: [CheckIn] = []
        /// By boot and sequence, as often as they came.
        var events: [String: Int] = [:]
        var metrics: [[UInt8]] = []
        var logs: [[UInt8]] = []
        // What the fleet says.
        var labels: [String: String] = [:]
        var interval = 60
        var channel: Channel? = .prod
        var repository: String? = "https://models.example"
        var root: String?
        /// Seconds from now, by the fleet's clock.
        var ahead: Int64 = 0
        var lifetime: Int64 = 30 * day
    }

    static let secret = String(repeating: "5a", count: 32)
    static let day: Int64 = 86_400
    let authority: CertificateAuthority
    let state = Mutex(State())

    init() throws {
        let now = Int64(time(nil)) - 100 * Self.day
        authority = try .make(name: "Fleet", key: try .generate(), at: now, lifetimeSeconds: 3650 * Self.day)
        let key = try PrivateKey.generate()
        let certificate = try authority.issueServerCertificate(
            for: try CertificateRequest.make(key: key),
            names: [try #require(ServerName("127.0.0.1"))],
            at: Int64(time(nil)),
            lifetimeSeconds: 90 * Self.day
        )
        var configuration = HTTPServerConfiguration()
        configuration.tls = HTTPServerTLS(
            certificateChain: certificate.pemBytes,
            privateKey: try key.pemBytes(),
            clients: .optional(authorities: authority.certificate.pemBytes, expired: .handedOver)
        )
        let server = try HTTPServer(.tcp(host: "127.0.0.1", port: 0), configuration: configuration, handler: self)
        state.withLock { $0.server = server }
    }

    /// To be called at a test's end: server and handler hold each other.
    func stop() {
        let server = state.withLock { state in
            defer { state.server = nil }
            return state.server
        }
        server?.stop()
    }

    var url: String { "https://127.0.0.1:\(state.withLock { $0.server?.port } ?? 0)" }

    func token(root: [UInt8]? = nil) -> EnrolmentToken {
        EnrolmentToken(
            server: url,
            authority: SHA256.digest(authority.certificate.derBytes),
            root: root.map { SHA256.digest($0) },
            secret: Self.secret
        )
    }

    func answer(_ script: @escaping Script) { state.withLock { $0.script = script } }

    // MARK: - The server

    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision { .accept(limitBytes: 4 << 20) }

    func handle(_ exchange: HTTPExchange) {
        var body = exchange.withBody { Array($0) }
        if exchange.header("Content-Encoding") == "gzip" {
            body = (try? Gzip.decompress(body, limitBytes: 8 << 20)) ?? []
        }
        let shown = exchange.clientCertificate
        let asked = Asked(
            path: exchange.path,
            body: body,
            device: shown.flatMap { try? Certificate(der: $0.derBytes, source: "client") }?.deviceID,
            fingerprint: shown.map { SHA256.digest($0.derBytes) },
            isExpired: shown?.isExpired ?? false
        )
        let script = state.withLock { state in
            state.asked.append(asked)
            return state.script
        }
        let authorization = exchange.header("Authorization")
        switch script(asked) {
        case .usual: exchange.respond(usual(asked, authorization))
        case .instead(let response): exchange.respond(response)
        case .lost:
            _ = usual(asked, authorization)
            exchange.respond(.text(.gatewayTimeout, "lost"))
        }
    }

    private func usual(_ asked: Asked, _ authorization: String?) -> HTTPResponse {
        do {
            return try state.withLock { state in try take(asked, authorization, &state) }
        } catch let problem as FleetProblem {
            return HTTPResponse(HTTPStatus(UInt16(problem.code.status)), body: problem.json.compactBytes())
        } catch {
            let problem = FleetProblem(.malformed, "\(error)")
            return HTTPResponse(.badRequest, body: problem.json.compactBytes())
        }
    }

    private func take(_ asked: Asked, _ authorization: String?, _ state: inout State) throws -> HTTPResponse {
        if asked.path == "/v1/authority" { return HTTPResponse(.ok, body: authority.certificate.pemBytes) }
        if asked.path == "/v1/enrol" {
            guard authorization == "Bearer \(Self.secret)" else { throw FleetProblem(.tokenUnknown, "no such token") }
            let request = try EnrolmentRequest(asked.body)
            let issued = try issue(request.certificateRequest, request.device.text, &state)
            let key = SHA256.digest(
                try CertificateRequest(pem: Array(request.certificateRequest.utf8), source: "r").publicKey.pemBytes
            )
            if let known = state.keys[request.device.text] {
                guard known == key else { throw FleetProblem(.deviceTaken, "\(request.device) is enrolled") }
            } else {
                state.tokenUses += 1
            }
            state.keys[request.device.text] = key
            let reply = EnrolmentReply(
                certificate: issued,
                device: request.device,
                channel: state.channel,
                repository: state.repository,
                root: state.root,
                labels: state.labels,
                interval: state.interval
            )
            return HTTPResponse(.ok, body: reply.json.compactBytes())
        }
        guard let device = asked.device, let fingerprint = asked.fingerprint else {
            throw FleetProblem(.certificateMissing, "no certificate")
        }
        guard state.certificates.contains(fingerprint) else { throw FleetProblem(.certificateUnknown, "not known") }
        if asked.path == "/v1/renew" {
            let request = try RenewalRequest(asked.body)
            return HTTPResponse(.ok, body: try issue(request.certificateRequest, device, &state).json.compactBytes())
        }
        if asked.isExpired { throw FleetProblem(.certificateExpired, "it has expired") }
        switch asked.path {
        case "/v1/checkin":
            let checkIn = try CheckIn(asked.body)
            guard checkIn.device.text == device else { throw FleetProblem(.deviceMismatch, "another device") }
            state.checkIns.append(checkIn)
            for event in checkIn.events { state.events["\(event.boot)/\(event.sequence)", default: 0] += 1 }
            let reply = CheckInReply(
                acknowledged: checkIn.sequence,
                interval: state.interval,
                labels: state.labels,
                now: UTCTime(seconds: Int64(time(nil)) + state.ahead)
            )
            return HTTPResponse(.ok, body: reply.json.compactBytes())
        case "/v1/metrics": state.metrics.append(asked.body)
        case "/v1/logs": state.logs.append(asked.body)
        default: throw FleetProblem(.notFound, "no such path")
        }
        return HTTPResponse(.ok, contentType: "application/x-protobuf")
    }

    private func issue(_ request: String, _ device: String, _ state: inout State) throws -> IssuedCertificate {
        let certificate = try authority.issueClientCertificate(
            for: try CertificateRequest(pem: Array(request.utf8), source: "request"),
            deviceID: device,
            at: Int64(time(nil)),
            lifetimeSeconds: state.lifetime
        )
        state.certificates.insert(SHA256.digest(certificate.derBytes))
        return IssuedCertificate(
            certificate: String(decoding: certificate.pemBytes, as: UTF8.self),
            authorities: String(decoding: authority.certificate.pemBytes, as: UTF8.self)
        )
    }
}

/// Runs `body` with a fleet that is there for as long.
func withFleet<Value>(_ body: (BoxFleet) throws -> Value) throws -> Value {
    let fleet = try BoxFleet()
    defer { fleet.stop() }
    return try body(fleet)
}
