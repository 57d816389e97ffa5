import Diagnostics
import FileSystem
import Testing

@testable import Crypto

@Suite("CertificateAuthority")
struct CertificateAuthorityTests {
    /// 2026-07-01 00:00 UTC.
    static let now: Int64 = 1_782_864_000
    static let day: Int64 = 86_400

    static func authority(_ name: String = "Test fleet", at now: Int64 = now) throws -> CertificateAuthority {
        try CertificateAuthority.make(name: name, key: try .generate(), at: now, lifetimeSeconds: 3650 * day)
    }

    static func client(
        _ authority: CertificateAuthority,
        _ deviceID: String = "box-1",
        days: Int64 = 30
    ) throws -> Certificate {
        let request = try CertificateRequest.make(key: try .generate())
        return try authority.issueClientCertificate(
            for: request,
            deviceID: deviceID,
            at: now,
            lifetimeSeconds: days * day
        )
    }

    @Test
    func issuesWhatItSays() throws {
        let authority = try Self.authority()
        let key = try PrivateKey.generate()
        let request = try CertificateRequest.make(key: key)
        let certificate = try authority.issueClientCertificate(
            for: request,
            deviceID: "box:1.a_b-c",
            at: Self.now,
            lifetimeSeconds: 30 * Self.day
        )
        #expect(certificate.subject == "CN=box:1.a_b-c")
        #expect(certificate.commonName == "box:1.a_b-c")
        #expect(certificate.deviceID == "box:1.a_b-c")
        #expect(certificate.alternativeNames == AlternativeNames(uris: ["urn:edge:device:box:1.a_b-c"]))
        #expect(certificate.notBefore == Self.now - 600)
        #expect(certificate.notAfter == Self.now + 30 * Self.day)
        #expect(try certificate.publicKey == key.publicKey)
        #expect(!certificate.isAuthority)
        #expect(authority.certificate.isAuthority)
        #expect(authority.certificate.deviceID == nil)
        #expect(certificate.fingerprint.utf8.count == 64)
        try certificate.verify(as: .tlsClient, authorities: [authority.certificate], at: Self.now)
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test
    func noTwoSerialNumbersAreTheSame() throws {
        let authority = try Self.authority()
        let numbers = try (0..<50).map { _ in try Self.client(authority).serialNumber }
        #expect(Set(numbers).count == 50)
        #expect(numbers.allSatisfy { (20...32).contains($0.utf8.count) })
    }

    @Test
    func aCertificateDoesNotOutliveItsAuthority() throws {
        let authority = try CertificateAuthority.make(
            name: "short",
            key: try .generate(),
            at: Self.now,
            lifetimeSeconds: Self.day
        )
        let certificate = try Self.client(authority)
        #expect(certificate.notAfter == Self.now + Self.day)
        #expect(certificate.notBefore == authority.certificate.notBefore)
        let request = try CertificateRequest.make(key: try .generate())
        for moment in [Self.now + Self.day, Self.now - 601] {
            #expect(throws: CryptoError.self) {
                try authority.issueClientCertificate(for: request, deviceID: "a", at: moment, lifetimeSeconds: 60)
            }
        }
    }

    @Test(arguments: ["", "a b", "ü", "a/b", "a,URI:urn:edge:device:b", "a\u{0}b", String(repeating: "x", count: 65)])
    func issuesForNoOtherID(deviceID: String) throws {
        let authority = try Self.authority()
        let error = #expect(throws: CryptoError.self) { try Self.client(authority, deviceID) }
        #expect(error?.exitCode == .dataError)
    }

    @Test(arguments: [Int64(0), -1, .max, CertificateAuthority.lifetimeLimitSeconds + 1])
    func refusesALifetimeThatIsNone(seconds: Int64) throws {
        let authority = try Self.authority()
        let request = try CertificateRequest.make(key: try .generate())
        #expect(throws: CryptoError.self) {
            try authority.issueClientCertificate(for: request, deviceID: "a", at: Self.now, lifetimeSeconds: seconds)
        }
        #expect(throws: CryptoError.self) {
            try CertificateAuthority.make(name: "a", key: try .generate(), at: Self.now, lifetimeSeconds: seconds)
        }
        for moment in [Int64.min, -1, .max] {
            #expect(throws: CryptoError.self) {
                try CertificateAuthority.make(name: "a", key: try .generate(), at: moment, lifetimeSeconds: 60)
            }
        }
    }

    @Test
    func isPutTogetherOnlyFromWhatBelongsTogether() throws {
        let key = try PrivateKey.generate()
        let authority = try CertificateAuthority.make(name: "a", key: key, at: Self.now, lifetimeSeconds: Self.day)
        let stored = try Certificate.parse(pem: authority.certificate.pemBytes, source: "ca.crt")
        let again = try CertificateAuthority(certificate: try #require(stored.first), key: key)
        let issued = try Self.client(again)
        try issued.verify(as: .tlsClient, authorities: [authority.certificate], at: Self.now)
        #expect(throws: CryptoError.self) {
            try CertificateAuthority(certificate: authority.certificate, key: try .generate())
        }
        let leafKey = try PrivateKey.generate()
        let leaf = try authority.issueClientCertificate(
            for: try CertificateRequest.make(key: leafKey),
            deviceID: "a",
            at: Self.now,
            lifetimeSeconds: 60
        )
        #expect(throws: CryptoError.self) { try CertificateAuthority(certificate: leaf, key: leafKey) }
    }

    // MARK: - Verification

    static func problem(_ body: () throws -> Void) -> CertificateProblem? {
        do { try body() } catch CryptoError.certificateRefused(_, let problem) { return problem } catch { return nil }
        return nil
    }

    @Test
    func tellsWhyItRefuses() throws {
        let authority = try Self.authority()
        let stranger = try Self.authority()  // the same name, another key
        let other = try Self.authority("Another fleet")
        let certificate = try Self.client(authority)
        let trusted = [other.certificate, stranger.certificate, authority.certificate]
        func problem(
            _ authorities: [Certificate],
            as role: PeerRole = .tlsClient,
            at seconds: Int64 = Self.now
        ) -> CertificateProblem? {
            Self.problem { try certificate.verify(as: role, authorities: authorities, at: seconds) }
        }
        #expect(problem(trusted) == nil)
        #expect(problem([]) == .unknownAuthority)
        #expect(problem([stranger.certificate]) == .unknownAuthority)
        #expect(problem([other.certificate]) == .unknownAuthority)
        #expect(problem([certificate]) == .unknownAuthority)
        #expect(problem(trusted, at: Self.now + 31 * Self.day) == .expired)
        #expect(problem(trusted, at: Self.now + 40_000 * Self.day) == .expired)
        #expect(problem([authority.certificate], at: Self.now - 599) == nil)
        #expect(problem([authority.certificate], at: Self.now - 601) == .notYetValid)
        #expect(problem([authority.certificate], as: .tlsServer) == .wrongPurpose)
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test
    func aLeafIssuesNothing() throws {
        let authority = try Self.authority()
        let key = try PrivateKey.generate()
        let leaf = try authority.issueClientCertificate(
            for: try CertificateRequest.make(key: key),
            deviceID: "a",
            at: Self.now,
            lifetimeSeconds: Self.day
        )
        guard Fixture.hasOpenSSL() else { return }
        let directory = try TemporaryDirectory(prefix: "authority-tests")
        let folder = directory.path
        try FileSystem.write(leaf.pemBytes, to: "\(folder)/leaf.crt")
        try FileSystem.write(key.pemBytes(), to: "\(folder)/leaf.pem")
        let made = Fixture.run(
            """
            cd '\(folder)' && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem \
            -subj /CN=b -out r.csr 2>/dev/null && openssl x509 -req -in r.csr -CA leaf.crt -CAkey leaf.pem -days 1 \
            -set_serial 1 -out forged.crt 2>/dev/null
            """
        )
        try #require(made == 0)
        let text = try FileSystem.read("\(folder)/forged.crt", limit: 10_000)
        let forged = try #require(try Certificate.parse(pem: text, source: "forged").first)
        let problem = Self.problem {
            try forged.verify(
                as: .tlsClient,
                authorities: [authority.certificate],
                intermediates: [leaf],
                at: Self.now + 300 * Self.day
            )
        }
        #expect(problem != nil)
        #expect(Self.problem { try forged.verify(as: .tlsClient, authorities: [leaf], at: Self.now) } != nil)
    }

    @Test
    func aCertificateWithoutExtendedUsageIsNobodys() throws {
        let roots = try Fixture.certificates("root.crt")
        let intermediates = try Fixture.certificates("intermediate.crt")
        let leaf = try #require(Fixture.certificates("leaf-no-usage.crt").first)
        let problem = Self.problem {
            try leaf.verify(as: .tlsClient, authorities: roots, intermediates: intermediates, at: Self.now)
        }
        #expect(problem == .wrongPurpose)
    }

    @Test
    func survivesEveryFlippedByte() throws {
        let authority = try Self.authority()
        let der = try Self.client(authority).derBytes
        for position in der.indices {
            for mask: UInt8 in [0x01, 0x80, 0xFF] {
                var damaged = der
                damaged[position] ^= mask
                guard let certificate = try? Certificate(der: damaged, source: "damaged") else { continue }
                _ = (certificate.deviceID, certificate.serialNumber, certificate.fingerprint, certificate.isAuthority)
                #expect(throws: CryptoError.self) {
                    try certificate.verify(as: .tlsClient, authorities: [authority.certificate], at: Self.now)
                }
            }
        }
        #expect(!OpenSSL.hasPendingErrors)
    }

    // MARK: - Names

    @Test(
        arguments: [
            ("Box.example.", nil), ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("BOX-1.example", "box-1.example"),
            ("", nil), ("-a", nil), ("a_b", nil), ("*.example", nil), ("1.2.3", nil), ("a b", nil),
            ("127.0.0.1\u{0}", nil),
            ("localhost", "localhost"), (String(repeating: "a.", count: 130) + "a", nil),
        ] as [(String, String?)]
    )
    func readsNamesOfServers(text: String, expected: String?) {
        #expect(ServerName(text)?.description == expected)
    }

    // MARK: - As openssl sees it

    @Test
    func opensslAgrees() throws {
        guard Fixture.hasOpenSSL() else { return }
        let directory = try TemporaryDirectory(prefix: "authority-tests")
        let folder = directory.path
        let authority = try Self.authority()
        let key = try PrivateKey.generate()
        let request = try CertificateRequest.make(key: key)
        let client = try authority.issueClientCertificate(
            for: request,
            deviceID: "box-1",
            at: Self.now,
            lifetimeSeconds: 30 * Self.day
        )
        let names = try ["edge.example", "127.0.0.1", "::1"].map { try #require(ServerName($0)) }
        let server = try authority.issueServerCertificate(
            for: request,
            names: names,
            at: Self.now,
            lifetimeSeconds: 90 * Self.day
        )
        #expect(server.alternativeNames?.servers == names)
        #expect(server.commonName == "edge.example")
        #expect(server.deviceID == nil)
        try server.verify(as: .tlsServer, authorities: [authority.certificate], at: Self.now)
        for (name, bytes) in [
            ("ca.crt", authority.certificate.pemBytes), ("client.crt", client.pemBytes),
            ("server.crt", server.pemBytes),
            ("request.csr", request.pemBytes),
        ] { try FileSystem.write(bytes, to: "\(folder)/\(name)") }

        func accepts(_ command: String) -> Bool { Fixture.run("cd '\(folder)' && \(command) >log 2>&1") == 0 }
        func text(_ command: String) throws -> String {
            try #require(accepts(command))
            return String(decoding: try FileSystem.read("\(folder)/log", limit: 100_000), as: UTF8.self)
        }
        let verify = "openssl verify -x509_strict -attime \(Self.now) -CAfile ca.crt"
        #expect(accepts("openssl req -in request.csr -verify -noout"))
        #expect(accepts("\(verify) -purpose sslclient client.crt"))
        #expect(!accepts("\(verify) -purpose sslserver client.crt"))
        #expect(accepts("\(verify) -purpose sslserver -verify_hostname edge.example server.crt"))
        #expect(accepts("\(verify) -purpose sslserver -verify_ip 127.0.0.1 server.crt"))
        #expect(accepts("\(verify) -purpose sslserver -verify_ip ::1 server.crt"))
        #expect(!accepts("\(verify) -purpose sslserver -verify_hostname other.example server.crt"))
        #expect(!accepts("\(verify) -purpose sslclient server.crt"))

        let authorityText = try text("openssl x509 -in ca.crt -noout -text")
        #expect(authorityText.contains("CA:TRUE, pathlen:0"))
        #expect(authorityText.contains("Certificate Sign, CRL Sign"))
        let clientText = try text("openssl x509 -in client.crt -noout -text")
        #expect(clientText.contains("Version: 3"))
        #expect(clientText.contains("Subject: CN = box-1"))
        #expect(clientText.contains("URI:urn:edge:device:box-1"))
        #expect(clientText.contains("TLS Web Client Authentication"))
        #expect(clientText.contains("CA:FALSE"))
        #expect(clientText.contains("Signature Algorithm: ecdsa-with-SHA256"))
        let fingerprint = try text("openssl x509 -in client.crt -noout -fingerprint -sha256")
        #expect(fingerprint.lowercased().replacing(":", with: "").contains(client.fingerprint))
        let serial = try text("openssl x509 -in client.crt -noout -serial")
        #expect(serial.lowercased().contains(client.serialNumber))
    }
}
