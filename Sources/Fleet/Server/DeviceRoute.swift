internal import FleetProtocol
internal import HTTPServer
internal import Telemetry

/// What boxes may ask for.
enum DeviceRoute: UInt64, CaseIterable {
    case authority, enrol, renew, checkIn, metrics, logs

    init?(path: String) {
        guard let route = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = route
    }

    var path: String {
        switch self {
        case .authority: "/v1/authority"
        case .enrol: "/v1/enrol"
        case .renew: "/v1/renew"
        case .checkIn: "/v1/checkin"
        case .metrics: "/v1/metrics"
        case .logs: "/v1/logs"
        }
    }

    var isRead: Bool { self == .authority }

    /// Whether it is for enrolled devices alone.
    var needsCertificate: Bool { self != .authority && self != .enrol }

    /// Of the body, packed and unpacked.
    var limitBytes: Int {
        switch self {
        case .authority: 0
        case .enrol, .renew: FleetLimits.messageBytes
        case .checkIn: FleetLimits.checkInBytes
        case .metrics, .logs: OTLPLimits().bytes
        }
    }

    var takesProtobuf: Bool { self == .metrics || self == .logs }
}

/// How a body is written.
enum BodyType: Equatable {
    case json, protobuf

    var contentType: String { self == .json ? "application/json" : "application/x-protobuf" }

    /// Of a `Content-Type`, whatever its parameters and case; nil for one that is not taken.
    init?(_ header: String) {
        switch header.prefix(while: { $0 != ";" }).lowercased().filter({ $0 != " " && $0 != "\t" }) {
        case "application/json": self = .json
        case "application/x-protobuf": self = .protobuf
        default: return nil
        }
    }
}

/// How a body is packed.
enum BodyCoding: Equatable {
    case identity, gzip

    /// Of a `Content-Encoding`; nil for one that is not taken, such as several.
    init?(_ header: String?) {
        switch header?.lowercased() {
        case nil, "", "identity": self = .identity
        case "gzip", "x-gzip": self = .gzip
        default: return nil
        }
    }
}
