internal import CUnixSockets
internal import Glibc

/// A connection to another process of this machine that carries whole messages and, with them, descriptors
/// (SOCK_SEQPACKET of unix(7)).
///
/// Sending and receiving may be done by two threads at once; two that receive get different messages.
package final class MessageConnection: Sendable {
    /// One message. It has at least one byte.
    package struct Message: Sendable {
        package let bytes: [UInt8]
        /// What came along, owned by the message.
        package let descriptors: [Descriptor]

        /// Who sent it, as this process's namespace numbers it; nil where that was not asked for, or is not seen from here.
        package let sender: Int32?

        package init(_ bytes: [UInt8], descriptors: [Descriptor] = [], sender: Int32? = nil) {
            self.bytes = bytes
            self.descriptors = descriptors
            self.sender = sender
        }
    }

    /// Who connected, as the kernel noted it at that moment.
    package struct Peer: Equatable, Sendable {
        /// 0 where the process is of another namespace and has no number in this one.
        package let processID: Int32
        package let userID: UInt32
        package let groupID: UInt32
    }

    /// The most descriptors that one message carries.
    package static let descriptorLimit = Int(unix_message_descriptors)

    private let owned: Descriptor

    /// Readable with `Poll` when a message or the end is there.
    package var descriptor: Int32 { owned.number }

    /// Takes over a connected socket, and makes it one that does not block and is closed on exec.
    package init(adopting descriptor: Descriptor) {
        owned = descriptor
        _ = fcntl(descriptor.number, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor.number, F_SETFL, fcntl(descriptor.number, F_GETFL) | O_NONBLOCK)
    }

    /// Connects to who listens at `path`; where that has no room for another connection, it waits for one.
    ///
    /// - Throws: `badPath`, `cannotConnect`, `timedOut`.
    package static func connect(to path: String, milliseconds: Int) throws(SocketError) -> MessageConnection {
        guard let address = unixAddress(path) else { throw .badPath(path, bytes: path.utf8.count) }
        let socket = unix_message_socket()
        guard socket >= 0 else { throw SocketError(.makeSocket, errno) }
        let owned = Descriptor(adopting: socket)
        let limit = max(1, min(milliseconds, 1 << 30))
        // connect(2) on a Unix socket waits for room in the backlog, and SO_SNDTIMEO bounds that.
        var time = timeval(tv_sec: limit / 1000, tv_usec: limit % 1000 * 1000)
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        while withSocketAddress(address, { Glibc.connect(socket, $0, $1) }) != 0 {
            switch errno {
            case EINTR: continue
            case EAGAIN: throw .timedOut(.makeSocket)
            default: throw .cannotConnect(path: path, code: errno)
            }
        }
        return MessageConnection(adopting: owned)
    }

    /// Two connections that are each other's other side.
    package static func pair() throws(SocketError) -> (MessageConnection, MessageConnection) {
        var ends: [Int32] = [-1, -1]
        guard unix_message_pair(&ends) == 0 else { throw SocketError(.makeSocket, errno) }
        return (
            MessageConnection(adopting: Descriptor(adopting: ends[0])),
            MessageConnection(adopting: Descriptor(adopting: ends[1]))
        )
    }

    /// Sends one message of at least one byte. Descriptors are copied for the other side and stay the caller's.
    ///
    /// - Throws: `closed`, `timedOut`, `tooManyDescriptors`, `messageTooLong` where the socket's buffer can never take it,
    ///   `failed`.
    package func send(_ bytes: [UInt8], descriptors: [Int32] = [], milliseconds: Int) throws(SocketError) {
        // Without a byte it would look like the end to who receives it.
        guard !bytes.isEmpty else { throw .failed(.send, code: EINVAL) }
        let end = deadline(after: milliseconds)
        while true {
            let code = unix_message_send(descriptor, bytes, bytes.count, descriptors, descriptors.count)
            switch code {
            case 0: return
            case EAGAIN:
                guard try Poll.wait(descriptor, forRoom: true, until: end) else { throw .timedOut(.send) }
            case EMSGSIZE: throw .messageTooLong(limit: bytes.count - 1)
            default: throw SocketError(.send, code)
            }
        }
    }

    /// Receives one message.
    ///
    /// - Parameters:
    ///   - limit: the most bytes that a message may have.
    ///   - milliseconds: 0 takes only what is there; nil waits for ever.
    /// - Returns: nil at the end: the other side has closed.
    /// - Throws: `timedOut`, `messageTooLong`, `tooManyDescriptors` (the message is lost, the connection can go on),
    ///   `failed`.
    package func receive(limit: Int, milliseconds: Int?) throws(SocketError) -> Message? {
        let end = milliseconds.map { deadline(after: $0) }
        while true {
            var count = 0
            var numbers = [Int32](repeating: -1, count: Self.descriptorLimit)
            var descriptors = 0
            var sender: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: max(1, limit)) { buffer, used in
                let room = max(1, limit)
                count = unix_message_receive(descriptor, buffer.baseAddress, room, &numbers, &descriptors, &sender)
                used = max(0, count)
            }
            if count > 0 {
                return Message(
                    bytes,
                    descriptors: numbers.prefix(descriptors).map { Descriptor(adopting: $0) },
                    sender: sender > 0 ? sender : nil
                )
            }
            switch Int32(-count) {
            case 0, ECONNRESET:
                for number in numbers.prefix(descriptors) { _ = Glibc.close(number) }
                return nil
            case EAGAIN: break
            case EMSGSIZE: throw .messageTooLong(limit: limit)
            case let code: throw SocketError(.receive, code)
            }
            guard try Poll.wait(descriptor, forRoom: false, until: end ?? deadline(after: 1 << 40)) else {
                throw .timedOut(.receive)
            }
        }
    }

    /// Has every message that comes from now on say who sent it. ``peer()`` names who made the socket, which for one that
    /// was handed on is another process.
    package func askForSender() throws(SocketError) {
        guard unix_ask_for_sender(descriptor) == 0 else { throw SocketError(.readPeer, errno) }
    }

    package func peer() throws(SocketError) -> Peer {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
        guard unix_peer(descriptor, &process, &user, &group) == 0 else { throw SocketError(.readPeer, errno) }
        return Peer(processID: process, userID: user, groupID: group)
    }

    /// Closes it; the other side reads the end. Not while another thread uses it.
    package func close() { owned.close() }
}
