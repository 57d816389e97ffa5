import COpenSSL
import Glibc

/// One path from a certificate to one root, as libcrypto judges it (RFC 5280 section 6).
struct ChainVerification {
    let leaf: Certificate
    let intermediates: [Certificate]
    let root: Certificate

    /// libcrypto's level for 112 bits of security: no SHA-1 signatures, no RSA below 2048 bits (X509_VERIFY_PARAM_set_auth_level).
    static let securityLevel: Int32 = 2

    /// X509_V_OK, or the number of the first thing that is wrong.
    ///
    /// - Parameters:
    ///   - seconds: since 1970 UTC, the moment at which all of it must be valid.
    ///   - purpose: such as X509_PURPOSE_SSL_CLIENT; nil where the caller judges that itself.
    func code(at seconds: Int64, purpose: Int32? = nil) throws(CryptoError) -> Int32 {
        defer { OpenSSL.clearErrors() }
        let trusted = try CertificateList([root])
        let untrusted = try CertificateList(intermediates)
        let store = try OpenSSL.require(X509_STORE_new(), "allocate a certificate store")
        defer { X509_STORE_free(store) }
        let context = try OpenSSL.require(X509_STORE_CTX_new(), "allocate a verification")
        defer { X509_STORE_CTX_free(context) }
        try OpenSSL.check(
            X509_STORE_CTX_init(context, store, leaf.handle.pointer, untrusted.pointer),
            "begin a verification"
        )
        X509_STORE_CTX_set0_trusted_stack(context, trusted.pointer)
        let parameters = try OpenSSL.require(X509_STORE_CTX_get0_param(context), "set up a verification")
        X509_VERIFY_PARAM_set_time(parameters, time_t(seconds))
        X509_VERIFY_PARAM_set_depth(parameters, Int32(CertificateChain.depthLimit))
        X509_VERIFY_PARAM_set_auth_level(parameters, ChainVerification.securityLevel)
        if let purpose {
            try OpenSSL.check(X509_VERIFY_PARAM_set_purpose(parameters, purpose), "set a purpose")
        }
        if X509_verify_cert(context) == 1 { return X509_V_OK }
        let code = X509_STORE_CTX_get_error(context)
        return code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code
    }

    static func words(for code: Int32) -> String {
        String(cString: X509_verify_cert_error_string(Int(code))).lowercased()
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
