import COpenSSL
import Glibc

/// A small certificate authority: one key, one self-signed certificate, nothing below it that may issue.
///
/// Moments are seconds since 1970 UTC and handed in; nothing here reads a clock.
package struct CertificateAuthority: Sendable {
    /// Its own certificate, which whoever trusts it holds.
    package let certificate: Certificate
    private let key: PrivateKey

    /// How far before its issue a certificate is valid already: clocks of boxes go wrong by minutes.
    package static let skewSeconds: Int64 = 600
    /// The longest that a certificate may be valid, an authority's too: 30 years.
    package static let lifetimeLimitSeconds: Int64 = 30 * 366 * 86_400
    /// The longest common name (RFC 5280, ub-common-name).
    package static let nameLimitBytes = 64
    /// The most names that a server's certificate is made out for.
    package static let serverNameLimit = 32

    /// Makes an authority: CA:TRUE, no authority below it, key usage keyCertSign and cRLSign.
    ///
    /// - Parameters:
    ///   - name: its common name, printable ASCII of at most 64 bytes.
    ///   - key: what it signs with from now on.
    ///   - now: the moment of issue.
    ///   - lifetimeSeconds: from then on.
    package static func make(
        name: String,
        key: PrivateKey,
        at now: Int64,
        lifetimeSeconds: Int64
    ) throws(CryptoError) -> CertificateAuthority {
        guard (1...nameLimitBytes).contains(name.utf8.count), name.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw .cannotIssue(subject: "an authority", reason: "its name is not 1 to 64 bytes of printable ASCII") }
        let draft = try CertificateDraft(subject: name)
        try draft.setValidity(try span(of: name, at: now, lifetimeSeconds: lifetimeSeconds))
        try draft.setKey(key.handle)
        try draft.setIssuer(nil)
        try draft.add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
        try draft.add(NID_key_usage, "critical,keyCertSign,cRLSign")
        try draft.add(NID_subject_key_identifier, "hash")
        return try CertificateAuthority(certificate: try draft.sign(with: key), key: key)
    }

    /// Puts an authority together from what was stored; throws unless the key is the certificate's and the certificate may
    /// issue.
    package init(certificate: Certificate, key: PrivateKey) throws(CryptoError) {
        guard certificate.isAuthority else {
            throw .unsuitableAuthority(subject: certificate.subject, reason: "it is not an authority's certificate")
        }
        guard try certificate.publicKey == key.publicKey else {
            throw .unsuitableAuthority(subject: certificate.subject, reason: "the key is not the certificate's")
        }
        _ = try key.curve(for: "sign certificates")
        self.certificate = certificate
        self.key = key
    }

    /// Issues a client certificate for a device: common name and URI `urn:edge:device:ID`, extended key usage clientAuth.
    /// Of the request only the key is taken.
    ///
    /// - Parameters:
    ///   - deviceID: letters, digits, `.`, `_`, `:` and `-`, at most 64, the length of a common name.
    ///   - now: the moment of issue; the certificate is valid from `skewSeconds` before it.
    ///   - lifetimeSeconds: from then on, cut to the authority's own.
    package func issueClientCertificate(
        for request: CertificateRequest,
        deviceID: String,
        at now: Int64,
        lifetimeSeconds: Int64
    ) throws(CryptoError) -> Certificate {
        guard (1...CertificateAuthority.nameLimitBytes).contains(deviceID.utf8.count),
            deviceID.utf8.allSatisfy(isDeviceByte)
        else {
            throw .cannotIssue(
                subject: "a device",
                reason: "its id is not 1 to 64 letters, digits, \".\", \"_\", \":\" or \"-\""
            )
        }
        let names = [(GEN_URI, Array((Certificate.deviceURI + deviceID).utf8))]
        return try issue(request, subject: deviceID, names: names, usage: "clientAuth", at: now, lifetimeSeconds)
    }

    /// Issues a server certificate: its names, extended key usage serverAuth. Of the request only the key is taken.
    ///
    /// - Parameters:
    ///   - names: 1 to 32; the first that fits is the common name too.
    package func issueServerCertificate(
        for request: CertificateRequest,
        names: [ServerName],
        at now: Int64,
        lifetimeSeconds: Int64
    ) throws(CryptoError) -> Certificate {
        guard (1...CertificateAuthority.serverNameLimit).contains(names.count) else {
            throw .cannotIssue(
                subject: "a server",
                reason: "it has \(names.count) names instead of 1 to \(CertificateAuthority.serverNameLimit)"
            )
        }
        let subject =
            names.map(\.description).first { $0.utf8.count <= CertificateAuthority.nameLimitBytes } ?? "server"
        let encoded = names.map { name in
            switch name {
            case .dns(let text): (GEN_DNS, Array(text.utf8))
            case .address(let bytes): (GEN_IPADD, bytes)
            }
        }
        return try issue(request, subject: subject, names: encoded, usage: "serverAuth", at: now, lifetimeSeconds)
    }

    private func issue(
        _ request: CertificateRequest,
        subject: String,
        names: [(Int32, [UInt8])],
        usage: String,
        at now: Int64,
        _ lifetimeSeconds: Int64
    ) throws(CryptoError) -> Certificate {
        guard certificate.notBefore <= now, now < certificate.notAfter else {
            throw .cannotIssue(subject: subject, reason: "the authority itself is not valid at this time")
        }
        var span = try CertificateAuthority.span(of: subject, at: now, lifetimeSeconds: lifetimeSeconds)
        span = span.clamped(to: certificate.notBefore...certificate.notAfter)
        let draft = try CertificateDraft(subject: subject)
        try draft.setValidity(span)
        try draft.setKey(request.publicKey.handle)
        try draft.setIssuer(certificate)
        try draft.add(NID_basic_constraints, "critical,CA:FALSE")
        try draft.add(NID_key_usage, "critical,digitalSignature")
        try draft.add(NID_ext_key_usage, usage)
        try draft.add(NID_subject_key_identifier, "hash")
        try draft.add(NID_authority_key_identifier, "keyid:always")
        try draft.add(names: names)
        return try draft.sign(with: key)
    }

    /// From a little before the issue to its end.
    private static func span(
        of subject: String,
        at now: Int64,
        lifetimeSeconds: Int64
    ) throws(CryptoError) -> ClosedRange<Int64> {
        // The years that a certificate's date can carry end with 9999; nobody's clock is there yet.
        guard (0...250_000_000_000).contains(now) else {
            throw .cannotIssue(subject: subject, reason: "\(now) seconds since 1970 is no time of issue")
        }
        guard (1...lifetimeLimitSeconds).contains(lifetimeSeconds) else {
            throw .cannotIssue(subject: subject, reason: "it would be valid for \(lifetimeSeconds) seconds")
        }
        return max(0, now - skewSeconds)...now + lifetimeSeconds
    }
}

/// As `DeviceID` of deployments has it.
private func isDeviceByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
        UInt8(ascii: "-"):
        true
    default: false
    }
}

/// A certificate that is being made.
private final class CertificateDraft {
    private let pointer: OpaquePointer
    private let subject: String
    private var issuer: Certificate?

    /// With a serial number of 128 random bits: who can't foresee it can't prepare a collision, and two are never the same.
    init(subject: String) throws(CryptoError) {
        let made = try OpenSSL.require(X509_new(), "allocate a certificate")
        self.subject = subject
        pointer = made
        try OpenSSL.check(X509_set_version(made, Int(X509_VERSION_3)), "set a certificate's version")
        var random = [UInt8](repeating: 0, count: 16)
        try OpenSSL.check(RAND_bytes(&random, Int32(random.count)), "draw a serial number")
        let number = try OpenSSL.require(BN_bin2bn(random, Int32(random.count), nil), "make a serial number")
        defer { BN_free(number) }
        guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made)) != nil else {
            throw .libraryFailure(operation: "set a serial number", reason: OpenSSL.takeReason())
        }
        let code = X509_NAME_add_entry_by_NID(
            X509_get_subject_name(made),
            NID_commonName,
            MBSTRING_UTF8,
            Array(subject.utf8),
            Int32(subject.utf8.count),
            -1,
            0
        )
        try OpenSSL.check(code, "set a subject")
    }

    deinit {
        X509_free(pointer)
    }

    func setValidity(_ span: ClosedRange<Int64>) throws(CryptoError) {
        guard ASN1_TIME_set(X509_getm_notBefore(pointer), time_t(span.lowerBound)) != nil,
            ASN1_TIME_set(X509_getm_notAfter(pointer), time_t(span.upperBound)) != nil
        else { throw .libraryFailure(operation: "set a validity", reason: OpenSSL.takeReason()) }
    }

    func setKey(_ key: KeyHandle) throws(CryptoError) {
        try OpenSSL.check(X509_set_pubkey(pointer, key.pointer), "set a certificate's key")
    }

    /// Nil: it signs itself. To be called before extensions are added, as some are made from it.
    func setIssuer(_ issuer: Certificate?) throws(CryptoError) {
        self.issuer = issuer
        try OpenSSL.check(
            X509_set_issuer_name(pointer, X509_get_subject_name(issuer?.handle.pointer ?? pointer)),
            "set an issuer"
        )
    }

    /// - Parameter value: a constant, as it is parsed.
    func add(_ identifier: Int32, _ value: String) throws(CryptoError) {
        try OpenSSL.check(
            copenssl_add_extension(pointer, issuer?.handle.pointer ?? pointer, identifier, value),
            "add an extension"
        )
    }

    func add(names: [(type: Int32, bytes: [UInt8])]) throws(CryptoError) {
        let list = try OpenSSL.require(copenssl_names_new(), "allocate a list of names")
        defer { GENERAL_NAMES_free(list) }
        for name in names {
            try OpenSSL.check(copenssl_names_add(list, name.type, name.bytes, Int32(name.bytes.count)), "add a name")
        }
        try OpenSSL.check(copenssl_set_alternative_names(pointer, list), "add names")
    }

    func sign(with key: PrivateKey) throws(CryptoError) -> Certificate {
        defer { OpenSSL.clearErrors() }
        guard X509_sign(pointer, key.handle.pointer, try key.curve(for: "sign certificates").digest) > 0 else {
            throw .libraryFailure(operation: "sign a certificate", reason: OpenSSL.takeReason())
        }
        var encoded: UnsafeMutablePointer<UInt8>?
        let length = i2d_X509(pointer, &encoded)
        guard length > 0, let encoded else {
            throw .libraryFailure(operation: "encode a certificate", reason: OpenSSL.takeReason())
        }
        defer { copenssl_free(encoded) }
        let der = [UInt8](UnsafeBufferPointer(start: encoded, count: Int(length)))
        return try Certificate(der: der, source: "certificate of \(subject)")
    }
}
