import FileSystem
import Glibc
import JSON
import Processes
import Testing

/// An ONNX model served in-process: the right numbers, and nothing that nobody asked for.
@Suite(.programs, .oneByOne) struct NativeServingTests {
    /// Threads that accept and answer, for tests that count threads.
    private static let threads = 2

    @Test func answersNVIDIAsClientAsONNXRuntimeInPythonDoes() throws {
        let example = try Example.native.get()
        let server = try ServedRuntime(example.tree)
        let result = try Programs.run(
            Programs.python,
            [
                "\(Programs.judges)/triton_infer.py", "http://127.0.0.1:\(server.port)", "digits",
                "\(example.project)/model/digits.onnx",
            ] + example.requests
        )
        #expect(result.isSuccess, "\(result.outputText)\(result.errorText)")
        // The count makes sure that the judge asked in JSON and binary, for each request.
        let asked = result.outputText.split(separator: "\n").filter { $0.contains("asked, ") }
        #expect(try asked.count == 4 * example.requests.count, "\(result.outputText)")
        #expect(try server.stop() == .exited(0))
    }

    @Test func marksEveryPredictionWithItsBundle() throws {
        let example = try Example.native.get()
        let server = try ServedRuntime(example.tree)
        let connection = try server.connect()
        let digest = try inspect(example.tree)["digest"]?.stringValue ?? "?"
        var identifiers: Set<String> = []
        for _ in 0..<3 {
            let answer = try connection.ask("POST", "/v2/models/digits/infer", example.request("seven"))
            #expect(answer.status == 200)
            let identifier = try #require(answer.headers["edge-prediction-id"])
            #expect(digest.hasPrefix(identifier.prefix { $0 != "-" }))
            identifiers.insert(identifier)
        }
        #expect(identifiers.count == 3)
    }

    @Test func writesNoFileOpensNoSocketAndStartsNoThreadOfTheLibrarysOwn() throws {
        let example = try Example.native.get()
        let scratch = try Scratch()
        var environment = Programs.environment
        #expect(environment["CI"] == nil && environment["ORT_DISABLE_TELEMETRY"] == nil)
        for (variable, folder) in [("HOME", "home"), ("TMPDIR", "temporary"), ("XDG_CACHE_HOME", "cache")] {
            environment[variable] = try scratch.folder(folder)
        }
        let server = try ServedRuntime(
            example.tree,
            ["--threads", String(Self.threads)],
            in: try scratch.folder("working"),
            environment: environment
        )
        let connection = try server.connect()
        func infer() throws {
            let answer = try connection.ask("POST", "/v2/models/digits/infer", example.request("seven"))
            #expect(answer.status == 200)
        }

        try infer()
        let process = ObservedProcess(server.process.processIdentifier)
        // On a busy machine a run may seem slow; then the pool for slow runs is started, whose threads are our own, too.
        let observed = { try process.threads().filter { $0.value != "inference" } }
        let threads = try observed()
        let descriptors = try process.descriptors()
        try infer()
        #expect(try observed() == threads)
        #expect(try process.descriptors() == descriptors)

        // The main thread, those that watch for hang-ups, deadlines and signals, and those that were asked for.
        let expected =
            ["edgeruntime", "http-watcher", "inference-watch", "signals"]
            + Array(repeating: "MHD-worker", count: Self.threads)
        #expect(threads.values.sorted() == expected.sorted())
        // Its listening socket, and the connection of this test.
        #expect(descriptors.filter { $0.target.hasPrefix("socket:") }.count == 2, "\(descriptors)")
        #expect(descriptors.filter { $0.isRegularFile && $0.isOpenForWriting }.isEmpty, "\(descriptors)")
        #expect(try scratch.listing() == ["cache/", "home/", "temporary/", "working/"])
        #expect(try server.stop() == .exited(0))
        #expect(try scratch.listing() == ["cache/", "home/", "temporary/", "working/"])
    }

    /// The same by the kernel's own account, from the first instruction to the last.
    @Test func asksTheKernelForNoFileToWriteNoConnectionAndNoThreadOfTheLibrarysOwn() throws {
        guard let strace = Judge.find("strace") else { return }
        let scratch = try Scratch()
        guard try Programs.run(strace, ["-o", scratch("probe"), "/bin/true"]).isSuccess else {
            print("not judged: strace may not trace here")
            return
        }
        let example = try Example.native.get()
        let server = try ServedRuntime(
            example.tree,
            ["--threads", String(Self.threads)],
            under: [strace, "-f", "-o", scratch("trace"), "-e", "trace=%file,%network,%process,memfd_create"],
            in: try scratch.folder("working")
        )
        #expect(try server.post("/v2/models/digits/infer", example.request("seven")).status == 200)
        #expect(try server.stop() == .exited(0))
        let calls = String(decoding: try FileSystem.read(scratch("trace"), limit: 1 << 26), as: UTF8.self)
            .split(separator: "\n")
            .map { $0.drop { $0.isNumber || $0 == " " } }
        #expect(calls.contains { $0.contains("/env/lib/libonnxruntime.so") }, "the trace is that of the runtime")

        let writing = calls.filter { call in
            let opens = call.hasPrefix("open") && ["O_WRONLY", "O_RDWR", "O_CREAT"].contains { call.contains($0) }
            let changes = ["creat(", "mkdir", "rename", "unlink", "link", "symlink", "truncate(", "memfd_create"]
            return opens || changes.contains { call.hasPrefix($0) }
        }
        // pthread_setname_np writes a thread's name there; nothing else is written anywhere.
        #expect(writing.filter { !$0.contains("/proc/self/task/") && !$0.contains("\"/dev/null\"") }.isEmpty)
        #expect(calls.filter { $0.hasPrefix("socket(") }.count == 1, "the listening socket, and no other")
        #expect(calls.filter { $0.hasPrefix("connect(") || $0.hasPrefix("sendto(") }.isEmpty)
        let started = calls.filter { $0.hasPrefix("clone") || $0.hasPrefix("fork") || $0.hasPrefix("vfork") }
        // Under strace a run may seem slow: then the pool for slow runs, of as many threads, is started too.
        #expect((Self.threads + 3...2 * Self.threads + 3).contains(started.count), "\(started)")
        #expect(started.allSatisfy { $0.contains("CLONE_THREAD") }, "\(started)")
        #expect(calls.filter { $0.hasPrefix("execve(") }.count == 1)
    }

    /// A library named in the environment is for models without one; the bundle was tested with its own.
    @Test func usesTheBundlesOwnLibraryWhateverTheEnvironmentNames() throws {
        let example = try Example.native.get()
        var environment = Programs.environment
        environment["EDGE_ONNXRUNTIME"] = "/nonexistent/libonnxruntime.so"
        let result = try Programs.run(Programs.edgeruntime, ["check", example.tree], environment: environment)
        #expect(result.isSuccess, "\(result.errorText)")
        let model = try Programs.run(
            Programs.edgeruntime,
            ["score", "\(example.project)/model/digits.onnx", "\(example.project)/requests/seven.json"],
            environment: environment
        )
        #expect(model.status == .exited(12), "\(model.errorText)")
        #expect(model.errorText.contains("/nonexistent/libonnxruntime.so"))
    }

    private func inspect(_ path: String) throws -> JSONValue {
        try JSONValue.parse(Array(Programs.pack("inspect", path, "--json").utf8), limits: .document)
    }
}

/// What /proc says of another process.
private struct ObservedProcess {
    struct Descriptor: Hashable {
        let number: String
        let target: String
        let isRegularFile: Bool
        let isOpenForWriting: Bool
    }

    private let folder: String

    init(_ identifier: Int32) { folder = "/proc/\(identifier)" }

    /// Thread identifier -> name.
    func threads() throws -> [String: String] {
        var names: [String: String] = [:]
        for thread in try FileSystem.names(in: "\(folder)/task") {
            names[thread] = try line("\(folder)/task/\(thread)/comm")
        }
        return names
    }

    /// The open descriptors, standard streams included.
    func descriptors() throws -> Set<Descriptor> {
        var found: Set<Descriptor> = []
        for number in try FileSystem.names(in: "\(folder)/fd") {
            var buffer = [CChar](repeating: 0, count: 4096)
            let length = readlink("\(folder)/fd/\(number)", &buffer, buffer.count)
            guard length > 0 else { continue }
            let target = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // proc_pid_fdinfo(5): the flags of open(2), in octal.
            let flags = try text("\(folder)/fdinfo/\(number)").split(separator: "\n")
                .first { $0.hasPrefix("flags:") }?.split(separator: "\t").last.flatMap { Int32($0, radix: 8) }
            found.insert(
                Descriptor(
                    number: number,
                    target: target,
                    isRegularFile: try FileSystem.statusFollowingLinks(of: "\(folder)/fd/\(number)")?.kind == .regular,
                    isOpenForWriting: (flags ?? O_RDWR) & O_ACCMODE != O_RDONLY
                )
            )
        }
        return found
    }

    private func line(_ path: String) throws -> String { try String(text(path).prefix { $0 != "\n" }) }

    /// Files of /proc have no size to read by.
    private func text(_ path: String) throws -> String {
        let file = try File.open(path)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
