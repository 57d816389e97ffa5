import Diagnostics
import Testing

@testable import CommandLine

@Suite struct CommandLineParserTests {
    typealias Sample = SampleProgram

    @Test func givesDefaultsWhereNothingIsSaid() throws {
        let arguments = try #require(try parsed(["build", "rye"]))
        #expect(arguments.commandPath == ["kiln", "build"])
        #expect(arguments[Sample.project] == "rye")
        #expect(arguments[Sample.output] == ".")
        #expect(arguments[Sample.device] == [])
        #expect(arguments[Sample.heat] == 180)
        #expect(arguments[Sample.limit] == 64 << 20)
        #expect(arguments[Sample.wait] == .seconds(30))
        #expect(arguments[Sample.level] == .fast)
        #expect(arguments[Sample.share] == nil)
        #expect(arguments[Sample.json] == false)
        #expect(!arguments.isGiven(Sample.heat))
    }

    struct Spelling: Sendable {
        let words: [String]
        let check: @Sendable (ParsedArguments) -> Bool
        init(_ words: [String], _ check: @escaping @Sendable (ParsedArguments) -> Bool) {
            self.words = words
            self.check = check
        }
    }

    @Test(arguments: [
        Spelling(["build", "--out", "x", "rye"]) { $0[Sample.output] == "x" && $0[Sample.project] == "rye" },
        Spelling(["build", "--out=x=y", "rye"]) { $0[Sample.output] == "x=y" },
        Spelling(["build", "rye", "-o", "x"]) { $0[Sample.output] == "x" },
        Spelling(["build", "rye", "-ox"]) { $0[Sample.output] == "x" },
        Spelling(["build", "rye", "-jfox"]) { $0[Sample.json] && $0[Sample.force] && $0[Sample.output] == "x" },
        Spelling(["build", "rye", "-d", "a", "--device=b", "-dc"]) { $0[Sample.device] == ["a", "b", "c"] },
        Spelling(["build", "rye", "--heat", "-5"]) { $0[Sample.heat] == -5 && $0.isGiven(Sample.heat) },
        Spelling(["build", "rye", "--share", "-.5"]) { $0[Sample.share] == -0.5 },
        Spelling(["build", "rye", "--limit", "1.5GB"]) { $0[Sample.limit] == 1_500_000_000 },
        Spelling(["build", "rye", "--limit=100"]) { $0[Sample.limit] == 100 },
        Spelling(["build", "rye", "--wait", "250ms"]) { $0[Sample.wait] == .milliseconds(250) },
        Spelling(["build", "rye", "--level", "small"]) { $0[Sample.level] == .small },
        Spelling(["build", "--", "--out"]) { $0[Sample.project] == "--out" },
        Spelling(["build", "-"]) { $0[Sample.project] == "-" },
        Spelling(["build", "-7"]) { $0[Sample.project] == "-7" },
        Spelling(["--quiet", "build", "rye"]) { $0[Program.quiet] },
        Spelling(["build", "rye", "-q", "--color", "never"]) { $0[Program.quiet] && $0[Program.color] == .never },
        Spelling(["signature", "add", "-k", "p.pem", "a", "b"]) { $0[Sample.files] == ["a", "b"] },
        Spelling(["signature", "say"]) { $0[Sample.note] == nil && $0[Sample.times] == 1 },
        Spelling(["signature", "say", "hello", "3"]) { $0[Sample.note] == "hello" && $0[Sample.times] == 3 },
    ])
    func reads(_ spelling: Spelling) throws {
        let arguments = try #require(try parsed(spelling.words))
        #expect(spelling.check(arguments), "\(spelling.words)")
    }

    @Test func readsTheEnvironmentWhereTheOptionIsNotGiven() throws {
        let environment = ["KILN_HEAT": "90", "KILN_JSON": "1", "KILN_KEY": "e.pem"]
        let arguments = try #require(try parsed(["build", "rye"], environment: environment))
        #expect(arguments[Sample.heat] == 90)
        #expect(arguments[Sample.json])
        #expect(arguments.isGiven(Sample.heat))
        #expect(try parsed(["build", "rye", "--heat", "1"], environment: environment)?[Sample.heat] == 1)
        #expect(try parsed(["signature", "add", "x"], environment: environment)?[Sample.key] == "e.pem")
        #expect(try parsed(["build", "rye"], environment: ["KILN_HEAT": "", "KILN_JSON": "0"])?[Sample.heat] == 180)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let words: [String]
        let message: String
        var remedy: String?
        var help = "kiln build --help"
        var environment: [String: String] = [:]
        var testDescription: String { message }
    }

    @Test(arguments: [
        Refusal(words: [], message: "kiln needs a command", help: "kiln --help"),
        Refusal(
            words: ["biuld", "rye"],
            message: "unknown command 'biuld' for kiln",
            remedy: "did you mean 'build'?",
            help: "kiln --help"
        ),
        Refusal(words: ["xyzzy"], message: "unknown command 'xyzzy' for kiln", help: "kiln --help"),
        Refusal(words: ["signature"], message: "kiln signature needs a command", help: "kiln signature --help"),
        Refusal(
            words: ["build", "rye", "--devce=x"],
            message: "unknown option --devce for kiln build",
            remedy: "did you mean '--device'?"
        ),
        Refusal(words: ["build", "rye", "-x"], message: "unknown option -x for kiln build"),
        Refusal(words: ["build", "rye", "--version"], message: "unknown option --version for kiln build"),
        Refusal(words: ["build", "rye", "--out"], message: "--out needs a value (DIR)"),
        Refusal(
            words: ["build", "rye", "--out", "--json"],
            message: "--out needs a value (DIR), but '--json' follows, which looks like an option",
            remedy: "write --out=--json if that is the value"
        ),
        Refusal(words: ["build", "rye", "--out="], message: "--out: '' is empty"),
        Refusal(words: ["build", "rye", "--json=1"], message: "--json takes no value"),
        Refusal(words: ["build", "--help=1"], message: "--help takes no value"),
        Refusal(words: ["build", "rye", "-oa", "--out=b"], message: "--out is given twice"),
        Refusal(words: ["build"], message: "PROJECT is missing"),
        Refusal(words: ["build", "a", "b"], message: "unexpected argument 'b' for kiln build"),
        Refusal(words: ["build", "a", "--heat", "hot"], message: "--heat: 'hot' is not a whole number"),
        Refusal(words: ["build", "a", "--heat", "301"], message: "--heat: '301' is not between -10 and 300"),
        Refusal(
            words: ["build", "a"],
            message: "KILN_HEAT (environment): 'hot' is not a whole number",
            environment: ["KILN_HEAT": "hot"]
        ),
        Refusal(
            words: ["build", "a"],
            message: "KILN_JSON (environment): 'maybe' is not one of 1, true, 0, false",
            environment: ["KILN_JSON": "maybe"]
        ),
        Refusal(words: ["build", "a", "--share", "nan"], message: "--share: 'nan' is not a number"),
        Refusal(words: ["build", "a", "--share", "0x1p0"], message: "--share: '0x1p0' is not a number"),
        Refusal(words: ["build", "a", "--wait", "30"], message: "--wait: '30' has no unit (ms, s, m, h or d)"),
        Refusal(
            words: ["build", "a", "--limit", "64Mb"],
            message: "--limit: '64Mb' is not a size such as 64MiB, 1.5GB or a number of bytes"
        ),
        Refusal(
            words: ["build", "a", "--level", "smal"],
            message: "--level: 'smal' is not one of fast, small",
            remedy: "did you mean 'small'?"
        ),
        Refusal(
            words: ["signature", "add", "x"],
            message: "--key is missing",
            remedy: "it can also be set with the environment variable KILN_KEY",
            help: "kiln signature add --help"
        ),
        Refusal(words: ["signature", "add", "-kx"], message: "FILE is missing", help: "kiln signature add --help"),
        Refusal(
            words: ["signature", "say", "a", "0"],
            message: "TIMES: '0' is not between 1 and 9",
            help: "kiln signature say --help"
        ),
    ])
    func refuses(_ refusal: Refusal) {
        let error = #expect(throws: UsageError.self) { try parsed(refusal.words, environment: refusal.environment) }
        #expect(error?.message == refusal.message)
        #expect(error?.hint == (refusal.remedy.map { "\($0)\n" } ?? "") + "see `\(refusal.help)`")
        #expect(error?.exitCode == .usage)
    }

    @Test func refusesOptionsThatExcludeEachOther() throws {
        let arguments = try #require(try parsed(["build", "rye", "--json", "--heat=1"]))
        #expect(throws: Never.self) { try arguments.refuseTogether(Sample.heat, Sample.force) }
        let error = #expect(throws: UsageError.self) { try arguments.refuseTogether(Sample.json, Sample.heat) }
        #expect(error?.message == "--json and --heat can't be used together")
    }

    @Test func findsMistakesInDeclarations() {
        let twice = Option.flag("json", short: "q", summary: "again")
        let rest = Argument.repeated("FILE", .path, summary: "files")
        let command = Command("bad", summary: "Ends.", arguments: [rest, Sample.project], options: [twice]) { _, _ in
            .done
        }
        let root = Command("root", summary: "root", options: [Sample.json, Program.quiet], subcommands: [command])
        #expect(
            root.definitionProblems() == [
                "root bad: its summary is empty or ends with a full stop",
                "root bad: --json is declared twice",
                "root bad: -q is declared twice",
                "root bad: only the last argument can be repeated",
            ]
        )
        #expect(Sample.program.root.definitionProblems() == [])
    }
}
