import CommandLine
import Deployment
import Diagnostics
import EdgeRuntime
import FileSystem
import JSON

/// `edgeruntime check`.
enum CheckCommand {
    private static let json = Option.flag("json", summary: "print the result as one JSON object")
    private static let record = Option.flag(
        "record",
        summary: "print the result as a record of fixed lines, for an agent"
    )
    private static let acceptance = Option.optional(
        "acceptance",
        .path,
        summary: "acceptance document, whose metric is computed on --data; its path ends with "
            + "acceptance/ENDPOINT/VERSION.json"
    )
    private static let metric = Option.optional(
        "metric",
        .text.named("METRIC"),
        summary: "in place of --acceptance: accuracy, f1, mae or rmse"
    )
    private static let output = Option.optional(
        "output",
        .text.named("NAME"),
        summary: "with --metric: the output that is judged, where there are several"
    )
    private static let data = Option.optional(
        "data",
        .path,
        summary: "labelled data: one JSON object a line, with inputs, as a request has them, and label"
    )

    /// What a signed document has at most.
    private static let documentLimit = 1 << 20

    static let command = Command(
        "check",
        summary: "answer a bundle's conformance samples on this machine and compare",
        discussion: [
            "Loads the bundle as serve does, without a server, answers every sample that came with it, and compares with "
                + "the answers that were computed when it was built, within the bundle's own tolerances.",
            "With labelled data it says how well the model does on it, too. Whether that is good enough is left to whoever "
                + "asks: the exit code is that of the samples.",
        ],
        examples: [
            Example("Does this machine compute the same?", "edgeruntime check ./digits-tree"),
            Example(
                "How often is it right?",
                "edgeruntime check ./digits-tree --data labelled.jsonl --metric accuracy --output label"
            ),
        ],
        arguments: [SharedParameters.bundle],
        options: [json, record, acceptance, data, metric, output] + SharedParameters.all,
        exitCodes: [.checkFailed, .incompatible, .modelNotLoaded, .dataError, .noInput, .unavailable, .ioError],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        try arguments.refuseTogether(json, record)
        let bundle = try ServedBundle.load(arguments[SharedParameters.bundle])
        let acceptance = try acceptanceSet(arguments)
        let check = try TerminationSignals.ending { stop in
            try ConformanceCheck.run(
                bundle,
                acceptance: acceptance,
                requiresSamples: !arguments[record],
                options: SharedParameters.options(arguments),
                stop: stop,
                log: SharedParameters.log(terminal)
            )
        }
        if arguments[record] {
            try terminal.write(check.record)
        } else if arguments[json] {
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
        let figure = try check.acceptance?.get()
        if let figure, !arguments[record], !arguments[json] {
            try terminal.writeLine("\(figure.metric.rawValue) \(figure.value) on \(figure.records) records")
        }
        return check.passed ? .done : .checkFailed
    }

    private static func acceptanceSet(_ arguments: ParsedArguments) throws -> AcceptanceSet? {
        try arguments.refuseTogether(acceptance, metric)
        try arguments.refuseTogether(acceptance, output)
        guard let data = arguments[data] else {
            if let given = [acceptance, metric, output].first(where: { arguments.isGiven($0) }) {
                throw arguments.usageError("\(given.definition.label) needs labelled data: give --data")
            }
            return nil
        }
        if let path = arguments[acceptance] {
            let document = try document(path)
            guard let metric = AcceptanceMetric(rawValue: document.metric.name) else {
                throw RuntimeError.badAcceptance(
                    path: path,
                    problem: "\(document.metric.name) is a function of the bundle, which this runtime does not call"
                )
            }
            return AcceptanceSet(metric: metric, output: document.output, data: data)
        }
        guard let name = arguments[metric] else {
            throw arguments.usageError("--data needs what is measured: give --acceptance or --metric")
        }
        guard let metric = AcceptanceMetric(rawValue: name) else {
            let known = AcceptanceMetric.allCases.map(\.rawValue)
            let guess = NearestName.nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
            throw arguments.usageError("--metric takes \(known.joined(separator: ", ")), not \(name)\(guess)")
        }
        return AcceptanceSet(metric: metric, output: arguments[output], data: data)
    }

    private static func document(_ path: String) throws -> Acceptance {
        // A document is read as what its place says that it is.
        let place = path.split(separator: "/").suffix(3).joined(separator: "/")
        guard let location = AcceptanceLocation(path: place) else {
            throw RuntimeError.badOption("\(path) is not at acceptance/ENDPOINT/VERSION.json, where its kind lies")
        }
        return try Acceptance.parse(try FileSystem.read(path, limit: documentLimit), at: location)
    }
}
