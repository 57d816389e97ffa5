import COpenSSL

/// Which side of a TLS connection shows a certificate.
package enum PeerRole: Sendable {
    case tlsClient, tlsServer

    var purpose: Int32 { self == .tlsClient ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER }
    var extendedUsage: UInt32 { UInt32(self == .tlsClient ? XKU_SSL_CLIENT : XKU_SSL_SERVER) }
}

/// The names that a certificate is made out for, beside its subject.
package struct AlternativeNames: Sendable, Equatable {
    package var uris: [String] = []
    /// Names and addresses of servers, as they stand there; a name that is no host name is left out.
    package var servers: [ServerName] = []
}

// What a peer of a connection presents, and whether it may be believed.
extension Certificate {
    /// What the certificate of a device names it by: this and the device's id.
    package static let deviceURI = "urn:edge:device:"

    /// SHA-256 of the encoded certificate, as 64 lower-case hexadecimal digits.
    package var fingerprint: String {
        defer { OpenSSL.clearErrors() }
        var hash = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        guard EVP_Digest(derBytes, derBytes.count, &hash, &length, EVP_sha256(), nil) == 1 else { return "" }
        return hexadecimal(hash)
    }

    /// The serial number as lower-case hexadecimal digits, two for a byte; empty where it is negative or longer than the
    /// 20 bytes of RFC 5280.
    package var serialNumber: String {
        defer { OpenSSL.clearErrors() }
        guard let number = X509_get0_serialNumber(handle.pointer), let value = ASN1_INTEGER_to_BN(number, nil) else {
            return ""
        }
        defer { BN_free(value) }
        let count = (Int(BN_num_bits(value)) + 7) / 8
        guard BN_is_negative(value) == 0, count <= 20 else { return "" }
        var bytes = [UInt8](repeating: 0, count: max(1, count))
        BN_bn2binpad(value, &bytes, Int32(bytes.count))
        return hexadecimal(bytes)
    }

    /// The one common name of the subject; nil where there is none, or several, or one that is not UTF-8 without NUL.
    package var commonName: String? {
        defer { OpenSSL.clearErrors() }
        guard let name = X509_get_subject_name(handle.pointer) else { return nil }
        let index = X509_NAME_get_index_by_NID(name, NID_commonName, -1)
        guard index >= 0, X509_NAME_get_index_by_NID(name, NID_commonName, index) < 0 else { return nil }
        var text: UnsafeMutablePointer<UInt8>?
        let length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)))
        guard length >= 0, let text else { return nil }
        defer { copenssl_free(text) }
        let bytes = UnsafeBufferPointer(start: text, count: Int(length))
        return bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self)
    }

    /// The subject alternative names; nil where they are malformed.
    package var alternativeNames: AlternativeNames? {
        defer { OpenSSL.clearErrors() }
        var state: Int32 = 0
        guard let list = copenssl_alternative_names(handle.pointer, &state) else {
            return state == -1 ? AlternativeNames() : nil
        }
        defer { GENERAL_NAMES_free(list) }
        var names = AlternativeNames()
        for index in 0..<copenssl_names_count(list) {
            var start: UnsafePointer<UInt8>?
            var length: Int32 = 0
            let type = copenssl_names_at(list, index, &start, &length)
            guard let start, length > 0 else { continue }
            let bytes = [UInt8](UnsafeBufferPointer(start: start, count: Int(length)))
            switch type {
            case GEN_URI:
                // A NUL in a name is there to be read differently by two readers.
                guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else { return nil }
                names.uris.append(text)
            case GEN_DNS:
                if let text = String(validating: bytes, as: UTF8.self), let name = ServerName(text) {
                    names.servers.append(name)
                }
            default:
                if bytes.count == 4 || bytes.count == 16 { names.servers.append(.address(bytes)) }
            }
        }
        return names
    }

    /// The device it is made out for: of its one `urn:edge:device:` name, where its common name says the same. Nil for a
    /// certificate of something else. Believe it only after `verify`.
    package var deviceID: String? {
        guard let uris = alternativeNames?.uris, uris.count == 1, uris[0].hasPrefix(Certificate.deviceURI) else {
            return nil
        }
        let id = String(uris[0].dropFirst(Certificate.deviceURI.count))
        return commonName == id ? id : nil
    }

    /// Whether it may issue certificates: CA:TRUE with the key usage keyCertSign.
    package var isAuthority: Bool {
        defer { OpenSSL.clearErrors() }
        let flags = X509_get_extension_flags(handle.pointer)
        guard flags & UInt32(EXFLAG_INVALID) == 0, flags & UInt32(EXFLAG_CA) != 0 else { return false }
        return flags & UInt32(EXFLAG_KUSAGE) != 0
            && X509_get_key_usage(handle.pointer) & UInt32(KU_KEY_CERT_SIGN) != 0
    }

    /// The certificate as PEM text.
    package var pemBytes: [UInt8] { PEMBlock.text(label: "CERTIFICATE", derBytes) }

    /// Throws `certificateRefused` unless one of the authorities has issued it, all of it is valid at that moment, and it
    /// is made out for that side of a connection by an extended key usage of its own. Revocation is not looked up.
    ///
    /// - Parameters:
    ///   - authorities: the only ones that are trusted.
    ///   - intermediates: what came with it, in any order.
    ///   - seconds: since 1970 UTC.
    package func verify(
        as role: PeerRole,
        authorities: [Certificate],
        intermediates: [Certificate] = [],
        at seconds: Int64
    ) throws(CryptoError) {
        defer { OpenSSL.clearErrors() }
        guard intermediates.count <= CertificateChain.depthLimit else {
            throw .certificateRefused(subject: subject, problem: .other("too many intermediates came with it"))
        }
        var problem = CertificateProblem.unknownAuthority
        // One authority at a time: among several of one name libcrypto takes the first, whether or not its key fits.
        for authority in authorities {
            let verification = ChainVerification(leaf: self, intermediates: intermediates, root: authority)
            let code = try verification.code(at: seconds, purpose: role.purpose)
            if code == X509_V_OK {
                try requireExtendedUsage(of: role)
                return
            }
            // Of what several say, the one that knows the certificate counts.
            let found = CertificateProblem(code: code)
            if problem == .unknownAuthority { problem = found }
        }
        throw .certificateRefused(subject: subject, problem: problem)
    }

    /// libcrypto lets a certificate without extended key usage be anything.
    private func requireExtendedUsage(of role: PeerRole) throws(CryptoError) {
        let flags = X509_get_extension_flags(handle.pointer)
        guard flags & UInt32(EXFLAG_XKUSAGE) != 0,
            X509_get_extended_key_usage(handle.pointer) & role.extendedUsage != 0
        else { throw .certificateRefused(subject: subject, problem: .wrongPurpose) }
    }
}

extension CertificateProblem {
    init(code: Int32) {
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            self = .unknownAuthority
        case X509_V_ERR_INVALID_PURPOSE: self = .wrongPurpose
        default: self = .other(ChainVerification.words(for: code))
        }
    }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0x0F)]] }, as: UTF8.self)
}
