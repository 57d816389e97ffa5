/// The times of the week at which something may happen, in seconds since Monday 00:00 UTC, going round.
struct WeekSchedule: Equatable {
    static let week = 604_800

    /// A stretch that may run past the end of the week into its beginning.
    struct Span: Equatable {
        /// 0 up to a week, not counted in.
        let start: Int
        /// At most a week.
        let length: Int
    }

    /// Disjoint, not touching, by their starts.
    let spans: [Span]

    static let always = WeekSchedule(spans: [Span(start: 0, length: week)])

    /// The union of windows; every time of the week where there is none. `zoneOffset` is the box's, ahead of UTC.
    init(_ windows: [UpdateWindow], zoneOffset: Int) {
        guard !windows.isEmpty else {
            self = .always
            return
        }
        var ranges: [Range<Int>] = []
        for window in windows {
            let offset = window.zone == .box ? zoneOffset : 0
            for (index, day) in Weekday.allCases.enumerated() where window.days.contains(day) {
                let start = Self.wrapped(index * 86_400 + window.from * 60 - offset)
                ranges += Self.split(Span(start: start, length: window.minutes * 60))
            }
        }
        self.init(ranges: ranges)
    }

    private init(spans: [Span]) { self.spans = spans }

    /// From ranges within one week, in any order, overlapping or touching.
    private init(ranges: [Range<Int>]) {
        var merged: [Range<Int>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        var spans = merged.map { Span(start: $0.lowerBound, length: $0.count) }
        // A stretch over Sunday midnight is one, not two.
        if spans.count > 1, let first = spans.first, let last = spans.last, first.start == 0,
            last.start + last.length == Self.week
        {
            spans[spans.count - 1] = Span(start: last.start, length: last.length + first.length)
            spans.removeFirst()
        }
        self.spans = spans
    }

    /// The times that both allow.
    func intersection(_ other: WeekSchedule) -> WeekSchedule {
        let ours = spans.flatMap(Self.split)
        let theirs = other.spans.flatMap(Self.split)
        return WeekSchedule(
            ranges: ours.flatMap { left in theirs.map { left.clamped(to: $0) }.filter { !$0.isEmpty } }
        )
    }

    var isAlways: Bool { spans == Self.always.spans }

    var longest: Int { spans.map(\.length).max() ?? 0 }

    /// Seconds left at `time`, an offset into the week; nil outside.
    func left(at time: Int) -> Int? {
        for span in spans {
            let passed = Self.wrapped(time - span.start)
            if passed < span.length { return span.length - passed }
        }
        return nil
    }

    /// Seconds until the next stretch of at least `length` begins after `time`; nil where none is so long.
    func wait(from time: Int, for length: Int) -> Int? {
        spans.filter { $0.length >= length }.map { span in
            let wait = Self.wrapped(span.start - time)
            return wait == 0 ? Self.week : wait
        }.min()
    }

    static func wrapped(_ time: Int) -> Int { (time % week + week) % week }

    private static func split(_ span: Span) -> [Range<Int>] {
        let end = span.start + span.length
        return end <= week ? [span.start..<end] : [span.start..<week, 0..<end - week]
    }
}
