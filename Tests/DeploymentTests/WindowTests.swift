import Deployment
import Testing
import WallClock

/// 2027-01-04 is a Monday.
@Suite struct WindowTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var windows: [String] = []
        var local: [String] = []
        let now: String
        var took: Int?
        var zoneHours = 0
        let expected: String

        var testDescription: String { "\(windows) \(local) at \(now)" }
    }

    /// `mon,tue 22:00-04:00 utc`
    static func window(_ text: String) throws -> UpdateWindow {
        let parts = text.split(separator: " ")
        let days = try parts[0].split(separator: ",").map { try #require(Weekday(rawValue: String($0))) }
        let minutes = try parts[1].split(separator: "-").map { part -> Int in
            let numbers = part.split(separator: ":")
            return try #require(Int(numbers[0])) * 60 + (try #require(Int(numbers[1])))
        }
        let zone = try #require(UpdateWindow.Zone(rawValue: String(parts[2])))
        return try #require(UpdateWindow(days: Set(days), from: minutes[0], to: minutes[1], zone: zone))
    }

    private func judge(_ test: Case) throws -> WindowState {
        WindowState.judge(
            try test.windows.map(Self.window),
            local: try test.local.map(Self.window),
            clock: .trusted(try time(test.now), zoneOffsetSeconds: test.zoneHours * 3600),
            lastActivation: test.took.map { .seconds($0) }
        )
    }

    @Test(arguments: [
        Case(now: "2027-01-04T12:00:00Z", expected: "no window is set, or it never closes"),
        // The edges of a plain window.
        Case(
            windows: ["mon 10:00-12:00 utc"],
            now: "2027-01-04T09:59:59Z",
            expected: "the next window opens at 2027-01-04T10:00:00Z"
        ),
        Case(
            windows: ["mon 10:00-12:00 utc"],
            now: "2027-01-04T10:00:00Z",
            expected: "the window is open until 2027-01-04T12:00:00Z"
        ),
        Case(
            windows: ["mon 10:00-12:00 utc"],
            now: "2027-01-04T11:59:59Z",
            expected: "the window is open until 2027-01-04T12:00:00Z"
        ),
        Case(
            windows: ["mon 10:00-12:00 utc"],
            now: "2027-01-04T12:00:00Z",
            expected: "the next window opens at 2027-01-11T10:00:00Z"
        ),
        // Over midnight, over the end of the week, to the end of the day.
        Case(
            windows: ["mon 22:00-04:00 utc"],
            now: "2027-01-05T03:59:59Z",
            expected: "the window is open until 2027-01-05T04:00:00Z"
        ),
        Case(
            windows: ["mon 22:00-04:00 utc"],
            now: "2027-01-04T03:00:00Z",
            expected: "the next window opens at 2027-01-04T22:00:00Z"
        ),
        Case(
            windows: ["sun 22:00-04:00 utc"],
            now: "2027-01-04T03:00:00Z",
            expected: "the window is open until 2027-01-04T04:00:00Z"
        ),
        Case(
            windows: ["sun 22:00-04:00 utc"],
            now: "2027-01-10T23:00:00Z",
            expected: "the window is open until 2027-01-11T04:00:00Z"
        ),
        Case(
            windows: ["mon 22:00-24:00 utc"],
            now: "2027-01-05T00:00:00Z",
            expected: "the next window opens at 2027-01-11T22:00:00Z"
        ),
        // Windows that touch or overlap are one.
        Case(
            windows: ["mon 22:00-24:00 utc", "tue 00:00-02:00 utc"],
            now: "2027-01-04T23:00:00Z",
            expected: "the window is open until 2027-01-05T02:00:00Z"
        ),
        Case(
            windows: ["mon 10:00-12:00 utc", "mon 11:00-13:00 utc"],
            now: "2027-01-04T10:30:00Z",
            expected: "the window is open until 2027-01-04T13:00:00Z"
        ),
        Case(
            windows: ["sun 22:00-24:00 utc", "mon 00:00-01:00 utc"],
            now: "2027-01-10T23:00:00Z",
            expected: "the window is open until 2027-01-11T01:00:00Z"
        ),
        Case(
            windows: ["mon,tue,wed,thu,fri,sat,sun 00:00-24:00 utc"],
            now: "2027-01-10T23:00:00Z",
            took: 10_000_000,
            expected: "no window is set, or it never closes"
        ),
        Case(
            windows: ["mon,tue,wed,thu,fri,sat,sun 12:00-11:59 utc"],
            now: "2027-01-04T11:59:00Z",
            expected: "the next window opens at 2027-01-04T12:00:00Z"
        ),
        // The box's own zone.
        Case(
            windows: ["mon 00:00-02:00 box"],
            now: "2027-01-03T23:00:00Z",
            zoneHours: 1,
            expected: "the window is open until 2027-01-04T01:00:00Z"
        ),
        Case(
            windows: ["mon 00:00-02:00 box"],
            now: "2027-01-04T01:30:00Z",
            zoneHours: 1,
            expected: "the next window opens at 2027-01-10T23:00:00Z"
        ),
        Case(
            windows: ["sun 20:00-23:00 box"],
            now: "2027-01-04T01:00:00Z",
            zoneHours: -5,
            expected: "the window is open until 2027-01-04T04:00:00Z"
        ),
        Case(
            windows: ["mon 00:00-02:00 utc"],
            now: "2027-01-03T23:00:00Z",
            zoneHours: 1,
            expected: "the next window opens at 2027-01-04T00:00:00Z"
        ),
        // What the last one took must still fit.
        Case(
            windows: ["mon 10:00-12:00 utc"],
            now: "2027-01-04T11:00:00Z",
            took: 3600,
            expected: "the window is open until 2027-01-04T12:00:00Z"
        ),
        Case(
            windows: ["mon 10:00-12:00 utc"],
            now: "2027-01-04T11:00:01Z",
            took: 3600,
            expected: "the window closes in 59 min 59 s, the last activation took 1 h; "
                + "the next one opens at 2027-01-11T10:00:00Z"
        ),
        Case(
            windows: ["mon 10:00-11:00 utc", "tue 10:00-13:00 utc"],
            now: "2027-01-04T09:00:00Z",
            took: 7200,
            expected: "the next window opens at 2027-01-05T10:00:00Z"
        ),
        Case(
            windows: ["mon 10:00-12:00 utc"],
            now: "2027-01-04T10:00:00Z",
            took: 7201,
            expected: "no window is as long as the last activation took: 2 h, the longest has 2 h"
        ),
        // The deployment's and the box's own must both allow it.
        Case(
            windows: ["mon 10:00-12:00 utc"],
            local: ["mon 11:00-13:00 utc"],
            now: "2027-01-04T10:30:00Z",
            expected: "the next window opens at 2027-01-04T11:00:00Z"
        ),
        Case(
            windows: ["mon 10:00-12:00 utc"],
            local: ["mon 11:00-13:00 utc"],
            now: "2027-01-04T11:00:00Z",
            expected: "the window is open until 2027-01-04T12:00:00Z"
        ),
        Case(
            local: ["mon 11:00-13:00 utc"],
            now: "2027-01-04T12:30:00Z",
            expected: "the window is open until 2027-01-04T13:00:00Z"
        ),
        Case(
            windows: ["mon 10:00-12:00 utc"],
            local: ["mon 12:00-13:00 utc"],
            now: "2027-01-04T10:30:00Z",
            expected: "no window is as long as the last activation took: 0 us, the longest has 0 us"
        ),
        Case(
            windows: ["sun 22:00-04:00 utc"],
            local: ["mon 03:00-05:00 utc", "sun 23:00-24:00 utc"],
            now: "2027-01-04T03:30:00Z",
            expected: "the window is open until 2027-01-04T04:00:00Z"
        ),
        // Before 1970 the week goes on backwards.
        Case(
            windows: ["wed 10:00-12:00 utc"],
            now: "1969-12-31T11:00:00Z",
            expected: "the window is open until 1969-12-31T12:00:00Z"
        ),
    ])
    func gatesTheStartOfActivate(_ test: Case) throws {
        #expect(try judge(test).sentence == test.expected)
    }

    @Test func aFractionOfASecondTooLongDoesNotFit() throws {
        let state = WindowState.judge(
            [try Self.window("mon 10:00-12:00 utc")],
            clock: .trusted(try time("2027-01-04T11:00:00Z")),
            lastActivation: .milliseconds(3_600_001)
        )
        guard case .tooShort = state else {
            Issue.record("\(state)")
            return
        }
    }

    @Test func needsATrustedClockOnlyWhereThereAreWindows() throws {
        let clock = ClockReading.untrusted(floor: try time("2027-01-04T11:00:00Z"))
        let window = try Self.window("mon 10:00-12:00 utc")
        #expect(WindowState.judge([window], clock: clock) == .needsClock)
        #expect(WindowState.judge([], local: [window], clock: clock) == .needsClock)
        #expect(WindowState.judge([], clock: clock) == .open(until: nil))
    }

    @Test(
        arguments: [
            ([], 0, 60), ([.mon], -1, 60), ([.mon], 1440, 60), ([.mon], 0, 0), ([.mon], 60, 60), ([.mon], 0, 1441),
        ] as [(Set<Weekday>, Int, Int)]
    )
    func refusesWhatIsNoWindow(_ days: Set<Weekday>, _ from: Int, _ to: Int) {
        #expect(UpdateWindow(days: days, from: from, to: to, zone: .utc) == nil)
    }

    /// Minute by minute over a week: the state agrees with the plain reading of the rule.
    @Test func agreesWithAPlainReadingOfTheRule() throws {
        let windows = try ["mon,wed 22:30-03:15 utc", "sun 23:00-00:30 utc", "fri 00:00-24:00 utc"].map(Self.window)
        let monday = try time("2027-01-04T00:00:00Z").seconds
        var wrong: [Int] = []
        for minute in 0..<10_080 {
            let isInside = windows.contains { window in
                window.days.contains { day in
                    let start = (Weekday.allCases.firstIndex(of: day) ?? 0) * 1440 + window.from
                    return [minute, minute + 10_080].contains { $0 >= start && $0 < start + window.minutes }
                }
            }
            let clock = ClockReading.trusted(UTCTime(seconds: monday + Int64(minute * 60)))
            let isOpen = if case .open = WindowState.judge(windows, clock: clock) { true } else { false }
            if isOpen != isInside { wrong.append(minute) }
        }
        #expect(wrong == [])
    }
}

@Suite struct TimingTests {
    @Test(
        arguments: [
            (.verified(ago: .zero), true), (.verified(ago: .seconds(1800)), true),
            (.verified(ago: .seconds(1800) + .nanoseconds(1)), false), (.verified(ago: .seconds(-1)), false),
            (.none, false), (.media, true),
        ] as [(TimestampEvidence, Bool)]
    )
    func activatesOnlyOnFreshMetadata(_ evidence: TimestampEvidence, _ isFresh: Bool) throws {
        #expect((Freshness.judge(evidence, limit: try deployment().freshness) == .fresh) == isFresh)
    }

    @Test func theDeploymentMaySayOtherwise() throws {
        #expect(try deployment { $0.freshnessSeconds = 60 }.freshness == .seconds(60))
        #expect(try deployment().freshness == .seconds(1800))
    }

    @Test(
        arguments: [
            (nil, true, true), (99, true, false), (100, true, false), (101, true, true), (99, false, false),
            (100, false, false), (101, false, true),
        ] as [(Int64?, Bool, Bool)]
    )
    func aHoldEndsWhenItsEndHasCertainlyPassed(_ until: Int64?, _ isTrusted: Bool, _ isInForce: Bool) {
        let now = UTCTime(seconds: 100)
        let clock: ClockReading = isTrusted ? .trusted(now) : .untrusted(floor: now)
        let end = until.map { UTCTime(seconds: $0) }
        #expect(Hold(who: "anna", reason: "audit", until: end).isInForce(clock) == isInForce)
        if let end { #expect(NeighbourLock(holder: "apt", expires: end).isInForce(clock) == isInForce) }
    }

    @Test(arguments: [(nil, 1_000_000, false), (60, 60, false), (60, 61, true)] as [(Int?, Int, Bool)])
    func anAttemptEndsAfterItsDeadlineOfWork(_ deadline: Int?, _ worked: Int, _ isOver: Bool) throws {
        let deployment = try deployment { $0.deadlineSeconds = deadline }
        #expect(deployment.hasTimedOut(working: .seconds(worked)) == isOver)
    }
}
