import CommandLine
import Deployment
import Diagnostics
import Fleet
import FleetProtocol
import Glibc
import JSON
import WallClock

/// `edgefleet events`.
enum EventsCommand {
    private static let device = Option.optional("device", FleetParameters.deviceID, summary: "of this device alone")
    private static let endpoint = Option.optional(
        "endpoint",
        FleetParameters.endpointName,
        summary: "of endpoints of this name alone"
    )
    private static let limit = Option(
        "limit",
        .integer(in: 1...10_000),
        default: 50,
        summary: "the newest so many"
    )
    private static let follow = Option.flag(
        "follow",
        short: "f",
        summary: "go on with those that come, until interrupted"
    )
    private static let log = Option.flag("log", summary: "with the end of the log that came along")

    static let command = Command(
        "events",
        summary: "list what happened in the fleet, oldest first",
        discussion: [
            "Events are what boxes tell of their endpoints' updates, and what the fleet itself did: enrolled, renewed, "
                + "labelled, revoked, decommissioned. TIME is when they came; a box without a network tells later.",
            "With --json there is one value on each line.",
        ],
        examples: [
            Example("Of one box, with what its runtime printed", "edgefleet events --device box-1 --log --data fleet"),
            Example("As they come", "edgefleet events --follow --data fleet"),
        ],
        options: [device, endpoint, limit, follow, log, FleetParameters.data, FleetParameters.json],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let store = try FleetParameters.store(arguments)
        var last = try newest(store)
        var shown = try store.events(
            device: arguments[device],
            endpoint: arguments[endpoint],
            before: last + 1,
            after: nil,
            limit: arguments[limit]
        )
        try print(shown.reversed(), isFirst: true, store, arguments, terminal)
        guard arguments[follow] else { return .done }
        try terminal.flush()
        while true {
            usleep(500_000)
            let newest = try newest(store)
            guard newest > last else { continue }
            shown = try all(store, arguments, after: last, upTo: newest)
            try print(shown.reversed(), isFirst: false, store, arguments, terminal)
            try terminal.flush()
            last = newest
        }
    }

    /// The number of the newest event of all; 0 where there is none.
    private static func newest(_ store: FleetStore) throws -> Int64 {
        try store.events(device: nil, endpoint: nil, before: nil, after: nil, limit: 1).first?.id ?? 0
    }

    /// Everything between two numbers, newest first; asked for in pages, as an answer has a limit.
    private static func all(
        _ store: FleetStore,
        _ arguments: ParsedArguments,
        after: Int64,
        upTo newest: Int64
    ) throws -> [EventRecord] {
        var found: [EventRecord] = []
        var before = newest + 1
        while true {
            let page = try store.events(
                device: arguments[device],
                endpoint: arguments[endpoint],
                before: before,
                after: after,
                limit: 500
            )
            guard let oldest = page.last, oldest.id < before else { return found }
            found += page
            before = oldest.id
        }
    }

    private static func print(
        _ events: [EventRecord],
        isFirst: Bool,
        _ store: FleetStore,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws {
        if arguments[FleetParameters.json] {
            for event in events {
                let whole = arguments[log] && event.hasLog ? try store.event(event.id) : nil
                try Printing.jsonLine(whole?.jsonWithLog ?? event.json, terminal)
            }
            return
        }
        if isFirst { try terminal.writeLine(EventLine.headings) }
        for event in events {
            try terminal.writeLine(EventLine.text(event))
            guard arguments[log], event.hasLog, let text = try store.event(event.id)?.report?.log else { continue }
            try terminal.write(EventLine.log(text))
        }
    }
}

/// An event on one line. Columns have fixed places, so that those that come later stand below the others.
enum EventLine {
    static let headings = line("TIME", "DEVICE", "WHAT HAPPENED")

    static func text(_ event: EventRecord) -> String {
        line(event.received.description, Printing.short(event.device.text, 18), event.told.printable())
    }

    private static func line(_ time: String, _ device: String, _ what: String) -> String {
        "\(padded(time, 20))  \(padded(device, 18))  \(what)"
    }

    /// The end of a log, below its event.
    static func log(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { "    | " + String($0).printable() }
            .joined(separator: "\n").dropEmptyEnd() + "\n"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

extension String {
    /// Without the line that stands for the newline at a log's end.
    fileprivate func dropEmptyEnd() -> String { hasSuffix("\n    | ") ? String(dropLast(7)) : self }
}
