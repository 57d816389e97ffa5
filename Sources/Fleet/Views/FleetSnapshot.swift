internal import Deployment
internal import Digest
internal import FleetProtocol
internal import WallClock

/// All devices at one moment, with what is found of each.
final class FleetSnapshot {
    let now: UTCTime
    /// Outlines: what is shown of a device is read when it is shown.
    let devices: [DeviceRecord]
    /// In the order of `devices`.
    let verdicts: [DeviceVerdict]
    let newest: [Channel: NewestMetadata]

    init(_ devices: [DeviceRecord], now: UTCTime) {
        self.now = now
        self.devices = devices
        let newest = NewestMetadata.byChannel(devices)
        self.newest = newest
        verdicts = devices.map { record in
            DeviceVerdict(record, now: now, newest: Self.newest(for: record, in: newest))
        }
    }

    private static func newest(
        for record: DeviceRecord,
        in newest: [Channel: NewestMetadata]
    ) -> NewestMetadata? { record.report?.channel.flatMap { newest[$0] } }

    func newest(for record: DeviceRecord) -> NewestMetadata? { Self.newest(for: record, in: newest) }

    /// What every device says of bundles, by digest. Devices that were taken out of the fleet are not counted.
    lazy var bundles: [SHA256Digest: BundleTally] = {
        var tallies: [SHA256Digest: BundleTally] = [:]
        // By index: to copy a whole record costs more than what is done with it.
        for index in devices.indices where devices[index].membership == .enrolled {
            for endpoint in devices[index].endpoints {
                let report = endpoint.report
                if let running = report.running {
                    tallies[running.digest, default: BundleTally()].countRunning(running, report.name)
                }
                if let wanted = report.wanted {
                    tallies[wanted.digest, default: BundleTally()].countWanted(wanted, report.name)
                    if endpoint.isRefusing { tallies[wanted.digest]?.refused += 1 }
                }
                if let digest = report.running?.digest { tallies[digest]?.note(device: index) }
                if let digest = report.wanted?.digest { tallies[digest]?.note(device: index) }
            }
        }
        return tallies
    }()
}

/// How many endpoints run, want and refuse a bundle.
struct BundleTally {
    private(set) var running = 0
    private(set) var wanted = 0
    var refused = 0
    /// Devices that run or want it.
    private(set) var devices = 0
    private(set) var endpoints: Set<EndpointName> = []
    private var lastDevice = -1
    private var title: Title?
    private var votes = 0

    /// Endpoints that one bundle is told of, at most.
    private static let endpointsAtMost = 20

    private struct Title: Equatable {
        var name: String
        var version: String?
    }

    mutating func countRunning(_ bundle: BundleReport, _ endpoint: EndpointName) {
        running += 1
        note(bundle, endpoint)
    }

    mutating func countWanted(_ bundle: BundleReport, _ endpoint: EndpointName) {
        wanted += 1
        note(bundle, endpoint)
    }

    private mutating func note(_ bundle: BundleReport, _ endpoint: EndpointName) {
        if endpoints.count < Self.endpointsAtMost { endpoints.insert(endpoint) }
        // Whatever one device may claim, a bundle is called what most devices call it (Boyer and Moore's vote).
        guard let name = bundle.name else { return }
        let named = Title(name: name, version: bundle.version)
        if title == named {
            votes += 1
        } else if votes == 0 {
            title = named
            votes = 1
        } else {
            votes -= 1
        }
    }

    /// Devices must come in order.
    mutating func note(device: Int) {
        guard device != lastDevice else { return }
        lastDevice = device
        devices += 1
    }

    func report(_ digest: SHA256Digest) -> BundleReport {
        BundleReport(digest: digest, name: title?.name, version: title?.version)
    }
}

extension EndpointRecord {
    /// Whether what is wanted was tried here and not taken.
    var isRefusing: Bool {
        switch ConvergedReason(code: converged) {
        case .rejected, .rolledBack, .failed: true
        default: false
        }
    }
}
