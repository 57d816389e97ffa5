import Diagnostics
import Glibc
import Processes
import Testing

private let shell = "/bin/sh"

private func sh(
    _ script: String,
    environment: [String: String] = ["PATH": "/usr/bin:/bin"],
    workingDirectory: String? = nil,
    input: [UInt8] = [],
    outputLimitBytes: Int = Processes.defaultOutputLimitBytes,
    deadline: Duration? = .seconds(60)
) throws(ProcessError) -> ProcessResult {
    try Processes.run(
        shell,
        arguments: ["-c", script],
        environment: environment,
        workingDirectory: workingDirectory,
        input: input,
        outputLimitBytes: outputLimitBytes,
        deadline: deadline
    )
}

@Suite(.timeLimit(.minutes(1))) struct ProcessesTests {
    @Test func returnsBothStreamsAndTheExitCode() throws {
        let result = try sh("echo out; echo err >&2; exit 7")
        #expect(result.status == .exited(7))
        #expect(result.outputText == "out\n")
        #expect(result.errorText == "err\n")
        #expect(!result.isSuccess)
    }

    @Test func reportsTheSignalThatEndedAProgram() throws {
        #expect(try sh("kill -TERM $$").status == .signalled(SIGTERM))
        #expect(ExitStatus.signalled(SIGKILL).description == "signal 9 (SIGKILL)")
    }

    @Test func handsOverInputAndReadsOutputFarLargerThanAPipe() throws {
        let input = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let result = try Processes.run("/bin/cat", input: input, deadline: .seconds(60))
        #expect(result.standardOutput == input)
    }

    @Test func readsBothStreamsWhenBothAreLargerThanAPipe() throws {
        let result = try sh("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2")
        #expect(result.standardOutput.count == 300_000)
        #expect(result.standardError.count == 600_000)
    }

    @Test func ignoresInputThatTheProgramDoesNotRead() throws {
        #expect(try sh("exit 0", input: [UInt8](repeating: 1, count: 1 << 20)).isSuccess)
    }

    @Test func givesEndOfFileWhereThereIsNoInput() throws {
        #expect(try Processes.run("/bin/cat", deadline: .seconds(60)).standardOutput.isEmpty)
    }

    @Test func inheritsNothingFromTheEnvironment() throws {
        let result = try Processes.run("/usr/bin/env", environment: ["B": "2", "A": "x=y"], deadline: .seconds(60))
        #expect(result.outputText == "A=x=y\nB=2\n")
    }

    @Test func entersTheWorkingDirectory() throws {
        #expect(try sh("pwd", workingDirectory: "/usr").outputText == "/usr\n")
    }

    @Test func hasOnlyTheStandardDescriptorsInTheChild() throws {
        let leaked = open("/dev/null", O_RDONLY)  // without O_CLOEXEC
        defer { close(leaked) }
        let result = try Processes.run("/bin/ls", arguments: ["/proc/self/fd"], deadline: .seconds(60))
        #expect(result.outputText == "0\n1\n2\n3\n")  // 3 is the folder that ls reads
    }

    @Test func startsWithDefaultSignalsAndAnEmptyMask() throws {
        var blocked = sigset_t()
        var before = sigset_t()
        sigemptyset(&blocked)
        sigaddset(&blocked, SIGUSR1)
        pthread_sigmask(SIG_BLOCK, &blocked, &before)
        signal(SIGUSR2, SIG_IGN)
        defer {
            pthread_sigmask(SIG_SETMASK, &before, nil)
            signal(SIGUSR2, SIG_DFL)
        }
        let result = try Processes.run(
            "/bin/grep",
            arguments: ["Sig[BI]", "/proc/self/status"],
            deadline: .seconds(60)
        )
        let masks = result.outputText.split(separator: "\n").compactMap { line in
            line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) }
        }
        // 32 and 33 are the C library's own; it lets nobody touch them, so they stay as this process inherited them.
        let own: UInt64 = 0b11 << 31
        #expect(masks.map { $0 & ~own } == [0, 0])
    }

    @Test func refusesAProgramThatIsNotThere() {
        #expect(throws: ProcessError.notFound(program: "/nowhere/tool")) { try Processes.run("/nowhere/tool") }
    }

    @Test func namesTheFolderThatCannotBeEntered() {
        let expected = ProcessError.notStarted(program: shell, step: .directory, detail: "/nowhere", errno: ENOENT)
        #expect(throws: expected) { try sh("true", workingDirectory: "/nowhere") }
        #expect(expected.message.contains("/nowhere) failed: No such file or directory"))
    }

    @Test func refusesAFileThatIsNotExecutable() {
        let expected = ProcessError.notStarted(program: "/etc/passwd", step: .execute, detail: nil, errno: EACCES)
        #expect(throws: expected) { try Processes.run("/etc/passwd") }
        #expect(expected.exitCode == .noPermission)
    }

    @Test(arguments: ["a\0b", "\0"])
    func refusesArgumentsWithAZeroByte(argument: String) {
        #expect(throws: ProcessError.invalidArgument(program: shell, argument: argument)) {
            try Processes.run(shell, arguments: [argument])
        }
    }

    @Test(arguments: ["", "A=B", "A\0"])
    func refusesNamesThatAreNoVariables(name: String) {
        #expect(throws: ProcessError.invalidArgument(program: shell, argument: name)) {
            try Processes.run(shell, environment: [name: "x"])
        }
    }

    @Test(arguments: ["yes", "yes >&2"])
    func stopsAProgramThatWritesTooMuch(script: String) {
        let stream = script == "yes" ? "standard output" : "standard error"
        #expect(throws: ProcessError.outputOverLimit(program: shell, stream: stream, limitBytes: 100_000)) {
            try sh(script, outputLimitBytes: 100_000)
        }
    }

    @Test func stopsTheWholeGroupAtTheDeadline() throws {
        // The child of the shell would hold the pipe; its number is the last thing the shell says.
        let error = #expect(throws: ProcessError.self) {
            try sh("sleep 1000 & echo $! >&2; wait", deadline: .seconds(1))
        }
        guard case .deadlineExceeded(let program, let deadline, let lastWords) = error else {
            Issue.record("unexpected \(String(describing: error))")
            return
        }
        #expect(program == shell && deadline == .seconds(1))
        let grandchild = try #require(Int32(lastWords))
        #expect(isGoneOrDying(grandchild))
    }

    @Test func doesNotWaitForWhatTheProgramLeftRunning() throws {
        let result = try sh("sleep 1000 & echo $!")
        #expect(result.isSuccess)
        let left = try #require(Int32(result.outputText.dropLast()))
        #expect(isGoneOrDying(left))
    }

    @Test func findsProgramsInPath() throws {
        #expect(Processes.find("sh", in: "/nowhere:/bin:/usr/bin") == "/bin/sh")
        #expect(Processes.find("/bin/sh", in: "") == "/bin/sh")
        #expect(Processes.find("passwd", in: "/etc") == nil)  // not executable
        #expect(Processes.find("bin", in: "/usr") == nil)  // a folder
        #expect(Processes.find("", in: "/usr/bin") == nil)
        #expect(Processes.find("sh", in: "::") == nil)
    }

    @Test func readsItsOwnEnvironment() {
        setenv("PROCESSES_TEST", "a=b", 1)
        defer { unsetenv("PROCESSES_TEST") }
        #expect(Processes.inheritedEnvironment()["PROCESSES_TEST"] == "a=b")
    }
}

/// SIGKILL was sent, but the kernel may still be at it: a pending SIGKILL can't be undone.
private func isGoneOrDying(_ process: Int32) -> Bool {
    guard kill(process, 0) == 0 else { return true }
    for _ in 0..<2000 {
        guard let state = processState(process), !"ZX".contains(state) else { return true }
        usleep(5000)
    }
    return false
}

private func processState(_ process: Int32) -> Character? {
    let result = try? Processes.run("/bin/cat", arguments: ["/proc/\(process)/stat"], deadline: .seconds(60))
    return result?.outputText.split(separator: ")").last?.first { $0 != " " }
}
