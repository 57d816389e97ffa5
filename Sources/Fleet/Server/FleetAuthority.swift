package import Crypto
package import Digest
internal import FileSystem
package import WallClock

/// The fleet's own certificate authority, and the certificate that its server is known by.
///
/// Both lie in the fleet's folder and are made by whoever needs them first. The authority's key never changes: every box
/// holds its certificate. The server's certificate is made anew before it ends, for the same key.
package struct FleetAuthority: Sendable {
    package let authority: CertificateAuthority
    /// SHA-256 of the authority's certificate (DER): what an enrolment token names.
    package let fingerprint: SHA256Digest

    /// 10 years.
    package static let lifetimeSeconds: Int64 = 3_652 * 86_400
    /// 90 days.
    package static let serverLifetimeSeconds: Int64 = 90 * 86_400

    /// Reads the authority of a fleet, or makes it where there is none yet; whoever comes at the same time waits.
    ///
    /// - Throws: `FleetServerError.keyMissing` where its certificate or devices are there and its key is not: a new one would
    ///   lock every box out; errors of files and of `Crypto`.
    package static func open(_ folder: FleetFolder, at now: UTCTime) throws -> FleetAuthority {
        try folder.withLock { try openLocked(folder, at: now) }
    }

    private static func openLocked(_ folder: FleetFolder, at now: UTCTime) throws -> FleetAuthority {
        let key: PrivateKey
        if try FileSystem.status(of: folder.authorityKey) != nil {
            key = try KeyFile.readPrivate(folder.authorityKey).key
        } else {
            guard try FileSystem.status(of: folder.authorityCertificate) == nil, try !hasDevices(folder) else {
                throw FleetServerError.keyMissing(path: folder.authorityKey)
            }
            // The key goes first: killed before the certificate is there, the next one goes on with it.
            key = try .generate()
            try FileSystem.write(try key.pemBytes(), to: folder.authorityKey, mode: 0o600)
        }
        if try FileSystem.status(of: folder.authorityCertificate) == nil {
            let made = try CertificateAuthority.make(
                name: "edge fleet",
                key: key,
                at: now.seconds,
                lifetimeSeconds: lifetimeSeconds
            )
            try FileSystem.write(made.certificate.pemBytes, to: folder.authorityCertificate)
        }
        let certificates = try KeyFile.readCertificates(folder.authorityCertificate)
        guard let certificate = certificates.first, certificates.count == 1 else {
            throw FleetServerError.severalAuthorities(path: folder.authorityCertificate)
        }
        return FleetAuthority(authority: try CertificateAuthority(certificate: certificate, key: key))
    }

    /// Whether boxes hold certificates of an authority that must have been there.
    private static func hasDevices(_ folder: FleetFolder) throws -> Bool {
        guard try folder.isThere else { return false }
        return try !FleetStore(folder: folder).devices().isEmpty
    }

    private init(authority: CertificateAuthority) {
        self.authority = authority
        fingerprint = SHA256.digest(authority.certificate.derBytes)
    }

    /// PEM text of the authority's certificate.
    package var certificatePEM: [UInt8] { authority.certificate.pemBytes }

    /// Issues a device's certificate; of the request only the key is taken.
    func issue(
        _ request: CertificateRequest,
        for device: String,
        at now: UTCTime,
        lifetimeSeconds: Int64
    ) throws(CryptoError) -> Certificate {
        try authority.issueClientCertificate(
            for: request,
            deviceID: device,
            at: now.seconds,
            lifetimeSeconds: lifetimeSeconds
        )
    }
}

/// What the server shows to boxes.
struct ServerIdentity: Sendable, Equatable {
    let certificatePEM: [UInt8]
    let keyPEM: [UInt8]

    /// The server's certificate, made anew where there is none, where two thirds of its life are over, or where its names
    /// are others.
    static func current(
        _ folder: FleetFolder,
        authority: FleetAuthority,
        names: [ServerName],
        at now: UTCTime
    ) throws -> ServerIdentity {
        try folder.withLock { try currentLocked(folder, authority: authority, names: names, at: now) }
    }

    private static func currentLocked(
        _ folder: FleetFolder,
        authority: FleetAuthority,
        names: [ServerName],
        at now: UTCTime
    ) throws -> ServerIdentity {
        let key: PrivateKey
        if try FileSystem.status(of: folder.serverKey) != nil {
            key = try KeyFile.readPrivate(folder.serverKey).key
        } else {
            key = try .generate()
            try FileSystem.write(try key.pemBytes(), to: folder.serverKey, mode: 0o600)
        }
        if let certificate = try? KeyFile.readCertificates(folder.serverCertificate).first,
            isGood(certificate, key: key, authority: authority, names: names, at: now)
        {
            return ServerIdentity(certificatePEM: certificate.pemBytes, keyPEM: try key.pemBytes())
        }
        let certificate = try authority.authority.issueServerCertificate(
            for: try .make(key: key),
            names: names,
            at: now.seconds,
            lifetimeSeconds: FleetAuthority.serverLifetimeSeconds
        )
        try FileSystem.write(certificate.pemBytes, to: folder.serverCertificate)
        return ServerIdentity(certificatePEM: certificate.pemBytes, keyPEM: try key.pemBytes())
    }

    private static func isGood(
        _ certificate: Certificate,
        key: PrivateKey,
        authority: FleetAuthority,
        names: [ServerName],
        at now: UTCTime
    ) -> Bool {
        let life = certificate.notAfter - certificate.notBefore
        guard now.seconds >= certificate.notBefore, now.seconds < certificate.notBefore + life / 3 * 2,
            let own = certificate.alternativeNames?.servers, Set(own) == Set(names)
        else { return false }
        do {
            try certificate.verify(
                as: .tlsServer,
                authorities: [authority.authority.certificate],
                at: now.seconds
            )
            return try certificate.publicKey == key.publicKey
        } catch {
            return false
        }
    }
}
