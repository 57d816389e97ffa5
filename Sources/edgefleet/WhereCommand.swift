import CommandLine
import Deployment
import Diagnostics
import Fleet

/// `edgefleet where`.
enum WhereCommand {
    private static let bundle = Argument(
        "BUNDLE",
        .text,
        summary: "NAME@VERSION, NAME, or at least six digits of a digest"
    )

    static let command = Command(
        "where",
        summary: "say which devices run a bundle",
        discussion: [
            "By the last report of each device, of those that are enrolled and those that were revoked. REACHABLE says "
                + "whether that is the state of now."
        ],
        examples: [
            Example("A version", "edgefleet where digits@2 --data fleet"),
            Example("Is it gone everywhere?", "edgefleet where 81f62a35d1ce --json --data fleet"),
        ],
        arguments: [bundle],
        options: [FleetParameters.data, FleetParameters.json],
        exitCodes: [.nothingFound, .dataError, .noInput, .ioError, .noPermission],
        run: { arguments, terminal in
            let found = try FleetParameters.views(arguments).whereRunning(arguments[bundle])
            if arguments[FleetParameters.json] {
                try Printing.json(found.json, terminal)
                return found.total > 0 ? .done : .nothingFound
            }
            guard found.total > 0 else {
                terminal.say("no device runs \(arguments[bundle])")
                return .nothingFound
            }
            var table = TextTable([
                .text("DEVICE"), .text("ENDPOINT"), .text("RUNS"), .text("DIGEST"), .text("REACHABLE"), .text("SEEN"),
            ])
            for place in found.places {
                table.add(
                    Printing.short(place.device.text, 24),
                    Printing.short(place.endpoint.text, 16),
                    Printing.short(DeviceRows.title(place.bundle), 22),
                    DeviceRows.short(place.bundle),
                    place.reachable.rawValue,
                    Printing.age(place.lastSeen, now: found.now)
                )
            }
            try terminal.write(table.rendered())
            let shown = found.places.count < found.total ? ", the first \(found.places.count) shown" : ""
            let runs = found.total == 1 ? "runs" : "run"
            terminal.notice("\(Printing.count(found.total, "endpoint")) \(runs) it\(shown)")
            return .done
        }
    )
}
