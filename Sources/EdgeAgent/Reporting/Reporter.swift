internal import Deployment
internal import Digest
internal import FileSystem
internal import FleetProtocol
internal import Glibc
internal import JSON
internal import RuntimeControl
internal import Telemetry
internal import UnixSockets
internal import WallClock

/// Tells the fleet how the box is: puts what changes, what happens and what is measured into the spool, and has
/// `edgeagent-sync report` send it. Where the box is not enrolled it does nothing.
///
/// Belongs to the agent's thread, and never waits for anything.
final class Reporter {
    /// What there is to tell of, as the agent knows it now.
    struct World {
        var plan: SyncPlan?
        var problem: SyncProblem?
        /// In order of their names.
        var endpoints: [Endpoint]

        struct Endpoint {
            var name: EndpointName
            var listen: String
            var standing: EndpointStanding
            /// Everything that runs for it.
            var runtimes: [Runtime]
            /// What the runtime of the last failed update printed; nil where nobody knows.
            var failureLog: String?

            var serving: Runtime? { runtimes.first(where: \.isServing) }
        }

        struct Runtime {
            var identity: ProcessIdentity
            var slot: Slot
            var isServing: Bool
            var loaded: SHA256Digest?
            var containment: String?
            var controlPath: String
        }
    }

    private let store: AgentStore
    private let box: BoxConfiguration
    private let boot: BootID
    private let clock: (_ floor: UTCTime?) -> ClockReading
    private let say: (String) -> Void
    private let lane: HelperLane
    let log: AgentLog

    /// Set by the agent: what there is to tell of.
    var world: () -> World = { World(endpoints: []) }
    /// Told when the fleet calls the box by other labels.
    var labelsChanged: () -> Void = {}

    private var settings: FleetSettings?
    /// Seconds; what the fleet said last counts.
    private var interval = FleetLimits.defaultInterval
    private var spool: FleetSpool
    private var marks: ReportMarks
    private var schedule = ReportSchedule()
    private var machine: MachineFacts?
    private var titles: [SHA256Digest: BoxStatus.Title] = [:]
    private var counters: [ProcessIdentity: ServingCounters] = [:]
    private var inquiries: [RuntimeInquiry] = []
    private let measured: MetricsCollector

    /// What the last snapshot said.
    private var picture: CheckIn?
    /// The last snapshot has not arrived yet.
    private var isSnapshotWaiting = false
    private var isSnapshotInRun = false
    /// What was last said to be wrong, each told once: with the settings, with telling each step once, with sending.
    private var settingsProblem: String?
    private var marksProblem: String?
    private var sendProblem: String?

    private var nextCheck: Duration = .zero
    private var nextLook: Duration = .zero
    private var nextBeat: Duration = .zero
    private var isBeating = false
    /// As the agent's loop has it.
    private var now: Duration = .zero
    /// There was no look since the agent last did something.
    private var isLookDue = false

    /// "At most one a second, the last change always gets out."
    private static let lookPause = Duration.seconds(1)
    private static let shortCheck = Duration.seconds(5)
    private static let longCheck = Duration.seconds(60)
    private static let reportLimit = Duration.seconds(120)
    /// For commands that somebody waits for.
    private static let shortLimit = Duration.seconds(20)
    /// For the records of events beside each other in one go.
    private static let mostEvents = 100

    init(
        store: AgentStore,
        box: BoxConfiguration,
        boot: BootID,
        lane: HelperLane,
        log: AgentLog,
        clock: @escaping (UTCTime?) -> ClockReading,
        say: @escaping (String) -> Void
    ) {
        self.store = store
        self.box = box
        self.boot = boot
        self.lane = lane
        self.log = log
        self.clock = clock
        self.say = say
        spool = FleetSpool(store.layout, say: say)
        marks = ReportMarks.read(store.layout)
        measured = MetricsCollector(boot: boot, root: store.layout.root)
    }

    var isEnrolled: Bool { settings != nil }
    var isIdle: Bool { lane.isIdle }
    var descriptors: [Int32] { lane.descriptors + inquiries.compactMap(\.descriptor) }

    /// When it next has something to do by itself.
    var wake: Duration {
        guard isEnrolled else { return nextCheck }
        var times = [lane.deadline, schedule.wake].compactMap { $0 } + inquiries.map(\.deadline)
        if !isBeating { times.append(nextBeat) }
        if isLookDue { times.append(nextLook) }
        return times.min() ?? nextBeat
    }

    // MARK: - In the agent's loop

    /// Does what is due. True where there may be more to do at once.
    func advance(at now: Duration) -> Bool {
        self.now = now
        checkEnrolment(at: now)
        // What was begun is brought to its end, also where the box has just left its fleet.
        let hasEnded = lane.advance(at: now)
        guard let settings else { return hasEnded }
        isLookDue = true
        if now >= nextBeat, !isBeating { beginBeat(settings, at: now) }
        hearRuntimes(at: now)
        if isBeating, inquiries.isEmpty {
            endBeat(settings, at: now)
        } else if now >= nextLook {
            look(settings, at: now)
        }
        guard schedule.isDue(at: now) else { return hasEnded }
        beginReport()
        return true
    }

    /// Somebody wants the fleet to know now; perhaps the box was just enrolled.
    func hurry() {
        nextCheck = .zero
        nextBeat = .zero
        schedule.hurry()
    }

    /// A box is enrolled, or no longer, while the agent runs: looked for whenever it is awake, but not all the time.
    private func checkEnrolment(at now: Duration) {
        guard now >= nextCheck || !isEnrolled && now >= nextCheck - Self.longCheck + Self.shortCheck else { return }
        nextCheck = now + Self.longCheck
        readSettings(at: now)
    }

    private func readSettings(at now: Duration) {
        self.now = now
        let before = settings
        do {
            settings = try store.layout.readFleetSettings()
            settingsProblem = nil
        } catch {
            if settingsProblem == nil { say("the box reports to nobody: \(error)") }
            settingsProblem = "\(error)"
            settings = nil
        }
        guard let settings else {
            if before != nil, settingsProblem == nil { say("the box is in no fleet any more") }
            inquiries = []
            isBeating = false
            return
        }
        if settings.interval != before?.interval { interval = settings.interval }
        guard settings.server != before?.server || settings.device != before?.device else { return }
        if before == nil { say("reporting to \(settings.server) as \(settings.device)") }
        // Whoever is told now knows nothing yet.
        picture = nil
        isSnapshotWaiting = false
        nextBeat = now
        schedule.hurry()
    }

    // MARK: - Looking

    private func stamp(at now: Duration, _ clock: ClockReading) -> SpoolStamp {
        SpoolStamp(
            boot: SpoolBoot(boot.text) ?? .unknown,
            milliseconds: UInt64(clamping: now.milliseconds),
            clock: clock
        )
    }

    private func openSpool(at now: Duration) -> Bool {
        spool.isOpen || spool.open(least: marks.least, time: clock(world().plan?.verified.time).time, at: now)
    }

    private func look(_ settings: FleetSettings, at now: Duration) {
        isLookDue = false
        nextLook = now + Self.lookPause
        guard openSpool(at: now) else { return }
        let world = world()
        guard spoolEvents(of: world, at: now) else { return }
        let report = report(of: world, settings)
        let picture = report.picture
        guard picture != self.picture else { return }
        spoolSnapshot(report, picture, world, at: now)
    }

    private func report(of world: World, _ settings: FleetSettings) -> BoxReport {
        if machine == nil { machine = MachineFacts.read() }
        return BoxReport(
            device: settings.device,
            interval: interval,
            channel: box.channel,
            labels: box.labels,
            facts: machine?.box ?? CheckIn.BoxFacts(agent: agentVersion),
            plan: world.plan,
            problem: world.problem,
            endpoints: world.endpoints.map { endpoint in
                BoxReport.Endpoint(
                    name: endpoint.name,
                    listen: endpoint.listen,
                    standing: endpoint.standing,
                    serving: endpoint.serving.map { .init(loaded: $0.loaded, containment: $0.containment) }
                )
            },
            titles: { [self] in title(of: $0) }
        )
    }

    /// Manifests are read once each; one that is not there may come.
    private func title(of bundle: SHA256Digest) -> BoxStatus.Title? {
        if let known = titles[bundle] { return known }
        guard let title = store.title(of: bundle) else { return nil }
        // A box that runs for years meets many.
        if titles.count >= 256 { titles = [:] }
        titles[bundle] = title
        return title
    }

    private func spoolSnapshot(_ report: BoxReport, _ picture: CheckIn, _ world: World, at now: Duration) {
        guard let sequence = spool.next(.state) else { return }
        let clock = clock(world.plan?.verified.time)
        var known: [EndpointName: EndpointReport.Counters] = [:]
        for endpoint in world.endpoints {
            known[endpoint.name] = endpoint.serving.flatMap { counters[$0.identity] }.map { .init($0) }
        }
        var message = report.checkIn(
            boot: boot.text,
            sequence: sequence,
            CheckIn.Moment(clock.time, isTrusted: clock.isTrusted),
            uptime: Int(clamping: now.components.seconds),
            counters: known,
            lost: spool.losses
        )
        func append() -> FleetSpool.Outcome {
            spool.append(
                message.json.compactBytes(),
                kind: SpoolKind.snapshot,
                to: .state,
                at: stamp(at: now, clock),
                now: now
            )
        }
        var outcome = append()
        if outcome == .tooLarge {
            // Of very many endpoints, what they are is told, and not why.
            for index in message.endpoints.indices { message.endpoints[index].sentence = nil }
            outcome = append()
        }
        guard outcome == .appended else { return }
        self.picture = picture
        isSnapshotWaiting = true
        schedule.came()
    }

    // MARK: - Events

    /// Puts each new step of a history into the spool, once. False where one could not be put there.
    private func spoolEvents(of world: World, at now: Duration) -> Bool {
        guard let next = spool.next(.state) else { return false }
        if next != marks.pending.first || !marks.pending.steps.isEmpty { marks.settle(next: next) }
        var new: [(endpoint: World.Endpoint, entry: UpdateHistory.Entry)] = []
        for endpoint in world.endpoints {
            let entries = endpoint.standing.state.history.entries
            let newest = entries.last?.sequence ?? 0
            new += entries.filter { marks.isNew($0, of: endpoint.name, newest: newest) }.map { (endpoint, $0) }
        }
        guard !new.isEmpty else { return true }
        new = Array(new.prefix(Self.mostEvents))
        marks.begin(new.map { .init(endpoint: $0.endpoint.name, history: $0.entry.sequence) }, first: next)
        do {
            do { try marks.save(store.layout) } catch {
                guard spool.letReserveGo() else { throw error }
                try marks.save(store.layout)
            }
        } catch {
            // Without it a step could be told twice: later, then.
            if marksProblem == nil { say("what happened can't be reported: \(error)") }
            marksProblem = "\(error)"
            marks.settle(next: next)
            return false
        }
        marksProblem = nil
        let clock = clock(world.plan?.verified.time)
        for (endpoint, entry) in new {
            guard let sequence = spool.next(.state) else { return false }
            var event = BoxReport.event(
                entry,
                of: endpoint.name,
                boot: boot.text,
                sequence: sequence,
                titles: { [self] in title(of: $0) },
                log: failureLog(entry, of: endpoint)
            )
            var outcome = spool.append(
                event.json.compactBytes(),
                kind: SpoolKind.event,
                to: .state,
                at: stamp(at: now, clock),
                now: now
            )
            if outcome == .tooLarge {
                event.log = nil
                outcome = spool.append(
                    event.json.compactBytes(),
                    kind: SpoolKind.event,
                    to: .state,
                    at: stamp(at: now, clock),
                    now: now
                )
            }
            guard outcome == .appended else { return false }
            measured.transitions.count(entry, of: endpoint.name)
            schedule.came()
        }
        if let next = spool.next(.state) { marks.settle(next: next) }
        return true
    }

    /// The end of the log, with the newest step that ended badly: an older one's is not kept.
    private func failureLog(_ entry: UpdateHistory.Entry, of endpoint: World.Endpoint) -> String? {
        guard Self.hasFailed(entry) else { return nil }
        let later = endpoint.standing.state.history.entries.filter { $0.sequence > entry.sequence }
        guard !later.contains(where: Self.hasFailed),
            later.allSatisfy({ $0.bundle == nil || $0.bundle == entry.bundle })
        else { return nil }
        // While it goes back nobody has kept the log yet.
        let paths = [endpoint.failureLog, store.layout.failureLog(endpoint.name)].compactMap { $0 }
        for path in paths {
            guard let bytes = try? LogFile.tail(of: path), !bytes.isEmpty else { continue }
            let text = Self.end(of: bytes, limit: FleetLimits.logBytes)
            return entry.bundle.map { Self.part(of: text, by: $0.hex) } ?? text
        }
        return nil
    }

    private static func hasFailed(_ entry: UpdateHistory.Entry) -> Bool {
        entry.result.flatMap { UpdateResult(code: $0) }?.isFailure == true
    }

    /// The last bytes of a text that may hold anything, as text of at most so many bytes.
    static func end(of bytes: [UInt8], limit: Int) -> String {
        var text = String(decoding: bytes.suffix(limit), as: UTF8.self)
        // A byte that is no text becomes three.
        while text.utf8.count > limit {
            let surplus = text.utf8.count - limit
            text = String(text.unicodeScalars.dropFirst(max(1, surplus / 4)))
        }
        return text
    }

    /// What a log says from the start of a bundle's runtimes on: a slot's log begins with those that had it before.
    ///
    /// - Parameter bundle: the digest's digits; a log that does not tell where they began is left as it is.
    static func part(of log: String, by bundle: String) -> String {
        let lines = log.split(separator: "\n", omittingEmptySubsequences: false)
        let starts = lines.indices.filter { lines[$0].hasPrefix("standing by with ") }
        let own = starts.reversed().prefix { lines[$0].contains(bundle) }
        guard let first = own.last else { return log }
        return lines[first...].joined(separator: "\n")
    }

    // MARK: - Beats

    /// Each interval the runtimes are asked first.
    private func beginBeat(_ settings: FleetSettings, at now: Duration) {
        isBeating = true
        inquiries = world().endpoints.flatMap(\.runtimes).filter(\.isServing).map { runtime in
            RuntimeInquiry(runtime.identity, controlPath: runtime.controlPath, at: now)
        }
        counters = counters.filter { known in inquiries.contains { $0.identity == known.key } }
    }

    private func hearRuntimes(at now: Duration) {
        inquiries.removeAll { inquiry in
            switch inquiry.answer(at: now) {
            case .pending: return false
            case .counters(let answer): counters[inquiry.identity] = answer
            case .none: counters[inquiry.identity] = nil
            }
            return true
        }
    }

    private func endBeat(_ settings: FleetSettings, at now: Duration) {
        isBeating = false
        // Spread, so that boxes that were switched on together don't come together.
        nextBeat = now + .seconds(interval) * Double.random(in: 0.95...1.05)
        isLookDue = false
        nextLook = now + Self.lookPause
        nextCheck = min(nextCheck, now + .seconds(interval))
        guard openSpool(at: now) else { return }
        spool.refresh()
        spool.keepReserve()
        let world = world()
        let hasEvents = spoolEvents(of: world, at: now)
        spoolMetrics(world, settings, at: now)
        spoolLog(world, settings, at: now)
        guard hasEvents else { return }
        let report = report(of: world, settings)
        let picture = report.picture
        // One that still waits says the same: while nobody hears it, more of them would only take room from events.
        guard picture != self.picture || !(isSnapshotWaiting && schedule.isFailing) else { return }
        spoolSnapshot(report, picture, world, at: now)
    }

    private func spoolMetrics(_ world: World, _ settings: FleetSettings, at now: Duration) {
        if machine == nil { machine = MachineFacts.read() }
        let clock = clock(world.plan?.verified.time)
        let export = measured.collect(
            world,
            counters: counters,
            titles: { [self] in title(of: $0) },
            identity: .init(device: settings.device, host: machine?.host ?? "", channel: box.channel),
            spool: spool,
            clock: clock,
            at: now
        )
        let outcome = spool.append(
            export.protobufBytes(),
            kind: SpoolKind.metrics,
            to: .metrics,
            at: stamp(at: now, clock),
            now: now
        )
        if outcome == .appended { schedule.came() }
    }

    private func spoolLog(_ world: World, _ settings: FleetSettings, at now: Duration) {
        guard !log.lines.isEmpty, let number = spool.next(.logs) else { return }
        let clock = clock(world.plan?.verified.time)
        let (lines, omitted) = log.take()
        let export = LogsExport([
            ResourceLogs(
                attributes: measured.agentResource(
                    .init(device: settings.device, host: machine?.host ?? "", channel: box.channel)
                ),
                scopes: [
                    ScopeLogs(
                        scope: MetricsCollector.scope,
                        records: AgentLog.records(
                            lines,
                            omitted: omitted,
                            number: number,
                            endpoints: world.endpoints.map(\.name),
                            clock: clock,
                            now: now
                        )
                    )
                ]
            )
        ])
        let outcome = spool.append(
            export.protobufBytes(),
            kind: SpoolKind.logs,
            to: .logs,
            at: stamp(at: now, clock),
            now: now
        )
        if outcome == .appended { schedule.came() }
    }

    // MARK: - Sending

    private func beginReport(limit: Duration = reportLimit) {
        schedule.began()
        isSnapshotInRun = isSnapshotWaiting
        isSnapshotWaiting = false
        lane.add(for: self, ["report", "--store", store.layout.root], limit: limit) { [self] outcome, printed in
            ended(outcome, ReportOutcome(output: printed))
        }
    }

    private func ended(_ outcome: HelperOutcome, _ numbers: ReportOutcome) {
        if let wished = numbers.interval, wished != interval {
            interval = wished
            nextBeat = min(nextBeat, now + .seconds(wished))
        }
        guard outcome == .done else {
            isSnapshotWaiting = isSnapshotWaiting || isSnapshotInRun
            if sendProblem != outcome.sentence { say("report: \(outcome.sentence)") }
            sendProblem = outcome.sentence
            schedule.failed(at: now, retryAfter: numbers.retryAfter, spread: Double.random(in: 0.5...1))
            return
        }
        if sendProblem != nil { say("report: it works again") }
        sendProblem = nil
        schedule.succeeded(left: numbers.left, at: now)
        spool.refresh()
        if numbers.hasNewLabels { labelsChanged() }
    }

    // MARK: - The end

    /// Puts what has happened into the spool, for whoever comes next to send.
    func finish(at now: Duration) {
        lane.cancel(for: self)
        inquiries = []
        if !isEnrolled { readSettings(at: now) }
        guard let settings else { return }
        look(settings, at: now)
        spoolLog(world(), settings, at: now)
        spool.synchronize()
    }

    /// The same, and has it sent, for as long as that may take.
    func finishAndSend(at now: Duration) {
        finish(at: now)
        guard isEnrolled else { return }
        beginReport(limit: Self.shortLimit)
        while !lane.isIdle {
            let now = HostFacts.bootTime()
            if lane.advance(at: now) { continue }
            guard let deadline = lane.deadline, !lane.isIdle else { return }
            var entries = lane.descriptors.map { Poll.Entry($0) }
            guard (try? Poll.wait(&entries, milliseconds: (deadline - now).milliseconds + 1)) != nil else { return }
        }
    }
}

extension EndpointReport.Counters {
    init(_ counters: ServingCounters) {
        self.init(
            requests: counters.requests,
            errors: counters.errors,
            restarts: counters.restarts,
            p50Microseconds: counters.p50Microseconds,
            p99Microseconds: counters.p99Microseconds
        )
    }
}
