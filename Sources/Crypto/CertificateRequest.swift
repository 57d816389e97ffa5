import COpenSSL

/// A request for a certificate (PKCS #10, RFC 2986): a public key, signed by its private half.
///
/// What else it asks for (a name, extensions) is chosen by whoever sends it, and is read by nobody here: an authority that
/// issues takes the key and decides the rest itself.
package struct CertificateRequest: Sendable {
    /// The key that the sender has shown to hold.
    package let publicKey: PublicKey
    /// The encoded request.
    package let derBytes: [UInt8]

    /// The longest encoded request that is read.
    package static let limitBytes = 8 * 1024

    /// Makes a request for a key. It names nobody: the authority knows from elsewhere whom it issues for.
    package static func make(key: PrivateKey) throws(CryptoError) -> CertificateRequest {
        defer { OpenSSL.clearErrors() }
        let request = try OpenSSL.require(X509_REQ_new(), "allocate a request")
        defer { X509_REQ_free(request) }
        try OpenSSL.check(X509_REQ_set_version(request, Int(X509_REQ_VERSION_1)), "set a request's version")
        try OpenSSL.check(X509_REQ_set_pubkey(request, key.handle.pointer), "set a request's key")
        guard X509_REQ_sign(request, key.handle.pointer, try key.curve(for: "sign requests").digest) > 0 else {
            throw .libraryFailure(operation: "sign a request", reason: OpenSSL.takeReason())
        }
        var encoded: UnsafeMutablePointer<UInt8>?
        let length = i2d_X509_REQ(request, &encoded)
        guard length > 0, let encoded else {
            throw .libraryFailure(operation: "encode a request", reason: OpenSSL.takeReason())
        }
        defer { copenssl_free(encoded) }
        let der = [UInt8](UnsafeBufferPointer(start: encoded, count: Int(length)))
        return try CertificateRequest(der: der, source: "request")
    }

    /// Reads a request from DER, and throws unless its key is an ECDSA P-256 key that has signed it, with SHA-256 or longer.
    ///
    /// - Parameters:
    ///   - der: at most 8 KiB, nothing behind the request.
    ///   - source: what messages call the input.
    package init(der: [UInt8], source: String) throws(CryptoError) {
        defer { OpenSSL.clearErrors() }
        guard der.count <= CertificateRequest.limitBytes else {
            throw .tooLarge(source: source, bytes: der.count, limitBytes: CertificateRequest.limitBytes)
        }
        let decoded = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var cursor = buffer.baseAddress
            guard let request = d2i_X509_REQ(nil, &cursor, buffer.count) else { return nil }
            guard cursor == buffer.baseAddress?.advanced(by: buffer.count) else {
                X509_REQ_free(request)
                return nil
            }
            return request
        }
        guard let request = decoded else {
            throw .malformed(source: source, expected: "certificate request", reason: OpenSSL.takeReason())
        }
        defer { X509_REQ_free(request) }
        guard let pointer = X509_REQ_get_pubkey(request) else {
            throw .malformed(source: source, expected: "certificate request", reason: OpenSSL.takeReason())
        }
        let key = KeyHandle(owning: pointer)
        let kind = try KeyKind.of(key, source: "key of \(source)")
        guard kind == .ecdsa(.p256) else {
            throw .unsupportedKey(source: "key of \(source)", found: kind.description, supported: "an ECDSA P-256 key")
        }
        publicKey = try PublicKey(handle: key, source: "key of \(source)")
        let algorithm = X509_REQ_get_signature_nid(request)
        let accepted = [NID_ecdsa_with_SHA256, NID_ecdsa_with_SHA384, NID_ecdsa_with_SHA512]
        guard accepted.contains(algorithm) else {
            let name = OBJ_nid2sn(algorithm).map { String(cString: $0) } ?? "an unknown algorithm"
            throw .withoutPossession(source: source, reason: "\(name) is not ECDSA with SHA-256 or longer")
        }
        guard X509_REQ_verify(request, key.pointer) == 1 else {
            throw .withoutPossession(source: source, reason: "its signature is wrong")
        }
        derBytes = der
    }

    /// Reads a request from PEM text of at most 64 KiB, with one block; see above.
    package init(pem: [UInt8], source: String) throws(CryptoError) {
        let blocks = try PEMBlock.read(pem, source: source)
        guard let block = blocks.first, blocks.count == 1 else {
            throw .malformed(source: source, expected: "certificate request", reason: "it holds several PEM blocks")
        }
        guard block.label == "CERTIFICATE REQUEST" || block.label == "NEW CERTIFICATE REQUEST" else {
            throw .unexpectedBlock(source: source, expected: "a certificate request", found: block.phrase)
        }
        try self.init(der: block.content, source: source)
    }

    /// The request as PEM text.
    package var pemBytes: [UInt8] { PEMBlock.text(label: "CERTIFICATE REQUEST", derBytes) }
}
