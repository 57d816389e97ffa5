package import Deployment
package import Digest
package import JSON
package import WallClock

/// `POST /v1/checkin`: how a box is, and what happened to it since the fleet last acknowledged.
///
/// A check-in is known by device, boot and sequence: sent twice, it counts once. What it says of the box is a whole
/// picture, of which the newest counts; events are each kept.
package struct CheckIn: Hashable, Sendable {
    /// A moment as the box knows it.
    package struct Moment: Hashable, Sendable {
        package var time: UTCTime
        /// False where `time` is only one that has certainly passed.
        package var isTrusted: Bool

        package init(_ time: UTCTime, isTrusted: Bool) {
            self.time = time
            self.isTrusted = isTrusted
        }
    }

    package var device: DeviceID
    /// The kernel's boot id.
    package var boot: String
    /// Of the spool's record that it was made from; rises over boots.
    package var sequence: Int
    package var moment: Moment
    /// Seconds until the next one at the latest.
    package var interval: Int
    package var facts: BoxFacts
    package var channel: Channel?
    /// The box's own labels, without `local.` ones.
    package var labels: [String: String]
    package var metadata: Metadata?
    /// Why the repository can't be followed; nil while it can.
    package var sync: SyncTrouble?
    package var endpoints: [EndpointReport]
    package var events: [EventReport]
    /// What the spool had to drop since it was made.
    package var lost: Loss

    package init(device: DeviceID, boot: String, sequence: Int, moment: Moment, facts: BoxFacts) {
        self.device = device
        self.boot = boot
        self.sequence = sequence
        self.moment = moment
        self.facts = facts
        interval = FleetLimits.defaultInterval
        labels = [:]
        endpoints = []
        events = []
        lost = Loss()
    }

    /// What the box is.
    package struct BoxFacts: Hashable, Sendable {
        /// Version of the agent.
        package var agent: String
        /// As of uname -m.
        package var machine: String
        /// As of uname -r.
        package var kernel: String
        /// `PRETTY_NAME` of os-release; empty where there is none.
        package var system: String
        package var processors: Int
        package var memoryBytes: Int
        /// Seconds since boot.
        package var uptime: Int

        package init(
            agent: String,
            machine: String = "",
            kernel: String = "",
            system: String = "",
            processors: Int = 0,
            memoryBytes: Int = 0,
            uptime: Int = 0
        ) {
            self.agent = agent
            self.machine = machine
            self.kernel = kernel
            self.system = system
            self.processors = processors
            self.memoryBytes = memoryBytes
            self.uptime = uptime
        }
    }

    /// What was verified of the repository.
    package struct Metadata: Hashable, Sendable {
        package var timestampVersion: Int
        package var verified: UTCTime
        /// `repository` or `media`.
        package var source: String

        package init(timestampVersion: Int, verified: UTCTime, source: String) {
            self.timestampVersion = timestampVersion
            self.verified = verified
            self.source = source
        }
    }

    package struct SyncTrouble: Hashable, Sendable {
        /// A reason as in `waitingFor(REASON)`.
        package var waitingFor: String
        package var sentence: String
        package var since: UTCTime

        package init(waitingFor: String, sentence: String, since: UTCTime) {
            self.waitingFor = waitingFor
            self.sentence = sentence
            self.since = since
        }
    }

    package struct Loss: Hashable, Sendable {
        package var records: Int
        package var bytes: Int

        package init(records: Int = 0, bytes: Int = 0) {
            self.records = records
            self.bytes = bytes
        }
    }
}

/// A bundle as a box names it.
package struct BundleReport: Hashable, Sendable {
    package var digest: SHA256Digest
    /// Nil where the box no longer has its manifest.
    package var name: String?
    package var version: String?
    /// Of the deployment that brought it or wants it.
    package var serial: Int?

    package init(digest: SHA256Digest, name: String? = nil, version: String? = nil, serial: Int? = nil) {
        self.digest = digest
        self.name = name
        self.version = version
        self.serial = serial
    }
}

/// How an endpoint of a box is.
package struct EndpointReport: Hashable, Sendable {
    package struct Counters: Hashable, Sendable {
        package var requests: Int
        package var errors: Int
        package var restarts: Int
        package var p50Microseconds: Int
        package var p99Microseconds: Int

        package init(requests: Int, errors: Int, restarts: Int, p50Microseconds: Int, p99Microseconds: Int) {
            self.requests = requests
            self.errors = errors
            self.restarts = restarts
            self.p50Microseconds = p50Microseconds
            self.p99Microseconds = p99Microseconds
        }
    }

    package var name: EndpointName
    package var listen: String
    /// What the serving runtime says that it has loaded; nil where nothing serves.
    package var running: BundleReport?
    /// What the deployments want here; nil for nothing.
    package var wanted: BundleReport?
    package var previous: BundleReport?
    /// ``UpdateState`` of the update under way.
    package var state: String
    /// When it came to this state.
    package var since: UTCTime?
    /// ``UpdateResult`` code: what it waits for, or how the last try ended; nil while it works.
    package var result: String?
    /// For people: why it is so.
    package var sentence: String?
    /// `full`, `reduced` or `none`; nil where it isn't known.
    package var containment: String?
    /// Of the serving runtime, since it began to serve.
    package var counters: Counters?

    package init(name: EndpointName, listen: String, state: String) {
        self.name = name
        self.listen = listen
        self.state = state
    }
}

/// Something that happened to an endpoint, as its history has it.
package struct EventReport: Hashable, Sendable {
    package var boot: String
    /// Of its record in the spool.
    package var sequence: Int
    package var moment: CheckIn.Moment
    package var endpoint: EndpointName
    /// The state it came to.
    package var state: String
    package var serial: Int?
    package var bundle: BundleReport?
    package var result: String?
    package var reason: String
    package var detail: String
    /// The end of what the runtime printed, where that says why.
    package var log: String?

    package init(
        boot: String,
        sequence: Int,
        moment: CheckIn.Moment,
        endpoint: EndpointName,
        state: String,
        reason: String,
        detail: String = ""
    ) {
        self.boot = boot
        self.sequence = sequence
        self.moment = moment
        self.endpoint = endpoint
        self.state = state
        self.reason = reason
        self.detail = detail
    }
}

/// The answer to a check-in: what it carried is kept, whatever happens to the server from now on.
package struct CheckInReply: Hashable, Sendable {
    /// The check-in's own sequence.
    package var acknowledged: Int
    package var interval: Int
    /// Labels that operators gave the device; the whole list.
    package var labels: [String: String]
    /// The fleet's clock.
    package var now: UTCTime

    package init(acknowledged: Int, interval: Int, labels: [String: String], now: UTCTime) {
        self.acknowledged = acknowledged
        self.interval = interval
        self.labels = labels
        self.now = now
    }

    package init(_ bytes: [UInt8]) throws(JSONError) {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: FleetLimits.message), path: "reply")
        self.init(
            acknowledged: try fields.count("acknowledged"),
            interval: try fields.integer("interval", in: FleetLimits.intervals),
            labels: try fields.labels("labels"),
            now: try fields.time("now")
        )
    }

    package var json: JSONValue {
        [
            "acknowledged": .integer(acknowledged), "interval": .integer(interval), "labels": .labels(labels),
            "now": .time(now),
        ]
    }
}
