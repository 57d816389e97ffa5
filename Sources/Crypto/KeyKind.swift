import COpenSSL

/// A NIST curve for ECDSA. The hash belongs to the curve, as in TUF and in OMS v1.0.
package enum EllipticCurve: String, Sendable, CaseIterable {
    case p256 = "P-256"
    case p384 = "P-384"
    case p521 = "P-521"

    /// The hash that is signed on this curve, by libcrypto's name.
    var hashName: String {
        switch self {
        case .p256: "SHA256"
        case .p384: "SHA384"
        case .p521: "SHA512"
        }
    }

    /// The same hash, for certificates and requests.
    var digest: OpaquePointer? {
        switch self {
        case .p256: EVP_sha256()
        case .p384: EVP_sha384()
        case .p521: EVP_sha512()
        }
    }

    /// libcrypto's name of the group (SN_X9_62_prime256v1, SN_secp384r1, SN_secp521r1).
    var groupName: String {
        switch self {
        case .p256: "prime256v1"
        case .p384: "secp384r1"
        case .p521: "secp521r1"
        }
    }
}

/// What a key can verify, and how.
package enum KeyKind: Sendable, Equatable, CustomStringConvertible {
    /// ECDSA, signatures as ASN.1 DER, the hash by curve.
    case ecdsa(EllipticCurve)
    /// Ed25519 (RFC 8032), signatures of 64 bytes.
    case ed25519
    /// RSA-PSS with SHA-256 and MGF1-SHA-256, any salt length.
    case rsa(bits: Int)

    package var description: String {
        switch self {
        case .ecdsa(let curve): "an ECDSA \(curve.rawValue) key"
        case .ed25519: "an Ed25519 key"
        case .rsa(let bits): "an RSA key of \(bits) bits"
        }
    }

    /// The kind in one word, as `KeyType` has it: `ecdsa-p256`, `rsa-2048`.
    package var name: String {
        switch self {
        case .ecdsa(.p256): "ecdsa-p256"
        case .ecdsa(.p384): "ecdsa-p384"
        case .ecdsa(.p521): "ecdsa-p521"
        case .ed25519: "ed25519"
        case .rsa(let bits): "rsa-\(bits)"
        }
    }

    /// The hash that is signed, by libcrypto's name; nil where it is part of the algorithm.
    var hashName: String? {
        switch self {
        case .ecdsa(let curve): curve.hashName
        case .ed25519: nil
        case .rsa: "SHA256"
        }
    }

    /// RSA moduli that are used: fewer bits are breakable, more only cost time.
    static let rsaBits = 2048...8192

    /// Finds out what a key is and refuses those that nothing here can use.
    static func of(_ key: KeyHandle, source: String) throws(CryptoError) -> KeyKind {
        if EVP_PKEY_is_a(key.pointer, "EC") == 1 {
            return .ecdsa(try curve(of: key, source: source))
        }
        if EVP_PKEY_is_a(key.pointer, "ED25519") == 1 {
            return .ed25519
        }
        if EVP_PKEY_is_a(key.pointer, "RSA") == 1 || EVP_PKEY_is_a(key.pointer, "RSA-PSS") == 1 {
            let bits = Int(EVP_PKEY_get_bits(key.pointer))
            guard rsaBits.contains(bits) else {
                throw .unsupportedKey(
                    source: source,
                    found: "an RSA key of \(bits) bits",
                    supported: "one of \(rsaBits.lowerBound) to \(rsaBits.upperBound) bits"
                )
            }
            return .rsa(bits: bits)
        }
        let name = EVP_PKEY_get0_type_name(key.pointer).map { String(cString: $0) } ?? "unknown"
        throw .unsupportedKey(
            source: source,
            found: "a key of type \(name)",
            supported: "an ECDSA P-256, P-384 or P-521, Ed25519 or RSA key"
        )
    }

    private static func curve(of key: KeyHandle, source: String) throws(CryptoError) -> EllipticCurve {
        let name = parameter("group", of: key)
        guard let curve = EllipticCurve.allCases.first(where: { $0.groupName == name }) else {
            throw .unsupportedKey(
                source: source,
                found: "an elliptic curve key on \(name ?? "a curve without a name")",
                supported: "one on P-256, P-384 or P-521"
            )
        }
        // A key that spells out its curve's numbers may describe a look-alike curve on which signatures can be forged
        // (CVE-2020-0601); only keys that name their curve are taken.
        guard parameter("encoding", of: key) == "named_curve" else {
            throw .unsupportedKey(
                source: source,
                found: "an elliptic curve key that spells out its curve",
                supported: "one that names its curve"
            )
        }
        return curve
    }

    /// A text parameter of a key (EVP_PKEY-EC(7)), or nil where it has none.
    private static func parameter(_ name: String, of key: KeyHandle) -> String? {
        var text = [CChar](repeating: 0, count: 64)
        guard EVP_PKEY_get_utf8_string_param(key.pointer, name, &text, text.count, nil) == 1 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
