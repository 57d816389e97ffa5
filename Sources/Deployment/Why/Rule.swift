/// Who may say no, strongest first; below them what activating also needs.
///
/// Design section 6: "Who may say no, strongest first: revocation; the box's own rollback; a local `hold`; rollout
/// abort; a neighbour's lock; window; gates. Nothing is ever forced by age."
package enum Rule: String, CaseIterable, Sendable {
    case revocation
    /// A verdict of this box, or the back-off after a circumstance.
    case ownRollback
    case hold
    /// Abort; also a pause, and a wave that is not open yet.
    case rollout
    case neighbourLock
    case window
    case gates
    case freshness
    /// Disk, memory, power, data budget, network.
    case resources
}

/// What one rule says.
package struct RuleReport: Hashable, Sendable {
    package enum State: String, CaseIterable, Sendable {
        case permits
        /// It has not been asked for an answer yet: the update has not come so far.
        case pending
        /// Not now.
        case waits
        case refuses
        /// There is nothing to ask about.
        case notAsked
    }

    /// What a rule that does not permit stops.
    package enum Reach: String, CaseIterable, Sendable {
        case nothing
        /// Activate only; the candidate is fetched, staged and probed meanwhile.
        case activation
        /// The whole update.
        case everything
    }

    package let rule: Rule
    package let state: State
    package let stops: Reach
    package let sentence: String
    /// What the update ends with or waits for where this rule decides; nil where it permits.
    package let result: UpdateResult?

    static func permits(_ rule: Rule, _ sentence: String) -> RuleReport {
        RuleReport(rule: rule, state: .permits, stops: .nothing, sentence: sentence, result: nil)
    }

    static func notAsked(_ rule: Rule) -> RuleReport {
        RuleReport(
            rule: rule,
            state: .notAsked,
            stops: .nothing,
            sentence: "there is nothing to ask about",
            result: nil
        )
    }

    static func waits(_ rule: Rule, for reason: WaitingReason, stops: Reach, _ sentence: String) -> RuleReport {
        RuleReport(rule: rule, state: .waits, stops: stops, sentence: sentence, result: .waitingFor(reason))
    }

    static func refuses(_ rule: Rule, _ result: UpdateResult, stops: Reach, _ sentence: String) -> RuleReport {
        RuleReport(rule: rule, state: .refuses, stops: stops, sentence: sentence, result: result)
    }
}
