internal import BundleManifest
internal import Glibc
internal import HTTPServer
internal import Processes
internal import RuntimeControl
package import UnixSockets

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

    /// What stopping may take beyond `drain`: a worker's grace, twice, and a little.
    private static let reserve = Duration.seconds(6)
    /// What a thread of the server needs to end an accept that it has begun: until then its connection is not counted.
    private static let settling = Duration.milliseconds(100)
    private static let bodyBudget = 256 << 20

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

    /// Listens, loads the model, warms it up, and serves until SIGTERM, SIGINT or SIGHUP; then drains.
    ///
    /// The address is taken first: a port in use is told at once, and liveness is answered while a script starts. A signal
    /// ends loading, too; a second one ends the process at once. To be called before any other thread starts. Throws
    /// errors of the parts; nothing listens any more then.
    package func run(_ bundle: ServedBundle) throws {
        let stop = StopRequest()
        let ended = ScriptSemaphore()
        TerminationSignals.watch { _ in
            startThread("stop-limit") { endAtOnce(after: drain + Self.reserve) }
            stop.request()
        }
        HTTPServer.returnLargeBlocks()
        let handler = ScoringHandler(bundle)
        let server = try HTTPServer(address, configuration: configuration(bundle), handler: handler)
        defer { server.stop() }
        // A model that is being loaded in this process can't be interrupted, and leaves nothing behind.
        stop.onRequest {
            log("stopped while loading")
            server.stop()
            _exit(0)
        }
        guard let scorer = try load(bundle, stop) else { return }
        let clock = ContinuousClock()
        var end = clock.now
        defer { scorer.stop(drain: max(.zero, end - clock.now)) }
        let backend = try backend(scorer, bundle)
        handler.begin(backend)
        log(greeting(bundle, server.address))
        // Loading ran through most of ONNX Runtime and of this program; answering needs a small part of both.
        ProcessMemory.releaseCode()
        stop.onRequest { ended.signal() }
        ended.wait()

        end = clock.now + drain
        finish(server, handler, backend)
    }

    /// Loads the model and warms it up, and then does as it is told over the control socket (docs/runtime-control.md): it
    /// serves on the socket that it is given until it is told to drain, or until a signal as above.
    ///
    /// - Parameter control: a listening socket of messages, made by whoever started this process.
    package func standBy(_ bundle: ServedBundle, control: Descriptor) throws {
        let listener: MessageListener
        do {
            listener = try MessageListener(adopting: control)
        } catch {
            throw RuntimeError.badOption("the control socket is none: a listening socket of messages is expected")
        }
        let stop = StopRequest()
        let ended = ScriptSemaphore()
        TerminationSignals.watch { _ in
            startThread("stop-limit") { endAtOnce(after: drain + Self.reserve) }
            stop.request()
        }
        HTTPServer.returnLargeBlocks()
        let handler = ScoringHandler(bundle)
        let serving = ServingControl(bundle, handler) { address in
            let server = try HTTPServer(address, configuration: configuration(bundle), handler: handler)
            log(greeting(bundle, server.address))
            return server
        } ended: {
            startThread("stop-limit") { endAtOnce(after: drain + Self.reserve) }
            ended.signal()
        }
        let controlServer = ControlServer(listener, handler: serving.answer)
        startThread("control") {
            do {
                try controlServer.run()
            } catch {
                // What serves goes on serving; it can still be ended with SIGTERM.
                log("the control socket is lost: \(error)")
            }
        }
        stop.onRequest {
            log("stopped while loading")
            _exit(0)
        }
        let scorer: Scorer
        let backend: ScoringHandler.Backend
        do {
            guard let loaded = try load(bundle, stop) else { return }
            scorer = loaded
            backend = try self.backend(loaded, bundle)
        } catch {
            serving.fail()
            throw error
        }
        let clock = ContinuousClock()
        var end = clock.now
        defer { scorer.stop(drain: max(.zero, end - clock.now)) }
        handler.begin(backend)
        ProcessMemory.releaseCode()
        serving.standBy()
        log("standing by with \(description(bundle))")
        stop.onRequest { ended.signal() }
        ended.wait()

        end = clock.now + drain
        let (server, isHandedOver) = serving.end()
        guard let server else { return log("stopping: nothing was served") }
        defer { server.stop() }
        guard isHandedOver else { return finish(server, handler, backend) }
        log("draining: requests under way have \(drain.components.seconds) s to end")
        sleep(for: Self.settling)
        // Whoever keeps a connection may be about to use it: it is closed with its next answer, or at the end.
        if !server.waitUntilIdle(deadline: drain - Self.settling, quietTime: .seconds(86_400)) {
            let requests = server.activeRequests
            log(
                requests > 0
                    ? "\(requests) requests had not ended and were cut off"
                    : "\(server.openConnections) connections that were not used were closed"
            )
        }
        if case .native(let inference) = backend { inference.stop() }
    }

    /// Loads what the bundle names, and tries it.
    ///
    /// - Returns: nil where a signal ended that.
    private func load(_ bundle: ServedBundle, _ stop: StopRequest) throws -> Scorer? {
        if bundle.endpoint.workers > 1, case .script = bundle.entry {
            log("the bundle asks for \(bundle.endpoint.workers) workers: one worker serves for now")
        }
        do {
            let scorer = try Scorer.load(bundle, options: options, stop: stop, log: log)
            do {
                if options.warmsUp { try WarmUp.run(bundle, scorer) }
            } catch {
                scorer.stop(drain: .zero)
                throw error
            }
            return scorer
        } catch  where stop.isRequested {
            log("stopped while loading")
            return nil
        }
    }

    /// Ends serving where nobody goes on: callers are sent elsewhere, and nothing listens any more.
    private func finish(_ server: HTTPServer, _ handler: ScoringHandler, _ backend: ScoringHandler.Backend) {
        log("stopping: requests under way have \(drain.components.seconds) s to end")
        handler.beginDraining()
        server.beginDraining()
        server.stopAccepting()
        if !server.waitUntilIdle(deadline: drain) { log("some requests had not ended and were cut off") }
        if case .native(let inference) = backend { inference.stop() }
    }

    private func configuration(_ bundle: ServedBundle) -> HTTPServerConfiguration {
        var configuration = HTTPServerConfiguration()
        configuration.threads = threads
        configuration.bodyBudgetBytes = max(Self.bodyBudget, 4 * bundle.endpoint.maximumBodyBytes)
        let limit = LineRate(perSecond: 5)
        configuration.log = { [log] line in
            switch limit.count() {
            case .pass(let dropped):
                if dropped > 0 { log("http: \(dropped) more lines were left out") }
                log("http: \(line)")
            case .drop: break
            }
        }
        return configuration
    }

    private func backend(_ scorer: Scorer, _ bundle: ServedBundle) throws -> ScoringHandler.Backend {
        switch scorer {
        case .script(let model): return .script(model)
        case .native(let model):
            let limits = NativeInference.Limits(
                serverThreads: threads,
                concurrency: threads,
                queue: bundle.endpoint.queue,
                deadline: .milliseconds(bundle.endpoint.deadlineMilliseconds)
            )
            return .native(try NativeInference(model, limits: limits))
        }
    }

    /// For a model whose one node takes for ever, or a process that can't be killed: what says when it is over must not
    /// depend on it.
    private func endAtOnce(after time: Duration) {
        Glibc.sleep(UInt32(clamping: time.components.seconds))
        log("stopping took longer than \(time.components.seconds) s: ended at once")
        _exit(1)
    }

    private func sleep(for time: Duration) { usleep(UInt32(clamping: time.wholeMicroseconds)) }

    private func description(_ bundle: ServedBundle) -> String {
        bundle.isDevelopment
            ? "\(bundle.name) as it lies there (development: not built, not signed)"
            : "\(bundle.name) \(bundle.version) (sha256:\(bundle.digestName))"
    }

    private func greeting(_ bundle: ServedBundle, _ address: ListenAddress) -> String {
        switch address {
        case .tcp: "serving \(description(bundle)) on http://\(address)"
        default: "serving \(description(bundle)) on \(address)"
        }
    }
}
