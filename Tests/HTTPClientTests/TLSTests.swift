import Crypto
import Glibc
import HTTPServer
import Testing
import UnixSockets

@testable import HTTPClient

/// Answers with who asks, how, and with what.
private final class Answering: HTTPHandler {
    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision { .accept(limitBytes: 1 << 20) }

    func handle(_ exchange: HTTPExchange) {
        switch exchange.path {
        case "/long": exchange.respond(.ok, body: [UInt8](repeating: 0x61, count: 5000))
        case "/away": exchange.respond(HTTPStatus(302), headers: [HTTPHeader("Location", "/")], body: "moved")
        case "/no": exchange.respond(.badRequest, body: "because")
        default:
            let who = exchange.clientCertificate.flatMap { try? Certificate(der: $0.derBytes, source: "c") }?.deviceID
            let token = exchange.header("Authorization") ?? "-"
            let text = exchange.withBody { String(decoding: $0, as: UTF8.self) }
            let type = exchange.header("Content-Type") ?? "-"
            exchange.respond(
                .ok,
                body: Array("\(exchange.methodName) \(who ?? "nobody") \(token) \(type) \(text)".utf8)
            )
        }
    }
}

/// Our client and our server, each with certificates of our authority.
@Suite struct TLSTests {
    static let day: Int64 = 86_400
    let now = Int64(time(nil))
    let authority: CertificateAuthority

    init() throws { authority = try Self.authority() }

    static func authority() throws -> CertificateAuthority {
        let before = Int64(time(nil)) - 100 * day
        return try .make(name: "Test fleet", key: try .generate(), at: before, lifetimeSeconds: 365 * day)
    }

    func server(_ clients: ClientCertificates? = nil, name: String = "127.0.0.1") throws -> HTTPServer {
        try HTTPServer(
            .tcp(host: "127.0.0.1", port: 0),
            configuration: try configuration(clients, name: name),
            handler: Answering()
        )
    }

    func configuration(_ clients: ClientCertificates?, name: String) throws -> HTTPServerConfiguration {
        let key = try PrivateKey.generate()
        let certificate = try authority.issueServerCertificate(
            for: try CertificateRequest.make(key: key),
            names: [try #require(ServerName(name))],
            at: now,
            lifetimeSeconds: Self.day
        )
        var configuration = HTTPServerConfiguration()
        configuration.tls = HTTPServerTLS(
            certificateChain: certificate.pemBytes,
            privateKey: try key.pemBytes(),
            clients: clients ?? .required(authorities: authority.certificate.pemBytes)
        )
        return configuration
    }

    func client(
        _ deviceID: String?,
        by issuer: CertificateAuthority? = nil,
        at moment: Int64? = nil,
        trusting: CertificateAuthority? = nil
    ) throws -> HTTPClient {
        var configuration = HTTPClientConfiguration()
        configuration.pinnedAuthorities = (trusting ?? authority).certificate.pemBytes
        if let deviceID {
            let key = try PrivateKey.generate()
            let certificate = try (issuer ?? authority).issueClientCertificate(
                for: try CertificateRequest.make(key: key),
                deviceID: deviceID,
                at: moment ?? now,
                lifetimeSeconds: Self.day
            )
            configuration.identity = HTTPClientIdentity(
                certificateChain: certificate.pemBytes,
                privateKey: try key.pemBytes()
            )
        }
        return try HTTPClient(configuration)
    }

    func send(_ client: HTTPClient, _ server: HTTPServer, _ path: String = "/") throws(HTTPClientError) -> String {
        let url = "https://127.0.0.1:\(server.port ?? 0)\(path)"
        let request = HTTPClientRequest(.post, url, contentType: "text/x", body: Array("hello".utf8))
        let answer = try client.send(request, limitBytes: 1000, timeout: .seconds(20))
        return "\(answer.status) \(String(decoding: answer.body, as: UTF8.self))"
    }

    @Test func bothSidesKnowEachOther() throws {
        let server = try server()
        let client = try client("box-1")
        for _ in 0..<3 { #expect(try send(client, server) == "200 POST box-1 - text/x hello") }
        #expect(server.openConnections == 1)
        #expect(try send(client, server, "/no") == "400 because")
        #expect(try send(client, server, "/away") == "302 moved")
        let url = "https://127.0.0.1:\(server.port ?? 0)"
        #expect(throws: HTTPClientError.tooLarge(url: "\(url)/long", limitBytes: 1000)) {
            try send(client, server, "/long")
        }
        var body: [UInt8] = []
        #expect(try client.get("\(url)/", limitBytes: 100) { body += $0 }.isSuccess)
        #expect(String(decoding: body, as: UTF8.self) == "GET box-1 - - ")
        #expect(try send(client, server) == "200 POST box-1 - text/x hello")
    }

    @Test func saysWhyTheServerRefuses() throws {
        let server = try server()
        func problem(_ client: HTTPClient) -> ClientCertificateProblem? {
            do {
                _ = try send(client, server)
            } catch {
                guard case .certificateRefused(_, let problem) = error else {
                    Issue.record(error)
                    return nil
                }
                return problem
            }
            return nil
        }
        #expect(problem(try client(nil)) == .missing)
        #expect(problem(try client("a", at: now - 2 * Self.day)) == .expired)
        #expect(problem(try client("a", by: try Self.authority())) == .unknownAuthority)
        #expect(problem(try client("a")) == nil)
    }

    @Test func saysThatTheServerIsAnother() throws {
        func isUntrusted(_ body: () throws -> String) -> Bool {
            do { _ = try body() } catch HTTPClientError.untrusted { return true } catch { Issue.record(error) }
            return false
        }
        let server = try server()
        let stranger = try client("a", trusting: try Self.authority())
        #expect(isUntrusted { try send(stranger, server) })
        let named = try self.server(name: "other.example")
        let client = try client("a")
        #expect(isUntrusted { try send(client, named) })
    }

    @Test func fetchesFromAnybodyOnlyWhereItIsAskedTo() throws {
        let stranger = try HTTPServer(
            .tcp(host: "127.0.0.1", port: 0),
            configuration: try configuration(.optional(authorities: authority.certificate.pemBytes), name: "other"),
            handler: Answering()
        )
        let url = "https://127.0.0.1:\(stranger.port ?? 0)"
        func fetch(_ url: String, limitBytes: Int = 100) throws(HTTPClientError) -> HTTPClientAnswer {
            try HTTPClient.getFromUnverifiedServer(
                url,
                userAgent: "test",
                limitBytes: limitBytes,
                timeout: .seconds(20)
            )
        }
        #expect(String(decoding: try fetch("\(url)/").body, as: UTF8.self) == "GET nobody - - ")
        #expect(try fetch("\(url)/no").status == 400)
        #expect(try fetch("\(url)/away").status == 302)
        #expect(throws: HTTPClientError.tooLarge(url: "\(url)/long", limitBytes: 100)) { try fetch("\(url)/long") }
        #expect(throws: HTTPClientError.self) { try fetch("http://127.0.0.1:\(stranger.port ?? 0)/") }
        // Clients as they are believe nobody that nobody vouches for.
        #expect(throws: HTTPClientError.self) { try send(try client(nil), stranger) }
    }

    @Test func saysThatItsOwnCertificateIsNone() throws {
        let server = try server()
        var configuration = HTTPClientConfiguration()
        configuration.pinnedAuthorities = authority.certificate.pemBytes
        configuration.identity = HTTPClientIdentity(
            certificateChain: authority.certificate.pemBytes,
            privateKey: try PrivateKey.generate().pemBytes()
        )
        let client = try HTTPClient(configuration)
        do {
            _ = try send(client, server)
            Issue.record("was sent")
        } catch {
            guard case .unusableCertificate = error else { throw error }
        }
    }

    @Test func showsATokenToItsServerAndToNobodyElse() throws {
        let server = try server(.notAsked)
        let client = try client(nil)
        let token = try #require(BearerToken("s3cret.-_~+/="))
        #expect("\(token)" == "(token)" && String(reflecting: token) == "(token)")
        let url = "https://127.0.0.1:\(server.port ?? 0)/"
        let request = HTTPClientRequest(.post, url, token: token)
        #expect(!"\(request)".contains("s3cret"))
        let answer = try client.send(request, limitBytes: 1000, timeout: .seconds(20))
        #expect(String(decoding: answer.body, as: UTF8.self) == "POST nobody Bearer s3cret.-_~+/= - ")
        for url in ["http://example.org/", "http://127.0.0.1:1@example.org/", "http://localhost.example.org/"] {
            let error = #expect(throws: HTTPClientError.self) {
                try client.send(HTTPClientRequest(.post, url, token: token), limitBytes: 10, timeout: .seconds(5))
            }
            #expect(error == .badURL(url, reason: "a token is sent over HTTPS only"))
        }
        for text in ["", "a b", "a\r\nX: y", "ü", String(repeating: "a", count: 4097)] {
            #expect(BearerToken(text) == nil)
        }
        let split = HTTPClientRequest(.post, url, headers: [("X-A", "b\r\nX-C: d")])
        #expect(throws: HTTPClientError.self) { try client.send(split, limitBytes: 10, timeout: .seconds(5)) }
    }
}
