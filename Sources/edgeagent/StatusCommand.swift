import CommandLine
import Deployment
import Diagnostics
import Digest
import EdgeAgent
import JSON
import WallClock

/// `edgeagent status`.
enum StatusCommand {
    static let command = Command(
        "status",
        summary: "show what every endpoint runs, and what its update is at",
        discussion: ["What RUNS shows is asked of the runtime itself: the bundle that it has loaded."],
        examples: [Example("For a program", "edgeagent status --json")],
        options: [Box.json],
        exitCodes: [.configuration, .dataError, .incompatible, .noPermission],
        run: { try print(try Box.layout($0), $0, $1, asJSON: $0[Box.json]) }
    )

    static func print(
        _ layout: StoreLayout,
        _ arguments: ParsedArguments,
        _ terminal: Terminal,
        asJSON: Bool
    ) throws -> ExitCode {
        let status = try BoxStatus.read(layout)
        if asJSON {
            try terminal.write(String(decoding: status.json.prettyBytes(), as: UTF8.self))
            return .done
        }
        let verified = status.plan.map { "metadata \($0.timestampVersion) verified \($0.verified.time)" }
        try terminal.writeLine(
            "\(status.box.device), \(status.box.channel.rawValue); agent \(status.isAgentRunning ? "running" : "stopped"); "
                + (verified ?? "no metadata yet")
        )
        if let halted = status.halted { try terminal.writeLine("updates stand still: \(halted)".printable()) }
        if let problem = status.problem {
            try terminal.writeLine("not up to date since \(problem.since): \(problem.sentence)".printable())
        }
        var table = TextTable([
            .text("ENDPOINT"), .text("LISTENS"), .text("RUNS"), .text("DIGEST"), .text("UPDATE"), .text("RESULT"),
        ])
        for endpoint in status.endpoints {
            let serving = endpoint.serving
            table.add(
                endpoint.name.text,
                endpoint.listen,
                serving.map { endpoint.title($0.loaded) } ?? "nothing",
                serving.map { String($0.loaded.hex.prefix(12)) } ?? "-",
                endpoint.state.progress.state.rawValue,
                endpoint.result?.code ?? "-"
            )
        }
        try terminal.write(table.rendered())
        return .done
    }
}

/// `edgeagent why`.
enum WhyCommand {
    private static let endpoint = Argument.optional("ENDPOINT", .text, summary: "the endpoint that is meant; else all")

    static let command = Command(
        "why",
        summary: "say in a sentence why an endpoint is as it is, and which rules say so",
        examples: [Example("Of one endpoint", "edgeagent why digits")],
        arguments: [endpoint],
        options: [Box.json],
        exitCodes: [.configuration, .dataError, .incompatible],
        run: run
    )

    /// The rules need what signed documents say, which this program does not read.
    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        var words = ["why", "--store", try Box.layout(arguments).root]
        if let name = arguments[endpoint] { words += ["--endpoint", name] }
        if arguments[Box.json] { words.append("--json") }
        return ExitCode(rawValue: try Box.start(Box.sync(), words)) ?? .failed
    }
}

/// `edgeagent history`.
enum HistoryCommand {
    private static let endpoint = Argument.optional("ENDPOINT", .text, summary: "the endpoint that is meant; else all")

    static let command = Command(
        "history",
        summary: "list what happened to each endpoint, oldest first",
        examples: [Example("Of one endpoint", "edgeagent history digits")],
        arguments: [endpoint],
        options: [Box.json],
        exitCodes: [.configuration, .dataError, .incompatible],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let status = try BoxStatus.read(try Box.layout(arguments))
        let meant = status.endpoints.filter { arguments[endpoint] == nil || $0.name.text == arguments[endpoint] }
        guard !meant.isEmpty || arguments[endpoint] == nil else {
            throw StoreError.noEndpoint(name: arguments[endpoint] ?? "")
        }
        if arguments[Box.json] {
            let entries = meant.map { ($0.name.text, JSONValue.array($0.state.history.entries.map(\.json))) }
            try terminal.write(String(decoding: JSONValue.object(JSONObject(entries)).prettyBytes(), as: UTF8.self))
            return .done
        }
        var table = TextTable([
            .text("TIME"), .text("ENDPOINT"), .text("DEPLOYMENT"), .text("BUNDLE"), .text("STATE"), .text("RESULT"),
            .text("WHY"),
        ])
        for endpoint in meant {
            for entry in endpoint.state.history.entries {
                table.add(
                    (entry.isTimeTrusted ? "" : "after ") + entry.time.description,
                    endpoint.name.text,
                    entry.serial.map { String($0) } ?? "-",
                    entry.bundle.map { endpoint.title($0) } ?? "-",
                    entry.state,
                    entry.result ?? "-",
                    entry.detail.isEmpty ? entry.reason : "\(entry.reason): \(entry.detail)"
                )
            }
        }
        try terminal.write(table.rendered())
        return .done
    }
}
