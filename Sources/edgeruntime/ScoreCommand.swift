import CommandLine
import Diagnostics
import EdgeRuntime
import FileSystem

/// `edgeruntime score`.
enum ScoreCommand {
    private static let request = Argument(
        "REQUEST",
        .path,
        default: "-",
        summary: "file with one request: an Open Inference body, or what /score takes; - reads standard input"
    )
    /// The largest request that is read.
    private static let limit = 1 << 30

    static let command = Command(
        "score",
        summary: "answer one request without a server",
        examples: [Example("Score an image", "edgeruntime score ./digits-tree requests/seven.json")],
        arguments: [SharedParameters.bundle, request],
        options: SharedParameters.all,
        exitCodes: [.incompatible, .modelNotLoaded, .dataError, .noInput, .unavailable, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let bundle = try ServedBundle.load(arguments[SharedParameters.bundle])
        let path = arguments[request]
        let body = try path == "-" ? FileSystem.readStandardInput(limit: limit) : FileSystem.read(path, limit: limit)
        let answer = try TerminationSignals.ending { stop in
            try SingleScore.answer(
                bundle,
                body: body,
                options: SharedParameters.options(arguments),
                stop: stop,
                log: SharedParameters.log(terminal)
            )
        }
        try terminal.writeLine(String(decoding: answer, as: UTF8.self))
        return .done
    }
}
