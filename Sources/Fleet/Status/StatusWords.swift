internal import Deployment
internal import Diagnostics
internal import Digest
internal import FleetProtocol
internal import WallClock

/// What is said about one device.
struct StatusWords {
    var record: DeviceRecord
    var verdict: DeviceVerdict
    var newest: NewestMetadata?

    private func subject(_ endpoint: EndpointReport? = nil) -> StatusSubject {
        var subject = StatusSubject()
        subject.device = record.device.text
        if let endpoint { subject.endpoint = endpoint.name.text }
        if let channel = record.report?.channel { subject.channel = channel.rawValue }
        subject.address = record.report.map { $0.address.isEmpty ? "unknown" : $0.address.said } ?? "unknown"
        return subject
    }

    var reachable: StatusAnswer {
        let report = record.report
        let reason = verdict.reachable
        let last = report.map { "its last check-in came at \($0.lastSeen)" } ?? "it has never reported"
        let sentence: String
        let since: UTCTime?
        switch reason {
        case .reporting:
            sentence =
                "it reports at least every \(report?.interval ?? 0) s, last at \(report?.lastSeen ?? record.enrolled)"
            since = report?.reachableSince
        case .silent:
            sentence = "\(last), and it wants to report at least every \(report?.interval ?? 0) s"
            since = report?.lastSeen
        case .neverReported:
            sentence = "it was enrolled at \(record.enrolled) and has never reported"
            since = record.enrolled
        case .revoked:
            sentence = "an operator revoked it, so its reports are refused; \(last)"
            since = nil
        case .decommissioned:
            sentence = "an operator took it out of the fleet; \(last)"
            since = nil
        }
        return StatusAnswer(
            answer: reason.answer,
            reason: reason.code,
            predicate: reason.predicate,
            sentence: sentence,
            since: since,
            next: reason.next(subject())
        )
    }

    // MARK: converged

    func converged(_ index: Int, _ reachable: StatusAnswer) -> StatusAnswer {
        let endpoint = record.endpoints[index]
        let reason = verdict.endpoints[index].converged
        let stored = ConvergedReason(code: endpoint.converged) ?? .unknown
        let words = EndpointWords(report: endpoint.report)
        let base = words.converged(stored)
        if verdict.reachable != .reporting { return unknown(reachable, converged: base) }
        switch reason {
        case .cannotSync, .behind:
            let (opening, since) = overlay(reason)
            return answer(reason, "\(opening); by what it knows, \(base)", since: since, endpoint.report)
        default: return answer(reason, base, since: endpoint.convergedSince, endpoint.report)
        }
    }

    /// Of a device without endpoints.
    func convergedOfAll(_ reachable: StatusAnswer) -> StatusAnswer {
        let base = "it has no endpoints, so nothing is wanted of it"
        if verdict.reachable != .reporting {
            return unknown(reachable, converged: record.report == nil ? nil : base)
        }
        switch verdict.converged {
        case .cannotSync, .behind:
            let (opening, since) = overlay(verdict.converged)
            return answer(verdict.converged, "\(opening); by what it knows, \(base)", since: since, nil)
        default: return answer(verdict.converged, base, since: record.report?.reachableSince, nil)
        }
    }

    private func answer(
        _ reason: ConvergedReason,
        _ sentence: String,
        since: UTCTime?,
        _ endpoint: EndpointReport?
    ) -> StatusAnswer {
        StatusAnswer(
            answer: reason.answer,
            reason: reason.code,
            predicate: reason.predicate,
            sentence: sentence,
            since: since,
            next: reason.next(subject(endpoint))
        )
    }

    /// What keeps the device from knowing what is wanted today, and since when.
    private func overlay(_ reason: ConvergedReason) -> (String, UTCTime?) {
        if reason == .cannotSync, let report = record.report, let trouble = report.sync {
            // Its clock may be wrong, but it can't have begun after it was told.
            let since = report.moment.isTrusted ? min(trouble.since, report.lastSeen) : nil
            let why = trouble.sentence.isEmpty ? "it waits for \(trouble.waitingFor.said)" : trouble.sentence.said
            return ("it can't follow the repository: \(why)", since)
        }
        guard let metadata = record.report?.metadata else { return ("it has not verified any metadata yet", nil) }
        let from = metadata.source == "media" ? " from media" : ""
        let known = newest.map { ", \($0.device) knows version \($0.version)" } ?? ""
        return ("it knows version \(metadata.timestampVersion) of the timestamp\(from)\(known)", nil)
    }

    private func unknown(_ reachable: StatusAnswer, converged last: String?) -> StatusAnswer {
        StatusAnswer(
            answer: .unknown,
            reason: ConvergedReason.unknown.code,
            predicate: ConvergedReason.unknown.predicate,
            sentence: unheard(last),
            since: reachable.since,
            next: reachable.next
        )
    }

    private func unheard(_ last: String?) -> String {
        guard let last, let report = record.report else { return "nothing is known of it: it has never reported" }
        return "nothing was heard of it since \(report.lastSeen); then: \(last)"
    }

    // MARK: healthy

    func healthy(_ index: Int, _ reachable: StatusAnswer) -> StatusAnswer {
        let endpoint = record.endpoints[index]
        let stored = HealthyReason(rawValue: endpoint.healthy) ?? .unknown
        let sentence = EndpointWords(report: endpoint.report).healthy(stored)
        if verdict.reachable != .reporting { return unknown(reachable, healthy: sentence) }
        return answer(verdict.endpoints[index].healthy, sentence, since: endpoint.healthySince, endpoint.report)
    }

    /// Of a device without endpoints.
    func healthyOfAll(_ reachable: StatusAnswer) -> StatusAnswer {
        let base = "it has no endpoints, so it has nothing to serve"
        if verdict.reachable != .reporting {
            return unknown(reachable, healthy: record.report == nil ? nil : base)
        }
        return answer(verdict.healthy, base, since: record.report?.reachableSince, nil)
    }

    private func answer(
        _ reason: HealthyReason,
        _ sentence: String,
        since: UTCTime?,
        _ endpoint: EndpointReport?
    ) -> StatusAnswer {
        StatusAnswer(
            answer: reason.answer,
            reason: reason.code,
            predicate: reason.predicate,
            sentence: sentence,
            since: since,
            next: reason.next(subject(endpoint))
        )
    }

    private func unknown(_ reachable: StatusAnswer, healthy last: String?) -> StatusAnswer {
        StatusAnswer(
            answer: .unknown,
            reason: HealthyReason.unknown.code,
            predicate: HealthyReason.unknown.predicate,
            sentence: unheard(last),
            since: reachable.since,
            next: reachable.next
        )
    }
}

/// What is said about one endpoint.
struct EndpointWords {
    var report: EndpointReport

    private var wanted: String { report.wanted?.title ?? "nothing" }

    private var onwards: String {
        report.running.map { "\($0.title) runs on" } ?? "nothing runs"
    }

    /// In the box's own words, after ours.
    private var said: String {
        guard let sentence = report.sentence, !sentence.isEmpty else { return "" }
        return "; the box says: \(sentence.said)"
    }

    func converged(_ reason: ConvergedReason) -> String {
        switch reason {
        case .converged:
            let serial = report.wanted?.serial.map { ", as deployment \($0) wants it" } ?? ", as it is wanted"
            return wanted + " runs" + serial
        case .nothingWanted:
            guard let running = report.running else { return "nothing is wanted here, and nothing runs" }
            return "no deployment asks for anything here, and \(running.title) runs on"
        case .updating: return updating
        case .waitingFor(let reason):
            guard report.wanted != nil else { return "\(reason.sentence)\(said)" }
            return "\(reason.sentence): \(wanted) is wanted, \(onwards)\(said)"
        case .rejected: return "\(wanted) was judged on this box and refused, \(onwards)\(said)"
        case .rolledBack:
            guard let running = report.running else {
                return "\(wanted) did badly or was called back, and nothing runs\(said)"
            }
            return "\(wanted) did badly or was called back, and the box went back to \(running.title)\(said)"
        case .failed: return failed + said
        case .incompatible:
            guard case .incompatible(let subject, let feature)? = result else {
                return "what is wanted needs what this box lacks, \(onwards)\(said)"
            }
            return "the \(subject.said) needs \(feature.said), which this box lacks, \(onwards)\(said)"
        case .ambiguous:
            return "several deployments of the same priority are for this box, so nothing changes and \(onwards)\(said)"
        case .notRunning: return "\(wanted) is installed, and nothing runs\(said)"
        // Said of a whole device, and never stored for an endpoint.
        case .behind, .cannotSync, .unknown:
            let result = report.result.map { "\"\($0.said)\"" } ?? "nothing"
            return "it reports \(result) in state \"\(report.state.said)\", "
                + "which this version of edgefleet does not know, and \(onwards)\(said)"
        }
    }

    private var result: UpdateResult? { report.result.flatMap { UpdateResult(code: $0) } }

    private var failed: String {
        switch result {
        case .failedUnableToRollBack:
            let after = report.running.map { "\($0.title) runs" } ?? "nothing runs"
            return "the update to \(wanted) failed, and the box could not go back: \(after)"
        case .timedOut: return "the update to \(wanted) took longer than its deadline, \(onwards)"
        default: return "the update to \(wanted) was dropped, \(onwards)"
        }
    }

    private var updating: String {
        guard report.wanted != nil else { return "what is wanted no more is being taken away, \(onwards)" }
        let back = report.previous.map { "goes back to \($0.title)" } ?? "goes away"
        switch UpdateState(rawValue: report.state) {
        case .idle, .sync, .failure, .cleanup, nil: return "\(wanted) is wanted and will be taken, \(onwards)"
        case .preflight: return "whether this box can take \(wanted) is being checked, \(onwards)"
        case .download: return "\(wanted) is being fetched, \(onwards)"
        case .verify: return "\(wanted) is being verified, \(onwards)"
        case .stage: return "\(wanted) is being made ready, \(onwards)"
        case .probe: return "\(wanted) is being tried beside what runs, \(onwards)"
        case .activate: return "\(wanted) is taking over"
        case .observe: return "\(wanted) serves and is being observed; it \(back) if it does badly"
        case .commit: return "\(wanted) did well and is being kept"
        case .rollback: return "\(wanted) did badly or was called back, and the box is going back"
        }
    }

    func healthy(_ reason: HealthyReason) -> String {
        let running = report.running?.title ?? "nothing"
        let counters = report.counters
        switch reason {
        case .healthy:
            guard let counters else { return "\(running) serves" }
            guard counters.requests > 0 else { return "\(running) serves; no request came since it began to" }
            let errors = counters.errors == 0 ? "none" : "\(counters.errors)"
            return
                "\(running) serves; of \(counters.requests) requests since it began to, \(errors) ended with an error"
        case .idle:
            return report.wanted == nil
                ? "nothing is wanted here, so nothing serves" : "nothing serves yet, \(wanted) is on its way"
        case .notServing: return "nothing serves, though \(wanted) is wanted\(said)"
        case .errors:
            let share = "more than \(EndpointJudgement.errorPercent) % of the latest requests ended with an error"
            guard let counters else { return "\(running) serves, and \(share)" }
            return "\(running) serves, and \(share): "
                + "\(counters.errors) of \(counters.requests) since it began to serve"
        case .restarts:
            let times = counters?.restarts ?? 1
            let count = times == 1 ? "once" : "\(times) times"
            return "\(running) serves, and its process ended by itself, \(count) since it began to serve"
        case .cannotGoBack: return "\(failed)\(said)"
        case .unknown: return "what was found of it is nothing that this version of edgefleet knows"
        }
    }
}

extension EventReport {
    /// What happened, in a sentence that names endpoint and bundle.
    package var told: String {
        let what = bundle?.title ?? serial.map { "deployment \($0)" } ?? "the update"
        var told = "\(endpoint): \(what) came to \(state.said)"
        if let result { told += "; \(UpdateResult(code: result)?.sentence.said ?? result.said)" }
        if !detail.isEmpty {
            told += ": \(detail.said)"
        } else if !reason.isEmpty, reason != "done" {
            told += ": \(reason.said)"
        }
        return told
    }
}

extension BundleReport {
    /// As people read it: name and version where they are known, and enough of the digest to tell it from others.
    package var title: String {
        let short = String(digest.hex.prefix(12))
        guard let name else { return "bundle \(short)" }
        let version = version.map { " \($0.said)" } ?? ""
        return "\(name.said)\(version) (\(short))"
    }
}

extension String {
    /// Words from outside, for a sentence: printable, and not too long.
    var said: String { cut.printable() }

    /// Its beginning, where lists would become too long; the page of one device has it whole.
    var cut: String {
        let limit = 500
        guard utf8.count > limit else { return self }
        let beginning = unicodeScalars.prefix(limit)
        guard beginning.endIndex < endIndex else { return self }
        return String(String.UnicodeScalarView(beginning)) + "…"
    }
}
