import Diagnostics
import FileSystem
import Testing

@testable import Crypto

@Suite("CertificateRequest")
struct CertificateRequestTests {
    @Test
    func readsItsOwn() throws {
        let key = try PrivateKey.generate()
        let request = try CertificateRequest.make(key: key)
        #expect(try request.publicKey == key.publicKey)
        #expect(try CertificateRequest(pem: request.pemBytes, source: "r").derBytes == request.derBytes)
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test
    func refusesWhatAnotherKeySigned() throws {
        let one = try CertificateRequest.make(key: try .generate())
        let two = try CertificateRequest.make(key: try .generate())
        // The key of one in the request of the other: both encode to 65 bytes behind the same prefix.
        let ours = try #require(Self.point(one))
        let theirs = try #require(Self.point(two))
        var forged = two.derBytes
        forged.replaceSubrange(theirs, with: one.derBytes[ours])
        let error = #expect(throws: CryptoError.self) { try CertificateRequest(der: forged, source: "forged") }
        #expect(error == .withoutPossession(source: "forged", reason: "its signature is wrong"))
        #expect(error?.exitCode == .signatureInvalid)
        #expect(!OpenSSL.hasPendingErrors)
    }

    /// Where the uncompressed point of a P-256 key stands.
    private static func point(_ request: CertificateRequest) -> Range<Int>? {
        request.derBytes.firstRange(of: [0x03, 0x42, 0x00, 0x04]).map { $0.upperBound..<$0.upperBound + 64 }
    }

    @Test
    func survivesEveryCutAndFlippedByte() throws {
        let der = try CertificateRequest.make(key: try .generate()).derBytes
        for length in der.indices {
            #expect(throws: CryptoError.self) { try CertificateRequest(der: Array(der.prefix(length)), source: "cut") }
        }
        #expect(throws: CryptoError.self) { try CertificateRequest(der: der + [0], source: "longer") }
        for position in der.indices {
            for mask: UInt8 in [0x01, 0x20, 0x80, 0xFF] {
                var damaged = der
                damaged[position] ^= mask
                #expect(throws: CryptoError.self) { try CertificateRequest(der: damaged, source: "damaged") }
            }
        }
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test
    func refusesWhatIsTooLongOrNoRequest() throws {
        let long = [UInt8](repeating: 0x30, count: CertificateRequest.limitBytes + 1)
        #expect(throws: CryptoError.tooLarge(source: "r", bytes: long.count, limitBytes: CertificateRequest.limitBytes))
        {
            try CertificateRequest(der: long, source: "r")
        }
        let huge = [UInt8](repeating: 0x2D, count: 1 << 20)
        #expect(throws: CryptoError.self) { try CertificateRequest(pem: huge, source: "r") }
        #expect(throws: CryptoError.self) { try CertificateRequest(pem: [], source: "r") }
        #expect(throws: CryptoError.self) { try CertificateRequest(pem: Fixture.bytes("leaf.crt"), source: "r") }
        let request = try CertificateRequest.make(key: try .generate())
        #expect(throws: CryptoError.self) {
            try CertificateRequest(pem: request.pemBytes + request.pemBytes, source: "r")
        }
        for der: [UInt8] in [[], [0x30], [0x30, 0x80], [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], [0x30, 0x00]] {
            #expect(throws: CryptoError.self) { try CertificateRequest(der: der, source: "r") }
        }
    }

    @Test(arguments: ["p384.pem", "p521.pem"])
    func takesKeysOfOneCurveOnly(name: String) throws {
        #expect(throws: CryptoError.self) { try CertificateRequest.make(key: try Fixture.privateKey(name)) }
    }

    @Test(arguments: [
        "-newkey rsa:2048", "-newkey ed25519", "-newkey ec -pkeyopt ec_paramgen_curve:secp256k1",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha1",
    ])
    func refusesOtherAlgorithmsThatOpenSSLMakes(options: String) throws {
        guard Fixture.hasOpenSSL() else { return }
        let directory = try TemporaryDirectory(prefix: "request-tests")
        let path = "\(directory.path)/r.csr"
        let command = "openssl req -new \(options) -nodes -subj /CN=a -keyout /dev/null -out '\(path)' 2>/dev/null"
        try #require(Fixture.run(command) == 0)
        let text = try FileSystem.read(path, limit: 10_000)
        #expect(throws: CryptoError.self) { try CertificateRequest(pem: text, source: "r") }
    }

    /// Names and extensions of a request never reach a certificate.
    @Test
    func takesNothingButTheKeyFromWhatOpenSSLMakes() throws {
        guard Fixture.hasOpenSSL() else { return }
        let directory = try TemporaryDirectory(prefix: "request-tests")
        let path = "\(directory.path)/r.csr"
        let command = """
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=admin/O=root' \
            -addext basicConstraints=critical,CA:TRUE -addext subjectAltName=URI:urn:edge:device:other \
            -keyout /dev/null -out '\(path)' 2>/dev/null
            """
        try #require(Fixture.run(command) == 0)
        let request = try CertificateRequest(pem: try FileSystem.read(path, limit: 10_000), source: "r")
        let authority = try CertificateAuthorityTests.authority()
        let certificate = try authority.issueClientCertificate(
            for: request,
            deviceID: "box-1",
            at: CertificateAuthorityTests.now,
            lifetimeSeconds: 60
        )
        #expect(certificate.subject == "CN=box-1")
        #expect(certificate.deviceID == "box-1")
        #expect(!certificate.isAuthority)
        #expect(certificate.alternativeNames?.servers == [])
    }
}
