import Diagnostics
import Testing

@testable import Crypto

@Suite("CertificateChain")
struct CertificateChainTests {
    /// 2026-07-01, 2027-07-01, 2031-07-01 and 2025-07-01, all at 00:00 UTC.
    static let inside: Int64 = 1_782_864_000
    static let insideExpired: Int64 = 1_814_400_000
    static let after: Int64 = 1_940_630_400
    static let before: Int64 = 1_751_328_000

    static func chain(_ leaf: String, _ intermediates: String...) throws -> CertificateChain {
        CertificateChain(
            signer: try #require(Fixture.certificates(leaf).first),
            intermediates: try intermediates.flatMap { try Fixture.certificates($0) }
        )
    }

    @Test(arguments: ["leaf.crt", "leaf-usage-only.crt", "leaf-extended-usage-only.crt"])
    func trustsASignerThatLeadsToARoot(leaf: String) throws {
        let roots = try Fixture.certificates("root.crt")
        try Self.chain(leaf, "intermediate.crt").verify(roots: roots, time: .at(seconds: Self.inside))
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test
    func findsTheRootAmongSeveral() throws {
        let roots = try Fixture.certificates("stranger-root.crt") + Fixture.certificates("root.crt")
        try Self.chain("leaf.crt", "intermediate.crt").verify(roots: roots, time: .at(seconds: Self.inside))
    }

    struct Case: Sendable, CustomStringConvertible {
        let description: String
        let leaf: String
        var intermediates = ["intermediate.crt"]
        var roots = ["root.crt"]
        var time = ChainTime.at(seconds: CertificateChainTests.inside)
        let reason: String
    }

    static let refusals = [
        Case(description: "no root", leaf: "leaf.crt", roots: [], reason: "no root certificate was given"),
        Case(
            description: "another root of the same name",
            leaf: "leaf.crt",
            roots: ["stranger-root.crt"],
            reason: "signature"
        ),
        Case(
            description: "intermediate missing",
            leaf: "leaf.crt",
            intermediates: [],
            reason: "unable to get local issuer certificate"
        ),
        Case(
            description: "root sent along but not trusted",
            leaf: "leaf.crt",
            intermediates: ["intermediate.crt", "root.crt"],
            roots: ["leaf.crt"],
            reason: "self-signed certificate in certificate chain"
        ),
        Case(description: "not yet valid", leaf: "leaf.crt", time: .at(seconds: before), reason: "not yet valid"),
        Case(description: "no longer valid", leaf: "leaf.crt", time: .at(seconds: after), reason: "has expired"),
        Case(
            description: "issuer is no authority",
            leaf: "leaf.crt",
            intermediates: ["not-a-ca.crt"],
            reason: "invalid ca certificate"
        ),
        Case(description: "for TLS servers", leaf: "leaf-tls-server.crt", reason: "lacks codeSigning"),
        Case(description: "for key agreement", leaf: "leaf-key-agreement.crt", reason: "lacks digitalSignature"),
        Case(description: "for nothing named", leaf: "leaf-no-usage.crt", reason: "has no key usage"),
        Case(
            description: "too many intermediates",
            leaf: "leaf.crt",
            intermediates: [String](repeating: "intermediate.crt", count: 9),
            reason: "9 intermediates"
        ),
    ]

    @Test(arguments: refusals)
    func refuses(_ refusal: Case) throws {
        let chain = CertificateChain(
            signer: try #require(Fixture.certificates(refusal.leaf).first),
            intermediates: try refusal.intermediates.flatMap { try Fixture.certificates($0) }
        )
        let roots = try refusal.roots.flatMap { try Fixture.certificates($0) }
        let error = #expect(throws: CryptoError.self) { try chain.verify(roots: roots, time: refusal.time) }
        #expect(error?.exitCode == .signatureInvalid)
        #expect(error?.message.contains(refusal.reason) == true, "\(error?.message ?? "no error")")
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test
    func anExpiredSignerPassesOnlyWhenItsOwnStartIsTheMoment() throws {
        let chain = try Self.chain("leaf-expired.crt", "intermediate.crt")
        let roots = try Fixture.certificates("root.crt")
        try chain.verify(roots: roots, time: .signingCertificateNotBefore)
        try chain.verify(roots: roots, time: .at(seconds: Self.insideExpired))
        #expect(throws: CryptoError.self) { try chain.verify(roots: roots, time: .at(seconds: Self.after)) }
    }

    @Test
    func tellsSubjectValidityAndKey() throws {
        let leaf = try #require(Fixture.certificates("leaf.crt").first)
        #expect(leaf.subject == "CN=leaf")
        #expect(leaf.notBefore == 1_767_225_600)
        #expect(leaf.notAfter == 1_893_456_000)
        #expect(try leaf.publicKey == Fixture.privateKey("leaf.pem").publicKey)
    }

    @Test
    func readsBackItsOwnDER() throws {
        let leaf = try #require(Fixture.certificates("leaf.crt").first)
        #expect(try Certificate(der: leaf.derBytes, source: "copy").subject == leaf.subject)
    }

    @Test
    func readsSeveralCertificatesInOrder() throws {
        let text = try Fixture.bytes("leaf.crt") + Fixture.bytes("root.crt")
        #expect(try Certificate.parse(pem: text, source: "chain").map(\.subject) == ["CN=leaf", "CN=Test Root"])
    }

    @Test
    func refusesAKeyAmongCertificates() throws {
        let text = try Fixture.bytes("leaf.crt") + Fixture.bytes("p256.pub")
        #expect(
            throws: CryptoError.unexpectedBlock(
                source: "chain",
                expected: "certificates",
                found: "a block \"PUBLIC KEY\""
            )
        ) { try Certificate.parse(pem: text, source: "chain") }
    }

    @Test
    func survivesEveryCutAndFlippedByteOfDER() throws {
        let der = try #require(Fixture.certificates("leaf.crt").first).derBytes
        for length in der.indices {
            #expect(throws: CryptoError.self) { try Certificate(der: Array(der.prefix(length)), source: "cut") }
        }
        #expect(throws: CryptoError.self) { try Certificate(der: der + [0], source: "longer") }
        let roots = try Fixture.certificates("root.crt")
        let intermediates = try Fixture.certificates("intermediate.crt")
        for position in der.indices {
            var damaged = der
            damaged[position] ^= 0x01
            guard let certificate = try? Certificate(der: damaged, source: "damaged") else { continue }
            let chain = CertificateChain(signer: certificate, intermediates: intermediates)
            #expect(throws: CryptoError.self) { try chain.verify(roots: roots, time: .at(seconds: Self.inside)) }
            _ = try? certificate.publicKey
        }
        #expect(!OpenSSL.hasPendingErrors)
    }
}
