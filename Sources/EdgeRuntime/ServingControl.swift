internal import Diagnostics
internal import Glibc
internal import HTTPServer
internal import RuntimeControl
internal import Synchronization
internal import UnixSockets

/// A runtime that an agent tells when to serve and when to end: what control requests do to it.
///
/// Called on the control thread, and by the main thread for what it has come to.
final class ServingControl: Sendable {
    private struct State: Sendable {
        var phase = RuntimeState.loading
        var server: HTTPServer?
        /// A duplicate of the server's socket, kept to the end: an agent may ask for it while the runtime drains.
        var listening: Descriptor?
    }

    private let state = Mutex(State())
    private let bundle: ServedBundle
    private let handler: ScoringHandler
    private let start: @Sendable (ListenAddress) throws -> HTTPServer
    private let ended: @Sendable () -> Void

    /// - Parameters:
    ///   - start: makes the server, on a listening socket.
    ///   - ended: told once, when nothing is accepted any more.
    init(
        _ bundle: ServedBundle,
        _ handler: ScoringHandler,
        start: @escaping @Sendable (ListenAddress) throws -> HTTPServer,
        ended: @escaping @Sendable () -> Void
    ) {
        self.bundle = bundle
        self.handler = handler
        self.start = start
        self.ended = ended
    }

    // MARK: - For the main thread

    /// The model was loaded and tried.
    func standBy() { state.withLock { $0.phase = .standby } }

    /// The model could not be loaded.
    func fail() { state.withLock { $0.phase = .failed } }

    /// How it ends: the server, if it ever served, and whether an agent asked for that, so that a successor accepts.
    func end() -> (server: HTTPServer?, isHandedOver: Bool) {
        state.withLock { state in
            let isHandedOver = state.phase == .draining
            state.phase = .draining
            return (state.server, isHandedOver)
        }
    }

    // MARK: - For the control thread

    func answer(_ request: ControlRequest, _ descriptors: [Descriptor]) -> (ControlReply, Descriptor?) {
        switch request {
        case .hello: (.hello(greeting), nil)
        case .accept: (accept(descriptors), nil)
        case .socket: socket()
        case .counters: (.counters(handler.counters), nil)
        case .drain: (drain(), nil)
        }
    }

    private var greeting: RuntimeGreeting {
        RuntimeGreeting(
            processID: getpid(),
            state: state.withLock(\.phase),
            digest: bundle.digest,
            level: .manifest
        )
    }

    private func accept(_ descriptors: [Descriptor]) -> ControlReply {
        state.withLock { state in
            guard state.phase == .standby else { return .error("it is \(state.phase.rawValue), not standby") }
            guard let descriptor = descriptors.first else { return .error("no socket came along") }
            do {
                let kept = try descriptor.duplicate()
                state.server = try start(.inherited(descriptor: descriptor.number))
                // The server's from now on.
                _ = descriptor.take()
                state.listening = kept
                state.phase = .serving
                return .accepting
            } catch {
                return .error((error as? any ExplainedError)?.message ?? "\(error)")
            }
        }
    }

    private func socket() -> (ControlReply, Descriptor?) {
        guard let listening = state.withLock(\.listening) else { return (.error("it has no socket"), nil) }
        return (.socket, listening)
    }

    private func drain() -> ControlReply {
        let isNew = state.withLock { state -> Bool? in
            switch state.phase {
            case .loading, .failed: return nil
            case .draining: return false
            case .standby, .serving:
                state.phase = .draining
                // Readiness stays: whoever asks means the endpoint, which a successor serves on.
                state.server?.beginDraining()
                // Closes the server's descriptor; the socket lives on in ours and in the successor's.
                state.server?.stopAccepting()
                return true
            }
        }
        guard let isNew else { return .error("it is still being loaded: end it with SIGTERM") }
        if isNew { ended() }
        return .draining
    }
}
