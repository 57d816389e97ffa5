internal import Glibc

/// Waits for several descriptors at once: poll(2) for an event loop.
package enum Poll {
    /// One descriptor, and what about it is waited for and has happened.
    package struct Entry: Sendable {
        /// Negative: left out.
        package var descriptor: Int32
        /// Wait until it can be written to as well.
        package var awaitsRoom: Bool
        /// There is something to read or accept, its end, or an error: reading does not wait.
        package fileprivate(set) var isReadable = false
        /// Writing does not wait.
        package fileprivate(set) var isWritable = false
        /// The other side has gone, or the descriptor is in error.
        package fileprivate(set) var hasHungUp = false

        package init(_ descriptor: Int32, awaitsRoom: Bool = false) {
            self.descriptor = descriptor
            self.awaitsRoom = awaitsRoom
        }
    }

    /// Waits until something has happened to one of the entries, which then says so.
    ///
    /// Signals don't cut it short: take them with `SignalDescriptor`. Time in which the machine is suspended does not
    /// count.
    ///
    /// - Parameter milliseconds: nil waits for ever, 0 only looks.
    /// - Returns: false if the time was over first.
    /// - Throws: `failed`, also for a descriptor that is not open.
    @discardableResult
    package static func wait(_ entries: inout [Entry], milliseconds: Int?) throws(SocketError) -> Bool {
        var polled = entries.map { entry in
            pollfd(
                fd: entry.descriptor,
                events: Int16(POLLIN) | (entry.awaitsRoom ? Int16(POLLOUT) : 0),
                revents: 0
            )
        }
        let end = milliseconds.map { monotonicMilliseconds() + max(0, min($0, 1 << 40)) }
        while true {
            // Longer than poll can take is waited for in pieces.
            let rest = end.map { max(0, min($0 - monotonicMilliseconds(), Int(Int32.max))) }
            let count = poll(&polled, nfds_t(polled.count), rest.map { Int32($0) } ?? -1)
            if count > 0 { break }
            if count == 0 {
                guard let end, monotonicMilliseconds() < end else { return false }
                continue
            }
            guard errno == EINTR else { throw SocketError(.wait, errno) }
        }
        for index in entries.indices {
            let events = Int32(polled[index].revents)
            guard events & POLLNVAL == 0 else { throw .failed(.wait, code: EBADF) }
            entries[index].isReadable = events & (POLLIN | POLLHUP | POLLERR) != 0
            entries[index].isWritable = events & POLLOUT != 0
            entries[index].hasHungUp = events & (POLLHUP | POLLERR) != 0
        }
        return true
    }

    /// Waits for one descriptor; see above.
    static func wait(
        _ descriptor: Int32,
        forRoom: Bool,
        until end: Int
    ) throws(SocketError) -> Bool {
        var polled = [pollfd(fd: descriptor, events: Int16(forRoom ? POLLOUT : POLLIN), revents: 0)]
        while true {
            let rest = max(0, min(end - monotonicMilliseconds(), Int(Int32.max)))
            let count = poll(&polled, 1, Int32(rest))
            if count > 0 { return true }
            if count == 0 { return false }
            guard errno == EINTR else { throw SocketError(.wait, errno) }
        }
    }
}

/// CLOCK_MONOTONIC in milliseconds.
func monotonicMilliseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// The moment so many milliseconds from now, on CLOCK_MONOTONIC.
func deadline(after milliseconds: Int) -> Int { monotonicMilliseconds() + max(0, min(milliseconds, 1 << 40)) }
