import CommandLine
import Diagnostics
import EdgeRuntime
import FileSystem
import JSON

/// `edgeruntime check`.
enum CheckCommand {
    private static let json = Option.flag("json", summary: "print the result as one JSON object")
    private static let record = Option.optional(
        "record",
        .path,
        summary: "write the result as a record of fixed lines to this file, for an agent"
    )

    static let command = Command(
        "check",
        summary: "answer a bundle's conformance samples on this machine and compare",
        discussion: [
            "Loads the bundle as serve does, without a server, answers every sample that came with it, and compares with "
                + "the answers that were computed when it was built, within the bundle's own tolerances."
        ],
        examples: [Example("Does this machine compute the same?", "edgeruntime check ./digits-tree")],
        arguments: [SharedParameters.bundle],
        options: [json, record] + SharedParameters.all,
        exitCodes: [.checkFailed, .incompatible, .modelNotLoaded, .dataError, .noInput, .unavailable, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let bundle = try ServedBundle.load(arguments[SharedParameters.bundle])
        let check = try TerminationSignals.ending { stop in
            try ConformanceCheck.run(
                bundle,
                options: SharedParameters.options(arguments),
                stop: stop,
                log: SharedParameters.log(terminal)
            )
        }
        if let path = arguments[record] { try FileSystem.write(Array(check.record.utf8), to: path) }
        if arguments[json] {
            try terminal.write(String(decoding: check.json.prettyBytes(), as: UTF8.self))
        } else {
            for failure in check.failures {
                for problem in failure.problems { try terminal.writeLine("\(failure.sample): \(problem)") }
            }
            let verdict =
                check.passed
                ? terminal.styled("passed", .good) : terminal.styled("failed", .error)
            try terminal.writeLine(
                "\(verdict): \(check.samples - check.failures.count) of \(check.samples) samples answered as expected"
            )
        }
        return check.passed ? .done : .checkFailed
    }
}
