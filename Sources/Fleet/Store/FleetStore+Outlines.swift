internal import Deployment
internal import Digest
internal import FleetProtocol
internal import SQLite
internal import WallClock

extension FleetStore {
    /// All devices that have ever enrolled, in order of their ids, with as much as it takes to say how they stand and to
    /// find them: of the report when it came, its interval, channel, labels, which metadata is known and whether the
    /// repository can be followed; of endpoints their names, what runs and is wanted, and what was found. The rest is
    /// empty.
    ///
    /// For what is asked of a whole fleet: with 100,000 devices it takes half the time of ``devices()``, and half the room.
    package func outlines() throws -> [DeviceRecord] {
        try database.snapshot {
            let texts = SharedTexts()
            var records: [DeviceRecord] = []
            // Where each row is: rows rise, so that what follows needs no search by id.
            var places: [(row: Int64, place: Int)] = []
            try database.each("SELECT row, id, membership, enrolled, labels FROM devices ORDER BY id") { row in
                let device = try DeviceID(stored: row.text(1))
                guard let membership = Membership(rawValue: texts.text(row, 2)) else {
                    throw FleetStoreError.damaged("how \(device) belongs to the fleet")
                }
                places.append((row.integer(0), records.count))
                records.append(
                    DeviceRecord(
                        row: row.integer(0),
                        device: device,
                        membership: membership,
                        enrolled: row.time(3),
                        labels: try texts.labels(row, 4)
                    )
                )
                return true
            }
            places.sort { $0.row < $1.row }
            var next = 0
            /// The place of a device, asked for in order of rows; nil where there is none.
            func place(of device: Int64) -> Int? {
                while next < places.count, places[next].row < device { next += 1 }
                return next < places.count && places[next].row == device ? places[next].place : nil
            }
            var seen: [(device: Int64, time: UTCTime)] = []
            seen.reserveCapacity(records.count)
            try database.each("SELECT device, seen FROM seen ORDER BY device") { row in
                seen.append((row.integer(0), row.time(1)))
                return true
            }
            var nextSeen = 0
            try database.each(Self.reportOutlines) { row in
                let device = row.integer(0)
                while nextSeen < seen.count, seen[nextSeen].device < device { nextSeen += 1 }
                guard nextSeen < seen.count, seen[nextSeen].device == device, let place = place(of: device) else {
                    return true
                }
                records[place].report = try DeviceReport(outline: row, seen: seen[nextSeen].time, texts)
                return true
            }
            next = 0
            try database.each(Self.endpointOutlines) { row in
                guard let place = place(of: row.integer(0)) else { return true }
                records[place].endpoints.append(try EndpointRecord(outline: row, texts))
                return true
            }
            return records
        }
    }

    static let reportOutlines = """
        SELECT device, interval, channel, labels, metadata_version, sync_waiting FROM reports ORDER BY device
        """
    static let endpointOutlines = """
        SELECT device, name, running, running_name, running_version, running_serial, wanted, wanted_name,
            wanted_version, wanted_serial, converged, healthy
        FROM endpoints ORDER BY device, name
        """

    /// Stands where an outline says nothing.
    fileprivate static let noTime = UTCTime(seconds: 0)
}

/// What was read last: of many boxes most texts are the same, and then there is one of each.
private final class SharedTexts {
    private var texts = [String](repeating: "", count: 16)
    private var labels: [String: [String: String]] = [:]

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
}

extension DeviceReport {
    fileprivate init(outline row: borrowing Row, seen: UTCTime, _ texts: SharedTexts) throws {
        self.init(
            lastSeen: seen,
            reachableSince: FleetStore.noTime,
            boot: "",
            sequence: 0,
            moment: CheckIn.Moment(FleetStore.noTime, isTrusted: false),
            interval: Int(row.integer(1)),
            facts: CheckIn.BoxFacts(agent: ""),
            lost: CheckIn.Loss(),
            address: ""
        )
        channel = texts.optionalText(row, 2).flatMap { Channel(rawValue: $0) }
        labels = try texts.labels(row, 3)
        if let version = row.optionalInteger(4) {
            metadata = CheckIn.Metadata(timestampVersion: Int(version), verified: FleetStore.noTime, source: "")
        }
        if let waiting = texts.optionalText(row, 5) {
            sync = CheckIn.SyncTrouble(waitingFor: waiting, sentence: "", since: FleetStore.noTime)
        }
    }
}

extension EndpointRecord {
    fileprivate init(outline row: borrowing Row, _ texts: SharedTexts) throws {
        var report = EndpointReport(name: try EndpointName(stored: texts.text(row, 1)), listen: "", state: "")
        report.running = texts.bundle(row, 2)
        report.wanted = texts.bundle(row, 6)
        self.init(
            report: report,
            converged: texts.text(row, 10),
            convergedSince: FleetStore.noTime,
            healthy: texts.text(row, 11),
            healthySince: FleetStore.noTime
        )
    }
}
