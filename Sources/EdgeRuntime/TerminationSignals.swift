internal import Glibc
internal import Synchronization

/// Whether the program was asked to end, and what is to be done about it at the moment.
package final class StopRequest: Sendable {
    private struct State: Sendable {
        var isRequested = false
        var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    package var isRequested: Bool { state.withLock(\.isRequested) }

    /// From now on `action` is what a request does, in place of an earlier one; at once where it has come already. It
    /// runs once at most, on the thread that requests.
    func onRequest(_ action: (@Sendable () -> Void)?) {
        let isDue = state.withLock { state in
            state.action = state.isRequested ? nil : action
            return state.isRequested
        }
        if isDue { action?() }
    }

    /// Only the first request counts.
    package func request() {
        let action = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.isRequested else { return nil }
            state.isRequested = true
            defer { state.action = nil }
            return state.action
        }
        action?()
    }
}

/// Takes the signals that ask a program to end, from its first moment on: blocked in every thread, and waited for by one
/// of their own. The first makes the request; the second ends the process at once.
package enum TerminationSignals {
    /// Call it before any other thread starts.
    ///
    /// - Parameter first: told the first signal; runs on the signals' thread.
    static func watch(_ first: @escaping @Sendable (Int32) -> Void) {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        // Who started us under nohup wants to be left running.
        if !isIgnored(SIGHUP) { sigaddset(&signals, SIGHUP) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        startThread("signals") { [signals] in
            first(next(signals))
            _exit(128 + next(signals))
        }
    }

    /// Runs `body`; a signal makes the request, which lets `body` clear away what it made, and then ends the process as
    /// the signal would have.
    package static func ending<Result>(_ body: (StopRequest) throws -> Result) throws -> Result {
        let stop = StopRequest()
        watch { signal in
            stop.request()
            die(by: signal)
        }
        let result = Swift.Result { try body(stop) }
        // What `body` came to is no result then, and the other thread is about to end us.
        while stop.isRequested { pause() }
        return try result.get()
    }

    private static func next(_ signals: sigset_t) -> Int32 {
        var signals = signals
        var signal: Int32 = 0
        while sigwait(&signals, &signal) != 0 {}
        return signal
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    /// So that whoever waits for us sees which signal it was.
    private static func die(by number: Int32) -> Never {
        signal(number, SIG_DFL)
        var only = sigset_t()
        sigemptyset(&only)
        sigaddset(&only, number)
        pthread_sigmask(SIG_UNBLOCK, &only, nil)
        raise(number)
        _exit(128 + number)
    }
}
