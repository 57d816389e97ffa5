/// What a machine knows of the time: its clock's reading, or only a moment that has certainly passed.
///
/// A box without a battery-backed clock starts in 1970. Until something it trusts has set the clock, it knows no more
/// than the floor: the latest of build time, last time stored and what signed metadata says about its own making.
package struct ClockReading: Hashable, Sendable {
    /// The time now where the clock is trusted, else the floor.
    package let time: UTCTime
    package let isTrusted: Bool
    /// How far the machine's own time zone is ahead of UTC now, in seconds; negative in the Americas.
    package let zoneOffsetSeconds: Int

    /// A clock that can be relied on. `zoneOffsetSeconds` beyond a day either way counts as UTC.
    package static func trusted(_ time: UTCTime, zoneOffsetSeconds: Int = 0) -> ClockReading {
        let isOffset = (-86_400...86_400).contains(zoneOffsetSeconds)
        return ClockReading(time: time, isTrusted: true, zoneOffsetSeconds: isOffset ? zoneOffsetSeconds : 0)
    }

    /// A clock that can't be relied on: all that is known is that `floor` has passed.
    package static func untrusted(floor: UTCTime) -> ClockReading {
        ClockReading(time: floor, isTrusted: false, zoneOffsetSeconds: 0)
    }

    private init(time: UTCTime, isTrusted: Bool, zoneOffsetSeconds: Int) {
        self.time = time
        self.isTrusted = isTrusted
        self.zoneOffsetSeconds = zoneOffsetSeconds
    }

    /// Whether `moment` has come; nil where it lies beyond the floor of a clock that isn't trusted.
    package func hasReached(_ moment: UTCTime) -> Bool? {
        if moment <= time { return true }
        return isTrusted ? false : nil
    }
}
