import Diagnostics

@testable import CommandLine

/// A program with every kind of parameter, for the tests of this target.
enum SampleProgram {
    enum Level: String, CaseIterable, Sendable { case fast, small }

    struct Failure: ExplainedError {
        var message: String { "oven.yaml: the oven is cold\u{1b}[31m" }
        var hint: String? { "light it\nthen wait" }
        var exitCode: ExitCode { .unavailable }
    }

    struct Bare: Error, CustomStringConvertible {
        var description: String { "something broke" }
    }

    static let project = Argument("PROJECT", .path, summary: "folder with the recipe")
    static let output = Option("out", short: "o", .directory, default: ".", summary: "where the loaf is put")
    static let device = Option.repeated("device", short: "d", .text.named("NAME"), summary: "bake for this oven")
    static let heat = Option("heat", .integer(in: -10...300), default: 180, environment: "KILN_HEAT", summary: "heat")
    static let limit = Option("limit", .bytes(in: 1...Int.max), default: 64 << 20, summary: "largest loaf")
    static let wait = Option("wait", .duration(), default: .seconds(30), summary: "how long to bake")
    static let level = Option("level", ValueType<Level>.choice, default: .fast, summary: "what matters more")
    static let share = Option.optional("share", .number(in: -1...1), summary: "how much of it")
    static let json = Option.flag("json", short: "j", environment: "KILN_JSON", summary: "print JSON")
    static let force = Option.flag("force", short: "f", summary: "overwrite what is there")

    static let build = Command(
        "build",
        summary: "bake a loaf from a recipe folder",
        discussion: [
            "The same recipe gives the same loaf on every machine, whatever the weather, the hour and the person who "
                + "happens to stand in front of the oven."
        ],
        examples: [Example("Bake for two ovens.", "kiln build rye -o dist --device gas --device wood")],
        arguments: [project],
        options: [output, device, heat, limit, wait, level, share, json, force],
        exitCodes: [.noInput, .done, .unlocked]
    ) { arguments, terminal in
        terminal.notice("baking")
        try terminal.writeLine("loaf from \(arguments[project])")
        return .done
    }

    static let key = Option.required(
        "key",
        short: "k",
        .path.named("FILE"),
        environment: "KILN_KEY",
        summary: "the key"
    )
    static let files = Argument.repeated("FILE", .path, minimum: 1, summary: "what to sign")
    static let note = Argument.optional("NOTE", .text, summary: "what to say")
    static let times = Argument("TIMES", .integer(in: 1...9), default: 1, summary: "how often")

    static let root = Command(
        "kiln",
        summary: "bakes bread that can be traced",
        options: [],
        subcommands: [
            build,
            Command(
                "signature",
                summary: "work with signatures",
                subcommands: [
                    Command("add", summary: "sign loaves", arguments: [files], options: [key]) { _, _ in .done },
                    Command("say", summary: "say something", arguments: [note, times]) { _, _ in .checkFailed },
                ]
            ),
            Command("explode", summary: "fail with an explanation") { _, terminal in
                try terminal.writeLine("so far so good")
                throw Failure()
            },
            Command("break", summary: "fail without one") { _, _ in throw Bare() },
        ]
    )

    static let program = Program(root, version: "1.2.3")
}

/// A program's whole answer.
struct Answer: Equatable {
    let code: Int32
    let output: String
    let notices: String

    static func of(_ words: [String], environment: [String: String] = [:], onTerminal: Bool = false) -> Answer {
        let (output, notices) = (MemorySink(), MemorySink())
        let console = Console(
            output: output,
            notices: notices,
            outputIsTerminal: onTerminal,
            noticesIsTerminal: onTerminal,
            environment: { environment[$0] }
        )
        let code = SampleProgram.program.run(words, on: console)
        return Answer(code: code, output: output.text, notices: notices.text)
    }
}

func parsed(_ words: [String], environment: [String: String] = [:]) throws -> ParsedArguments? {
    var parser = CommandLineParser(words: words, root: SampleProgram.program.root, environment: { environment[$0] })
    guard case .run(_, let arguments) = try parser.parse() else { return nil }
    return arguments
}
