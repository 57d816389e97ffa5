import CommandLine
import Diagnostics
import JSON
import Packager
import Processes

/// `edgepack test`.
enum TestCommand {
    private static let bundles = Argument.repeated(
        "BUNDLE",
        .path,
        summary: "bundle files, folders of extracted bundles, or projects; without one the project in this folder"
    )
    private static let record = Option.flag(
        "record",
        summary: "compute the answers to a project's sample requests and write them into the samples"
    )
    private static let runtime = Option.optional(
        "edgeruntime",
        .path,
        environment: "EDGEPACK_EDGERUNTIME",
        summary: "the program edgeruntime; without it the one beside this program, or in PATH"
    )
    private static let python = Option.optional(
        "python",
        .path,
        environment: "EDGE_PYTHON",
        summary: "interpreter for scoring scripts"
    )

    static let command = Command(
        "test",
        summary: "run a bundle's samples on this machine with the program that will serve it",
        discussion: [
            "A project is built for this machine first, into a temporary folder. Bundles for other machines can't be "
                + "tested here."
        ],
        examples: [
            Example("Check bundles before they are signed", "edgepack test dist/*-x86_64-*.bundle.tar.zst"),
            Example("Compute the expected answers", "edgepack test --record examples/digits"),
        ],
        arguments: [bundles],
        options: [record, runtime, python, SharedParameters.threads, SharedParameters.uv, SharedParameters.json],
        exitCodes: [
            .checkFailed, .incompatible, .unlocked, .modelNotLoaded, .dataError, .noInput, .unavailable, .ioError,
            .noPermission, .configuration,
        ],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let program = try RuntimeProgram.find(
            option: arguments[runtime],
            python: arguments[python],
            environment: Processes.inheritedEnvironment()
        )
        let trial = BundleTrial(program, threads: SharedParameters.threads(arguments)) {
            try SharedParameters.fetcher(arguments)
        }
        let paths = arguments[bundles].isEmpty ? ["."] : arguments[bundles]
        return try terminal.forEach(paths) { path in
            if arguments[record] { return try report(recorded: try trial.record(path), path, arguments, terminal) }
            return try report(try trial.check(path), path, arguments, terminal)
        }
    }

    private static func report(
        recorded changed: [String],
        _ path: String,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> ExitCode {
        if arguments[SharedParameters.json] {
            let result: JSONValue = ["path": .string(path), "recorded": .array(changed.map { .string($0) })]
            try terminal.write(result, isOneOfSeveral: arguments[bundles].count > 1)
        } else {
            for path in changed { try terminal.writeLine(path) }
        }
        terminal.notice(changed.isEmpty ? "every answer was recorded already" : "recorded \(changed.count) answers")
        return .done
    }

    private static func report(
        _ result: CheckResult,
        _ path: String,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> ExitCode {
        let isOneOfSeveral = arguments[bundles].count > 1
        if arguments[SharedParameters.json] {
            try terminal.write(result.json, isOneOfSeveral: isOneOfSeveral)
        } else {
            for failure in result.failures {
                for problem in failure.problems { try terminal.writeLine("\(failure.sample): \(problem)".printable()) }
            }
            let verdict = result.passed ? terminal.styled("passed", .good) : terminal.styled("failed", .error)
            let which = isOneOfSeveral ? " of \(path.printable())" : ""
            let answered = result.samples - result.failed
            try terminal.writeLine("\(verdict): \(answered) of \(result.samples) samples\(which) answered as expected")
        }
        return result.passed ? .done : .checkFailed
    }
}
