internal import Glibc
internal import Synchronization

/// Where and how long a native model runs.
///
/// What is expected to be quick runs on the server's thread that has the request, which costs nothing; all else on a few
/// threads of our own, behind a bounded queue, so that health is answered whatever a model does. A run that was expected
/// to be quick and is not is given up after some milliseconds and made again there. Every run has the endpoint's deadline. A run is ended between two nodes of its graph: one node that takes for ever is out of reach, but
/// not its caller, who is answered in time.
final class NativeInference: Sendable {
    struct Limits: Sendable {
        /// Threads of the server, each of which may run at most one inference itself.
        var serverThreads: Int
        /// Runs at once on our own threads.
        var concurrency: Int
        /// Runs that may wait for one.
        var queue: Int
        /// From the whole request to its answer, waiting included.
        var deadline: Duration
    }

    private struct Core: Sendable {
        var waiting: [PooledRun] = []
        var running: [PooledRun] = []
        var threads: [pthread_t] = []
        var isStopping = false
    }

    let model: NativeModel
    /// When a run on a server's thread is given up, in microseconds.
    private static let inlineLimit: UInt64 = 20_000
    private let limits: Limits
    private let deadlineMicroseconds: UInt64
    private let core = Mutex(Core())
    private let arrived = ScriptSemaphore()
    private let slots: [InlineSlot]
    /// One bit for each slot that is free.
    private let freeSlots: Atomic<UInt64>
    private let watch = WatchSleep()
    private let watcher = Mutex<pthread_t?>(nil)

    /// Throws ONNXRuntimeError where the library has no memory for a run's options.
    init(_ model: NativeModel, limits: Limits) throws {
        self.model = model
        self.limits = limits
        deadlineMicroseconds = limits.deadline.wholeMicroseconds
        let count = min(max(1, limits.serverThreads), 64)
        slots = try (0..<count).map { _ in InlineSlot(try model.makeControl()) }
        freeSlots = Atomic(count == 64 ? .max : (1 << UInt64(count)) - 1)
        let thread = startThread("inference-watch") { [self] in watchDeadlines() }
        watcher.withLock { $0 = thread }
    }

    /// Requests that wait for a thread.
    var queueLength: Int { core.withLock { $0.waiting.count } }

    // MARK: - On the server's thread

    /// Runs `body` at once if it can be expected to be quick. Where it turns out otherwise it is ended by `moved`, and
    /// must not have answered then.
    ///
    /// - Returns: false if it was not run, or not to its end.
    func runInline(bytes: Int, _ body: (RunControl) -> Void) -> Bool {
        guard model.estimate.isQuick(bytes: bytes), let index = claimSlot() else { return false }
        let control = slots[index].begin(until: monotonicMicroseconds() + min(deadlineMicroseconds, Self.inlineLimit))
        watch.noteRun()
        body(control)
        if slots[index].finish(replacement: model.makeControl) {
            freeSlots.bitwiseOr(1 << UInt64(index), ordering: .releasing)
        }
        return control.end != .moved
    }

    private func claimSlot() -> Int? {
        var free = freeSlots.load(ordering: .relaxed)
        while free != 0 {
            let (exchanged, original) = freeSlots.compareExchange(
                expected: free,
                desired: free & (free - 1),
                ordering: .acquiring
            )
            if exchanged { return free.trailingZeroBitCount }
            free = original
        }
        return nil
    }

    // MARK: - On our own threads

    /// Has `work` done by another thread. Exactly one of `work` and `refuse` is called, unless the deadline passes during
    /// the work: then `refuse` is, too, and whatever `work` comes to is late.
    ///
    /// - Returns: the run, for `end`; nil if the queue is full, and nothing is called.
    /// - Throws: ONNXRuntimeError where the library has no memory for the run's options.
    func submit(
        _ work: @escaping @Sendable (RunControl) -> Void,
        refuse: @escaping @Sendable (RunEnd) -> Void
    ) throws -> PooledRun? {
        let run = PooledRun(
            control: try model.makeControl(),
            deadline: monotonicMicroseconds() + deadlineMicroseconds,
            work: work,
            refuse: refuse
        )
        let isAccepted = core.withLock { core in
            // Together, as the next one to run may not have left the queue yet.
            let open = core.running.count + core.waiting.count
            guard !core.isStopping, open < limits.concurrency + limits.queue else { return false }
            if core.threads.isEmpty { startThreads(&core) }
            guard !core.threads.isEmpty else { return false }
            core.waiting.append(run)
            return true
        }
        guard isAccepted else { return nil }
        arrived.signal()
        watch.noteRun()
        return run
    }

    /// Gives a run up, wherever it is.
    func end(_ run: PooledRun, _ end: RunEnd) {
        let wasWaiting = core.withLock { core in
            guard let index = core.waiting.firstIndex(where: { $0 === run }) else { return false }
            core.waiting.remove(at: index)
            return true
        }
        run.control.end(end)
        if wasWaiting { run.refuse(end) }
    }

    /// Ends every run and every thread. It waits for runs to come to the end of a node.
    func stop() {
        let (waiting, threads) = core.withLock { core in
            core.isStopping = true
            for run in core.running { run.control.end(.stopping) }
            defer {
                core.waiting = []
                core.threads = []
            }
            return (core.waiting, core.threads)
        }
        for run in waiting { run.refuse(.stopping) }
        for slot in slots { slot.endRun(.stopping) }
        for _ in threads { arrived.signal() }
        watch.noteRun()
        for thread in threads { pthread_join(thread, nil) }
        if let thread = watcher.withLock({ $0.take() }) { pthread_join(thread, nil) }
    }

    private func startThreads(_ core: inout Core) {
        for _ in 0..<max(1, limits.concurrency) {
            guard let thread = startThread("inference", { [self] in work() }) else { return }
            core.threads.append(thread)
        }
    }

    private func work() {
        while true {
            arrived.wait()
            let (run, isStopping) = core.withLock { core -> (PooledRun?, Bool) in
                guard !core.isStopping, !core.waiting.isEmpty else { return (nil, core.isStopping) }
                let run = core.waiting.removeFirst()
                core.running.append(run)
                return (run, false)
            }
            if isStopping { return }
            // None: it was given up while it waited.
            guard let run else { continue }
            run.work(run.control)
            core.withLock { $0.running.removeAll { $0 === run } }
        }
    }

    // MARK: - Deadlines

    private func watchDeadlines() {
        let tick = UInt32(min(max(deadlineMicroseconds / 16, 1000), Self.inlineLimit))
        while !core.withLock({ $0.isStopping }) {
            watch.sleepWhileQuiet(ticks: 10) { isWorking }
            usleep(tick)
            endOverdue(at: monotonicMicroseconds())
        }
    }

    private var isWorking: Bool {
        core.withLock { !$0.waiting.isEmpty || !$0.running.isEmpty || $0.isStopping }
            || slots.contains(where: \.isRunning)
    }

    private func endOverdue(at now: UInt64) {
        let overdue = core.withLock { core in
            let waiting = core.waiting.filter { $0.deadline <= now }
            core.waiting.removeAll { $0.deadline <= now }
            return waiting + core.running.filter { $0.deadline <= now && $0.control.end == nil }
        }
        for run in overdue {
            run.control.end(.deadline)
            // Also of one that runs: it may be in the middle of a node.
            run.refuse(.deadline)
        }
        for slot in slots { slot.endIfOverdue(at: now) }
    }
}

/// A run on a thread of the pool.
final class PooledRun: Sendable {
    let control: RunControl
    /// In microseconds of the monotonic clock.
    let deadline: UInt64
    let work: @Sendable (RunControl) -> Void
    let refuse: @Sendable (RunEnd) -> Void

    init(
        control: RunControl,
        deadline: UInt64,
        work: @escaping @Sendable (RunControl) -> Void,
        refuse: @escaping @Sendable (RunEnd) -> Void
    ) {
        self.control = control
        self.deadline = deadline
        self.work = work
        self.refuse = refuse
    }
}

/// The run of one server thread. Its control is used again until it has ended a run.
private final class InlineSlot: Sendable {
    private struct State: Sendable {
        var control: RunControl
        /// 0 while nothing runs.
        var deadline: UInt64 = 0
    }

    private let state: Mutex<State>

    init(_ control: RunControl) { state = Mutex(State(control: control)) }

    func begin(until deadline: UInt64) -> RunControl {
        state.withLock { state in
            state.deadline = deadline
            return state.control
        }
    }

    /// - Returns: false if the slot can't be used any more.
    func finish(replacement: () throws -> RunControl) -> Bool {
        let isUsed = state.withLock { state in
            state.deadline = 0
            return state.control.end != nil
        }
        guard isUsed else { return true }
        guard let control = try? replacement() else { return false }
        state.withLock { $0.control = control }
        return true
    }

    var isRunning: Bool { state.withLock { $0.deadline != 0 } }

    func endIfOverdue(at now: UInt64) {
        state.withLock { state in
            if state.deadline != 0, state.deadline <= now { state.control.end(.moved) }
        }
    }

    func endRun(_ end: RunEnd) {
        state.withLock { state in
            if state.deadline != 0 { state.control.end(end) }
        }
    }
}

/// Lets the watching thread sleep without a clock while nothing runs, and costs a run no system call while it is awake.
private final class WatchSleep: Sendable {
    private let runs = Atomic<UInt64>(0)
    private let isAsleep = Atomic(false)
    private let semaphore = ScriptSemaphore()
    /// The watching thread's only.
    private let seen = Atomic<UInt64>(0)
    private let quiet = Atomic<Int>(0)

    /// Something began to run.
    func noteRun() {
        // Both in one order with the watcher's: either it sees the run, or we see that it sleeps.
        runs.add(1, ordering: .sequentiallyConsistent)
        guard isAsleep.load(ordering: .sequentiallyConsistent) else { return }
        if isAsleep.exchange(false, ordering: .sequentiallyConsistent) { semaphore.signal() }
    }

    /// Sleeps until the next run, if there was none in the last `ticks` calls and `isBusy` says no.
    func sleepWhileQuiet(ticks: Int, _ isBusy: () -> Bool) {
        guard !sawRun(), !isBusy() else { return quiet.store(0, ordering: .relaxed) }
        guard quiet.add(1, ordering: .relaxed).newValue >= ticks else { return }
        quiet.store(0, ordering: .relaxed)
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        let mustStay = sawRun() || isBusy()
        // Whoever set it back has signalled or is about to.
        if mustStay, isAsleep.exchange(false, ordering: .sequentiallyConsistent) { return }
        semaphore.wait()
    }

    private func sawRun() -> Bool {
        let now = runs.load(ordering: .sequentiallyConsistent)
        return seen.exchange(now, ordering: .relaxed) != now
    }
}

extension Duration {
    var wholeMicroseconds: UInt64 {
        UInt64(clamping: max(0, components.seconds)) * 1_000_000
            + UInt64(clamping: max(0, components.attoseconds / 1_000_000_000_000))
    }
}
