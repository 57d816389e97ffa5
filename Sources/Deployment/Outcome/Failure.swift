/// A judgement on a bundle, kept against it.
package struct Verdict: Hashable, Sendable {
    /// The states that judge.
    package enum Judge: String, CaseIterable, Sendable {
        case preflight, verify, probe, observe

        /// As the subject of a sentence.
        var words: String {
            switch self {
            case .preflight: "the preflight"
            case .verify: "the verification"
            case .probe: "the probe"
            case .observe: "the observation"
            }
        }
    }

    package var judge: Judge
    /// What was wrong, for people.
    package var reason: String

    package init(judge: Judge, reason: String) {
        self.judge = judge
        self.reason = reason
    }
}

/// Something that stopped an attempt and says nothing about the bundle.
package enum Circumstance: String, CaseIterable, Sendable {
    case power, disk, network
    /// Memory was short because of something else.
    case memoryPressure
    /// fetch, admit, the launcher or the agent itself was killed.
    case helperKilled
    /// The box itself went down uncleanly.
    case uncleanRestart

    /// What the next attempt waits for meanwhile.
    package var waitingReason: WaitingReason {
        switch self {
        case .power: .power
        case .disk: .disk
        case .network: .network
        case .memoryPressure: .memory
        case .helperKilled, .uncleanRestart: .retry
        }
    }
}

/// How an attempt ended badly, as it was seen.
package enum Failure: Hashable, Sendable {
    case judged(Verdict)
    case circumstance(Circumstance)
    /// The box came up again after an unclean end while the update was in this state.
    case uncleanRestart(in: UpdateState)
    /// Errors rose, and the incumbent had them on the same requests.
    case errorsSharedWithIncumbent
}

/// What a failure means.
package enum FailureClass: Hashable, Sendable {
    /// Kept against the bundle until a newer serial or `edgeagent retry`.
    case verdict(Verdict)
    /// Resumed with back-off, and counted.
    case circumstance(Circumstance)
    /// An unclean restart that may have been the bundle's doing; the second is a verdict.
    case strike
    /// Neither for nor against.
    case inconclusive
}

extension Failure {
    /// How many unclean restarts make a verdict.
    package static let strikesForVerdict = 2

    /// Design section 6: "A failure is a verdict (Verify, Preflight, Probe or Observe judged the bundle) or a
    /// circumstance […]. An unclean restart of the box in Probe, Activate or Observe is a strike, the second one a
    /// verdict. A rise in errors that the incumbent shares on the same requests is inconclusive."
    ///
    /// - Parameter strikes: unclean restarts counted before against the same attempt key.
    package func classify(strikes: Int) -> FailureClass {
        switch self {
        case .judged(let verdict): return .verdict(verdict)
        case .circumstance(let circumstance): return .circumstance(circumstance)
        case .errorsSharedWithIncumbent: return .inconclusive
        case .uncleanRestart(let state):
            let judge: Verdict.Judge
            switch state {
            case .probe: judge = .probe
            case .activate, .observe: judge = .observe
            case .idle, .sync, .preflight, .download, .verify, .stage, .commit, .rollback, .cleanup, .failure:
                return .circumstance(.uncleanRestart)
            }
            guard strikes + 1 >= Self.strikesForVerdict else { return .strike }
            let times = strikes + 1
            return .verdict(Verdict(judge: judge, reason: "the box went down \(times) times while trying it"))
        }
    }
}
