package import Crypto
package import Deployment
internal import Diagnostics
internal import Digest
package import FleetProtocol
internal import HTTPClient
internal import JSON
internal import WallClock

/// How a box joins a fleet: with a token, which names the server and the digest of its authority.
package enum FleetEnrolment {
    /// Fetches the authority, which must be the token's; then, over a connection that only this authority vouches for,
    /// shows the token's secret and has a certificate made for a key that never leaves this machine.
    ///
    /// - Parameters:
    ///   - key: ECDSA on P-256. The same device with the same key may enrol again at any time without using a token up; so
    ///     whoever may be killed between here and having stored the result hands in a key that it has stored before.
    /// - Returns: who the box is from now on, and what else the fleet says.
    package static func enrol(
        _ token: EnrolmentToken,
        device: DeviceID,
        key: PrivateKey,
        options: FleetClientOptions = FleetClientOptions()
    ) throws(FleetClientError) -> (identity: FleetIdentity, reply: EnrolmentReply) {
        let server = address(token.server)
        guard device.text.utf8.count <= FleetLimits.deviceBytes else {
            throw .unusable(
                "the id \(device) has \(device.text.utf8.count) bytes; a fleet takes \(FleetLimits.deviceBytes) at most"
            )
        }
        guard let secret = BearerToken(token.secret) else { throw .unusable("the token's secret is none") }
        let request: CertificateRequest
        do throws(CryptoError) { request = try CertificateRequest.make(key: key) } catch {
            throw .unusable(error.message)
        }
        let authority = try authority(of: token, server, options)
        let caller = try FleetCaller(server, authorities: authority.pemBytes, identity: nil, options)
        let path = "/v1/enrol"
        let message = EnrolmentRequest(
            device: device,
            certificateRequest: String(decoding: request.pemBytes, as: UTF8.self)
        )
        let body = try caller.post(
            path,
            message.json.compactBytes(),
            contentType: "application/json",
            token: secret
        )
        let url = caller.url(path)
        let reply = try FleetCaller.read(body, url) { (bytes) throws(JSONError) in try EnrolmentReply(bytes) }
        guard reply.device == device else {
            throw .unreadable(url: url, reason: "it is about \(reply.device), not \(device)")
        }
        let identity = try FleetIdentity(
            server: server,
            device: device,
            privateKey: key,
            issued: reply.certificate,
            url: url
        )
        return (identity, reply)
    }

    /// The authority's certificate, from whoever answers; what makes it believed is its digest.
    private static func authority(
        of token: EnrolmentToken,
        _ server: String,
        _ options: FleetClientOptions
    ) throws(FleetClientError) -> Certificate {
        let url = server + "/v1/authority"
        let answer: HTTPClientAnswer
        do throws(HTTPClientError) {
            answer = try HTTPClient.getFromUnverifiedServer(
                url,
                userAgent: options.userAgent,
                limitBytes: 64 << 10,
                timeout: options.timeout
            )
        } catch {
            throw FleetCaller.meaning(of: error, server, options)
        }
        let body = try FleetCaller.content(of: answer, url).get()
        let found: [Certificate]
        do throws(CryptoError) { found = try Certificate.parse(pem: body, source: "the authority") } catch {
            throw .unreadable(url: url, reason: error.message)
        }
        guard let authority = found.first(where: { SHA256.digest($0.derBytes) == token.authority }) else {
            throw .otherAuthority(
                server: server,
                expected: token.authority,
                found: SHA256.digest(found[0].derBytes)
            )
        }
        guard authority.isAuthority else {
            throw .unreadable(url: url, reason: "the certificate is not an authority's")
        }
        // Else the handshake fails a moment later, for a reason that is hard to see.
        let now = options.clock()
        if now.seconds < authority.notBefore { throw .untrusted(server: server, cause: .notYetValid(now: now)) }
        return authority
    }

    private static func address(_ text: String) -> String {
        var text = text[...]
        while text.hasSuffix("/") { text = text.dropLast() }
        return String(text)
    }
}
