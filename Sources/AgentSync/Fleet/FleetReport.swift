internal import Deployment
internal import Diagnostics
package import EdgeAgent
internal import FileSystem
package import FleetClient
internal import FleetProtocol
package import JSON
internal import Telemetry
internal import WallClock

/// `edgeagent-sync report`: what waits in the spool goes to the fleet, the newest first.
///
/// A record goes from the spool only when the fleet has acknowledged it, or has said that it will never take it. What
/// the fleet says in return (labels, interval) is kept, and the certificate is renewed when it is time for that, by the
/// fleet's clock: the box's own plays no part.
package enum FleetReport {
    /// What one run may take on, so that it ends; the next goes on.
    package struct Limits: Sendable {
        /// Payload of what is now.
        package var newestBytes = 1 << 20
        /// Payload of what was left behind earlier.
        package var backfillBytes = 1 << 20
        /// Of one request with telemetry, unpacked.
        package var requestBytes = 512 << 10

        package init() {}
    }

    /// What came of a run, also of one that ended early.
    package struct Result: Sendable {
        package var checkIns = 0
        package var events = 0
        /// Of the spool, acknowledged by the fleet; superseded pictures among them.
        package var records = 0
        /// Of bodies, as they travelled.
        package var bytes = 0
        /// Records that wait still, at least.
        package var left = 0
        /// Records that no fleet would take, which are gone.
        package var dropped = 0
        /// Data points and lines that the fleet did not want of what it took.
        package var rejected = 0
        /// Seconds between check-ins, as the fleet asks.
        package var interval: Int?
        package var hasNewLabels = false
        package var isRenewed = false
        /// What somebody who looks after the box may want to know.
        package var notices: [String] = []
        /// What ended it early.
        package var failure: FleetClientError?

        package init() {}
    }

    package static func run(
        _ layout: StoreLayout,
        limits: Limits = Limits(),
        options: FleetClientOptions = FleetClientOptions()
    ) throws -> Result {
        try run(layout, limits: limits, options: options) { _ in }
    }

    /// - Parameter willWrite: told of each file of `fleet/` before it is written or removed.
    static func run(
        _ layout: StoreLayout,
        limits: Limits,
        options: FleetClientOptions,
        willWrite: @escaping (String) throws -> Void
    ) throws -> Result {
        guard try layout.readFleetSettings() != nil else { throw NotEnrolled(store: layout.root) }
        let store = try BoxIdentity(layout, willWrite: willWrite)
        let (settings, identity) = try store.read()
        let sender = try ReportSender(
            store,
            SpoolReader(SpoolFolder(layout.spool, as: .reader)),
            FleetConnection(identity, options: options),
            settings,
            limits,
            options
        )
        do {
            try sender.deliver(.newest, limitBytes: limits.newestBytes)
            try sender.deliver(.oldest, limitBytes: limits.backfillBytes)
            try sender.renewIfDue()
        } catch let error as FleetClientError {
            sender.result.failure = error
        }
        try sender.keepWishes()
        return try sender.ended()
    }
}

extension FleetReport.Result {
    /// How long a box that needs a person's help leaves the fleet alone, in seconds, unless the fleet says otherwise.
    private static let longPause = 3600

    package var outcome: SyncOutcome { failure.map { SyncOutcome(of: $0) } ?? .done([:]) }

    /// The last line that the command prints.
    package var json: JSONObject {
        var object = outcome.json
        object["checkins"] = .integer(checkIns)
        object["events"] = .integer(events)
        object["records"] = .integer(records)
        object["bytes"] = .integer(bytes)
        object["left"] = .integer(left)
        object["dropped"] = .integer(dropped)
        object["rejected"] = .integer(rejected)
        if let interval { object["interval"] = .integer(interval) }
        object["labels"] = hasNewLabels ? "changed" : "same"
        object["renewed"] = .boolean(isRenewed)
        guard let failure else { return object }
        object["code"] = .string(failure.code)
        let asked = failure.retryAfter.map { max(1, Int(clamping: $0.components.seconds)) }
        if let pause = asked ?? (failure.needsSomebody ? Self.longPause : nil) {
            object["retryAfter"] = .integer(min(pause, 86_400))
        }
        return object
    }
}

/// One run: the spool on one side, the fleet on the other.
private final class ReportSender {
    private typealias Batch = ReportBatch

    private let store: BoxIdentity
    private var reader: SpoolReader<SpoolFolder>
    private var connection: FleetConnection
    private var settings: FleetSettings
    private let limits: FleetReport.Limits
    private let options: FleetClientOptions
    var result = FleetReport.Result()
    /// The newest picture that is known, and whether the fleet has it.
    private var snapshot: ReportBatch.Snapshot?
    private var isSnapshotTaken = false
    private var lastReply: CheckInReply?
    /// Of connections before the present one.
    private var earlierBytes = 0

    init(
        _ store: BoxIdentity,
        _ reader: SpoolReader<SpoolFolder>,
        _ connection: FleetConnection,
        _ settings: FleetSettings,
        _ limits: FleetReport.Limits,
        _ options: FleetClientOptions
    ) {
        self.store = store
        self.reader = reader
        self.connection = connection
        self.settings = settings
        self.limits = limits
        self.options = options
    }

    // MARK: - The spool

    func deliver(
        _ order: SpoolReader<SpoolFolder>.Order,
        limitBytes: Int
    ) throws {
        let records = try reader.next(order, limitBytes: limitBytes)
        let batch = Batch(records, device: settings.device)
        if !batch.unusable.isEmpty {
            try drop(batch.unusable, because: batch.problem ?? "they can't be read")
        }
        try deliverState(batch)
        try deliver(batch.metrics) { connection, bytes throws(FleetClientError) in
            try connection.send(metrics: bytes)
        }
        try deliver(batch.logs) { connection, bytes throws(FleetClientError) in
            try connection.send(logs: bytes)
        }
    }

    private func acknowledge(_ ids: [SpoolID]) throws {
        guard !ids.isEmpty else { return }
        try reader.acknowledge(ids)
        result.records += ids.count
    }

    private func drop(_ ids: [SpoolID], because reason: String) throws {
        guard !ids.isEmpty else { return }
        try reader.acknowledge(ids)
        result.dropped += ids.count
        result.notices.append("\(ids.count) records that the fleet does not take were dropped: \(reason)")
    }

    // MARK: - Check-ins

    private func deliverState(_ batch: Batch) throws {
        var superseded = batch.superseded
        if let newest = batch.snapshot {
            if let known = snapshot, known.id.sequence > newest.id.sequence {
                superseded.append(newest.id)
            } else {
                snapshot = newest
                isSnapshotTaken = false
            }
        }
        // An event is told with a picture of the box. There will be one within the interval.
        guard let current = snapshot else { return }
        // The newest events first: what is old has waited for long already.
        var messages = Array(Batch.messages(batch.events, snapshotBytes: current.bytes).reversed())
        if messages.isEmpty, !isSnapshotTaken { messages = [[]] }
        for events in messages { try send(events) }
        if isSnapshotTaken { try acknowledge(superseded) }
    }

    /// Sends the picture with these events. What the fleet will never take is found by halves, and dropped.
    private func send(_ events: [Batch.Event]) throws {
        guard let snapshot else { return }
        var checkIn = snapshot.checkIn
        checkIn.events = events.map(\.report)
        do {
            let reply = try call { connection throws(FleetClientError) in try connection.checkIn(checkIn) }
            lastReply = reply
            result.checkIns += 1
            result.events += events.count
            var taken = events.map(\.id)
            if !isSnapshotTaken { taken.append(snapshot.id) }
            isSnapshotTaken = true
            try acknowledge(taken)
        } catch FleetClientError.refused(let problem, _) where problem.code.blamesCheckIn {
            if events.count > 1 {
                try send(Array(events[..<(events.count / 2)]))
                try send(Array(events[(events.count / 2)...]))
            } else if let event = events.first {
                // Without it the picture is taken, or is itself to blame.
                if !isSnapshotTaken { try send([]) }
                if isSnapshotTaken { try drop([event.id], because: problem.message) }
            } else {
                self.snapshot = nil
                try drop([snapshot.id], because: problem.message)
            }
        }
    }

    // MARK: - Telemetry

    private typealias Send = (FleetConnection, [UInt8]) throws(FleetClientError) -> ExportResponse

    private func deliver(_ payloads: [Batch.Payload], _ send: Send) throws {
        // The newest request first, in each the oldest record first.
        for request in Batch.requests(payloads, limitBytes: limits.requestBytes).reversed() {
            try deliver(request: request, send)
        }
    }

    private func deliver(request: [Batch.Payload], _ send: Send) throws {
        do {
            let bytes = request.flatMap(\.bytes)
            let response = try call { connection throws(FleetClientError) in try send(connection, bytes) }
            if response.rejected > 0 {
                result.rejected += Int(clamping: response.rejected)
                let reason = String(response.problem.prefix(300))
                result.notices.append("the fleet left \(response.rejected) values out: \(reason)")
            }
            try acknowledge(request.map(\.id))
        } catch FleetClientError.refused(let problem, _) where problem.code.blamesContent {
            guard request.count > 1 else { return try drop(request.map(\.id), because: problem.message) }
            try deliver(request: Array(request[..<(request.count / 2)]), send)
            try deliver(request: Array(request[(request.count / 2)...]), send)
        }
    }

    // MARK: - Certificate

    /// A call; where the fleet says that the certificate has expired, once more with a new one.
    private func call<Value>(_ body: (FleetConnection) throws(FleetClientError) -> Value) throws -> Value {
        let first = outcome(body)
        guard case .failure(.refused(let problem, _)) = first, problem.code == .certificateExpired, !result.isRenewed
        else { return try first.get() }
        try renew()
        return try outcome(body).get()
    }

    private func outcome<Value>(
        _ body: (FleetConnection) throws(FleetClientError) -> Value
    ) -> Result<Value, FleetClientError> {
        do throws(FleetClientError) { return .success(try body(connection)) } catch { return .failure(error) }
    }

    /// Of no run that fails: there is a third of the certificate's life left for it.
    func renewIfDue() throws {
        guard let now = lastReply?.now, now >= connection.identity.renewalTime, !result.isRenewed else { return }
        do {
            try renew()
        } catch let error as FleetClientError {
            result.notices.append(
                "the certificate, good until \(connection.identity.expiry), could not be renewed: \(error.message)"
            )
        }
    }

    private func renew() throws {
        let renewed = try connection.renew()
        // From here on both are good; the old one stays until the new one is on the disk.
        try store.write(renewed)
        settings.authorities = renewed.authorities
        try store.write(settings)
        earlierBytes += connection.sentBytes
        connection = try FleetConnection(renewed, options: options)
        result.isRenewed = true
    }

    // MARK: - The end

    /// What the fleet has asked for.
    func keepWishes() throws {
        guard let reply = lastReply else { return }
        result.interval = reply.interval
        settings.interval = reply.interval
        try store.write(settings)
        let labels = FleetLabels(reply.labels)
        if try FileSystem.status(of: store.layout.inboxLabels) == nil, labels.labels.isEmpty { return }
        result.hasNewLabels = try labels.write(to: store.layout.inboxLabels)
    }

    func ended() throws -> FleetReport.Result {
        result.bytes = earlierBytes + connection.sentBytes
        result.left = try reader.next(.oldest, limitBytes: 256 << 10).filter { $0.id.spoolClass != .samples }.count
        return result
    }
}

extension FleetProblem.Code {
    /// Whether a check-in will never be taken as it is. That it names another device is none of them: it can't.
    fileprivate var blamesCheckIn: Bool { blamesContent && self != .deviceMismatch }
}
