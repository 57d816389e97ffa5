internal import Digest

/// Each rule asked by itself, as if nothing stronger had spoken.
extension UpdateFacts {
    /// What one rule says of the update that is wanted.
    package func ask(_ rule: Rule) -> RuleReport {
        switch rule {
        case .revocation: askRevocation()
        case .ownRollback: askOwnRollback()
        case .hold: askHold()
        case .rollout: askRollout()
        case .neighbourLock: askNeighbourLock()
        case .window: askWindow()
        case .gates: askGates()
        case .freshness: askFreshness()
        case .resources: askResources()
        }
    }

    /// "A box runs a bundle only when […] no revocation forbids it"; "with revocations it can't read nothing new
    /// activates".
    private func askRevocation() -> RuleReport {
        if case .chosen(let digest, _)? = choice?.outcome, let entry = revocations.known.entries[digest] {
            return .refuses(.revocation, .rejected, stops: .everything, "it is revoked: \(entry.reason)")
        }
        if let problem = revocations.problem {
            return .refuses(.revocation, problem.result, stops: .activation, problem.message)
        }
        return .permits(.revocation, "it is not revoked")
    }

    /// "A verdict is kept against (serial, bundle digest, host fingerprint) until a newer serial or `edgeagent retry`."
    private func askOwnRollback() -> RuleReport {
        switch retry {
        case .allowed: .permits(.ownRollback, retry.sentence)
        case .after(_, let circumstance):
            .waits(.ownRollback, for: circumstance.waitingReason, stops: .everything, retry.sentence)
        case .refused: .refuses(.ownRollback, .rejected, stops: .everything, retry.sentence)
        }
    }

    /// "A local `hold` (who, reason, until; stops Activate only)."
    private func askHold() -> RuleReport {
        guard let hold = holds.first(where: { $0.isInForce(clock) }) else { return .permits(.hold, "nobody holds it") }
        return .waits(.hold, for: .hold, stops: .activation, hold.sentence)
    }

    /// "Abort leads to the signed fallback"; "paused: nothing new activates"; a wave that is not open has not begun.
    private func askRollout() -> RuleReport {
        switch rollout {
        case .aborted: return .refuses(.rollout, .rejected, stops: .everything, rollout.sentence)
        case .paused(_, let openWave):
            let stops: RuleReport.Reach = openWave != nil && isInOpenWave ? .activation : .everything
            return .waits(.rollout, for: .rollout, stops: stops, rollout.sentence)
        case .running: return askWave()
        }
    }

    private var isInOpenWave: Bool { if case .inOpenWave = wave { true } else { false } }

    private func askWave() -> RuleReport {
        switch wave {
        case nil: .waits(.rollout, for: .wave, stops: .everything, "no wave is open yet")
        case .inOpenWave?: .permits(.rollout, wave?.sentence ?? "")
        case .needsClock?: .waits(.rollout, for: .clock, stops: .everything, wave?.sentence ?? "")
        case .notYet?, .tooEarly?, .inNoWave?: .waits(.rollout, for: .wave, stops: .everything, wave?.sentence ?? "")
        }
    }

    /// "A neighbour's lock (a lease with an expiry)."
    private func askNeighbourLock() -> RuleReport {
        guard let lock = locks.first(where: { $0.isInForce(clock) }) else {
            return .permits(.neighbourLock, "no neighbour holds a lock")
        }
        return .waits(.neighbourLock, for: .lock, stops: .activation, lock.sentence)
    }

    /// Windows "gate the start of Activate".
    private func askWindow() -> RuleReport {
        switch window {
        case .open: .permits(.window, window.sentence)
        case .closed, .tooShort, .neverFits: .waits(.window, for: .window, stops: .activation, window.sentence)
        case .needsClock: .waits(.window, for: .clock, stops: .activation, window.sentence)
        }
    }

    /// What the candidate showed at Probe; "inconclusive holds".
    private func askGates() -> RuleReport {
        switch gates {
        case .notProbed:
            RuleReport(
                rule: .gates,
                state: .pending,
                stops: .activation,
                sentence: "it has not been probed on this box yet",
                result: nil
            )
        case .probed(.passed): .permits(.gates, "it passed the probe")
        case .probed(.inconclusive(let words)): .waits(.gates, for: .samples, stops: .activation, words)
        case .probed(.failed(let words)): .refuses(.gates, .rejected, stops: .everything, words)
        }
    }

    /// "Activate needs a timestamp verified within the last 30 minutes."
    private func askFreshness() -> RuleReport {
        switch freshness {
        case .fresh: .permits(.freshness, freshness.sentence)
        case .stale: .waits(.freshness, for: .freshness, stops: .activation, freshness.sentence)
        }
    }

    /// The strongest shortage first: one that stops everything.
    private func askResources() -> RuleReport {
        guard let shortage = shortages.first(where: { $0.stops == .everything }) ?? shortages.first else {
            return .permits(.resources, "nothing is short")
        }
        return .waits(.resources, for: shortage.reason, stops: shortage.stops, shortage.sentence)
    }
}
