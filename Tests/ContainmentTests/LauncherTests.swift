import Containment
import Digest
import FileSystem
import Glibc
import Processes
import RuntimeLaunch
import Testing
import UnixSockets

/// Closed in whatever is executed.
func makePipe() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
}

/// From a message to a process, in this process; and through the program, where it was built.
@Suite struct LauncherTests {
    /// A pipe for what a runtime prints.
    final class Output {
        private let reading: Int32
        let writing: Int32

        init() throws {
            (reading, writing) = try makePipe()
        }

        /// What was printed until all who could print have gone; this process's end is closed first.
        func text() -> String {
            close(writing)
            var output: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 4096)
            while case let count = read(reading, &piece, piece.count), count > 0 { output += piece[..<count] }
            close(reading)
            return String(decoding: output, as: UTF8.self)
        }

        /// The next line, which must come.
        func line() throws -> String {
            var line: [UInt8] = []
            var byte: UInt8 = 0
            while true {
                try #require(read(reading, &byte, 1) == 1)
                if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
                line.append(byte)
            }
        }
    }

    @Test func aRequestStartsTheRuntime() throws {
        let fixture = try LaunchFixture(runtime: "echo \"$@\"; cat $2/model; echo; cat <&3 >/dev/null && echo control")
        let output = try Output()
        let reply = Launcher(fixture.settings())
            .answer(
                try fixture.request().message,
                // Something that is at its end stands for the control socket.
                descriptors: [open("/dev/null", O_RDONLY | O_CLOEXEC), output.writing]
            )
        guard case .started(let process, let containment) = reply else {
            Issue.record("\(reply)")
            return
        }
        #expect(output.text() == "serve \(fixture.generation) --control-fd 3\nmodel\ncontrol\n")
        var status: Int32 = 0
        #expect(waitpid(process, &status, 0) == process && status == 0)
        for layer in containment.layers where layer.state != .applied {
            print("not applied here: \(layer.layer.rawValue): \(layer.reason)")
        }
        #expect(containment.summary != .none)
    }

    @Test func whatIsWrongIsAnsweredAndStartsNothing() throws {
        let fixture = try LaunchFixture()
        let launcher = Launcher(fixture.settings())
        let request = try fixture.request()
        let failures: [(LaunchReply, String)] = [
            (launcher.answer(Array("hello".utf8), descriptors: [1, 2]), "version 1"),
            (launcher.answer(request.message, descriptors: []), "0 descriptors"),
            (launcher.answer(request.message, descriptors: [1]), "1 descriptors"),
            (launcher.answer(request.message, descriptors: [1, 2, 2]), "3 descriptors"),
            (
                launcher.answer(
                    try LaunchRequest(
                        .serve,
                        endpoint: "digits",
                        slot: .blue,
                        bundle: .init(hex: String(repeating: "0", count: 64))!
                    )
                    .message,
                    descriptors: [1, 2]
                ), "can't be opened"
            ),
        ]
        for (reply, reason) in failures {
            guard case .failed("request", 0, let text) = reply else {
                Issue.record("\(reply)")
                continue
            }
            #expect(text.contains(reason), "\(text)")
        }
        var demanding = request
        demanding.required = [.net]
        let reply = launcher.answer(demanding.message, descriptors: [1, 2], skipping: [.net])
        guard case .failed("net", _, _) = reply else {
            Issue.record("\(reply)")
            return
        }
    }

    // MARK: - The program

    private static let program = (Processes.inheritedEnvironment()["EDGE_BIN"] ?? "") + "/edgelaunch"
    private static let isBuilt = access(program, X_OK) == 0
    private static let reason: Comment = "EDGE_BIN names no folder with edgelaunch: run scripts/test"

    /// Prints its process's number as it sees it, then lives until its control descriptor is at its end.
    private static let patient = "echo ready; read x <&3; echo \"heard $x\""

    @Test(.enabled(if: isBuilt, reason)) func theProgramStartsOneAndEnds() throws {
        let fixture = try LaunchFixture(runtime: Self.patient)
        let output = try Output()
        let control = try makePipe()
        defer { close(control.reading) }
        let launcher = RuntimeLauncher.program(
            path: Self.program,
            store: fixture.store,
            options: ["--runtime", fixture.runtime]
        )
        let reply = try launcher.launch(fixture.request(), channel: control.reading, log: output.writing)
        guard case .started(let process, _) = reply else {
            Issue.record("\(reply)")
            return
        }
        #expect(try output.line() == "ready")
        // The launcher has ended, and the runtime is nobody's child here.
        let handle = try #require(try ProcessHandle.open(process))
        #expect(!handle.hasEnded)
        #expect(waitpid(process, nil, WNOHANG) == -1)
        #expect(getsid(process) == process)
        #expect(write(control.writing, "go\n", 3) == 3)
        close(control.writing)
        #expect(try output.line() == "heard go")
        #expect(try handle.wait(milliseconds: 20_000))
    }

    @Test(.enabled(if: isBuilt, reason)) func aRuntimeOutlivesItsLauncher() throws {
        let fixture = try LaunchFixture(runtime: Self.patient)
        let path = fixture.folder + "/launcher"
        let user = geteuid() == 0 ? ["--user", "0"] : []
        let server = try ChildProcess(
            ProcessSpecification(
                program: Self.program,
                arguments: ["serve", "--socket", path, "--store", fixture.store, "--runtime", fixture.runtime] + user,
                descriptors: [2: 2],
                group: .newSession
            )
        )
        let output = try Output()
        let control = try makePipe()
        defer { close(control.reading) }
        while access(path, F_OK) != 0 { try #require(!server.hasEnded) }
        let request = try fixture.request()
        var reply: LaunchReply?
        // The file is there a moment before somebody listens.
        while reply == nil {
            do throws(LaunchError) {
                reply = try RuntimeLauncher.socket(path: path)
                    .launch(request, channel: control.reading, log: output.writing)
            } catch {
                guard case .socket(.cannotConnect) = error, !server.hasEnded else { throw error }
            }
        }
        guard case .started(let process, _)? = reply else {
            Issue.record("\(String(describing: reply))")
            try server.killAndWait()
            return
        }
        #expect(try output.line() == "ready")
        let handle = try #require(try ProcessHandle.open(process))
        try server.killAndWait()
        #expect(!handle.hasEnded)
        #expect(write(control.writing, "go\n", 3) == 3)
        close(control.writing)
        #expect(try output.line() == "heard go")
        #expect(try handle.wait(milliseconds: 20_000))
    }

    @Test(.enabled(if: isBuilt, reason)) func aProgramThatCannotWorkIsNotAnswered() throws {
        let fixture = try LaunchFixture()
        let output = try Output()
        let launcher = RuntimeLauncher.program(path: Self.program, store: fixture.store + "/none")
        #expect {
            try launcher.launch(fixture.request(), channel: output.writing, log: output.writing)
        } throws: { error in
            guard case LaunchError.notAnswered(let reason) = error else { return false }
            return reason.contains("exit code 66")
        }
        #expect(throws: LaunchError.self) {
            try RuntimeLauncher.program(path: fixture.store + "/none", store: fixture.store)
                .launch(fixture.request(), channel: output.writing, log: output.writing)
        }
    }
}
