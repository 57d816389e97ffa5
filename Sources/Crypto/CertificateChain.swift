import COpenSSL

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
        let code = try ChainVerification(leaf: signer, intermediates: intermediates, root: root).code(at: seconds)
        guard code == X509_V_OK else {
            throw .untrustedCertificate(subject: signer.subject, reason: ChainVerification.words(for: code))
        }
    }

    private func seconds(of time: ChainTime) -> Int64 {
        switch time {
        case .at(let seconds): seconds
        case .signingCertificateNotBefore: signer.notBefore
        }
    }
}
