package import WallClock

/// Somebody on the box asked it to wait.
package struct Hold: Hashable, Sendable {
    package var who: String
    package var reason: String
    /// Nil until `unhold`.
    package var until: UTCTime?

    package init(who: String, reason: String, until: UTCTime? = nil) {
        self.who = who
        self.reason = reason
        self.until = until
    }

    /// Design section 6: "a local `hold` (who, reason, until; stops Activate only)". Without a trusted clock it is
    /// over only when its end has certainly passed.
    package func isInForce(_ clock: ClockReading) -> Bool { until.map { clock.hasReached($0) != true } ?? true }

    package var sentence: String { "\(who) holds it\(until.map { " until \($0)" } ?? ""): \(reason)" }
}

/// A neighbour's lease on the box: an OS updater, another service.
package struct NeighbourLock: Hashable, Sendable {
    package var holder: String
    package var expires: UTCTime

    package init(holder: String, expires: UTCTime) {
        self.holder = holder
        self.expires = expires
    }

    /// Design section 6: "a neighbour's lock (a lease with an expiry)". Without a trusted clock it is over only when
    /// its end has certainly passed.
    package func isInForce(_ clock: ClockReading) -> Bool { clock.hasReached(expires) != true }

    package var sentence: String { "\(holder) holds the lock until \(expires)" }
}
