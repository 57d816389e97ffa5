internal import BundleManifest
internal import Glibc
internal import HTTPServer
internal import JSON

/// A scoring script behind its supervised worker, answering as the Azure ML inference server does.
package final class ScriptModel: Sendable {
    private let worker: ScriptWorker
    private let deadline: Duration

    /// Prepares the worker; `start` runs `init()`. Throws ScriptError and PythonInterpreterError.
    package init(
        _ bundle: ServedBundle,
        options: RuntimeOptions,
        log: @escaping @Sendable (ScriptLogLine) -> Void
    ) throws {
        guard case .script(let path, let code, let model, let packages) = bundle.entry else {
            throw RuntimeError.notServable(path: bundle.name, problem: "is no script")
        }
        let interpreter = try PythonInterpreter.find(abi: bundle.pythonABI, explicit: options.python)
        var configuration = ScriptConfiguration(
            interpreter: interpreter,
            script: path,
            codeFolder: code,
            // A bundle's model has its own name in the component's folder; a project's folder is taken as it is.
            model: model.map { bundle.isDevelopment ? .folder($0) : .entry($0) },
            modelName: bundle.name,
            modelVersion: bundle.version
        )
        configuration.sitePackages = [packages].compactMap { $0 }
        configuration.usesInterpreterPackages = bundle.isDevelopment
        configuration.environment = bundle.environment
        configuration.threads = options.threads
        configuration.queueLimit = bundle.endpoint.queue
        configuration.payloadLimitBytes = bundle.endpoint.maximumBodyBytes
        configuration.startLimit = .milliseconds(bundle.endpoint.startupMilliseconds)
        configuration.timeZone = getenv("TZ").map { String(cString: $0) }
        if let folder = getenv("TMPDIR").map({ String(cString: $0) }), folder.hasPrefix("/") {
            configuration.scratchParent = folder
        }
        deadline = .milliseconds(bundle.endpoint.deadlineMilliseconds)
        worker = try ScriptWorker(configuration, log: log)
    }

    /// Waits until `init()` has returned. Throws ScriptError with what it raised.
    func start() throws { _ = try worker.start() }

    /// Ends the worker, whose requests have that long to end.
    func stop(drain: Duration) { worker.stop(drain: drain) }

    var isReady: Bool { worker.isReady }

    var snapshot: ScriptWorker.Snapshot { worker.snapshot }

    /// Hands the request to the worker. `reply` is called once, on the worker's thread or before this returns.
    ///
    /// - Returns: takes the request back where it still waits.
    func score(_ request: ScoringRequest, reply: @escaping @Sendable (ScoringReply) -> Void) -> @Sendable () -> Void {
        let identifier = worker.submit(
            ScriptRequest(
                method: request.method,
                query: request.query,
                headers: request.headers,
                body: request.body,
                deadline: deadline,
                label: request.identifier
            )
        ) { reply(Self.reply($0)) }
        return { [worker] in worker.cancel(identifier) }
    }

    private static func reply(_ reply: ScriptReply) -> ScoringReply {
        switch reply {
        case .answered(let answer):
            var headers = [HTTPHeader("x-ms-run-function-failed", answer.message == nil ? "False" : "True")]
            if let milliseconds = answer.runMilliseconds {
                headers.append(HTTPHeader("x-ms-run-fn-exec-ms", fixed(milliseconds)))
            }
            guard let message = answer.message else {
                return ScoringReply(status: UInt16(answer.status), headers: headers, body: answer.body)
            }
            return .error(UInt16(answer.status), message, member: "message", headers: headers)
        case .overloaded:
            return .error(
                429,
                "too many requests are waiting",
                member: "message",
                headers: [HTTPHeader("Retry-After", "1")]
            )
        case .timedOut: return .error(504, "the scoring script did not answer in time", member: "message")
        case .workerDied(let how):
            return .error(502, "the scoring script ended during the request: \(how)", member: "message")
        case .unavailable(let why):
            let again = [HTTPHeader("Retry-After", "5")]
            return .error(503, "the scoring script is not there: \(why)", member: "message", headers: again)
        case .cancelled:
            // Seldom read: by one who has closed only the sending half of the connection.
            return .error(499, "the client went away", member: "message")
        case .stopped:
            return .error(503, "the server is stopping", member: "message", headers: [HTTPHeader("Retry-After", "1")])
        }
    }

    /// Milliseconds with three decimals, as the Azure ML server prints them.
    private static func fixed(_ milliseconds: Double) -> String {
        let thousandths = Int((milliseconds * 1000).rounded())
        let fraction = String(thousandths % 1000)
        return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
