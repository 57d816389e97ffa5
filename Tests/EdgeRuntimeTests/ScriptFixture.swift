import EdgeRuntime
import Glibc
import Processes
import Synchronization

/// The system's Python for tests, or nil with the reason printed once.
enum ScriptTestPython {
    static let interpreter: PythonInterpreter? = {
        do {
            return try PythonInterpreter.find(abi: nil)
        } catch {
            print("script worker tests are skipped: \(error)")
            return nil
        }
    }()

    static var isThere: Bool { interpreter != nil }
}

/// A folder with a score.py, and a worker for it.
final class ScriptFixture: Sendable {
    let folder: String
    let lines = Mutex<[ScriptLogLine]>([])

    init(_ script: String) throws {
        var template = Array("/tmp/edge-script-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ScriptError.resources(errno: errno) }
        folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try write(script, to: "score.py")
    }

    deinit { _ = try? Processes.run("/bin/rm", arguments: ["-rf", folder]) }

    func write(_ text: String, to name: String) throws {
        guard let file = fopen("\(folder)/\(name)", "w") else { throw ScriptError.resources(errno: errno) }
        fputs(text, file)
        fclose(file)
    }

    func configuration(_ change: (inout ScriptConfiguration) -> Void = { _ in }) throws -> ScriptConfiguration {
        guard let interpreter = ScriptTestPython.interpreter else { throw ScriptError.notIdle }
        var configuration = ScriptConfiguration(
            interpreter: interpreter,
            script: "\(folder)/score.py",
            codeFolder: folder,
            model: nil,
            modelName: "digits",
            modelVersion: "7"
        )
        configuration.restartPolicy.firstPause = .milliseconds(1)
        change(&configuration)
        return configuration
    }

    func worker(_ change: (inout ScriptConfiguration) -> Void = { _ in }) throws -> ScriptWorker {
        try ScriptWorker(configuration(change)) { [self] line in lines.withLock { $0.append(line) } }
    }

    /// Starts a worker, hands it to `body` and stops it.
    func serve<Value>(
        _ change: (inout ScriptConfiguration) -> Void = { _ in },
        _ body: (ScriptWorker) async throws -> Value
    ) async throws -> Value {
        let worker = try worker(change)
        defer { worker.stop() }
        _ = try worker.start()
        return try await body(worker)
    }

    func texts(from source: ScriptLogLine.Source) -> [String] {
        lines.withLock { $0.filter { $0.source == source }.map(\.text) }
    }
}

extension ScriptWorker {
    func score(
        _ body: some Sequence<UInt8>,
        headers: [(name: String, value: String)] = [],
        deadline: Duration = .seconds(60),
        label: String = ""
    ) async -> ScriptReply {
        await score(ScriptRequest(headers: headers, body: Array(body), deadline: deadline, label: label))
    }

    func score(_ request: ScriptRequest) async -> ScriptReply {
        await withCheckedContinuation { continuation in
            submit(request) { continuation.resume(returning: $0) }
        }
    }
}

extension ScriptReply {
    var answer: ScriptAnswer? {
        guard case .answered(let answer) = self else { return nil }
        return answer
    }

    /// The body of a 200.
    var text: String? {
        answer.flatMap { $0.status == 200 ? String(decoding: $0.body, as: UTF8.self) : nil }
    }
}
