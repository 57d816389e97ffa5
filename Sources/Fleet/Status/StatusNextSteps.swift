internal import Deployment

/// Names for what a next step speaks of. The defaults are those of the table in docs/fleet-status.md.
struct StatusSubject {
    var device = "DEVICE"
    var endpoint = "ENDPOINT"
    var channel = "CHANNEL"
    var address = "ADDRESS"
}

extension ReachableReason {
    /// What a person can do; nil where nothing is to be done.
    func next(_ subject: StatusSubject) -> String? {
        switch self {
        case .reporting: nil
        case .silent:
            "check the box's power and network (last address \(subject.address)), "
                + "and with `edgeagent status` on the box that its agent runs"
        case .neverReported: "start the agent on the box (`edgeagent run`), and check that the box reaches this server"
        case .revoked:
            "to have it back, free its name with `edgefleet device decommission \(subject.device) --reason WHY`, "
                + "make a token with `edgefleet token create`, and enrol the box anew with `edgeagent enroll`"
        case .decommissioned:
            "to have it back, make a token with `edgefleet token create`, "
                + "and enrol the box anew with `edgeagent enroll`"
        }
    }
}

extension ConvergedReason {
    /// What a person can do; nil where nothing is to be done.
    func next(_ subject: StatusSubject) -> String? {
        let endpoint = subject.endpoint
        let rollout = "`edgepack rollout REPO --endpoint \(endpoint) --channel \(subject.channel) --state running"
        switch self {
        case .converged, .nothingWanted, .updating: return nil
        case .waitingFor(let reason):
            switch reason {
            case .wave:
                return "when the waves before it have done well, open its wave: \(rollout) --open WAVE --keys KEYS`"
            case .rollout: return "see why the rollout is paused, then let it go on: \(rollout) --keys KEYS`"
            case .freshness:
                return "have a fresh timestamp signed (`edgepack repo commit`), "
                    + "and check that the box reaches the repository; to a box without a network, bring new media"
            case .network: return "see with `edgeagent sync` on the box why it can't reach or trust the repository"
            case .disk: return "make room on the box's disk, for the bundle and the reserve of 64 MiB"
            case .memory: return "free memory on the box, or deploy a bundle that needs less"
            case .samples:
                return "send requests to the endpoint, or deploy with a smaller number of requests to wait for"
            case .clock: return "set the box's clock"
            case .retry: return "nothing, it tries again; `edgeagent why \(endpoint)` on the box says what stopped it"
            case .window: return "nothing, it goes on when its window opens"
            case .hold: return "end the hold on the box, if it has served its purpose"
            case .lock: return "nothing, it goes on when its neighbour is done; if that lasts, look at the neighbour"
            case .power: return "give the box power"
            case .data: return "nothing, it goes on next month; to be earlier, bring the update on media"
            }
        case .behind:
            return "nothing for some minutes, boxes look by themselves; then `edgeagent sync` on the box, "
                + "or new media for a box without a network"
        case .cannotSync:
            return "see with `edgeagent sync` on the box what is wrong with its line, its clock or the repository"
        case .rejected:
            return "look at `edgeagent why \(endpoint)` on the box, mend the model, and deploy a newer version"
        case .rolledBack:
            return "look at the log that `edgefleet events --device \(subject.device)` knows of, "
                + "mend the model, and deploy a newer version"
        case .failed:
            return "look at `edgeagent history \(endpoint)` on the box, then deploy a newer version, "
                + "or try this one again with `edgeagent retry \(endpoint)`"
        case .incompatible: return "deploy a bundle that is built for this kind of box, or bring the box a newer agent"
        case .ambiguous: return "deploy the one that is wanted anew; `edgeagent why \(endpoint)` on the box names them"
        case .notRunning:
            return "look at the agent's log and at the store's endpoints/\(endpoint)/blue.log and green.log on the box"
        case .unknown: return "see whether the device is reachable; what only newer agents say needs a newer edgefleet"
        }
    }
}

extension HealthyReason {
    /// What a person can do; nil where nothing is to be done.
    func next(_ subject: StatusSubject) -> String? {
        let endpoint = subject.endpoint
        let logs = "the store's endpoints/\(endpoint)/blue.log and green.log on the box"
        switch self {
        case .healthy, .idle: return nil
        case .notServing: return "look at `edgeagent why \(endpoint)` and \(logs), and deploy a version that works"
        case .errors:
            return "look at \(logs); if the version is to blame, go back with `edgeagent rollback \(endpoint)` "
                + "on the box, or deploy another one"
        case .restarts:
            return "look at \(logs); if it happens again, go back with `edgeagent rollback \(endpoint)` "
                + "on the box, or deploy another version"
        case .cannotGoBack: return "deploy a version that works now: this endpoint may serve nothing"
        case .unknown: return "see whether the device is reachable"
        }
    }
}
