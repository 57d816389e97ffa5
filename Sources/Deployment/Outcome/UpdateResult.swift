/// What an update is waiting for. Waiting is not failing.
///
/// The first ten are those of design section 3; the others name what sections 6 and 7 also make a box wait for.
package enum WaitingReason: String, CaseIterable, Sendable {
    case window, disk, memory, lock, clock, power, data, network, freshness, samples
    /// The box's wave is not open yet.
    case wave
    /// The rollout is paused, or counts so.
    case rollout
    /// A local hold.
    case hold
    /// The back-off after a circumstance.
    case retry

    package var sentence: String {
        switch self {
        case .window: "the update waits for its window"
        case .disk: "the update waits for space on the disk"
        case .memory: "the update waits for memory for two models"
        case .lock: "the update waits for a neighbour's lock"
        case .clock: "the update waits for the clock to be set"
        case .power: "the update waits for power"
        case .data: "the update waits for the next month's data budget"
        case .network: "the update waits for the network"
        case .freshness: "the update waits for a fresh timestamp"
        case .samples: "the update waits for enough samples"
        case .wave: "the update waits for this box's wave"
        case .rollout: "the update waits for the rollout to go on"
        case .hold: "the update waits for a hold to end"
        case .retry: "the update waits before its next try"
        }
    }
}

/// How an update ended, or what it waits for.
package enum UpdateResult: Hashable, Sendable {
    case successful
    case alreadyInstalled
    case noDeployment
    /// Several deployments of one priority: nothing changes.
    case ambiguous
    /// `subject` (deployment, bundle, …) needs a `feature` that is lacking here.
    case incompatible(subject: String, feature: String)
    /// The bundle was judged and not taken.
    case rejected
    case failedNoStateChange
    case failedRollbackComplete
    case failedUnableToRollBack
    case timedOut
    /// A newer deployment took its place before it was done.
    case superseded
    case waitingFor(WaitingReason)

    /// The stable code, as design section 3 writes it: `rejected`, `waitingFor(clock)`,
    /// `incompatible(deployment: set)`.
    package var code: String {
        switch self {
        case .successful: "successful"
        case .alreadyInstalled: "alreadyInstalled"
        case .noDeployment: "noDeployment"
        case .ambiguous: "ambiguous"
        case .incompatible(let subject, let feature): "incompatible(\(subject): \(feature))"
        case .rejected: "rejected"
        case .failedNoStateChange: "failedNoStateChange"
        case .failedRollbackComplete: "failedRollbackComplete"
        case .failedUnableToRollBack: "failedUnableToRollBack"
        case .timedOut: "timedOut"
        case .superseded: "superseded"
        case .waitingFor(let reason): "waitingFor(\(reason.rawValue))"
        }
    }

    /// Those without further words.
    private static let plain: [UpdateResult] = [
        .successful, .alreadyInstalled, .noDeployment, .ambiguous, .rejected, .failedNoStateChange,
        .failedRollbackComplete, .failedUnableToRollBack, .timedOut, .superseded,
    ]

    /// From a code; nil where it is none.
    package init?(code: String) {
        let waiting = WaitingReason.allCases.map(UpdateResult.waitingFor)
        if let known = (Self.plain + waiting).first(where: { $0.code == code }) {
            self = known
            return
        }
        let opening = "incompatible("
        guard code.hasPrefix(opening), code.hasSuffix(")") else { return nil }
        let inner = code.dropFirst(opening.count).dropLast()
        guard let colon = inner.firstIndex(of: ":") else { return nil }
        let feature = inner[inner.index(after: colon)...].drop { $0 == " " }
        guard !feature.isEmpty, colon != inner.startIndex else { return nil }
        self = .incompatible(subject: String(inner[..<colon]), feature: String(feature))
    }

    package var sentence: String {
        switch self {
        case .successful: "the update was made"
        case .alreadyInstalled: "what is wanted runs already"
        case .noDeployment: "no deployment is for this box"
        case .ambiguous: "several deployments of the same priority are for this box"
        case .incompatible(let subject, let feature): "the \(subject) needs \(feature), which this box lacks"
        case .rejected: "the bundle was judged on this box and refused"
        case .failedNoStateChange: "the update failed, what ran before runs on"
        case .failedRollbackComplete: "the update failed, the box went back to what ran before"
        case .failedUnableToRollBack: "the update failed, and the box could not go back"
        case .timedOut: "the update took longer than its deadline"
        case .superseded: "a newer deployment took its place"
        case .waitingFor(let reason): reason.sentence
        }
    }

    /// Waiting is not failing.
    package var isWaiting: Bool { if case .waitingFor = self { true } else { false } }

    /// Whether somebody should look at it.
    package var isFailure: Bool {
        switch self {
        case .rejected, .failedNoStateChange, .failedRollbackComplete, .failedUnableToRollBack, .timedOut, .ambiguous,
            .incompatible:
            true
        case .successful, .alreadyInstalled, .noDeployment, .superseded, .waitingFor: false
        }
    }
}

extension Deployment {
    /// Whether an attempt has used up the deployment's deadline. Waiting does not count towards it: "Nothing is ever
    /// forced by age", and "Waiting is not failing".
    package func hasTimedOut(working: Duration) -> Bool {
        deadlineSeconds.map { working > .seconds($0) } ?? false
    }
}
