internal import BundleManifest
internal import Deployment
internal import Digest
internal import FleetProtocol
internal import Telemetry
internal import WallClock

/// What the resident knows of its box at a moment, as the fleet is told it. Facts in, a message out.
struct BoxReport {
    struct Serving {
        /// What the runtime itself says that it has loaded; nil where it does not say, or has no bundle.
        var loaded: SHA256Digest?
        var containment: String?
    }

    struct Endpoint {
        var name: EndpointName
        var listen: String
        var standing: EndpointStanding
        /// The runtime that answers requests now.
        var serving: Serving?
    }

    var device: DeviceID
    var interval: Int
    var channel: Channel
    var labels: Labels
    var facts: CheckIn.BoxFacts
    var plan: SyncPlan?
    var problem: SyncProblem?
    /// In order of their names.
    var endpoints: [Endpoint]
    /// What installed bundles are called.
    var titles: (SHA256Digest) -> BoxStatus.Title?

    /// A message must never be refused for one long text.
    private static let longestSentence = 1000

    /// Without what changes with every look: moment, sequence, counters, losses, uptime, and when metadata was verified.
    var picture: CheckIn {
        var picture = checkIn(boot: "", sequence: 0, CheckIn.Moment(UTCTime(seconds: 0), isTrusted: false))
        picture.metadata?.verified = UTCTime(seconds: 0)
        return picture
    }

    func checkIn(
        boot: String,
        sequence: Int,
        _ moment: CheckIn.Moment,
        uptime: Int = 0,
        counters: [EndpointName: EndpointReport.Counters] = [:],
        lost: SpoolLosses = SpoolLosses()
    ) -> CheckIn {
        var facts = facts
        facts.uptime = uptime
        var message = CheckIn(device: device, boot: boot, sequence: sequence, moment: moment, facts: facts)
        message.interval = interval
        message.channel = channel
        let own = labels.withoutLocal.values.sorted { $0.key < $1.key }.prefix(FleetLimits.labels)
        message.labels = Dictionary(own.map { ($0.key.text, $0.value.text) }) { first, _ in first }
        message.metadata = plan.map { plan in
            CheckIn.Metadata(
                timestampVersion: plan.timestampVersion,
                verified: plan.verified.time,
                source: plan.source.rawValue
            )
        }
        message.sync = problem.map { problem in
            CheckIn.SyncTrouble(
                waitingFor: problem.reason.rawValue,
                sentence: problem.sentence.cut(toBytes: Self.longestSentence),
                since: problem.since
            )
        }
        message.endpoints = endpoints.prefix(FleetLimits.endpoints).map { report(of: $0, counters[$0.name]) }
        message.lost = CheckIn.Loss(records: Self.count(lost.records), bytes: Self.count(lost.bytes))
        return message
    }

    private func report(of endpoint: Endpoint, _ counters: EndpointReport.Counters?) -> EndpointReport {
        let standing = endpoint.standing
        let progress = standing.state.progress
        var report = EndpointReport(
            name: endpoint.name,
            listen: endpoint.listen.cut(toBytes: FleetLimits.nameBytes),
            state: progress.state.rawValue
        )
        report.running = endpoint.serving?.loaded.map { named($0, serial(of: $0, progress)) }
        report.wanted = standing.wanted.map { wanted in
            var named = named(wanted.bundle, wanted.serial)
            // A bundle that was not fetched yet has no manifest here.
            if named.name == nil, let title = standing.plan?.title {
                let words = title.split(separator: " ", maxSplits: 1).map(String.init)
                named.name = words.first?.cut(toBytes: FleetLimits.nameBytes)
                named.version = words.count > 1 ? words[1].cut(toBytes: FleetLimits.nameBytes) : nil
            }
            return named
        }
        report.previous = progress.generations.previous.map { named($0.bundle, $0.serial) }
        // Every change of state is a line of the history; more of the same are what it waited for meanwhile.
        let steps = standing.state.history.entries.reversed().prefix { $0.state == progress.state.rawValue }
        report.since = steps.last?.time
        report.result = standing.result?.code.cut(toBytes: FleetLimits.nameBytes)
        report.sentence = standing.sentence?.cut(toBytes: Self.longestSentence)
        report.containment = endpoint.serving?.containment
        report.counters = counters
        return report
    }

    private func named(_ bundle: SHA256Digest, _ serial: Int?) -> BundleReport {
        let title = titles(bundle)
        return BundleReport(
            digest: bundle,
            name: title?.name.text.cut(toBytes: FleetLimits.nameBytes),
            version: title?.version.description.cut(toBytes: FleetLimits.nameBytes),
            serial: serial
        )
    }

    /// Of the deployment that brought a bundle that runs.
    private func serial(of bundle: SHA256Digest, _ progress: UpdateProgress) -> Int? {
        if let attempt = progress.attempt, attempt.candidate.bundle == bundle { return attempt.candidate.serial }
        return [progress.generations.current, progress.generations.previous].compactMap { $0 }
            .first { $0.bundle == bundle }?.serial
    }

    private static func count(_ number: UInt64) -> Int { Int(min(number, 1 << 53)) }
}

extension BoxReport {
    /// What a step of an update tells the fleet.
    ///
    /// - Parameter log: the end of what the runtime of a failed update printed.
    static func event(
        _ entry: UpdateHistory.Entry,
        of endpoint: EndpointName,
        boot: String,
        sequence: Int,
        titles: (SHA256Digest) -> BoxStatus.Title?,
        log: String?
    ) -> EventReport {
        var event = EventReport(
            boot: boot,
            sequence: sequence,
            moment: CheckIn.Moment(entry.time, isTrusted: entry.isTimeTrusted),
            endpoint: endpoint,
            state: entry.state.cut(toBytes: FleetLimits.nameBytes),
            reason: entry.reason.cut(toBytes: FleetLimits.nameBytes),
            detail: entry.detail.cut(toBytes: FleetLimits.sentenceBytes)
        )
        event.serial = entry.serial
        event.bundle = entry.bundle.map { bundle in
            let title = titles(bundle)
            return BundleReport(
                digest: bundle,
                name: title?.name.text,
                version: title?.version.description,
                serial: entry.serial
            )
        }
        event.result = entry.result?.cut(toBytes: FleetLimits.nameBytes)
        event.log = log
        return event
    }
}
