internal import Crypto
internal import Diagnostics
package import FleetProtocol
internal import HTTPClient
internal import JSON
package import Telemetry

/// A box's side of the fleet's protocol. Blocks its caller, keeps its connection open between calls, and is used by one
/// thread at a time.
package final class FleetConnection {
    package let identity: FleetIdentity
    private let caller: FleetCaller
    private let options: FleetClientOptions
    /// Bytes of the bodies that were sent, packed as they travelled.
    package private(set) var sentBytes = 0

    /// Connects with the first call.
    package init(
        _ identity: FleetIdentity,
        options: FleetClientOptions = FleetClientOptions()
    ) throws(FleetClientError) {
        self.identity = identity
        self.options = options
        caller = try FleetCaller(
            identity.server,
            authorities: Array(identity.authorities.utf8),
            identity: try identity.shown(),
            options
        )
    }

    /// Says how the box is. When this returns, the fleet has it on its disk.
    package func checkIn(_ checkIn: CheckIn) throws(FleetClientError) -> CheckInReply {
        let path = "/v1/checkin"
        let body = try post(path, checkIn.json.compactBytes(), "application/json")
        let reply = try FleetCaller.read(body, caller.url(path)) { (bytes) throws(JSONError) in
            try CheckInReply(bytes)
        }
        guard reply.acknowledged == checkIn.sequence else {
            throw .unreadable(
                url: caller.url(path),
                reason: "it acknowledges \(reply.acknowledged), and \(checkIn.sequence) was sent"
            )
        }
        return reply
    }

    /// Sends an `ExportMetricsServiceRequest` in the wire format. What the answer says was rejected is not to be sent again.
    package func send(metrics: [UInt8]) throws(FleetClientError) -> ExportResponse {
        try export(metrics, "/v1/metrics")
    }

    /// Sends an `ExportLogsServiceRequest` in the wire format; see above.
    package func send(logs: [UInt8]) throws(FleetClientError) -> ExportResponse { try export(logs, "/v1/logs") }

    private func export(_ bytes: [UInt8], _ path: String) throws(FleetClientError) -> ExportResponse {
        let body = try post(path, bytes, "application/x-protobuf")
        do throws(OTLPError) {
            return try ExportResponse(protobuf: body)
        } catch {
            throw .unreadable(url: caller.url(path), reason: error.message)
        }
    }

    /// Has a new certificate made for a new key, with the one that there is, which may have expired. Both are good then.
    package func renew() throws(FleetClientError) -> FleetIdentity {
        let key: PrivateKey
        let request: CertificateRequest
        do throws(CryptoError) {
            key = try PrivateKey.generate()
            request = try CertificateRequest.make(key: key)
        } catch {
            throw .unusable(error.message)
        }
        let path = "/v1/renew"
        let message = RenewalRequest(certificateRequest: String(decoding: request.pemBytes, as: UTF8.self))
        let body = try post(path, message.json.compactBytes(), "application/json")
        let issued = try FleetCaller.read(body, caller.url(path)) { (bytes) throws(JSONError) in
            try IssuedCertificate(bytes)
        }
        return try FleetIdentity(
            server: identity.server,
            device: identity.device,
            privateKey: key,
            issued: issued,
            url: caller.url(path)
        )
    }

    private func post(_ path: String, _ body: [UInt8], _ type: String) throws(FleetClientError) -> [UInt8] {
        try caller.post(path, body, contentType: type) { sentBytes += $0 }
    }
}
