internal import Deployment
internal import Digest

// What the rows of the table do. Each sets the progress and names the actions that bring it about.

extension UpdateMachine {
    /// Into `state`, with the action that does its work.
    mutating func go(to state: UpdateState, _ reason: UpdateReason = .done, _ detail: String = "") -> [UpdateAction] {
        progress.state = state
        progress.waiting = nil
        isAtWork = state != .idle
        note = UpdateNote(reason, detail)
        if state.depth > progress.attempt?.furthest.depth ?? .max {
            progress.attempt?.furthest = state
            progress.attempt?.setbacks = 0
        }
        return work.map { [$0] } ?? []
    }

    /// The action that does the work of the state it is in; nil in Idle.
    private var work: UpdateAction? {
        if state == .sync { return .sync }
        guard let attempt else { return nil }
        let candidate = attempt.candidate
        switch state {
        case .idle, .sync: return nil
        case .preflight: return .preflight(candidate)
        case .download: return .download(candidate)
        case .verify: return .verify(candidate)
        case .stage: return .stage(candidate)
        case .probe: return hasPassedProbe ? .askPermission(candidate) : .probe(candidate)
        case .activate: return .activate(candidate, replacing: attempt.before.current?.bundle)
        case .observe: return .observe(candidate)
        case .commit: return .commit(candidate)
        case .rollback: return .rollBack(candidate, to: attempt.rollbackTarget)
        case .failure: return attempt.ending.map { .keepFailure(candidate, $0) }
        case .cleanup: return attempt.ending.map { .cleanUp(candidate, $0) }
        }
    }

    /// "A probe result is bound to a host fingerprint."
    var hasPassedProbe: Bool { attempt?.probedOn == host }

    /// What the ledger keeps failures of the attempt against.
    private var key: AttemptKey? {
        attempt.map { AttemptKey(serial: $0.candidate.serial, bundle: $0.candidate.bundle, host: host) }
    }

    /// Notes a failure against the attempt and says what it means.
    mutating func record(_ failure: Failure) -> FailureClass? {
        guard let key else { return nil }
        return progress.ledger.record(failure, for: key)
    }

    /// Waiting is not working: neither the back-off's pauses nor an unmet condition count towards the deadline.
    mutating func countWork(_ elapsed: Duration) {
        guard isCountingWork, elapsed > .zero else { return }
        progress.attempt?.worked += elapsed
    }

    var isCountingWork: Bool {
        guard isAtWork, !isAsking, !isHalted else { return false }
        switch state {
        case .preflight, .download, .verify, .stage, .probe, .activate: return true
        case .idle, .sync, .observe, .commit, .rollback, .failure, .cleanup: return false
        }
    }

    /// Whether only permission is lacking, or the observation has too little to go by.
    var isAsking: Bool { state == .probe && hasPassedProbe || state == .observe }

    // MARK: Sync

    /// Back to Idle, with what the metadata said.
    mutating func rest(_ result: UpdateResult) -> [UpdateAction] {
        outlook = result
        return go(to: .idle)
    }

    /// What is wanted runs already: the newest deployment that says so is noted.
    mutating func confirm(_ candidate: UpdateCandidate) -> [UpdateAction] {
        if progress.generations.current?.bundle == candidate.bundle {
            progress.generations.current?.serial = candidate.serial
            progress.generations.fallbacks = candidate.fallbacks
        }
        return rest(.alreadyInstalled)
    }

    /// A new attempt, unless a verdict of this box or the deadline forbids it.
    mutating func begin(_ candidate: UpdateCandidate) -> [UpdateAction] {
        let key = AttemptKey(serial: candidate.serial, bundle: candidate.bundle, host: host)
        if case .refused = progress.ledger.decision(for: key) { return rest(.rejected) }
        var worked = Duration.zero
        if let last = progress.last, last.serial == candidate.serial, last.bundle == candidate.bundle {
            worked = last.worked
            if last.ending.result == .timedOut, let deadline = candidate.deadline, worked >= deadline {
                return rest(.timedOut)
            }
        }
        progress.ledger.forget(before: candidate.serial)
        progress.attempt = UpdateAttempt(candidate: candidate, before: progress.generations, worked: worked)
        outlook = nil
        return go(to: .preflight, .deployed, "deployment \(candidate.serial)")
    }

    /// `edgeagent retry`: verdicts and used-up deadlines no longer count, and it looks at once.
    mutating func retry() -> [UpdateAction] {
        for bundle in Set(progress.ledger.records.keys.map(\.bundle)) { progress.ledger.retry(bundle) }
        progress.last?.worked = .zero
        return go(to: .sync, .requested)
    }

    // MARK: Waiting and setbacks

    mutating func wait(for reason: WaitingReason) -> [UpdateAction] {
        progress.waiting = UpdateWait(reason)
        // An observation goes on by itself.
        isAtWork = state == .observe
        note = UpdateNote(.waiting, reason.sentence)
        return []
    }

    /// The work that was waited with. What was waited for stays noted until the answer is another: a box that asks
    /// every half minute for days writes nothing.
    mutating func tryAgain() -> [UpdateAction] {
        let waiting = progress.waiting
        let actions = go(to: state, .triedAgain)
        if waiting?.isBackOff == false { progress.waiting = waiting }
        return actions
    }

    /// Waits for the back-off after a setback.
    mutating func pause(for reason: WaitingReason, _ cause: UpdateReason, _ detail: String = "") -> [UpdateAction] {
        progress.waiting = UpdateWait(reason, isBackOff: true)
        isAtWork = false
        note = UpdateNote(cause, detail)
        return []
    }

    /// A circumstance: counted, and tried again after a pause.
    mutating func setBack(_ circumstance: Circumstance, because reason: UpdateReason = .circumstance) -> [UpdateAction]
    {
        _ = record(.circumstance(circumstance))
        progress.attempt?.setbacks += 1
        return pause(for: circumstance.waitingReason, reason, circumstance.rawValue)
    }

    /// What was fetched was thrown away; only what is lacking is fetched again.
    mutating func fetchAgain(_ what: String) -> [UpdateAction] {
        _ = setBack(.network)
        progress.state = .download
        note = UpdateNote(.damaged, what)
        return []
    }

    // MARK: On to the candidate

    mutating func probePassed() -> [UpdateAction] {
        progress.attempt?.probedOn = host
        return go(to: .probe)
    }

    /// The candidate serves: from here on the disk says so too.
    mutating func switchOver(_ took: Duration) -> [UpdateAction] {
        guard let attempt else { return [] }
        progress.generations.previous = attempt.before.current
        progress.generations.current = InstalledGeneration(
            bundle: attempt.candidate.bundle,
            serial: attempt.candidate.serial,
            probedOn: attempt.probedOn
        )
        progress.attempt?.isSwitched = true
        progress.lastActivation = took
        return go(to: .observe)
    }

    /// The candidate is good: nothing goes back by itself from here.
    mutating func finish() -> [UpdateAction] {
        if let key { progress.ledger.succeeded(key) }
        progress.generations.fallbacks = attempt?.candidate.fallbacks ?? []
        progress.attempt?.ending = UpdateEnding(.successful, .done)
        return go(to: .cleanup)
    }

    // MARK: Ways out

    /// A verdict: kept against the candidate, which is left.
    mutating func refuse(
        _ judge: Verdict.Judge,
        _ result: UpdateResult,
        _ why: String,
        because reason: UpdateReason? = nil
    ) -> [UpdateAction] {
        _ = record(.judged(Verdict(judge: judge, reason: why.cut(toBytes: UpdateEnding.longestDetail))))
        let ending = UpdateEnding(result, reason ?? (judge == .preflight ? .incompatible : .refused), why)
        return judge == .observe ? rollBack(ending) : fail(ending)
    }

    /// Nothing has changed on the box but what is kept of the failure.
    mutating func fail(_ ending: UpdateEnding) -> [UpdateAction] {
        progress.attempt?.ending = ending
        return go(to: .failure, ending.reason, ending.detail)
    }

    /// The candidate is dropped without being at fault.
    mutating func leave(_ ending: UpdateEnding) -> [UpdateAction] {
        progress.attempt?.ending = ending
        return [.cancel] + go(to: .cleanup, ending.reason, ending.detail)
    }

    mutating func supersede(bySerial serial: Int) -> [UpdateAction] {
        leave(UpdateEnding(.superseded, .superseded, "by deployment \(serial)"))
    }

    /// Idle again; where the attempt made room for something else, it is looked for at once.
    mutating func end() -> [UpdateAction] {
        guard let attempt, let ending = attempt.ending else { return go(to: .idle) }
        progress.attempt = nil
        progress.last = EndedAttempt(
            serial: attempt.candidate.serial,
            bundle: attempt.candidate.bundle,
            ending: ending,
            worked: attempt.worked
        )
        switch ending.reason {
        case .superseded, .aborted, .revoked, .notSelected: return go(to: .sync, ending.reason, ending.detail)
        default: return go(to: .idle, ending.reason, ending.detail)
        }
    }
}

extension UpdateState {
    /// How far the state is on the way to a commit; nothing for the ways back and out.
    fileprivate var depth: Int {
        switch self {
        case .idle, .sync, .rollback, .failure, .cleanup: 0
        case .preflight: 1
        case .download: 2
        case .verify: 3
        case .stage: 4
        case .probe: 5
        case .activate: 6
        case .observe: 7
        case .commit: 8
        }
    }
}
