package import Deployment
package import Digest
package import EdgeAgent

/// What an endpoint of the box runs and is at, as far as plans need it.
package struct EndpointSituation: Equatable, Sendable {
    package struct Attempt: Hashable, Sendable {
        package var serial: Int
        package var bundle: SHA256Digest
        package var state: UpdateState

        package init(serial: Int, bundle: SHA256Digest, state: UpdateState) {
            self.serial = serial
            self.bundle = bundle
            self.state = state
        }
    }

    package var running: RunningBundle?
    /// All that the endpoint has or could go back to.
    package var installed: Set<SHA256Digest>
    /// The newest deployment that asked for what runs.
    package var runningSerial: Int?
    /// The try under way.
    package var attempt: Attempt?
    /// The deployment whose abort the box has just gone back from, after it had served its bundle.
    package var leftSerial: Int?

    package init(running: RunningBundle? = nil, runningSerial: Int? = nil, attempt: Attempt? = nil) {
        self.running = running
        installed = Set([running?.digest, attempt?.bundle].compactMap { $0 })
        self.runningSerial = runningSerial
        self.attempt = attempt
    }

    /// - Parameter describe: name, version and interface of an installed bundle.
    package init(_ progress: UpdateProgress, describe: (SHA256Digest) throws -> RunningBundle) rethrows {
        installed = progress.kept
        running = try progress.generations.current.map { try describe($0.bundle) }
        runningSerial = progress.generations.current?.serial
        attempt = progress.attempt.map {
            Attempt(serial: $0.candidate.serial, bundle: $0.candidate.bundle, state: progress.state)
        }
        if let last = progress.last, last.ending.reason == .aborted, last.ending.result == .failedRollbackComplete {
            leftSerial = last.serial
        }
    }

    /// How far the box has gone with a deployment, for what an abort of it means.
    package func progress(of deployment: Deployment) -> AbortEffect.Progress {
        let serial = deployment.location.serial
        if let attempt, attempt.serial == serial, !deployment.fallback.contains(attempt.bundle) {
            switch attempt.state {
            case .idle, .sync, .preflight, .download, .verify, .stage, .probe: return .preparing
            case .activate, .observe: return .observing
            case .commit: return .committed
            // It is on its way out already.
            case .rollback, .failure, .cleanup: return .untouched
            }
        }
        // Going back at once to what was there before is the first half of the way to the fallback.
        if leftSerial == serial { return .committed }
        guard runningSerial == serial, let running else { return .untouched }
        // What an abort led to is not gone back from.
        return deployment.fallback.contains(running.digest) ? .untouched : .committed
    }
}
