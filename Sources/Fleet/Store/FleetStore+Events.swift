package import Deployment
internal import Digest
internal import FleetProtocol
internal import SQLite
internal import WallClock

extension FleetStore {
    /// What events of one device take at most: the oldest go first. Ends of logs are many times as large as what they
    /// belong to, so that only the newest are kept.
    enum EventLimits {
        static let count = 2_000
        static let bytes = 512 << 10
        static let logs = 16
        /// What may come on top before anything is removed, so that not every event removes another.
        static let slack = 50
    }

    /// Something the fleet itself did to a device.
    func note(event kind: String, of row: Int64, _ sentence: String, at time: UTCTime) throws {
        try database.run(
            "INSERT INTO events (device, received, kind, sentence, bytes) VALUES (?, ?, ?, ?, ?)",
            row,
            time.seconds,
            kind,
            sentence,
            100 + sentence.utf8.count
        )
        try count(events: 1, bytes: 100 + sentence.utf8.count, logs: 0, of: row)
    }

    /// Events as a device told them; those that are there already stay as they are.
    func keep(_ events: [EventReport], of row: Int64, epoch: Int64, at time: UTCTime) throws {
        guard !events.isEmpty else { return }
        var (added, bytes, logs) = (0, 0, 0)
        for event in events {
            let size = event.storedBytes
            try database.run(
                """
                INSERT INTO events (device, received, kind, sentence, bytes, epoch, boot, sequence, time, trusted,
                    endpoint, state, serial, bundle, bundle_name, bundle_version, bundle_serial, result, reason, detail,
                    log)
                VALUES (?, ?, 'update', '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING
                """,
                row,
                time.seconds,
                size,
                epoch,
                event.boot,
                event.sequence,
                event.moment.time.seconds,
                event.moment.isTrusted,
                event.endpoint.text,
                event.state,
                event.serial,
                event.bundle?.digest.bytes,
                event.bundle?.name,
                event.bundle?.version,
                event.bundle?.serial,
                event.result,
                event.reason,
                event.detail,
                event.log
            )
            guard database.changes > 0 else { continue }
            added += 1
            bytes += size
            logs += event.log == nil ? 0 : 1
        }
        try count(events: added, bytes: bytes, logs: logs, of: row)
    }

    private func count(events: Int, bytes: Int, logs: Int, of row: Int64) throws {
        guard events > 0 else { return }
        let usage = try database.first(
            """
            INSERT INTO usage (device, events, event_bytes, logs) VALUES (?, ?, ?, ?)
            ON CONFLICT (device) DO UPDATE SET events = events + excluded.events,
                event_bytes = event_bytes + excluded.event_bytes, logs = logs + excluded.logs
            RETURNING events, event_bytes, logs
            """,
            row,
            events,
            bytes,
            logs
        ) { (events: Int($0.integer(0)), bytes: Int($0.integer(1)), logs: Int($0.integer(2))) }
        guard let usage else { return }
        if usage.logs > EventLimits.logs + 4 { try dropLogs(of: row) }
        if usage.events > EventLimits.count + EventLimits.slack || usage.bytes > EventLimits.bytes + (64 << 10) {
            try dropEvents(of: row)
        }
    }

    private func dropLogs(of row: Int64) throws {
        try database.run(
            """
            UPDATE events SET log = NULL WHERE device = ?1 AND log IS NOT NULL AND id <= (
                SELECT id FROM events WHERE device = ?1 AND log IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET ?2)
            """,
            row,
            EventLimits.logs
        )
        try database.run(
            """
            UPDATE usage SET logs = (SELECT count(*) FROM events WHERE device = ?1 AND log IS NOT NULL)
            WHERE device = ?1
            """,
            row
        )
    }

    /// Down to the limits, oldest first.
    private func dropEvents(of row: Int64) throws {
        var (count, bytes) = (0, 0)
        var oldestGone: Int64 = 0
        try database.each("SELECT id, bytes FROM events WHERE device = ? ORDER BY id DESC", [row]) { event in
            let size = Int(event.integer(1))
            guard count < EventLimits.count, bytes + size <= EventLimits.bytes || count == 0 else {
                oldestGone = event.integer(0)
                return false
            }
            count += 1
            bytes += size
            return true
        }
        try database.run("DELETE FROM events WHERE device = ? AND id <= ?", row, oldestGone)
        try database.run("UPDATE usage SET events = ?, event_bytes = ? WHERE device = ?", count, bytes, row)
    }

    /// Newest first, with ids above `after` and below `before`; without the ends of logs.
    package func events(
        device: DeviceID?,
        endpoint: EndpointName?,
        before: Int64?,
        after: Int64?,
        limit: Int
    ) throws -> [EventRecord] {
        var values: [(any SQLBindable)?] = []
        if let device { values.append(device.text) }
        if let endpoint { values.append(endpoint.text) }
        values += [before ?? .max, after ?? 0, min(max(limit, 0), 10_000)]
        return try database.all(Self.eventsQuery(device: device != nil, endpoint: endpoint != nil), values) { row in
            try EventRecord(row, withLog: false)
        }
    }

    static func eventsQuery(device: Bool, endpoint: Bool) -> String {
        let conditions =
            (device ? "e.device = (SELECT row FROM devices WHERE id = ?) AND " : "")
            + (endpoint ? "e.endpoint = ? AND " : "")
        return """
            SELECT \(eventColumns), NULL FROM events e JOIN devices d ON d.row = e.device
            WHERE \(conditions) e.id < ? AND e.id > ? ORDER BY e.id DESC LIMIT ?
            """
    }

    private static let eventColumns = """
        e.id, e.received, d.id, e.kind, e.sentence, e.boot, e.sequence, e.time, e.trusted, e.endpoint, e.state, e.serial,
        e.bundle, e.bundle_name, e.bundle_version, e.bundle_serial, e.result, e.reason, e.detail, e.log IS NOT NULL
        """

    /// One event, with the end of the log.
    package func event(_ id: Int64) throws -> EventRecord? {
        try database.first(Self.eventQuery, id) { try EventRecord($0, withLog: true) }
    }

    static let eventQuery = """
        SELECT \(eventColumns), e.log FROM events e JOIN devices d ON d.row = e.device WHERE e.id = ?
        """
}

extension EventRecord {
    fileprivate init(_ row: borrowing Row, withLog: Bool) throws {
        var report: EventReport?
        if !row.isNull(6) {
            var told = EventReport(
                boot: row.text(5),
                sequence: Int(row.integer(6)),
                moment: CheckIn.Moment(row.time(7), isTrusted: row.boolean(8)),
                endpoint: try EndpointName(stored: row.text(9)),
                state: row.text(10),
                reason: row.text(17),
                detail: row.text(18)
            )
            told.serial = row.optionalInteger(11).map { Int($0) }
            told.bundle = BundleReport(row, at: 12)
            told.result = row.optionalText(16)
            if withLog { told.log = row.optionalText(20) }
            report = told
        }
        self.init(
            id: row.integer(0),
            received: row.time(1),
            device: try DeviceID(stored: row.text(2)),
            kind: row.text(3),
            report: report,
            sentence: row.text(4),
            hasLog: row.boolean(19)
        )
    }
}

extension BundleReport {
    /// From four columns: digest, name, version, serial.
    init?(_ row: borrowing Row, at column: Int) {
        guard let digest = row.digest(column) else { return nil }
        self.init(
            digest: digest,
            name: row.optionalText(column + 1),
            version: row.optionalText(column + 2),
            serial: row.optionalInteger(column + 3).map { Int($0) }
        )
    }
}

extension EventReport {
    /// What it takes without its log, roughly.
    fileprivate var storedBytes: Int {
        let texts = [
            boot, endpoint.text, state, result ?? "", reason, detail, bundle?.name ?? "", bundle?.version ?? "",
        ]
        return texts.reduce(150) { $0 + $1.utf8.count }
    }
}
