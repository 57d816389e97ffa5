package import BundleManifest
package import Digest
package import JSON

/// The operators' signed statement: endpoint E on boxes that match S runs bundle B, to be rolled out by plan R.
///
/// Immutable once published; its serial only rises. What is not said leaves the safe default.
package struct Deployment: Equatable, Sendable {
    /// What the endpoint is to be.
    package enum State: Hashable, Sendable {
        /// Bundle digests in order of preference: a box takes the first whose platform, needs and grants it meets.
        case bundles([SHA256Digest])
        /// The endpoint is taken away.
        case absent

        package var bundles: [SHA256Digest] {
            switch self {
            case .bundles(let digests): digests
            case .absent: []
            }
        }
    }

    package var location: DeploymentLocation
    package var state: State
    /// Which boxes; nil for all of the channel.
    package var selector: Selector?
    /// Of several deployments that match a box the highest wins.
    package var priority = 0
    package var strategy: UpdateStrategy = .switchOver
    /// What the boxes' places in the waves are drawn with; nil for the deployment's path, so that every serial has
    /// other boxes go first.
    package var salt: String?
    /// The wave plan; empty for one wave of all boxes (see ``effectiveWaves``).
    package var waves: [Wave] = []
    package var gates = Gates()
    /// Where an aborted rollout leads, in order of preference as `state` is; usually one bundle.
    package var fallback: [SHA256Digest] = []
    /// No older version of the bundle is taken from now on; only raised.
    package var minimumVersion: BundleVersion?
    /// Layers that must be applied whole before the bundle's code runs.
    package var containment: Set<ContainmentLayer> = []
    package var parameters: JSONObject = [:]
    /// Whether a bundle of another interface epoch than the running one may be taken.
    package var allowsInterfaceChange = false
    /// How long a box may work on it, waiting not counted, before the attempt is `timedOut`; and after how long the
    /// fleet counts a box's silence against its wave.
    package var deadlineSeconds: Int?
    /// When Activate may start; empty for always.
    package var windows: [UpdateWindow] = []
    package var set: UpdateSet?
    /// How recently the timestamp must have been verified for Activate; nil for ``defaultFreshnessSeconds``.
    package var freshnessSeconds: Int?
    package var reason: String
    package var author: String

    /// Design section 6: "Activate needs a timestamp verified within the last 30 minutes".
    package static let defaultFreshnessSeconds = 1800
    /// Limits of what one deployment may list.
    package static let mostBundles = 16
    package static let mostWaves = 64
    package static let mostWindows = 64

    package init(location: DeploymentLocation, state: State, reason: String, author: String) {
        self.location = location
        self.state = state
        self.reason = reason
        self.author = author
    }

    /// The plan as it is carried out: a deployment without one has one wave `all` of all boxes. A rollout opens that
    /// one by its name too, so that no deployment starts by itself.
    package var effectiveWaves: [Wave] { waves.isEmpty ? [Wave(name: "all", members: .percent(.all))] : waves }

    package var effectiveSalt: String { salt ?? location.path }

    package var freshness: Duration { .seconds(freshnessSeconds ?? Self.defaultFreshnessSeconds) }

    /// Whom it is meant for: of two deployments with one audience the newer one replaces the older.
    package var audience: DeploymentAudience { DeploymentAudience(selector: selector, priority: priority) }
}

/// Whom a deployment is meant for, and how strongly.
package struct DeploymentAudience: Hashable, Sendable {
    package var selector: Selector?
    package var priority: Int

    package init(selector: Selector?, priority: Int) {
        self.selector = selector
        self.priority = priority
    }

    /// One digest of both, for records. Two spellings of one condition are two audiences.
    package var digest: SHA256Digest {
        SHA256.digest(Array("\(priority) ".utf8) + (selector?.json.compactBytes() ?? []))
    }
}

/// How a box changes over from one bundle to the next.
package enum UpdateStrategy: Hashable, Sendable {
    /// Both are in memory, the socket is handed over.
    case switchOver
    /// The candidate first answers copies of requests for so long.
    case shadowThenSwitch(seconds: Int)
    /// The candidate first answers this share of the requests for so long.
    case canary(share: Percent, seconds: Int)
    /// The old one is stopped first, where memory for both is short.
    case stopSwap
}

/// A layer that contains a bundle's code; design section 7 names them.
package enum ContainmentLayer: String, CaseIterable, Sendable {
    case user, mount, pid, net, cgroup, devices, landlock, seccomp, limits
    case noNewPrivileges = "no-new-privs"
}

/// Endpoints whose bundles belong together: activated in the members' order, rolled back together.
package struct UpdateSet: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var endpoint: EndpointName
        package var bundles: [SHA256Digest]

        package init(endpoint: EndpointName, bundles: [SHA256Digest]) {
            self.endpoint = endpoint
            self.bundles = bundles
        }
    }

    package var identifier: String
    package var members: [Member]

    package init(identifier: String, members: [Member]) {
        self.identifier = identifier
        self.members = members
    }
}
