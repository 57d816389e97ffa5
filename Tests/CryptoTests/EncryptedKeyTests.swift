import Diagnostics
import FileSystem
import Testing

@testable import Crypto

@Suite("Encrypted keys")
struct EncryptedKeyTests {
    static let passphrase = Array("correct horse".utf8)
    static let secret = Array("secret".utf8)

    private func read(_ name: String, _ passphrase: [UInt8]) throws -> PrivateKey {
        try PrivateKey(pem: try Fixture.bytes(name), source: name, passphrase: passphrase)
    }

    @Test(arguments: try SignatureTests.kinds())
    func areReadBackWithTheirPassphraseOnly(key: PrivateKey) throws {
        let text = try key.pemBytes(passphrase: Self.passphrase)
        #expect(PrivateKey.isEncrypted(pem: text))
        #expect(String(decoding: text, as: UTF8.self).hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"))
        let again = try PrivateKey(pem: text, source: "key", passphrase: Self.passphrase)
        #expect(try again.pemBytes() == key.pemBytes())
        #expect(throws: CryptoError.wrongPassphrase(source: "key")) {
            try PrivateKey(pem: text, source: "key", passphrase: Array("correct hors".utf8))
        }
        #expect(throws: CryptoError.encryptedKey(source: "key")) { try PrivateKey(pem: text, source: "key") }
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test func differEachTime() throws {
        let key = try Fixture.privateKey("p256.pem")
        #expect(try key.pemBytes(passphrase: Self.passphrase) != key.pemBytes(passphrase: Self.passphrase))
    }

    @Test(arguments: try SignatureTests.kinds())
    func areReadByOpenSSL(key: PrivateKey) throws {
        guard Fixture.hasOpenSSL() else { return }
        let directory = try TemporaryDirectory(prefix: "encrypted-key-tests")
        let folder = directory.path
        try FileSystem.write(key.pemBytes(passphrase: Self.passphrase), to: "\(folder)/key.pem")
        try FileSystem.write(key.pemBytes(), to: "\(folder)/plain.pem")
        let read = "cd '\(folder)' && openssl pkey -in key.pem"
        #expect(Fixture.run("\(read) -passin 'pass:correct horse' | cmp - plain.pem") == 0)
        #expect(Fixture.run("\(read) -passin 'pass:wrong horse' >/dev/null 2>&1") != 0)
    }

    @Test(arguments: [
        "pkcs8 -topk8 -in plain.pem", "pkcs8 -topk8 -in plain.pem -scrypt",
        "pkcs8 -topk8 -in plain.pem -v2 aes-128-cbc -v2prf hmacWithSHA512 -iter 10000", "pkey -in plain.pem -aes256",
        "pkcs8 -topk8 -in plain.pem -v2 des3",
    ])
    func ofOpenSSLAreRead(command: String) throws {
        guard Fixture.hasOpenSSL() else { return }
        for key in try SignatureTests.kinds() {
            let directory = try TemporaryDirectory(prefix: "encrypted-key-tests")
            let folder = directory.path
            try FileSystem.write(key.pemBytes(), to: "\(folder)/plain.pem")
            try #require(
                Fixture.run("cd '\(folder)' && openssl \(command) -passout 'pass:correct horse' -out key.pem") == 0
            )
            let text = try FileSystem.read("\(folder)/key.pem", limit: 1 << 16)
            let read = try PrivateKey(pem: text, source: "key", passphrase: Self.passphrase)
            #expect(try read.pemBytes() == key.pemBytes())
        }
    }

    @Test(arguments: [
        "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-algorithm ed25519",
        "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    ])
    func madeByOpenSSLAtOnceAreRead(options: String) throws {
        guard Fixture.hasOpenSSL() else { return }
        let directory = try TemporaryDirectory(prefix: "encrypted-key-tests")
        let path = "\(directory.path)/key.pem"
        try #require(
            Fixture.run("openssl genpkey \(options) -aes256 -pass 'pass:correct horse' -out '\(path)' 2>/dev/null") == 0
        )
        let text = try FileSystem.read(path, limit: 1 << 16)
        let key = try PrivateKey(pem: text, source: "key", passphrase: Self.passphrase)
        #expect(try key.publicKey.verify(signature: try key.sign([1]), message: [1]))
    }

    @Test func areTheSameKeyAsTheFixtureBeside() throws {
        #expect(try read("encrypted-pkcs8.pem", Self.secret).pemBytes() == Fixture.bytes("p256.pem"))
    }

    // MARK: hostile and damaged ones

    /// Files that ask for more work than a guess may cost; each would keep a processor for minutes or hours.
    @Test(arguments: [
        ("costly-pbkdf2.pem", "2147483647 rounds of PBKDF2", "10000000"),
        ("costly-scrypt.pem", "scrypt with N 1024, r 8 and p 1000000", "8388608 of N · r · p"),
    ])
    func thatWouldTakeMinutesAreRefusedAtOnce(name: String, found: String, limit: String) {
        #expect(throws: CryptoError.costlyEncryption(source: name, found: found, limit: limit)) {
            try read(name, Self.secret)
        }
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test func ofBeforePBES2AreRefused() {
        let found = "another scheme than PBES2 with PBKDF2 or scrypt"
        #expect(throws: CryptoError.outdatedEncryption(source: "encrypted-pbes1.pem", found: found)) {
            try read("encrypted-pbes1.pem", Self.secret)
        }
    }

    @Test(arguments: [[], [UInt8](repeating: 0x61, count: 1024)])
    func needAPassphraseOfADecentLength(passphrase: [UInt8]) throws {
        let key = try Fixture.privateKey("p256.pem")
        let error = #expect(throws: CryptoError.self) { try key.pemBytes(passphrase: passphrase) }
        #expect(error?.message.hasPrefix("the passphrase is ") == true)
        #expect(throws: CryptoError.self) { try read("encrypted-pkcs8.pem", passphrase) }
    }

    @Test func readAPassphraseWithAZeroByteWhole() throws {
        let key = try Fixture.privateKey("p256.pem")
        let text = try key.pemBytes(passphrase: [0x61, 0, 0x62])
        #expect(throws: CryptoError.wrongPassphrase(source: "key")) {
            try PrivateKey(pem: text, source: "key", passphrase: [0x61, 0, 0x63])
        }
        #expect(try PrivateKey(pem: text, source: "key", passphrase: [0x61, 0, 0x62]).kind == key.kind)
    }

    /// Refused or read, never a crash, and an error that has words.
    @Test func surviveEveryCutAndEveryFlippedByte() throws {
        let text = try Fixture.bytes("encrypted-pkcs8.pem")
        for length in 0..<text.count - 1 {
            let error = #expect(throws: CryptoError.self) {
                try PrivateKey(pem: Array(text.prefix(length)), source: "cut", passphrase: Self.secret)
            }
            #expect(error?.message.isEmpty == false)
        }
        for position in text.indices {
            var damaged = text
            damaged[position] ^= 0x15
            _ = try? PrivateKey(pem: damaged, source: "damaged", passphrase: Self.secret)
        }
        #expect(!OpenSSL.hasPendingErrors)
    }

    @Test func ofOpenSSHAreNamedAsSuch() {
        let text = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
        let error = #expect(throws: CryptoError.self) { try PrivateKey(pem: Array(text.utf8), source: "id_ed25519") }
        #expect(error?.message == "id_ed25519 holds one in OpenSSH's form where a private key in PKCS #8 is expected")
    }

    @Test(arguments: ["rsa2048-pkcs1.pem"])
    func ofTheOlderFormOfRSAAreReadUnencrypted(name: String) throws {
        #expect(try Fixture.privateKey(name).pemBytes() == Fixture.bytes("rsa2048.pem"))
    }

    @Test(arguments: [
        ("rsa-pss-bound.pem", "an RSA key that is bound to PSS"), ("rsa4608.pem", "an RSA key of 4608 bits"),
    ])
    func ofRSAThatDoNotSignHereAreRefused(name: String, found: String) {
        let error = #expect(throws: CryptoError.self) { try Fixture.privateKey(name) }
        #expect(error?.message.hasPrefix("\(name) is \(found), not ") == true)
    }

    @Test func ofRSAWithAnotherKeysHalfAreRefused() {
        let reason = "its private and public halves don't belong together"
        #expect(
            throws: CryptoError.malformed(source: "mismatched-rsa.pem", expected: "private key", reason: reason)
        ) { try Fixture.privateKey("mismatched-rsa.pem") }
    }
}
