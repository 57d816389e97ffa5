internal import Glibc
internal import Synchronization

/// A file descriptor with one owner, closed when it is let go.
package final class Descriptor: Sendable {
    private let value: Atomic<Int32>

    /// Takes over the descriptor.
    package init(adopting number: Int32) {
        value = Atomic(number)
    }

    deinit { close() }

    /// The descriptor, lent; -1 once it was taken or closed.
    package var number: Int32 { value.load(ordering: .acquiring) }

    /// Gives the descriptor up to the caller; -1 if that was done before, or it was closed.
    package func take() -> Int32 { value.exchange(-1, ordering: .acquiringAndReleasing) }

    /// Closes it now. Not while another thread uses its number.
    package func close() {
        let number = take()
        if number >= 0 { _ = Glibc.close(number) }
    }

    /// Another descriptor of the same open file, close-on-exec.
    package func duplicate() throws(SocketError) -> Descriptor { try Descriptor.duplicating(number) }

    /// Another descriptor of the same open file as `number`, which stays its owner's; close-on-exec.
    package static func duplicating(_ number: Int32) throws(SocketError) -> Descriptor {
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw SocketError(.duplicate, errno) }
        return Descriptor(adopting: copy)
    }
}
