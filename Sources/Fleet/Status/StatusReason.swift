package import Deployment

/// What is said to one of the three questions asked of every device.
package enum StatusAnswerKind: String, CaseIterable, Sendable {
    case yes, no, waiting, unknown
}

/// Why a device is reachable or not.
package enum ReachableReason: String, CaseIterable, Sendable {
    case reporting, silent, neverReported, revoked, decommissioned

    package var code: String { rawValue }

    package var answer: StatusAnswerKind {
        switch self {
        case .reporting: .yes
        case .silent, .revoked, .decommissioned: .no
        case .neverReported: .unknown
        }
    }

    /// The rule as text.
    package var predicate: String {
        switch self {
        case .reporting: "enrolled and now - lastSeen <= 3 * interval + 30 s"
        case .silent: "enrolled and now - lastSeen > 3 * interval + 30 s"
        case .neverReported: "enrolled and no check-in yet"
        case .revoked: "membership = revoked"
        case .decommissioned: "membership = decommissioned"
        }
    }
}

/// Why an endpoint, or a device, runs what is wanted or not.
package enum ConvergedReason: Hashable, Sendable {
    case converged, nothingWanted, updating
    case waitingFor(WaitingReason)
    case behind, cannotSync
    case rejected, rolledBack, failed, incompatible, ambiguous, notRunning
    case unknown

    package static let allCases: [ConvergedReason] =
        [.converged, .nothingWanted, .updating] + WaitingReason.allCases.map { .waitingFor($0) }
        + [
            .behind, .cannotSync, .rejected, .rolledBack, .failed, .incompatible, .ambiguous, .notRunning, .unknown,
        ]

    package var code: String {
        switch self {
        case .converged: "converged"
        case .nothingWanted: "nothingWanted"
        case .updating: "updating"
        case .waitingFor(let reason): UpdateResult.waitingFor(reason).code
        case .behind: "behind"
        case .cannotSync: "cannotSync"
        case .rejected: "rejected"
        case .rolledBack: "rolledBack"
        case .failed: "failed"
        case .incompatible: "incompatible"
        case .ambiguous: "ambiguous"
        case .notRunning: "notRunning"
        case .unknown: "unknown"
        }
    }

    private static let byCode = Dictionary(uniqueKeysWithValues: allCases.map { ($0.code, $0) })

    /// Nil where it is no code.
    package init?(code: String) {
        guard let known = Self.byCode[code] else { return nil }
        self = known
    }

    /// Waiting is not failing.
    package var answer: StatusAnswerKind {
        switch self {
        case .converged, .nothingWanted: .yes
        case .updating, .waitingFor, .behind, .cannotSync: .waiting
        case .rejected, .rolledBack, .failed, .incompatible, .ambiguous, .notRunning: .no
        case .unknown: .unknown
        }
    }

    /// The rule as text.
    package var predicate: String {
        switch self {
        case .converged: "running.digest = wanted.digest, no update under way"
        case .nothingWanted: "wanted = null, no update under way"
        case .updating: "running.digest != wanted.digest or an update under way, and result names nothing below"
        case .waitingFor(let reason):
            "running.digest != wanted.digest or an update under way, and result = "
                + UpdateResult.waitingFor(reason).code
        case .behind: "metadata = null or metadata.timestampVersion < the highest of its channel, where it would be yes"
        case .cannotSync: "sync != null, where it would be yes"
        case .rejected: "running.digest != wanted.digest and result = rejected"
        case .rolledBack: "running.digest != wanted.digest and result = failedRollbackComplete"
        case .failed:
            "running.digest != wanted.digest and result = failedNoStateChange, failedUnableToRollBack or timedOut"
        case .incompatible: "result = incompatible(…)"
        case .ambiguous: "result = ambiguous"
        case .notRunning: "running = null, wanted != null and result = successful or alreadyInstalled"
        case .unknown: "not reachable, or a result that this version does not know"
        }
    }
}

/// Why an endpoint, or a device, answers requests well or not.
package enum HealthyReason: String, CaseIterable, Sendable {
    case healthy, idle, notServing, errors, restarts, cannotGoBack, unknown

    package var code: String { rawValue }

    package var answer: StatusAnswerKind {
        switch self {
        case .healthy: .yes
        case .notServing, .errors, .restarts, .cannotGoBack: .no
        case .idle, .unknown: .unknown
        }
    }

    /// The rule as text.
    package var predicate: String {
        switch self {
        case .healthy: "running != null and none of errors, restarts, cannotGoBack"
        case .idle: "running = null, and wanted = null or the first bundle is still to come"
        case .notServing: "running = null, wanted != null, and something served before or no update is to come"
        case .errors:
            "errors / requests > 5 % of at least 20 requests since the last check-in, "
                + "or since it began to serve where fewer came"
        case .restarts: "counters.restarts grew since the last check-in"
        case .cannotGoBack: "result = failedUnableToRollBack"
        case .unknown: "not reachable"
        }
    }
}
