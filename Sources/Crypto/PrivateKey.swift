import COpenSSL

/// An ECDSA key that signs. libcrypto overwrites its copy of the key when the last one that holds it goes; the text that
/// a key was read from or written as is ordinary memory, given back as it is.
package struct PrivateKey: Sendable {
    let handle: KeyHandle
    /// The curve it is on.
    package let curve: EllipticCurve

    /// Makes a new key from the system's random source.
    package static func generate(curve: EllipticCurve = .p256) throws(CryptoError) -> PrivateKey {
        defer { OpenSSL.clearErrors() }
        let pointer = try OpenSSL.require(copenssl_generate_ec_key(curve.rawValue), "make a key")
        return PrivateKey(handle: KeyHandle(owning: pointer), curve: curve)
    }

    private init(handle: KeyHandle, curve: EllipticCurve) {
        self.handle = handle
        self.curve = curve
    }

    /// Reads a private key from PEM text: PKCS #8 (`PRIVATE KEY`), or `EC PRIVATE KEY` as `openssl ecparam` writes it.
    ///
    /// - Parameters:
    ///   - pem: at most 64 KiB, with one key; an `EC PARAMETERS` block before it is skipped.
    ///   - source: what messages call the input, usually its path.
    package init(pem: [UInt8], source: String) throws(CryptoError) {
        defer { OpenSSL.clearErrors() }
        let blocks = try PEMBlock.read(pem, source: source).filter { $0.label != "EC PARAMETERS" }
        guard let block = blocks.first else {
            throw .unexpectedBlock(source: source, expected: "a private key", found: "a block \"EC PARAMETERS\"")
        }
        guard blocks.count == 1 else { throw .severalKeys(source: source) }
        guard block.isPrivateKey else {
            throw .unexpectedBlock(source: source, expected: "a private key", found: block.phrase)
        }
        guard !block.isEncrypted else { throw .encryptedKey(source: source) }
        handle = try PrivateKey.decode(block.content, source: source)
        switch try KeyKind.of(handle, source: source) {
        case .ecdsa(let curve):
            self.curve = curve
        case let kind:
            throw .unsupportedKey(
                source: source,
                found: kind.description,
                supported: "an ECDSA P-256, P-384 or P-521 key, the ones that sign here"
            )
        }
        try PrivateKey.checkHalves(handle, source: source)
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

    /// A file whose public half is another key's would make signatures that nobody can verify.
    private static func checkHalves(_ handle: KeyHandle, source: String) throws(CryptoError) {
        let context = try OpenSSL.require(EVP_PKEY_CTX_new(handle.pointer, nil), "check a key")
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_pairwise_check(context) == 1 else {
            throw .malformed(
                source: source,
                expected: "private key",
                reason: "its private and public halves don't belong together"
            )
        }
    }

    /// The key as unencrypted PKCS #8 PEM text. Secret: it belongs in a file of mode 0600 and nowhere else.
    package func pemBytes() throws(CryptoError) -> [UInt8] {
        defer { OpenSSL.clearErrors() }
        let buffer = try MemoryBuffer(secret: true)
        try OpenSSL.check(
            PEM_write_bio_PKCS8PrivateKey(buffer.bio, handle.pointer, nil, nil, 0, nil, nil),
            "write a private key"
        )
        return buffer.bytes()
    }

    /// The half that verifies what this key signs.
    package var publicKey: PublicKey {
        get throws(CryptoError) {
            defer { OpenSSL.clearErrors() }
            let buffer = try MemoryBuffer()
            try OpenSSL.check(PEM_write_bio_PUBKEY(buffer.bio, handle.pointer), "write a public key")
            return try PublicKey(pem: buffer.bytes(), source: "public key")
        }
    }

    /// Signs the message with the hash of the curve. The signature is ASN.1 DER and differs each time, as ECDSA's do.
    package func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        defer { OpenSSL.clearErrors() }
        let context = try OpenSSL.require(EVP_MD_CTX_new(), "allocate a signing context")
        defer { EVP_MD_CTX_free(context) }
        try OpenSSL.check(
            EVP_DigestSignInit_ex(context, nil, curve.hashName, nil, nil, handle.pointer, nil),
            "begin a signature"
        )
        var length = Int(EVP_PKEY_get_size(handle.pointer))
        var signature = [UInt8](repeating: 0, count: length)
        let code = message.withUnsafeBufferPointer {
            EVP_DigestSign(context, &signature, &length, $0.baseAddress, $0.count)
        }
        try OpenSSL.check(code, "sign")
        return Array(signature.prefix(length))
    }
}
