import Deployment
import Digest
import Testing

@testable import EdgeAgent

/// A box in memory: a disk that holds the state file, an endpoint that something serves or nothing, an agent that
/// runs, and helpers that answer. Faults come in where they are told to.
struct SimulatedBox {
    /// What goes wrong, once, in a state's action.
    enum Fault: Sendable {
        /// The action ends with this event instead of its good one.
        case answers(UpdateEvent)
        /// The agent is killed before the action has had its effect, or after it; runtimes run on.
        case agentKilled(afterEffect: Bool)
        /// The box goes down. Nothing runs after that, and only what was stored is known.
        case boxDown(afterEffect: Bool, isClean: Bool = false)
        /// The action never answers.
        case hangs
        /// From the action on, the store can't be written; it can again when that was tried twice more. The action
        /// ends with this event where there is one.
        case storeReadOnly(answering: UpdateEvent? = nil)
    }

    /// What the state file says.
    private(set) var stored: EndpointState
    private(set) var serving: SHA256Digest?
    /// The states that were come to, each once in a row.
    private(set) var chain: [String] = []
    private var updater: EndpointUpdater?
    private var queue: [UpdateAction] = []
    private var bootNumber = 1
    private var readOnlyFor: Int?
    private var faults: [(state: UpdateState, fault: Fault)]

    /// Every action carried out so far.
    private(set) var actionCount = 0
    /// Faults that strike at the n-th action, whatever the state.
    var faultsByCount: [Int: Fault] = [:]

    struct StoreIsReadOnly: Error {}

    init(faults: [(state: UpdateState, fault: Fault)] = []) throws {
        let endpoint = try #require(Sample.endpoint)
        var state = EndpointState(endpoint: endpoint)
        state.progress = UpdateProgress(generations: Sample.generations)
        stored = state
        self.faults = faults
        try start()
    }

    private mutating func start() throws {
        let boot = try #require(Sample.boot(bootNumber))
        var written = stored
        let isReadOnly = readOnlyFor != nil
        let (updater, actions) = EndpointUpdater.start(
            stored,
            on: Sample.host,
            boot: boot,
            at: Sample.noon,
            save: { state in
                guard !isReadOnly else { throw StoreIsReadOnly() }
                written = state
            }
        )
        stored = written
        self.updater = updater
        queue = actions
        note()
    }

    private mutating func deliver(_ event: UpdateEvent) throws {
        var written = stored
        let isReadOnly = readOnlyFor != nil
        let actions = try updater?.deliver(
            event,
            at: Sample.noon,
            save: { state in
                guard !isReadOnly else { throw StoreIsReadOnly() }
                written = state
            }
        )
        stored = written
        queue += actions ?? []
        note()
    }

    private mutating func note() {
        guard let machine = updater?.machine else { return }
        let name = machine.isHalted ? "\(machine.state.rawValue)(halted)" : machine.state.rawValue
        if chain.last != name { chain.append(name) }
    }

    /// Polls until an attempt has ended and the endpoint is at rest. Whatever happens, something serves: the old or the
    /// new.
    mutating func run() throws {
        for _ in 0..<500 {
            if !queue.isEmpty {
                try carryOut(queue.removeFirst())
                expectServing()
            } else if let timer = updater?.machine.timer {
                try passTime(timer)
            } else if updater?.machine.progress.last == nil {
                try deliver(.poll)
            } else {
                return
            }
        }
        Issue.record("it never came to rest: \(chain)")
    }

    /// Something serves at every moment but the one before a box that came up begins to.
    private func expectServing() {
        guard queue.first?.kind != .serve else { return }
        let served = serving
        #expect(served == Sample.old || served == Sample.new, "\(chain)")
    }

    private mutating func passTime(_ timer: UpdateTimer) throws {
        if updater?.machine.isHalted == true, let left = readOnlyFor { readOnlyFor = left > 1 ? left - 1 : nil }
        try deliver(timer.event)
    }

    private mutating func carryOut(_ action: UpdateAction) throws {
        actionCount += 1
        try checkOrder(action)
        let fault = takeFault(for: action)
        switch fault {
        case .agentKilled(let afterEffect):
            if afterEffect { _ = effect(of: action) }
            chain.append("killed")
            return try start()
        case .boxDown(let afterEffect, let isClean):
            if afterEffect { _ = effect(of: action) }
            return try restartBox(isClean: isClean)
        case .hangs:
            return
        case .answers(let event): return try deliver(event)
        case .storeReadOnly(let answer):
            readOnlyFor = 3
            if let answer { return try deliver(answer) }
        case nil: break
        }
        if let event = effect(of: action) { try deliver(event) }
    }

    /// State before effect: while the store can be written, the disk says what is being done before it is done.
    private func checkOrder(_ action: UpdateAction) throws {
        guard updater?.machine.isHalted == false, let state = action.kind.state else { return }
        #expect(stored.progress.state == state, "\(action) came before its state was stored: \(chain)")
    }

    private mutating func restartBox(isClean: Bool) throws {
        if isClean, readOnlyFor == nil {
            var written = stored
            try updater?.stop { written = $0 }
            stored = written
        }
        chain.append(isClean ? "shut down" : "down")
        serving = nil
        bootNumber += 1
        try start()
        #expect(queue.first?.kind == .serve)
    }

    private mutating func takeFault(for action: UpdateAction) -> Fault? {
        if let fault = faultsByCount.removeValue(forKey: actionCount) {
            // Serving is supervised for itself: it is tried until it succeeds.
            if case .hangs = fault, action.kind == .serve { return nil }
            return fault
        }
        guard let state = updater?.machine.state, action.kind != .serve, action.kind != .cancel,
            let index = faults.firstIndex(where: { $0.state == state })
        else { return nil }
        return faults.remove(at: index).fault
    }

    /// What an action does to the box, and what it answers when all goes well.
    private mutating func effect(of action: UpdateAction) -> UpdateEvent? {
        switch action {
        case .serve(let bundle):
            serving = serving ?? bundle
            return nil
        case .cancel: return nil
        case .sync:
            let runs = updater?.state.progress.generations.current?.bundle == Sample.new
            return .synced(runs ? .alreadyInstalled(Sample.candidate) : .candidate(Sample.candidate))
        case .preflight: return .preflighted(.passed)
        case .download: return .downloaded(.complete)
        case .verify: return .verified(.verified)
        case .stage: return .staged(.done)
        case .probe: return .probed(.passed)
        case .askPermission: return .permitted(.granted)
        case .activate(let candidate, _):
            serving = candidate.bundle
            return .activated(.done(took: .seconds(1)))
        case .observe: return .observed(.passed)
        case .commit: return .committed(.done)
        case .rollBack(_, let target):
            serving = target
            return .rolledBack(.complete)
        case .keepFailure: return .failureKept(.done)
        case .cleanUp: return .cleanedUp(.done)
        }
    }
}

extension UpdateAction.Kind {
    /// The state that the disk holds while the action is carried out; nil for those without one.
    fileprivate var state: UpdateState? {
        switch self {
        case .serve, .cancel, .sync: nil
        case .preflight: .preflight
        case .download: .download
        case .verify: .verify
        case .stage: .stage
        case .probe, .askPermission: .probe
        case .activate: .activate
        case .observe: .observe
        case .commit: .commit
        case .rollBack: .rollback
        case .keepFailure: .failure
        case .cleanUp: .cleanup
        }
    }
}
