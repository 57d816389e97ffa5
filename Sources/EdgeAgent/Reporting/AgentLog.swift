internal import Deployment
internal import Telemetry
internal import WallClock

/// What the agent says, until it is put into the spool: some lines at once, few a minute for long.
///
/// Belongs to the agent's thread.
final class AgentLog {
    struct Line: Equatable {
        var text: String
        /// CLOCK_BOOTTIME.
        var at: Duration
    }

    private(set) var lines: [Line] = []
    /// Lines that were not kept since the last were taken.
    private(set) var omitted = 0
    private var allowance = Double(burst)
    private var filled: Duration?

    /// Lines that may come at once.
    static let burst = 100
    /// Lines of a second, for as long as it lasts.
    private static let rate = 0.5
    static let longestLine = 1000

    func note(_ text: String, at now: Duration) {
        let elapsed = filled.map { max(now - $0, .zero) } ?? .zero
        filled = now
        allowance = min(allowance + elapsed / .seconds(1) * Self.rate, Double(Self.burst))
        guard allowance >= 1, lines.count < Self.burst else {
            omitted += 1
            return
        }
        allowance -= 1
        lines.append(Line(text: text.cut(toBytes: Self.longestLine), at: now))
    }

    /// All lines, which are gone from here then.
    func take() -> (lines: [Line], omitted: Int) {
        defer {
            lines = []
            omitted = 0
        }
        return (lines, omitted)
    }
}

extension AgentLog {
    /// As records of a message.
    ///
    /// - Parameter number: of the record of the spool that they go into: with the place in it, a line's number for ever.
    static func records(
        _ lines: [Line],
        omitted: Int,
        number: Int,
        endpoints: [EndpointName],
        clock: ClockReading,
        now: Duration
    ) -> [LogRecord] {
        let nanoseconds: (Duration) -> UInt64 = { at in
            let ago = max(now - at, .zero)
            let time = Double(max(0, clock.time.seconds)) - ago / .seconds(1)
            return time > 0 ? UInt64(time * 1e9) : 0
        }
        var all = lines
        if omitted > 0 { all.append(Line(text: "\(omitted) more lines were not kept", at: now)) }
        return all.enumerated().map { index, line in
            var attributes = [
                TelemetryAttribute("edge.sequence", .integer(Int64(clamping: number) &* 1000 &+ Int64(index)))
            ]
            // Hosts begin their lines with their endpoint's name.
            if let endpoint = endpoints.first(where: { line.text.hasPrefix("\($0): ") }) {
                attributes.append(TelemetryAttribute("edge.endpoint", .string(endpoint.text)))
            }
            let time = nanoseconds(line.at)
            return LogRecord(
                time: time,
                observed: time,
                severity: .information,
                severityText: "INFO",
                body: .string(line.text),
                attributes: attributes
            )
        }
    }
}
