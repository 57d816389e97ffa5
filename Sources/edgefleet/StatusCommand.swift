import CommandLine
import Deployment
import Diagnostics
import Fleet
import JSON
import WallClock

/// `edgefleet status`.
enum StatusCommand {
    private static let device = Argument.optional(
        "DEVICE",
        FleetParameters.deviceID,
        summary: "the device that is meant; without it the whole fleet"
    )

    static let command = Command(
        "status",
        summary: "say whether a device, or the fleet, is reachable, converged and healthy, and why",
        discussion: [
            "Converged means that the digest that runs is the digest that is wanted. Waiting is not failing: a device that "
                + "waits for its wave, for space or for the network does what it should.",
            "Of a single device the exit code tells the answer to a script: 0 where all three are yes, else the first of "
                + "these that is so: not reachable, not healthy, not converged, waiting or not known.",
        ],
        examples: [
            Example("The fleet at a glance", "edgefleet status --data fleet"),
            Example("One device, and what to do about it", "edgefleet status box-1 --data fleet"),
        ],
        arguments: [device],
        options: [FleetParameters.data, FleetParameters.json],
        exitCodes: [
            .deviceNotReachable, .deviceNotConverged, .deviceNotHealthy, .deviceWaiting, .dataError, .noInput, .ioError,
            .noPermission,
        ],
        run: { arguments, terminal in
            guard let device = arguments[device] else { return try fleet(arguments, terminal) }
            guard let status = try FleetParameters.views(arguments).status(of: device) else {
                throw FleetStoreError.unknownDevice(device.text)
            }
            if arguments[FleetParameters.json] {
                try Printing.json(status.json, terminal)
            } else {
                try DeviceRows.answers(
                    [
                        ("reachable", status.reachable), ("converged", status.converged), ("healthy", status.healthy),
                    ],
                    terminal
                )
            }
            return exitCode(status)
        }
    )

    static func exitCode(_ status: DeviceStatus) -> ExitCode {
        if status.reachable.answer != .yes { return .deviceNotReachable }
        if status.healthy.answer == .no { return .deviceNotHealthy }
        if status.converged.answer == .no { return .deviceNotConverged }
        return status.healthy.answer == .yes && status.converged.answer == .yes ? .done : .deviceWaiting
    }

    private static func fleet(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let store = try FleetParameters.store(arguments)
        let views = FleetParameters.views(store)
        if arguments[FleetParameters.json] {
            try Printing.json(try views.overview(), terminal)
            return .done
        }
        let summary = try views.summary()
        var gone = Membership.allCases.filter { $0 != .enrolled }.map { ($0, summary.members[$0] ?? 0) }
        gone.removeAll { $0.1 == 0 }
        let others = gone.map { ", \($0.1) \($0.0.rawValue)" }.joined()
        try terminal.writeLine("\(Printing.count(summary.devices, "device"))\(others)")
        var table = TextTable([.text(""), .number("YES"), .number("WAITING"), .number("NO"), .number("UNKNOWN")])
        for (question, counts) in [
            ("reachable", summary.reachable), ("converged", summary.converged), ("healthy", summary.healthy),
        ] {
            table.add(
                question,
                String(counts[.yes]),
                String(counts[.waiting]),
                String(counts[.no]),
                String(counts[.unknown])
            )
        }
        try terminal.write(table.rendered())
        try attention(summary, terminal)
        let since = summary.now.advanced(by: .seconds(-86_400))
        let refusals = try store.refusals(since: since).sorted { $0.last > $1.last }
        guard !refusals.isEmpty else { return .done }
        try terminal.writeLine()
        try terminal.writeLine("refused in the last 24 h:")
        for refusal in refusals.prefix(10) {
            let text =
                "\(Printing.count(refusal.count, "time")), last \(refusal.last) from \(refusal.address): "
                + "\(refusal.sentence)"
            try terminal.writeLine("  " + Printing.short(text, Printing.width - 2))
        }
        return .done
    }

    private static func attention(_ summary: FleetSummary, _ terminal: Terminal) throws {
        guard summary.attentionCount > 0 else { return }
        try terminal.writeLine()
        let needs = summary.attentionCount == 1 ? "needs" : "need"
        try terminal.writeLine("\(Printing.count(summary.attentionCount, "device")) \(needs) somebody:")
        for device in summary.attention {
            let name = Printing.short(device.record.device.text, 24)
            let line = "\(name): \(worst(device).sentence)"
            try terminal.writeLine("  " + Printing.short(line, Printing.width - 2))
        }
        let rest = summary.attentionCount - summary.attention.count
        if rest > 0 { try terminal.writeLine("  and \(rest) more: edgefleet devices") }
    }

    /// The answer that makes somebody look.
    private static func worst(_ status: DeviceStatus) -> StatusAnswer {
        if status.reachable.answer != .yes { return status.reachable }
        return status.healthy.answer == .no ? status.healthy : status.converged
    }
}
