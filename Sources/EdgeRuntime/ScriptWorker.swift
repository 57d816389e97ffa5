internal import CScriptWorker
internal import Glibc
internal import Processes
internal import Synchronization

/// One supervised process that runs one scoring script: `init()` once, then `run()` for one request at a time.
///
/// What the script does to its own process fails the request that was in it, and the process is started again. That is no
/// sandbox: the script has the rights of the runtime's user, its files and its network; what a request left behind in the
/// process (a thread, a changed module) is there for the next; and a program that it moved to a session of its own
/// outlives it. All methods may be called from any thread and none ever waits for Python, except `start` and `stop`,
/// which say so.
package final class ScriptWorker: Sendable {
    package typealias Completion = @Sendable (ScriptReply) -> Void

    /// A look at the worker for health answers, metrics and logs.
    package struct Snapshot: Sendable, Equatable {
        /// `ready`, `busy`, `starting`, `waiting` and so on: see `ScriptWorkerMachine.State`.
        package var state: String
        package var isReady: Bool
        package var queuedRequests: Int
        /// How often starting the process was tried after the first time.
        package var restarts: Int
        package var processIdentifier: Int32?
    }

    struct Pending {
        /// nil once it was sent: a large body is not kept while `run()` works on its copy.
        var frame: ScriptOutgoingFrame?
        let label: String
        let completion: Completion
    }

    struct Core {
        var machine: ScriptWorkerMachine
        var pending: [UInt64: Pending] = [:]
        var nextIdentifier: UInt64 = 1
        var child: ChildProcess?
        /// The session's socket while there is one; only used under the lock.
        var socket: Int32?
        /// What the timer is set to.
        var timerSetTo: Duration?
        var thread: pthread_t?
        var wasStarted = false
    }

    let configuration: ScriptConfiguration
    let log: ScriptLog
    let core: Mutex<Core>
    let scratch: ScriptScratch
    let timer: Int32
    /// Set once: what `start` returns or throws.
    let startResult = Mutex<Result<ScriptWorkerInformation, ScriptError>?>(nil)
    let started = ScriptSemaphore()
    let takesHeaders = Atomic(true)
    private let readiness = Atomic(false)

    /// Prepares the worker's scratch folder; no process is started yet.
    ///
    /// - Parameter log: gets what the script prints and what happens to its process. Called on a thread of its own:
    ///   while it blocks, requests go on, and lines beyond a few thousand are lost and counted.
    /// - Throws: `ScriptError.scratch` or `.resources`.
    package init(
        _ configuration: ScriptConfiguration,
        log: @escaping @Sendable (ScriptLogLine) -> Void
    ) throws(ScriptError) {
        // Idle connections must not take the descriptors that a new process needs.
        Processes.raiseOpenFileLimit()
        self.configuration = configuration
        self.log = ScriptLog(write: log)
        let timer = script_timer_open()
        guard timer >= 0 else { throw .resources(errno: errno) }
        self.timer = timer
        scratch = try ScriptScratch(configuration)
        core = Mutex(
            Core(
                machine: ScriptWorkerMachine(
                    policy: configuration.restartPolicy,
                    queueLimit: configuration.queueLimit,
                    startLimit: configuration.startLimit
                )
            )
        )
    }

    deinit {
        log.end()
        close(timer)
    }

    /// How long `start`, where it fails, and `stop` wait for a log that takes nothing.
    static let logPatience = Duration.seconds(1)

    /// Starts the process and waits until `init()` has returned.
    ///
    /// After a failure here the worker is not tried again; once it was ready, it is. `stop` must be called in the end.
    package func start() throws(ScriptError) -> ScriptWorkerInformation {
        try startSupervisor()
        started.wait()
        guard let result = startResult.withLock(\.self) else { throw .notIdle }
        // What the script printed last belongs before the error.
        if case .failure = result { log.flush(upTo: Self.logPatience) }
        return try result.get()
    }

    /// True when a worker is there and its queue has room: readiness, for a health answer. Takes no lock.
    package var isReady: Bool { readiness.load(ordering: .relaxed) }

    package var snapshot: Snapshot {
        core.withLock { core in
            Snapshot(
                state: core.machine.state.rawValue,
                isReady: core.machine.isReady,
                queuedRequests: core.machine.queue.count,
                restarts: core.machine.restarts,
                processIdentifier: core.child?.processIdentifier
            )
        }
    }

    /// Hands a request to the worker, or puts it into the queue.
    ///
    /// `completion` is called exactly once: on the supervisor's thread, or before this returns when the request can't
    /// be accepted. It must not block, and must not call `stop`.
    /// - Returns: a number for `cancel`.
    @discardableResult
    package func submit(_ request: ScriptRequest, completion: @escaping Completion) -> UInt64 {
        let frameIdentifier = core.withLock { core in
            defer { core.nextIdentifier += 1 }
            return core.nextIdentifier
        }
        let meta = ScriptMeta.request(request, withHeaders: takesHeaders.load(ordering: .relaxed))
        if let refusal = refusal(of: request, meta: meta) {
            completion(.answered(refusal))
            return frameIdentifier
        }
        let frame: ScriptOutgoingFrame
        do {
            frame = try ScriptOutgoingFrame(
                .request,
                requestIdentifier: frameIdentifier,
                meta: meta,
                payload: request.body
            )
        } catch {
            completion(.unavailable("no memory for the request (errno \(error.errno))"))
            return frameIdentifier
        }
        core.withLock { core in
            core.pending[frameIdentifier] = Pending(frame: frame, label: request.label, completion: completion)
        }
        let deadline = monotonicNow() + request.deadline
        handle(.submit(.init(identifier: frameIdentifier, deadline: deadline, limit: request.deadline)))
        return frameIdentifier
    }

    /// Takes back a request that still waits: it is completed with `cancelled`. One that runs goes on to its end.
    package func cancel(_ identifier: UInt64) {
        handle(.cancel(identifier))
    }

    /// Finishes the requests that were accepted, then ends the process and waits for it. Requests that come meanwhile
    /// are completed with `stopped`. Not from a completion or from `log`.
    ///
    /// - Parameters:
    ///   - drain: time for accepted requests; what is left then is completed with `stopped`.
    ///   - grace: time for the process to end by itself before SIGTERM, and again before SIGKILL.
    package func stop(drain: Duration = .seconds(10), grace: Duration = .seconds(2)) {
        handle(.stop(drain: drain, grace: grace))
        let (thread, wasStarted) = core.withLock { core in
            defer { core.thread = nil }
            return (core.thread, core.wasStarted)
        }
        if let thread { pthread_join(thread, nil) }
        if !wasStarted { scratch.remove() }
        log.flush(upTo: Self.logPatience)
        log.end()
    }

    private func refusal(of request: ScriptRequest, meta: [UInt8]) -> ScriptAnswer? {
        if request.body.count > configuration.payloadLimitBytes {
            let limit = configuration.payloadLimitBytes
            return ScriptAnswer(status: 413, body: [], message: "the body is larger than the limit of \(limit) bytes")
        }
        if meta.count > ScriptProtocol.metaLimitBytes {
            return ScriptAnswer(
                status: 431,
                body: [],
                message: "the query and headers are too large for a scoring script"
            )
        }
        return nil
    }

    // MARK: - Events

    /// Feeds the machine and carries out what it says. Completions run after the lock is released.
    ///
    /// - Parameter answer: what `deliver` delivers.
    /// - Returns: true when a process is to be started, which only the supervisor's own events lead to.
    @discardableResult
    func handle(_ event: ScriptWorkerMachine.Event, answer: ScriptAnswer? = nil) -> Bool {
        let now = monotonicNow()
        var completed: [(completion: Completion, reply: ScriptReply)] = []
        let isToSpawn = core.withLock { core in
            var isToSpawn = false
            var events = [event]
            while !events.isEmpty {
                for action in core.machine.handle(events.removeFirst(), at: now) {
                    switch action {
                    case .spawn:
                        isToSpawn = true
                    case .send(let identifier):
                        if let problem = core.send(identifier) { events.append(.broke(problem)) }
                    case .deliver(let identifier):
                        guard let pending = core.pending.removeValue(forKey: identifier) else { continue }
                        completed.append((pending.completion, answer.map { .answered($0) } ?? .stopped))
                    case .complete(let identifier, let outcome):
                        guard let pending = core.pending.removeValue(forKey: identifier) else { continue }
                        completed.append((pending.completion, ScriptReply(outcome)))
                    case .sendStop:
                        core.sendStop()
                    case .terminate:
                        core.child?.signal(SIGTERM)
                    case .kill:
                        core.child?.signal(SIGKILL)
                    }
                }
            }
            setTimer(&core)
            readiness.store(core.machine.isReady, ordering: .relaxed)
            return isToSpawn
        }
        for (completion, reply) in completed { completion(reply) }
        return isToSpawn
    }

    /// The timer may ring too early, never too late: it is only set anew for something earlier, so that a stream of
    /// requests with like deadlines costs no system calls.
    private func setTimer(_ core: inout Core) {
        // At the end it also wakes the supervisor.
        guard let due = core.machine.state == .dead ? .zero : core.machine.nextTick else { return }
        if let time = core.timerSetTo, time <= due { return }
        core.timerSetTo = due
        let (seconds, attoseconds) = due.components
        script_timer_set(timer, max(0, min(seconds, 1 << 32)) * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

extension ScriptWorker.Core {
    /// Returns what went wrong, or nil.
    fileprivate mutating func send(_ identifier: UInt64) -> String? {
        guard let frame = pending[identifier]?.frame, let socket else {
            return "the request could not be sent to the worker"
        }
        pending[identifier]?.frame = nil
        let errno = frame.send(on: socket)
        return errno == 0 ? nil : "the request could not be sent to the worker (\(String(cString: strerror(errno))))"
    }

    /// A worker that can't take it will get SIGTERM.
    fileprivate func sendStop() {
        guard let socket else { return }
        _ = try? ScriptOutgoingFrame(.stop, requestIdentifier: 0, meta: []).send(on: socket)
    }
}

extension ScriptReply {
    init(_ outcome: ScriptWorkerMachine.Outcome) {
        switch outcome {
        case .overloaded: self = .overloaded
        case .timedOut: self = .timedOut
        case .stopped: self = .stopped
        case .cancelled: self = .cancelled
        case .died(let reason): self = .workerDied(reason)
        case .unavailable(let reason): self = .unavailable(reason)
        }
    }
}

/// CLOCK_MONOTONIC, which the timer runs on.
func monotonicNow() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

/// sem_t, at an address that stays.
final class ScriptSemaphore: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() {
        semaphore.initialize(to: sem_t())
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0, errno == EINTR {}
    }

    /// False when the time has passed.
    func wait(upTo limit: Duration) -> Bool {
        let (seconds, attoseconds) = (monotonicNow() + limit).components
        return script_semaphore_wait(semaphore, seconds * 1_000_000_000 + attoseconds / 1_000_000_000) == 0
    }
}
