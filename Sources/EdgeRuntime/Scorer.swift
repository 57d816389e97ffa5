internal import Diagnostics
internal import FileSystem
internal import Glibc
internal import ONNXRuntime
internal import Processes

/// How a runtime is started, beyond what the bundle says.
package struct RuntimeOptions: Sendable {
    /// The interpreter for scripts; nil searches PATH for the one the bundle needs.
    package var python: String?
    /// ONNX Runtime in place of the bundle's own.
    package var onnxRuntime: String?
    /// ONNX Runtime for what brings none of its own; nil asks this machine's Python.
    package var developmentLibrary: String?
    /// Threads that one inference may use.
    package var threads = 1
    /// Run the conformance samples before the first request is answered.
    package var warmsUp = true

    package init() {}
}

/// What answers scoring requests: a model in this process, or a script in its worker.
enum Scorer: Sendable {
    case native(NativeModel)
    case script(ScriptModel)

    /// Loads what the bundle names, ready to answer; from then on `stop` ends a script. Throws errors of its parts, each
    /// naming path and cause.
    static func load(
        _ bundle: ServedBundle,
        options: RuntimeOptions,
        stop: StopRequest,
        log: @escaping @Sendable (String) -> Void
    ) throws -> Scorer {
        switch bundle.entry {
        case .onnx(let model, let library):
            return .native(
                try NativeModel(
                    name: bundle.name,
                    version: bundle.version,
                    model: model,
                    library: try options.onnxRuntime ?? library ?? options.developmentLibrary
                        ?? findLibrary(python: options.python),
                    threads: options.threads,
                    log: log
                )
            )
        case .script:
            let model = try ScriptModel(bundle, options: options) { log($0.forPeople) }
            stop.onRequest { model.stop(drain: .zero) }
            do {
                try model.start()
            } catch {
                model.stop(drain: .zero)
                throw error
            }
            return .script(model)
        }
    }

    /// Ends a script, whose requests have that long to end.
    func stop(drain: Duration = .zero) {
        if case .script(let model) = self { model.stop(drain: drain) }
    }

    /// The process that a script runs in.
    var workerProcess: Int32? {
        guard case .script(let model) = self else { return nil }
        return model.snapshot.processIdentifier
    }

    /// Answers a request and waits for it; for checks and single requests, not for a server's threads.
    func answer(_ request: ScoringRequest) -> ScoringReply {
        switch (self, request.target) {
        case (.native(let model), .infer(let headerLength)):
            return request.body.withUnsafeBytes { body in
                model.infer(body: body, headerLength: headerLength, identifier: request.identifier) {
                    status,
                    encoding,
                    bytes in
                    ScoringReply(status: status, contentType: encoding.contentType, body: Array(bytes))
                }
            }
        case (.native(let model), .score): return model.score(request.body, identifier: request.identifier)
        case (.script, .infer): return .error(400, Self.scriptHasNoInfer, member: "error")
        case (.script(let model), .score):
            let answered = ReplyBox()
            _ = model.score(request) { answered.put($0) }
            return answered.wait()
        }
    }

    static let scriptHasNoInfer = "this model is a scoring script: POST its input to /score"

    /// The library in the onnxruntime package of this machine's Python, for development.
    private static func findLibrary(python: String?) throws -> String {
        let interpreter = try PythonInterpreter.find(abi: nil, explicit: python)
        let program = """
            import importlib.util, os
            spec = importlib.util.find_spec("onnxruntime")
            print(os.path.join(os.path.dirname(spec.origin), "capi") if spec and spec.origin else "")
            """
        let result = try Processes.run(
            interpreter.path,
            arguments: ["-c", program],
            environment: Processes.inheritedEnvironment(),
            deadline: .seconds(20)
        )
        let folder = result.outputText.split(separator: "\n").first.map(String.init) ?? ""
        let library =
            folder.isEmpty
            ? nil : try FileSystem.names(in: folder).first { $0.hasPrefix("libonnxruntime.so.") }
        guard let library else { throw RuntimeError.noLibrary }
        return "\(folder)/\(library)"
    }
}

/// Hands one reply from the worker's thread to the one that waits.
private final class ReplyBox: @unchecked Sendable {
    // Sendable: `reply` is written before the semaphore is raised and read after.
    private let semaphore = ScriptSemaphore()
    private var reply: ScoringReply?

    func put(_ reply: ScoringReply) {
        self.reply = reply
        semaphore.signal()
    }

    func wait() -> ScoringReply {
        semaphore.wait()
        return reply ?? .error(500, "no reply", member: "message")
    }
}
