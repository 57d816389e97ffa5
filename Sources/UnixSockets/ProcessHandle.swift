internal import CUnixSockets
internal import Glibc

/// What tells a process from every other that this machine has run since it was started: a number alone is used again.
package struct ProcessIdentity: Hashable, Sendable {
    package let processID: Int32
    /// When it was started, in clock ticks since the machine was (field 22 of /proc/PID/stat, proc(5)).
    package let startTicks: UInt64

    package init(processID: Int32, startTicks: UInt64) {
        self.processID = processID
        self.startTicks = startTicks
    }

    /// The process that has that number now; nil where none has, or what /proc says is not understood. One that has ended
    /// and was not waited for yet still has its number.
    package static func read(_ processID: Int32) -> ProcessIdentity? {
        guard processID > 0, let line = contents(of: "/proc/\(processID)/stat") else { return nil }
        return startTicks(inStat: line).map { ProcessIdentity(processID: processID, startTicks: $0) }
    }

    /// The program's name stands in parentheses and may hold any byte, so fields are counted behind the last one.
    static func startTicks(inStat line: [UInt8]) -> UInt64? {
        guard let close = line.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = line[(close + 1)...].split(separator: UInt8(ascii: " "))
        // The first of them is field 3.
        guard fields.count > 19 else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }

    private static func contents(of path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { _ = Glibc.close(file) }
        // One line, given out in one read; it has some 350 bytes.
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            let count = Glibc.read(file, buffer.baseAddress, buffer.count)
            return count > 0 ? Array(buffer.prefix(count)) : nil
        }
    }
}

/// A process, held by a descriptor: never another one that got its number later (pidfd_open(2)). It needs not be a child.
package final class ProcessHandle: Sendable {
    package let identity: ProcessIdentity
    private let owned: Descriptor

    package var processID: Int32 { identity.processID }

    /// Readable with `Poll` once the process has ended.
    package var descriptor: Int32 { owned.number }

    /// The process that has that number now.
    ///
    /// - Returns: nil where there is none.
    package static func open(_ processID: Int32) throws(SocketError) -> ProcessHandle? {
        guard let identity = ProcessIdentity.read(processID) else { return nil }
        return try open(identity)
    }

    /// That very process.
    ///
    /// - Returns: nil where it has ended and gone, also where another process has its number now.
    package static func open(_ identity: ProcessIdentity) throws(SocketError) -> ProcessHandle? {
        guard identity.processID > 0 else { return nil }
        let descriptor = unix_process_open(identity.processID)
        guard descriptor >= 0 else {
            // EINVAL: the number is that of a thread, so of no process.
            if errno == ESRCH || errno == EINVAL { return nil }
            throw SocketError(.watchProcess, errno)
        }
        let owned = Descriptor(adopting: descriptor)
        // Read after the descriptor was opened: what has this start now is what the descriptor stands for, or has ended.
        guard ProcessIdentity.read(identity.processID) == identity else { return nil }
        return ProcessHandle(identity: identity, owned: owned)
    }

    private init(identity: ProcessIdentity, owned: Descriptor) {
        self.identity = identity
        self.owned = owned
    }

    package var hasEnded: Bool {
        (try? Poll.wait(descriptor, forRoom: false, until: monotonicMilliseconds())) ?? false
    }

    /// Waits until it has ended.
    ///
    /// - Returns: false if it still runs after that time.
    package func wait(milliseconds: Int) throws(SocketError) -> Bool {
        try Poll.wait(descriptor, forRoom: false, until: deadline(after: milliseconds))
    }

    /// Sends a signal; 0 only asks.
    ///
    /// - Returns: false if the process has ended.
    @discardableResult
    package func signal(_ number: Int32) throws(SocketError) -> Bool {
        guard unix_process_signal(descriptor, number) == 0 else {
            if errno == ESRCH { return false }
            throw SocketError(.signalProcess, errno)
        }
        return true
    }
}
