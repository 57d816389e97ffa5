import Crypto
import Diagnostics
import FileSystem
import Glibc
import HTTPServer
import Testing

/// A fleet's certificates in a folder, and curl and openssl as clients that are not ours.
final class TestFleet: Sendable {
    let directory: TemporaryDirectory
    let authority: CertificateAuthority
    static let day: Int64 = 86_400
    let now = Int64(time(nil))

    var folder: String { directory.path }

    init() throws {
        directory = try TemporaryDirectory(prefix: "tls-tests")
        authority = try Self.authority()
        try FileSystem.write(authority.certificate.pemBytes, to: "\(folder)/ca.crt")
    }

    static func authority(_ name: String = "Test fleet") throws -> CertificateAuthority {
        let before = Int64(time(nil)) - 100 * day
        return try CertificateAuthority.make(name: name, key: try .generate(), at: before, lifetimeSeconds: 3650 * day)
    }

    /// Writes NAME.crt and NAME.pem.
    @discardableResult
    func client(
        _ name: String,
        by issuer: CertificateAuthority? = nil,
        at moment: Int64? = nil,
        seconds: Int64 = day
    ) throws -> Certificate {
        let key = try PrivateKey.generate()
        let certificate = try (issuer ?? authority).issueClientCertificate(
            for: try CertificateRequest.make(key: key),
            deviceID: name,
            at: moment ?? now,
            lifetimeSeconds: seconds
        )
        try FileSystem.write(certificate.pemBytes, to: "\(folder)/\(name).crt")
        try FileSystem.write(key.pemBytes(), to: "\(folder)/\(name).pem")
        return certificate
    }

    func server(_ clients: ClientCertificates = .notAsked, name: String = "127.0.0.1") throws -> HTTPServerTLS {
        let key = try PrivateKey.generate()
        let certificate = try authority.issueServerCertificate(
            for: try CertificateRequest.make(key: key),
            names: [try #require(ServerName("127.0.0.1")), try #require(ServerName(name))],
            at: now,
            lifetimeSeconds: Self.day
        )
        return HTTPServerTLS(
            certificateChain: certificate.pemBytes,
            privateKey: try key.pemBytes(),
            clients: clients
        )
    }

    var required: ClientCertificates { .required(authorities: authority.certificate.pemBytes) }
    var optional: ClientCertificates { .optional(authorities: authority.certificate.pemBytes) }

    /// What a command prints, standard error too, and its exit status.
    func run(_ command: String) throws -> (status: Int32, text: String) {
        let path = "\(folder)/out.\(UInt64.random(in: 0 ... .max))"
        let status = system("cd '\(folder)' && timeout 20 \(command) >'\(path)' 2>&1 </dev/null")
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        return ((status & 0x7F) == 0 ? (status >> 8) & 0xFF : -1, text)
    }

    /// Asks with curl; as a client with that certificate where one is named.
    func curl(_ server: HTTPServer, as client: String? = nil, _ options: String = "") throws -> (Int32, String) {
        let identity = client.map { "--cert \($0).crt --key \($0).pem" } ?? ""
        let result = try run(
            "curl -sS --cacert ca.crt \(identity) \(options) https://127.0.0.1:\(server.port ?? 0)/who"
        )
        return (result.status, result.text)
    }

    static let hasPrograms: Bool = {
        let found = system("curl --version >/dev/null 2>&1 && openssl version >/dev/null 2>&1") == 0
        if !found { print("TLS not judged: curl or openssl is not installed") }
        return found
    }()
}

extension HTTPServer {
    /// A server that says who asks.
    static func start(
        _ tls: HTTPServerTLS,
        configuration: HTTPServerConfiguration = HTTPServerConfiguration(),
        limitBytes: Int = 1 << 20,
        _ onExchange: @escaping @Sendable (HTTPExchange) -> Void = { $0.nameClient() }
    ) throws -> HTTPServer {
        var configuration = configuration
        configuration.tls = tls
        return try start(limitBytes: limitBytes, configuration: configuration, onExchange)
    }
}

extension HTTPExchange {
    func nameClient() {
        guard let shown = clientCertificate else { return _ = respond(.ok, body: "nobody") }
        let certificate = try? Certificate(der: shown.derBytes, source: "client")
        let text = "\(certificate?.deviceID ?? "no device")\(shown.isExpired ? " expired" : "") \(bodyText.utf8.count)"
        respond(.ok, body: Array(text.utf8))
    }
}

@Suite(.enabled(if: TestFleet.hasPrograms)) struct TLSTests {
    @Test func answersOverTLSAndOnlyOverTLS() throws {
        let fleet = try TestFleet()
        let server = try HTTPServer.start(try fleet.server())
        for version in ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3"] {
            let (status, text) = try fleet.curl(server, version)
            #expect(status == 0 && text == "nobody", "\(text)")
        }
        #expect(try fleet.run("curl -sS http://127.0.0.1:\(server.port ?? 0)/").status != 0)
        // Another authority than ours.
        #expect(try fleet.run("curl -sS https://127.0.0.1:\(server.port ?? 0)/").status == 60)
    }

    @Test(arguments: ["-tls1", "-tls1_1", "-tls1_2 -cipher AES128-SHA", "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA"])
    func refusesOldVersionsAndCiphers(options: String) throws {
        let fleet = try TestFleet()
        let server = try HTTPServer.start(try fleet.server())
        let command = "openssl s_client -connect 127.0.0.1:\(server.port ?? 0)"
        #expect(try fleet.run("\(command) \(options)").status != 0)
        #expect(try fleet.run("\(command) -CAfile ca.crt -verify_return_error").status == 0)
        #expect(try fleet.run("\(command) -CAfile ca.crt -verify_return_error -tls1_2").status == 0)
    }

    @Test(arguments: ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3"])
    func refusesByItselfAndSaysWhy(version: String) throws {
        let fleet = try TestFleet()
        let asked = Mailbox<Int>()
        let server = try HTTPServer.start(try fleet.server(fleet.required)) { exchange in
            asked.put(1)
            exchange.nameClient()
        }
        let good = try fleet.client("box-1")
        try fleet.client("expired", at: fleet.now - 2 * TestFleet.day)
        try fleet.client("stranger", by: try TestFleet.authority("Another fleet"))
        try fleet.client("namesake", by: try TestFleet.authority())
        try fleet.client("early", at: fleet.now + 2 * TestFleet.day, seconds: 2 * TestFleet.day)
        func alert(_ client: String?) throws -> String {
            let (status, text) = try fleet.curl(server, as: client, version)
            #expect(status != 0)
            // With TLS 1.2 curl takes this alert for an error of its own, with a number and no words.
            return status == 60 ? "alert certificate expired" : text
        }
        let missing = try alert(nil)
        #expect(
            missing.contains(version == "--tlsv1.3" ? "certificate required" : "alert handshake failure"),
            "\(missing)"
        )
        #expect(try alert("expired").contains("alert certificate expired"))
        #expect(try alert("early").contains("alert certificate expired"))
        #expect(try alert("stranger").contains("alert unknown ca"))
        #expect(try alert("namesake").contains("alert unknown ca"))
        // A server's certificate is no client's.
        let tls = try fleet.server()
        try FileSystem.write(tls.certificateChain, to: "\(fleet.folder)/server.crt")
        try FileSystem.write(tls.privateKey, to: "\(fleet.folder)/server.pem")
        #expect(try alert("server").contains("alert unsupported certificate"))
        #expect(asked.count == 0)
        let (status, text) = try fleet.curl(server, as: "box-1", version)
        #expect(status == 0 && text == "box-1 0", "\(text)")
        #expect(asked.count == 1)
        #expect(good.deviceID == "box-1")
    }

    @Test func aClientMayShowNoneWhereItIsOptional() throws {
        let fleet = try TestFleet()
        let server = try HTTPServer.start(try fleet.server(fleet.optional))
        try fleet.client("box-1")
        try fleet.client("expired", at: fleet.now - 2 * TestFleet.day)
        try fleet.client("stranger", by: try TestFleet.authority("Another fleet"))
        #expect(try fleet.curl(server) == (0, "nobody"))
        #expect(try fleet.curl(server, as: "box-1") == (0, "box-1 0"))
        #expect(try fleet.curl(server, as: "expired").0 != 0)
        // curl asks for no certificate of ours to be kept back, unlike others who choose by the authority's name.
        #expect(try fleet.curl(server, as: "stranger").0 != 0)
    }

    @Test func handsOverAnExpiredCertificateWhereThatIsWished() throws {
        let fleet = try TestFleet()
        let clients = ClientCertificates.required(
            authorities: fleet.authority.certificate.pemBytes,
            expired: .handedOver
        )
        let server = try HTTPServer.start(try fleet.server(clients))
        try fleet.client("box-1")
        try fleet.client("old", at: fleet.now - 2 * TestFleet.day)
        try fleet.client("stranger", by: try TestFleet.authority("Another"), at: fleet.now - 2 * TestFleet.day)
        #expect(try fleet.curl(server, as: "box-1") == (0, "box-1 0"))
        #expect(try fleet.curl(server, as: "old") == (0, "old expired 0"))
        #expect(try fleet.curl(server, as: "stranger").0 != 0)
        #expect(try fleet.curl(server).0 != 0)
    }

    @Test func takesABodyAndAnswersLater() throws {
        let fleet = try TestFleet()
        let configuration = HTTPServerConfiguration.with(\.threads, 2)
        let server = try HTTPServer.start(try fleet.server(fleet.required), configuration: configuration) { exchange in
            onThread { exchange.nameClient() }
        }
        try fleet.client("box-1")
        try FileSystem.write([UInt8](repeating: 0x61, count: 700_000), to: "\(fleet.folder)/body")
        #expect(try fleet.curl(server, as: "box-1", "--data-binary @body") == (0, "box-1 700000"))
        // Several over one connection.
        let port = server.port ?? 0
        let urls = String(repeating: "https://127.0.0.1:\(port)/who ", count: 20)
        let result = try fleet.run("curl -sS --cacert ca.crt --cert box-1.crt --key box-1.pem \(urls)")
        #expect(result.text == String(repeating: "box-1 0", count: 20))
    }

    @Test(arguments: ["", "-H 'Transfer-Encoding: chunked'"])
    func aRefusedBodyIsStillToldWhy(header: String) throws {
        let fleet = try TestFleet()
        let server = try HTTPServer.start(try fleet.server(), limitBytes: 1000)
        try FileSystem.write([UInt8](repeating: 0x61, count: 300_000), to: "\(fleet.folder)/body")
        let (_, text) = try fleet.curl(server, "-H Expect: -w '%{http_code}' \(header) --data-binary @body")
        #expect(text.contains("413"), "\(text)")
    }

    @Test func exchangesItsCertificateWhileItRuns() throws {
        let fleet = try TestFleet()
        let first = try fleet.server(name: "one.example")
        let server = try HTTPServer.start(first)
        let port = server.port ?? 0
        func name() throws -> String {
            let show = "openssl s_client -connect 127.0.0.1:\(port) </dev/null 2>/dev/null | openssl x509 -noout -text"
            return try fleet.run("sh -c '\(show)'").text
        }
        #expect(try name().contains("one.example"))
        try server.replaceTLS(try fleet.server(name: "two.example"))
        #expect(try name().contains("two.example"))
        // What can't be used changes nothing.
        let broken = HTTPServerTLS(
            certificateChain: first.certificateChain,
            privateKey: try PrivateKey.generate().pemBytes()
        )
        #expect(throws: HTTPServerError.self) { try server.replaceTLS(broken) }
        #expect(try name().contains("two.example"))
        try server.replaceTLS(try fleet.server(fleet.required))
        #expect(try fleet.curl(server).0 != 0)
    }

    @Test func exchangesItsCertificateUnderLoad() throws {
        let fleet = try TestFleet()
        let server = try HTTPServer.start(try fleet.server(), configuration: .with(\.threads, 2))
        let others = try (0..<4).map { _ in try fleet.server() }
        let wrong = Mailbox<String>()
        inThreads(4) { thread in
            for turn in 0..<20 {
                if thread == 0 { try? server.replaceTLS(others[turn % 4]) }
                guard let answer = try? fleet.curl(server) else { return wrong.put("no answer") }
                if answer != (0, "nobody") { wrong.put(answer.1) }
            }
        }
        #expect(wrong.count == 0)
    }

    @Test func saysWhatItCannotUse() throws {
        let fleet = try TestFleet()
        let good = try fleet.server()
        var cases = [HTTPServerTLS](repeating: good, count: 5)
        cases[0].privateKey = []
        cases[1].certificateChain = Array("nonsense".utf8)
        cases[2].privateKey = try PrivateKey.generate().pemBytes()
        cases[3].clients = .required(authorities: [])
        cases[4].certificateChain = [UInt8](repeating: 0x61, count: 70_000)
        for tls in cases {
            let error = #expect(throws: HTTPServerError.self) { try HTTPServer.start(tls) }
            #expect(error?.exitCode == .configuration)
            #expect(error?.message.contains("PRIVATE") == false)
        }
        let plain = try HTTPServer.start()
        #expect(throws: HTTPServerError.self) { try plain.replaceTLS(good) }
    }

    @Test func survivesWhatIsNoHandshake() throws {
        let fleet = try TestFleet()
        let server = try HTTPServer.start(try fleet.server(fleet.required))
        for bytes: [UInt8] in [[0x16, 0x03, 0x01, 0xFF, 0xFF], Array("GET / HTTP/1.1\r\n\r\n".utf8), [0x80, 0x00]] {
            let client = try server.connect()
            client.send(bytes: bytes)
            client.endSending()
            #expect(client.isClosedByServer() || true)
        }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<100 {
            let client = try server.connect()
            let random = (0..<64).map { _ in UInt8.random(in: 0...255, using: &generator) }
            client.send(bytes: [0x16, 0x03, 0x01, 0x00, 0x40] + random)
            client.hangUp()
        }
        try fleet.client("box-1")
        #expect(try fleet.curl(server, as: "box-1") == (0, "box-1 0"))
    }

    @Test func aKeptConnectionEndsWithTheCertificate() throws {
        let fleet = try TestFleet()
        let server = try HTTPServer.start(try fleet.server(fleet.required))
        try fleet.client("brief", seconds: 4)
        // curl asks, waits until the certificate has expired, and asks again over the same connection.
        let url = "https://127.0.0.1:\(server.port ?? 0)/who"
        let result = try fleet.run(
            "curl -sS --cacert ca.crt --cert brief.crt --key brief.pem --rate 10/m \(url) \(url)"
        )
        #expect(result.text.hasPrefix("brief 0"))
        #expect(result.status != 0)
        #expect(result.text.contains("alert certificate expired"), "\(result.text)")
    }
}
