import Glibc
import Processes
import Synchronization
import Testing

@testable import EdgeRuntime

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

private func temporaryFolder() throws -> String {
    var template = Array("/tmp/edge-script-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ScriptError.resources(errno: errno) }
    return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// A folder with a score.py, and a worker for it.
final class ScriptFixture: Sendable {
    let folder: String
    /// Apart from those of other programs that run meanwhile.
    let scratchParent: String
    let lines = Mutex<[ScriptLogLine]>([])
    private let newest = Mutex(Newest())

    private struct Newest { weak var worker: ScriptWorker? }

    init(_ script: String) throws {
        folder = try temporaryFolder()
        scratchParent = try temporaryFolder()
        try write(script, to: "score.py")
    }

    deinit { _ = try? Processes.run("/bin/rm", arguments: ["-rf", folder, scratchParent]) }

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
        configuration.scratchParent = scratchParent
        change(&configuration)
        return configuration
    }

    func worker(_ change: (inout ScriptConfiguration) -> Void = { _ in }) throws -> ScriptWorker {
        let worker = try ScriptWorker(configuration(change)) { [self] line in lines.withLock { $0.append(line) } }
        newest.withLock { $0.worker = worker }
        return worker
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

    /// All that was logged up to now.
    var logged: [ScriptLogLine] {
        newest.withLock { $0.worker }?.log.flush(upTo: .seconds(30))
        return lines.withLock(\.self)
    }

    func texts(from source: ScriptLogLine.Source) -> [String] {
        logged.filter { $0.source == source }.map(\.text)
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

/// Waits for what another thread is about to do; what has not come after half a minute never will.
func until(_ condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async {
    let end = ContinuousClock.now + .seconds(30)
    while !condition() {
        guard ContinuousClock.now < end else {
            Issue.record("it did not come to pass", sourceLocation: sourceLocation)
            return
        }
        await Task.yield()
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
