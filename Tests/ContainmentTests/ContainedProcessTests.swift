import Containment
import FileSystem
import Glibc
import RuntimeLaunch
import Testing

/// Real processes, each of which tries to do what its containment is there to deny. Where this machine does not grant a
/// layer, the reason is printed and what it would deny is not expected.
@Suite struct ContainedProcessTests {
    /// What a contained process said and how it ended.
    struct Outcome {
        let process: ContainedProcess
        let output: String
        let status: Int32

        /// Whether to expect what a layer denies; prints why not.
        func has(_ layer: ContainmentLayer) -> Bool {
            let found = process.containment[layer]
            if found.state != .applied { print("not applied here: \(layer.rawValue): \(found.reason)") }
            return found.state == .applied
        }
    }

    static let python = "/usr/bin/python3"
    static let hasPython = access(python, X_OK) == 0

    static func run(
        _ program: String,
        _ arguments: [String],
        places: [ContainedProgram.Place] = [],
        required: Set<ContainmentLayer> = [],
        skipping: Set<ContainmentLayer> = [],
        change: (inout ContainedProgram) -> Void = { _ in }
    ) throws -> Outcome {
        let ends = try makePipe()
        defer { close(ends.reading) }
        var contained = ContainedProgram(
            program: program,
            arguments: arguments,
            descriptors: [1: ends.writing, 2: ends.writing],
            places: ContainedProgram.system + places
        )
        contained.environment = ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"]
        change(&contained)
        let process: ContainedProcess
        do {
            defer { close(ends.writing) }
            process = try ContainedProcess.start(contained, required: required, skipping: skipping)
        }
        var output: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ends.reading, &piece, piece.count), count > 0 { output += piece[..<count] }
        var status: Int32 = 0
        while waitpid(process.processID, &status, 0) < 0, errno == EINTR {}
        return Outcome(process: process, output: String(decoding: output, as: UTF8.self), status: status)
    }

    static func shell(_ script: String, skipping: Set<ContainmentLayer> = []) throws -> Outcome {
        try run("/bin/sh", ["-c", script], skipping: skipping)
    }

    @Test func aProgramRunsInAllLayersThatThereAre() throws {
        let outcome = try Self.shell("echo hello; exit 7")
        #expect(outcome.output == "hello\n")
        #expect(outcome.status == 7 << 8)
        for layer in ContainmentLayer.allCases { _ = outcome.has(layer) }
        // These ask nothing of the machine.
        #expect(outcome.process.containment[.noNewPrivileges].state == .applied)
        #expect(outcome.process.containment[.limits].state == .applied)
        #expect(outcome.process.containment.layers.allSatisfy { $0.state == .applied || !$0.reason.isEmpty })
    }

    @Test func itIsOnItsOwn() throws {
        let outcome = try Self.shell("cut -d' ' -f6 /proc/self/stat; ls /proc/self/fd | tr '\\n' ' '; env")
        // A session of its own; no descriptor but the standard ones and that of ls; no variable but those it was given.
        #expect(!outcome.output.contains("\n\(getsid(0))\n"))
        #expect(outcome.output.contains("0 1 2 3"))
        let names = outcome.output.split(separator: "\n").compactMap { line in
            line.contains("=") ? String(line.prefix { $0 != "=" }.split(separator: " ").last ?? "") : nil
        }
        #expect(Set(names).subtracting(["PATH", "LANG", "HOME", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_"]) == [])
    }

    @Test func itWritesNowhereButToItsScratchFolder() throws {
        let folder = try TemporaryDirectory(prefix: "contained")
        try FileSystem.write(Array("kept".utf8), to: folder.path + "/file")
        let outcome = try Self.run(
            "/bin/sh",
            [
                "-c",
                """
                cat \(folder.path)/file; echo
                (echo x > \(folder.path)/file) 2>/dev/null && echo WROTE
                (echo x > \(folder.path)/new) 2>/dev/null && echo MADE
                rm \(folder.path)/file 2>/dev/null && echo REMOVED
                (echo x > /usr/edge-was-here) 2>/dev/null && echo WROTE
                (echo x > /etc/edge-was-here) 2>/dev/null && echo WROTE
                (echo x > $TMPDIR/mine) && cat $TMPDIR/mine
                """,
            ],
            places: [.init(folder.path)]
        )
        guard outcome.has(.landlock) || outcome.has(.mount) else { return }
        if outcome.process.hasPrivateRoot {
            #expect(outcome.output == "kept\nx\n")
        } else {
            #expect(!outcome.output.contains("WROTE") && !outcome.output.contains("MADE"))
        }
        #expect(try FileSystem.read(folder.path + "/file", limit: 16) == Array("kept".utf8))
    }

    @Test func itReadsNothingButWhatItWasGiven() throws {
        let folder = try TemporaryDirectory(prefix: "contained")
        try FileSystem.write(Array("secret".utf8), to: folder.path + "/secret")
        let script = "cat \(folder.path)/secret /etc/shadow /etc/hostname 2>/dev/null; ls / 2>/dev/null; echo end"
        for skipped in [ContainmentLayer.mount, .landlock] {
            let outcome = try Self.shell(script, skipping: [skipped])
            guard outcome.has(skipped == .mount ? .landlock : .mount) else { continue }
            #expect(!outcome.output.contains("secret"))
            #expect(!outcome.output.contains("root:"))
            #expect(outcome.output.hasSuffix("end\n"))
            // Landlock alone shows no folder's list; the private root is a folder with little in it.
            #expect(!outcome.output.contains("boot"))
        }
    }

    @Test func itSeesItselfAlone() throws {
        let outcome = try Self.shell("echo $$; ls -d /proc/[0-9]* | wc -l")
        guard outcome.has(.pid) else { return }
        let lines = outcome.output.split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(lines.first == "1")
        // The shell, ls and wc.
        #expect((Int(lines.last ?? "") ?? 99) <= 4)
    }

    @Test(.enabled(if: hasPython, "there is no /usr/bin/python3"))
    func itReachesNoNetwork() throws {
        let script = """
            import socket
            try:
                socket.socket(socket.AF_INET).connect(("127.0.0.1", 9))
                print("connected")
            except OSError as error:
                print(error.errno)
            """
        let filtered = try Self.run(Self.python, ["-c", script])
        if filtered.has(.seccomp) { #expect(filtered.output == "\(EPERM)\n") }
        let separate = try Self.run(Self.python, ["-c", script], skipping: [.seccomp, .landlock])
        if separate.has(.net) { #expect(separate.output == "\(ENETUNREACH)\n") }
        let restricted = try Self.run(Self.python, ["-c", script], skipping: [.seccomp, .net])
        if restricted.has(.landlock) {
            // From version 4 on; before, nobody listens on the port of discard.
            #expect(["\(EACCES)\n", "\(ECONNREFUSED)\n"].contains(restricted.output))
        }
    }

    @Test(.enabled(if: hasPython, "there is no /usr/bin/python3"))
    func systemCallsAreRefusedAndNeverKill() throws {
        let outcome = try Self.run(
            Self.python,
            [
                "-c",
                """
                import ctypes
                c = ctypes.CDLL(None, use_errno=True)
                for number in (425, 428, 442, 435, 463, 4000):
                    ctypes.set_errno(0)
                    c.syscall(number, 0, 0, 0, 0, 0)
                    print(ctypes.get_errno())
                """,
            ]
        )
        guard outcome.has(.seccomp) else { return }
        // io_uring_setup, open_tree and mount_setattr; clone3; the first that the policy does not know; none at all.
        #expect(outcome.output == "\(EPERM)\n\(EPERM)\n\(EPERM)\n\(ENOSYS)\n\(ENOSYS)\n\(ENOSYS)\n")
        #expect(outcome.status == 0)
    }

    @Test(.enabled(if: hasPython, "there is no /usr/bin/python3"))
    func whatAWorkerNeedsStillWorks() throws {
        let outcome = try Self.run(
            Self.python,
            [
                "-c",
                """
                import os, socket, subprocess, tempfile, threading, multiprocessing, mmap
                a, b = socket.socketpair()
                d = os.memfd_create("x"); os.write(d, b"12345678"); mmap.mmap(d, 8)
                t = threading.Thread(target=lambda: None); t.start(); t.join()
                assert subprocess.check_output(["/bin/echo", "child"]) == b"child\\n"
                assert open("/proc/self/status").read()
                with tempfile.TemporaryDirectory() as folder: open(folder + "/x", "w").write("x")
                multiprocessing.Lock()
                assert os.urandom(8) and os.cpu_count()
                print("ok")
                """,
            ]
        )
        if outcome.process.hasPrivateRoot { #expect(outcome.output == "ok\n") } else { print(outcome.output) }
    }

    @Test func limitsHold() throws {
        let outcome = try Self.run("/bin/sh", ["-c", "ulimit -c; ulimit -n; ulimit -d"]) {
            $0.openFiles = 100
            $0.dataBytes = 512 << 20
        }
        #expect(outcome.output == "0\n100\n\((512 << 20) / 1024)\n")
    }

    @Test(arguments: [ContainmentLayer.mount, .pid, .net, .landlock, .seccomp, .noNewPrivileges, .limits, .user])
    func aLayerThatIsMissingIsReportedAndNoError(_ layer: ContainmentLayer) throws {
        let outcome = try Self.shell("echo ran", skipping: [layer])
        #expect(outcome.output == "ran\n")
        #expect(outcome.process.containment[layer].state == .absent)
        #expect(outcome.process.containment[layer].reason == "not tried")
        // Without the flag, who is not root gets neither a filter nor Landlock, and perhaps nothing.
        if layer != .noNewPrivileges { #expect(outcome.process.containment.summary == .reduced) }
    }

    @Test func withoutAnyLayerTheSummarySaysSo() throws {
        let outcome = try Self.shell("echo ran", skipping: Set(ContainmentLayer.allCases))
        #expect(outcome.output == "ran\n")
        #expect(outcome.process.containment.summary == .none)
    }

    @Test(arguments: [ContainmentLayer.mount, .seccomp, .landlock, .cgroup])
    func aLayerThatIsRequiredAndMissingStopsTheStart(_ layer: ContainmentLayer) throws {
        #expect {
            try Self.run("/bin/sh", ["-c", "echo ran"], required: [layer], skipping: [layer])
        } throws: { error in
            guard case ContainmentError.layerMissing(layer.rawValue, _) = error else { return false }
            return true
        }
    }

    @Test func aProgramThatIsNotThereIsAnError() throws {
        #expect {
            try Self.run("/usr/bin/no-such-program", [])
        } throws: { error in
            guard case ContainmentError.notStarted(_, "executing it", ENOENT) = error else { return false }
            return true
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
    func rootBecomesTheUser() throws {
        let outcome = try Self.run("/bin/sh", ["-c", "id -u; id -g; id -G; touch $TMPDIR/x && echo wrote"]) {
            $0.user = .init(user: 64_123, group: 64_124)
        }
        #expect(outcome.process.containment[.user].state == .applied)
        #expect(outcome.output.hasPrefix("64123\n64124\n64124\n"))
        if outcome.process.hasPrivateRoot { #expect(outcome.output.hasSuffix("wrote\n")) }
    }

    @Test func aListeningSocketOfTheOutsideServesInside() throws {
        try #require(Self.hasPython, "there is no /usr/bin/python3")
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(listener, raw, size) == 0 && listen(listener, 4) == 0 && getsockname(listener, raw, &size) == 0
            }
        }
        try #require(bound)
        let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(client) }
        // The backlog takes the connection before anybody accepts it.
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, size) == 0 }
        }
        try #require(connected)
        let script = "import socket; c, _ = socket.socket(fileno=3).accept(); c.sendall(b'inside'); c.close()"
        let outcome = try Self.run(Self.python, ["-c", script]) { $0.descriptors[3] = listener }
        #expect(outcome.output == "")
        var answer = [UInt8](repeating: 0, count: 16)
        #expect(recv(client, &answer, answer.count, 0) == 6)
        #expect(answer.prefix(6).elementsEqual("inside".utf8))
    }
}
