import Diagnostics
import Testing

@testable import CommandLine

@Suite struct ProgramTests {
    @Test func keepsDataAndTalkApart() {
        #expect(Answer.of(["build", "rye"]) == Answer(code: 0, output: "loaf from rye\n", notices: "baking\n"))
        #expect(Answer.of(["build", "rye", "-q"]) == Answer(code: 0, output: "loaf from rye\n", notices: ""))
    }

    @Test func printsItsVersion() {
        #expect(Answer.of(["--version"]) == Answer(code: 0, output: "kiln 1.2.3\n", notices: ""))
    }

    @Test func endsWithTheCodeThatTheCommandReturns() {
        #expect(Answer.of(["signature", "say"]).code == 10)
    }

    @Test func explainsAnErrorAfterTheDataThatCameBefore() {
        let expected = """
            error: oven.yaml: the oven is cold\\u{1B}[31m
            hint: light it
            hint: then wait

            """
        #expect(Answer.of(["explode"]) == Answer(code: 69, output: "so far so good\n", notices: expected))
    }

    @Test func reportsAnErrorWithoutExplanationAsFailure() {
        #expect(Answer.of(["break"]) == Answer(code: 1, output: "", notices: "error: something broke\n"))
    }

    @Test func reportsWrongUsage() {
        let expected = """
            error: unknown option --fource for kiln build
            hint: did you mean '--force'?
            hint: see `kiln build --help`

            """
        #expect(Answer.of(["build", "rye", "--fource"]) == Answer(code: 64, output: "", notices: expected))
    }

    @Test func coloursOnATerminalUnlessToldOtherwise() {
        let coloured = "\u{1b}[1;31merror:\u{1b}[0m something broke\n"
        #expect(Answer.of(["break"], onTerminal: true).notices == coloured)
        #expect(Answer.of(["break", "--color", "always"]).notices == coloured)
        let plain = "error: something broke\n"
        #expect(Answer.of(["break", "--color", "never"], onTerminal: true).notices == plain)
        #expect(Answer.of(["break"], environment: ["NO_COLOR": "1"], onTerminal: true).notices == plain)
        #expect(Answer.of(["break"], environment: ["NO_COLOR": ""], onTerminal: true).notices == coloured)
        #expect(Answer.of(["break"], environment: ["TERM": "dumb"], onTerminal: true).notices == plain)
    }

    @Test(arguments: [
        (OutputError.closedByReader, Int32(141), ""),
        (
            .failed(stream: "standard output", reason: "No space left on device"), 74,
            "error: can't write to standard output: No space left on device\n"
        ),
    ])
    func failsWhenItsOutputCannotBeWritten(failure: OutputError, code: Int32, notices: String) {
        let talk = MemorySink()
        let console = Console(output: MemorySink(failure: failure), notices: talk)
        #expect(SampleProgram.program.run(["build", "rye", "--quiet"], on: console) == code)
        #expect(talk.text == notices)
        #expect(SampleProgram.program.run(["--help"], on: console) == code)
    }

    @Test func printsHelpOfAllCommands() {
        for path in [[], ["build"], ["signature"], ["signature", "add"], ["completions"], ["manual"]] {
            let asked = Answer.of(path + ["--help"])
            #expect(asked.code == 0 && asked.notices.isEmpty)
            #expect(asked.output.hasPrefix((["Usage: kiln"] + path).joined(separator: " ") + " [OPTIONS]"))
            #expect(Answer.of(path + ["-h"]) == asked)
            #expect(Answer.of(["help"] + path) == asked)
        }
        #expect(Answer.of(["help", "bild"]).notices.contains("did you mean 'build'?"))
    }
}
