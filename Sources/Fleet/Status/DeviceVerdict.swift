package import Deployment
internal import FleetProtocol
internal import WallClock

/// The highest version of the timestamp that a channel's boxes know.
package struct NewestMetadata: Hashable, Sendable {
    package var version: Int
    /// Who reports it.
    package var device: DeviceID

    package init(version: Int, device: DeviceID) {
        self.version = version
        self.device = device
    }

    /// By channel, of the enrolled devices. Of several with the same version the first counts.
    package static func byChannel(_ devices: some Sequence<DeviceRecord>) -> [Channel: NewestMetadata] {
        var newest: [Channel: NewestMetadata] = [:]
        for device in devices where device.membership == .enrolled {
            guard let report = device.report, let channel = report.channel, let metadata = report.metadata else {
                continue
            }
            if let known = newest[channel], known.version >= metadata.timestampVersion { continue }
            newest[channel] = NewestMetadata(version: metadata.timestampVersion, device: device.device)
        }
        return newest
    }
}

/// The reasons alone, without a word: cheap enough to be found for every device of a large fleet.
struct DeviceVerdict: Sendable {
    struct Endpoint: Sendable {
        var converged: ConvergedReason
        var healthy: HealthyReason
    }

    var reachable: ReachableReason
    var converged: ConvergedReason
    var healthy: HealthyReason
    /// In the order of the record's.
    var endpoints: [Endpoint]
    /// The endpoint that decides; nil where the device does.
    var convergedBy: Int?
    var healthyBy: Int?

    init(_ record: DeviceRecord, now: UTCTime, newest: NewestMetadata?) {
        reachable = Self.reachable(record, now: now)
        let reported = record.endpoints.map { endpoint in
            Endpoint(
                converged: ConvergedReason(code: endpoint.converged) ?? .unknown,
                healthy: HealthyReason(rawValue: endpoint.healthy) ?? .unknown
            )
        }
        guard reachable == .reporting, let report = record.report else {
            // What it last said is worth a sentence, and no answer.
            converged = .unknown
            healthy = .unknown
            endpoints = reported.map { _ in Endpoint(converged: .unknown, healthy: .unknown) }
            (convergedBy, healthyBy) = Self.worst(reported)
            return
        }
        let overlay: ConvergedReason? =
            if report.sync != nil {
                .cannotSync
            } else if let metadata = report.metadata {
                metadata.timestampVersion < newest?.version ?? 0 ? .behind : nil
            } else {
                .behind
            }
        endpoints = reported.map { endpoint in
            var endpoint = endpoint
            // Who does not know today's metadata can't know whether it runs what is wanted today.
            if let overlay, endpoint.converged.answer == .yes { endpoint.converged = overlay }
            return endpoint
        }
        (convergedBy, healthyBy) = Self.worst(endpoints)
        converged = convergedBy.map { [endpoints] in endpoints[$0].converged } ?? overlay ?? .nothingWanted
        healthy = healthyBy.map { [endpoints] in endpoints[$0].healthy } ?? .idle
    }

    /// Of equally bad ones the first.
    private static func worst(_ endpoints: [Endpoint]) -> (converged: Int?, healthy: Int?) {
        (
            endpoints.indices.max { endpoints[$0].converged.rank < endpoints[$1].converged.rank },
            endpoints.indices.max { endpoints[$0].healthy.rank < endpoints[$1].healthy.rank }
        )
    }

    private static func reachable(_ record: DeviceRecord, now: UTCTime) -> ReachableReason {
        switch record.membership {
        case .revoked: return .revoked
        case .decommissioned: return .decommissioned
        case .enrolled: break
        }
        guard let report = record.report else { return .neverReported }
        return now > silentAfter(report) ? .silent : .reporting
    }

    /// The last moment at which the next check-in is not overdue.
    static func silentAfter(_ report: DeviceReport) -> UTCTime {
        let interval = min(max(report.interval, 1), 86_400)
        return report.lastSeen.advanced(by: .seconds(3 * interval + 30))
    }

    /// How much somebody is needed: what callers notice counts most, what may still arrive by itself least.
    var severity: Int {
        switch reachable {
        case .revoked: return 1
        case .decommissioned: return 0
        case .silent: return 8
        case .neverReported: return 6
        case .reporting: break
        }
        if healthy.answer == .no { return 9 }
        switch converged.answer {
        case .no: return 7
        case .waiting: return 5
        case .unknown: return 4
        case .yes: return healthy == .unknown ? 3 : 2
        }
    }

    static let severities = 0...9
    /// From here on somebody should look.
    static let attention = 6
}

extension ConvergedReason {
    /// Of several endpoints the worst speaks for the device.
    fileprivate var rank: Int {
        switch answer {
        case .yes: self == .converged ? 1 : 0
        case .unknown: 2
        case .waiting: 3
        case .no: 4
        }
    }
}

extension HealthyReason {
    /// An endpoint with nothing to serve says nothing of its device, where there is another.
    fileprivate var rank: Int {
        switch self {
        case .idle: 0
        case .healthy: 1
        case .unknown: 2
        case .restarts: 3
        case .errors: 4
        case .notServing: 5
        case .cannotGoBack: 6
        }
    }
}
