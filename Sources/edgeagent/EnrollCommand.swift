import CommandLine
import Diagnostics
import EdgeAgent

/// `edgeagent enroll`.
enum EnrollCommand {
    private static let token = Option.optional(
        "token",
        .text.named("TOKEN"),
        summary: "what `edgefleet token create` printed; - reads it from standard input"
    )
    private static let tokenFile = Option.optional("token-file", .path, summary: "a file that holds the token")

    static let command = Command(
        "enroll",
        summary: "join a fleet, so that operators see this box and what it runs",
        discussion: [
            "Makes a key, has the fleet's server certify it, and sets the box up from what the options and the fleet say. An "
                + "agent that runs begins to report by itself. Cut off at any moment, the same command goes on."
        ],
        examples: [
            Example("Join, and serve digits", "edgeagent enroll --token $TOKEN --endpoint digits=127.0.0.1:8080"),
            Example("Without the token in the list of processes", "edgeagent enroll --token - < token.txt"),
        ],
        options: [token, tokenFile],
        exitCodes: [
            .configuration, .noInput, .dataError, .signatureInvalid, .unavailable, .tryAgain, .noPermission, .ioError,
        ],
        run: run
    )

    /// Network and keys are for the helper.
    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let layout = try Box.layout(arguments)
        var words = ["enroll", "--store", layout.root]
        if let text = arguments[token] { words += ["--token", text] }
        if let path = arguments[tokenFile] { words += ["--token-file", path] }
        let code = try Box.start(Box.sync(), words + Box.words(arguments), silent: true, reads: true)
        guard code == ExitCode.done.rawValue else { return ExitCode(rawValue: code) ?? .failed }
        // One that doesn't hear it finds out by itself, within a minute or when it has waited as long as it was told to.
        _ = try? AgentCall.ask(.report, layout)
        return .done
    }
}
