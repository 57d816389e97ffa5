package import Deployment
internal import JSON
package import WallClock

/// All that an endpoint's agent must know after a restart: the file `endpoints/NAME/state`.
package struct EndpointState: Sendable {
    package let endpoint: EndpointName
    package var progress: UpdateProgress
    /// The box's places in the waves of deployments, drawn once for each and kept.
    package var waves: [WaveAssignment]
    /// No time before this is believed; nil before any was known.
    package private(set) var clockFloor: UTCTime?
    /// At most one for each slot.
    package var runtimes: [RuntimeRecord]
    package var history: UpdateHistory
    /// For people: what exactly the update under way waits for, or what went wrong with its last try.
    package var trouble: String?
    /// The boot in which it was last written; nil for a new endpoint.
    package var boot: BootID?
    /// Whether the agent was told to stop since, so that what follows is no accident.
    package var isStopped: Bool

    /// What it was read from, for members that a newer agent wrote.
    let original: JSONValue

    /// Deployments whose waves are remembered.
    package static let mostWaves = 16

    /// An endpoint without a bundle.
    package init(endpoint: EndpointName) {
        self.init(endpoint: endpoint, progress: UpdateProgress(), original: .null)
    }

    init(endpoint: EndpointName, progress: UpdateProgress, original: JSONValue) {
        self.endpoint = endpoint
        self.progress = progress
        self.original = original
        waves = []
        runtimes = []
        history = UpdateHistory()
        isStopped = false
    }

    /// Raises the floor; a lower one changes nothing. Written with the next step that is.
    package mutating func raiseClockFloor(to time: UTCTime) { clockFloor = max(time, clockFloor ?? time) }

    /// The place drawn for a deployment, kept with the newest others.
    package mutating func keep(_ assignment: WaveAssignment) {
        let others = waves.filter { $0.deployment != assignment.deployment }
        waves = (others + [assignment]).sorted { $0.serial < $1.serial }.suffix(Self.mostWaves)
    }

    /// What was started again, seen from a boot of the box.
    package func restart(in boot: BootID) -> Restart {
        guard let last = self.boot else { return .agent(isClean: true) }
        return last == boot ? .agent(isClean: isStopped) : .box(isClean: isStopped)
    }
}
