internal import CProcess
internal import Glibc
internal import Synchronization

/// How a process ended.
package enum ExitStatus: Sendable, Equatable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    package var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signalled(let number): "signal \(number) (\(ExitStatus.name(ofSignal: number)))"
        }
    }

    private static func name(ofSignal number: Int32) -> String {
        process_signal_name(number).map { "SIG" + String(cString: $0) } ?? "unknown"
    }
}

/// A child that was started and must be waited for.
///
/// Safe from any thread: signals are only sent while the process number is certainly still the child's. One who drops
/// it without waiting leaves a zombie until this process ends.
package final class ChildProcess: Sendable {
    private enum State {
        case running
        case reaped(ExitStatus)
        case lost(errno: Int32)
    }

    package let processIdentifier: Int32
    /// Becomes readable when the child has ended; owned by this object. nil where the kernel has no pidfd (before 5.3).
    package let exitDescriptor: Int32?
    private let program: String
    private let leadsGroup: Bool
    private let state = Mutex(State.running)

    /// Starts the program; returns once it has been executed. Throws `ProcessError`.
    package init(_ specification: ProcessSpecification) throws(ProcessError) {
        let started = try spawn(specification)
        processIdentifier = started.pid
        exitDescriptor = started.pidfd >= 0 ? started.pidfd : nil
        program = specification.program
        leadsGroup =
            switch specification.group {
            case .inherited: false
            case .new, .newSession: true
            }
    }

    deinit {
        if let exitDescriptor { close(exitDescriptor) }
    }

    /// The status if the child has ended, else nil. Never blocks. Throws when somebody else reaped the child.
    package func poll() throws(ProcessError) -> ExitStatus? {
        let program = self.program
        return try state.withLock { state throws(ProcessError) -> ExitStatus? in
            switch state {
            case .reaped(let status): return status
            case .lost(let errno): throw .notObserved(program: program, errno: errno)
            case .running: break
            }
            var status = process_status()
            let answer = process_reap(processIdentifier, &status)
            if answer == 0 { return nil }
            guard answer > 0 else {
                state = .lost(errno: -answer)
                throw .notObserved(program: program, errno: -answer)
            }
            let ended: ExitStatus = status.signalled != 0 ? .signalled(status.number) : .exited(status.number)
            state = .reaped(ended)
            return ended
        }
    }

    /// True when the child has ended, reaped or not. Never blocks and does not reap: `signal` still reaches its group.
    package var hasEnded: Bool {
        state.withLock { state in
            guard case .running = state else { return true }
            return process_has_ended(processIdentifier, 0) != 0
        }
    }

    /// Blocks until the child has ended.
    package func wait() throws(ProcessError) -> ExitStatus {
        while true {
            if let status = try poll() { return status }
            // Waits without reaping, so that the number stays the child's for a concurrent `signal`. An error means
            // that another thread was quicker: poll() then knows.
            _ = process_has_ended(processIdentifier, 1)
        }
    }

    /// Blocks until the child has ended or the time has passed, then returns nil.
    package func wait(upTo limit: Duration) throws(ProcessError) -> ExitStatus? {
        hasEnded(within: limit) ? try wait() : nil
    }

    /// Blocks until the child has ended (true) or the time has passed (false). Like `hasEnded`, it does not reap.
    package func hasEnded(within limit: Duration) -> Bool {
        let end = monotonicNow() + limit
        while !hasEnded {
            let left = end - monotonicNow()
            guard left > .zero else { return false }
            var watched = pollfd(fd: exitDescriptor ?? -1, events: Int16(POLLIN), revents: 0)
            // Without a pidfd the child is asked for every 10 ms.
            let pause = exitDescriptor == nil ? min(left, .milliseconds(10)) : left
            _ = Glibc.poll(&watched, 1, pollMilliseconds(pause))
        }
        return true
    }

    /// Sends a signal to the child's process group where it leads one, else to the child alone.
    ///
    /// Returns false when the child was already waited for.
    @discardableResult
    package func signal(_ number: Int32) -> Bool {
        state.withLock { state in
            guard case .running = state else { return false }
            return kill(leadsGroup ? -processIdentifier : processIdentifier, number) == 0
        }
    }

    /// Kills the child's group (or the child) with SIGKILL and waits for the child.
    @discardableResult
    package func killAndWait() throws(ProcessError) -> ExitStatus {
        signal(SIGKILL)
        return try wait()
    }
}

/// CLOCK_MONOTONIC: never set back, stands still while the machine sleeps.
func monotonicNow() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

/// Rounded up, so that a wait never ends before its time.
func pollMilliseconds(_ duration: Duration) -> Int32 {
    let (seconds, attoseconds) = duration.components
    guard seconds < 1_000_000 else { return 1_000_000_000 }
    return Int32(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
}
