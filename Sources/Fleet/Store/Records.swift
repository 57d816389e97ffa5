package import Deployment
package import Digest
package import FleetProtocol
package import WallClock

/// Where a device stands with the fleet, whatever it reports.
package enum Membership: String, CaseIterable, Sendable {
    case enrolled, revoked, decommissioned
}

/// A device as the fleet keeps it: what operators said of it, and what it last said of itself.
package struct DeviceRecord: Hashable, Sendable {
    /// The database's own number for it.
    package var row: Int64
    package var device: DeviceID
    package var membership: Membership
    package var enrolled: UTCTime
    /// What operators gave it; delivered with every reply.
    package var labels: [String: String]
    /// What it said of itself; nil before the first check-in.
    package var report: DeviceReport? {
        _read { yield kept.report }
        set { kept = newValue.map { Kept($0) } ?? .none }
    }
    private var kept: Kept
    /// In order of their names.
    package var endpoints: [EndpointRecord]

    package init(
        row: Int64,
        device: DeviceID,
        membership: Membership,
        enrolled: UTCTime,
        labels: [String: String] = [:],
        report: DeviceReport? = nil,
        endpoints: [EndpointRecord] = []
    ) {
        self.row = row
        self.device = device
        self.membership = membership
        self.enrolled = enrolled
        self.labels = labels
        kept = report.map { Kept($0) } ?? .none
        self.endpoints = endpoints
    }

    /// A report is large: in place of being copied with every record it is shared.
    private final class Kept: Hashable, Sendable {
        static let none = Kept(nil)

        let report: DeviceReport?

        init(_ report: DeviceReport?) { self.report = report }

        static func == (left: Kept, right: Kept) -> Bool { left === right || left.report == right.report }

        func hash(into hasher: inout Hasher) { hasher.combine(report) }
    }
}

/// The newest check-in of a device, without its endpoints and events, and when it came by the fleet's clock.
package struct DeviceReport: Hashable, Sendable {
    /// When the last check-in came, by the fleet's clock.
    package var lastSeen: UTCTime
    /// Since when it has reported without a gap.
    package var reachableSince: UTCTime
    package var boot: String
    package var sequence: Int
    /// The box's own clock then.
    package var moment: CheckIn.Moment
    package var interval: Int
    package var facts: CheckIn.BoxFacts
    package var channel: Channel?
    package var labels: [String: String]
    package var metadata: CheckIn.Metadata?
    package var sync: CheckIn.SyncTrouble?
    package var lost: CheckIn.Loss
    /// Where it came from, without the port.
    package var address: String

    /// As it stands in the database; what may be missing is to be added.
    init(
        lastSeen: UTCTime,
        reachableSince: UTCTime,
        boot: String,
        sequence: Int,
        moment: CheckIn.Moment,
        interval: Int,
        facts: CheckIn.BoxFacts,
        lost: CheckIn.Loss,
        address: String
    ) {
        self.lastSeen = lastSeen
        self.reachableSince = reachableSince
        self.boot = boot
        self.sequence = sequence
        self.moment = moment
        self.interval = interval
        self.facts = facts
        self.lost = lost
        self.address = address
        labels = [:]
    }

    package init(_ checkIn: CheckIn, lastSeen: UTCTime, reachableSince: UTCTime, address: String) {
        self.lastSeen = lastSeen
        self.reachableSince = reachableSince
        self.address = address
        boot = checkIn.boot
        sequence = checkIn.sequence
        moment = checkIn.moment
        interval = checkIn.interval
        facts = checkIn.facts
        channel = checkIn.channel
        labels = checkIn.labels
        metadata = checkIn.metadata
        sync = checkIn.sync
        lost = checkIn.lost
    }
}

/// An endpoint of a device, with what was found of it when its report came in.
package struct EndpointRecord: Hashable, Sendable {
    package var report: EndpointReport
    /// Reason codes of ``EndpointJudgement``, and since when, by the fleet's clock.
    package var converged: String
    package var convergedSince: UTCTime
    package var healthy: String
    package var healthySince: UTCTime

    package init(
        report: EndpointReport,
        converged: String,
        convergedSince: UTCTime,
        healthy: String,
        healthySince: UTCTime
    ) {
        self.report = report
        self.converged = converged
        self.convergedSince = convergedSince
        self.healthy = healthy
        self.healthySince = healthySince
    }
}

/// Something that happened, as a device told it or as the fleet did it.
package struct EventRecord: Hashable, Sendable {
    /// Rises with arrival.
    package var id: Int64
    package var received: UTCTime
    package var device: DeviceID
    /// `update` for an ``EventReport``; else what the fleet did: `enrolled`, `renewed`, `labelled`, `revoked`,
    /// `decommissioned`.
    package var kind: String
    /// Nil where the fleet did it.
    package var report: EventReport?
    /// For people; what happened where there is no report.
    package var sentence: String
    /// Whether the end of a log came along; ``EventReport/log`` is filled only where one event is asked for.
    package var hasLog: Bool

    package init(
        id: Int64,
        received: UTCTime,
        device: DeviceID,
        kind: String,
        report: EventReport? = nil,
        sentence: String = "",
        hasLog: Bool = false
    ) {
        self.id = id
        self.received = received
        self.device = device
        self.kind = kind
        self.report = report
        self.sentence = sentence
        self.hasLog = hasLog
    }
}

/// A token as the fleet keeps it: never the secret.
package struct TokenRecord: Hashable, Sendable {
    package var id: Int64
    package var created: UTCTime
    package var createdBy: String
    package var expires: UTCTime
    /// How many devices may still enrol with it.
    package var usesLeft: Int
    package var uses: Int
    package var isRevoked: Bool
    package var channel: Channel?
    package var repository: String?
    package var rootDigest: SHA256Digest?
    package var labels: [String: String]

    package init(
        id: Int64 = 0,
        created: UTCTime,
        createdBy: String,
        expires: UTCTime,
        uses: Int = 1,
        usesLeft: Int? = nil,
        isRevoked: Bool = false,
        channel: Channel? = nil,
        repository: String? = nil,
        rootDigest: SHA256Digest? = nil,
        labels: [String: String] = [:]
    ) {
        self.id = id
        self.created = created
        self.createdBy = createdBy
        self.expires = expires
        self.uses = uses
        self.usesLeft = usesLeft ?? uses
        self.isRevoked = isRevoked
        self.channel = channel
        self.repository = repository
        self.rootDigest = rootDigest
        self.labels = labels
    }
}

/// One line of the audit: who, what, why, when. Each holds the digest of the one before.
package struct AuditRecord: Hashable, Sendable {
    package var number: Int64
    package var time: UTCTime
    /// `operator:NAME` of the login that ran a command, `device:ID`, or `server`.
    package var actor: String
    /// Such as `token.create`, `device.enrol`, `device.renew`, `device.revoke`.
    package var action: String
    /// What it was done to: a device's id, a token's number.
    package var subject: String
    package var reason: String
    /// Canonical JSON of what else belongs to it.
    package var detail: String
    package var previous: SHA256Digest
    package var digest: SHA256Digest

    package init(
        number: Int64,
        time: UTCTime,
        actor: String,
        action: String,
        subject: String,
        reason: String,
        detail: String,
        previous: SHA256Digest,
        digest: SHA256Digest
    ) {
        self.number = number
        self.time = time
        self.actor = actor
        self.action = action
        self.subject = subject
        self.reason = reason
        self.detail = detail
        self.previous = previous
        self.digest = digest
    }
}

/// Requests that were refused for one reason, counted by hour, so that whoever asks for nothing fills no disk.
package struct RefusalRecord: Hashable, Sendable {
    package var code: FleetProblem.Code
    /// Begin of the hour.
    package var hour: UTCTime
    package var count: Int
    package var last: UTCTime
    package var address: String
    /// As far as it could be told.
    package var device: String?
    package var sentence: String

    package init(
        code: FleetProblem.Code,
        hour: UTCTime,
        count: Int,
        last: UTCTime,
        address: String,
        device: String?,
        sentence: String
    ) {
        self.code = code
        self.hour = hour
        self.count = count
        self.last = last
        self.address = address
        self.device = device
        self.sentence = sentence
    }
}

/// A series of numbers of a device, newest last.
package struct MetricSeries: Hashable, Sendable {
    package struct Point: Hashable, Sendable {
        package var time: UTCTime
        package var value: Double

        package init(_ time: UTCTime, _ value: Double) {
            self.time = time
            self.value = value
        }
    }

    package var name: String
    package var unit: String
    /// As text, in order of their keys.
    package var attributes: [String: String]
    /// A cumulative sum; what people look at is how fast it rises.
    package var isCumulative: Bool
    package var points: [Point]

    package init(
        name: String,
        unit: String,
        attributes: [String: String] = [:],
        isCumulative: Bool = false,
        points: [Point] = []
    ) {
        self.name = name
        self.unit = unit
        self.attributes = attributes
        self.isCumulative = isCumulative
        self.points = points
    }
}

/// A log line of a device.
package struct LogLine: Hashable, Sendable {
    package var time: UTCTime
    package var received: UTCTime
    /// As OpenTelemetry counts: 9 information, 13 warning, 17 error.
    package var severity: Int
    package var body: String
    package var attributes: [String: String]

    package init(
        time: UTCTime,
        received: UTCTime,
        severity: Int,
        body: String,
        attributes: [String: String] = [:]
    ) {
        self.time = time
        self.received = received
        self.severity = severity
        self.body = body
        self.attributes = attributes
    }
}
