import Diagnostics
import EdgeRuntime
import Glibc
import Processes
import Synchronization
import Testing

private let echo = """
    def init(): pass
    def run(data): return data
    """

private let failed = "An unexpected error occurred in scoring script. Check the logs for more info."

@Suite(.enabled(if: ScriptTestPython.isThere, "no Python 3.9 or later"), .timeLimit(.minutes(1)))
struct ScriptWorkerTests {
    struct Call: Sendable {
        let run: String
        let body: String
        let answer: String
    }

    @Test(arguments: [
        Call(run: "return data", body: "hello", answer: #""hello""#),
        Call(run: "return data", body: "", answer: #""""#),
        Call(run: "return data", body: "größer 🙂", answer: #""gr\u00f6\u00dfer \ud83d\ude42""#),
        Call(run: "return json.loads(data)['x'] * 2", body: #"{"x": [1, "a"]}"#, answer: #"[1, "a", 1, "a"]"#),
        Call(run: "return {'a': (1, 2.5, True, None)}", body: "", answer: #"{"a": [1, 2.5, true, null]}"#),
        Call(run: "return None", body: "", answer: "{}"),
        Call(run: "return str(type(data))", body: "x", answer: #""<class 'str'>""#),
    ])
    func answersWithWhatRunReturns(call: Call) async throws {
        let fixture = try ScriptFixture("import json\ndef init(): pass\ndef run(data): \(call.run)\n")
        try await fixture.serve { worker in
            let reply = await worker.score(call.body.utf8)
            #expect(reply.text == call.answer)
            #expect(reply.answer?.message == nil)
            #expect(reply.answer?.runMilliseconds != nil)
        }
    }

    @Test func callsInitOnceAndRunOnceForEachRequest() async throws {
        let fixture = try ScriptFixture(
            """
            calls = []
            def init(): calls.append("init")
            def run(data):
                calls.append(data)
                return calls
            """
        )
        try await fixture.serve { worker in
            #expect(await worker.score("a".utf8).text == #"["init", "a"]"#)
            #expect(await worker.score("b".utf8).text == #"["init", "a", "b"]"#)
        }
    }

    @Test(arguments: [65536, 65537, 1 << 20, 5_000_000])
    func carriesLargeBodiesBothWays(count: Int) async throws {
        try await ScriptFixture(echo).serve { worker in
            let text = String(repeating: "0123456789abcdef", count: count / 16 + 1).prefix(count - 2)
            for _ in 0..<3 { #expect(await worker.score(text.utf8).text == "\"\(text)\"") }
        }
    }

    @Test func convertsNumpyValuesWhereTheScriptUsesNumpy() async throws {
        // Stands in for numpy, which the machine may lack: the worker only asks for these names.
        let fixture = try ScriptFixture(
            """
            import numpy
            def init(): pass
            def run(data):
                return {"array": numpy.ndarray(), "scalar": numpy.float32(), "nan": [numpy.float32(float(data))]}
            """
        )
        try fixture.write(
            """
            class generic: pass
            class float32(generic):
                def __init__(self, value=0.5): self.value = value
                def item(self): return self.value
            class ndarray:
                def tolist(self): return [1, 2]
            """,
            to: "numpy.py"
        )
        try await fixture.serve { worker in
            #expect(await worker.score("2".utf8).text == #"{"array": [1, 2], "scalar": 0.5, "nan": [2.0]}"#)
            let refusal = await worker.score("nan".utf8).answer
            #expect(refusal?.message == "run() returned what JSON can't hold: NaN at nan[0]")
        }
    }

    struct Unanswerable: Sendable {
        let value: String
        let named: String
    }

    @Test(arguments: [
        Unanswerable(value: "float('nan')", named: "NaN"),
        Unanswerable(value: "{'p': [[0.5, float('nan')]]}", named: "NaN at p[0][1]"),
        Unanswerable(value: "[float('-inf')]", named: "Infinity at [0]"),
        Unanswerable(value: "b'bytes'", named: "an object of type bytes"),
        Unanswerable(value: "{1, 2}", named: "an object of type set"),
        Unanswerable(value: "loop", named: "Circular reference detected"),
    ])
    func namesWhatJSONCannotHold(unanswerable: Unanswerable) async throws {
        let script = "loop = []\nloop.append(loop)\ndef init(): pass\ndef run(data): return \(unanswerable.value)\n"
        try await ScriptFixture(script).serve { worker in
            let answer = await worker.score("".utf8).answer
            #expect(answer?.status == 500)
            #expect(answer?.message == "run() returned what JSON can't hold: \(unanswerable.named)")
            #expect(answer?.body == [])
        }
    }

    @Test func refusesABodyThatIsNotText() async throws {
        try await ScriptFixture(echo).serve { worker in
            let answer = await worker.score([0x61, 0xFF]).answer
            #expect(answer?.status == 400)
            #expect(answer?.message?.hasPrefix("Input cannot be decoded as UTF-8: 'utf-8' codec can't decode") == true)
            #expect(answer?.runMilliseconds == nil)
            #expect(await worker.score("ok".utf8).text == #""ok""#)
        }
    }

    @Test func handsOverHeadersAsFlaskNamesThem() async throws {
        let script = "def init(): pass\ndef run(data, request_headers): return request_headers\n"
        try await ScriptFixture(script).serve { worker in
            let headers = [("content-type", "text/plain"), ("x-ms-request-id", "1"), ("X-MS-REQUEST-ID", "2")]
            let reply = await worker.score("".utf8, headers: headers.map { (name: $0.0, value: $0.1) })
            #expect(reply.text == #"{"Content-Type": "text/plain", "X-Ms-Request-Id": "1,2"}"#)
        }
    }

    @Test func readsTheQueryOfAGet() async throws {
        try await ScriptFixture("import json\ndef init(): pass\ndef run(data): return json.loads(data)\n").serve {
            worker in
            let query = "a=1&b=%5B1%2C2%5D&c=a%20b&d=null&e=x&e=2&f="
            let request = ScriptRequest(method: .get, query: query, body: [], deadline: .seconds(60))
            let expected = #"{"a": 1, "b": [1, 2], "c": "a b", "d": null, "e": ["x", 2], "f": ""}"#
            #expect(await worker.score(request).text == expected)
        }
    }

    @Test(arguments: ["raise ValueError('secret ' + data)", "import sys; sys.exit(3)", "raise KeyboardInterrupt('x')"])
    func answersAnExceptionWithoutItsText(statement: String) async throws {
        let fixture = try ScriptFixture("def init(): pass\ndef run(data):\n    \(statement)\n")
        try await fixture.serve { worker in
            let process = worker.snapshot.processIdentifier
            let answer = await worker.score("data".utf8, label: "prediction-1").answer
            #expect(answer?.status == 500)
            #expect(answer?.message == failed)
            // It is logged before its reply, with the script's line and without the worker's own frames.
            let log = fixture.logged.first { $0.source == .exception }
            #expect(log?.label == "prediction-1")
            #expect(log?.text.contains("score.py\", line 3, in run") == true)
            #expect(log?.text.contains("edge-worker.py") == false)
            _ = await worker.score("".utf8)
            #expect(worker.snapshot.processIdentifier == process)
        }
    }

    @Test func shortensATracebackThatIsLargerThanAFrame() async throws {
        let fixture = try ScriptFixture("def init(): pass\ndef run(data): raise ValueError(data * 100000)\n")
        try await fixture.serve { worker in
            #expect(await worker.score("🙂".utf8).answer?.message == failed)
            #expect(worker.snapshot.restarts == 0)
        }
        let text = try #require(fixture.texts(from: .exception).first)
        #expect(text.contains("characters left out"))
        #expect(text.hasPrefix("Traceback (most recent call last):"))
    }

    @Test func keepsProtocolAndPrintsApart() async throws {
        let fixture = try ScriptFixture(
            """
            import os, subprocess, sys
            def init(): print("in init")
            def run(data):
                print("to stdout")
                print("to stderr", file=sys.stderr)
                os.write(1, b"raw\\n")
                os.write(2, b"\\xff\\xfe\\n")
                subprocess.run(["/bin/sh", "-c", "echo from a program"], check=True)
                print("no newline", end="")
                return "ok"
            """
        )
        try await fixture.serve { worker in
            for _ in 0..<3 { #expect(await worker.score("".utf8, label: "p").text == #""ok""#) }
        }
        let once = ["to stdout", "raw", "from a program"]
        // A line without its end is joined by the next.
        let joined = once + ["no newlineto stdout"] + once.dropFirst() + ["no newlineto stdout"] + once.dropFirst()
        #expect(fixture.texts(from: .standardOutput) == ["in init"] + joined + ["no newline"])
        #expect(fixture.texts(from: .standardError).filter { $0 == "\u{FFFD}\u{FFFD}" }.count == 3)
        #expect(fixture.logged.contains { $0.text == "from a program" && $0.label == "p" })
    }

    @Test func cutsOverlongLines() async throws {
        let fixture = try ScriptFixture("def init(): print('x' * 300000)\ndef run(data): return 1\n")
        try await fixture.serve { _ in }
        let line = fixture.logged.first { $0.source == .standardOutput }
        #expect(line?.text.utf8.count == 16 << 10)
        #expect(line?.isCut == true)
    }

    @Test func givesEndOfFileOnStandardInput() async throws {
        let script = "import sys\ndef init(): pass\ndef run(data): return sys.stdin.read()\n"
        try await ScriptFixture(script).serve { worker in
            #expect(await worker.score("".utf8).text == #""""#)
        }
    }

    @Test func describesWhatItLoaded() throws {
        let fixture = try ScriptFixture("import ours\ndef init(): pass\ndef run(data, request_headers): pass\n")
        try fixture.write("__version__ = '1.2.3'\n", to: "ours.py")
        let worker = try fixture.worker { $0.sitePackages = [fixture.folder] }
        defer { worker.stop() }
        let information = try worker.start()
        #expect(information.packages == ["ours": "1.2.3"])
        #expect(information.pythonVersion == ScriptTestPython.interpreter?.version)
        #expect(information.takesHeaders)
        #expect(worker.isReady)
    }
}
