package import Deployment
internal import FleetProtocol

/// How many boxes there are, and when each checks in.
package struct SimulationPlan: Sendable {
    /// The boxes of one run, at most.
    package static let boxLimit = 100_000
    package static let threadLimit = 64

    package var count: Int
    /// Between two check-ins of a box.
    package var interval: Duration
    /// No check-in is due after it.
    package var duration: Duration
    package var prefix: String
    package var seed: UInt64
    /// Exchanges that are under way at once, at most.
    package var threads: Int

    package init(
        count: Int,
        interval: Duration = .seconds(10),
        duration: Duration = .seconds(60),
        prefix: String = "sim",
        seed: UInt64 = 1,
        threads: Int = 16
    ) {
        self.count = count
        self.interval = interval
        self.duration = duration
        self.prefix = prefix
        self.seed = seed
        self.threads = threads
    }

    /// `PREFIX-00001` and so on; nil where the prefix makes no device's id that a certificate can name.
    package func device(_ index: Int) -> DeviceID? {
        let number = String(index + 1)
        let text = "\(prefix)-" + String(repeating: "0", count: max(0, 5 - number.count)) + number
        return text.utf8.count <= FleetLimits.deviceBytes ? DeviceID(text) : nil
    }

    /// Check-in `number` of the whole run comes from this box; one follows the other so that they are spread evenly.
    package func box(ofCheckIn number: Int) -> Int { number % max(1, count) }

    /// When check-in `number` of the whole run is due, from the begin on.
    package func due(ofCheckIn number: Int) -> Duration {
        let (round, place) = number.quotientAndRemainder(dividingBy: max(1, count))
        return interval * round + interval * Double(place) / Double(max(1, count))
    }

    /// How many check-ins are due in all. Every box has at least one.
    package var checkIns: Int {
        let rounds = max(1, duration / max(interval, .milliseconds(1)))
        let limit = Double(Int.max >> 8)
        return max(count, Int(min(limit, (rounds * Double(count)).rounded(.down))))
    }

    /// What a check-in says of its interval: whole seconds.
    var intervalSeconds: Int {
        let (seconds, attoseconds) = interval.components
        let whole = Int(clamping: seconds) + (attoseconds > 0 ? 1 : 0)
        return min(max(whole, FleetLimits.intervals.lowerBound), FleetLimits.intervals.upperBound)
    }
}
