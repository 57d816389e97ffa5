import COpenSSL

/// A private key under a passphrase: PKCS #8 EncryptedPrivateKeyInfo (RFC 5958) with PBES2 (RFC 8018), as
/// `openssl pkcs8 -topk8` writes it.
///
/// The file itself says how much work a guess is. Whoever made it may have meant harm, so that is looked at first.
struct EncryptedKey: ~Copyable {
    private let pointer: OpaquePointer
    private let source: String

    /// What a passphrase may have, in bytes; OpenSSL reads no longer ones.
    static let passphraseLimitBytes = 1023
    /// Some ten seconds of a small machine.
    static let iterationsLimit: UInt64 = 10_000_000
    /// Of N · r · p, three seconds of a small machine; OpenSSL itself stops at 32 MiB of memory.
    static let scryptLimit: UInt64 = 1 << 23

    /// What new keys are sealed with: as much as OpenSSL still opens with its own limit of memory (16 MiB), five times
    /// over, which is what OWASP's password storage cheat sheet (2023) gives for that much memory.
    private static let scrypt: (n: UInt64, r: UInt64, p: UInt64) = (1 << 14, 8, 5)

    deinit { X509_SIG_free(pointer) }

    /// Reads the structure and judges what opening it costs.
    init(der: [UInt8], source: String) throws(CryptoError) {
        let decoded = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var cursor = buffer.baseAddress
            guard let read = d2i_X509_SIG(nil, &cursor, buffer.count) else { return nil }
            guard cursor == buffer.baseAddress?.advanced(by: buffer.count) else {
                X509_SIG_free(read)
                return nil
            }
            return read
        }
        guard let decoded else {
            throw .malformed(source: source, expected: "encrypted private key", reason: OpenSSL.takeReason())
        }
        do throws(CryptoError) {
            try Self.checkCost(of: decoded, source: source)
        } catch {
            X509_SIG_free(decoded)
            throw error
        }
        pointer = decoded
        self.source = source
    }

    /// Seals a key.
    init(sealing key: KeyHandle, passphrase: [UInt8]) throws(CryptoError) {
        try Self.check(passphrase)
        let plain = try OpenSSL.require(EVP_PKEY2PKCS8(key.pointer), "write a private key")
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        let algorithm = try OpenSSL.require(
            PKCS5_pbe2_set_scrypt(
                EVP_aes_256_cbc(),
                nil,  // a random salt
                16,
                nil,
                Self.scrypt.n,
                Self.scrypt.r,
                Self.scrypt.p
            ),
            "choose an encryption"
        )
        let sealed = passphrase.withUnsafeBytes {
            PKCS8_set0_pbe($0.bindMemory(to: CChar.self).baseAddress, Int32($0.count), plain, algorithm)
        }
        guard let sealed else {
            X509_ALGOR_free(algorithm)
            throw .libraryFailure(operation: "encrypt a private key", reason: OpenSSL.takeReason())
        }
        pointer = sealed
        source = "private key"
    }

    /// The encoded structure.
    var derBytes: [UInt8] {
        get throws(CryptoError) {
            var encoded: UnsafeMutablePointer<UInt8>?
            let length = i2d_X509_SIG(pointer, &encoded)
            guard length > 0, let encoded else {
                throw .libraryFailure(operation: "encode a private key", reason: OpenSSL.takeReason())
            }
            defer { copenssl_free(encoded) }
            return [UInt8](UnsafeBufferPointer(start: encoded, count: Int(length)))
        }
    }

    /// The key inside. A wrong passphrase and damaged content can't be told apart.
    borrowing func open(passphrase: [UInt8]) throws(CryptoError) -> KeyHandle {
        try Self.check(passphrase)
        let plain = passphrase.withUnsafeBytes {
            PKCS8_decrypt(pointer, $0.bindMemory(to: CChar.self).baseAddress, Int32($0.count))
        }
        guard let plain else { throw .wrongPassphrase(source: source) }
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        guard let key = EVP_PKCS82PKEY(plain) else {
            throw .malformed(source: source, expected: "private key", reason: OpenSSL.takeReason())
        }
        return KeyHandle(owning: key)
    }

    private static func check(_ passphrase: [UInt8]) throws(CryptoError) {
        guard !passphrase.isEmpty else { throw .badPassphrase(source: "the passphrase", problem: "is empty") }
        guard passphrase.count <= passphraseLimitBytes else {
            throw .badPassphrase(source: "the passphrase", problem: "is longer than \(passphraseLimitBytes) bytes")
        }
    }

    private static func checkCost(of pointer: OpaquePointer, source: String) throws(CryptoError) {
        var numbers: [UInt64] = [0, 0, 0]
        switch copenssl_derivation_of(pointer, &numbers) {
        case copenssl_derivation_pbkdf2:
            guard numbers[0] <= iterationsLimit else {
                throw .costlyEncryption(
                    source: source,
                    found: "\(numbers[0]) rounds of PBKDF2",
                    limit: "\(iterationsLimit)"
                )
            }
        case copenssl_derivation_scrypt:
            let (blocks, overflows) = numbers[0].multipliedReportingOverflow(by: numbers[1])
            let (work, overflowsToo) = blocks.multipliedReportingOverflow(by: numbers[2])
            guard !overflows, !overflowsToo, work <= scryptLimit else {
                throw .costlyEncryption(
                    source: source,
                    found: "scrypt with N \(numbers[0]), r \(numbers[1]) and p \(numbers[2])",
                    limit: "\(scryptLimit) of N · r · p"
                )
            }
        case copenssl_derivation_other:
            throw .outdatedEncryption(source: source, found: "another scheme than PBES2 with PBKDF2 or scrypt")
        default:
            throw .malformed(source: source, expected: "encrypted private key", reason: OpenSSL.takeReason())
        }
    }
}
