internal import JSON

package enum Weekday: String, CaseIterable, Sendable {
    case mon, tue, wed, thu, fri, sat, sun
}

/// A time of the week in which Activate may start.
package struct UpdateWindow: Hashable, Sendable {
    package enum Zone: String, CaseIterable, Sendable {
        case utc
        /// The box's own time zone.
        case box
    }

    /// The days on which the window opens; one that crosses midnight ends on the next.
    package var days: Set<Weekday>
    /// Minutes since midnight, 0 to 1439.
    package var from: Int
    /// Minutes since midnight, 1 to 1440, not counted in; below `from` the window crosses midnight.
    package var to: Int
    package var zone: Zone

    /// Nil where a time is outside its range, no day is named, or the window would be empty.
    package init?(days: Set<Weekday>, from: Int, to: Int, zone: Zone) {
        guard !days.isEmpty, (0...1439).contains(from), (1...1440).contains(to), from != to else { return nil }
        self.days = days
        self.from = from
        self.to = to
        self.zone = zone
    }

    /// Length in minutes.
    package var minutes: Int { to > from ? to - from : 1440 - from + to }
}

extension UpdateWindow {
    init(_ fields: JSONFields) throws {
        let days: Set<Weekday> = try fields.choices("days", "window.days")
        let zone: Zone = try fields.choice("zone", "window.zone")
        let (from, to) = (try fields.timeOfDay("from"), try fields.timeOfDay("to"))
        // Midnight as an end is the end of the day.
        guard let window = UpdateWindow(days: days, from: from, to: to == 0 ? 1440 : to, zone: zone) else {
            throw JSONError.unexpected(path: fields.path, problem: "names no day, or is empty")
        }
        self = window
    }

    var json: JSONValue {
        [
            "days": .array(Weekday.allCases.filter(days.contains).map { .string($0.rawValue) }),
            "from": .string(Self.text(from)), "to": .string(Self.text(to)), "zone": .string(zone.rawValue),
        ]
    }

    static func text(_ minutes: Int) -> String {
        let (hour, minute) = (minutes / 60, minutes % 60)
        return "\(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
    }
}

extension JSONFields {
    /// Minutes since midnight from `HH:MM`, `00:00` to `24:00`.
    fileprivate func timeOfDay(_ name: String) throws -> Int {
        let parts = try string(name).split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy(isDigit) }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour * 60 + minute <= 1440
        else { throw problem(name, "is no time of day such as 22:30") }
        return hour * 60 + minute
    }
}

private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
