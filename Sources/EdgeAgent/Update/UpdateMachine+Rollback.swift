internal import Deployment
internal import Digest

// The ways back. Where they lead was fixed when the attempt began, so that nothing has to be guessed after a restart.

extension UpdateMachine {
    /// Back to what was there before, for good.
    mutating func rollBack(_ ending: UpdateEnding) -> [UpdateAction] {
        progress.attempt?.ending = ending
        return startRollback(ending.reason, ending.detail)
    }

    /// The candidate could not be started, through no fault that is known: what was there before serves, and the
    /// attempt goes on from a passed probe.
    mutating func returnFromActivate(
        _ circumstance: Circumstance,
        because reason: UpdateReason = .circumstance
    ) -> [UpdateAction] {
        _ = setBack(circumstance)
        return startRollback(reason, circumstance.rawValue)
    }

    /// `edgeagent rollback` of a generation that was committed: it counts as a verdict, so that the next look at the
    /// metadata does not bring it back.
    mutating func rollBackCommitted(askedBy who: String) -> [UpdateAction] {
        let generations = progress.generations
        guard let current = generations.current, let previous = generations.previous else { return [] }
        var attempt = UpdateAttempt(
            candidate: UpdateCandidate(serial: current.serial, bundle: current.bundle),
            before: EndpointGenerations(current: previous, fallbacks: generations.fallbacks),
            furthest: .commit
        )
        attempt.probedOn = current.probedOn
        attempt.isSwitched = true
        progress.attempt = attempt
        return refuse(.observe, .failedRollbackComplete, "rolled back by \(who)", because: .requested)
    }

    private mutating func startRollback(_ reason: UpdateReason, _ detail: String) -> [UpdateAction] {
        guard let attempt else { return [] }
        progress.attempt?.rollbackTarget = attempt.before.current?.bundle
        progress.attempt?.failedRollbacks = 0
        progress.generations = attempt.before
        return go(to: .rollback, reason, detail)
    }

    mutating func rolledBack() -> [UpdateAction] {
        guard attempt?.ending == nil else { return go(to: .failure) }
        // Only Activate goes back without an ending. The pause is the one that its setback began.
        progress.state = .probe
        return pause(for: .retry, .done)
    }

    /// "Abort leads to the signed fallback": where what was there before is gone, the fallback is tried.
    mutating func tryNextWayBack(_ why: String) -> [UpdateAction] {
        guard let attempt else { return [] }
        let target = attempt.rollbackTarget
        let ways = (attempt.candidate.fallbacks + attempt.before.fallbacks).filter { $0 != attempt.candidate.bundle }
        let isFirst = target == attempt.before.current?.bundle
        guard isFirst, let fallback = ways.first(where: { $0 != target }) else { return giveUpRollback(why) }
        progress.attempt?.rollbackTarget = fallback
        progress.generations.current = InstalledGeneration(bundle: fallback, serial: attempt.candidate.serial)
        return go(to: .rollback, .noWayBack, why)
    }

    mutating func rollbackFailed(
        _ circumstance: Circumstance,
        because reason: UpdateReason = .circumstance
    ) -> [UpdateAction] {
        let failed = (attempt?.failedRollbacks ?? 0) + 1
        progress.attempt?.failedRollbacks = failed
        guard failed < policy.mostRollbacks else {
            return giveUpRollback("tried \(failed) times: \(circumstance.rawValue)")
        }
        return pause(for: circumstance.waitingReason, reason, circumstance.rawValue)
    }

    /// The endpoint is left with what can be served: the candidate where it has taken over, else what the disk names.
    private mutating func giveUpRollback(_ why: String) -> [UpdateAction] {
        if let attempt, attempt.isSwitched {
            progress.generations = EndpointGenerations(
                current: InstalledGeneration(
                    bundle: attempt.candidate.bundle,
                    serial: attempt.candidate.serial,
                    probedOn: attempt.probedOn
                ),
                previous: attempt.before.current,
                fallbacks: attempt.before.fallbacks
            )
        } else if let attempt {
            progress.generations = attempt.before
        }
        return fail(UpdateEnding(.failedUnableToRollBack, .noWayBack, why))
    }
}
