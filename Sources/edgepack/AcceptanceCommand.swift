import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry

/// `edgepack acceptance`.
enum AcceptanceCommand {
    static let command = Command(
        "acceptance",
        summary: "labelled data that a bundle must do well on before a box takes it",
        subcommands: [publishCommand, showCommand]
    )

    // MARK: publish

    private static let data = Argument(
        "DATA.jsonl",
        .path,
        summary: "one JSON object a line: inputs, as in a request, and label"
    )
    private static let metric = Option.required(
        "metric",
        .text.named("METRIC"),
        summary: "accuracy, f1, mae, rmse, or a function of the bundle, module.function"
    )
    private static let moreIsBetter = Option.flag(
        "more-is-better",
        summary: "of a function: its greater values are the better ones"
    )
    private static let bar = Option.optional(
        "bar",
        .number(),
        summary: "the least value where more is better, else the greatest"
    )
    private static let incumbentBar = Option.optional(
        "incumbent-bar",
        .number(),
        summary: "how much worse than the running bundle it may be; negative: how much better it must be"
    )
    private static let output = Option.optional(
        "output",
        .text.named("NAME"),
        summary: "the output that is judged, where there are several"
    )

    private static let publishCommand = Command(
        "publish",
        summary: "publish the next acceptance set of an endpoint",
        discussion: [
            "A deployment names the version that its bundle must pass: `edgepack deploy` with `--acceptance N`. The same "
                + "data, metric and bar again change nothing."
        ],
        examples: [
            Example(
                "Ask for 95 of 100 right",
                "edgepack acceptance publish labelled.jsonl --endpoint digits --metric accuracy --bar 0.95 "
                    + "--to repo --keys keys"
            )
        ],
        arguments: [data],
        options: [
            RegistryParameters.endpoint, metric, moreIsBetter, bar, incumbentBar, output, RegistryParameters.to,
            RegistryParameters.publishingRole, SharedParameters.json,
        ] + RegistryParameters.signing,
        exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration],
        run: publish
    )

    @Sendable private static func publish(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        guard arguments[bar] != nil || arguments[incumbentBar] != nil else {
            throw arguments.usageError("give --bar, --incumbent-bar or both")
        }
        let request = Registry.AcceptanceRequest(
            endpoint: arguments[RegistryParameters.endpoint],
            metric: try metric(arguments),
            bar: Acceptance.Bar(absolute: arguments[bar], againstIncumbent: arguments[incumbentBar]),
            output: arguments[output]
        )
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try RegistryParameters.open(arguments, keys)
        let changed = try registry.publishAcceptance(
            arguments[data],
            request,
            as: arguments[RegistryParameters.publishingRole],
            keys: keys
        )
        let (acceptance, isNew) = (changed.result, changed.effect.isChange)
        let document = acceptance.document
        terminal.notice(
            "acceptance set \(document.location.version) of \(document.location.endpoint): \(document.records) records"
                + (isNew ? "" : ", published already")
        )
        RegistryParameters.tell(changed.effect, in: registry.name, terminal)
        if registry.hasUncommitted { _ = try RegistryParameters.commit(&registry, keys, terminal) }
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine("sha256:\(acceptance.digest)  \(document.location.path)")
            return .done
        }
        let value: JSONValue = [
            "path": .string(document.location.path), "digest": .string(acceptance.digest.hex),
            "version": .integer(document.location.version), "records": .integer(document.records),
            "isNew": .boolean(isNew),
        ]
        let waiting = RegistryParameters.members(changed.effect, in: registry.name)
        try terminal.write(value.with(waiting), isOneOfSeveral: false)
        return .done
    }

    private static func metric(_ arguments: ParsedArguments) throws -> Acceptance.Metric {
        let known: [Acceptance.Metric] = [.accuracy, .f1, .mae, .rmse]
        if let metric = known.first(where: { $0.name == arguments[metric] }) {
            guard !arguments[moreIsBetter] else {
                throw arguments.usageError("--more-is-better is for functions; of \(metric.name) it is known")
            }
            return metric
        }
        guard arguments[metric].contains(".") else {
            let nearest = NearestName.nearest(to: arguments[metric], among: known.map(\.name))
            let guess = nearest.map { "; did you mean \($0)?" } ?? ""
            throw arguments.usageError("--metric takes accuracy, f1, mae, rmse or module.function\(guess)")
        }
        return .function(arguments[metric], moreIsBetter: arguments[moreIsBetter])
    }

    // MARK: show

    private static let from = Option.required(
        "from",
        RepositoryPlace.writable,
        summary: "folder of the repository, or its place in an object store"
    )
    private static let number = Option.optional(
        "number",
        .integer(in: 1...1_000_000_000),
        summary: "version of the set; without it the newest"
    )

    private static let showCommand = Command(
        "show",
        summary: "print an endpoint's acceptance set",
        examples: [Example("Show the newest", "edgepack acceptance show --endpoint digits --from repo")],
        options: [RegistryParameters.endpoint, number, from, SharedParameters.json],
        exitCodes: [.dataError, .noInput, .ioError, .configuration],
        run: show
    )

    @Sendable private static func show(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let registry = try Registry(opening: arguments[from], now: RegistryParameters.now)
        let found = try registry.acceptance(of: arguments[RegistryParameters.endpoint], version: arguments[number])
        let document = found.document
        if arguments[SharedParameters.json] {
            let bytes = try document.encoded()
            try terminal.write(
                try JSONValue.parse(bytes, limits: JSONLimits(bytes: bytes.count)),
                isOneOfSeveral: false
            )
            return .done
        }
        var table = TextTable([.text(""), .text("")])
        table.add("version", "\(document.location.version)")
        table.add("digest", "sha256:\(found.digest)")
        table.add("metric", document.metric.name)
        if let value = document.bar.absolute {
            table.add("bar", "\(document.metric.moreIsBetter ? "at least" : "at most") \(value)")
        }
        if let value = document.bar.againstIncumbent { table.add("against incumbent", "at most \(value) worse") }
        if let output = document.output { table.add("output", output) }
        table.add("data", "\(document.records) records, \(Quantity.readable(bytes: document.dataBytes))")
        table.add("blob", "blobs/\(document.data)")
        try terminal.write(table.rendered())
        return .done
    }
}
