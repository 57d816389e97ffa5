/// When a worker that ended is started again.
package struct ScriptRestartPolicy: Sendable, Equatable {
    /// The pause after a first crash; each further crash within the window doubles it.
    package var firstPause: Duration = .milliseconds(100)
    package var longestPause: Duration = .seconds(30)
    /// This many crashes within the window open the breaker: the worker is `broken`.
    package var crashLimit = 5
    package var window: Duration = .seconds(60)
    /// The pause between single attempts while broken.
    package var brokenPause: Duration = .seconds(60)

    package init() {}

    func pause(afterCrashes count: Int) -> Duration {
        var pause = firstPause
        for _ in 1..<max(count, 1) where pause < longestPause { pause *= 2 }
        return min(pause, longestPause)
    }
}

/// What supervises one worker, as a value: events go in, actions come out, no I/O and no clock inside.
///
/// One request is with the worker at a time, as scoring scripts are not made for threads; others wait in a bounded
/// queue. A request's deadline holds from its submission, wherever it is: then its caller is answered. The worker is
/// killed only when run() itself has had as long as that, since a request that waited is not the script's fault, and an
/// overload that kills workers would answer nobody. What can't be answered in time is refused when it comes, or dropped
/// before it runs. A request is never tried twice: what killed one worker might kill the next.
struct ScriptWorkerMachine: Equatable {
    enum State: String, CaseIterable {
        /// Not started yet.
        case idle
        /// The process runs; the script is being loaded or is in init().
        case starting
        case ready
        /// A request is in run().
        case busy
        /// Killed, not gone yet; will be started again.
        case killing
        /// Gone after a crash, or not to be had; will be started again after a pause.
        case waiting
        /// Crashed too often; one attempt after each longer pause.
        case broken
        /// Asked to stop; finishing the requests that were accepted.
        case draining
        /// No more requests; the process is on its way out.
        case stopping
        /// Gone for good.
        case dead
    }

    struct Job: Equatable {
        let identifier: UInt64
        /// When its caller is answered at the latest.
        let deadline: Duration
        /// How long run() may take; nil for the time that is left to the deadline when it is sent.
        var limit: Duration?
    }

    /// The request that is with the worker.
    struct Running: Equatable {
        let job: Job
        let sentAt: Duration
        /// Its caller was told that time is up; run() goes on until it returns or has had its limit.
        var isAnswered = false

        var killAt: Duration { max(job.deadline, sentAt + (job.limit ?? job.deadline - sentAt)) }
        /// When something is to be done about it.
        var nextTick: Duration { isAnswered ? killAt : job.deadline }
    }

    enum Event: Equatable {
        case start
        /// init() has returned.
        case ready
        /// The script could not be loaded, or init() raised.
        case failedToStart
        case submit(Job)
        /// The caller is gone.
        case cancel(UInt64)
        case replied(UInt64)
        /// The worker broke the protocol or can't be written to.
        case broke(String)
        /// No process could be started, for want of descriptors, memory or the like: the script is not at fault.
        case notSpawned(String)
        /// The process is gone; how it ended, in words.
        case exited(String)
        /// Time has passed.
        case tick
        /// Finish what was accepted within `drain`, then ask the worker to end; SIGTERM after `grace`, SIGKILL after
        /// another.
        case stop(drain: Duration, grace: Duration)
    }

    /// What became of a request that got no reply.
    enum Outcome: Equatable {
        case overloaded, timedOut, cancelled, stopped
        case died(String)
        case unavailable(String)
    }

    enum Action: Equatable {
        /// Start a process.
        case spawn
        /// Send this request to the worker.
        case send(UInt64)
        /// Hand the reply that just came to its caller.
        case deliver(UInt64)
        case complete(UInt64, Outcome)
        /// Ask the worker to end in order.
        case sendStop
        case terminate
        case kill
    }

    let policy: ScriptRestartPolicy
    let queueLimit: Int
    let startLimit: Duration

    private(set) var state = State.idle
    private(set) var queue: [Job] = []
    private(set) var running: Running?
    /// The request that is with the worker and not answered.
    var inFlight: Job? { running.flatMap { $0.isAnswered ? nil : $0.job } }
    /// What run() takes when it returns, as a moving mean; nil before the first answer.
    private(set) var meanRun: Duration?
    /// How often a start was tried after the first.
    private(set) var restarts = 0
    /// True once init() has returned in any process: before that, a failure is final.
    private(set) var wasEverReady = false

    private var crashes: [Duration] = []
    /// Starts in a row for which there was not even a process.
    private var failedSpawns = 0
    private var isOnProbation = false
    private var readySince: Duration?
    private var killsForDeadline = false
    /// End of init(), of a pause or of draining, depending on the state.
    private var phaseEnd: Duration?
    private var terminateAt: Duration?
    private var killAt: Duration?
    private var grace: Duration = .zero

    init(policy: ScriptRestartPolicy, queueLimit: Int, startLimit: Duration) {
        self.policy = policy
        self.queueLimit = queueLimit
        self.startLimit = startLimit
    }

    /// True when a request would be accepted and there is a worker to run it.
    var isReady: Bool { state == .ready || state == .busy && queue.count < queueLimit }

    /// When `tick` is due next.
    var nextTick: Duration? {
        ([phaseEnd, terminateAt, killAt, running?.nextTick] + queue.map(\.deadline)).compactMap(\.self).min()
    }

    mutating func handle(_ event: Event, at now: Duration) -> [Action] {
        switch event {
        case .start: start(now)
        case .ready: becomeReady(now)
        case .failedToStart: state == .starting ? killCrashed() : unexpected()
        case .submit(let job): submit(job, now)
        case .cancel(let identifier): cancel(identifier)
        case .replied(let identifier): replied(identifier, now)
        case .broke(let reason): broke(reason)
        case .notSpawned: notSpawned(now)
        case .exited(let reason): exited(reason, now)
        case .tick: tick(now)
        case .stop(let drain, let grace): stop(drain, grace, now)
        }
    }
}

// MARK: - Starting and requests

extension ScriptWorkerMachine {
    private mutating func start(_ now: Duration) -> [Action] {
        guard state == .idle else { return [] }
        return spawn(now)
    }

    private mutating func spawn(_ now: Duration) -> [Action] {
        state = .starting
        phaseEnd = now + startLimit
        return [.spawn]
    }

    private mutating func becomeReady(_ now: Duration) -> [Action] {
        guard state == .starting else { return unexpected() }
        wasEverReady = true
        failedSpawns = 0
        readySince = now
        phaseEnd = nil
        return sendNext(now)
    }

    private mutating func submit(_ job: Job, _ now: Duration) -> [Action] {
        switch state {
        case .ready:
            running = Running(job: job, sentAt: now)
            state = .busy
            return [.send(job.identifier)]
        case .idle, .starting, .busy, .killing, .waiting:
            guard queue.count < queueLimit, canBeAnswered(job, now) else {
                return [.complete(job.identifier, .overloaded)]
            }
            queue.append(job)
            return []
        case .broken:
            return [.complete(job.identifier, .unavailable("the scoring script's worker has crashed repeatedly"))]
        case .draining, .stopping, .dead:
            return [.complete(job.identifier, .stopped)]
        }
    }

    /// Whether the requests before it leave time for this one: refusing at once beats waiting for nothing.
    private func canBeAnswered(_ job: Job, _ now: Duration) -> Bool {
        guard let meanRun else { return true }
        // Those that wait, the one that runs, and this one.
        return now + meanRun * (queue.count + 2) <= job.deadline
    }

    private mutating func countRun(_ duration: Duration) {
        meanRun = meanRun.map { ($0 * 3 + duration) / 4 } ?? duration
    }

    /// Only what still waits can be taken back; run() goes on to its end, as nothing but a kill would stop it.
    private mutating func cancel(_ identifier: UInt64) -> [Action] {
        guard let index = queue.firstIndex(where: { $0.identifier == identifier }) else { return [] }
        queue.remove(at: index)
        return [.complete(identifier, .cancelled)]
    }

    private mutating func replied(_ identifier: UInt64, _ now: Duration) -> [Action] {
        guard state == .busy || state == .draining, let ended = running, ended.job.identifier == identifier else {
            return unexpected()
        }
        running = nil
        countRun(now - ended.sentAt)
        return (ended.isAnswered ? [] : [.deliver(identifier)]) + sendNext(now)
    }

    /// On to the next request if there is one; else `ready`, or to the end when draining.
    private mutating func sendNext(_ now: Duration) -> [Action] {
        var actions: [Action] = []
        while !queue.isEmpty {
            let job = queue.removeFirst()
            // What would be answered too late is not begun.
            guard now + (meanRun ?? .zero) < job.deadline else {
                actions.append(.complete(job.identifier, .timedOut))
                continue
            }
            running = Running(job: job, sentAt: now)
            if state != .draining { state = .busy }
            return actions + [.send(job.identifier)]
        }
        if state == .draining { return actions + askToEnd(now) }
        state = .ready
        return actions
    }

    /// An event that the state does not allow comes from a worker that is confused, unless it is being ended anyway.
    private mutating func unexpected() -> [Action] { broke("the scoring script's worker answered out of turn") }
}

// MARK: - Ending

extension ScriptWorkerMachine {
    private mutating func killCrashed() -> [Action] {
        state = .killing
        killsForDeadline = false
        phaseEnd = nil
        return [.kill]
    }

    private mutating func broke(_ reason: String) -> [Action] {
        switch state {
        case .starting, .ready, .busy:
            return failInFlight(reason) + killCrashed()
        case .draining:
            state = .stopping
            phaseEnd = nil
            return failInFlight(reason) + failQueue(.stopped) + [.kill]
        case .idle, .killing, .waiting, .broken, .stopping, .dead:
            return []
        }
    }

    private mutating func failInFlight(_ reason: String) -> [Action] {
        defer { running = nil }
        return inFlight.map { [.complete($0.identifier, .died(reason))] } ?? []
    }

    private mutating func failQueue(_ outcome: Outcome) -> [Action] {
        defer { queue = [] }
        return queue.map { .complete($0.identifier, outcome) }
    }

    private mutating func exited(_ reason: String, _ now: Duration) -> [Action] {
        switch state {
        case .idle, .waiting, .broken, .dead:
            return []
        case .killing where killsForDeadline:
            // The request was at fault, or was given too little time; the worker itself had been well.
            restarts += 1
            readySince = nil
            return spawn(now)
        case .starting, .ready, .busy, .killing:
            return failInFlight(reason) + crashed(reason, now)
        case .draining, .stopping:
            return failInFlight(reason) + end()
        }
    }

    /// The breaker is for scripts that crash: this is tried again for as long as it takes.
    private mutating func notSpawned(_ now: Duration) -> [Action] {
        switch state {
        case .starting where wasEverReady:
            failedSpawns += 1
            state = .waiting
            phaseEnd = now + policy.pause(afterCrashes: failedSpawns)
            return []
        case .starting, .draining, .stopping:
            return end()
        case .idle, .ready, .busy, .killing, .waiting, .broken, .dead:
            return []
        }
    }

    private mutating func end() -> [Action] {
        state = .dead
        (phaseEnd, terminateAt, killAt) = (nil, nil, nil)
        return failQueue(.stopped)
    }

    private mutating func crashed(_ reason: String, _ now: Duration) -> [Action] {
        guard wasEverReady else { return end() }
        if let readySince, now - readySince >= policy.window { isOnProbation = false }
        readySince = nil
        crashes = crashes.filter { now - $0 < policy.window } + [now]
        if isOnProbation || crashes.count >= policy.crashLimit {
            state = .broken
            isOnProbation = true
            phaseEnd = now + policy.brokenPause
            return failQueue(.unavailable(reason))
        }
        state = .waiting
        phaseEnd = now + policy.pause(afterCrashes: crashes.count)
        return []
    }

    private mutating func stop(_ drain: Duration, _ grace: Duration, _ now: Duration) -> [Action] {
        self.grace = grace
        switch state {
        case .idle, .waiting, .broken:
            return end()
        case .starting:
            return failQueue(.stopped) + terminate(now)
        case .ready:
            return askToEnd(now)
        case .busy:
            state = .draining
            phaseEnd = now + drain
            return []
        case .killing:
            state = .stopping
            return failQueue(.stopped)
        case .draining, .stopping, .dead:
            return []
        }
    }

    private mutating func askToEnd(_ now: Duration) -> [Action] {
        state = .stopping
        phaseEnd = nil
        terminateAt = now + grace
        killAt = now + grace * 2
        return [.sendStop]
    }

    private mutating func terminate(_ now: Duration) -> [Action] {
        state = .stopping
        phaseEnd = nil
        terminateAt = nil
        killAt = now + grace
        return [.terminate]
    }
}

// MARK: - Time

extension ScriptWorkerMachine {
    private mutating func tick(_ now: Duration) -> [Action] {
        let expired = queue.filter { $0.deadline <= now }
        queue.removeAll { $0.deadline <= now }
        var actions = expired.map { Action.complete($0.identifier, .timedOut) }
        if let job = inFlight, job.deadline <= now {
            running?.isAnswered = true
            actions.append(.complete(job.identifier, .timedOut))
        }
        if let late = running, late.isAnswered, late.killAt <= now {
            running = nil
            actions += killForDeadline()
        }
        if let end = phaseEnd, end <= now {
            phaseEnd = nil
            actions += endPhase(now)
        }
        if let time = terminateAt, time <= now {
            terminateAt = nil
            actions.append(.terminate)
        }
        if let time = killAt, time <= now {
            killAt = nil
            actions.append(.kill)
        }
        return actions
    }

    /// Nothing else stops a run() that is in C code.
    private mutating func killForDeadline() -> [Action] {
        if state == .draining {
            state = .stopping
            phaseEnd = nil
            return failQueue(.stopped) + [.kill]
        }
        state = .killing
        killsForDeadline = true
        return [.kill]
    }

    private mutating func endPhase(_ now: Duration) -> [Action] {
        switch state {
        case .starting:
            return killCrashed()
        case .waiting, .broken:
            restarts += 1
            return spawn(now)
        case .draining:
            let failed = inFlight.map { Action.complete($0.identifier, .stopped) }
            running = nil
            return (failed.map { [$0] } ?? []) + failQueue(.stopped) + terminate(now)
        case .idle, .ready, .busy, .killing, .stopping, .dead:
            return []
        }
    }
}
