import COpenSSL

/// An X.509 certificate: what a signature of the certificate method carries, and the roots it is judged by.
package struct Certificate: Sendable {
    let handle: CertificateHandle
    /// The encoded certificate.
    package let derBytes: [UInt8]
    /// Whom it names, as RFC 2253 text: `CN=ci-signer,O=Example`. For messages only; it is chosen by whoever asked for it.
    package let subject: String
    /// Start of validity in seconds since 1970 UTC.
    package let notBefore: Int64
    /// End of validity in seconds since 1970 UTC.
    package let notAfter: Int64

    /// The longest encoded certificate that is read.
    package static let limitBytes = 16 * 1024

    /// Reads one certificate from DER.
    ///
    /// - Parameters:
    ///   - der: at most 16 KiB, nothing behind the certificate.
    ///   - source: what messages call the input.
    package init(der: [UInt8], source: String) throws(CryptoError) {
        defer { OpenSSL.clearErrors() }
        guard der.count <= Certificate.limitBytes else {
            throw .tooLarge(source: source, bytes: der.count, limitBytes: Certificate.limitBytes)
        }
        let pointer = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var cursor = buffer.baseAddress
            guard let certificate = d2i_X509(nil, &cursor, buffer.count) else { return nil }
            guard cursor == buffer.baseAddress?.advanced(by: buffer.count) else {
                X509_free(certificate)
                return nil
            }
            return certificate
        }
        guard let pointer else {
            throw .malformed(source: source, expected: "certificate", reason: OpenSSL.takeReason())
        }
        handle = CertificateHandle(owning: pointer)
        derBytes = der
        subject = try Certificate.subject(of: pointer)
        var start: Int64 = 0
        var end: Int64 = 0
        guard copenssl_seconds(X509_get0_notBefore(pointer), &start) == 1,
            copenssl_seconds(X509_get0_notAfter(pointer), &end) == 1
        else { throw .malformed(source: source, expected: "certificate", reason: "its validity is not a time") }
        notBefore = start
        notAfter = end
    }

    /// Reads every certificate of a PEM text of at most 64 KiB, in order; at least one.
    package static func parse(pem: [UInt8], source: String) throws(CryptoError) -> [Certificate] {
        var certificates: [Certificate] = []
        for block in try PEMBlock.read(pem, source: source) {
            guard block.label == "CERTIFICATE" else {
                throw .unexpectedBlock(source: source, expected: "certificates", found: block.phrase)
            }
            certificates.append(try Certificate(der: block.content, source: source))
        }
        return certificates
    }

    /// The key that the certificate vouches for.
    package var publicKey: PublicKey {
        get throws(CryptoError) {
            defer { OpenSSL.clearErrors() }
            guard let pointer = X509_get_pubkey(handle.pointer) else {
                throw .malformed(source: "key of \(subject)", expected: "public key", reason: OpenSSL.takeReason())
            }
            return try PublicKey(handle: KeyHandle(owning: pointer), source: "key of \(subject)")
        }
    }

    /// Throws unless the certificate is made out for signing: key usage digitalSignature or extended key usage
    /// codeSigning (OMS v1.0, certificate method), and neither extension present without it (RFC 5280 4.2.1.3, 4.2.1.12:
    /// a TLS server's certificate of the same authority signs no models).
    package func requireSigningUsage() throws(CryptoError) {
        defer { OpenSSL.clearErrors() }
        let flags = X509_get_extension_flags(handle.pointer)
        guard flags & UInt32(EXFLAG_INVALID) == 0 else {
            throw .unsuitableCertificate(subject: subject, reason: "its extensions are malformed")
        }
        let hasUsage = flags & UInt32(EXFLAG_KUSAGE) != 0
        let hasExtendedUsage = flags & UInt32(EXFLAG_XKUSAGE) != 0
        guard hasUsage || hasExtendedUsage else {
            throw .unsuitableCertificate(subject: subject, reason: "it has no key usage")
        }
        if hasUsage, X509_get_key_usage(handle.pointer) & UInt32(KU_DIGITAL_SIGNATURE) == 0 {
            throw .unsuitableCertificate(subject: subject, reason: "its key usage lacks digitalSignature")
        }
        let accepted = UInt32(XKU_CODE_SIGN | XKU_ANYEKU)
        if hasExtendedUsage, X509_get_extended_key_usage(handle.pointer) & accepted == 0 {
            throw .unsuitableCertificate(subject: subject, reason: "its extended key usage lacks codeSigning")
        }
    }

    private static func subject(of pointer: OpaquePointer) throws(CryptoError) -> String {
        let buffer = try MemoryBuffer()
        guard copenssl_print_name(buffer.bio, X509_get_subject_name(pointer)) >= 0 else {
            throw .libraryFailure(operation: "read a subject", reason: OpenSSL.takeReason())
        }
        let text = String(decoding: buffer.bytes(), as: UTF8.self)
        return text.isEmpty ? "(no subject)" : text
    }
}

/// An owned X509. libcrypto locks its caches itself, so threads may share it.
final class CertificateHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the reference.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        X509_free(pointer)
    }
}
