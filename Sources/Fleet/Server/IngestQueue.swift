internal import Diagnostics
internal import FleetProtocol
internal import Glibc
internal import SQLite
internal import WallClock

/// The one thread that writes what devices send, with a connection to the database of its own.
///
/// Whoever waits is answered when what it sent is on disk and no earlier. What gathers while one commit is under way goes
/// into the next together.
final class IngestQueue: @unchecked Sendable {
    /// What is to be written, and who is told of it, on the queue's thread.
    enum Job: Sendable {
        case checkIn(FleetStore.Received, then: @Sendable (Result<CheckInReply.Inputs, any Error>) -> Void)
        case metrics(row: Int64, [MetricSeries], then: @Sendable (Result<Int, any Error>) -> Void)
        case logs(row: Int64, [(id: String?, line: LogLine)], then: @Sendable (Result<Int, any Error>) -> Void)
        /// Anything else that changes the database, in a transaction of its own.
        case change(@Sendable (FleetStore) -> Void)
    }

    /// Jobs of one commit.
    static let batchLimit = 256
    private static let refusalPause = 1.0

    // Sendable: everything below is read and written inside `monitor.locked` alone, but for the constants and `store`,
    // which is the thread's own from `start` on.
    private let monitor = Monitor()
    private var jobs: [Job] = []
    private var bytes = 0
    private var costs: [Int] = []
    private var isClosing = false
    private var thread: pthread_t?

    private let store: FleetStore
    private let refusals: RefusalLog
    private let log: @Sendable (String) -> Void
    private let jobLimit: Int
    private let byteLimit: Int
    private var refusalsWritten = 0.0

    /// - Parameter store: nobody else's.
    init(
        store: FleetStore,
        refusals: RefusalLog,
        jobLimit: Int = 4096,
        byteLimit: Int = 64 << 20,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.store = store
        self.refusals = refusals
        self.jobLimit = jobLimit
        self.byteLimit = byteLimit
        self.log = log
    }

    func start() throws(FleetServerError) { thread = try startThread { [self] in run() } }

    /// Takes a job on.
    ///
    /// - Parameter cost: about how many bytes it holds.
    /// - Returns: false where so much waits already that it is not taken: nothing is called then.
    func submit(_ job: Job, cost: Int) -> Bool {
        monitor.locked {
            guard !isClosing, jobs.count < jobLimit, bytes + cost <= byteLimit else { return false }
            jobs.append(job)
            costs.append(cost)
            bytes += cost
            if jobs.count == 1 { monitor.signal() }
            return true
        }
    }

    /// Writes what was taken on, and ends the thread. From now on nothing is taken on.
    func finish() {
        monitor.locked {
            isClosing = true
            monitor.signal()
        }
        if let thread { pthread_join(thread, nil) }
        thread = nil
    }

    // MARK: - The thread

    private func run() {
        while let batch = next() {
            write(batch)
            writeRefusals(atOnce: false)
        }
        writeRefusals(atOnce: true)
    }

    /// Waits for jobs; none where it is time to look after something else, nil at the end.
    private func next() -> [Job]? {
        monitor.locked {
            if jobs.isEmpty, !isClosing { monitor.wait(milliseconds: 500) }
            guard !jobs.isEmpty else { return isClosing ? nil : [] }
            let count = min(jobs.count, Self.batchLimit)
            let batch = Array(jobs.prefix(count))
            bytes -= costs.prefix(count).reduce(0, +)
            jobs.removeFirst(count)
            costs.removeFirst(count)
            return batch
        }
    }

    private func write(_ batch: [Job]) {
        var checkIns: [(FleetStore.Received, @Sendable (Result<CheckInReply.Inputs, any Error>) -> Void)] = []
        var telemetry: [Telemetry] = []
        for job in batch {
            switch job {
            case .checkIn(let received, let then): checkIns.append((received, then))
            case .metrics(let row, let series, let then):
                telemetry.append(Telemetry(row: row, series: series, lines: nil, then: then))
            case .logs(let row, let lines, let then):
                telemetry.append(Telemetry(row: row, series: nil, lines: lines, then: then))
            case .change(let body): body(store)
            }
        }
        write(checkIns) { [store] in try store.ingest($0) }
        write(telemetry.map { ($0, $0.then) }) { [store] in try Self.ingest($0, store) }
    }

    private struct Telemetry {
        var row: Int64
        var series: [MetricSeries]?
        var lines: [(id: String?, line: LogLine)]?
        var then: @Sendable (Result<Int, any Error>) -> Void
    }

    private static func ingest(_ telemetry: [Telemetry], _ store: FleetStore) throws -> [Int] {
        let metrics = telemetry.compactMap { entry in entry.series.map { (row: entry.row, series: $0) } }
        let logs = telemetry.compactMap { entry in entry.lines.map { (row: entry.row, lines: $0) } }
        let rejected = try store.ingest(metrics: metrics, logs: logs)
        var ofMetrics = rejected.points.makeIterator()
        var ofLogs = rejected.lines.makeIterator()
        return telemetry.map { ($0.series != nil ? ofMetrics.next() : ofLogs.next()) ?? 0 }
    }

    /// All in one transaction. Where that fails each is tried alone, so that one that can't be written harms no other;
    /// but where nothing can be written, none waits for the others to find that out again.
    private func write<Item, Product>(
        _ items: [(item: Item, then: @Sendable (Result<Product, any Error>) -> Void)],
        _ ingest: ([Item]) throws -> [Product]
    ) {
        guard !items.isEmpty else { return }
        do {
            let products = try ingest(items.map(\.item))
            for (entry, product) in zip(items, products) { entry.then(.success(product)) }
        } catch {
            guard items.count > 1 else { return items[0].then(.failure(error)) }
            var failure = Self.isOfDatabase(error) ? error : nil
            for entry in items {
                write([entry]) { item in
                    if let failure { throw failure }
                    do {
                        return try ingest(item)
                    } catch {
                        if Self.isOfDatabase(error) { failure = error }
                        throw error
                    }
                }
            }
        }
    }

    /// Whether it is the database that can't be written, whatever is to be written to it.
    private static func isOfDatabase(_ error: any Error) -> Bool {
        switch error as? SQLiteError {
        case .busy, .full, .corrupt, .notADatabase, .cannotOpen, .readOnly, .inputOutput: true
        case .constraint, .failed, nil: false
        }
    }

    private func writeRefusals(atOnce: Bool) {
        let now = monotonicSeconds()
        guard atOnce || now - refusalsWritten >= Self.refusalPause else { return }
        refusalsWritten = now
        do {
            try store.note(refusals.take())
        } catch {
            log("can't count what was refused: \((error as? any ExplainedError)?.message ?? "\(error)")")
        }
    }
}
