import COpenSSL

extension PrivateKey {
    /// The longest private RSA key that signs, in bits: above it a signature takes a second and more.
    static let rsaBitsLimit = 4096

    /// Whether reading the PEM text takes a passphrase; false where it is no private key at all.
    package static func isEncrypted(pem: [UInt8]) -> Bool {
        defer { OpenSSL.clearErrors() }
        return (try? PEMBlock.read(pem, source: ""))?.contains { $0.isPrivateKey && $0.isEncrypted } ?? false
    }

    /// Whether the PEM text holds a private key, whatever its kind and state.
    package static func isPrivateKey(pem: [UInt8]) -> Bool {
        defer { OpenSSL.clearErrors() }
        return (try? PEMBlock.read(pem, source: ""))?.contains(where: \.isPrivateKey) ?? false
    }

    /// Reads a private key from PEM text: PKCS #8 (`PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`), or `EC PRIVATE KEY` and
    /// `RSA PRIVATE KEY` as older programs write them.
    ///
    /// - Parameters:
    ///   - pem: at most 64 KiB, with one key; an `EC PARAMETERS` block before it is skipped.
    ///   - source: what messages call the input, usually its path.
    ///   - passphrase: used where the key is encrypted.
    package init(pem: [UInt8], source: String, passphrase: [UInt8]? = nil) throws(CryptoError) {
        defer { OpenSSL.clearErrors() }
        let blocks = try PEMBlock.read(pem, source: source).filter { $0.label != "EC PARAMETERS" }
        guard let block = blocks.first else {
            throw .unexpectedBlock(source: source, expected: "a private key", found: "a block \"EC PARAMETERS\"")
        }
        guard blocks.count == 1 else { throw .severalKeys(source: source) }
        guard block.isPrivateKey else {
            throw .unexpectedBlock(source: source, expected: "a private key", found: block.phrase)
        }
        guard block.label != "OPENSSH PRIVATE KEY" else {
            throw .unexpectedBlock(source: source, expected: "a private key in PKCS #8", found: "one in OpenSSH's form")
        }
        guard !block.hasEncryptionHeader else {
            throw .outdatedEncryption(source: source, found: "the header \"Proc-Type\" of PEM's first version")
        }
        if block.isEncrypted {
            guard let passphrase else { throw .encryptedKey(source: source) }
            let encrypted = try EncryptedKey(der: block.content, source: source)
            handle = try encrypted.open(passphrase: passphrase)
        } else {
            handle = try PrivateKey.decode(block.content, source: source)
        }
        kind = try PrivateKey.usableKind(of: handle, source: source)
        try checkHalves(source: source)
    }

    private static func decode(_ der: [UInt8], source: String) throws(CryptoError) -> KeyHandle {
        let pointer = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var cursor = buffer.baseAddress
            guard let key = d2i_AutoPrivateKey(nil, &cursor, buffer.count) else { return nil }
            guard cursor == buffer.baseAddress?.advanced(by: buffer.count) else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
        guard let pointer else {
            throw .malformed(source: source, expected: "private key", reason: OpenSSL.takeReason())
        }
        return KeyHandle(owning: pointer)
    }

    private static func usableKind(of handle: KeyHandle, source: String) throws(CryptoError) -> KeyKind {
        // Its public half would name the padding in its algorithm, which not every verifier reads.
        guard EVP_PKEY_is_a(handle.pointer, "RSA-PSS") != 1 else {
            throw .unsupportedKey(
                source: source,
                found: "an RSA key that is bound to PSS",
                supported: "one for any padding (rsaEncryption)"
            )
        }
        let kind = try KeyKind.of(handle, source: source)
        if case .rsa(let bits) = kind, bits > rsaBitsLimit {
            throw .unsupportedKey(
                source: source,
                found: kind.description,
                supported: "one of \(KeyKind.rsaBits.lowerBound) to \(rsaBitsLimit) bits, the ones that sign here"
            )
        }
        return kind
    }

    /// A file whose public half is another key's would make signatures that nobody can verify.
    private func checkHalves(source: String) throws(CryptoError) {
        let belongTogether: Bool
        if case .rsa = kind {
            // libcrypto would look for factors of the primes, which takes seconds.
            let message = Array("a message".utf8)
            let signature = (try? sign(message)) ?? []
            belongTogether = try publicKey.verify(signature: signature, message: message)
        } else {
            let context = try OpenSSL.require(EVP_PKEY_CTX_new(handle.pointer, nil), "check a key")
            defer { EVP_PKEY_CTX_free(context) }
            belongTogether = EVP_PKEY_pairwise_check(context) == 1
        }
        guard belongTogether else {
            throw .malformed(
                source: source,
                expected: "private key",
                reason: "its private and public halves don't belong together"
            )
        }
    }

    /// The key as PKCS #8 PEM text. Secret without a passphrase: it belongs in a file of mode 0600 and nowhere else.
    ///
    /// - Parameter passphrase: where one is given, the key is encrypted with AES-256 and a key that scrypt derives.
    package func pemBytes(passphrase: [UInt8]? = nil) throws(CryptoError) -> [UInt8] {
        defer { OpenSSL.clearErrors() }
        if let passphrase {
            let encrypted = try EncryptedKey(sealing: handle, passphrase: passphrase)
            return PEMBlock.text(label: "ENCRYPTED PRIVATE KEY", try encrypted.derBytes)
        }
        let buffer = try MemoryBuffer(secret: true)
        try OpenSSL.check(
            PEM_write_bio_PKCS8PrivateKey(buffer.bio, handle.pointer, nil, nil, 0, nil, nil),
            "write a private key"
        )
        return buffer.bytes()
    }
}
