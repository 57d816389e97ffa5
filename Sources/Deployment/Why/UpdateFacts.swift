package import WallClock

/// How far the gates of Probe have got with the chosen bundle.
package enum GateProgress: Hashable, Sendable {
    case notProbed
    case probed(GateOutcome)
}

/// Something outside that an update would have to wait for now.
package struct Shortage: Hashable, Sendable {
    package var reason: WaitingReason
    /// Whether fetching and staging wait too, or only Activate.
    package var stops: RuleReport.Reach
    package var sentence: String

    package init(reason: WaitingReason, stops: RuleReport.Reach, sentence: String) {
        self.reason = reason
        self.stops = stops
        self.sentence = sentence
    }
}

/// All that decides whether an endpoint of a box is updated now: each member is what its own rule's function said.
package struct UpdateFacts: Sendable {
    package var endpoint: EndpointName
    package var running: RunningBundle?
    package var clock: ClockReading
    package var revocations: RevocationReading
    package var selection: DeploymentSelection
    /// Nil where no deployment is selected.
    package var choice: BundleChoice?
    /// ``RetryLedger/decision(for:)`` of the chosen bundle.
    package var retry: RetryDecision = .allowed
    package var holds: [Hold] = []
    package var rollout: RolloutStanding = .paused(.missing, openWave: nil)
    /// Nil where no wave is known to be open.
    package var wave: WaveStanding?
    package var locks: [NeighbourLock] = []
    package var window: WindowState = .open(until: nil)
    package var gates: GateProgress = .notProbed
    package var freshness: Freshness = .fresh
    package var shortages: [Shortage] = []

    package init(
        endpoint: EndpointName,
        running: RunningBundle?,
        clock: ClockReading,
        revocations: RevocationReading,
        selection: DeploymentSelection,
        choice: BundleChoice?
    ) {
        self.endpoint = endpoint
        self.running = running
        self.clock = clock
        self.revocations = revocations
        self.selection = selection
        self.choice = choice
    }
}
