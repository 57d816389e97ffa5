internal import Deployment
internal import Diagnostics
internal import Digest
internal import FileSystem
internal import Glibc
internal import UnixSockets

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
    private var hosts: [EndpointHost] = []
    private var door: MessageListener?
    private var guests: [MessageConnection] = []

    private var plan: SyncPlan?
    /// Set while contents come from a stick.
    private var media: String?
    private var nextPoll: Duration = .zero
    private var isSyncing = false
    /// Told when the sync under way has ended.
    private var waitingGuests: [MessageConnection] = []
    private var lastOutcome: HelperOutcome?

    /// "From Download to Observe a box polls every 30 s."
    private static let busyPoll = Duration.seconds(30)

    /// Takes the store for itself. Throws where it isn't one, is a newer one, or another agent has it.
    ///
    /// To be called before any other thread starts: signals are taken in the loop.
    package init(_ layout: StoreLayout, options: Options, say: @escaping (String) -> Void) throws {
        self.options = options
        self.say = say
        store = try AgentStore(layout)
        box = try store.box()
        lock = try StoreLock(layout)
        signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP])
        metadata = HelperLane(program: box.programs.sync)
        environment = AgentEnvironment(
            store: store,
            boot: try HostFacts.boot(),
            host: HostFacts.fingerprint(python: box.programs.python).digest,
            contents: HelperLane(program: box.programs.sync),
            launcher: LaunchPort(box.programs, layout),
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
        environment.bundlesToKeep = { [unowned self] in Set(hosts.flatMap(\.kept)).sorted { $0.hex < $1.hex } }
        for (name, settings) in box.endpoints.sorted(by: { $0.key < $1.key }) {
            hosts.append(
                try EndpointHost.start(name, settings: settings, box: box, plan: plan, environment: environment)
            )
        }
        if options.once == nil {
            door = try MessageListener(path: store.layout.agentSocket, mode: 0o600)
            say("device \(box.device), channel \(box.channel.rawValue), \(box.repository ?? "no repository")")
        }
        if box.repository == nil || options.once != nil { nextPoll = .seconds(Int64.max / 4) }
        begin(options.once)
        try loop()
        for host in hosts { host.stop(withRuntimes: options.stopsRuntimes) }
        door?.close(removingFile: true)
    }

    private func begin(_ wish: AgentWish?) {
        guard let wish else { return }
        if let refusal = carryOut(wish, for: nil) { lastOutcome = .refused(refusal) }
    }

    private func loop() throws {
        while true {
            if try takeSignals() { return say("stopping; runtimes \(options.stopsRuntimes ? "end too" : "go on")") }
            let now = environment.now()
            if now >= nextPoll { beginSync() }
            var isBusy = metadata.advance()
            isBusy = environment.contents.advance() || isBusy
            for host in hosts { isBusy = host.advance() || isBusy }
            if isBusy { continue }
            if options.once != nil, !isSyncing, metadata.isIdle, environment.contents.isIdle,
                hosts.allSatisfy(\.isSettled)
            {
                return
            }
            try wait(at: now)
        }
    }

    private func takeSignals() throws -> Bool {
        var isStopping = false
        while let signal = try signals.next() { isStopping = isStopping || signal != SIGHUP }
        return isStopping
    }

    private func wait(at now: Duration) throws {
        let wakes = hosts.compactMap { $0.wake(at: now) } + [nextPoll]
        let pause = max(.zero, (wakes.min() ?? .seconds(60)) - now)
        var watched = [signals.descriptor] + metadata.descriptors + environment.contents.descriptors
        for host in hosts { watched += host.descriptors }
        var entries = watched.map { Poll.Entry($0) }
        let door = entries.count
        if let listener = self.door { entries.append(Poll.Entry(listener.descriptor)) }
        let first = entries.count
        for guest in guests { entries.append(Poll.Entry(guest.descriptor)) }
        // Rounded up, so that what is due is due when it wakes.
        let milliseconds =
            Int(pause.components.seconds.multipliedReportingOverflow(by: 1000).partialValue)
            + Int(pause.components.attoseconds / 1_000_000_000_000_000) + 1
        _ = try Poll.wait(&entries, milliseconds: pause > .seconds(3600) ? 3_600_000 : milliseconds)
        for (index, guest) in guests.enumerated() where entries[first + index].isReadable { hear(guest) }
        if door < first, entries[door].isReadable, let guest = try? self.door?.accept() { guests.append(guest) }
    }

    // MARK: - Sync

    private func requestSync(by host: EndpointHost) {
        // A stick has said all it has to say.
        if media != nil, let plan { return host.metadataCame(plan) }
        if box.repository == nil {
            if let plan { host.metadataCame(plan) } else { host.metadataFailed(.network) }
        } else {
            beginSync()
        }
    }

    private func beginSync() {
        scheduleNextPoll()
        guard !isSyncing, box.repository != nil else { return }
        isSyncing = true
        for host in hosts where host.state == .idle { host.post(.poll) }
        let store = ["--store", store.layout.root]
        metadata.add(for: self, ["fetch"] + store) { [self] outcome in
            guard outcome == .done else { return endSync(outcome) }
            metadata.add(for: self, ["admit"] + store) { [self] outcome in
                if outcome == .done { media = nil }
                endSync(outcome)
            }
        }
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

    private func endSync(_ outcome: HelperOutcome) {
        isSyncing = false
        if outcome != lastOutcome, outcome != .done { say("sync: \(outcome.sentence)") }
        if outcome == .done, let last = lastOutcome, last != .done { say("sync: it works again") }
        lastOutcome = outcome
        switch outcome {
        case .done: followPlan()
        case .failed(let circumstance, _): for host in hosts { host.metadataFailed(circumstance) }
        // The network is all that stands between the box and metadata it could believe.
        case .refused, .damaged, .waiting: for host in hosts { host.metadataFailed(.network) }
        }
        for guest in waitingGuests { answer(guest, outcome == .done ? .ok("synced") : .refused(outcome.sentence)) }
        waitingGuests = []
        scheduleNextPoll()
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
        for host in hosts { host.trimLogs() }
    }

    // MARK: - Wishes

    private func hear(_ guest: MessageConnection) {
        guard let message = try? guest.receive(limit: AgentWish.limitBytes, milliseconds: 0) else {
            guests.removeAll { $0 === guest }
            waitingGuests.removeAll { $0 === guest }
            return
        }
        guard let wish = AgentWish(message.bytes) else { return answer(guest, .refused("that is no wish")) }
        if let refusal = carryOut(wish, for: guest) { answer(guest, .refused(refusal)) }
    }

    private func answer(_ guest: MessageConnection, _ answer: AgentAnswer) {
        // One who does not read what he asked for waits for nobody.
        try? guest.send(answer.bytes, milliseconds: 100)
    }

    /// Nil where it is being done, or why not.
    private func carryOut(_ wish: AgentWish, for guest: MessageConnection?) -> String? {
        switch wish {
        case .ping:
            let isSettled = !isSyncing && hosts.allSatisfy(\.isSettled)
            if let guest { answer(guest, .ok(isSettled ? "idle" : "working")) }
        case .sync:
            guard box.repository != nil else { return "this box has no repository, it takes local media" }
            media = nil
            if let guest { waitingGuests.append(guest) }
            beginSync()
        case .retry(let name):
            let meant = hosts.filter { name == nil || $0.name == name }
            guard !meant.isEmpty else { return StoreError.noEndpoint(name: name?.text ?? "").message }
            for host in meant { host.post(.retry) }
            if let guest { answer(guest, .ok("retrying")) }
        case .rollback(let name, let who):
            guard let host = hosts.first(where: { $0.name == name }) else {
                return StoreError.noEndpoint(name: name.text).message
            }
            guard host.canRollBack else { return "\(name) has nothing to go back to, or is in the middle of an update" }
            host.post(.rollBackRequested(by: who))
            if let guest { answer(guest, .ok("rolling back")) }
        case .install(let path): install(path, for: guest)
        }
        return nil
    }

    private func install(_ path: String, for guest: MessageConnection?) {
        metadata.add(for: self, ["admit", "--store", store.layout.root, "--from", path]) { [self] outcome in
            lastOutcome = outcome
            guard outcome == .done else {
                say("install: \(outcome.sentence)")
                if let guest { answer(guest, .refused(outcome.sentence)) }
                return
            }
            media = path
            // Those that are at rest take it up as they take up what a poll brought.
            for host in hosts where host.state == .idle { host.post(.poll) }
            followPlan()
            if let guest { answer(guest, .ok("admitted")) }
        }
    }

    /// How the wish of ``Options/once`` went; nil where it went well.
    package var problem: String? {
        guard let lastOutcome, lastOutcome != .done else { return nil }
        return lastOutcome.sentence
    }
}
