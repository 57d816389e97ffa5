import CommandLine
import Diagnostics
import EdgeAgent
import Glibc

/// `edgeagent run`.
enum RunCommand {
    private static let withRuntimes = Option.flag(
        "with-runtimes",
        summary: "end the runtimes with the agent; else scoring goes on without it, and the next agent takes it over"
    )

    static let command = Command(
        "run",
        summary: "follow the repository, and keep every endpoint served",
        examples: [
            Example("As systemd starts it", "edgeagent run"),
            Example(
                "Try it out",
                "edgeagent run --store ./box --from https://models.example.com --root 1.root.json --channel prod "
                    + "--endpoint digits=127.0.0.1:8080 --with-runtimes"
            ),
        ],
        options: [withRuntimes],
        exitCodes: [.configuration, .tryAgain, .incompatible, .dataError, .ioError, .noPermission],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        try Box.configure(arguments)
        var options = Agent.Options()
        options.stopsRuntimes = arguments[withRuntimes]
        let agent = try Agent(try Box.layout(arguments), options: options) { terminal.notice($0) }
        try agent.run()
        return .done
    }
}
