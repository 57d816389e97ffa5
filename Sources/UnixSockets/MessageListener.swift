internal import CUnixSockets
internal import Glibc

/// A Unix socket at a path that accepts connections of messages.
package final class MessageListener: Sendable {
    private let owned: Descriptor
    private let file: SocketFile?

    /// Readable with `Poll` when a connection waits.
    package var descriptor: Int32 { owned.number }

    /// Listens at `path`, in place of a socket file there that nobody listens on any more.
    ///
    /// - Parameter mode: of the socket file, which is at no time open to more.
    /// - Throws: `badPath`, `pathInUse`, `cannotListen`.
    package init(path: String, mode: UInt32 = 0o600) throws(SocketError) {
        guard let address = unixAddress(path) else { throw .badPath(path, bytes: path.utf8.count) }
        let socket = unix_message_socket()
        guard socket >= 0 else { throw SocketError(.makeSocket, errno) }
        let owned = Descriptor(adopting: socket)
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
        // The mode of the socket, less the umask, becomes the mode of the file.
        fchmod(socket, mode)
        var code = bindAddress(socket, address) == 0 ? 0 : errno
        if code == EADDRINUSE {
            let probe = unix_message_socket()
            guard probe >= 0 else { throw SocketError(.makeSocket, errno) }
            defer { _ = Glibc.close(probe) }
            guard let old = SocketFile(path: path), refuses(probe, address) else { throw .pathInUse(path) }
            old.remove()
            code = bindAddress(socket, address) == 0 ? 0 : errno
        }
        guard code == 0 else { throw .cannotListen(path: path, code: code) }
        let file = SocketFile(path: path)
        guard chmod(path, mode) == 0, listen(socket, 64) == 0 else {
            let error = SocketError.cannotListen(path: path, code: errno)
            file?.remove()
            throw error
        }
        self.owned = owned
        self.file = file
    }

    /// Takes over a socket that another process made and listens on. Its file is left to that process.
    ///
    /// - Throws: `failed` where the descriptor is no listening socket of messages.
    package init(adopting descriptor: Descriptor) throws(SocketError) {
        let number = descriptor.number
        guard option(SO_ACCEPTCONN, of: number) == 1, option(SO_TYPE, of: number) == Int32(SOCK_SEQPACKET.rawValue)
        else { throw .failed(.accept, code: EINVAL) }
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
        owned = descriptor
        file = nil
    }

    /// The next connection that waits, nil where there is none. Does not wait.
    package func accept() throws(SocketError) -> MessageConnection? {
        let connection = unix_accept(descriptor)
        guard connection >= 0 else {
            if errno == EAGAIN { return nil }
            throw SocketError(.accept, errno)
        }
        return MessageConnection(adopting: Descriptor(adopting: connection))
    }

    /// Stops listening here; with `removingFile` the socket file it made goes, too. A descriptor that was handed to
    /// another process listens on.
    package func close(removingFile: Bool) {
        if removingFile { file?.remove() }
        owned.close()
    }
}

private func refuses(_ probe: Int32, _ address: sockaddr_un) -> Bool {
    _ = fcntl(probe, F_SETFL, fcntl(probe, F_GETFL) | O_NONBLOCK)
    return withSocketAddress(address) { connect(probe, $0, $1) } != 0 && errno == ECONNREFUSED
}

private func option(_ name: Int32, of descriptor: Int32) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
}
