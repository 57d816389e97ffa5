internal import Deployment
package import FleetProtocol

/// What an endpoint's report means by itself. Asked when the report comes in, so that it is known since when it is so.
package enum EndpointJudgement {
    /// Fewer requests say nothing of a share of errors.
    package static let fewestRequests = 20
    /// Percent of requests that may end with an error; the agent's own bound while it observes.
    package static let errorPercent = 5

    /// Code of a ``ConvergedReason``. `behind` and `cannotSync` are not said here: they take the whole device.
    package static func converged(_ report: EndpointReport) -> String { convergedReason(report).code }

    static func convergedReason(_ report: EndpointReport) -> ConvergedReason {
        let result = report.result.flatMap { UpdateResult(code: $0) }
        guard let state = UpdateState(rawValue: report.state) else { return .unknown }
        switch state {
        case .idle, .sync, .failure, .cleanup: return atRest(report, result)
        case .preflight, .download, .verify, .stage, .probe, .activate, .observe, .commit, .rollback:
            if case .waitingFor(let reason) = result { return .waitingFor(reason) }
            return report.result == nil || result != nil ? .updating : .unknown
        }
    }

    /// No update is under way.
    private static func atRest(_ report: EndpointReport, _ result: UpdateResult?) -> ConvergedReason {
        switch result {
        case .incompatible: return .incompatible
        case .ambiguous: return .ambiguous
        default: break
        }
        // What runs counts more than what is waited for or how the last try ended; and what no deployment asks for
        // runs on.
        guard let wanted = report.wanted else { return .nothingWanted }
        if report.running?.digest == wanted.digest { return .converged }
        switch result {
        case .waitingFor(let reason): return .waitingFor(reason)
        case .rejected: return .rejected
        case .failedRollbackComplete: return .rolledBack
        case .failedNoStateChange, .failedUnableToRollBack, .timedOut: return .failed
        case .successful, .alreadyInstalled: return report.running == nil ? .notRunning : .updating
        case .noDeployment, .superseded: return .updating
        // A code that only a newer agent knows.
        case nil: return report.result == nil ? .updating : .unknown
        case .incompatible, .ambiguous: return .unknown
        }
    }

    /// Code of a ``HealthyReason``.
    ///
    /// - Parameter before: the report before this one; nil for the first.
    /// - Parameter was: the code that was found for `before`.
    package static func healthy(_ report: EndpointReport, before: EndpointReport?, was: String? = nil) -> String {
        healthyReason(report, before: before, was: was).code
    }

    static func healthyReason(_ report: EndpointReport, before: EndpointReport?, was: String?) -> HealthyReason {
        if report.result == UpdateResult.failedUnableToRollBack.code { return .cannotGoBack }
        guard let running = report.running else {
            guard report.wanted != nil else { return .idle }
            let hasServed =
                report.previous != nil || before?.running != nil || was == HealthyReason.notServing.code
                || was == HealthyReason.cannotGoBack.code
            return hasServed || !isOnItsWay(report) ? .notServing : .idle
        }
        guard let counters = report.counters else { return .healthy }
        let earlier = before?.running?.digest == running.digest ? before?.counters : nil
        if hasRestarted(counters, earlier, isFirst: before == nil) { return .restarts }
        return hasErrors(counters, earlier) ? .errors : .healthy
    }

    /// Whether a first bundle is still to come, so that nothing is amiss where nothing serves.
    private static func isOnItsWay(_ report: EndpointReport) -> Bool {
        guard let code = report.result else { return true }
        return UpdateResult(code: code)?.isWaiting ?? false
    }

    private static func hasRestarted(
        _ counters: EndpointReport.Counters,
        _ earlier: EndpointReport.Counters?,
        isFirst: Bool
    ) -> Bool {
        // Of the very first report nobody knows how long ago they were.
        guard let earlier, counters.restarts >= earlier.restarts else { return !isFirst && counters.restarts > 0 }
        return counters.restarts > earlier.restarts
    }

    private static func hasErrors(
        _ counters: EndpointReport.Counters,
        _ earlier: EndpointReport.Counters?
    ) -> Bool {
        // Counters that fell began anew with another process.
        if let earlier, counters.requests >= earlier.requests, counters.errors >= earlier.errors,
            counters.requests - earlier.requests >= fewestRequests
        {
            return isTooMany(
                errors: counters.errors - earlier.errors,
                requests: counters.requests - earlier.requests
            )
        }
        return counters.requests >= fewestRequests
            && isTooMany(errors: counters.errors, requests: counters.requests)
    }

    private static func isTooMany(errors: Int, requests: Int) -> Bool {
        // By division: what a box says is no reason to overflow.
        Double(errors) / Double(requests) * 100 > Double(errorPercent)
    }
}
