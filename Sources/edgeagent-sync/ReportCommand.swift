import AgentSync
import CommandLine
import Diagnostics
import JSON

/// `edgeagent-sync report`.
enum ReportCommand {
    static let command = Command(
        "report",
        summary: "send what waits in the spool to the fleet, and take in what the fleet says",
        discussion: [
            "Sends how the box is now, then what happened, metrics and logs, the newest first, a bounded amount at a time. "
                + "What the fleet has acknowledged goes from the spool. Renews the certificate when it is time for that."
        ],
        examples: [Example("Report now", "edgeagent-sync report")],
        options: [SharedParameters.store],
        exitCodes: [
            .configuration, .dataError, .signatureInvalid, .unavailable, .tryAgain, .noPermission, .ioError,
        ],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let result: FleetReport.Result
        do {
            result = try FleetReport.run(SharedParameters.layout(arguments))
        } catch {
            try terminal.writeLine(SyncOutcome(of: error).line)
            throw error
        }
        for notice in result.notices { terminal.notice(notice.printable()) }
        let line = JSONValue.object(result.json).compactBytes()
        try terminal.writeLine(String(decoding: line, as: UTF8.self))
        if let failure = result.failure { throw failure }
        return .done
    }
}
