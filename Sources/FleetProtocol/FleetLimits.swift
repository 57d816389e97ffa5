package import JSON

/// What is read of a message between a box and the fleet, at most. What is larger is refused, never cut.
package enum FleetLimits {
    /// Bytes of a check-in, unpacked.
    package static let checkInBytes = 512 << 10
    package static let endpoints = 64
    /// Events of one check-in; the rest follows in the next.
    package static let events = 500
    /// Bytes of a sentence, a reason or a detail.
    package static let sentenceBytes = 4 << 10
    /// Bytes of a name, a version, an address or a fact.
    package static let nameBytes = 256
    /// Bytes of the end of a log that travels with an event.
    package static let logBytes = 16 << 10
    package static let labels = 64
    /// Bytes of a device's id: what a certificate can name.
    package static let deviceBytes = 64
    /// Bytes of every other message.
    package static let messageBytes = 64 << 10

    package static let checkIn = JSONLimits(bytes: checkInBytes, depth: 8, values: 50_000)
    package static let message = JSONLimits(bytes: messageBytes, depth: 8, values: 5_000)

    /// Seconds between two check-ins of a box, where nothing changes.
    package static let intervals = 1...86_400
    package static let defaultInterval = 60
}
