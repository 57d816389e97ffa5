/// Sizes and durations as people write and read them, the same on command lines, in configuration files and in output.
package enum Quantity {
    /// Why a text is not a quantity, as the end of a sentence about the text.
    package struct Malformed: Error, Equatable {
        /// Lower case, no full stop: "has no unit (ms, s, m, h or d)".
        package let reason: String
    }

    // Powers of 1000 carry the SI names and powers of 1024 the IEC names (IEC 80000-13); K for 1024 alone is not read,
    // because half of its readers take it for 1000.
    private static let byteUnits: [(name: String, bytes: Int)] = [
        ("B", 1), ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ]

    private static let durationUnits: [(name: String, nanoseconds: Int)] = [
        ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]

    /// Reads a number of bytes: `1048576`, `64MiB`, `1.5GB`.
    package static func bytes(from text: String) throws(Malformed) -> Int {
        let (digits, fraction, unit) = try split(text)
        if unit.isEmpty, fraction.isEmpty { return try scale(digits: digits, fraction: fraction, by: 1) }
        guard let known = byteUnits.first(where: { $0.name == unit }) else {
            throw Malformed(reason: "is not a size such as 64MiB, 1.5GB or a number of bytes")
        }
        return try scale(digits: digits, fraction: fraction, by: known.bytes)
    }

    /// Reads a duration with its unit: `250ms`, `30s`, `1.5m`; `0` needs none.
    package static func duration(from text: String) throws(Malformed) -> Duration {
        let (digits, fraction, unit) = try split(text)
        if unit.isEmpty {
            guard fraction.isEmpty, digits.allSatisfy({ $0 == "0" }) else {
                throw Malformed(reason: "has no unit (ms, s, m, h or d)")
            }
            return .zero
        }
        guard let known = durationUnits.first(where: { $0.name == unit }) else {
            throw Malformed(reason: "is not a duration such as 250ms, 30s or 5m")
        }
        return .nanoseconds(try scale(digits: digits, fraction: fraction, by: known.nanoseconds))
    }

    /// A size for reading, one decimal and SI units: `81.6 MB`.
    package static func readable(bytes: Int) -> String {
        let units = ["kB", "MB", "GB", "TB", "PB", "EB"]
        let magnitude = bytes.magnitude
        let sign = bytes < 0 ? "-" : ""
        guard magnitude >= 1_000 else { return "\(bytes) B" }
        var unit: UInt = 1_000
        for (position, name) in units.enumerated() {
            let tenths = magnitude / unit * 10 + (magnitude % unit * 10 + unit / 2) / unit
            // 999.95 kB rounds up to the next unit's 1.0.
            if tenths < 10_000 || position == units.count - 1 { return "\(sign)\(tenths / 10).\(tenths % 10) \(name)" }
            unit *= 1_000
        }
        return "\(bytes) B"
    }

    /// A duration for reading, to two places: `250 ms`, `1.2 s`, `5 min 3 s`, `2 d 4 h`.
    package static func readable(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return "-" + readable(.zero - duration) }
        if seconds == 0 {
            let microseconds = attoseconds / 1_000_000_000_000
            if microseconds < 1_000 { return "\(microseconds) us" }
            return "\(microseconds / 1_000) ms"
        }
        if seconds < 60 { return "\(seconds).\(attoseconds / 100_000_000_000_000_000) s" }
        let (minutes, hours) = (seconds / 60, seconds / 3_600)
        if hours == 0 { return pair(minutes, "min", seconds % 60, "s") }
        if hours < 24 { return pair(hours, "h", minutes % 60, "min") }
        return pair(hours / 24, "d", hours % 24, "h")
    }

    /// A size that reads back as exactly itself: `64MiB`, `1500`.
    package static func exact(bytes: Int) -> String {
        guard bytes > 0 else { return String(bytes) }
        for name in ["GiB", "MiB", "KiB", "GB", "MB", "kB"] {
            guard let unit = byteUnits.first(where: { $0.name == name })?.bytes, bytes % unit == 0 else { continue }
            return "\(bytes / unit)\(name)"
        }
        return String(bytes)
    }

    /// A duration that reads back as itself, to the nanosecond: `30s`, `5m`, `1500ms`.
    package static func exact(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard duration > .zero, !overflow else { return duration == .zero ? "0" : "\(seconds)s" }
        let nanoseconds = Int(whole) + Int(attoseconds / 1_000_000_000)
        for unit in durationUnits.reversed() where nanoseconds % unit.nanoseconds == 0 {
            return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
        }
        return "\(nanoseconds)ns"
    }

    private static func pair(_ large: Int64, _ largeUnit: String, _ small: Int64, _ smallUnit: String) -> String {
        small == 0 ? "\(large) \(largeUnit)" : "\(large) \(largeUnit) \(small) \(smallUnit)"
    }

    /// Cuts `1.50MB` into `1`, `5` (zeros at the end say nothing) and `MB`.
    private static func split(
        _ text: String
    ) throws(Malformed) -> (digits: Substring, fraction: Substring, unit: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, digits.count <= 20 else { throw Malformed(reason: "does not start with a number") }
        var rest = text[digits.endIndex...]
        var fraction = Substring()
        if rest.first == "." {
            fraction = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard !fraction.isEmpty else { throw Malformed(reason: "has no digits after the point") }
            rest = rest[fraction.endIndex...]
            while fraction.last == "0" { fraction.removeLast() }
        }
        return (digits, fraction, String(rest))
    }

    /// `digits.fraction` times the unit in whole numbers, so that 1.1GB is 1,100,000,000 and not what a Double makes of it.
    private static func scale(digits: Substring, fraction: Substring, by unit: Int) throws(Malformed) -> Int {
        guard let whole = Int(digits) else { throw Malformed(reason: "is too large") }
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { throw Malformed(reason: "is too large") }
        guard !fraction.isEmpty else { return product }

        guard fraction.count <= 9, let numerator = Int(fraction) else {
            throw Malformed(reason: "has too many digits after the point")
        }
        let denominator = fraction.reduce(1) { power, _ in power * 10 }
        let (part, partOverflow) = numerator.multipliedReportingOverflow(by: unit)
        guard !partOverflow else { throw Malformed(reason: "has too many digits after the point") }
        guard part % denominator == 0 else { throw Malformed(reason: "is not a whole number of the smallest unit") }
        let (sum, sumOverflow) = product.addingReportingOverflow(part / denominator)
        guard !sumOverflow else { throw Malformed(reason: "is too large") }
        return sum
    }
}
