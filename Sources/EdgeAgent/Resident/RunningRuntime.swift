internal import Digest
internal import Glibc
internal import RuntimeControl
internal import RuntimeLaunch
internal import UnixSockets

/// A runtime of an endpoint that runs, whichever agent started it.
final class RunningRuntime {
    enum Phase: String {
        case loading, standby, serving, draining
    }

    let handle: ProcessHandle
    let slot: Slot
    let bundle: SHA256Digest
    let controlPath: String
    /// What its walls are; nil where another agent started it.
    let containment: ContainmentReport.Summary?
    /// What it says that it has loaded; nil before it was asked, and for what was never built.
    private(set) var loaded: SHA256Digest?
    private var connection: RuntimeConnection?
    /// A `hello` was sent over the connection and is not answered yet.
    private var isGreeting = false
    private(set) var phase: Phase
    /// On CLOCK_BOOTTIME, when the phase began.
    private(set) var since: Duration

    /// Answers come from a thread that does nothing else: later than this they don't come.
    private static let limitMilliseconds = 2000

    init(
        _ handle: ProcessHandle,
        slot: Slot,
        bundle: SHA256Digest,
        controlPath: String,
        phase: Phase = .loading,
        containment: ContainmentReport.Summary? = nil,
        at now: Duration
    ) {
        self.handle = handle
        self.slot = slot
        self.bundle = bundle
        self.controlPath = controlPath
        self.phase = phase
        self.containment = containment
        since = now
    }

    /// The runtime that listens at a control path, whoever started it; nil where none does.
    static func find(slot: Slot, controlPath: String, at now: Duration) throws -> RunningRuntime? {
        guard let connection = try connect(controlPath) else { return nil }
        let hello = try connection.hello(milliseconds: limitMilliseconds)
        guard let bundle = hello.digest, let handle = try ProcessHandle.open(hello.processID) else { return nil }
        let phase: Phase =
            switch hello.state {
            case .loading: .loading
            case .standby: .standby
            case .serving: .serving
            case .draining, .failed: .draining
            }
        let found = RunningRuntime(
            handle,
            slot: slot,
            bundle: bundle,
            controlPath: controlPath,
            phase: phase,
            at: now
        )
        found.connection = connection
        found.loaded = bundle
        return found
    }

    private static func connect(_ path: String) throws(ControlError) -> RuntimeConnection? {
        do throws(ControlError) {
            return try RuntimeConnection.connect(to: path, milliseconds: limitMilliseconds)
        } catch {
            if case .socket(.cannotConnect) = error { return nil }
            throw error
        }
    }

    func enter(_ phase: Phase, at now: Duration) {
        self.phase = phase
        since = now
    }

    var hasEnded: Bool { handle.hasEnded }

    /// It runs and does not serve yet.
    var isStarting: Bool { phase == .loading || phase == .standby }

    func kill() { _ = try? handle.signal(SIGKILL) }

    private func connected() throws(ControlError) -> RuntimeConnection {
        if let connection, !isGreeting { return connection }
        // A late answer would be taken for that to what is asked now.
        isGreeting = false
        let new = try RuntimeConnection.connect(to: controlPath, milliseconds: Self.limitMilliseconds)
        connection = new
        return new
    }

    private func ask<Answer>(
        _ request: (RuntimeConnection, _ milliseconds: Int) throws(ControlError) -> Answer
    ) throws(ControlError) -> Answer {
        do throws(ControlError) {
            return try request(try connected(), Self.limitMilliseconds)
        } catch {
            if case .refused = error { throw error }
            connection = nil
            throw error
        }
    }

    /// What it says of itself; nil where it has not answered yet. Never waits, so that a runtime that hangs while it
    /// starts holds up nobody: to be called again.
    func greeting() -> RuntimeGreeting? {
        do throws(ControlError) {
            if !isGreeting {
                try connected().requestHello()
                isGreeting = true
            }
            guard let greeting = try connection?.greeting() else { return nil }
            isGreeting = false
            loaded = greeting.digest
            return greeting
        } catch {
            connection = nil
            isGreeting = false
            return nil
        }
    }

    /// Has it serve on a listening socket.
    func accept(_ listener: Int32) throws(ControlError) {
        try ask { connection, limit throws(ControlError) in
            try connection.accept(on: listener, milliseconds: limit)
        }
    }

    /// The socket that it listens on.
    func socket() throws(ControlError) -> Descriptor {
        try ask { connection, limit throws(ControlError) in try connection.socket(milliseconds: limit) }
    }

    func counters() -> ServingCounters? {
        try? ask { connection, limit throws(ControlError) in try connection.counters(milliseconds: limit) }
    }

    func drain() throws(ControlError) {
        try ask { connection, limit throws(ControlError) in try connection.drain(milliseconds: limit) }
    }
}
