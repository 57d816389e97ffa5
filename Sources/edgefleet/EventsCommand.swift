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
    private static let steps = Option.flag("steps", summary: "every step of an update, and not how it went alone")
    private static let log = Option.flag("log", summary: "with the end of the log that came along")

    static let command = Command(
        "events",
        summary: "list what happened in the fleet, oldest first",
        discussion: [
            "Events are what boxes tell of their endpoints' updates, and what the fleet itself did: enrolled, renewed, "
                + "labelled, revoked, decommissioned. TIME is when they came; a box without a network tells later.",
            "An update is one line that says how it went, or how far it is. With --json every step is there, one value "
                + "on each line.",
        ],
        examples: [
            Example("Of one box, with what its runtime printed", "edgefleet events --device box-1 --log --data fleet"),
            Example("As they come", "edgefleet events --follow --data fleet"),
        ],
        options: [device, endpoint, limit, follow, steps, log, FleetParameters.data, FleetParameters.json],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let store = try FleetParameters.store(arguments)
        if let device = arguments[device], try store.device(device) == nil {
            throw FleetStoreError.unknownDevice(device.text)
        }
        let inSteps = arguments[steps] || arguments[FleetParameters.json]
        var last = try newest(store)
        if inSteps {
            let found = try page(store, arguments, before: last + 1, limit: arguments[limit])
            let columns = EventColumns(found.map(\.device.text))
            if !arguments[FleetParameters.json] { try terminal.writeLine(columns.headings) }
            try print(found, columns, store, arguments, terminal)
            try follow(from: &last, store, arguments, terminal) { found in
                try print(found, columns, store, arguments, terminal)
            }
        } else {
            let found = try happenings(store, arguments, upTo: last)
            let columns = EventColumns(found.map(\.device.text))
            var told = ToldUpdates()
            try terminal.writeLine(columns.headings)
            try print(told.news(of: found), columns, store, arguments, terminal)
            try follow(from: &last, store, arguments, terminal) { found in
                try print(told.news(of: Happening.all(of: found)), columns, store, arguments, terminal)
            }
        }
        return .done
    }

    /// Hands on what comes, newest first, until interrupted, where that is wanted.
    private static func follow(
        from last: inout Int64,
        _ store: FleetStore,
        _ arguments: ParsedArguments,
        _ terminal: Terminal,
        _ print: ([EventRecord]) throws -> Void
    ) throws {
        guard arguments[follow] else { return }
        try terminal.flush()
        while true {
            usleep(500_000)
            let newest = try newest(store)
            guard newest > last else { continue }
            try print(try all(store, arguments, after: last, upTo: newest))
            try terminal.flush()
            last = newest
        }
    }

    /// The newest of what happened, newest first: so many updates, whatever number of steps they have.
    private static func happenings(
        _ store: FleetStore,
        _ arguments: ParsedArguments,
        upTo newest: Int64
    ) throws -> [Happening] {
        let size = max(500, arguments[limit])
        var events: [EventRecord] = []
        while true {
            let page = try page(store, arguments, before: events.last?.id ?? newest + 1, limit: size)
            events += page
            let found = Happening.all(of: events)
            if page.count < size || found.count > arguments[limit] { return Array(found.prefix(arguments[limit])) }
        }
    }

    private static func page(
        _ store: FleetStore,
        _ arguments: ParsedArguments,
        before: Int64,
        after: Int64? = nil,
        limit: Int
    ) throws -> [EventRecord] {
        try store.events(
            device: arguments[device],
            endpoint: arguments[endpoint],
            before: before,
            after: after,
            limit: limit
        )
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
            let page = try page(store, arguments, before: before, after: after, limit: 500)
            guard let oldest = page.last, oldest.id < before else { return found }
            found += page
            before = oldest.id
        }
    }

    /// Steps, which come newest first.
    private static func print(
        _ events: [EventRecord],
        _ columns: EventColumns,
        _ store: FleetStore,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws {
        for event in events.reversed() {
            guard !arguments[FleetParameters.json] else {
                let whole = arguments[log] && event.hasLog ? try store.event(event.id) : nil
                try Printing.jsonLine(whole?.jsonWithLog ?? event.json, terminal)
                continue
            }
            try terminal.writeLine(columns.line(event.received, event.device, event.told))
            if arguments[log], event.hasLog { try print(logOf: event, store, terminal) }
        }
    }

    /// Updates and what the fleet did, which come newest first.
    private static func print(
        _ happenings: [Happening],
        _ columns: EventColumns,
        _ store: FleetStore,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws {
        for happening in happenings.reversed() {
            try terminal.writeLine(columns.line(happening.received, happening.device, happening.told))
            if arguments[log], let event = happening.withLog { try print(logOf: event, store, terminal) }
        }
    }

    /// The end of a log, below its event.
    private static func print(logOf event: EventRecord, _ store: FleetStore, _ terminal: Terminal) throws {
        guard let text = try store.event(event.id)?.report?.log else { return }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        for line in lines { try terminal.writeLine("    | " + String(line).printable()) }
    }
}

/// What happened, on one line. Columns have fixed places, so that those that come later stand below the others.
private struct EventColumns {
    private let width: Int

    /// With room for devices that are there already.
    init(_ devices: [String]) {
        width = min(24, max(6, devices.map(\.count).max() ?? 18))
    }

    var headings: String { line("TIME", "DEVICE", "WHAT HAPPENED") }

    func line(_ time: UTCTime, _ device: DeviceID, _ what: String) -> String {
        line(time.description, Printing.short(device.text, width), what.printable())
    }

    private func line(_ time: String, _ device: String, _ what: String) -> String {
        "\(padded(time, 20))  \(padded(device, width))  \(what)"
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

/// Which updates have been told to their end. The steps that tidy up after it come later, and are no news.
private struct ToldUpdates {
    private var ended: [Happening.Update.Place: Happening.Update] = [:]

    /// Newest first, as given.
    mutating func news(of happenings: [Happening]) -> [Happening] {
        var news: [Happening] = []
        for happening in happenings.reversed() {
            if let update = happening.update {
                if !happening.hasEnded, ended[update.place] == update { continue }
                ended[update.place] = happening.hasEnded ? update : nil
            }
            news.append(happening)
        }
        return news.reversed()
    }
}
