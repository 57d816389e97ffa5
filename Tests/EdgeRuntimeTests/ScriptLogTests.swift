import Glibc
import Synchronization
import Testing

@testable import EdgeRuntime

@Suite(.timeLimit(.minutes(1))) struct ScriptLogTests {
    /// A log that takes nothing while it is shut.
    private final class Log: Sendable {
        private struct State {
            var texts: [String] = []
            var isShut = true
        }

        private let state = Mutex(State())

        var texts: [String] { state.withLock { $0.texts } }

        func open() { state.withLock { $0.isShut = false } }

        func take(_ line: ScriptLogLine) {
            while state.withLock({ $0.isShut }) { usleep(1000) }
            state.withLock { $0.texts.append(line.text) }
        }
    }

    @Test func losesAndCountsWhatTheLogDoesNotTake() throws {
        let sink = Log()
        let log = ScriptLog(lineLimit: 3, byteLimit: 10) { sink.take($0) }
        // The thread comes last, so that it is certain what is in the queue.
        for text in ["one", "two", "three", "four"] { log.add(ScriptLogLine(source: .standardOutput, text: text)) }
        log.add(ScriptLogLine(source: .standardOutput, text: "4"))
        try log.start()
        #expect(!log.flush(upTo: .milliseconds(1)))
        sink.open()
        #expect(log.flush(upTo: .seconds(30)))
        // "three" is too long for what is left of the bytes; "four" would be the third.
        #expect(sink.texts == ["one", "two", "four", "2 lines were lost: the log did not take them in time"])
        log.add(ScriptLogLine(source: .standardOutput, text: "five"))
        #expect(log.flush(upTo: .seconds(30)))
        #expect(sink.texts.last == "five")
        log.end()
    }

    @Test(.enabled(if: ScriptTestPython.isThere, "no Python 3.9 or later"))
    func goesOnScoringAndStopsWhileTheLogIsBlocked() async throws {
        let sink = Log()
        let fixture = try ScriptFixture(
            """
            import time
            def init(): print("in init", flush=True)
            def run(data):
                print("a line\\n" * 20000, flush=True)
                if data == "sleep": time.sleep(10000)
                return data
            """
        )
        let worker = try ScriptWorker(fixture.configuration()) { [fixture] line in
            withExtendedLifetime(fixture) { sink.take(line) }
        }
        _ = try worker.start()
        #expect(await worker.score("one".utf8).text == #""one""#)
        #expect(await worker.score("sleep".utf8, deadline: .milliseconds(500)) == .timedOut)
        #expect(await worker.score("two".utf8).text == #""two""#)
        worker.stop()
        #expect(worker.snapshot.state == "dead")
        #expect(sink.texts.isEmpty)
        sink.open()
        await until { sink.texts.contains { $0.contains(" lines were lost: ") } }
    }

    struct Line: Sendable {
        let line: ScriptLogLine
        let text: String
    }

    @Test(arguments: [
        Line(line: ScriptLogLine(source: .standardOutput, text: "x"), text: "standardOutput: x"),
        Line(
            line: ScriptLogLine(source: .standardOutput, text: "supervisor: gone", isCut: true, label: "p1"),
            text: "standardOutput p1: supervisor: gone …"
        ),
        Line(
            line: ScriptLogLine(source: .standardError, text: "\u{1B}[2J\rsupervisor: x\u{202E}\u{85}"),
            text: #"standardError: \u{1B}[2J\u{D}supervisor: x\u{202E}\u{85}"#
        ),
        Line(
            line: ScriptLogLine(source: .exception, text: "Traceback:\n  File\n\nE: a\r\nsupervisor: b\n", label: "p"),
            text: "exception p: Traceback:\nexception p:   File\nexception p: E: a\\u{D}\nexception p: supervisor: b"
        ),
        Line(
            line: ScriptLogLine(source: .supervisor, text: "init() failed: E: a\nsupervisor: b"),
            text: "supervisor: init() failed: E: a\\nsupervisor: b"
        ),
        Line(
            line: ScriptLogLine(source: .standardOutput, text: "x", label: "p\nsupervisor: y"),
            text: "standardOutput p\\nsupervisor: y: x"
        ),
    ])
    func letsNoScriptSpeakAsTheSupervisor(line: Line) {
        #expect(line.line.forPeople == line.text)
    }
}
