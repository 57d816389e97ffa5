import COpenSSL

/// A key that signs: ECDSA, Ed25519 or RSA-PSS. libcrypto overwrites its copy of the key when the last one that holds it
/// goes; the text that a key was read from or written as is ordinary memory, given back as it is.
package struct PrivateKey: Sendable {
    let handle: KeyHandle
    /// What it signs with.
    package let kind: KeyKind

    /// Makes a new key from the system's random source.
    package static func generate(_ type: KeyType = .p256) throws(CryptoError) -> PrivateKey {
        switch type {
        case .p256: return try generate(curve: .p256)
        case .p384: return try generate(curve: .p384)
        case .ed25519:
            defer { OpenSSL.clearErrors() }
            let pointer = try OpenSSL.require(copenssl_generate_ed25519_key(), "make a key")
            return PrivateKey(handle: KeyHandle(owning: pointer), kind: .ed25519)
        case .rsa:
            defer { OpenSSL.clearErrors() }
            let pointer = try OpenSSL.require(copenssl_generate_rsa_key(3072), "make a key")
            return PrivateKey(handle: KeyHandle(owning: pointer), kind: .rsa(bits: 3072))
        }
    }

    /// Makes a new ECDSA key from the system's random source.
    package static func generate(curve: EllipticCurve) throws(CryptoError) -> PrivateKey {
        defer { OpenSSL.clearErrors() }
        let pointer = try OpenSSL.require(copenssl_generate_ec_key(curve.rawValue), "make a key")
        return PrivateKey(handle: KeyHandle(owning: pointer), kind: .ecdsa(curve))
    }

    init(handle: KeyHandle, kind: KeyKind) {
        self.handle = handle
        self.kind = kind
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

    /// The curve, for uses that have standards for ECDSA alone.
    ///
    /// - Parameter purpose: what it is to do, for the error: `sign bundles`.
    package func curve(for purpose: String) throws(CryptoError) -> EllipticCurve {
        guard case .ecdsa(let curve) = kind else {
            throw .unsupportedKey(
                source: "the key",
                found: kind.description,
                supported: "an ECDSA P-256, P-384 or P-521 key, the ones that \(purpose)"
            )
        }
        return curve
    }

    /// Signs the message: ECDSA with the hash of its curve as ASN.1 DER, Ed25519 as 64 bytes, RSA as PSS with SHA-256,
    /// MGF1-SHA-256 and a salt of 32 bytes. All but Ed25519's differ each time.
    package func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        defer { OpenSSL.clearErrors() }
        let context = try OpenSSL.require(EVP_MD_CTX_new(), "allocate a signing context")
        defer { EVP_MD_CTX_free(context) }
        var parameters: OpaquePointer?  // owned by context
        try OpenSSL.check(
            EVP_DigestSignInit_ex(context, &parameters, kind.hashName, nil, nil, handle.pointer, nil),
            "begin a signature"
        )
        if case .rsa = kind {
            try OpenSSL.check(EVP_PKEY_CTX_set_rsa_padding(parameters, Int32(RSA_PKCS1_PSS_PADDING)), "choose PSS")
            try OpenSSL.check(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 32), "set the length of a salt")
            try OpenSSL.check(EVP_PKEY_CTX_set_rsa_mgf1_md_name(parameters, "SHA256", nil), "choose MGF1's hash")
        }
        var length = Int(EVP_PKEY_get_size(handle.pointer))
        var signature = [UInt8](repeating: 0, count: length)
        let code = message.withUnsafeBufferPointer {
            EVP_DigestSign(context, &signature, &length, $0.baseAddress, $0.count)
        }
        try OpenSSL.check(code, "sign")
        return Array(signature.prefix(length))
    }
}
