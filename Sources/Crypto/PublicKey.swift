import COpenSSL

/// A key that verifies signatures: ECDSA, Ed25519 or RSA-PSS.
package struct PublicKey: Sendable, Equatable {
    let handle: KeyHandle
    /// Which algorithm it verifies.
    package let kind: KeyKind
    /// SubjectPublicKeyInfo as PEM text, byte for byte what `openssl pkey -pubout` prints: 64 columns, LF, LF at the end.
    package let pemBytes: [UInt8]

    /// The longest signature that is looked at: RSA of 8192 bits has 1024 bytes.
    static let signatureLimitBytes = 2048

    /// Reads a public key from PEM text (`PUBLIC KEY`, SubjectPublicKeyInfo).
    ///
    /// - Parameters:
    ///   - pem: at most 64 KiB, with one key.
    ///   - source: what messages call the input, usually its path.
    package init(pem: [UInt8], source: String) throws(CryptoError) {
        defer { OpenSSL.clearErrors() }
        let blocks = try PEMBlock.read(pem, source: source)
        if blocks.contains(where: \.isPrivateKey) { throw .privateInsteadOfPublicKey(source: source) }
        guard let block = blocks.first, blocks.count == 1 else { throw .severalKeys(source: source) }
        guard block.label == "PUBLIC KEY" else {
            throw .unexpectedBlock(source: source, expected: "a public key, \"PUBLIC KEY\",", found: block.phrase)
        }
        let pointer = block.content.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var cursor = buffer.baseAddress
            guard let key = d2i_PUBKEY(nil, &cursor, buffer.count) else { return nil }
            guard cursor == buffer.baseAddress?.advanced(by: buffer.count) else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
        guard let pointer else {
            throw .malformed(source: source, expected: "public key", reason: OpenSSL.takeReason())
        }
        try self.init(handle: KeyHandle(owning: pointer), source: source)
    }

    /// An Ed25519 key from its 32 bytes (RFC 8032 section 5.1.5), the form that TUF metadata carries.
    package init(ed25519 bytes: [UInt8], source: String) throws(CryptoError) {
        defer { OpenSSL.clearErrors() }
        guard bytes.count == 32 else {
            throw .malformed(source: source, expected: "Ed25519 key", reason: "\(bytes.count) bytes instead of 32")
        }
        let pointer = try OpenSSL.require(
            EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, bytes, bytes.count),
            "take an Ed25519 key"
        )
        try self.init(handle: KeyHandle(owning: pointer), source: source)
    }

    init(handle: KeyHandle, source: String) throws(CryptoError) {
        kind = try KeyKind.of(handle, source: source)
        if case .ecdsa = kind { try PublicKey.checkPoint(handle, source: source) }
        let buffer = try MemoryBuffer()
        try OpenSSL.check(PEM_write_bio_PUBKEY(buffer.bio, handle.pointer), "write a public key")
        pemBytes = buffer.bytes()
        self.handle = handle
    }

    /// The point at infinity decodes, but everything would verify with it.
    private static func checkPoint(_ handle: KeyHandle, source: String) throws(CryptoError) {
        let context = try OpenSSL.require(EVP_PKEY_CTX_new(handle.pointer, nil), "check a key")
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_public_check_quick(context) == 1 else {
            throw .malformed(source: source, expected: "public key", reason: OpenSSL.takeReason())
        }
    }

    /// True only if the signature is this key's over exactly these bytes. A malformed signature is a wrong one.
    package func verify(signature: [UInt8], message: [UInt8]) -> Bool {
        defer { OpenSSL.clearErrors() }
        guard !signature.isEmpty, signature.count <= PublicKey.signatureLimitBytes else { return false }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        var parameters: OpaquePointer?  // owned by context
        guard EVP_DigestVerifyInit_ex(context, &parameters, kind.hashName, nil, nil, handle.pointer, nil) == 1 else {
            return false
        }
        if case .rsa = kind {
            guard
                EVP_PKEY_CTX_set_rsa_padding(parameters, Int32(RSA_PKCS1_PSS_PADDING)) == 1,
                EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, Int32(RSA_PSS_SALTLEN_AUTO)) == 1,
                EVP_PKEY_CTX_set_rsa_mgf1_md_name(parameters, "SHA256", nil) == 1
            else { return false }
        }
        return signature.withUnsafeBufferPointer { signature in
            message.withUnsafeBufferPointer { message in
                EVP_DigestVerify(context, signature.baseAddress, signature.count, message.baseAddress, message.count)
                    == 1
            }
        }
    }

    package static func == (left: PublicKey, right: PublicKey) -> Bool {
        left.pemBytes == right.pemBytes
    }
}
