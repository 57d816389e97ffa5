package import Deployment
package import JSON

/// `POST /v1/enrol`, with the token's secret as bearer token.
package struct EnrolmentRequest: Hashable, Sendable {
    package var device: DeviceID
    /// A certificate request (PEM text). The fleet takes nothing from it but the public key.
    package var certificateRequest: String

    package init(device: DeviceID, certificateRequest: String) {
        self.device = device
        self.certificateRequest = certificateRequest
    }

    package init(_ bytes: [UInt8]) throws(JSONError) {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: FleetLimits.message), path: "enrolment")
        self.init(device: try fields.device("device"), certificateRequest: try fields.string("request"))
    }

    package var json: JSONValue { ["device": .string(device.text), "request": .string(certificateRequest)] }
}

/// What a box gets with its first certificate.
package struct EnrolmentReply: Hashable, Sendable {
    package var certificate: IssuedCertificate
    package var device: DeviceID
    /// Whose deployments it is to follow, where the token says.
    package var channel: Channel?
    /// Where its updates come from, where the token says: a URL.
    package var repository: String?
    /// The text of the repository's root, whose digest the token names.
    package var root: String?
    package var labels: [String: String]
    /// Seconds between check-ins.
    package var interval: Int

    package init(
        certificate: IssuedCertificate,
        device: DeviceID,
        channel: Channel? = nil,
        repository: String? = nil,
        root: String? = nil,
        labels: [String: String] = [:],
        interval: Int = FleetLimits.defaultInterval
    ) {
        self.certificate = certificate
        self.device = device
        self.channel = channel
        self.repository = repository
        self.root = root
        self.labels = labels
        self.interval = interval
    }

    /// A root travels as text inside.
    package static let limits = JSONLimits(bytes: 1 << 20, depth: 8, values: 5000)

    package init(_ bytes: [UInt8]) throws(JSONError) {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: Self.limits), path: "enrolment")
        self.init(
            certificate: try IssuedCertificate(fields),
            device: try fields.device("device"),
            channel: try fields.optionalText("channel").flatMap { Channel(rawValue: $0) },
            repository: try fields.optionalString("repository"),
            root: try fields.optionalString("root"),
            labels: try fields.labels("labels"),
            interval: try fields.integer("interval", in: FleetLimits.intervals)
        )
    }

    package var json: JSONValue {
        var object = certificate.members
        object["device"] = .string(device.text)
        object["channel"] = channel.map { .string($0.rawValue) } ?? .null
        object["repository"] = repository.map { .string($0) } ?? .null
        object["root"] = root.map { .string($0) } ?? .null
        object["labels"] = .labels(labels)
        object["interval"] = .integer(interval)
        return .object(object)
    }
}

/// `POST /v1/renew`, with the certificate that is to be renewed, which may have expired.
package struct RenewalRequest: Hashable, Sendable {
    /// A certificate request (PEM text), of the same key or another.
    package var certificateRequest: String

    package init(certificateRequest: String) { self.certificateRequest = certificateRequest }

    package init(_ bytes: [UInt8]) throws(JSONError) {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: FleetLimits.message), path: "renewal")
        certificateRequest = try fields.string("request")
    }

    package var json: JSONValue { ["request": .string(certificateRequest)] }
}

/// A certificate and who issued it: the whole answer to `renew`.
package struct IssuedCertificate: Hashable, Sendable {
    /// PEM text: the box's certificate.
    package var certificate: String
    /// PEM text: the authorities that the fleet's server is known by.
    package var authorities: String

    package init(certificate: String, authorities: String) {
        self.certificate = certificate
        self.authorities = authorities
    }

    package init(_ bytes: [UInt8]) throws(JSONError) {
        try self.init(JSONFields(try JSONValue.parse(bytes, limits: FleetLimits.message), path: "certificate"))
    }

    init(_ fields: JSONFields) throws(JSONError) {
        certificate = try fields.string("certificate")
        authorities = try fields.string("authorities")
    }

    var members: JSONObject { ["certificate": .string(certificate), "authorities": .string(authorities)] }

    package var json: JSONValue { .object(members) }
}
