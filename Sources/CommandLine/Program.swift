import Diagnostics
import Glibc

/// A program: its tree of commands, and the one way from words to an exit code.
package struct Program: Sendable {
    /// Options that every command of every program has.
    package static let quiet = Option.flag("quiet", short: "q", summary: "print data and errors only")
    package static let color = Option(
        "color",
        .choice.named("WHEN"),
        default: Terminal.ColorChoice.auto,
        summary: "colour what is printed"
    )

    package let version: String
    /// The whole tree, with what every program has.
    package let root: Command

    /// The root's name is the program's name.
    package init(_ root: Command, version: String) {
        self.version = version
        var root = root
        root.options += [Self.quiet, Self.color] as [any Parameter]
        if root.run == nil { root.subcommands += BuiltInCommands.all(root, version: version) }
        self.root = root
    }

    /// Runs the program on the words of the process and ends the process.
    package func main() -> Never {
        let problems = root.definitionProblems()
        assert(problems.isEmpty, problems.joined(separator: "; "))
        prepareProcess()
        exit(run(Array(Swift.CommandLine.arguments.dropFirst()), on: .ofProcess()))
    }

    /// Runs the program on these words and returns its exit code.
    package func run(_ words: [String], on console: Console) -> Int32 {
        var terminal = Terminal(console)
        do {
            var parser = CommandLineParser(words: words, root: root, environment: console.environment)
            switch try parser.parse() {
            case .help(let path): try terminal.write(helpText(path, for: terminal))
            case .version: try terminal.writeLine("\(root.name) \(version)")
            case .run(let run, let arguments):
                terminal = Terminal(console, quiet: arguments[Self.quiet], color: arguments[Self.color])
                let code = try run(arguments, terminal)
                try terminal.finish()
                return code.rawValue
            }
            try terminal.finish()
            return ExitCode.done.rawValue
        } catch {
            // What was written before the error is still data that was asked for; its own failure matters less.
            try? terminal.flush()
            return report(error, on: terminal)
        }
    }

    /// Maps the error that ends the program to an exit code and tells the user.
    private func report(_ error: any Error, on terminal: Terminal) -> Int32 {
        if case OutputError.closedByReader = error {
            // What the shell would report for SIGPIPE: the work may be unfinished, so it is not a success, but
            // nobody who runs `… | head` wants to read about it.
            return 128 + SIGPIPE
        }
        return terminal.explain(error).rawValue
    }

    private func helpText(_ path: [Command], for terminal: Terminal) -> String {
        HelpPage(path: path, width: terminal.textWidth) { terminal.styled($0, .heading) }.rendered()
    }

    private func prepareProcess() {
        // A reader that goes away is an error of write(), not the end of the process. Programs that are started
        // from here get the default back from whoever starts them.
        signal(SIGPIPE, SIG_IGN)
        // With a standard stream closed, the next file opened would take its number and receive what is printed.
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // Opened the wrong way round, so that using it is still an error.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
