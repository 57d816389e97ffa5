package import Deployment
package import Digest

/// A bundle that is to be tried on an endpoint, and the deployment that says so.
package struct UpdateCandidate: Hashable, Sendable {
    /// The deployment's number.
    package var serial: Int
    package var bundle: SHA256Digest
    /// Where an aborted rollout leads, in order of preference; kept from garbage collection once installed.
    package var fallbacks: [SHA256Digest]
    /// How long the box may work on it, waiting not counted; nil for without limit.
    package var deadline: Duration?

    package init(serial: Int, bundle: SHA256Digest, fallbacks: [SHA256Digest] = [], deadline: Duration? = nil) {
        self.serial = serial
        self.bundle = bundle
        self.fallbacks = fallbacks
        self.deadline = deadline
    }
}

/// A bundle that an endpoint serves, or served before.
package struct InstalledGeneration: Hashable, Sendable {
    package var bundle: SHA256Digest
    /// The newest deployment that asked for it.
    package var serial: Int
    /// Digest of the host fingerprint it was probed on; nil where it never was.
    package var probedOn: SHA256Digest?

    package init(bundle: SHA256Digest, serial: Int, probedOn: SHA256Digest? = nil) {
        self.bundle = bundle
        self.serial = serial
        self.probedOn = probedOn
    }
}

/// What an endpoint serves and could go back to.
package struct EndpointGenerations: Hashable, Sendable {
    /// Served; nil where the endpoint has no bundle.
    package var current: InstalledGeneration?
    /// Served before it; nil where nothing was, or where it was bad.
    package var previous: InstalledGeneration?
    /// The current deployment's, where installed.
    package var fallbacks: [SHA256Digest]

    package init(
        current: InstalledGeneration? = nil,
        previous: InstalledGeneration? = nil,
        fallbacks: [SHA256Digest] = []
    ) {
        self.current = current
        self.previous = previous
        self.fallbacks = fallbacks
    }
}

/// How an attempt ended.
package struct UpdateEnding: Hashable, Sendable {
    package var result: UpdateResult
    package var reason: UpdateReason
    /// In words, for people; at most ``longestDetail`` bytes.
    package var detail: String

    /// Of everything that is kept in words: a state file is written at every step and must stay small.
    package static let longestDetail = 400

    package init(_ result: UpdateResult, _ reason: UpdateReason, _ detail: String = "") {
        self.result = result
        self.reason = reason
        self.detail = detail.cut(toBytes: Self.longestDetail)
    }
}

/// Why an update went from one state to the next, or began to wait: stable codes for history and telemetry.
package enum UpdateReason: String, CaseIterable, Sendable {
    /// A deployment asks for another bundle.
    case deployed
    /// The state's work is done.
    case done
    /// A condition outside is not met yet.
    case waiting
    /// The condition may be met now, or the back-off is over.
    case triedAgain
    /// Something that says nothing about the bundle.
    case circumstance
    /// The bundle was judged and not taken.
    case refused
    /// This box lacks what the bundle needs.
    case incompatible
    /// What was fetched is not what was asked for.
    case damaged
    /// The box went down uncleanly while trying the bundle.
    case strike
    case superseded
    case aborted
    case revoked
    case notSelected
    case deadline
    /// A step gave no answer in time.
    case stalled
    /// Somebody on the box asked for it.
    case requested
    /// The agent, or the box, was started again.
    case restarted
    /// What was to be gone back to can't be served.
    case noWayBack
}

/// One try of a candidate.
package struct UpdateAttempt: Hashable, Sendable {
    package let candidate: UpdateCandidate
    /// What was there when it began, and where a rollback leads.
    package let before: EndpointGenerations
    /// Time worked on it so far, waiting not counted.
    package var worked: Duration
    /// Setbacks since it last came further than ever: what back-off counts.
    package var setbacks = 0
    /// The furthest it has come.
    package var furthest: UpdateState
    /// Digest of the host fingerprint that the candidate passed the probe on; nil until then.
    package var probedOn: SHA256Digest?
    /// Whether `current` names the candidate, or did before a rollback began.
    package var isSwitched = false
    /// Where the rollback under way leads; nil for an endpoint that had no bundle.
    package var rollbackTarget: SHA256Digest?
    /// Rollbacks tried in vain.
    package var failedRollbacks = 0
    /// Set once it is decided how the attempt ends.
    package var ending: UpdateEnding?

    package init(
        candidate: UpdateCandidate,
        before: EndpointGenerations,
        worked: Duration = .zero,
        furthest: UpdateState = .preflight
    ) {
        self.candidate = candidate
        self.before = before
        self.worked = worked
        self.furthest = furthest
    }
}

extension String {
    /// At most `limit` bytes of it, whole characters.
    func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var kept = ""
        var bytes = 0
        for character in self {
            bytes += character.utf8.count
            guard bytes <= limit else { break }
            kept.append(character)
        }
        return kept
    }
}
