internal import Diagnostics
package import WallClock

/// Whether Activate may start now, as far as windows go.
package enum WindowState: Hashable, Sendable {
    /// It may, without an end or until then.
    case open(until: UTCTime?)
    /// The next window in which it fits begins then.
    case closed(opens: UTCTime)
    /// A window is open, but what it took the last time no longer fits; it fits in the one that begins then.
    case tooShort(left: Duration, needed: Duration, opens: UTCTime)
    /// It fits in no window at all.
    case neverFits(needed: Duration, longest: Duration)
    /// There are windows, and the clock is not set.
    case needsClock

    /// Design section 6: windows "may cross midnight and gate the start of Activate, if the time that the last one
    /// took still fits; without a trusted clock `waitingFor(clock)`".
    ///
    /// A window's end is not part of it; windows that touch are one. The box's zone counts with its offset of now,
    /// so across a change to summer time the next opening may be told an hour off.
    ///
    /// - Parameters:
    ///   - windows: the deployment's; none means always.
    ///   - local: the box's own; none means always. Both must allow it.
    ///   - lastActivation: how long the last one took; nil where none is known, which always fits.
    package static func judge(
        _ windows: [UpdateWindow],
        local: [UpdateWindow] = [],
        clock: ClockReading,
        lastActivation: Duration? = nil
    ) -> WindowState {
        guard !windows.isEmpty || !local.isEmpty else { return .open(until: nil) }
        guard clock.isTrusted else { return .needsClock }
        let offset = clock.zoneOffsetSeconds
        let schedule = WeekSchedule(windows, zoneOffset: offset)
            .intersection(WeekSchedule(local, zoneOffset: offset))
        if schedule.isAlways { return .open(until: nil) }
        // Rounded up: a second too many is harmless, one too few is not.
        let (seconds, attoseconds) = (lastActivation ?? .zero).components
        let needed = max(0, Int(clamping: seconds)) + (attoseconds > 0 ? 1 : 0)
        // 1970-01-01 was a Thursday.
        let now = WeekSchedule.wrapped(Int(clock.time.seconds % Int64(WeekSchedule.week)) + 3 * 86_400)
        let left = schedule.left(at: now)
        if let left, needed <= left { return .open(until: clock.time.advanced(by: .seconds(left))) }
        guard let wait = schedule.wait(from: now, for: max(needed, 1)) else {
            return .neverFits(needed: .seconds(needed), longest: .seconds(schedule.longest))
        }
        let opens = clock.time.advanced(by: .seconds(wait))
        guard let left else { return .closed(opens: opens) }
        return .tooShort(left: .seconds(left), needed: .seconds(needed), opens: opens)
    }

    package var sentence: String {
        switch self {
        case .open(nil): "no window is set, or it never closes"
        case .open(let until?): "the window is open until \(until)"
        case .closed(let opens): "the next window opens at \(opens)"
        case .tooShort(let left, let needed, let opens):
            "the window closes in \(Quantity.readable(left)), the last activation took \(Quantity.readable(needed)); "
                + "the next one opens at \(opens)"
        case .neverFits(let needed, let longest):
            "no window is as long as the last activation took: \(Quantity.readable(needed)), the longest has "
                + Quantity.readable(longest)
        case .needsClock: "windows are set, and the clock is not"
        }
    }
}
