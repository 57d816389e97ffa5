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
            let recent = Recent()
            var records: [DeviceRecord] = []
            // Where each row is: rows rise, so that what follows needs no search by id.
            var places: [(row: Int64, place: Int)] = []
            try database.each("SELECT row, id, membership, enrolled, labels FROM devices ORDER BY id") { row in
                let device = try DeviceID(stored: row.text(1))
                guard let membership = Membership(rawValue: recent.text(row, 2)) else {
                    throw FleetStoreError.damaged("how \(device) belongs to the fleet")
                }
                places.append((row.integer(0), records.count))
                records.append(
                    DeviceRecord(
                        row: row.integer(0),
                        device: device,
                        membership: membership,
                        enrolled: row.time(3),
                        labels: try recent.labels(row, 4)
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
                records[place].report = try DeviceReport(outline: row, seen: seen[nextSeen].time, recent)
                return true
            }
            next = 0
            try database.each(Self.endpointOutlines) { row in
                guard let place = place(of: row.integer(0)) else { return true }
                records[place].endpoints.append(try EndpointRecord(outline: row, recent))
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

extension DeviceReport {
    fileprivate init(outline row: borrowing Row, seen: UTCTime, _ recent: Recent) throws {
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
        channel = recent.optionalText(row, 2).flatMap { Channel(rawValue: $0) }
        labels = try recent.labels(row, 3)
        if let version = row.optionalInteger(4) {
            metadata = CheckIn.Metadata(timestampVersion: Int(version), verified: FleetStore.noTime, source: "")
        }
        if let waiting = recent.optionalText(row, 5) {
            sync = CheckIn.SyncTrouble(waitingFor: waiting, sentence: "", since: FleetStore.noTime)
        }
    }
}

extension EndpointRecord {
    fileprivate init(outline row: borrowing Row, _ recent: Recent) throws {
        var report = EndpointReport(name: try recent.name(row, 1), listen: "", state: "")
        report.running = recent.bundle(row, 2)
        report.wanted = recent.bundle(row, 6)
        self.init(
            report: report,
            converged: recent.text(row, 10),
            convergedSince: FleetStore.noTime,
            healthy: recent.text(row, 11),
            healthySince: FleetStore.noTime
        )
    }
}
