package import Deployment
internal import FleetProtocol
internal import SQLite
internal import WallClock

extension FleetStore {
    private static let seenColumns = "device, seen, since, address, boot, sequence, time, trusted, uptime"
    private static let reportColumns = """
        device, interval, agent, machine, kernel, system, processors, memory, channel, labels, metadata_version,
        metadata_verified, metadata_source, sync_waiting, sync_sentence, sync_since, lost_records, lost_bytes
        """
    private static let endpointColumns = """
        device, name, listen, running, running_name, running_version, running_serial, wanted, wanted_name,
        wanted_version, wanted_serial, previous, previous_name, previous_version, previous_serial, state, since, result,
        sentence, containment, requests, errors, restarts, p50, p99, converged, converged_since, healthy, healthy_since
        """

    static let seenQuery = "SELECT \(seenColumns) FROM seen WHERE device = ?"
    static let reportQuery = "SELECT \(reportColumns) FROM reports WHERE device = ?"
    static let endpointsQuery = "SELECT \(endpointColumns) FROM endpoints WHERE device = ? ORDER BY name"
    static let deviceQuery = "SELECT row, id, membership, enrolled, labels FROM devices WHERE id = ?"

    func storedReport(of row: Int64) throws -> DeviceReport? {
        guard let seen = try database.first(Self.seenQuery, row, read: { SeenRow($0) }) else { return nil }
        return try database.first(Self.reportQuery, row) { try DeviceReport($0, seen) }
    }

    func storedEndpoints(of row: Int64) throws -> [EndpointRecord] {
        try database.all(Self.endpointsQuery, row) { try EndpointRecord($0) }
    }

    /// All that is known of a device; nil where none of that id has ever enrolled.
    package func device(_ id: DeviceID) throws -> DeviceRecord? {
        try database.snapshot {
            guard var record = try database.first(Self.deviceQuery, id.text, read: { try DeviceRecord($0) }) else {
                return nil
            }
            record.report = try storedReport(of: record.row)
            record.endpoints = try storedEndpoints(of: record.row)
            return record
        }
    }

    /// All devices that have ever enrolled, in order of their ids.
    ///
    /// Each table is gone through once, in the order in which it lies, and what belongs together is put together here:
    /// with 100,000 devices that is several times as fast as looking each of them up.
    package func devices() throws -> [DeviceRecord] {
        try database.snapshot {
            var records: [DeviceRecord] = []
            try database.each("SELECT row, id, membership, enrolled, labels FROM devices ORDER BY row") { row in
                records.append(try DeviceRecord(row))
                return true
            }
            var seen: [SeenRow] = []
            seen.reserveCapacity(records.count)
            try database.each("SELECT \(Self.seenColumns) FROM seen ORDER BY device") { row in
                seen.append(SeenRow(row))
                return true
            }
            var (next, nextSeen) = (0, 0)
            try database.each("SELECT \(Self.reportColumns) FROM reports ORDER BY device") { row in
                let device = row.integer(0)
                while nextSeen < seen.count, seen[nextSeen].device < device { nextSeen += 1 }
                while next < records.count, records[next].row < device { next += 1 }
                guard nextSeen < seen.count, next < records.count else { return false }
                guard seen[nextSeen].device == device, records[next].row == device else { return true }
                records[next].report = try DeviceReport(row, seen[nextSeen])
                return true
            }
            next = 0
            try database.each("SELECT \(Self.endpointColumns) FROM endpoints ORDER BY device, name") { row in
                let device = row.integer(0)
                while next < records.count, records[next].row < device { next += 1 }
                guard next < records.count else { return false }
                if records[next].row == device { records[next].endpoints.append(try EndpointRecord(row)) }
                return true
            }
            return records.sorted { $0.device < $1.device }
        }
    }
}

/// A row of the table of what every check-in changes.
struct SeenRow {
    let device: Int64
    let seen: UTCTime
    let since: UTCTime
    let address: String
    let boot: String
    let sequence: Int
    let moment: CheckIn.Moment
    let uptime: Int

    init(_ row: borrowing Row) {
        device = row.integer(0)
        seen = row.time(1)
        since = row.time(2)
        address = row.text(3)
        boot = row.text(4)
        sequence = Int(row.integer(5))
        moment = CheckIn.Moment(row.time(6), isTrusted: row.boolean(7))
        uptime = Int(row.integer(8))
    }
}

extension DeviceRecord {
    fileprivate init(_ row: borrowing Row) throws {
        let device = try DeviceID(stored: row.text(1))
        guard let membership = Membership(rawValue: row.text(2)) else {
            throw FleetStoreError.damaged("how \(device) belongs to the fleet")
        }
        self.init(
            row: row.integer(0),
            device: device,
            membership: membership,
            enrolled: row.time(3),
            labels: try StoredLabels.labels(row.text(4))
        )
    }
}

extension DeviceReport {
    /// Of a row of reports and the one of what every check-in changes.
    fileprivate init(_ row: borrowing Row, _ seen: SeenRow) throws {
        self.init(
            lastSeen: seen.seen,
            reachableSince: seen.since,
            boot: seen.boot,
            sequence: seen.sequence,
            moment: seen.moment,
            interval: Int(row.integer(1)),
            facts: CheckIn.BoxFacts(
                agent: row.text(2),
                machine: row.text(3),
                kernel: row.text(4),
                system: row.text(5),
                processors: Int(row.integer(6)),
                memoryBytes: Int(row.integer(7)),
                uptime: seen.uptime
            ),
            lost: CheckIn.Loss(records: Int(row.integer(16)), bytes: Int(row.integer(17))),
            address: seen.address
        )
        channel = row.optionalText(8).flatMap { Channel(rawValue: $0) }
        labels = try StoredLabels.labels(row.text(9))
        if let version = row.optionalInteger(10) {
            metadata = CheckIn.Metadata(timestampVersion: Int(version), verified: row.time(11), source: row.text(12))
        }
        if let waiting = row.optionalText(13) {
            sync = CheckIn.SyncTrouble(waitingFor: waiting, sentence: row.text(14), since: row.time(15))
        }
    }
}

extension EndpointRecord {
    fileprivate init(_ row: borrowing Row) throws {
        var report = EndpointReport(
            name: try EndpointName(stored: row.text(1)),
            listen: row.text(2),
            state: row.text(15)
        )
        report.running = BundleReport(row, at: 3)
        report.wanted = BundleReport(row, at: 7)
        report.previous = BundleReport(row, at: 11)
        report.since = row.optionalTime(16)
        report.result = row.optionalText(17)
        report.sentence = row.optionalText(18)
        report.containment = row.optionalText(19)
        if let requests = row.optionalInteger(20) {
            report.counters = EndpointReport.Counters(
                requests: Int(requests),
                errors: Int(row.integer(21)),
                restarts: Int(row.integer(22)),
                p50Microseconds: Int(row.integer(23)),
                p99Microseconds: Int(row.integer(24))
            )
        }
        self.init(
            report: report,
            converged: row.text(25),
            convergedSince: row.time(26),
            healthy: row.text(27),
            healthySince: row.time(28)
        )
    }
}
