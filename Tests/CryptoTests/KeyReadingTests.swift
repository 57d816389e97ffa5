import Diagnostics
import Testing

@testable import Crypto

@Suite("Reading keys")
struct KeyReadingTests {
    @Test(arguments: [
        ("p256.pem", KeyKind.ecdsa(.p256)), ("p384.pem", .ecdsa(.p384)), ("p521.pem", .ecdsa(.p521)),
        ("ed25519.pem", .ed25519), ("rsa2048.pem", .rsa(bits: 2048)),
    ])
    func readsAndWritesPKCS8(name: String, kind: KeyKind) throws {
        let key = try Fixture.privateKey(name)
        #expect(key.kind == kind)
        #expect(try key.pemBytes() == Fixture.bytes(name))
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test(arguments: ["p256.pub", "p384.pub", "p521.pub", "ed25519.pub", "rsa2048.pub"])
    func writesPublicKeysAsOpenSSLDoes(name: String) throws {
        #expect(try Fixture.publicKey(name).pemBytes == Fixture.bytes(name))
    }

    @Test(arguments: ["p256-sec1.pem", "p256-sec1-parameters.pem"])
    func readsTheOlderFormOfAnEllipticKey(name: String) throws {
        #expect(try Fixture.privateKey(name).kind == .ecdsa(.p256))
    }

    @Test
    func readsTheSamePrivateKeyFromBothForms() throws {
        #expect(try Fixture.privateKey("p256-sec1.pem").pemBytes() == Fixture.bytes("p256.pem"))
    }

    struct Refusal: Sendable, CustomStringConvertible {
        let file: String
        let error: CryptoError
        var description: String { file }
    }

    static let refusedPrivateKeys = [
        Refusal(file: "encrypted-pkcs8.pem", error: .encryptedKey(source: "encrypted-pkcs8.pem")),
        Refusal(
            file: "encrypted-sec1.pem",
            error: .outdatedEncryption(
                source: "encrypted-sec1.pem",
                found: "the header \"Proc-Type\" of PEM's first version"
            )
        ),
        Refusal(
            file: "p256.pub",
            error: .unexpectedBlock(source: "p256.pub", expected: "a private key", found: "a block \"PUBLIC KEY\"")
        ),
        Refusal(
            file: "leaf.crt",
            error: .unexpectedBlock(source: "leaf.crt", expected: "a private key", found: "a block \"CERTIFICATE\"")
        ),
        Refusal(
            file: "x25519.pem",
            error: .unsupportedKey(
                source: "x25519.pem",
                found: "a key of type X25519",
                supported: "an ECDSA P-256, P-384 or P-521, Ed25519 or RSA key"
            )
        ),
        Refusal(
            file: "rsa1024.pem",
            error: .unsupportedKey(
                source: "rsa1024.pem",
                found: "an RSA key of 1024 bits",
                supported: "one of 2048 to 8192 bits"
            )
        ),
        Refusal(
            file: "secp256k1.pem",
            error: .unsupportedKey(
                source: "secp256k1.pem",
                found: "an elliptic curve key on secp256k1",
                supported: "one on P-256, P-384 or P-521"
            )
        ),
        Refusal(
            file: "explicit-curve.pem",
            error: .unsupportedKey(
                source: "explicit-curve.pem",
                found: "an elliptic curve key that spells out its curve",
                supported: "one that names its curve"
            )
        ),
        Refusal(
            file: "mismatched-halves.pem",
            error: .malformed(
                source: "mismatched-halves.pem",
                expected: "private key",
                reason: "its private and public halves don't belong together"
            )
        ),
        Refusal(
            file: "message",
            error: .notPEM(source: "message", reason: "there is no -----BEGIN line in it")
        ),
    ]

    @Test(arguments: refusedPrivateKeys)
    func refusesPrivateKeysItCannotUse(refusal: Refusal) throws {
        #expect(throws: refusal.error) { try Fixture.privateKey(refusal.file) }
        #expect(!OpenSSL.hasPendingErrors)
    }

    static let refusedPublicKeys = [
        Refusal(file: "p256.pem", error: .privateInsteadOfPublicKey(source: "p256.pem")),
        Refusal(file: "p256-sec1.pem", error: .privateInsteadOfPublicKey(source: "p256-sec1.pem")),
        Refusal(file: "encrypted-pkcs8.pem", error: .privateInsteadOfPublicKey(source: "encrypted-pkcs8.pem")),
        Refusal(file: "two-keys.pub", error: .severalKeys(source: "two-keys.pub")),
        Refusal(
            file: "leaf.crt",
            error: .unexpectedBlock(
                source: "leaf.crt",
                expected: "a public key, \"PUBLIC KEY\",",
                found: "a block \"CERTIFICATE\""
            )
        ),
        Refusal(
            file: "rsa2048-pkcs1.pub",
            error: .unexpectedBlock(
                source: "rsa2048-pkcs1.pub",
                expected: "a public key, \"PUBLIC KEY\",",
                found: "a block \"RSA PUBLIC KEY\""
            )
        ),
        Refusal(
            file: "rsa1024.pub",
            error: .unsupportedKey(
                source: "rsa1024.pub",
                found: "an RSA key of 1024 bits",
                supported: "one of 2048 to 8192 bits"
            )
        ),
        Refusal(
            file: "x25519.pub",
            error: .unsupportedKey(
                source: "x25519.pub",
                found: "a key of type X25519",
                supported: "an ECDSA P-256, P-384 or P-521, Ed25519 or RSA key"
            )
        ),
        Refusal(
            file: "secp256k1.pub",
            error: .unsupportedKey(
                source: "secp256k1.pub",
                found: "an elliptic curve key on secp256k1",
                supported: "one on P-256, P-384 or P-521"
            )
        ),
        Refusal(
            file: "explicit-curve.pub",
            error: .unsupportedKey(
                source: "explicit-curve.pub",
                found: "an elliptic curve key that spells out its curve",
                supported: "one that names its curve"
            )
        ),
    ]

    @Test(arguments: refusedPublicKeys)
    func refusesPublicKeysItCannotUse(refusal: Refusal) throws {
        #expect(throws: refusal.error) { try Fixture.publicKey(refusal.file) }
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test(arguments: ["infinity.pub", "off-curve.pub", "trailing-byte.pub", "bad-base64.pub", "no-end-line.pub"])
    func refusesDamagedPublicKeys(name: String) throws {
        let error = #expect(throws: CryptoError.self) { try Fixture.publicKey(name) }
        #expect(error?.exitCode == .dataError)
        #expect(error?.message.hasPrefix("\(name) is not") == true)
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test
    func refusesTextOverTheLimitBeforeReadingIt() throws {
        let text = try Fixture.bytes("p256.pub") + [UInt8](repeating: 0x0A, count: 64 * 1024)
        #expect(throws: CryptoError.tooLarge(source: "big", bytes: text.count, limitBytes: 65536)) {
            try PublicKey(pem: text, source: "big")
        }
    }

    @Test
    func refusesAnEmptyFile() {
        #expect(throws: CryptoError.notPEM(source: "empty", reason: "it is empty")) {
            try PublicKey(pem: [], source: "empty")
        }
    }

    @Test
    func survivesEveryCutAndEveryFlippedByte() throws {
        let text = try Fixture.bytes("p256.pem")
        for length in 0..<text.count - 1 {
            _ = try? PrivateKey(pem: Array(text.prefix(length)), source: "cut")
        }
        for position in text.indices {
            var damaged = text
            damaged[position] ^= 0x15
            _ = try? PrivateKey(pem: damaged, source: "damaged")
        }
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test(arguments: [0, 31, 33])
    func refusesAnEd25519KeyOfAnotherLength(count: Int) {
        #expect(throws: CryptoError.self) {
            try PublicKey(ed25519: [UInt8](repeating: 1, count: count), source: "key")
        }
    }

    @Test
    func namesTheRemedyForAnEncryptedKey() {
        let error = CryptoError.encryptedKey(source: "KEY.pem")
        #expect(error.message == "KEY.pem is a private key protected by a passphrase, and none is given")
        #expect(error.hint?.contains("openssl pkey -in KEY.pem") == true)
    }
}
