package import Deployment

/// How long the agent waits for what.
package struct UpdatePolicy: Hashable, Sendable {
    /// Between two looks at a condition outside. Design section 6: "from Download to Observe a box polls every 30 s".
    package var recheck: Duration = .seconds(30)
    /// Between two attempts to write a store that could not be written.
    package var storeRecheck: Duration = .seconds(60)
    /// Between two tries of a rollback: it restores serving, so it does not back off.
    package var rollbackPause: Duration = .seconds(5)
    /// Rollbacks tried before the box says that it can't.
    package var mostRollbacks = 5

    package init() {}

    /// How long a state's action may give no answer; nil where there is none.
    ///
    /// These limits only catch a helper that hangs: a download watches its own progress, and an observation says
    /// `waiting` every few minutes.
    package func limit(of state: UpdateState) -> Duration? {
        switch state {
        case .idle: nil
        case .sync: .seconds(300)
        case .preflight, .commit, .failure: .seconds(60)
        case .download: .seconds(6 * 3600)
        case .verify: .seconds(3600)
        case .stage, .activate, .rollback, .cleanup: .seconds(600)
        case .probe: .seconds(3600)
        case .observe: .seconds(900)
        }
    }
}

/// The one timer that is to run until the next event.
package struct UpdateTimer: Hashable, Sendable {
    package let after: Duration
    package let event: UpdateEvent
}

extension UpdateMachine {
    /// What to arm after each event, in place of what was armed before; nil in Idle, where the poll interval is the
    /// repository's. Back-offs and waits are to be spread by whoever arms it.
    package var timer: UpdateTimer? {
        if isHalted { return UpdateTimer(after: policy.storeRecheck, event: .waitEnded) }
        if let pause { return UpdateTimer(after: pause, event: .waitEnded) }
        guard let limit = policy.limit(of: state) else { return nil }
        guard isCountingWork, let attempt, let deadline = attempt.candidate.deadline else {
            return UpdateTimer(after: limit, event: .stalled)
        }
        let left = max(deadline - attempt.worked, .zero)
        return left < limit
            ? UpdateTimer(after: left, event: .deadlinePassed) : UpdateTimer(after: limit, event: .stalled)
    }

    /// How long to wait before trying again; nil while an action is under way.
    private var pause: Duration? {
        guard let waiting = progress.waiting, !isAtWork else { return nil }
        guard waiting.isBackOff else { return policy.recheck }
        return state == .rollback ? policy.rollbackPause : RetryLedger.backOff(after: attempt?.setbacks ?? 1)
    }
}
