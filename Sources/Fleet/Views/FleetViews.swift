package import Deployment
internal import Digest
internal import FleetProtocol
package import JSON
package import WallClock

/// What operators are shown: by the dashboard's API as JSON, by the command line as values of Swift.
///
/// Reads the store and never writes. Not thread-safe, as its store is not. What other connections write is seen at
/// once, in a fleet that is slow to read within seconds; after writing through the same connection ``forget()`` is
/// needed.
package final class FleetViews {
    /// What is true of the time alone, such as who is silent, is that old at most.
    private static let tick: Int64 = 5
    /// A fleet that takes longer to read is read for a fifth of the time at most, whoever keeps asking.
    private static let slowRead: Duration = .milliseconds(250)

    private let source: any FleetReading
    private let clock: @Sendable () -> UTCTime
    private var cached: Cached?

    private struct Cached {
        var snapshot: FleetSnapshot
        var version: Int
        var read: ContinuousClock.Instant
        /// How long reading took.
        var cost: Duration
    }

    package init(_ source: any FleetReading, clock: @escaping @Sendable () -> UTCTime) {
        self.source = source
        self.clock = clock
    }

    /// The next question is answered from the store anew.
    package func forget() { cached = nil }

    func snapshot() throws -> FleetSnapshot {
        let now = clock()
        let version = try source.dataVersion
        if let cached {
            let isDear = cached.cost >= Self.slowRead && cached.read.duration(to: .now) < cached.cost * 4
            if isDear { return cached.snapshot }
            if cached.version == version {
                if cached.snapshot.now.seconds / Self.tick == now.seconds / Self.tick { return cached.snapshot }
                // Nothing was written, and what time changes is found without reading all again.
                let snapshot = FleetSnapshot(cached.snapshot.devices, now: now)
                self.cached?.snapshot = snapshot
                return snapshot
            }
        }
        let start = ContinuousClock.now
        let snapshot = FleetSnapshot(try source.outlines(), now: now)
        cached = Cached(snapshot: snapshot, version: version, read: .now, cost: start.duration(to: .now))
        return snapshot
    }

    /// All that is known of a device of the snapshot, which may be newer.
    func record(_ index: Int, of snapshot: FleetSnapshot) throws -> DeviceRecord {
        try source.device(snapshot.devices[index].device) ?? snapshot.devices[index]
    }

    /// The same with all words.
    func status(_ index: Int, of snapshot: FleetSnapshot) throws -> DeviceStatus {
        let record = try record(index, of: snapshot)
        return DeviceStatus(record, now: now, newest: snapshot.newest(for: record))
    }

    // MARK: one device

    /// The three answers about a device; nil where there is none of that name.
    package func status(of id: DeviceID) throws -> DeviceStatus? {
        guard let record = try source.device(id) else { return nil }
        return DeviceStatus(record, now: clock(), newest: try snapshot().newest(for: record))
    }

    /// A device with all that is known of it.
    package func device(_ id: DeviceID) throws -> JSONValue? {
        guard let status = try status(of: id) else { return nil }
        let report = status.record.report
        var object = status.members(isWhole: true)
        object["facts"] = report?.facts.json ?? .null
        object["metadata"] =
            report?.metadata.map { metadata in
                [
                    "timestampVersion": .integer(metadata.timestampVersion), "verified": .moment(metadata.verified),
                    "source": .string(metadata.source),
                ]
            } ?? .null
        object["sync"] =
            report?.sync.map { sync in
                [
                    "waitingFor": .string(sync.waitingFor), "sentence": .string(sync.sentence),
                    "since": .moment(sync.since),
                ]
            } ?? .null
        object["lost"] =
            report.map { ["records": .integer($0.lost.records), "bytes": .integer($0.lost.bytes)] } ?? .null
        object["moment"] =
            report.map { ["time": .moment($0.moment.time), "clock": $0.moment.isTrusted ? "trusted" : "floor"] }
            ?? .null
        object["certificates"] = .array(
            try source.certificates(of: id).sorted { $0.issued > $1.issued }.prefix(20).map { certificate in
                [
                    "fingerprint": .string(certificate.fingerprint.hex), "issued": .moment(certificate.issued),
                    "notAfter": .moment(certificate.notAfter),
                ]
            }
        )
        object["events"] = .array(
            try source.events(device: id, endpoint: nil, before: nil, after: nil, limit: 100).map(\.json)
        )
        object["logs"] = .array(try source.logLines(of: id, limit: 50).map(\.json))
        return .object(object)
    }

    /// Its numbers; nil where there is no such device.
    package func metrics(of id: DeviceID, _ query: MetricsQuery = MetricsQuery()) throws -> JSONValue? {
        guard try source.device(id) != nil else { return nil }
        let since = clock().advanced(by: .seconds(-3600 * query.hours))
        let series = try source.series(of: id, names: nil, since: since)
        return ["series": .array(series.prefix(500).map(\.json))]
    }

    // MARK: events

    /// Newest first.
    package func eventRecords(_ query: EventQuery) throws -> [EventRecord] {
        try source.events(
            device: query.device,
            endpoint: query.endpoint,
            before: query.before,
            after: query.after,
            limit: query.limit
        )
    }

    package func events(_ query: EventQuery) throws -> JSONValue {
        ["events": .array(try eventRecords(query).map(\.json))]
    }

    /// With its log; nil where there is none of that number.
    package func event(_ id: Int64) throws -> JSONValue? { try source.event(id)?.jsonWithLog }

    // MARK: what was refused

    /// The refusals of the last day, the newest first, at most 100.
    func refusals() throws -> [RefusalRecord] {
        let since = clock().advanced(by: .seconds(-24 * 3600))
        return Array(try source.refusals(since: since).sorted { $0.last > $1.last }.prefix(100))
    }

    var now: UTCTime { clock() }
    /// The newest 20.
    func latestEvents() throws -> [EventRecord] {
        try source.events(device: nil, endpoint: nil, before: nil, after: nil, limit: 20)
    }
}
