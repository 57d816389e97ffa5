internal import Glibc

/// A socket that listens, for a server of streams. Closing is left to the owner, as the descriptor may be handed to another
/// server.
package struct ListeningSocket: Sendable {
    package let descriptor: Int32
    /// The address that was really taken: port 0 has become the port.
    package let address: ListenAddress
    /// The socket file this process made, to tell it from one that another process has put in its place.
    private let file: SocketFile?

    /// What `listen` lets wait while every connection is taken; the kernel caps it at `net.core.somaxconn`.
    private static let backlog: Int32 = 1024

    /// Takes the address and listens.
    ///
    /// - Throws: `addressInUse`, `notPermitted`, `badAddress`, `cannotListen`. An inherited descriptor stays with the caller
    ///   then.
    package init(_ address: ListenAddress) throws(ListenError) {
        switch address {
        case .tcp(let host, let port): self = try Self.openTCP(address, host: host, port: port)
        case .unix(let path): self = try Self.openUnix(address, path: path)
        case .inherited(let descriptor): self = try Self.adopt(address, descriptor: descriptor)
        }
    }

    private init(descriptor: Int32, address: ListenAddress, file: SocketFile? = nil) {
        self.descriptor = descriptor
        self.address = address
        self.file = file
    }

    /// Closes it and removes the socket file it made.
    package func close() {
        file?.remove()
        _ = Glibc.close(descriptor)
    }

    // MARK: - TCP

    private static func openTCP(
        _ address: ListenAddress,
        host: String,
        port: UInt16
    ) throws(ListenError) -> ListeningSocket {
        var ipv4 = sockaddr_in()
        ipv4.sin_family = sa_family_t(AF_INET)
        ipv4.sin_port = port.bigEndian
        if inet_pton(AF_INET, host, &ipv4.sin_addr) == 1 {
            return try bindTCP(address, host: host, family: AF_INET, to: ipv4)
        }
        var ipv6 = sockaddr_in6()
        ipv6.sin6_family = sa_family_t(AF_INET6)
        ipv6.sin6_port = port.bigEndian
        if inet_pton(AF_INET6, host, &ipv6.sin6_addr) == 1 {
            return try bindTCP(address, host: host, family: AF_INET6, to: ipv6)
        }
        throw .badAddress(address: address, reason: "\(host) is no IP address")
    }

    private static func bindTCP<Address>(
        _ address: ListenAddress,
        host: String,
        family: Int32,
        to socketAddress: Address
    ) throws(ListenError) -> ListeningSocket {
        let descriptor = try makeSocket(family, address)
        var on: Int32 = 1
        // A restart must not wait for the connections of the last run to leave TIME_WAIT.
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard bindAddress(descriptor, socketAddress) == 0, listen(descriptor, backlog) == 0 else {
            throw closing(descriptor, ListenError(listeningOn: address, code: errno))
        }
        return ListeningSocket(
            descriptor: descriptor,
            address: .tcp(host: host, port: boundPort(of: descriptor) ?? 0)
        )
    }

    /// The port of a TCP socket, nil for others.
    private static func boundPort(of descriptor: Int32) -> UInt16? {
        var storage = sockaddr_storage()
        guard name(of: descriptor, into: &storage) else { return nil }
        return withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            case AF_INET: UInt16(bigEndian: bytes.loadUnaligned(as: sockaddr_in.self).sin_port)
            case AF_INET6: UInt16(bigEndian: bytes.loadUnaligned(as: sockaddr_in6.self).sin6_port)
            default: nil
            }
        }
    }

    // MARK: - Unix

    private static func openUnix(_ address: ListenAddress, path: String) throws(ListenError) -> ListeningSocket {
        guard let socketAddress = unixAddress(path) else {
            throw .badAddress(address: address, reason: "the path must have 1 to 107 bytes and no NUL")
        }
        let descriptor = try makeSocket(AF_UNIX, address)
        // The mode of the socket, less the umask, becomes the mode of the file: at no time is it open to all.
        fchmod(descriptor, 0o660)
        var failed = bindAddress(descriptor, socketAddress) != 0
        if failed, errno == EADDRINUSE, try removeIfStale(path, socketAddress, address, descriptor) {
            failed = bindAddress(descriptor, socketAddress) != 0
        }
        guard !failed else { throw closing(descriptor, ListenError(listeningOn: address, code: errno)) }
        let file = SocketFile(path: path)
        guard chmod(path, 0o660) == 0, listen(descriptor, backlog) == 0 else {
            let error = ListenError(listeningOn: address, code: errno)
            file?.remove()
            throw closing(descriptor, error)
        }
        return ListeningSocket(descriptor: descriptor, address: address, file: file)
    }

    /// Removes the file at `path` if it is a socket that refuses connections: its server has died.
    ///
    /// - Returns: true if it is gone, false if someone listens (then `errno` is `EADDRINUSE`).
    /// - Throws: `badAddress` if it is no socket; then `descriptor` has been closed.
    private static func removeIfStale(
        _ path: String,
        _ socketAddress: sockaddr_un,
        _ address: ListenAddress,
        _ descriptor: Int32
    ) throws(ListenError) -> Bool {
        guard let file = SocketFile(path: path) else {
            var status = stat()
            if lstat(path, &status) != 0 { return errno == ENOENT }
            throw closing(descriptor, .badAddress(address: address, reason: "a file that is no socket is there"))
        }
        let probe = socket(AF_UNIX, streamType, 0)
        guard probe >= 0 else { return false }
        defer { _ = Glibc.close(probe) }
        let refused = withSocketAddress(socketAddress) { connect(probe, $0, $1) } != 0 && errno == ECONNREFUSED
        if refused { file.remove() }
        errno = EADDRINUSE
        return refused
    }

    // MARK: - Inherited

    private static func adopt(
        _ address: ListenAddress,
        descriptor: Int32
    ) throws(ListenError) -> ListeningSocket {
        var listens: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0, listens == 1 else {
            throw .badAddress(address: address, reason: "it is not a listening socket")
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // The library accepts until there is nothing left; on a blocking socket it would stay in the last accept.
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        return ListeningSocket(descriptor: descriptor, address: readAddress(of: descriptor) ?? address)
    }

    /// The address a socket is bound to, nil where it is neither TCP nor a Unix socket with a path.
    private static func readAddress(of descriptor: Int32) -> ListenAddress? {
        var storage = sockaddr_storage()
        guard name(of: descriptor, into: &storage) else { return nil }
        if let port = boundPort(of: descriptor) {
            return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
                let family = Int32(storage.ss_family)
                let offset = family == AF_INET ? MemoryLayout<sockaddr_in>.offset(of: \.sin_addr) : 8
                let written = withUnsafeBytes(of: &storage) { bytes in
                    inet_ntop(
                        family,
                        bytes.baseAddress?.advanced(by: offset ?? 4),
                        text.baseAddress,
                        socklen_t(text.count)
                    )
                }
                return written.map { .tcp(host: String(cString: $0), port: port) }
            }
        }
        guard Int32(storage.ss_family) == AF_UNIX else { return nil }
        return withUnsafeBytes(of: storage) { bytes in
            let path = bytes.dropFirst(MemoryLayout<sa_family_t>.size).prefix { $0 != 0 }
            return path.isEmpty ? nil : .unix(path: String(decoding: path, as: UTF8.self))
        }
    }
}

// MARK: - System calls

private let streamType = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)

private func makeSocket(_ family: Int32, _ address: ListenAddress) throws(ListenError) -> Int32 {
    let descriptor = socket(family, streamType, 0)
    guard descriptor >= 0 else { throw ListenError(listeningOn: address, code: errno) }
    return descriptor
}

private func closing(_ descriptor: Int32, _ error: ListenError) -> ListenError {
    close(descriptor)
    return error
}

/// Nil where the path is empty, too long (107 bytes) or holds a NUL.
func unixAddress(_ path: String) -> sockaddr_un? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = path.utf8
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    guard !bytes.isEmpty, bytes.count < capacity, !bytes.contains(0) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return address
}

func withSocketAddress<Address>(
    _ address: Address,
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
    withUnsafePointer(to: address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Address>.size)) }
    }
}

func bindAddress<Address>(_ descriptor: Int32, _ address: Address) -> Int32 {
    withSocketAddress(address) { bind(descriptor, $0, $1) }
}

private func name(of descriptor: Int32, into storage: inout sockaddr_storage) -> Bool {
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    } == 0
}
