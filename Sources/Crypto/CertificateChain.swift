import COpenSSL
import Glibc

/// Which moment the validity of certificates is judged at. A detached signature has no trusted time of its own, so whoever
/// verifies must choose.
package enum ChainTime: Sendable, Equatable {
    /// The moment that the caller names, in seconds since 1970 UTC: now, or a trusted time of signing. The safe choice,
    /// and what OMS v1.0 asks for.
    case at(seconds: Int64)
    /// The start of the signing certificate's validity, as `model_signing` 1.1.1 does. **A certificate that expired years
    /// ago still passes**, and so does what its stolen key signs today.
    case signingCertificateNotBefore
}

/// A signing certificate and the intermediates that lead from it towards a root.
package struct CertificateChain: Sendable {
    /// The certificate whose key signed.
    package let signer: Certificate
    /// What came with it, in any order.
    package let intermediates: [Certificate]

    /// The most intermediates that a chain may pass through.
    static let depthLimit = 8
    /// libcrypto's level for 112 bits of security: no SHA-1 signatures, no RSA below 2048 bits (X509_VERIFY_PARAM_set_auth_level).
    static let securityLevel: Int32 = 2

    package init(signer: Certificate, intermediates: [Certificate]) {
        self.signer = signer
        self.intermediates = intermediates
    }

    /// Throws unless the chain ends in one of the roots, all of it valid at that moment, and the signer may sign.
    ///
    /// Only the roots given here are trusted, never the machine's. Revocation is not looked up.
    package func verify(roots: [Certificate], time: ChainTime) throws(CryptoError) {
        defer { OpenSSL.clearErrors() }
        guard !roots.isEmpty else {
            throw .untrustedCertificate(subject: signer.subject, reason: "no root certificate was given")
        }
        guard intermediates.count <= CertificateChain.depthLimit else {
            throw .untrustedCertificate(
                subject: signer.subject,
                reason: "\(intermediates.count) intermediates, more than the \(CertificateChain.depthLimit) allowed"
            )
        }
        try signer.requireSigningUsage()
        // One root at a time: among several of one name libcrypto takes the first, whether or not its key fits.
        var failure: CryptoError?
        for root in roots {
            do throws(CryptoError) {
                return try verify(root: root, seconds: seconds(of: time))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func verify(root: Certificate, seconds: Int64) throws(CryptoError) {
        let trusted = try CertificateList([root])
        let untrusted = try CertificateList(intermediates)
        let store = try OpenSSL.require(X509_STORE_new(), "allocate a certificate store")
        defer { X509_STORE_free(store) }
        let context = try OpenSSL.require(X509_STORE_CTX_new(), "allocate a verification")
        defer { X509_STORE_CTX_free(context) }
        try OpenSSL.check(
            X509_STORE_CTX_init(context, store, signer.handle.pointer, untrusted.pointer),
            "begin a verification"
        )
        X509_STORE_CTX_set0_trusted_stack(context, trusted.pointer)
        let parameters = try OpenSSL.require(X509_STORE_CTX_get0_param(context), "set up a verification")
        X509_VERIFY_PARAM_set_time(parameters, time_t(seconds))
        X509_VERIFY_PARAM_set_depth(parameters, Int32(CertificateChain.depthLimit))
        X509_VERIFY_PARAM_set_auth_level(parameters, CertificateChain.securityLevel)
        guard X509_verify_cert(context) == 1 else {
            let code = Int(X509_STORE_CTX_get_error(context))
            OpenSSL.clearErrors()
            throw .untrustedCertificate(
                subject: signer.subject,
                reason: String(cString: X509_verify_cert_error_string(code)).lowercased()
            )
        }
    }

    private func seconds(of time: ChainTime) -> Int64 {
        switch time {
        case .at(let seconds): seconds
        case .signingCertificateNotBefore: signer.notBefore
        }
    }
}

/// An owned STACK_OF(X509) that holds references of its own.
private struct CertificateList: ~Copyable {
    let pointer: OpaquePointer

    init(_ certificates: [Certificate]) throws(CryptoError) {
        let list = try OpenSSL.require(copenssl_certificates_new(), "allocate a certificate list")
        guard certificates.allSatisfy({ copenssl_certificates_add(list, $0.handle.pointer) == 1 }) else {
            copenssl_certificates_free(list)
            throw .libraryFailure(operation: "list certificates", reason: OpenSSL.takeReason())
        }
        pointer = list
    }

    deinit {
        copenssl_certificates_free(pointer)
    }
}
