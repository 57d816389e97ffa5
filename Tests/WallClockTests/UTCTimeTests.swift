import Testing
import WallClock

@Suite struct UTCTimeTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:01Z", 1), ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400), ("1900-03-01T00:00:00Z", -2_203_891_200),
            ("2026-11-20T10:16:46Z", 1_795_169_806), ("2038-01-19T03:14:08Z", 2_147_483_648),
            ("0001-01-01T00:00:00Z", -62_135_596_800), ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] as [(String, Int64)]
    )
    func readsAndWritesTheSameMoment(_ text: String, _ seconds: Int64) {
        #expect(UTCTime(text)?.seconds == seconds)
        #expect(UTCTime(seconds: seconds).description == text)
    }

    @Test(arguments: [
        "", "2026-11-20", "2026-11-20T10:16:46", "2026-11-20T10:16:46z", "2026-11-20T10:16:46.0Z",
        "2026-11-20 10:16:46Z", "2026-11-20T10:16:46+00:00", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-00-10T00:00:00Z", "2026-13-10T00:00:00Z", "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "0000-01-01T00:00:00Z",
        "2026-1-101T00:00:00Z", "+026-01-01T00:00:00Z", "２026-01-01T00:00:0Z",
    ])
    func refusesAnyOtherNotation(_ text: String) { #expect(UTCTime(text) == nil) }

    /// The days around every leap day and new year of four centuries, the whole cycle of the calendar.
    @Test func everyYearOfACycleHasItsDays() throws {
        var wrong: [Int] = []
        for year in 1801...2201 {
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let days = try ["01-01", "02-28", "03-01", "12-31"].map { day in
                try #require(UTCTime("\(year)-\(day)T12:00:00Z"))
            }
            let distances = zip(days, days.dropFirst()).map { ($1.seconds - $0.seconds) / 86_400 }
            let newYear = days[3].advanced(by: .seconds(86_400)).description
            if distances != [58, isLeap ? 2 : 1, 305] || newYear != "\(year + 1)-01-01T12:00:00Z" {
                wrong.append(year)
            }
            if days.contains(where: { UTCTime($0.description) != $0 }) { wrong.append(year) }
        }
        #expect(wrong == [])
    }

    @Test func advancesWithinItsRange() {
        #expect(UTCTime(seconds: 10).advanced(by: .seconds(5)) == UTCTime(seconds: 15))
        #expect(UTCTime(seconds: 10).advanced(by: .seconds(-20)) == UTCTime(seconds: -10))
        #expect(UTCTime(seconds: .max).advanced(by: .seconds(1)) == UTCTime(seconds: .max))
        #expect(UTCTime(seconds: .min).advanced(by: .seconds(-1)) == UTCTime(seconds: .min))
        #expect(UTCTime(seconds: .max).description == "9999-12-31T23:59:59Z")
        #expect(UTCTime(seconds: .min).description == "0001-01-01T00:00:00Z")
    }
}

@Suite struct ClockReadingTests {
    @Test(
        arguments: [
            (true, 99, true), (true, 100, true), (true, 101, false), (false, 99, true), (false, 100, true),
            (false, 101, nil),
        ] as [(Bool, Int64, Bool?)]
    )
    func knowsWhatHasCome(_ isTrusted: Bool, _ moment: Int64, _ expected: Bool?) {
        let time = UTCTime(seconds: 100)
        let clock: ClockReading = isTrusted ? .trusted(time) : .untrusted(floor: time)
        #expect(clock.hasReached(UTCTime(seconds: moment)) == expected)
    }

    @Test(arguments: [(86_400, 86_400), (-86_400, -86_400), (86_401, 0), (.min, 0), (.max, 0)])
    func takesNoZoneOffsetBeyondADay(_ offset: Int, _ expected: Int) {
        #expect(ClockReading.trusted(UTCTime(seconds: 0), zoneOffsetSeconds: offset).zoneOffsetSeconds == expected)
    }
}
