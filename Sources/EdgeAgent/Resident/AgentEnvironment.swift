internal import Deployment
internal import Digest
internal import WallClock

/// What an endpoint's host has of the agent and of the machine: its ports.
final class AgentEnvironment {
    let store: AgentStore
    let boot: BootID
    let host: SHA256Digest
    /// Fetches of contents, which may take hours.
    let downloads: HelperLane
    /// Work on contents in the store: admit, collect.
    let contents: HelperLane
    let launcher: LaunchPort
    private let say: (String) -> Void

    /// Set by the agent, which is there when the hosts ask.
    var requestSync: (EndpointHost) -> Void = { _ in }
    /// A look at the repository soon, whatever the interval.
    var requestPoll: () -> Void = {}
    /// Where an installation from local media takes contents from; nil for the network.
    var media: () -> String? = { nil }
    var bundlesToKeep: () -> [SHA256Digest] = { [] }

    init(
        store: AgentStore,
        boot: BootID,
        host: SHA256Digest,
        downloads: HelperLane,
        contents: HelperLane,
        launcher: LaunchPort,
        say: @escaping (String) -> Void
    ) {
        self.store = store
        self.boot = boot
        self.host = host
        self.downloads = downloads
        self.contents = contents
        self.launcher = launcher
        self.say = say
    }

    var layout: StoreLayout { store.layout }

    func now() -> Duration { HostFacts.bootTime() }

    /// The clock is believed once it has passed what is known to have passed.
    func clock(floor: UTCTime?) -> ClockReading {
        let time = HostFacts.wallTime()
        guard let floor, time < floor else { return .trusted(time) }
        return .untrusted(floor: floor)
    }

    func log(_ line: String) { say(line) }
}

/// How recently the plan's metadata was verified.
struct PlanEvidence {
    private let source: SyncPlan.Source
    private let stamp: SyncPlan.Stamp

    init(_ plan: SyncPlan) {
        source = plan.source
        stamp = plan.verified
    }

    func age(at now: Duration, in boot: BootID) -> TimestampEvidence {
        if source == .media { return .media }
        guard stamp.boot == boot else { return .none }
        return .verified(ago: now - .milliseconds(stamp.milliseconds))
    }
}
