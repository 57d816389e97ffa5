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

/// A fleet of one server with TLS as the real one has it, which keeps nothing but who enrolled. Every answer can be
/// replaced by a test.
final class SmallFleet: HTTPHandler {
    /// What was asked, with the body unpacked.
    struct Asked {
        let path: String
        let type: String?
        let token: String?
        let wasPacked: Bool
        let body: [UInt8]
        /// Of the certificate that was shown.
        let device: String?
        let isExpired: Bool
    }

    enum Answer {
        case usual
        case response(HTTPResponse)
        /// None, for as long as the fleet is there.
        case silence

        static func problem(_ code: FleetProblem.Code, headers: [HTTPHeader] = []) -> Answer {
            let problem = FleetProblem(code, "because of \(code.rawValue)", hint: "do so")
            return .response(
                HTTPResponse(
                    HTTPStatus(UInt16(code.status)),
                    contentType: "application/json",
                    headers: headers,
                    body: problem.json.compactBytes()
                )
            )
        }
    }

    typealias Script = @Sendable (Asked) -> Answer

    private struct State {
        var server: HTTPServer?
        var script: Script = { _ in .usual }
        var asked: [Asked] = []
        var silent: [HTTPExchange] = []
    }

    static let secret = String(repeating: "5a", count: 32)
    static let day: Int64 = 86_400
    let authority: CertificateAuthority
    private let state = Mutex(State())

    /// - Parameters:
    ///   - made: seconds from now at which authority and server certificate were made.
    ///   - name: what the server's certificate is made out for.
    init(made: Int64 = 0, name: String = "127.0.0.1", lifetime: Int64 = 90 * day) throws {
        let now = Int64(time(nil)) + made
        authority = try .make(name: "Fleet", key: try .generate(), at: now, lifetimeSeconds: 3650 * Self.day)
        let key = try PrivateKey.generate()
        let certificate = try authority.issueServerCertificate(
            for: try CertificateRequest.make(key: key),
            names: [try #require(ServerName(name))],
            at: now,
            lifetimeSeconds: lifetime
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
        let silent = state.withLock { state in
            defer { state.silent = [] }
            return state.silent
        }
        for exchange in silent { exchange.respond(.serviceUnavailable) }
        let server = state.withLock { state in
            defer { state.server = nil }
            return state.server
        }
        server?.stop()
    }

    var url: String { "https://127.0.0.1:\(state.withLock { $0.server?.port } ?? 0)" }

    var token: EnrolmentToken {
        EnrolmentToken(
            server: url,
            authority: SHA256.digest(authority.certificate.derBytes),
            root: nil,
            secret: Self.secret
        )
    }

    func answer(_ script: @escaping Script) { state.withLock { $0.script = script } }

    var asked: [Asked] { state.withLock { $0.asked } }

    func certificate(
        _ request: String,
        _ device: String,
        at moment: Int64 = 0,
        lifetime: Int64 = 30 * day
    ) throws
        -> IssuedCertificate
    {
        let certificate = try authority.issueClientCertificate(
            for: try CertificateRequest(pem: Array(request.utf8), source: "request"),
            deviceID: device,
            at: Int64(time(nil)) + moment,
            lifetimeSeconds: lifetime
        )
        return IssuedCertificate(
            certificate: String(decoding: certificate.pemBytes, as: UTF8.self),
            authorities: String(decoding: authority.certificate.pemBytes, as: UTF8.self)
        )
    }

    // MARK: - The server

    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision { .accept(limitBytes: 4 << 20) }

    func handle(_ exchange: HTTPExchange) {
        var body = exchange.withBody { Array($0) }
        let wasPacked = exchange.header("Content-Encoding") == "gzip"
        if wasPacked { body = (try? Gzip.decompress(body, limitBytes: 8 << 20)) ?? [] }
        let shown = exchange.clientCertificate
        let asked = Asked(
            path: exchange.path,
            type: exchange.header("Content-Type"),
            token: exchange.header("Authorization"),
            wasPacked: wasPacked,
            body: body,
            device: shown.flatMap { try? Certificate(der: $0.derBytes, source: "client") }?.deviceID,
            isExpired: shown?.isExpired ?? false
        )
        let script = state.withLock { state in
            state.asked.append(asked)
            return state.script
        }
        switch script(asked) {
        case .usual: exchange.respond(usual(asked))
        case .response(let response): exchange.respond(response)
        case .silence: state.withLock { $0.silent.append(exchange) }
        }
    }

    private func usual(_ asked: Asked) -> HTTPResponse {
        do {
            if asked.path == "/v1/authority" {
                return HTTPResponse(.ok, contentType: "application/x-pem-file", body: authority.certificate.pemBytes)
            }
            if asked.path == "/v1/enrol" {
                guard asked.token == "Bearer \(Self.secret)" else { return HTTPResponse(HTTPStatus(401)) }
                let request = try EnrolmentRequest(asked.body)
                let reply = EnrolmentReply(
                    certificate: try certificate(request.certificateRequest, request.device.text),
                    device: request.device,
                    labels: ["site": "hamburg"]
                )
                return HTTPResponse(.ok, contentType: "application/json", body: reply.json.compactBytes())
            }
            guard let device = asked.device else { return HTTPResponse(HTTPStatus(401)) }
            switch asked.path {
            case "/v1/renew":
                let issued = try certificate(try RenewalRequest(asked.body).certificateRequest, device)
                return HTTPResponse(.ok, contentType: "application/json", body: issued.json.compactBytes())
            case "/v1/checkin":
                let checkIn = try CheckIn(asked.body)
                let reply = CheckInReply(
                    acknowledged: checkIn.sequence,
                    interval: 30,
                    labels: [:],
                    now: UTCTime(seconds: Int64(time(nil)))
                )
                return HTTPResponse(.ok, contentType: "application/json", body: reply.json.compactBytes())
            case "/v1/metrics", "/v1/logs": return HTTPResponse(.ok, contentType: "application/x-protobuf")
            default: return HTTPResponse(.notFound)
            }
        } catch {
            return .text(.badRequest, "\(error)")
        }
    }
}
