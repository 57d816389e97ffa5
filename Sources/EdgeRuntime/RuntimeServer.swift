internal import Glibc
package import HTTPServer
internal import Processes

/// The version of our programs.
package let runtimeVersion = "0.1.0"

/// Serves one bundle over HTTP until it is told to stop.
package struct RuntimeServer: Sendable {
    package var options: RuntimeOptions
    package var address: ListenAddress
    /// Time for requests under way to end when stopping.
    package var drain = Duration.seconds(10)
    /// Threads that accept and answer.
    package var threads: Int
    /// Takes a line for people: what is served where, what a script prints.
    package var log: @Sendable (String) -> Void

    package init(
        _ options: RuntimeOptions,
        address: ListenAddress,
        threads: Int,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.options = options
        self.address = address
        self.threads = threads
        self.log = log
    }

    /// Listens, loads the model, warms it up, and serves until SIGTERM or SIGINT; then drains.
    ///
    /// The address is taken first: a port in use is told at once, and liveness is answered while a script starts. Throws
    /// errors of the parts; nothing listens any more then.
    package func run(_ bundle: ServedBundle) throws {
        // Blocked before any thread starts, so that every thread leaves them to `sigwait` below.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)

        let handler = ScoringHandler(bundle, log: log)
        var configuration = HTTPServerConfiguration()
        configuration.threads = threads
        configuration.log = { [log] in log("http: \($0)") }
        let server = try HTTPServer(address, configuration: configuration, handler: handler)
        defer { server.stop() }
        let scorer = try Scorer.load(bundle, options: options) { [log] in log($0.forPeople) }
        defer { scorer.stop() }
        if options.warmsUp { try WarmUp.run(bundle, scorer) }
        handler.begin(scorer)
        log(greeting(bundle, server.address))
        // Loading ran through most of ONNX Runtime and of this program; answering needs a small part of both.
        ProcessMemory.releaseCode()

        var signal: Int32 = 0
        sigwait(&signals, &signal)
        log("stopping: requests under way have \(drain.components.seconds) s to end")
        handler.beginDraining()
        server.beginDraining()
        close(try server.quiesce())
        if !server.waitUntilIdle(deadline: drain) { log("some requests had not ended and were cut off") }
    }

    private func greeting(_ bundle: ServedBundle, _ address: ListenAddress) -> String {
        let what =
            bundle.isDevelopment
            ? "\(bundle.name) as it lies there (development: not built, not signed)"
            : "\(bundle.name) \(bundle.version) (sha256:\(bundle.digestName))"
        switch address {
        case .tcp: return "serving \(what) on http://\(address)"
        default: return "serving \(what) on \(address)"
        }
    }
}
