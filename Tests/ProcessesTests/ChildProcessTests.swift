import Glibc
import Processes
import Testing

@Suite(.timeLimit(.minutes(1))) struct ChildProcessTests {
    @Test func waitsForTheChildAndRemembersItsStatus() throws {
        let child = try ChildProcess(ProcessSpecification(program: "/bin/sh", arguments: ["-c", "exit 3"]))
        #expect(try child.wait() == .exited(3))
        #expect(try child.wait() == .exited(3))
        #expect(try child.poll() == .exited(3))
        #expect(child.hasEnded)
        #expect(!child.signal(SIGTERM))
    }

    @Test func pollsWithoutBlocking() throws {
        let child = try ChildProcess(ProcessSpecification(program: "/bin/sleep", arguments: ["1000"], group: .new))
        #expect(try child.poll() == nil)
        #expect(!child.hasEnded)
        #expect(try child.wait(upTo: .milliseconds(1)) == nil)
        #expect(try child.killAndWait() == .signalled(SIGKILL))
    }

    @Test func announcesTheEndThroughItsDescriptor() throws {
        let child = try ChildProcess(ProcessSpecification(program: "/bin/sleep", arguments: ["1000"], group: .new))
        let descriptor = try #require(child.exitDescriptor, "this kernel has no pidfd")
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&watched, 1, 0) == 0)
        child.signal(SIGTERM)
        #expect(poll(&watched, 1, -1) == 1)
        #expect(child.hasEnded)
        #expect(try child.wait(upTo: .zero) == .signalled(SIGTERM))
    }

    @Test func passesDescriptorsEvenWhereNumbersCross() throws {
        // Each source is the other's destination: a plain loop of dup2 would overwrite one.
        let first = pipeHolding("first")
        let second = pipeHolding("second")
        var output: [Int32] = [0, 0]
        #expect(pipe(&output) == 0)
        let child = try ChildProcess(
            ProcessSpecification(
                program: "/bin/sh",
                arguments: ["-c", "cat /dev/fd/\(first); printf ,; cat /dev/fd/\(second)"],
                environment: ["PATH": "/bin:/usr/bin"],
                descriptors: [first: second, second: first, 1: output[1]]
            )
        )
        close(output[1])
        #expect(try child.wait() == .exited(0))
        #expect(text(readFrom: output[0]) == "second,first")
        for descriptor in [first, second, output[0]] { close(descriptor) }
    }

    @Test func refusesADescriptorThatIsNotOpen() {
        let expected = ProcessError.notStarted(program: "/bin/cat", step: .descriptors, detail: nil, errno: EBADF)
        #expect(throws: expected) {
            try ChildProcess(ProcessSpecification(program: "/bin/cat", descriptors: [0: 9_999]))
        }
    }

    struct Limited: Sendable {
        let limits: ResourceLimits
        let question: String
        let answer: String
    }

    @Test(arguments: [
        Limited(limits: ResourceLimits(), question: "ulimit -c", answer: "0\n"),
        Limited(limits: ResourceLimits(openFiles: 64), question: "ulimit -n; ulimit -Hn", answer: "64\n64\n"),
        Limited(limits: ResourceLimits(addressSpaceBytes: 1 << 30), question: "ulimit -v", answer: "1048576\n"),
        Limited(limits: ResourceLimits(fileSizeBytes: 1 << 20), question: "ulimit -f", answer: "2048\n"),
        Limited(limits: ResourceLimits(cpuSeconds: 77), question: "ulimit -t", answer: "77\n"),
    ])
    func setsLimits(limited: Limited) throws {
        #expect(try output(of: limited.question) { $0.limits = limited.limits } == limited.answer)
    }

    @Test func lowersALimitToTheHardLimit() throws {
        var present = rlimit()
        #expect(getrlimit(__rlimit_resource_t(7), &present) == 0)  // RLIMIT_NOFILE
        let answer = try output(of: "ulimit -n") { $0.limits = ResourceLimits(openFiles: .max - 1) }
        #expect(answer == (present.rlim_max == .max ? "unlimited\n" : "\(present.rlim_max)\n"))
    }

    @Test func forbidsNewPrivilegesWhenAsked() throws {
        let question = "grep NoNewPrivs /proc/self/status"
        #expect(try output(of: question) { $0.mayGainPrivileges = false } == "NoNewPrivs:\t1\n")
    }

    @Test func leadsItsOwnGroupOrSession() throws {
        // stat(5): pid, (comm), state, parent, group, session
        let question =
            "read -r pid comm state parent group session rest </proc/$$/stat; echo $((pid == group)) $((pid == session))"
        #expect(try output(of: question) { $0.group = .inherited } == "0 0\n")
        #expect(try output(of: question) { $0.group = .new } == "1 0\n")
        #expect(try output(of: question) { $0.group = .newSession } == "1 1\n")
    }

    @Test func killsTheChildWhenItsParentDies() throws {
        // The parent here is the thread that started it (prctl(2)).
        let holder = Holder()
        let context = Unmanaged.passRetained(holder)
        var thread = pthread_t()
        let created = pthread_create(
            &thread,
            nil,
            { context in
                let holder = Unmanaged<Holder>.fromOpaque(context!).takeRetainedValue()
                holder.child = try? ChildProcess(
                    ProcessSpecification(program: "/bin/sleep", arguments: ["1000"], parentDeathSignal: SIGKILL)
                )
                return nil
            },
            context.toOpaque()
        )
        #expect(created == 0)
        pthread_join(thread, nil)
        let child = try #require(holder.child)
        #expect(try child.wait() == .signalled(SIGKILL))
    }

    /// In a process of its own, as the disposition is the whole process's.
    @Test func reapsEvenWhereAnIgnoredSIGCHLDWasInherited() async {
        await #expect(processExitsWith: .success) {
            signal(SIGCHLD, SIG_IGN)
            let child = try ChildProcess(ProcessSpecification(program: "/bin/sh", arguments: ["-c", "exit 5"]))
            #expect(try child.wait() == .exited(5))
        }
    }

    @Test func raisesItsOwnLimitOfOpenFilesAndNotItsChildrens() async {
        await #expect(processExitsWith: .success) {
            var limit = rlimit(rlim_cur: 100, rlim_max: 500)
            try #require(setrlimit(__rlimit_resource_t(7), &limit) == 0)  // RLIMIT_NOFILE
            #expect(Processes.raiseOpenFileLimit() == 500)
            #expect(Processes.raiseOpenFileLimit() == 500)
            getrlimit(__rlimit_resource_t(7), &limit)
            #expect(limit.rlim_cur == 500)
            #expect(try output(of: "ulimit -n; ulimit -Hn") { _ in } == "100\n500\n")
            let asked = try output(of: "ulimit -n") { $0.limits = ResourceLimits(openFiles: 300) }
            #expect(asked == "300\n")
        }
    }
}

private final class Holder: @unchecked Sendable {
    var child: ChildProcess?
}

private func output(of script: String, _ change: (inout ProcessSpecification) -> Void) throws -> String {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    defer { close(ends[0]) }
    var specification = ProcessSpecification(
        program: "/bin/sh",
        arguments: ["-c", script],
        environment: ["PATH": "/bin:/usr/bin"],
        descriptors: [1: ends[1]]
    )
    change(&specification)
    let child = try ChildProcess(specification)
    close(ends[1])
    #expect(try child.wait() == .exited(0))
    return text(readFrom: ends[0])
}

private func pipeHolding(_ text: String) -> Int32 {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    #expect(write(ends[1], text, text.utf8.count) == text.utf8.count)
    close(ends[1])
    return ends[0]
}

private func text(readFrom descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
}
