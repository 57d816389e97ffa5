internal import CUnixSockets
internal import Glibc

/// Signals as something to wait for with `Poll`, in place of interrupting whatever runs.
package final class SignalDescriptor: Sendable {
    private let owned: Descriptor

    /// Blocks the signals in this thread, and so in threads that it starts later, and gathers them. To be made before
    /// other threads start; a program that is started inherits the blocking unless its starter resets it.
    package init(_ signals: [Int32]) throws(SocketError) {
        let descriptor = unix_signals_open(signals, signals.count)
        guard descriptor >= 0 else { throw SocketError(.takeSignals, errno) }
        owned = Descriptor(adopting: descriptor)
    }

    /// Readable while a signal has arrived that `next` has not returned.
    package var descriptor: Int32 { owned.number }

    /// The next signal that has arrived, nil where there is none. Does not wait.
    package func next() throws(SocketError) -> Int32? {
        let signal = unix_signals_next(owned.number)
        guard signal >= 0 else { throw SocketError(.takeSignals, errno) }
        return signal == 0 ? nil : signal
    }
}
