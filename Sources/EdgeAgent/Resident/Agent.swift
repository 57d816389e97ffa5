internal import Deployment
internal import Diagnostics
internal import Digest
internal import FileSystem
internal import Glibc
internal import Processes
internal import UnixSockets
internal import WallClock

/// The resident agent: one thread that waits for timers, processes and wishes, and keeps every endpoint served.
package final class Agent {
    package struct Options: Sendable {
        /// Runtimes end with the agent: for trying it out. Else scoring goes on without an agent.
        package var stopsRuntimes = false
        /// Ends once nothing is under way, instead of polling.
        package var once: AgentWish?

        package init() {}
    }

    private let store: AgentStore
    private let box: BoxConfiguration
    private let options: Options
    private let environment: AgentEnvironment
    private let say: (String) -> Void
    private let lock: StoreLock
    private let signals: SignalDescriptor
    private let metadata: HelperLane
    private let reporter: Reporter
    private var hosts: [EndpointHost] = []
    private var door: MessageListener?
    private var guests: [MessageConnection] = []

    private var plan: SyncPlan?
    /// Set while contents come from a stick.
    private var media: String?
    private var nextPoll: Duration = .zero
    /// The repository's server asked not to be polled before then.
    private var quietUntil: Duration = .zero
    private var isSyncing = false
    /// For new labels of the fleet, under way or waiting.
    private var labelLooks = 0
    /// The sync under way is one that nobody asked for.
    private var isRoutine = false
    /// What the plan was made from; nil where that is not known.
    private var basis: AdmissionBasis?
    /// Told when the sync under way has ended.
    private var waitingGuests: [MessageConnection] = []
    private var lastOutcome: HelperOutcome?
    /// Why ``Options/once`` was not even begun.
    private var refusal: AgentRefusal?
    private var nextTrim: Duration = .zero
    /// Whether it was told to stop with ``Options/once`` before that had come to its end.
    package private(set) var wasStopped = false
    /// Why the last sync's problem could not be noted; nil where it could.
    private var noteProblem: String?

    /// "From Download to Observe a box polls every 30 s."
    private static let busyPoll = Duration.seconds(30)
    /// Later than ever.
    private static let never = Duration.seconds(1 << 60)
    /// A look at the repository that takes longer hangs; whoever waits for it waits a little longer.
    private static let metadataLimit = Duration.seconds(600)
    /// Who talks to the agent at once; for one more, the oldest has to go.
    private static let mostGuests = 32
    private static let trimInterval = Duration.seconds(300)

    /// Takes the store for itself. Throws where it isn't one, is a newer one, or another agent has it.
    ///
    /// To be called before any other thread starts: signals are taken in the loop.
    package init(_ layout: StoreLayout, options: Options, say: @escaping (String) -> Void) throws {
        self.options = options
        let log = AgentLog()
        let say = { (line: String) in
            say(line)
            log.note(line, at: HostFacts.bootTime())
        }
        self.say = say
        let store = try AgentStore(layout)
        self.store = store
        box = try store.box()
        guard !box.endpoints.isEmpty else { throw StoreError.noEndpoints }
        lock = try StoreLock(layout)
        for path in [layout.agentSocket] + box.endpoints.keys.flatMap({ name in layout.controls(name) }) {
            guard path.utf8.count <= StoreLayout.longestSocketPath else { throw StoreError.pathTooLong(path) }
        }
        signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP])
        metadata = HelperLane(program: box.programs.sync)
        let boot = try HostFacts.boot()
        environment = AgentEnvironment(
            store: store,
            boot: boot,
            host: HostFacts.fingerprint(python: box.programs.python).digest,
            downloads: HelperLane(program: box.programs.sync),
            contents: HelperLane(program: box.programs.sync),
            launcher: LaunchPort(box.programs, layout),
            say: say
        )
        reporter = Reporter(
            store: store,
            box: box,
            boot: boot,
            lane: HelperLane(program: box.programs.sync),
            log: log,
            clock: environment.clock,
            say: say
        )
        for folder in [layout.endpoints, layout.sockets] { try FileSystem.createDirectories(folder) }
        chmod(layout.sockets, 0o700)
    }

    /// Serves and updates until it is told to stop, or with `once` until nothing is under way.
    package func run() throws {
        do {
            plan = try store.plan()
        } catch {
            // It is made anew by the next sync; until then what runs goes on.
            say("the plan is not used: \(error)")
        }
        environment.requestSync = { [unowned self] host in requestSync(by: host) }
        environment.requestPoll = { [unowned self] in nextPoll = min(nextPoll, environment.now()) }
        environment.media = { [unowned self] in media }
        reporter.world = { [unowned self] in world }
        reporter.labelsChanged = { [unowned self] in labelsChanged() }
        environment.bundlesToKeep = { [unowned self] in Set(hosts.flatMap(\.kept)).sorted { $0.hex < $1.hex } }
        // Before anything that takes time: who comes meanwhile waits.
        if options.once == nil { door = try MessageListener(path: store.layout.agentSocket, mode: 0o600) }
        try startHosts()
        if options.once == nil {
            say("device \(box.device), channel \(box.channel.rawValue), \(box.repository ?? "no repository")")
        }
        if box.repository == nil || options.once != nil { nextPoll = Self.never }
        begin(options.once)
        try loop()
        for host in hosts { host.stop(withRuntimes: options.stopsRuntimes) }
        // Nobody is kept waiting for what is only told; what somebody has asked for by hand is told before its end.
        if options.once == nil || wasStopped {
            reporter.finish(at: environment.now())
        } else {
            reporter.finishAndSend(at: environment.now())
        }
        door?.close(removingFile: true)
    }

    /// An endpoint whose state can't be read holds up no other; the agent ends only where there is none left.
    private func startHosts() throws {
        var problem: (any Error)?
        for (name, settings) in box.endpoints.sorted(by: { $0.key < $1.key }) {
            do {
                hosts.append(
                    try EndpointHost.start(name, settings: settings, box: box, plan: plan, environment: environment)
                )
            } catch {
                say("\(name) is left alone: \((error as? any ExplainedError)?.message ?? "\(error)")")
                problem = error
            }
        }
        if let problem, hosts.isEmpty { throw problem }
        endForgottenRuntimes()
    }

    /// What the configuration no longer names is not to be served any more. Its state and bundles stay.
    private func endForgottenRuntimes() {
        let layout = store.layout
        let names = ((try? FileSystem.names(in: layout.endpoints)) ?? []).compactMap { EndpointName($0) }
        for name in names where box.endpoints[name] == nil {
            for slot in Slot.allCases {
                let path = layout.control(name, slot)
                guard let found = (try? RunningRuntime.find(slot: slot, controlPath: path, at: .zero)) ?? nil,
                    found.phase != .draining
                else { continue }
                say("\(name) is no endpoint of this box any more: the runtime \(found.handle.processID) ends")
                do { try found.drain() } catch { found.kill() }
            }
        }
    }

    private func begin(_ wish: AgentWish?) {
        guard let wish else { return }
        refusal = carryOut(wish, for: nil)
    }

    private func loop() throws {
        while true {
            if try takeSignals() {
                wasStopped = options.once != nil
                return say("stopping; runtimes \(options.stopsRuntimes ? "end too" : "go on")")
            }
            let now = environment.now()
            if now >= max(nextPoll, quietUntil) {
                nextPoll = Self.never
                beginSync(isRoutine: true)
            }
            if now >= nextTrim {
                nextTrim = now + Self.trimInterval
                for host in hosts { host.trimLogs() }
            }
            var isBusy = metadata.advance(at: now)
            for lane in [environment.downloads, environment.contents] { isBusy = lane.advance(at: now) || isBusy }
            for host in hosts { isBusy = host.advance() || isBusy }
            isBusy = reporter.advance(at: now) || isBusy
            if isBusy { continue }
            if options.once != nil, !isSyncing, metadata.isIdle, environment.contents.isIdle,
                environment.downloads.isIdle, hosts.allSatisfy(\.isSettled)
            {
                return
            }
            try wait(at: now)
        }
    }

    /// Gives memory back before a long wait: of the 5 MiB that a poll leaves, more than half is code.
    private func rest(for pause: Duration) {
        guard pause >= Self.longPause, !isSyncing, metadata.isIdle else { return }
        guard environment.downloads.isIdle, environment.contents.isIdle, reporter.isIdle, hosts.allSatisfy(\.isSettled)
        else { return }
        ProcessMemory.releaseCode()
    }

    /// Mapping the code again costs some tenths of a millisecond; the helpers of a poll cost tens. A box that polls and
    /// reports every ten seconds has mostly less than five seconds between the two.
    private static let longPause = Duration.seconds(2)

    private func takeSignals() throws -> Bool {
        var isStopping = false
        while let signal = try signals.next() { isStopping = isStopping || signal != SIGHUP }
        return isStopping
    }

    private func wait(at now: Duration) throws {
        let timers = [max(nextPoll, quietUntil), nextTrim, reporter.wake, metadata.deadline ?? Self.never]
        let wakes = hosts.compactMap { $0.wake(at: now) } + timers
        let pause = min(max(.zero, (wakes.min() ?? now) - now), .seconds(3600))
        rest(for: pause)
        var watched = [signals.descriptor] + metadata.descriptors
        watched += environment.downloads.descriptors + environment.contents.descriptors + reporter.descriptors
        for host in hosts { watched += host.descriptors }
        var entries = watched.map { Poll.Entry($0) }
        let door = entries.count
        if let listener = self.door { entries.append(Poll.Entry(listener.descriptor)) }
        let first = entries.count
        for guest in guests { entries.append(Poll.Entry(guest.descriptor)) }
        // Rounded up, so that what is due is due when it wakes.
        let milliseconds = pause.components.seconds * 1000 + pause.components.attoseconds / 1_000_000_000_000_000 + 1
        _ = try Poll.wait(&entries, milliseconds: Int(milliseconds))
        for (index, guest) in guests.enumerated() where entries[first + index].isReadable { hear(guest) }
        if door < first, entries[door].isReadable, let guest = try? self.door?.accept() {
            if guests.count >= Self.mostGuests { dismiss(guests[0]) }
            guests.append(guest)
        }
    }

    // MARK: - Sync

    private func requestSync(by host: EndpointHost) {
        // A stick has said all it has to say; where the repository is being asked, it comes first.
        if media != nil, !isSyncing, let plan { return host.metadataCame(plan) }
        if box.repository == nil {
            if let plan { host.metadataCame(plan) } else { host.metadataFailed(.network) }
        } else {
            beginSync()
        }
    }

    private func beginSync(isRoutine: Bool = false) {
        scheduleNextPoll()
        guard !isSyncing, box.repository != nil else { return }
        isSyncing = true
        self.isRoutine = isRoutine
        for host in hosts where host.state == .idle { host.post(.poll) }
        let store = ["--store", store.layout.root]
        metadata.add(for: self, ["fetch"] + store, limit: Self.metadataLimit) { [self] outcome, printed in
            if let pause = HelperOutcome.retryAfter(printed) { quietUntil = environment.now() + pause }
            guard outcome == .done else { return endSync(outcome) }
            if HelperOutcome.foundNothingNew(printed), let plan = standingPlan { return endSync(.done, with: plan) }
            basis = nil
            let basis = AdmissionBasis(self.store.layout, progress)
            metadata.add(for: self, ["admit"] + store, limit: Self.metadataLimit) { [self] outcome in
                guard outcome == .done else { return endSync(outcome) }
                media = nil
                self.basis = basis
                self.basis?.complete(self.store.layout)
                endSync(outcome)
            }
        }
    }

    /// The plan, where `admit` would come to the same again and is not due for its own sake.
    private var standingPlan: SyncPlan? {
        guard isRoutine, media == nil, lastOutcome == .done, let plan, let basis else { return nil }
        let evidence = PlanEvidence(plan).age(at: environment.now(), in: environment.boot)
        guard plan.mayStand(verified: evidence), basis.holds(store.layout, progress) else { return nil }
        return plan
    }

    /// What the disk holds of each endpoint's update.
    private var progress: [EndpointName: UpdateProgress] {
        Dictionary(uniqueKeysWithValues: hosts.map { ($0.name, $0.updater.state.progress) })
    }

    private func scheduleNextPoll() {
        guard options.once == nil, box.repository != nil else { return }
        let wished = Duration.seconds(
            box.pollSeconds ?? plan?.pollSeconds ?? BoxConfiguration.defaultPollSeconds
        )
        let interval = hosts.contains(where: \.isUnderWay) ? min(wished, Self.busyPoll) : wished
        // Spread, so that boxes that were switched on together don't come together.
        nextPoll = environment.now() + interval * Double.random(in: 0.9...1.1)
    }

    /// - Parameter standing: the plan that is followed on; nil where it is to be read.
    private func endSync(_ outcome: HelperOutcome, with standing: SyncPlan? = nil) {
        isSyncing = false
        if outcome != lastOutcome, outcome != .done { say("sync: \(outcome.sentence)") }
        if outcome == .done, let last = lastOutcome, last != .done { say("sync: it works again") }
        lastOutcome = outcome
        note(outcome)
        if let standing {
            for host in hosts { host.metadataCame(standing) }
        } else if outcome == .done {
            followPlan()
        } else if media != nil {
            if let plan { for host in hosts { host.metadataCame(plan) } }
        } else if let reason = outcome.waitingReason {
            for host in hosts { host.metadataFailed(reason) }
        }
        let told = waitingGuests
        waitingGuests = []
        for guest in told {
            answer(guest, outcome == .done ? .ok("synced") : .refused(outcome.sentence, outcome.exitCode))
        }
        scheduleNextPoll()
    }

    /// For `status` and `why`. Losing it is no reason to stop.
    private func note(_ outcome: HelperOutcome) {
        let now = environment.clock(floor: plan?.verified.time).time
        let problem = outcome.waitingReason.map { reason in
            SyncProblem(reason: reason, sentence: outcome.sentence, since: now)
        }
        do {
            try SyncProblem.note(problem, in: store.layout)
            noteProblem = nil
        } catch {
            noteProblem = outcome.sentence
            if outcome != lastOutcome { say("the store can't be written: \(error)") }
        }
    }

    private func followPlan() {
        do {
            plan = try store.plan()
        } catch {
            say("the plan can't be read: \(error)")
            for host in hosts { host.metadataFailed(.disk) }
            return
        }
        guard let plan else { return }
        for host in hosts { host.metadataCame(plan) }
    }

    // MARK: - The fleet

    private var world: Reporter.World {
        let problem = SyncProblem.noted(in: store.layout)
        return Reporter.World(
            plan: plan,
            problem: problem,
            endpoints: hosts.sorted { $0.name < $1.name }.map { $0.reported(problem) }
        )
    }

    /// What is wanted of the box may be something else now; nothing is fetched for it.
    private func labelsChanged() {
        // One look may be under way, which may have missed these, and one wait; a fleet that changes its mind all the time
        // keeps nothing else waiting for long.
        guard labelLooks < 2 else { return }
        say("the fleet calls this box by other labels")
        var arguments = ["admit", "--store", store.layout.root]
        if let media { arguments += ["--from", media] } else if box.repository == nil { return }
        labelLooks += 1
        basis = nil
        metadata.add(for: self, arguments, limit: Self.metadataLimit) { [self] outcome in
            labelLooks -= 1
            guard outcome == .done else { return say("the new labels are not followed yet: \(outcome.sentence)") }
            for host in hosts where host.state == .idle { host.post(.poll) }
            followPlan()
        }
    }

    // MARK: - Wishes

    private func hear(_ guest: MessageConnection) {
        guard let message = try? guest.receive(limit: AgentWish.limitBytes, milliseconds: 0) else {
            return dismiss(guest)
        }
        guard let wish = AgentWish(message.bytes) else { return answer(guest, .refused("that is no wish", .usage)) }
        if let refusal = carryOut(wish, for: guest) { answer(guest, .refused(refusal.message, refusal.exitCode)) }
    }

    private func answer(_ guest: MessageConnection, _ answer: AgentAnswer) {
        // Nobody waits for one who does not read what he asked for.
        do throws(SocketError) { try guest.send(answer.bytes, milliseconds: 0) } catch { dismiss(guest) }
    }

    private func dismiss(_ guest: MessageConnection) {
        guests.removeAll { $0 === guest }
        waitingGuests.removeAll { $0 === guest }
    }

    /// Nil where it is being done, or why not.
    private func carryOut(_ wish: AgentWish, for guest: MessageConnection?) -> AgentRefusal? {
        switch wish {
        case .ping:
            guard let guest else { break }
            if let problem = hosts.compactMap(\.storeProblem).first ?? noteProblem {
                answer(guest, .ok(AgentPresence.halted(problem).words))
            } else {
                let isSettled = !isSyncing && hosts.allSatisfy(\.isSettled)
                answer(guest, .ok((isSettled ? AgentPresence.idle : .working).words))
            }
        case .sync:
            guard box.repository != nil else {
                return AgentRefusal(
                    message: "this box has no repository, it takes local media",
                    exitCode: .configuration
                )
            }
            if let guest, !waitingGuests.contains(where: { $0 === guest }) { waitingGuests.append(guest) }
            // Also of one that is under way: who asks by hand wants all of it.
            isRoutine = false
            beginSync()
        case .retry(let name):
            let meant = hosts.filter { name == nil || $0.name == name }
            guard !meant.isEmpty else { return AgentRefusal(StoreError.noEndpoint(name: name?.text ?? "")) }
            noteProblem = nil
            // An endpoint whose state could not be written is asked for nothing else than to go on.
            for host in meant { host.post(host.updater.machine.isHalted ? .waitEnded : .retry) }
            if let guest { answer(guest, .ok("retrying")) }
        case .rollback(let name, let who):
            guard let host = hosts.first(where: { $0.name == name }) else {
                return AgentRefusal(StoreError.noEndpoint(name: name.text))
            }
            guard host.canRollBack else {
                return AgentRefusal(
                    message: "\(name) has nothing to go back to, or is in the middle of an update",
                    exitCode: .tryAgain
                )
            }
            host.post(.rollBackRequested(by: who))
            if let guest { answer(guest, .ok("rolling back")) }
        case .install(let path): install(path, for: guest)
        case .report:
            reporter.hurry()
            if let guest { answer(guest, .ok("reporting")) }
        }
        return nil
    }

    private func install(_ path: String, for guest: MessageConnection?) {
        let arguments = ["admit", "--store", store.layout.root, "--from", path]
        basis = nil
        metadata.add(for: self, arguments, limit: Self.metadataLimit) { [self] outcome in
            lastOutcome = outcome
            guard outcome == .done else {
                say("install: \(outcome.sentence)")
                if let guest { answer(guest, .refused(outcome.sentence, outcome.exitCode)) }
                return
            }
            media = path
            // Those that are at rest take it up as they take up what a poll brought; those that lacked what it
            // brings need not wait for their pause to end.
            for host in hosts { host.post(host.state == .idle ? .poll : .waitEnded) }
            followPlan()
            if let guest { answer(guest, .ok("admitted")) }
        }
    }

    /// Why the wish of ``Options/once`` was not carried out; nil where it was.
    package var problem: AgentRefusal? {
        if let refusal { return refusal }
        guard let lastOutcome, lastOutcome != .done else { return nil }
        return AgentRefusal(message: lastOutcome.sentence, exitCode: lastOutcome.exitCode)
    }
}
