package import Deployment
internal import Diagnostics
internal import Digest
package import FleetProtocol
package import WallClock

/// Something that happened: an update of an endpoint with all its steps, or what the fleet did.
///
/// An update has a dozen steps, and who asks what happened wants to know how it went. The dashboard's lists do the same
/// (`grouped` in parts.js).
package struct Happening: Hashable, Sendable {
    /// Newest first, and never none.
    package private(set) var events: [EventRecord]

    /// Events of one update, which came newest first.
    private init(_ newest: EventRecord) { events = [newest] }

    /// The event that says how it went: the newest with a result, else the newest.
    package var telling: EventRecord { events.first { $0.report?.result != nil } ?? events[0] }

    /// Whether it has a result, or needs none.
    package var hasEnded: Bool { telling.report.map { $0.result != nil } ?? true }

    package var device: DeviceID { events[0].device }

    /// When that came which says how it went, by the fleet's clock.
    package var received: UTCTime { telling.received }

    /// The newest event that came with the end of a log.
    package var withLog: EventRecord? { events.first(where: \.hasLog) }

    /// Which update of which endpoint it is; nil for what the fleet did.
    package var update: Update? { events[0].report.map { Update(events[0].device, $0) } }

    /// Tells updates apart.
    package struct Update: Hashable, Sendable {
        /// The endpoint of a device.
        package struct Place: Hashable, Sendable {
            var device: DeviceID
            var endpoint: String
        }

        package var place: Place
        var serial: Int?
        var digest: String?

        init(_ device: DeviceID, _ report: EventReport) {
            place = Place(device: device, endpoint: report.endpoint.text)
            serial = report.serial
            digest = report.bundle?.digest.hex
        }
    }

    /// What happened, in the order of what tells it, newest first.
    ///
    /// - Parameter events: newest first.
    package static func all(of events: [EventRecord]) -> [Happening] {
        var found: [Happening] = []
        // Older events of an endpoint belong to its last update as long as they are about the same.
        var open: [Update.Place: (update: Update, index: Int)] = [:]
        for event in events {
            let update = event.report.map { Update(event.device, $0) }
            if let update, let last = open[update.place], last.update == update {
                found[last.index].events.append(event)
                continue
            }
            if let update { open[update.place] = (update, found.count) }
            found.append(Happening(event))
        }
        return found.sorted { $0.telling.id > $1.telling.id }
    }

    /// In one sentence that names endpoint, bundle and deployment.
    package var told: String {
        guard let report = telling.report else { return telling.told }
        // Its name is known only once it was fetched.
        let bundle = events.lazy.compactMap { $0.report?.bundle }.first { $0.name != nil } ?? report.bundle
        let title = bundle?.title ?? "the update"
        var told = "\(report.endpoint): \(title) \(went(report))"
        if let why = why(report) { told += ": \(why)" }
        if let serial = report.serial { told += " (deployment \(serial))" }
        return told
    }

    private func went(_ report: EventReport) -> String {
        guard let code = report.result else {
            return report.state == UpdateState.idle.rawValue ? "ended" : "is at \(report.state.said)"
        }
        switch UpdateResult(code: code) {
        case .successful: return "took over"
        case .alreadyInstalled: return "runs already"
        case .noDeployment: return "is wanted no more"
        case .rejected: return "was judged on the box and refused"
        case .failedNoStateChange: return "failed, and what ran before runs on"
        case .failedRollbackComplete: return "was taken back, and what ran before serves again"
        case .failedUnableToRollBack: return "failed, and the box could not go back"
        case .timedOut: return "took longer than its deadline"
        case .superseded: return "gave way to a newer deployment"
        case .waitingFor(let reason): return String(reason.sentence.trimmingPrefix("the update "))
        case .incompatible(let subject, let feature):
            return "is not for this box: the \(subject.said) needs \(feature.said)"
        case .ambiguous: return "is one of several of the same priority"
        case nil: return "ended as \(code.said)"
        }
    }

    /// What the box gave as the reason, where it is more than a word for how it went.
    private func why(_ report: EventReport) -> String? {
        let result = report.result.flatMap { UpdateResult(code: $0) }
        if !report.detail.isEmpty { return report.detail == result?.sentence ? nil : report.detail.said }
        guard result != .successful else { return nil }
        let plain = ["done", "began", "refused", "failed", "deployed"]
        return report.reason.isEmpty || plain.contains(report.reason) ? nil : report.reason.said
    }
}
