import CommandLine
import Diagnostics
import JSON
import WallClock

/// How commands of edgefleet show what they found. What boxes said is in it: everything is made printable on its way out.
enum Printing {
    /// Columns of a table, at most.
    static let width = 100

    static func json(_ value: JSONValue, _ terminal: Terminal) throws {
        try terminal.write(String(decoding: value.prettyBytes(), as: UTF8.self))
    }

    /// One value on one line.
    static func jsonLine(_ value: JSONValue, _ terminal: Terminal) throws {
        try terminal.writeLine(String(decoding: value.compactBytes(), as: UTF8.self))
    }

    /// How long ago, roughly: `12 s`, `3 h`; `-` for never.
    static func age(_ time: UTCTime?, now: UTCTime) -> String {
        guard let time else { return "-" }
        let (difference, overflow) = now.seconds.subtractingReportingOverflow(time.seconds)
        let seconds = overflow ? Int64.max : max(0, difference)
        switch seconds {
        case ..<120: return "\(seconds) s"
        case ..<7_200: return "\(seconds / 60) min"
        case ..<172_800: return "\(seconds / 3_600) h"
        default: return "\(seconds / 86_400) d"
        }
    }

    /// At most so many characters, the last of them … where it was longer. Printable first, as that makes it longer.
    static func short(_ text: String, _ limit: Int) -> String {
        let printable = text.printable()
        return printable.count <= limit ? printable : printable.prefix(limit - 1) + "…"
    }

    /// `label=value` of all, in the order of their names.
    static func labels(_ labels: [String: String]) -> String {
        labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    /// Names and values below each other.
    static func facts(_ facts: [(String, String)], _ terminal: Terminal) throws {
        let width = facts.map(\.0.count).max() ?? 0
        for (name, value) in facts {
            let padding = String(repeating: " ", count: width - name.count + 2)
            try terminal.writeLine(name + padding + value.printable())
        }
    }

    static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
        "\(number) \(number == 1 ? one : many ?? one + "s")"
    }
}
