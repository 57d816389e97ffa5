import Diagnostics
import EdgeRuntime
import Glibc
import Processes
import Testing

/// What a script does to itself must cost no more than the request it did it in.
@Suite(.enabled(if: ScriptTestPython.isThere, "no Python 3.9 or later"), .timeLimit(.minutes(1)))
struct ScriptWorkerFailureTests {
    struct Unloadable: Sendable {
        let script: String
        let message: String
        var line: Int?
        var traceback = true
    }

    @Test(arguments: [
        Unloadable(
            script: "import no_such_package\n",
            message: "can't load the scoring script SCRIPT (line 1): "
                + "ModuleNotFoundError: No module named 'no_such_package'"
        ),
        Unloadable(
            script: "def init():\n    raise ValueError('no model')\ndef run(data): pass\n",
            message: "init() of the scoring script SCRIPT failed (line 2): ValueError: no model"
        ),
        Unloadable(
            script: "def init(): exit(1)\ndef run(data): pass\n",
            message: "init() of the scoring script SCRIPT failed (line 1): SystemExit: 1"
        ),
        Unloadable(
            script: "x = (\n",
            message: "can't load the scoring script SCRIPT (line 1): SyntaxError: '(' was never closed"
        ),
        Unloadable(
            script: "def run(data): pass\n",
            message: "can't load the scoring script SCRIPT: the scoring script has no init() function",
            traceback: false
        ),
        Unloadable(
            script: "def init(): pass\nrun = 3\n",
            message: "can't load the scoring script SCRIPT: the scoring script has no run() function",
            traceback: false
        ),
        Unloadable(
            script: "def init(): pass\ndef run(*data): pass\n",
            message: "can't load the scoring script SCRIPT: "
                + "run() cannot accept positional-only arguments, *args, or **kwargs",
            traceback: false
        ),
        Unloadable(
            script: "def init(): pass\ndef run(request_headers): pass\n",
            message: "can't load the scoring script SCRIPT: run() needs to accept an argument for input data",
            traceback: false
        ),
    ])
    func saysWhyAScriptCannotBeLoaded(unloadable: Unloadable) throws {
        let fixture = try ScriptFixture(unloadable.script)
        let worker = try fixture.worker()
        defer { worker.stop() }
        let error = #expect(throws: ScriptError.self) { try worker.start() }
        // Python before 3.10 has other words for syntax errors.
        if !unloadable.message.contains("SyntaxError") {
            let expected = unloadable.message.replacing("SCRIPT", with: "\(fixture.folder)/score.py")
            #expect(error?.message == expected)
        } else {
            #expect(error?.message.contains("SyntaxError") == true)
        }
        #expect(error?.exitCode == .modelNotLoaded)
        #expect(error?.details.isEmpty != unloadable.traceback)
        #expect(error?.details.contains("edge-worker.py") == false)
        #expect(worker.snapshot.state == "dead")
        #expect(!worker.isReady)
    }

    @Test func saysThatTheScriptIsMissing() throws {
        let fixture = try ScriptFixture("")
        let worker = try fixture.worker { $0.script = "\(fixture.folder)/other.py" }
        defer { worker.stop() }
        let error = #expect(throws: ScriptError.self) { try worker.start() }
        #expect(error?.message.contains("\(fixture.folder)/other.py: the scoring script does not exist") == true)
    }

    @Test func saysHowAWorkerDiedInInit() throws {
        let script = "import os, signal\ndef init():\n    print('almost')\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
        let worker = try ScriptFixture(script + "def run(data): pass\n").worker()
        defer { worker.stop() }
        let error = #expect(throws: ScriptError.self) { try worker.start() }
        #expect(error?.message.contains("ended before init() was done: signal 11 (SIGSEGV)") == true)
        #expect(error?.details.contains("almost") == true)
        #expect(error?.details.contains("Segmentation fault") == true)  // faulthandler's
    }

    @Test func givesUpOnAnInitThatNeverReturns() throws {
        let script = "import time\ndef init(): time.sleep(10000)\ndef run(data): pass\n"
        let worker = try ScriptFixture(script).worker { $0.startLimit = .milliseconds(500) }
        defer { worker.stop() }
        let error = #expect(throws: ScriptError.self) { try worker.start() }
        guard case .startTimedOut = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
    }

    @Test func saysThatTheInterpreterDidNotComeUp() throws {
        let fixture = try ScriptFixture("")
        var configuration = try fixture.configuration()
        configuration.limits.openFiles = 1  // Python can't open anything
        let worker = try ScriptWorker(configuration) { _ in }
        defer { worker.stop() }
        let error = #expect(throws: ScriptError.self) { try worker.start() }
        #expect(error?.exitCode == .modelNotLoaded)
    }

    @Test(arguments: ["os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "os.abort()"])
    func failsOnlyTheRequestThatKilledTheWorker(statement: String) async throws {
        let fixture = try ScriptFixture(
            """
            import os, signal
            def init(): pass
            def run(data):
                if data == "die": \(statement)
                return data
            """
        )
        try await fixture.serve { worker in
            #expect(await worker.score("one".utf8).text == #""one""#)
            let reply = await worker.score("die".utf8)
            guard case .workerDied(let reason) = reply else {
                Issue.record("unexpected \(reply)")
                return
            }
            #expect(reason.contains("exit code 3") || reason.contains("SIGKILL") || reason.contains("SIGABRT"))
            #expect(await worker.score("two".utf8).text == #""two""#)
            #expect(worker.snapshot.restarts == 1)
        }
    }

    @Test func answersAtTheDeadlineAndGoesOn() async throws {
        let fixture = try ScriptFixture(
            """
            import subprocess, time
            def init(): pass
            def run(data):
                if data == "sleep":
                    child = subprocess.Popen(["/bin/sleep", "10000"])
                    print(child.pid, flush=True)
                    time.sleep(10000)
                return data
            """
        )
        try await fixture.serve { worker in
            let process = try #require(worker.snapshot.processIdentifier)
            #expect(await worker.score("sleep".utf8, deadline: .seconds(1)) == .timedOut)
            #expect(await worker.score("next".utf8).text == #""next""#)
            #expect(worker.snapshot.restarts == 1)
            #expect(kill(process, 0) != 0)
            // What the script started is gone as well: a kernel may take a moment to say so.
            let grandchild = try #require(fixture.texts(from: .standardOutput).first.flatMap { Int32($0) })
            var isGone = false
            for _ in 0..<2000 where !isGone {
                isGone = kill(grandchild, 0) != 0 || isZombie(grandchild)
                if !isGone { usleep(5000) }
            }
            #expect(isGone)
        }
    }

    @Test func expiresARequestThatWaits() async throws {
        let fixture = try ScriptFixture(Self.gated)
        try fixture.write("", to: "gate")
        try await fixture.serve { worker in
            async let first = worker.score("\(fixture.folder)/gate".utf8)
            await untilBusy(worker)
            #expect(await worker.score("never run".utf8, deadline: .milliseconds(50)) == .timedOut)
            unlink("\(fixture.folder)/gate")
            #expect(await first.text == "1")
            #expect(worker.snapshot.restarts == 0)
        }
    }

    @Test func refusesRequestsBeyondTheQueue() async throws {
        let fixture = try ScriptFixture(Self.gated)
        try fixture.write("", to: "gate")
        try await fixture.serve {
            $0.queueLimit = 2
        } _: { worker in
            let body = "\(fixture.folder)/gate".utf8
            async let first = worker.score(body)
            await untilBusy(worker)
            async let second = worker.score(body)
            async let third = worker.score(body)
            await until { worker.snapshot.queuedRequests >= 2 }
            #expect(!worker.isReady)
            #expect(await worker.score(body) == .overloaded)
            unlink("\(fixture.folder)/gate")
            let texts = await [first.text, second.text, third.text].compactMap(\.self)
            #expect(texts.sorted() == ["1", "2", "3"])
        }
    }

    @Test func finishesWhatItAcceptedWhenStopped() async throws {
        let fixture = try ScriptFixture(
            Self.gated + "\nimport atexit\natexit.register(lambda: print('in order', flush=True))\n"
        )
        try fixture.write("", to: "gate")
        let worker = try fixture.worker()
        _ = try worker.start()
        let body = "\(fixture.folder)/gate".utf8
        async let first = worker.score(body)
        await untilBusy(worker)
        async let second = worker.score(body)
        await until { worker.snapshot.queuedRequests >= 1 }
        async let stopped: Void = Task.detached { worker.stop(drain: .seconds(60), grace: .seconds(60)) }.value
        await until { worker.snapshot.state == "draining" }
        #expect(await worker.score(body) == .stopped)
        unlink("\(fixture.folder)/gate")
        #expect(await first.text == "1")
        #expect(await second.text == "2")
        await stopped
        #expect(worker.snapshot.state == "dead")
        #expect(fixture.texts(from: .standardOutput) == ["in order"])
        #expect(await worker.score(body) == .stopped)
    }

    @Test func killsAWorkerThatIgnoresSIGTERM() async throws {
        let fixture = try ScriptFixture(
            """
            import signal, time
            def init(): signal.signal(signal.SIGTERM, signal.SIG_IGN)
            def run(data): time.sleep(10000)
            """
        )
        let worker = try fixture.worker()
        _ = try worker.start()
        async let reply = worker.score("".utf8, deadline: .seconds(10_000))
        await untilBusy(worker)
        worker.stop(drain: .milliseconds(1), grace: .milliseconds(1))
        #expect(await reply == .stopped)
    }

    @Test func givesUpAfterRepeatedCrashes() async throws {
        let script = "import os\ndef init(): pass\ndef run(data): os._exit(1)\n"
        try await ScriptFixture(script).serve {
            $0.restartPolicy.crashLimit = 2
        } _: { worker in
            for _ in 0..<2 {
                guard case .workerDied = await worker.score("".utf8) else {
                    Issue.record("the request that kills the worker fails")
                    return
                }
            }
            guard case .unavailable = await worker.score("".utf8) else {
                Issue.record("a broken worker refuses")
                return
            }
            #expect(worker.snapshot.state == "broken")
            #expect(!worker.isReady)
        }
    }

    struct Attack: Sendable {
        let send: String
        let explanation: String
    }

    /// The script shares the worker's process, so it can reach the socket.
    @Test(arguments: [
        Attack(send: "channel.send(b'\\xff' * 100)", explanation: "a frame of 4294967295 bytes"),
        Attack(send: "frame(2, b'{}')", explanation: "ready frame with malformed meta"),
        Attack(send: "frame(5, b'[]')", explanation: "reply frame with malformed meta"),
        Attack(send: "frame(4, b'{}')", explanation: "request frame out of turn"),
        Attack(send: "frame(5 | 0x80, b'', 10, seals=False)", explanation: "not a sealed memory file"),
        Attack(send: "frame(5 | 0x80, b'', 1 << 40)", explanation: "a payload of 1099511627776 bytes"),
        Attack(send: "frame(5 | 0x80, b'', 11)", explanation: "announced a payload of 11 bytes and sent 10"),
        Attack(
            send: "socket.send_fds(channel, [b'\\x00'], [0, 1, 2])",
            explanation: "a descriptor that no frame announced"
        ),
    ])
    func survivesAScriptThatWritesToTheSocket(attack: Attack) async throws {
        let fixture = try ScriptFixture(
            """
            import os, socket, struct, time, fcntl
            def init(): pass
            def frame(kind, meta, size=None, seals=True):
                head = struct.pack("<IBQI", 13 + len(meta) + (8 if size else 0), kind, 1, len(meta)) + meta
                if size is None: return channel.send(head)
                file = os.memfd_create("x", os.MFD_ALLOW_SEALING)
                os.write(file, b"0123456789")
                if seals: fcntl.fcntl(file, 1033, 2 | 4 | 8)
                socket.send_fds(channel, [head + struct.pack("<Q", size)], [file])
            def run(data):
                global channel
                if data == "good": return 1
                for name in os.listdir("/proc/self/fd"):
                    try: channel = socket.socket(fileno=os.dup(int(name)))
                    except OSError: continue
                    break
                \(attack.send)
                time.sleep(10000)
            """
        )
        try await fixture.serve { worker in
            guard case .workerDied(let reason) = await worker.score("bad".utf8) else {
                Issue.record("the request must fail")
                return
            }
            #expect(reason.contains(attack.explanation))
            #expect(await worker.score("good".utf8).text == "1")
        }
    }

    @Test(arguments: [
        #"meta = b'{"message":"m"}'; channel.sendall(struct.pack("<IBQI", 13 + len(meta), 6, 1, len(meta)) + meta)"#,
        "print('x' * 1000)",
    ])
    func keepsTheTimeUnderAFlood(statement: String) async throws {
        let fixture = try ScriptFixture(
            """
            import os, socket, struct
            def init(): pass
            def run(data):
                if data == "good": return 1
                for name in os.listdir("/proc/self/fd"):
                    try: channel = socket.socket(fileno=os.dup(int(name)))
                    except OSError: continue
                    break
                while True: \(statement)
            """
        )
        try await fixture.serve { worker in
            #expect(await worker.score("flood".utf8, deadline: .milliseconds(300)) == .timedOut)
            #expect(await worker.score("good".utf8).text == "1")
        }
    }

    @Test func noticesASocketThatWasClosed() async throws {
        let fixture = try ScriptFixture(
            """
            import os, time
            def init(): pass
            def run(data):
                if data == "good": return 1
                os.closerange(3, 1000)
                time.sleep(10000)
            """
        )
        try await fixture.serve { worker in
            guard case .workerDied(let reason) = await worker.score("bad".utf8) else {
                Issue.record("the request must fail")
                return
            }
            #expect(reason == "the scoring script's worker closed its socket")
            #expect(await worker.score("good".utf8).text == "1")
        }
    }

    /// In a process of its own, as the limit is the whole process's.
    @Test func startsAgainOnceThereAreDescriptors() async {
        await #expect(processExitsWith: .success) {
            let fixture = try ScriptFixture("import os\ndef init(): pass\ndef run(data): return os.getpid()\n")
            var limit = rlimit(rlim_cur: 200, rlim_max: 200)
            try #require(setrlimit(__rlimit_resource_t(7), &limit) == 0)  // RLIMIT_NOFILE
            try await fixture.serve {
                $0.restartPolicy.longestPause = .milliseconds(5)
                $0.restartPolicy.crashLimit = 2
            } _: { worker in
                var taken: [Int32] = []
                while case let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC), descriptor >= 0 {
                    taken.append(descriptor)
                }
                kill(try #require(worker.snapshot.processIdentifier), SIGKILL)
                await until { worker.snapshot.restarts > 4 }
                #expect(worker.snapshot.state != "broken")
                for descriptor in taken { close(descriptor) }
                #expect(await worker.score("".utf8).text != nil)
            }
            let said = fixture.texts(from: .supervisor)
            #expect(said.contains { $0.contains("Too many open files") && $0.hasSuffix("now waiting") })
        }
    }

    @Test func refusesABodyOverTheLimit() async throws {
        let script = "def init(): pass\ndef run(data): return data * 3\n"
        try await ScriptFixture(script).serve {
            $0.payloadLimitBytes = 100_000
        } _: { worker in
            let body = [UInt8](repeating: 0x61, count: 100_001)
            #expect(await worker.score(body).answer?.status == 413)
            let answer = await worker.score(body.prefix(90_000)).answer
            #expect(answer?.status == 500)
            #expect(answer?.message == "the answer has 270002 bytes, more than the limit of 100000")
            #expect(await worker.score("a".utf8).text == #""aaa""#)
        }
    }

    @Test func canBeStoppedWithoutHavingBeenStarted() async throws {
        let worker = try ScriptFixture("").worker()
        worker.stop()
        #expect(await worker.score("".utf8) == .stopped)
        #expect(throws: ScriptError.self) { try worker.start() }
    }

    /// Answers with the number of the call once the file that the body names is gone.
    private static let gated = """
        import os, time
        calls = 0
        def init(): pass
        def run(data):
            global calls
            calls += 1
            while os.path.exists(data): time.sleep(0.002)
            return calls
        """
}

private func untilBusy(_ worker: ScriptWorker) async {
    await until { worker.snapshot.state == "busy" }
}

private func isZombie(_ process: Int32) -> Bool {
    let result = try? Processes.run("/bin/cat", arguments: ["/proc/\(process)/stat"], deadline: .seconds(60))
    return result?.outputText.split(separator: ")").last?.hasPrefix(" Z") ?? true
}
