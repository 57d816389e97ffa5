internal import Deployment
package import Diagnostics
internal import FleetProtocol
internal import Glibc
internal import Synchronization
internal import WallClock

/// Boxes that are none, checking in with a fleet that is one.
///
/// First every box enrols that isn't, as fast as the fleet takes them. Then check-ins are due at fixed times, whether or not
/// those before were answered; one that finds all threads busy begins late, and how late is told.
package final class Simulation: Sendable {
    /// A box; who holds the lock has it speak.
    private final class Cell: Sendable {
        let box: Mutex<SimulatedBox>

        init(_ box: consuming SimulatedBox) { self.box = Mutex(box) }
    }

    private struct State {
        var report = SimulationReport()
        var failure: (any Error)?
    }

    private let plan: SimulationPlan
    private let transport: any SimulationTransport
    private let cells: [Cell]
    private let state: Mutex<State>
    private let isStopped = Atomic(false)
    private let next = Atomic(0)
    private let running = Atomic(0)

    /// Throws where the plan's prefix names no device.
    package init(_ plan: SimulationPlan, transport: any SimulationTransport) throws(SimulationError) {
        self.plan = plan
        self.transport = transport
        let now = Self.now
        var cells: [Cell] = []
        for index in 0..<plan.count {
            guard let device = plan.device(index) else { throw .unusablePrefix(plan.prefix) }
            cells.append(
                Cell(
                    SimulatedBox(
                        device: device,
                        index: index,
                        seed: plan.seed,
                        interval: plan.intervalSeconds,
                        // Above every number of an earlier run, as long as that made less than a thousand a second.
                        sequence: Int(clamping: max(0, now.seconds)) * 1_000,
                        at: now
                    )
                )
            )
        }
        self.cells = cells
        var report = SimulationReport()
        report.boxes = plan.count
        report.checkInsDue = plan.checkIns
        state = Mutex(State(report: report))
    }

    private static var now: UTCTime { UTCTime(seconds: Int64(time(nil))) }

    package var report: SimulationReport { state.withLock(\.report) }

    /// Lets what is under way come to its end and begins nothing new. From any thread.
    package func stop() { isStopped.store(true, ordering: .sequentiallyConsistent) }

    /// Runs to its end.
    ///
    /// - Parameter tick: called again and again on this thread; it waits some tenths of a second each time.
    package func run(_ tick: (SimulationReport) throws -> Void) throws {
        let clock = ContinuousClock()
        var begin = clock.now
        try phase(tick) { simulation in simulation.enrolAll() }
        state.withLock { $0.report.enrolmentSeconds = (clock.now - begin) / .seconds(1) }
        guard !isStopped.load(ordering: .sequentiallyConsistent) else { return }
        next.store(0, ordering: .sequentiallyConsistent)
        begin = clock.now
        try phase(tick) { [begin] simulation in simulation.checkInAll(from: begin) }
        state.withLock { $0.report.seconds = (clock.now - begin) / .seconds(1) }
    }

    /// One piece of work on all threads.
    private func phase(
        _ tick: (SimulationReport) throws -> Void,
        _ body: @escaping @Sendable (Simulation) -> Void
    ) throws {
        let wanted = min(max(1, plan.threads), SimulationPlan.threadLimit, max(1, plan.count))
        running.store(wanted, ordering: .sequentiallyConsistent)
        let threads = Threads(wanted) {
            body(self)
            self.running.subtract(1, ordering: .sequentiallyConsistent)
        }
        running.subtract(wanted - threads.count, ordering: .sequentiallyConsistent)
        let isStarted = threads.count > 0
        var failure: (any Error)? = isStarted ? nil : SimulationError.noThread
        while failure == nil, running.load(ordering: .sequentiallyConsistent) > 0 {
            do { try tick(report) } catch {
                failure = error
                stop()
            }
        }
        threads.join()
        if let failure = failure ?? state.withLock(\.failure) { throw failure }
    }

    private func enrolAll() {
        while !isStopped.load(ordering: .sequentiallyConsistent) {
            let index = next.add(1, ordering: .sequentiallyConsistent).oldValue
            guard index < cells.count else { return }
            let device = cells[index].box.withLock(\.device)
            guard !transport.isEnrolled(device) else { continue }
            do {
                try transport.enrol(device)
                state.withLock { $0.report.enrolled += 1 }
            } catch {
                // What one is refused for, such as a token that is used up, all are.
                state.withLock { $0.failure = $0.failure ?? error }
                stop()
            }
        }
    }

    private func checkInAll(from begin: ContinuousClock.Instant) {
        let clock = ContinuousClock()
        // What could not begin by then never does: a fleet that is too slow must not make a run endless.
        let end = begin + plan.duration + max(plan.interval, .seconds(5))
        while true {
            let number = next.add(1, ordering: .sequentiallyConsistent).oldValue
            guard number < plan.checkIns else { return }
            let due = begin + plan.due(ofCheckIn: number)
            guard wait(until: due), clock.now < end else { return }
            state.withLock { $0.report.delay.record(clock.now - due) }
            cells[plan.box(ofCheckIn: number)].box.withLock { checkIn(&$0) }
        }
    }

    /// False where it was stopped meanwhile.
    private func wait(until due: ContinuousClock.Instant) -> Bool {
        let clock = ContinuousClock()
        while !isStopped.load(ordering: .sequentiallyConsistent) {
            let left = due - clock.now
            guard left > .zero else { return true }
            let (seconds, attoseconds) = min(left, .milliseconds(100)).components
            var pause = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
            nanosleep(&pause, nil)
        }
        return false
    }

    private func checkIn(_ box: inout SimulatedBox) {
        let clock = ContinuousClock()
        let checkIn = box.checkIn(at: Self.now)
        state.withLock { $0.report.checkInsSent += 1 }
        let begin = clock.now
        let session: any SimulationSession
        do {
            session = try transport.session(for: box.device)
            let reply = try session.send(checkIn)
            let took = clock.now - begin
            guard reply.acknowledged == checkIn.sequence else {
                throw SimulationError.acknowledgedAnother(checkIn.sequence, reply.acknowledged)
            }
            box.acknowledge(reply.acknowledged)
            state.withLock { state in
                state.report.latency.record(took)
                state.report.checkInsAcknowledged += 1
                state.report.eventsAcknowledged += checkIn.events.count
            }
        } catch {
            // As a box does: what else there is to say waits for a better time.
            return note(error) { $0.checkInsFailed += 1 }
        }
        guard box.hasMetrics else { return }
        do {
            try session.send(box.metrics(at: Self.now))
            state.withLock { $0.report.metricsSent += 1 }
        } catch {
            note(error) { $0.metricsFailed += 1 }
        }
    }

    private func note(_ error: any Error, _ count: (inout SimulationReport) -> Void) {
        let sentence = (error as? any ExplainedError)?.message ?? String(describing: error)
        state.withLock { state in
            count(&state.report)
            state.report.count(error: String(sentence.prefix(500)))
        }
    }
}

/// Why a simulation can't be run.
package enum SimulationError: ExplainedError, Equatable {
    case unusablePrefix(String)
    case noThread
    case acknowledgedAnother(Int, Int)

    package var message: String {
        switch self {
        case .unusablePrefix(let prefix): "\(prefix.quotedName) begins no device's id"
        case .noThread: "the system has no thread for it"
        case .acknowledgedAnother(let sent, let acknowledged):
            "check-in \(sent) was answered with an acknowledgement of \(acknowledged)"
        }
    }

    package var hint: String? {
        switch self {
        case .unusablePrefix: "letters, digits, '.', '_', ':' and '-', at most 58 bytes"
        case .noThread: "see `ulimit -u`, or ask for fewer with --threads"
        case .acknowledgedAnother: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .unusablePrefix: .usage
        case .noThread: .tryAgain
        case .acknowledgedAnother: .failed
        }
    }
}
