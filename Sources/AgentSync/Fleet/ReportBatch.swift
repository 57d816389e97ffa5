internal import Deployment
internal import EdgeAgent
internal import FleetProtocol
internal import JSON
internal import Telemetry

/// What records of the spool are to the fleet. A value without I/O: records in, messages out.
struct ReportBatch {
    struct Snapshot {
        let id: SpoolID
        let checkIn: CheckIn
        let bytes: Int
    }

    struct Event {
        let id: SpoolID
        let report: EventReport
        let bytes: Int
    }

    struct Payload {
        let id: SpoolID
        let bytes: [UInt8]
    }

    /// The newest picture of the box; those before are superseded.
    private(set) var snapshot: Snapshot?
    private(set) var superseded: [SpoolID] = []
    /// The oldest first.
    private(set) var events: [Event] = []
    private(set) var metrics: [Payload] = []
    private(set) var logs: [Payload] = []
    /// What no fleet would understand, with the reason of the first.
    private(set) var unusable: [SpoolID] = []
    private(set) var problem: String?

    /// - Parameters:
    ///   - records: in any order. Samples are not sent, and not touched.
    ///   - device: what the fleet calls the box; records from before it was enrolled may name it otherwise.
    init(_ records: [SpoolRecord], device: DeviceID) {
        for record in records.sorted(by: { $0.id.sequence < $1.id.sequence }) where record.id.spoolClass != .samples {
            switch (record.id.spoolClass, record.kind) {
            case (.state, SpoolKind.snapshot): take(snapshot: record, device)
            case (.state, SpoolKind.event): take(event: record)
            case (.metrics, SpoolKind.metrics): metrics.append(Payload(id: record.id, bytes: record.payload))
            case (.logs, SpoolKind.logs): logs.append(Payload(id: record.id, bytes: record.payload))
            default: drop(record.id, "kind \(record.kind) of \(record.id.spoolClass.name) is not known")
            }
        }
    }

    private mutating func drop(_ id: SpoolID, _ reason: String) {
        unusable.append(id)
        problem = problem ?? reason
    }

    private mutating func take(snapshot record: SpoolRecord, _ device: DeviceID) {
        do throws(JSONError) {
            var checkIn = try CheckIn(record.payload)
            checkIn.device = device
            checkIn.boot = record.stamp.boot.description
            checkIn.sequence = Int(clamping: record.id.sequence)
            checkIn.events = []
            if let older = snapshot { superseded.append(older.id) }
            snapshot = Snapshot(id: record.id, checkIn: checkIn, bytes: record.payload.count)
        } catch {
            drop(record.id, error.message)
        }
    }

    private mutating func take(event record: SpoolRecord) {
        do throws(JSONError) {
            let value = try JSONValue.parse(record.payload, limits: FleetLimits.checkIn)
            var report = try EventReport(try JSONFields(value, path: "event"))
            report.boot = record.stamp.boot.description
            report.sequence = Int(clamping: record.id.sequence)
            events.append(Event(id: record.id, report: report, bytes: record.payload.count))
        } catch {
            drop(record.id, error.message)
        }
    }

    /// The events in as many messages as they need, each of which is short enough; the first may hold none.
    ///
    /// - Parameter snapshotBytes: of the picture that each of them comes with.
    static func messages(_ events: [Event], snapshotBytes: Int) -> [[Event]] {
        // What is added around each, and to boot and sequence.
        let around = 128
        let room = FleetLimits.checkInBytes - snapshotBytes - 4096
        return groups(events, most: FleetLimits.events, bytes: room) { $0.bytes + around }
    }

    /// Payloads that are sent in one request: messages of protobuf, one behind the other, are one message.
    static func requests(_ payloads: [Payload], limitBytes: Int) -> [[Payload]] {
        groups(payloads, most: 1000, bytes: limitBytes) { $0.bytes.count }
    }

    private static func groups<Element>(
        _ elements: [Element],
        most: Int,
        bytes limit: Int,
        size: (Element) -> Int
    ) -> [[Element]] {
        var groups: [[Element]] = []
        var group: [Element] = []
        var bytes = 0
        for element in elements {
            if !group.isEmpty, group.count == most || bytes + size(element) > limit {
                groups.append(group)
                (group, bytes) = ([], 0)
            }
            group.append(element)
            bytes += size(element)
        }
        return group.isEmpty ? groups : groups + [group]
    }
}
