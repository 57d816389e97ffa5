/// A moment of civil time, in whole seconds since 1970-01-01T00:00:00Z (leap seconds not counted, as POSIX has it).
package struct UTCTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let seconds: Int64

    package init(seconds: Int64) { self.seconds = seconds }

    /// From exactly `YYYY-MM-DDTHH:MM:SSZ`, years 0001 to 9999: the one notation of our documents and of TUF's
    /// (RFC 3339 in UTC, without fractions). Nil for anything else.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let marks = zip([4, 7, 10, 13, 16, 19], "--T::Z".utf8)
        guard bytes.count == 20, marks.allSatisfy({ bytes[$0] == $1 }) else { return nil }
        var numbers: [Int] = []
        for range in [0..<4, 5..<7, 8..<10, 11..<13, 14..<16, 17..<19] {
            var number = 0
            for byte in bytes[range] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
            }
            numbers.append(number)
        }
        let date = CivilDate(year: numbers[0], month: numbers[1], day: numbers[2])
        guard date.exists, numbers[3] < 24, numbers[4] < 60, numbers[5] < 60 else { return nil }
        seconds = Int64(date.daysSince1970 * 86_400 + numbers[3] * 3_600 + numbers[4] * 60 + numbers[5])
    }

    /// The same notation; a moment outside the years 0001 to 9999 is shown as the nearest inside.
    package var description: String {
        let shown = Int(min(max(seconds, -62_135_596_800), 253_402_300_799))
        let second = (shown % 86_400 + 86_400) % 86_400
        let date = CivilDate(daysSince1970: (shown - second) / 86_400)
        let day = "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
        return "\(day)T\(padded(second / 3_600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))Z"
    }

    /// The moment so much later, whole seconds; the end of the range where there is none.
    package func advanced(by duration: Duration) -> UTCTime {
        let (sum, overflow) = seconds.addingReportingOverflow(duration.components.seconds)
        guard !overflow else { return UTCTime(seconds: duration < .zero ? .min : .max) }
        return UTCTime(seconds: sum)
    }

    package static func < (left: UTCTime, right: UTCTime) -> Bool { left.seconds < right.seconds }
}

private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

/// A day of the proleptic Gregorian calendar.
struct CivilDate: Equatable {
    let year: Int
    let month: Int
    let day: Int

    /// Days before the first of each month of a year without a leap day.
    private static let daysBefore = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365]

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    /// Days before 1 January of `year`, which is at least 1, counted from 0001-01-01.
    private static func daysBefore(year: Int) -> Int {
        let full = year - 1
        return full * 365 + full / 4 - full / 100 + full / 400
    }

    /// 1970-01-01 counted from 0001-01-01.
    private static let epoch = 719_162

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// `days` no earlier than 0001-01-01.
    init(daysSince1970 days: Int) {
        let count = days + Self.epoch
        // 400 years are 146,097 days; the guess is the year itself or, near its end, the one after.
        var year = count * 400 / 146_097 + 1
        while Self.daysBefore(year: year) > count { year -= 1 }
        while Self.daysBefore(year: year + 1) <= count { year += 1 }
        let dayOfYear = count - Self.daysBefore(year: year)
        var month = 12
        while Self.firstDay(of: month, in: year) > dayOfYear { month -= 1 }
        self.init(year: year, month: month, day: dayOfYear - Self.firstDay(of: month, in: year) + 1)
    }

    private static func firstDay(of month: Int, in year: Int) -> Int {
        daysBefore[month - 1] + (month > 2 && isLeap(year) ? 1 : 0)
    }

    /// Whether the calendar has this day.
    var exists: Bool {
        guard year >= 1, (1...12).contains(month), day >= 1 else { return false }
        let leapDay = month == 2 && Self.isLeap(year) ? 1 : 0
        return day <= Self.daysBefore[month] - Self.daysBefore[month - 1] + leapDay
    }

    var daysSince1970: Int {
        Self.daysBefore(year: year) + Self.firstDay(of: month, in: year) + day - 1 - Self.epoch
    }
}
