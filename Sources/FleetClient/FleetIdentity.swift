package import Crypto
package import Deployment
internal import Diagnostics
internal import FleetProtocol
internal import HTTPClient
package import WallClock

/// Who a box is to its fleet: a private key, a certificate for it, and the authorities that the server is known by.
package struct FleetIdentity: Sendable {
    /// `https://HOST:PORT`.
    package let server: String
    package let device: DeviceID
    /// PEM text: the only authorities that the server is believed by.
    package let authorities: String
    package let privateKey: PrivateKey
    /// Of the key, made out for the device.
    package let certificate: Certificate

    /// Puts an identity together from what the fleet has issued. Throws unless the certificate is the key's and the
    /// device's, and is of one of the authorities that came with it. Nothing depends on this machine's clock.
    ///
    /// - Parameter url: where it came from, for messages.
    init(
        server: String,
        device: DeviceID,
        privateKey: PrivateKey,
        issued: IssuedCertificate,
        url: String
    ) throws(FleetClientError) {
        do throws(CryptoError) {
            let text = Array(issued.certificate.utf8)
            try self.init(server, device, authorities: issued.authorities, privateKey, certificate: text)
        } catch {
            throw .unreadable(url: url, reason: error.message)
        }
    }

    /// What was stored: ``pemBytes``, and what the fleet's settings say.
    ///
    /// - Throws: `unusable` where it is damaged.
    package init(server: String, device: DeviceID, authorities: String, pem: [UInt8]) throws(FleetClientError) {
        do throws(CryptoError) {
            let (key, certificate) = Self.parts(of: pem)
            try self.init(
                server,
                device,
                authorities: authorities,
                try PrivateKey(pem: key, source: "the box's key"),
                certificate: certificate
            )
        } catch {
            throw .unusable("the box's identity can't be used: \(error.message)")
        }
    }

    private init(
        _ server: String,
        _ device: DeviceID,
        authorities: String,
        _ privateKey: PrivateKey,
        certificate: [UInt8]
    ) throws(CryptoError) {
        let certificates = try Certificate.parse(pem: certificate, source: "the box's certificate")
        let trusted = try Certificate.parse(pem: Array(authorities.utf8), source: "the fleet's authorities")
        let leaf = certificates[0]
        guard try leaf.publicKey == privateKey.publicKey else {
            throw .untrustedCertificate(subject: leaf.subject, reason: "it is of another key")
        }
        guard leaf.deviceID == device.text else {
            throw .untrustedCertificate(subject: leaf.subject, reason: "it is not made out for \(device)")
        }
        for authority in trusted where !authority.isAuthority {
            throw .unsuitableAuthority(subject: authority.subject, reason: "it is not an authority's certificate")
        }
        // At a moment of its own: when it is shown is the server's to judge.
        let issuers = trusted.filter { $0.notBefore <= leaf.notAfter && leaf.notBefore <= $0.notAfter }
        let moment = leaf.notBefore + (leaf.notAfter - leaf.notBefore) / 2
        try leaf.verify(
            as: .tlsClient,
            authorities: issuers.isEmpty ? trusted : issuers,
            intermediates: Array(certificates.dropFirst()),
            at: moment
        )
        self.server = server
        self.device = device
        self.authorities = authorities
        self.privateKey = privateKey
        self.certificate = leaf
    }

    /// The key, then the certificate: one text, so that one file always has both of one kind. **Secret.**
    package func pemBytes() throws(FleetClientError) -> [UInt8] {
        do throws(CryptoError) {
            return try privateKey.pemBytes() + certificate.pemBytes
        } catch {
            throw .unusable(error.message)
        }
    }

    /// The text before the first certificate, and the rest.
    private static func parts(of pem: [UInt8]) -> (key: [UInt8], certificate: [UInt8]) {
        let mark = Array("-----BEGIN CERTIFICATE-----".utf8)
        let start = pem.indices.first { pem[$0...].starts(with: mark) } ?? pem.endIndex
        return (Array(pem[..<start]), Array(pem[start...]))
    }

    /// From when on it is to be renewed: when two thirds of its life are over.
    package var renewalTime: UTCTime {
        let life = certificate.notAfter - certificate.notBefore
        return UTCTime(seconds: certificate.notBefore + life / 3 * 2)
    }

    package var expiry: UTCTime { UTCTime(seconds: certificate.notAfter) }

    /// What is shown to the server.
    func shown() throws(FleetClientError) -> HTTPClientIdentity {
        do throws(CryptoError) {
            return HTTPClientIdentity(certificateChain: certificate.pemBytes, privateKey: try privateKey.pemBytes())
        } catch {
            throw .unusable(error.message)
        }
    }
}
