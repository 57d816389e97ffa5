internal import Deployment
package import Digest

/// What was started again since the progress was stored.
package enum Restart: Hashable, Sendable {
    /// The agent alone: runtimes may run on. Clean where it was told to stop.
    case agent(isClean: Bool)
    /// The whole box: nothing runs. Clean where the agent was told to stop before.
    case box(isClean: Bool)
}

extension UpdateMachine {
    /// The machine that goes on from what was stored, and what it does first.
    ///
    /// Design section 7: "start-up reads it and goes on or goes back, never guesses". Serving comes first, whatever the
    /// update was at.
    package static func resume(
        _ stored: UpdateProgress,
        on host: SHA256Digest,
        policy: UpdatePolicy = UpdatePolicy(),
        after restart: Restart
    ) -> (machine: UpdateMachine, actions: [UpdateAction]) {
        var machine = UpdateMachine(stored, on: host, policy: policy)
        machine.progress.waiting = nil
        let next = machine.goOn(after: restart)
        return (machine, [.serve(machine.progress.generations.current?.bundle)] + next)
    }

    /// The first action of every stored state.
    private mutating func goOn(after restart: Restart) -> [UpdateAction] {
        switch state {
        case .idle: return []
        case .sync: return go(to: .sync, .restarted)
        case .preflight, .download, .verify, .stage: return doAgain(after: restart)
        case .probe: return hasPassedProbe ? go(to: .probe, .restarted) : probeAgain(after: restart)
        case .activate: return goOnActivating(after: restart)
        case .observe: return restart == .box(isClean: false) ? strike() : go(to: .observe, .restarted)
        case .commit, .rollback, .failure, .cleanup: return go(to: state, .restarted)
        }
    }

    /// The state's work once more: at once, and after a pause where it was cut off before.
    private mutating func doAgain(after restart: Restart) -> [UpdateAction] {
        switch restart {
        case .agent(isClean: true), .box(isClean: true): return go(to: state, .restarted)
        case .agent(isClean: false): _ = record(.circumstance(.helperKilled))
        case .box(isClean: false): _ = record(.uncleanRestart(in: state))
        }
        progress.attempt?.setbacks += 1
        guard (attempt?.setbacks ?? 0) > 1 else { return go(to: state, .restarted) }
        return pause(for: .retry, .restarted)
    }

    /// The probe once more; if the box went down in it, that is a strike.
    private mutating func probeAgain(after restart: Restart) -> [UpdateAction] {
        restart == .box(isClean: false) ? strike() : doAgain(after: restart)
    }

    private mutating func goOnActivating(after restart: Restart) -> [UpdateAction] {
        switch restart {
        // The candidate may have the socket already: the action finds out and goes on.
        case .agent: return go(to: .activate, .restarted)
        // Nothing ran, and `serve` has brought back what was there before. Windows, holds and freshness count anew.
        case .box(isClean: true): return go(to: .probe, .restarted)
        case .box(isClean: false): return strike()
        }
    }

    /// Design section 6: "an unclean restart of the box in Probe, Activate or Observe is a strike, the second one a
    /// verdict".
    private mutating func strike() -> [UpdateAction] {
        let found = record(.uncleanRestart(in: state))
        if case .verdict(let verdict)? = found {
            let ending = UpdateEnding(state == .probe ? .rejected : .failedRollbackComplete, .strike, verdict.reason)
            return state == .probe ? fail(ending) : rollBack(ending)
        }
        // While it is observed the candidate serves in any case.
        if state == .observe { return go(to: .observe, .strike) }
        progress.state = .probe
        progress.attempt?.setbacks += 1
        return pause(for: .retry, .strike)
    }
}

// MARK: - A store that can't be written

extension UpdateMachine {
    /// The progress after `event` could not be stored, so the event did not happen; what to do until the store can be
    /// written again. Called on the machine as it was before the event.
    ///
    /// Design section 7: "A store that can't be written stops updates, never scoring". What serves is what the disk
    /// names, so that a restart changes nothing; only a candidate found bad while it is observed is left at once.
    package mutating func halt(losing event: UpdateEvent) -> [UpdateAction] {
        isHalted = true
        switch state {
        case .idle, .commit, .rollback:
            lost = event
            return []
        case .preflight, .download, .verify, .stage, .probe, .failure, .cleanup:
            lost = event
            return [.cancel]
        // By the time the store can be written again there is newer metadata.
        case .sync: return [.cancel]
        case .activate:
            lost = isBadNews(event) ? event : nil
            return [.cancel] + leaveCandidate()
        case .observe:
            lost = event
            return isBadNews(event) ? [.cancel] + leaveCandidate() : []
        }
    }

    /// The same where it was what `resume` made of `stored` that could not be stored.
    package static func resumeHalted(
        _ stored: UpdateProgress,
        on host: SHA256Digest,
        policy: UpdatePolicy = UpdatePolicy(),
        after restart: Restart
    ) -> (machine: UpdateMachine, actions: [UpdateAction]) {
        var machine = UpdateMachine(stored, on: host, policy: policy)
        machine.isHalted = true
        machine.owedRestart = restart
        return (machine, [.serve(stored.generations.current?.bundle)])
    }

    mutating func stepHalted(_ event: UpdateEvent) throws(UpdateRefusal) -> [UpdateAction] {
        switch event {
        case .waitEnded:
            isHalted = false
            let (event, restart) = (lost, owedRestart)
            (lost, owedRestart) = (nil, nil)
            if let event { return try step(event) }
            progress.waiting = nil
            return goOn(after: restart ?? .agent(isClean: true))
        case _ where state == .observe && isBadNews(event) && lost.map(isBadNews) != true:
            lost = event
            return [.cancel] + leaveCandidate()
        default: return []
        }
    }

    private func isBadNews(_ event: UpdateEvent) -> Bool {
        switch event {
        case .observed(.refused), .withdrawn, .rollBackRequested: true
        default: false
        }
    }

    private func leaveCandidate() -> [UpdateAction] {
        guard let attempt else { return [] }
        return [.rollBack(attempt.candidate, to: attempt.before.current?.bundle)]
    }
}
