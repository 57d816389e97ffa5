package import Deployment
internal import FleetProtocol
internal import SQLite
internal import WallClock

extension FleetStore {
    private static let reportTables = """
        s.device, interval, agent, machine, kernel, system, processors, memory, channel, labels, metadata_version,
        metadata_verified, metadata_source, sync_waiting, sync_sentence, sync_since, lost_records, lost_bytes,
        seen, since, address, boot, sequence, time, trusted, uptime
        FROM seen s JOIN reports r ON r.device = s.device
        """
    private static let endpointColumns = """
        device, name, listen, running, running_name, running_version, running_serial, wanted, wanted_name,
        wanted_version, wanted_serial, previous, previous_name, previous_version, previous_serial, state, since, result,
        sentence, containment, requests, errors, restarts, p50, p99, converged, converged_since, healthy, healthy_since
        """

    static let reportQuery = "SELECT \(reportTables) WHERE s.device = ?"
    static let endpointsQuery = "SELECT \(endpointColumns) FROM endpoints WHERE device = ? ORDER BY name"
    static let deviceQuery = "SELECT row, id, membership, enrolled, labels FROM devices WHERE id = ?"

    func storedReport(of row: Int64) throws -> DeviceReport? {
        try database.first(Self.reportQuery, row) { try DeviceReport($0, Recent()) }
    }

    func storedEndpoints(of row: Int64) throws -> [EndpointRecord] {
        let recent = Recent()
        return try database.all(Self.endpointsQuery, row) { try EndpointRecord($0, recent) }
    }

    /// All that is known of a device; nil where none of that id has ever enrolled.
    package func device(_ id: DeviceID) throws -> DeviceRecord? {
        try database.snapshot {
            guard var record = try database.first(Self.deviceQuery, id.text, read: { try DeviceRecord($0, Recent()) })
            else {
                return nil
            }
            record.report = try storedReport(of: record.row)
            record.endpoints = try storedEndpoints(of: record.row)
            return record
        }
    }

    /// All devices that have ever enrolled, in order of their ids.
    ///
    /// Each table is gone through once, and what belongs together is put together here: with 100,000 devices that is
    /// several times as fast as looking each of them up.
    package func devices() throws -> [DeviceRecord] {
        try database.snapshot {
            let recent = Recent()
            var records: [DeviceRecord] = []
            var places: [Int64: Int] = [:]
            try database.each("SELECT row, id, membership, enrolled, labels FROM devices ORDER BY id") { row in
                places[row.integer(0)] = records.count
                records.append(try DeviceRecord(row, recent))
                return true
            }
            try database.each("SELECT \(Self.reportTables) ORDER BY s.device") { row in
                if let place = places[row.integer(0)] { records[place].report = try DeviceReport(row, recent) }
                return true
            }
            try database.each("SELECT \(Self.endpointColumns) FROM endpoints ORDER BY device, name") { row in
                if let place = places[row.integer(0)] {
                    records[place].endpoints.append(try EndpointRecord(row, recent))
                }
                return true
            }
            return records
        }
    }
}

/// What was read last: of many boxes most texts are the same, and then there is one of each.
final class Recent {
    private var texts = [String](repeating: "", count: 32)
    private var labels: [String: [String: String]] = [:]
    private var names: [String: EndpointName] = [:]

    func text(_ row: borrowing Row, _ column: Int) -> String {
        let text = row.text(column, like: texts[column])
        texts[column] = text
        return text
    }

    func optionalText(_ row: borrowing Row, _ column: Int) -> String? {
        row.isNull(column) ? nil : text(row, column)
    }

    func labels(_ row: borrowing Row, _ column: Int) throws -> [String: String] {
        let text = text(row, column)
        if let known = labels[text] { return known }
        let read = try StoredLabels.labels(text)
        if labels.count < 1_000 { labels[text] = read }
        return read
    }

    func bundle(_ row: borrowing Row, _ column: Int) -> BundleReport? {
        guard let digest = row.digest(column) else { return nil }
        return BundleReport(
            digest: digest,
            name: optionalText(row, column + 1),
            version: optionalText(row, column + 2),
            serial: row.optionalInteger(column + 3).map { Int($0) }
        )
    }

    func name(_ row: borrowing Row, _ column: Int) throws -> EndpointName {
        let text = text(row, column)
        if let known = names[text] { return known }
        let name = try EndpointName(stored: text)
        if names.count < 1_000 { names[text] = name }
        return name
    }
}

extension DeviceRecord {
    fileprivate init(_ row: borrowing Row, _ recent: Recent) throws {
        let device = try DeviceID(stored: row.text(1))
        guard let membership = Membership(rawValue: recent.text(row, 2)) else {
            throw FleetStoreError.damaged("how \(device) belongs to the fleet")
        }
        self.init(
            row: row.integer(0),
            device: device,
            membership: membership,
            enrolled: row.time(3),
            labels: try recent.labels(row, 4)
        )
    }
}

extension DeviceReport {
    /// Of a row of the two tables that make it.
    fileprivate init(_ row: borrowing Row, _ recent: Recent) throws {
        self.init(
            lastSeen: row.time(18),
            reachableSince: row.time(19),
            boot: row.text(21),
            sequence: Int(row.integer(22)),
            moment: CheckIn.Moment(row.time(23), isTrusted: row.boolean(24)),
            interval: Int(row.integer(1)),
            facts: CheckIn.BoxFacts(
                agent: recent.text(row, 2),
                machine: recent.text(row, 3),
                kernel: recent.text(row, 4),
                system: recent.text(row, 5),
                processors: Int(row.integer(6)),
                memoryBytes: Int(row.integer(7)),
                uptime: Int(row.integer(25))
            ),
            lost: CheckIn.Loss(records: Int(row.integer(16)), bytes: Int(row.integer(17))),
            address: row.text(20)
        )
        channel = recent.optionalText(row, 8).flatMap { Channel(rawValue: $0) }
        labels = try recent.labels(row, 9)
        if let version = row.optionalInteger(10) {
            metadata = CheckIn.Metadata(
                timestampVersion: Int(version),
                verified: row.time(11),
                source: recent.text(row, 12)
            )
        }
        if let waiting = row.optionalText(13) {
            sync = CheckIn.SyncTrouble(waitingFor: waiting, sentence: row.text(14), since: row.time(15))
        }
    }
}

extension EndpointRecord {
    fileprivate init(_ row: borrowing Row, _ recent: Recent) throws {
        var report = EndpointReport(
            name: try recent.name(row, 1),
            listen: recent.text(row, 2),
            state: recent.text(row, 15)
        )
        report.running = recent.bundle(row, 3)
        report.wanted = recent.bundle(row, 7)
        report.previous = recent.bundle(row, 11)
        report.since = row.optionalTime(16)
        report.result = recent.optionalText(row, 17)
        report.sentence = recent.optionalText(row, 18)
        report.containment = recent.optionalText(row, 19)
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
            converged: recent.text(row, 25),
            convergedSince: row.time(26),
            healthy: recent.text(row, 27),
            healthySince: row.time(28)
        )
    }
}
