package import Deployment
package import Diagnostics
package import Digest

/// The update of one endpoint as a value: events go in, actions come out, no clock, file or process inside.
///
/// Design sections 3 and 7. ``EndpointUpdater`` stores what changed before it hands the actions on; after a restart
/// ``resume(_:on:policy:after:)`` says how to go on. docs/agent-states.md shows all of it as tables.
package struct UpdateMachine: Equatable, Sendable {
    /// What is stored.
    package internal(set) var progress: UpdateProgress
    /// ``HostFingerprint/digest`` of this box: verdicts and probes hold for it alone.
    package let host: SHA256Digest
    package let policy: UpdatePolicy

    // The rest lasts as long as the process.

    /// What the last look at the metadata said, where it was no candidate.
    package internal(set) var outlook: UpdateResult?
    /// Why the last event changed what it changed.
    package internal(set) var note = UpdateNote(.restarted)
    /// True while the store can't be written: updates stand still, scoring goes on.
    package internal(set) var isHalted = false
    /// True while the result of an action is awaited, false while a wait or back-off runs.
    var isAtWork = false
    /// The event that could not be stored.
    var lost: UpdateEvent?
    /// The restart that could not be stored.
    var owedRestart: Restart?

    package init(_ progress: UpdateProgress, on host: SHA256Digest, policy: UpdatePolicy = UpdatePolicy()) {
        self.progress = progress
        self.host = host
        self.policy = policy
    }

    package var state: UpdateState { progress.state }
    package var attempt: UpdateAttempt? { progress.attempt }

    /// What is reported: what it waits for, what the metadata said, or how the last attempt ended; nil at work.
    package var result: UpdateResult? {
        if let waiting = progress.waiting { return isAtWork && !isAsking ? nil : .waitingFor(waiting.reason) }
        return attempt == nil ? outlook ?? progress.last?.ending.result : nil
    }

    /// Whether another deployment may take the attempt's place now: design section 3's `superseded`.
    package var isSupersedable: Bool {
        switch state {
        case .preflight, .download, .verify, .stage, .probe: true
        case .idle, .sync, .activate, .observe, .commit, .rollback, .failure, .cleanup: false
        }
    }

    /// Takes an event and says what to do. `elapsed` is the monotonic time since the event before.
    ///
    /// Throws where the state does not allow the event; then nothing has changed.
    package mutating func handle(
        _ event: UpdateEvent,
        after elapsed: Duration = .zero
    ) throws(UpdateRefusal) -> [UpdateAction] {
        var next = self
        next.countWork(elapsed)
        let actions = isHalted ? try next.stepHalted(event) : try next.step(event)
        self = next
        return actions
    }

    /// The table: state, event, what comes of it. Whatever has no row is refused.
    mutating func step(_ event: UpdateEvent) throws(UpdateRefusal) -> [UpdateAction] {
        switch (state, event) {
        case (.idle, .poll): return go(to: .sync)
        case (.idle, .retry): return retry()
        case (.idle, .rollBackRequested(let who)) where progress.canRollBack: return rollBackCommitted(askedBy: who)

        case (.sync, .synced(.candidate(let candidate))): return begin(candidate)
        case (.sync, .synced(.alreadyInstalled(let candidate))): return confirm(candidate)
        case (.sync, .synced(.nothing(let result))): return rest(result)
        case (.sync, .synced(.failed(let circumstance))): return rest(.waitingFor(circumstance.waitingReason))
        case (.sync, .stalled): return [.cancel] + rest(.waitingFor(.network))

        case (.preflight, .preflighted(.passed)): return go(to: .download)
        case (.preflight, .preflighted(.incompatible(let subject, let feature))):
            let lack = UpdateResult.incompatible(subject: subject, feature: feature)
            return refuse(.preflight, lack, "the \(subject) needs \(feature)")
        case (.preflight, .preflighted(.waiting(let reason))): return wait(for: reason)
        case (.preflight, .preflighted(.failed(let circumstance))): return setBack(circumstance)

        case (.download, .downloaded(.complete)): return go(to: .verify)
        case (.download, .downloaded(.waiting(let reason))): return wait(for: reason)
        case (.download, .downloaded(.failed(let circumstance))): return setBack(circumstance)

        case (.verify, .verified(.verified)): return go(to: .stage)
        case (.verify, .verified(.refused(let why))): return refuse(.verify, .rejected, why)
        case (.verify, .verified(.damaged(let what))): return fetchAgain(what)
        case (.verify, .verified(.failed(let circumstance))): return setBack(circumstance)

        case (.stage, .staged(.done)): return go(to: .probe)
        case (.stage, .staged(.failed(let circumstance))): return setBack(circumstance)

        case (.probe, .probed(.passed)) where !hasPassedProbe: return probePassed()
        case (.probe, .probed(.refused(let why))) where !hasPassedProbe: return refuse(.probe, .rejected, why)
        case (.probe, .probed(.waiting(let reason))) where !hasPassedProbe: return wait(for: reason)
        case (.probe, .probed(.failed(let circumstance))) where !hasPassedProbe: return setBack(circumstance)
        case (.probe, .permitted(.granted)) where hasPassedProbe: return go(to: .activate)
        case (.probe, .permitted(.waiting(let reason))) where hasPassedProbe: return wait(for: reason)

        case (.activate, .activated(.done(let took))): return switchOver(took)
        case (.activate, .activated(.failed(let circumstance))): return returnFromActivate(circumstance)
        case (.activate, .stalled): return [.cancel] + returnFromActivate(.helperKilled, because: .stalled)

        case (.observe, .observed(.passed)): return go(to: .commit)
        case (.observe, .observed(.refused(let why))): return refuse(.observe, .failedRollbackComplete, why)
        case (.observe, .observed(.waiting(let reason))): return wait(for: reason)
        case (.observe, .observed(.failed(let circumstance))): return setBack(circumstance)
        case (.observe, .rollBackRequested(let who)):
            return [.cancel] + refuse(.observe, .failedRollbackComplete, "rolled back by \(who)", because: .requested)

        case (.commit, .committed(.done)): return finish()
        case (.commit, .committed(.failed(let circumstance))): return setBack(circumstance)

        case (.rollback, .rolledBack(.complete)): return rolledBack()
        case (.rollback, .rolledBack(.impossible(let why))): return tryNextWayBack(why)
        case (.rollback, .rolledBack(.failed(let circumstance))): return rollbackFailed(circumstance)
        case (.rollback, .stalled): return [.cancel] + rollbackFailed(.helperKilled, because: .stalled)

        // Nothing that goes wrong on the way out may hold an endpoint up.
        case (.failure, .failureKept): return go(to: .cleanup)
        case (.failure, .stalled): return [.cancel] + go(to: .cleanup, .stalled)
        case (.cleanup, .cleanedUp): return end()
        case (.cleanup, .stalled): return [.cancel] + end()

        case (.preflight, .superseded(let serial)), (.download, .superseded(let serial)),
            (.verify, .superseded(let serial)), (.stage, .superseded(let serial)), (.probe, .superseded(let serial)):
            return supersede(bySerial: serial)
        case (.preflight, .withdrawn(let why)), (.download, .withdrawn(let why)), (.verify, .withdrawn(let why)),
            (.stage, .withdrawn(let why)), (.probe, .withdrawn(let why)):
            return leave(UpdateEnding(.failedNoStateChange, why.reason, why.sentence))
        case (.activate, .withdrawn(let why)), (.observe, .withdrawn(let why)):
            return [.cancel] + rollBack(UpdateEnding(.failedRollbackComplete, why.reason, why.sentence))
        case (.preflight, .deadlinePassed), (.download, .deadlinePassed), (.verify, .deadlinePassed),
            (.stage, .deadlinePassed), (.probe, .deadlinePassed):
            return [.cancel] + fail(.deadlineEnding)
        case (.activate, .deadlinePassed): return [.cancel] + rollBack(.deadlineEnding)

        case (.preflight, .stalled), (.download, .stalled), (.verify, .stalled), (.stage, .stalled), (.probe, .stalled),
            (.observe, .stalled), (.commit, .stalled):
            return [.cancel] + setBack(.helperKilled, because: .stalled)
        // `edgeagent retry` ends a pause early.
        case (_, .waitEnded), (_, .retry):
            guard progress.waiting != nil, !isAtWork else { break }
            return tryAgain()

        default: break
        }
        throw UpdateRefusal(state: state, event: event.kind)
    }
}

/// An event that the update's state does not allow. Nothing has changed.
package struct UpdateRefusal: ExplainedError, Hashable {
    package let state: UpdateState
    package let event: UpdateEvent.Kind

    package init(state: UpdateState, event: UpdateEvent.Kind) {
        self.state = state
        self.event = event
    }

    package var message: String { "the update is in \(state.rawValue), which does not allow \(event.rawValue)" }

    package var exitCode: ExitCode { .tryAgain }
}

/// Why something changed: a code, and words for people.
package struct UpdateNote: Hashable, Sendable {
    package var reason: UpdateReason
    package var detail: String

    package init(_ reason: UpdateReason, _ detail: String = "") {
        self.reason = reason
        self.detail = detail.cut(toBytes: UpdateEnding.longestDetail)
    }
}

extension UpdateProgress {
    /// Whether a committed generation can be left for the one before it.
    var canRollBack: Bool { generations.current != nil && generations.previous != nil }
}

extension UpdateEnding {
    fileprivate static let deadlineEnding = UpdateEnding(.timedOut, .deadline)
}

extension Withdrawal {
    fileprivate var reason: UpdateReason {
        switch self {
        case .aborted: .aborted
        case .revoked: .revoked
        case .notSelected: .notSelected
        }
    }

    fileprivate var sentence: String {
        switch self {
        case .aborted: "the rollout was aborted"
        case .revoked: "the bundle was revoked"
        case .notSelected: "the deployment is no longer for this box"
        }
    }
}
