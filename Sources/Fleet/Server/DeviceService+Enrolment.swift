internal import Crypto
internal import Deployment
internal import Diagnostics
package import Digest
internal import FileSystem
internal import FleetProtocol
internal import HTTPServer
internal import JSON
internal import WallClock

// How a box becomes one of the fleet, and stays one.
extension DeviceService {
    /// A repository's root, as text.
    static let rootLimitBytes = 512 << 10

    func enrol(_ exchange: HTTPExchange, address: String) throws(FleetProblem) {
        let secret = try Self.bearer(exchange.header("Authorization"))
        let bytes = try body(of: exchange, for: .enrol)
        let request: EnrolmentRequest
        do throws(JSONError) {
            request = try EnrolmentRequest(bytes)
        } catch {
            throw FleetProblem(.malformed, error.message)
        }
        let certificateRequest = try Self.read(request.certificateRequest)
        let keyDigest = SHA256.digest(certificateRequest.publicKey.pemBytes)
        let job = IngestQueue.Job.change { [self] store in
            do {
                let now = self.now()
                let (token, certificate, labels) = try store.enrol(
                    request.device,
                    keyDigest: keyDigest,
                    secretDigest: secret,
                    at: now,
                    issue: { _ in try issue(certificateRequest, for: request.device, at: now) }
                )
                let reply = EnrolmentReply(
                    certificate: issued(certificate),
                    device: request.device,
                    channel: token.channel,
                    repository: token.repository,
                    root: try root(token.rootDigest),
                    labels: labels,
                    interval: settings.interval
                )
                respond(exchange, reply.json)
            } catch {
                let problem = unavailable(error)
                // Anybody can send a name: it is noted of who has shown a token.
                let device = problem.code == .tokenUnknown ? nil : request.device
                refuse(exchange, problem, address: address, device: device)
            }
        }
        try submit(job, cost: FleetLimits.messageBytes)
    }

    func renew(_ exchange: HTTPExchange, _ identity: Identity, address: String) throws(FleetProblem) {
        let bytes = try body(of: exchange, for: .renew)
        let request: RenewalRequest
        do throws(JSONError) {
            request = try RenewalRequest(bytes)
        } catch {
            throw FleetProblem(.malformed, error.message)
        }
        let certificateRequest = try Self.read(request.certificateRequest)
        let keyDigest = SHA256.digest(certificateRequest.publicKey.pemBytes)
        let job = IngestQueue.Job.change { [self] store in
            do {
                let now = self.now()
                let certificate = try store.renew(
                    identity.device,
                    oldFingerprint: identity.fingerprint,
                    keyDigest: keyDigest,
                    at: now,
                    issue: { try issue(certificateRequest, for: identity.device, at: now) }
                )
                respond(exchange, issued(certificate).json)
            } catch {
                refuse(exchange, unavailable(error), address: address, device: identity.device)
            }
        }
        try submit(job, cost: FleetLimits.messageBytes)
    }

    /// The digest of the secret in `Authorization: Bearer SECRET`.
    private static func bearer(_ header: String?) throws(FleetProblem) -> SHA256Digest {
        let words = (header ?? "").split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bearer", SHA256Digest(hex: words[1]) != nil else {
            throw FleetProblem(
                .tokenUnknown,
                "no token was shown",
                hint: "send the secret of a token as Authorization: Bearer SECRET; edgefleet token create makes one"
            )
        }
        return SHA256.digest(words[1].utf8)
    }

    private static func read(_ request: String) throws(FleetProblem) -> CertificateRequest {
        do throws(CryptoError) {
            return try CertificateRequest(pem: Array(request.utf8), source: "the certificate request")
        } catch {
            throw FleetProblem(.malformed, error.message, hint: error.hint)
        }
    }

    private func issue(
        _ request: CertificateRequest,
        for device: DeviceID,
        at now: UTCTime
    ) throws -> FleetStore.NewCertificate {
        let certificate = try authority.issue(
            request,
            for: device.text,
            at: now,
            lifetimeSeconds: settings.certificateLifetimeSeconds
        )
        return FleetStore.NewCertificate(
            fingerprint: SHA256.digest(certificate.derBytes),
            notAfter: UTCTime(seconds: certificate.notAfter),
            pem: String(decoding: certificate.pemBytes, as: UTF8.self)
        )
    }

    private func issued(_ certificate: FleetStore.NewCertificate) -> IssuedCertificate {
        IssuedCertificate(
            certificate: certificate.pem,
            authorities: String(decoding: authority.certificatePEM, as: UTF8.self)
        )
    }

    /// The text of the root that a token names; nil where the fleet was not given it.
    private func root(_ digest: SHA256Digest?) throws -> String? {
        guard let digest else { return nil }
        let path = folder.root(digest)
        guard try FileSystem.status(of: path) != nil else { return nil }
        let bytes = try FileSystem.read(path, limit: Self.rootLimitBytes)
        guard SHA256.digest(bytes) == digest else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension FleetFolder {
    /// The text of a repository's root, by its digest: what boxes that enrol are given.
    package func root(_ digest: SHA256Digest) -> String { FileSystem.join(path, "roots/\(digest.hex).json") }
}
