import CommandLine
import Diagnostics
import Fleet

/// `edgefleet devices`.
enum DevicesCommand {
    private static let search = Option.optional(
        "search",
        .text,
        summary: "devices with this in their id, labels or names of bundles"
    )
    private static let reachable = answer("reachable", "such as yes, no, silent, neverReported")
    private static let converged = answer("converged", "such as no, waiting, waitingFor(wave), rejected")
    private static let healthy = answer("healthy", "such as no, notServing, errors")
    private static let label = Option.repeated(
        "label",
        .text.named("NAME[=VALUE]"),
        summary: "devices with this label, the fleet's or their own; all of them where it is given several times"
    )
    private static let running = Option.optional(
        "running",
        .text.named("BUNDLE"),
        summary: "devices that run this bundle: NAME@VERSION, NAME, or the beginning of a digest"
    )
    private static let channel = Option.optional("channel", .text.named("CHANNEL"), summary: "dev, staging or prod")
    private static let members = Option.optional(
        "membership",
        .choice(of: DeviceQuery.Members.allCases).named("WHICH"),
        summary: "without it all but those that were decommissioned"
    )
    private static let order = Option(
        "sort",
        .choice(of: DeviceQuery.Order.allCases).named("BY"),
        default: DeviceQuery.Order.worst,
        summary: "who needs somebody most, their ids, or who was heard of longest ago"
    )
    private static let offset = Option("offset", .integer(in: 0...10_000_000), default: 0, summary: "leave out so many")
    private static let limit = Option(
        "limit",
        .integer(in: DeviceQuery.limits),
        default: DeviceQuery.defaultLimit,
        summary: "show so many at most"
    )

    private static func answer(_ name: String, _ words: String) -> Option<String?> {
        .optional(name, .text.named("ANSWER"), summary: "devices with this answer or reason, \(words)")
    }

    static let command = Command(
        "devices",
        summary: "list devices, those that need somebody first",
        discussion: [
            "SEEN says how long ago a device last checked in. Each of the three answers is yes, or the reason why not; "
                + "`edgefleet status DEVICE` has it in a sentence, since when, and what to do."
        ],
        examples: [
            Example("All that are not what they should be", "edgefleet devices --converged no --data fleet"),
            Example(
                "What a rollout waits for in Oslo",
                "edgefleet devices --converged waiting --label site=oslo --data fleet"
            ),
        ],
        options: [
            search, reachable, converged, healthy, label, running, channel, members, order, offset, limit,
            FleetParameters.data, FleetParameters.json,
        ],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: run
    )

    /// As the pages of the dashboard ask.
    private static func query(_ arguments: ParsedArguments) throws -> DeviceQuery {
        let single: [(String, String?)] = [
            ("q", arguments[search]), ("reachable", arguments[reachable]), ("converged", arguments[converged]),
            ("healthy", arguments[healthy]), ("running", arguments[running]), ("channel", arguments[channel]),
            ("membership", arguments[members]?.rawValue), ("sort", arguments[order].rawValue),
            ("offset", String(arguments[offset])), ("limit", String(arguments[limit])),
        ]
        return try DeviceQuery(
            single.compactMap { name, value in value.map { (name, $0) } } + arguments[label].map { ("label", $0) }
        )
    }

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let query = try query(arguments)
        let page = try FleetParameters.views(arguments).devices(query)
        if arguments[FleetParameters.json] {
            try Printing.json(page.json, terminal)
            return .done
        }
        try terminal.write(DeviceRows.table(page.devices, now: page.now))
        terminal.notice(summary(page))
        return .done
    }

    private static func summary(_ page: DevicePage) -> String {
        let total = Printing.count(page.total, "device")
        let matching = page.matching == page.total ? total : "\(page.matching) of \(total)"
        let end = page.offset + page.devices.count
        guard page.devices.count < page.matching else { return matching }
        guard !page.devices.isEmpty else { return "\(matching); --offset \(page.offset) is behind the last" }
        let rest = end < page.matching ? "; --offset \(end) goes on" : ""
        return "\(matching), \(page.offset + 1) to \(end) shown\(rest)"
    }
}
