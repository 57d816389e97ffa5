internal import Deployment
internal import Diagnostics
internal import Digest
internal import FileSystem
internal import Glibc
internal import RuntimeLaunch
internal import UnixSockets
internal import WallClock

/// One endpoint of the box while the agent runs: carries out what its update machine says, and keeps it served.
///
/// Belongs to one thread, the agent's.
final class EndpointHost {
    let name: EndpointName
    let box: BoxConfiguration
    let environment: AgentEnvironment
    private let settings: BoxConfiguration.Endpoint

    private(set) var updater: EndpointUpdater
    /// What metadata says of this endpoint; nil before any was admitted.
    private(set) var plan: EndpointPlan?
    private(set) var evidence: PlanEvidence?

    /// Events that have happened and were not delivered yet.
    private var events: [(event: UpdateEvent, words: String?)] = []
    private var lastEvent: Duration
    private var timer: (at: Duration, event: UpdateEvent)?

    // What runs.
    var runtimes: [RunningRuntime] = []
    /// The public socket. The queue of connections behind it outlives every runtime.
    private(set) var listener: Descriptor?
    /// What is to be served; nil for nothing.
    var wanted: SHA256Digest?
    private var restarts = RestartPolicy()
    private var restartAt: Duration = .zero

    // What is under way.
    var switching: Switching?
    var probe: Probe?
    var observation: ObservationRun?

    var isStopped = false

    private init(
        _ name: EndpointName,
        settings: BoxConfiguration.Endpoint,
        box: BoxConfiguration,
        updater: EndpointUpdater,
        environment: AgentEnvironment
    ) {
        self.name = name
        self.settings = settings
        self.box = box
        self.updater = updater
        self.environment = environment
        lastEvent = environment.now()
    }

    /// Takes up an endpoint where the last agent left it: what runs is adopted, what does not run and should is started.
    static func start(
        _ name: EndpointName,
        settings: BoxConfiguration.Endpoint,
        box: BoxConfiguration,
        plan: SyncPlan?,
        environment: AgentEnvironment
    ) throws -> EndpointHost {
        let stored = try environment.store.state(of: name)
        let (updater, actions) = EndpointUpdater.start(
            stored,
            on: environment.host,
            boot: environment.boot,
            at: environment.clock(floor: stored.clockFloor),
            save: environment.store.save
        )
        let host = EndpointHost(name, settings: settings, box: box, updater: updater, environment: environment)
        host.plan = plan?.endpoints[name]
        host.evidence = plan.map { PlanEvidence($0) }
        host.adopt()
        host.armTimer()
        for action in actions { host.perform(action) }
        return host
    }

    var state: UpdateState { updater.machine.state }

    /// Whether nothing goes on that would end by itself soon.
    var isSettled: Bool {
        let machine = updater.machine
        return events.isEmpty && switching == nil && probe == nil
            && (machine.state == .idle || machine.progress.waiting != nil && observation?.isOverdue != false)
    }

    /// Whether the box polls often: "from Download to Observe a box polls every 30 s".
    var isUnderWay: Bool {
        switch state {
        case .idle, .sync, .cleanup, .failure: false
        default: true
        }
    }

    /// Why updates stand still: the store can't be written. Nil while it can.
    var storeProblem: String? {
        updater.machine.isHalted ? updater.storeProblem.map { "\($0)" } ?? "the store can't be written" : nil
    }

    func say(_ text: String) { environment.log("\(name): \(text)") }

    // MARK: - Events

    /// `words` tell people what is waited for, or what went wrong with a try.
    func post(_ event: UpdateEvent, because words: String? = nil) { events.append((event, words)) }

    /// Everything that is due now. Call it until it returns false: what happened may have made more to do.
    func advance() -> Bool {
        let now = environment.now()
        reap(at: now)
        advanceProbe(at: now)
        advanceObservation(at: now)
        var hasWorked = false
        while !events.isEmpty {
            hasWorked = true
            let next = events.removeFirst()
            deliver(next.event, because: next.words)
        }
        // Behind the results: one that has come in has armed another timer.
        if let timer, now >= timer.at {
            self.timer = nil
            hasWorked = true
            deliver(timer.event)
        }
        keepServing(at: now)
        advanceSwitch(at: now)
        return hasWorked || !events.isEmpty
    }

    private func deliver(_ event: UpdateEvent, because words: String? = nil) {
        let now = environment.now()
        let before = (state, updater.machine.progress.waiting)
        do throws(UpdateRefusal) {
            let actions = try updater.deliver(
                event,
                because: words,
                after: now - lastEvent,
                at: environment.clock(floor: updater.state.clockFloor),
                save: environment.store.save
            )
            lastEvent = now
            armTimer()
            tell(from: before)
            for action in actions { perform(action) }
        } catch {
            // A result that came after the update had gone on without it. Whoever asked for more is told.
            if case .rollBackRequested = event { say("it can't go back now: \(error.message)") }
            if timer == nil { armTimer() }
        }
    }

    private func tell(from before: (UpdateState, UpdateWait?)) {
        if let problem = updater.storeProblem { say("the store can't be written: \(problem)") }
        let machine = updater.machine
        guard machine.state != before.0 || machine.progress.waiting != before.1 else { return }
        if machine.state == .sync || before.0 == .sync && machine.state == .idle { return }
        var words = machine.state.rawValue
        if let waiting = machine.progress.waiting { words += ", waiting for \(waiting.reason.rawValue)" }
        if !machine.note.detail.isEmpty { words += ": \(machine.note.detail)" }
        say(words)
        if machine.state == .idle, let ending = machine.progress.last?.ending {
            say("\(ending.result.sentence)\(ending.detail.isEmpty ? "" : ": \(ending.detail)")")
        }
    }

    private func armTimer() {
        guard let next = updater.machine.timer else {
            timer = nil
            return
        }
        var after = next.after
        // Boxes that failed together need not come again together.
        if next.event == .waitEnded { after = after * Double.random(in: 0.9...1.1) }
        timer = (environment.now() + after, next.event)
    }

    /// When it next has something to do by itself; nil where only others can give it work.
    func wake(at now: Duration) -> Duration? {
        var times = [timer?.at, observation?.nextLook].compactMap { $0 }
        // Ends of processes, and what they print, wake by themselves.
        if switching != nil { times.append(now + .milliseconds(20)) }
        if let probe { times.append(probe.deadline(startLimit: box.startLimitSeconds) + .milliseconds(1)) }
        for runtime in runtimes where runtime.phase == .draining {
            times.append(max(runtime.since + Self.drainLimit, now) + .milliseconds(100))
        }
        if isLackingRuntime { times.append(max(restartAt, now + .milliseconds(20))) }
        return times.min()
    }

    var descriptors: [Int32] { runtimes.map(\.handle.descriptor) + (probe?.descriptors ?? []) }

    // MARK: - Metadata and wishes

    func metadataCame(_ plan: SyncPlan) {
        let before = self.plan?.sentence
        self.plan = plan.endpoints[name]
        evidence = PlanEvidence(plan)
        if let sentence = self.plan?.sentence, sentence != before { environment.log(sentence) }
        guard let mine = self.plan else {
            if state == .sync { post(.synced(.nothing(.noDeployment))) }
            return
        }
        stopRevoked()
        switch state {
        case .sync: post(.synced(Self.result(of: mine)))
        case .idle, .commit, .rollback, .failure, .cleanup: break
        case .preflight, .download, .verify, .stage, .probe, .activate, .observe: reconsider(mine)
        }
    }

    func metadataFailed(_ reason: WaitingReason) {
        if state == .sync { post(.synced(.nothing(.waitingFor(reason)))) }
    }

    private static func result(of plan: EndpointPlan) -> SyncResult {
        if let result = plan.result { return .nothing(result) }
        switch plan.wanted {
        case .bundle(let candidate): return .candidate(candidate)
        case .installed(let candidate): return .alreadyInstalled(candidate)
        case .removal, .nothing: return .nothing(.noDeployment)
        }
    }

    /// What newer metadata means for an attempt that is under way.
    private func reconsider(_ plan: EndpointPlan) {
        guard let candidate = updater.machine.attempt?.candidate else { return }
        if let withdrawal = plan.withdrawal { return post(.withdrawn(withdrawal)) }
        switch plan.wanted {
        case .bundle(let other) where other.bundle == candidate.bundle && other.serial == candidate.serial:
            // Perhaps what it waits for has come.
            if state == .probe, updater.machine.isAsking, updater.machine.progress.waiting?.isBackOff == false {
                post(.waitEnded)
            }
        case .bundle(let other):
            if updater.machine.isSupersedable { post(.superseded(bySerial: other.serial)) }
        case .installed(let installed):
            if updater.machine.isSupersedable, installed.bundle != candidate.bundle {
                post(.superseded(bySerial: installed.serial))
            }
        case .removal, .nothing:
            if updater.machine.isSupersedable { post(.withdrawn(.notSelected)) }
        }
    }

    /// Nothing of a bundle that must not run goes on running.
    ///
    /// The plan was made a moment ago and speaks of what ran then: what has taken its place meanwhile is left alone.
    func stopRevoked() {
        guard let plan, plan.stopsRunning else { return }
        let isMeant = { (bundle: SHA256Digest) in plan.revoked.contains(bundle) }
        if let wanted, isMeant(wanted) { self.wanted = nil }
        if switching?.purpose == .serving, let bundle = switching?.bundle, isMeant(bundle) { switching = nil }
        for runtime in runtimes where isMeant(runtime.bundle) && runtime.phase != .draining {
            say("\(runtime.bundle.hex.prefix(12)) is revoked and stops")
            if runtime.phase == .serving { drain(runtime) } else { end(runtime) }
        }
    }

    /// Where the candidate ran that failed last; nil where its check did.
    var failedSlot: Slot?

    // MARK: - Serving

    var serving: RunningRuntime? { runtimes.first { $0.phase == .serving && $0.bundle == wanted } }

    private var isLackingRuntime: Bool { wanted != nil && serving == nil && switching == nil }

    /// Looks for what the last agent left running.
    private func adopt() {
        let now = environment.now()
        for slot in Slot.allCases {
            let path = environment.layout.control(name, slot)
            do {
                if let found = try RunningRuntime.find(slot: slot, controlPath: path, at: now) {
                    runtimes.append(found)
                    say("adopted the runtime \(found.handle.processID) (\(found.phase.rawValue))")
                    continue
                }
            } catch {
                say("the runtime at \(path) does not answer: \(error)")
            }
            // It may hold the endpoint's address without serving it.
            if let record = updater.state.runtimes.first(where: { $0.slot == slot }), record.boot == environment.boot,
                let start = UInt64(exactly: record.startTime),
                let handle = try? ProcessHandle.open(
                    ProcessIdentity(processID: record.processID, startTicks: start)
                )
            {
                say("the runtime \(record.processID) can't be talked to and is ended")
                let lost = RunningRuntime(handle, slot: slot, bundle: record.bundle, controlPath: path, at: now)
                runtimes.append(lost)
                end(lost)
            }
        }
        inheritListener()
        noteRuntimes()
    }

    /// The socket comes back from whoever has it: one that drains still does.
    private func inheritListener() {
        for phase in [RunningRuntime.Phase.serving, .draining] where listener == nil {
            for runtime in runtimes where runtime.phase == phase && listener == nil {
                do {
                    let socket = try runtime.socket()
                    guard let elsewhere = ListenAddress(settings.listen).flatMap({ place(of: socket, unless: $0) })
                    else {
                        listener = socket
                        continue
                    }
                    guard phase == .serving else { continue }
                    say("it is to listen on \(settings.listen), and no longer on \(elsewhere)")
                    drain(runtime)
                } catch {
                    guard phase == .serving else { continue }
                    say("the listening socket did not come back from \(runtime.handle.processID): \(error)")
                }
            }
        }
    }

    /// Where a socket listens, if that is surely another place than is configured.
    private func place(of socket: Descriptor, unless wanted: ListenAddress) -> ListenAddress? {
        guard let actual = try? ListeningSocket(.inherited(descriptor: socket.number)).address else { return nil }
        return actual.isElsewhere(than: wanted) ? actual : nil
    }

    /// The public socket, made where there is none yet.
    func listen() throws -> Int32 {
        if listener == nil { inheritListener() }
        if let listener { return listener.number }
        guard let address = ListenAddress(settings.listen) else {
            throw StoreError.damaged(file: environment.layout.box, problem: "\(settings.listen) is no address")
        }
        let socket = try ListeningSocket(address)
        say("listening on \(socket.address)")
        let descriptor = Descriptor(adopting: socket.descriptor)
        listener = descriptor
        return descriptor.number
    }

    func closeListener() { listener = nil }

    /// Runtimes that have ended.
    private func reap(at now: Duration) {
        let ended = runtimes.filter(\.hasEnded)
        guard !ended.isEmpty else { return }
        runtimes.removeAll { runtime in ended.contains { $0 === runtime } }
        for runtime in ended {
            unlink(environment.layout.control(name, runtime.slot))
            // Where the agent is the box's first process, what it did not start itself is left to it as well.
            waitpid(runtime.handle.processID, nil, WNOHANG)
            switch runtime.phase {
            case .draining: break
            case .loading, .standby:
                if switching?.purpose == .serving { observation?.crashed(runtime.bundle) }
                switchingEnded(runtime)
            case .serving:
                let pause = restarts.ended(afterServing: now - runtime.since)
                restartAt = now + pause
                failedSlot = runtime.slot
                let words = lastWords(of: runtime)
                let end = words.isEmpty ? "" : "; the end of its log" + words
                say("the runtime \(runtime.handle.processID) ended by itself" + end)
                observation?.crashed(runtime.bundle)
            }
        }
        noteRuntimes()
    }

    /// Brings what runs in line with what is to be served, where no update is at it.
    private func keepServing(at now: Duration) {
        for runtime in runtimes where runtime.phase == .draining && now - runtime.since > Self.drainLimit {
            say("the runtime \(runtime.handle.processID) did not end and is killed")
            end(runtime)
        }
        guard switching == nil, !isStopped else { return }
        if let serving {
            for other in runtimes where other.phase == .serving && other !== serving { drain(other) }
        } else if let wanted, now >= restartAt {
            switching = Switching(to: wanted, for: .serving, at: now)
        } else if wanted == nil, runtimes.isEmpty, listener != nil {
            // Refused at once is better than a queue that nobody serves.
            closeListener()
        }
    }

    /// The runtime's own limit and a little.
    private static let drainLimit = Duration.seconds(20)

    /// Ends a runtime that answers nobody.
    func end(_ runtime: RunningRuntime) {
        runtime.kill()
        runtime.enter(.draining, at: environment.now())
    }

    func drain(_ runtime: RunningRuntime) {
        do {
            try runtime.drain()
        } catch {
            say("the runtime \(runtime.handle.processID) can't be told to finish: \(error)")
            runtime.kill()
        }
        runtime.enter(.draining, at: environment.now())
    }

    /// An update's switch has come to its end, well or not.
    func served(_ bundle: SHA256Digest?) { wanted = bundle }

    func delayRestart(at now: Duration) { restartAt = now + restarts.ended(afterServing: .zero) + .seconds(1) }

    /// Stored so that the next agent can find what it can't talk to. Losing it is no reason to stop.
    func noteRuntimes() {
        let records = runtimes.filter { !$0.hasEnded }.map { runtime in
            RuntimeRecord(
                processID: runtime.handle.processID,
                startTime: Int(clamping: runtime.handle.identity.startTicks),
                boot: environment.boot,
                slot: runtime.slot,
                bundle: runtime.bundle
            )
        }
        guard Set(records) != Set(updater.state.runtimes) else { return }
        do {
            try updater.change({ $0.runtimes = records }, save: environment.store.save)
        } catch {
            say("the store can't be written: \(error)")
        }
    }

    /// The agent ends; runtimes go on, or end with it where that was asked for.
    func stop(withRuntimes: Bool) {
        isStopped = true
        switching = nil
        cancel()
        do { try updater.stop(save: environment.store.save) } catch { say("the store can't be written: \(error)") }
        if withRuntimes { for runtime in runtimes where runtime.phase != .draining { drain(runtime) } }
    }
}

extension EndpointHost {
    var canRollBack: Bool {
        let generations = updater.machine.progress.generations
        guard state == .idle else { return state == .observe }
        guard generations.current != nil, let previous = generations.previous else { return false }
        return plan?.revoked.contains(previous.bundle) != true
    }

    /// What there is to tell the fleet.
    func reported(_ problem: SyncProblem?) -> Reporter.World.Endpoint {
        Reporter.World.Endpoint(
            name: name,
            listen: settings.listen,
            standing: EndpointStanding(
                state: updater.state,
                plan: plan,
                problem: problem,
                isHalted: storeProblem != nil
            ),
            runtimes: runtimes.filter { !$0.hasEnded }.map { runtime in
                Reporter.World.Runtime(
                    identity: runtime.handle.identity,
                    slot: runtime.slot,
                    isServing: runtime === serving,
                    loaded: runtime.loaded,
                    containment: runtime.containment?.rawValue,
                    controlPath: runtime.controlPath
                )
            },
            failureLog: failedSlot.map { environment.layout.log(name, $0) }
        )
    }

    /// Logs of runtimes that run for months.
    func trimLogs() {
        for slot in Slot.allCases { LogFile.trim(environment.layout.log(name, slot)) }
        LogFile.trim(environment.layout.checkLog(name))
    }
}
