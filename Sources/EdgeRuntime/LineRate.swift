internal import Synchronization

/// Lets a few lines a second through, so that a client can't fill a log.
final class LineRate: Sendable {
    enum Verdict: Equatable, Sendable {
        /// To be written; so many were dropped before it.
        case pass(dropped: Int)
        case drop
    }

    private struct State: Sendable {
        var second: UInt64 = 0
        var passed = 0
        var dropped = 0
    }

    private let limit: Int
    private let now: @Sendable () -> UInt64
    private let state = Mutex(State())

    /// - Parameter now: microseconds of a clock that only goes forward.
    init(perSecond limit: Int, now: @escaping @Sendable () -> UInt64 = monotonicMicroseconds) {
        self.limit = limit
        self.now = now
    }

    func count() -> Verdict {
        let second = now() / 1_000_000
        return state.withLock { state in
            if second != state.second { (state.second, state.passed) = (second, 0) }
            guard state.passed < limit else {
                state.dropped += 1
                return .drop
            }
            state.passed += 1
            defer { state.dropped = 0 }
            return .pass(dropped: state.dropped)
        }
    }
}
