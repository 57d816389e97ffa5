import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// A scoring script behind its worker: whatever the script does, the server answers.
@Suite(.programs, .oneByOne) struct ScriptServingTests {
    /// One served script that blocks, dies and raises as it is told.
    private struct Controlled {
        let scratch: Scratch
        let server: ServedRuntime

        init(more: String = "") throws {
            scratch = try Scratch()
            let project = try ScriptProject(in: scratch, more: more)
            var environment = Programs.environment
            environment["TMPDIR"] = try scratch.folder("temporary")
            server = try ServedRuntime(project.extracted(in: scratch), environment: environment)
        }

        /// The process of the script.
        func worker() throws -> Int32 {
            let answer = try server.post("/score", #"{"ask": "pid"}"#)
            return try Int32(#require(answer.json["pid"]?.integerValue))
        }

        /// Sends a request that stays unanswered until `release`, and returns once the script works on it.
        func block() throws -> HTTPConnection {
            try makeFIFO()
            let connection = try server.connect()
            try connection.send("POST", "/score", #"{"ask": "block", "until": "\#(scratch("until"))"}"#)
            try server.logged("blocking")
            return connection
        }

        func makeFIFO() throws {
            guard mkfifo(scratch("until"), 0o600) == 0 else { throw POSIXError(operation: "mkfifo", code: errno) }
        }

        /// Throws where the script no longer waits: to open the FIFO without a reader would wait for ever.
        func release() throws {
            for _ in 0..<1000 {
                let end = open(scratch("until"), O_WRONLY | O_NONBLOCK | O_CLOEXEC)
                if end >= 0 {
                    close(end)
                    return
                }
                usleep(10_000)
            }
            throw Unexpected(what: "the script does not wait any more; the log:\n\(server.logText)")
        }
    }

    @Test func answersAsTheNativeModelDoes() throws {
        let native = try Example.native.get()
        let script = try Example.script.get()
        let nativeServer = try ServedRuntime(native.tree)
        let scriptServer = try ServedRuntime(script.tree)
        for name in ["seven", "hard", "ten"] {
            let expected = try nativeServer.post("/score", script.request(name))
            let answered = try scriptServer.post("/score", script.request(name))
            #expect(expected.status == 200 && answered.status == 200, "\(expected.text) \(answered.text)")
            let (theirs, ours) = (try expected.json, try answered.json)
            #expect(ours["label"] == theirs["label"] && ours["label"]?.arrayValue?.isEmpty == false)
            let pairs = zip(numbers(ours["probabilities"]), numbers(theirs["probabilities"]))
            #expect(pairs.allSatisfy { abs($0 - $1) < 1e-5 })
            #expect(numbers(ours["probabilities"]).count == 10 * (ours["label"]?.arrayValue?.count ?? 0))
            #expect(answered.headers["edge-prediction-id"] != nil)
        }
        #expect(try scriptServer.stop() == .exited(0))
    }

    @Test func answersHealthAndMetricsWhileTheScriptWorks() throws {
        let script = try Controlled()
        let blocked = try script.block()
        let other = try script.server.connect()
        for path in ["/", "/v2/health/live", "/v2/health/ready", "/v2/models/controllable/ready", "/metrics"] {
            #expect(try other.ask("GET", path).status == 200)
        }
        try script.release()
        #expect(try blocked.answer().status == 200)
    }

    @Test func answersTheRequestOfAKilledWorkerWith502AndTheNextWithANewOne() throws {
        let script = try Controlled()
        let worker = try script.worker()
        let blocked = try script.block()
        #expect(kill(worker, SIGKILL) == 0)
        let answer = try blocked.answer()
        #expect(answer.status == 502)
        #expect(answer.text.contains("SIGKILL"))
        #expect(try script.worker() != worker)
        try script.server.logged("worker \(worker) ended with signal 9")
    }

    @Test func answersWith504WhenTheScriptTakesTooLong() throws {
        // Long enough for the new worker to begin, which the next request waits for.
        let script = try Controlled(more: "resources: {deadline: 2s}")
        let answer = try script.server.post("/score", #"{"ask": "sleep"}"#)
        #expect(answer.status == 504)
        #expect(answer.text.contains("did not answer in time"))
        let next = try script.server.post("/score", #"{"ask": "pid"}"#)
        #expect(next.status == 200, "\(next.text)")
    }

    @Test func answersWhatIsUnderWayBeforeItEnds() throws {
        // A machine that does much else at once must not run into the request's own limit.
        let script = try Controlled(more: "resources: {deadline: 60s}")
        let blocked = try script.block()
        #expect(try FileSystem.names(in: script.scratch("temporary")).count == 1, "no scratch folder")
        script.server.process.signal(SIGTERM)
        try script.server.logged("stopping")
        // Once nobody listens any more, only what is under way is waited for.
        let clock = ContinuousClock()
        let end = clock.now + .seconds(60)
        while (try? script.server.connect()) != nil {
            try #require(clock.now < end, "it still listens")
            usleep(1000)
        }
        try script.release()
        let answer = try blocked.answer()
        #expect(answer.status == 200)
        #expect(answer.headers["connection"]?.lowercased() == "close")
        #expect(try script.server.process.wait(upTo: .seconds(60)) == .exited(0))
        #expect(!script.server.restOfLog().contains("cut off"))
        #expect(try FileSystem.names(in: script.scratch("temporary")).isEmpty, "the worker's scratch folder is left")
    }

    @Test func leavesNoWorkerBehindWhenItIsKilledItself() throws {
        let script = try Controlled()
        try script.makeFIFO()
        // The reader of a FIFO sees when its last writer is gone.
        let reader = open(script.scratch("until"), O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        try #require(reader >= 0)
        defer { close(reader) }
        let connection = try script.server.connect()
        try connection.send("POST", "/score", #"{"ask": "hold", "until": "\#(script.scratch("until"))"}"#)
        try script.server.logged("holding")
        kill(script.server.process.processIdentifier, SIGKILL)
        var end = pollfd(fd: reader, events: 0, revents: 0)
        #expect(poll(&end, 1, 60_000) == 1, "the worker outlives its runtime")
        #expect(end.revents & Int16(POLLHUP) != 0)
    }

    @Test func logsTheTracebackOfARequestThatRaises() throws {
        let script = try Controlled()
        let answer = try script.server.post("/score", #"{"ask": "raise"}"#)
        #expect(answer.status == 500)
        #expect(answer.headers["x-ms-run-function-failed"] == "True")
        #expect(!answer.text.contains("asked to raise"), "what a script raises is the operator's, not the caller's")
        try script.server.logged("ValueError: asked to raise")
        #expect(try script.server.post("/score", #"{"ask": "pid"}"#).status == 200)
    }

    private func numbers(_ value: JSONValue?) -> [Double] {
        (value?.arrayValue ?? []).flatMap { ($0.arrayValue ?? []).compactMap(\.doubleValue) }
    }
}
