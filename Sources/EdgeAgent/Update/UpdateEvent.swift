package import Deployment

/// What happens to an update: wishes, results of actions, and the world outside.
package enum UpdateEvent: Hashable, Sendable {
    // Wishes
    /// The poll timer, or `edgeagent sync`.
    case poll
    /// `edgeagent retry`: what was found against bundles is forgotten.
    case retry
    /// `edgeagent rollback`, and by whom.
    case rollBackRequested(by: String)

    // Results of actions
    case synced(SyncResult)
    case preflighted(PreflightResult)
    case downloaded(DownloadResult)
    case verified(VerifyResult)
    case staged(StepResult)
    case probed(ProbeResult)
    case permitted(Permission)
    case activated(ActivationResult)
    case observed(Observation)
    case committed(StepResult)
    case rolledBack(RollbackResult)
    case failureKept(StepResult)
    case cleanedUp(StepResult)

    // Metadata that came in while the update was under way
    /// Another deployment is wanted now.
    case superseded(bySerial: Int)
    /// The candidate is no longer wanted.
    case withdrawn(Withdrawal)

    // Time
    /// A wait or back-off is over; see ``UpdateMachine/timer``.
    case waitEnded
    /// The step under way gave no answer in time.
    case stalled
    /// The deployment's deadline, counted in work, has passed.
    case deadlinePassed

    /// The event without what it carries.
    package enum Kind: String, CaseIterable, Sendable {
        case poll, retry, rollBackRequested
        case synced, preflighted, downloaded, verified, staged, probed, permitted, activated, observed, committed
        case rolledBack, failureKept, cleanedUp
        case superseded, withdrawn
        case waitEnded, stalled, deadlinePassed
    }

    package var kind: Kind {
        switch self {
        case .poll: .poll
        case .retry: .retry
        case .rollBackRequested: .rollBackRequested
        case .synced: .synced
        case .preflighted: .preflighted
        case .downloaded: .downloaded
        case .verified: .verified
        case .staged: .staged
        case .probed: .probed
        case .permitted: .permitted
        case .activated: .activated
        case .observed: .observed
        case .committed: .committed
        case .rolledBack: .rolledBack
        case .failureKept: .failureKept
        case .cleanedUp: .cleanedUp
        case .superseded: .superseded
        case .withdrawn: .withdrawn
        case .waitEnded: .waitEnded
        case .stalled: .stalled
        case .deadlinePassed: .deadlinePassed
        }
    }
}

/// What a look at the metadata says of an endpoint.
package enum SyncResult: Hashable, Sendable {
    /// This is wanted, and may be prepared.
    case candidate(UpdateCandidate)
    /// What is wanted is what runs.
    case alreadyInstalled(UpdateCandidate)
    /// Nothing is to be done: `noDeployment`, `ambiguous`, `incompatible`, `waitingFor`, …
    case nothing(UpdateResult)
    case failed(Circumstance)
}

/// Whether this box can take the candidate, and now.
package enum PreflightResult: Hashable, Sendable {
    case passed
    /// A verdict: `subject` (bundle, interface, …) needs a `feature` that this box lacks.
    case incompatible(subject: String, feature: String)
    case waiting(WaitingReason)
    case failed(Circumstance)
}

package enum DownloadResult: Hashable, Sendable {
    /// Nothing is lacking; also where nothing had to be fetched.
    case complete
    case waiting(WaitingReason)
    case failed(Circumstance)
}

package enum VerifyResult: Hashable, Sendable {
    case verified
    /// A verdict: what operators signed is not a bundle that may be taken.
    case refused(String)
    /// What was fetched is not what was signed; it was thrown away and is fetched again.
    case damaged(String)
    case failed(Circumstance)
}

/// The result of a step that judges nothing.
package enum StepResult: Hashable, Sendable {
    case done
    case failed(Circumstance)
}

/// What the candidate showed on this box, off the public socket.
package enum ProbeResult: Hashable, Sendable {
    case passed
    /// A verdict: wrong answers, too slow, too large, not ready in time.
    case refused(String)
    /// Memory for two models, or an inconclusive gate.
    case waiting(WaitingReason)
    case failed(Circumstance)
}

/// Whether Activate may start: holds, rollout, locks, windows, freshness, clock, sets.
package enum Permission: Hashable, Sendable {
    case granted
    case waiting(WaitingReason)
}

package enum ActivationResult: Hashable, Sendable {
    /// The candidate serves; how long it took from the start of Activate.
    case done(took: Duration)
    /// The candidate does not serve, or not surely.
    case failed(Circumstance)
}

/// What the candidate shows while it serves.
package enum Observation: Hashable, Sendable {
    case passed
    /// A verdict: crashes, errors, latency, disagreement over the gates' limits.
    case refused(String)
    /// Nothing is decided; the observation goes on by itself.
    case waiting(WaitingReason)
    /// The observation ended without a result.
    case failed(Circumstance)
}

package enum RollbackResult: Hashable, Sendable {
    /// The target serves, the candidate is stopped.
    case complete
    /// The target can't be served: damaged, gone or revoked.
    case impossible(String)
    case failed(Circumstance)
}

/// Why a candidate is no longer wanted although no other is named.
package enum Withdrawal: String, CaseIterable, Hashable, Sendable {
    /// The rollout was aborted.
    case aborted
    /// The bundle was revoked.
    case revoked
    /// The deployment is no longer meant for this box.
    case notSelected
}
