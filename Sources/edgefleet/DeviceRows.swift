import CommandLine
import Deployment
import Diagnostics
import Digest
import Fleet
import FleetProtocol
import WallClock

/// Devices as lines and tables.
enum DeviceRows {
    /// A table with the worst first, in the order in which they come.
    static func table(_ devices: [DeviceStatus], now: UTCTime) -> String {
        let rows = devices.map { device in
            [
                Printing.short(device.record.device.text, 24),
                Printing.age(device.record.report?.lastSeen, now: now), word(device.reachable),
                word(device.converged), word(device.healthy), bundles(device),
            ]
        }
        // What boxes are called and what they wait for differs; what they run gets the room that is left.
        let taken = (0..<5).reduce(0) { sum, column in
            sum + 2 + max(9, rows.map { $0[column].count }.max() ?? 0)
        }
        let left = max(16, Printing.width - taken)
        var table = TextTable([
            .text("DEVICE"), .text("SEEN"), .text("REACHABLE"), .text("CONVERGED"), .text("HEALTHY"), .text("RUNS"),
        ])
        for row in rows { table.add(row.dropLast() + [Printing.short(row[5], left)]) }
        return table.rendered()
    }

    /// Yes, or why not.
    static func word(_ answer: StatusAnswer) -> String { answer.answer == .yes ? "yes" : answer.reason }

    /// What its endpoints run, and what they want instead.
    private static func bundles(_ device: DeviceStatus) -> String {
        guard !device.endpoints.isEmpty else { return "-" }
        return device.endpoints.map { endpoint in
            let report = endpoint.record.report
            let running = report.running.map(title) ?? "nothing"
            guard let wanted = report.wanted, wanted.digest != report.running?.digest else { return running }
            let same = report.running?.name != nil && wanted.name == report.running?.name
            return "\(running) (wants \(same ? wanted.version ?? short(wanted) : title(wanted)))"
        }.joined(separator: ", ")
    }

    /// Name and version, or what is known in their place.
    static func title(_ bundle: BundleReport) -> String {
        bundle.name.map { "\($0) \(bundle.version ?? short(bundle))" } ?? short(bundle)
    }

    static func short(_ bundle: BundleReport) -> String { String(bundle.digest.hex.prefix(12)) }

    /// The three answers of a device, each with its sentence.
    static func answers(
        _ answers: [(String, StatusAnswer)],
        _ terminal: Terminal
    ) throws {
        let width = answers.map(\.0.count).max() ?? 0
        var advice: String?
        for (question, answer) in answers {
            let word = answer.answer.rawValue
            let head = question + String(repeating: " ", count: width - question.count + 2)
            let margin = String(repeating: " ", count: width + 11)
            var lines = TextLayout.wrap(
                "\(answer.sentence) (\(answer.reason))".printable(),
                width: Printing.width - margin.count
            )
            if let since = answer.since { lines.append("since \(since)") }
            // One thing to do may answer all three.
            if let next = answer.next, next != advice {
                advice = next
                lines += TextLayout.wrap("next: \(next)".printable(), width: Printing.width - margin.count)
            }
            let style: TextStyle =
                switch answer.answer {
                case .yes: .good
                case .no: .error
                case .waiting, .unknown: .warning
                }
            for (number, line) in lines.enumerated() {
                guard number == 0 else {
                    try terminal.writeLine(margin + line)
                    continue
                }
                let padding = String(repeating: " ", count: max(0, 9 - word.count))
                try terminal.writeLine(head + terminal.styled(word, style) + padding + line)
            }
        }
    }
}
