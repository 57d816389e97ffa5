package import Deployment
package import Digest

/// What an update waits for.
package struct UpdateWait: Hashable, Sendable {
    package var reason: WaitingReason
    /// True for the pause after a setback, false for a condition outside.
    package var isBackOff: Bool

    package init(_ reason: WaitingReason, isBackOff: Bool = false) {
        self.reason = reason
        self.isBackOff = isBackOff
    }
}

/// How the last attempt of an endpoint ended.
package struct EndedAttempt: Hashable, Sendable {
    package var serial: Int
    package var bundle: SHA256Digest
    package var ending: UpdateEnding
    /// Time worked on it: an attempt of the same candidate goes on counting from here.
    package var worked: Duration

    package init(serial: Int, bundle: SHA256Digest, ending: UpdateEnding, worked: Duration) {
        self.serial = serial
        self.bundle = bundle
        self.ending = ending
        self.worked = worked
    }
}

/// The part of an update that outlives the agent: what is stored before each action.
package struct UpdateProgress: Hashable, Sendable {
    package internal(set) var state: UpdateState
    /// Nil in Idle and Sync and nowhere else.
    package internal(set) var attempt: UpdateAttempt?
    package internal(set) var waiting: UpdateWait?
    package internal(set) var generations: EndpointGenerations
    /// What was found against bundles, and how often they met circumstances.
    package internal(set) var ledger: RetryLedger
    package internal(set) var last: EndedAttempt?
    /// From the start of Activate until the candidate served; nil before the first.
    package internal(set) var lastActivation: Duration?

    /// An endpoint at rest.
    package init(generations: EndpointGenerations = EndpointGenerations()) {
        state = .idle
        self.generations = generations
        ledger = RetryLedger()
    }

    /// Nil where an attempt is lacking, or is there in a state that has none.
    package init?(
        state: UpdateState,
        attempt: UpdateAttempt?,
        waiting: UpdateWait?,
        generations: EndpointGenerations,
        ledger: RetryLedger,
        last: EndedAttempt?,
        lastActivation: Duration?
    ) {
        let isAtRest = state == .idle || state == .sync
        guard isAtRest == (attempt == nil) else { return nil }
        // Ways out are taken with an ending.
        if state == .failure || state == .cleanup, attempt?.ending == nil { return nil }
        self.state = state
        self.attempt = attempt
        self.waiting = waiting
        self.generations = generations
        self.ledger = ledger
        self.last = last
        self.lastActivation = lastActivation
    }

    /// What is written to the disk: a look at the metadata is no progress, so that a box that polls writes nothing.
    package var stored: UpdateProgress {
        guard state == .sync else { return self }
        var stored = self
        stored.state = .idle
        return stored
    }

    /// The part whose change is worth writing: time worked is written with the next such change.
    var worthStoring: UpdateProgress {
        var progress = stored
        progress.attempt?.worked = .zero
        return progress
    }

    /// Generations that no garbage collection may take.
    package var kept: Set<SHA256Digest> {
        var kept = Set(generations.fallbacks)
        kept.formUnion([generations.current, generations.previous].compactMap { $0?.bundle })
        // An attempt that is being cleaned up is over: what it left is what is to go.
        guard let attempt, state != .cleanup else { return kept }
        kept.formUnion([attempt.before.current, attempt.before.previous].compactMap { $0?.bundle })
        return kept.union([attempt.candidate.bundle] + attempt.candidate.fallbacks)
    }
}
