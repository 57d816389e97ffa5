package import WallClock

/// What a record is worth: where room is short the last class loses first.
package enum SpoolClass: UInt8, CaseIterable, Hashable, Sendable, Comparable {
    /// What the box runs, what has happened to it, who told it to.
    case state = 0
    /// Counters and sketches.
    case metrics = 1
    case logs = 2
    /// Captured inputs and outputs, where the owner wants them.
    case samples = 3

    /// The more important one is less.
    package static func < (left: SpoolClass, right: SpoolClass) -> Bool { left.rawValue < right.rawValue }

    package var name: String {
        switch self {
        case .state: "state"
        case .metrics: "metrics"
        case .logs: "logs"
        case .samples: "samples"
        }
    }
}

/// A start of the system: the UUID of /proc/sys/kernel/random/boot_id.
package struct SpoolBoot: Hashable, Sendable, CustomStringConvertible {
    let high: UInt64
    let low: UInt64

    /// Nil where the text is no UUID.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [8, 4, 4, 4, 12],
            let high = UInt64(parts[..<3].joined(), radix: 16), let low = UInt64(parts[3...].joined(), radix: 16),
            text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") })
        else { return nil }
        self.high = high
        self.low = low
    }

    /// Of a kernel whose boot id is no UUID.
    package static let unknown = SpoolBoot(high: 0, low: 0)

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package var description: String {
        func digits(_ value: UInt64) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.utf8.count) + text
        }
        let (first, second) = (digits(high), digits(low))
        let groups = [
            first.prefix(8), first.dropFirst(8).prefix(4), first.suffix(4), second.prefix(4), second.suffix(12),
        ]
        return groups.joined(separator: "-")
    }
}

/// When a record was made: what is certain (the boot, and the time since then), and what the clock said.
package struct SpoolStamp: Hashable, Sendable {
    package let boot: SpoolBoot
    /// CLOCK_BOOTTIME in milliseconds.
    package let milliseconds: UInt64
    /// The wall clock; where it isn't trusted, a moment that has passed.
    package let time: UTCTime
    package let isClockTrusted: Bool

    package init(boot: SpoolBoot, milliseconds: UInt64, clock: ClockReading) {
        self.init(boot: boot, milliseconds: milliseconds, time: clock.time, isClockTrusted: clock.isTrusted)
    }

    init(boot: SpoolBoot, milliseconds: UInt64, time: UTCTime, isClockTrusted: Bool) {
        self.boot = boot
        self.milliseconds = milliseconds
        self.time = time
        self.isClockTrusted = isClockTrusted
    }
}

/// A record's name. Each class counts its own, from 1, in steps of one; a number is never given twice within one boot.
package struct SpoolID: Hashable, Sendable {
    package let spoolClass: SpoolClass
    package let sequence: UInt64
}

/// A record as it was put into the spool.
package struct SpoolRecord: Hashable, Sendable {
    package let id: SpoolID
    package let stamp: SpoolStamp
    /// What the payload is: for those who write and send; the spool doesn't look at it.
    package let kind: UInt8
    package let payload: [UInt8]
}
