import Glibc

/// Listens on a free port of 127.0.0.1, and answers each connection with the bytes that the script gives for its request;
/// then it closes. What it answers need not be HTTP.
final class ScriptedServer: Sendable {
    let port: UInt16
    private let listener: Int32

    /// - Parameter answer: runs on the server's thread, with the request up to its blank line.
    init(_ answer: @escaping @Sendable (String) -> [UInt8]) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(listener, $0, length) == 0 && listen(listener, 16) == 0)
                getsockname(listener, $0, &length)
            }
        }
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        onThread {
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                Self.serve(connection, answer)
            }
            close(listener)
        }
    }

    /// Wakes the thread up, which then closes the socket: its number must not become another's while it is waited on.
    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    /// Runs `body` with the URL of a path while the server is there.
    func with<Result>(_ path: String, _ body: (String) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body("http://127.0.0.1:\(port)\(path)")
    }

    private static func serve(_ connection: Int32, _ answer: (String) -> [UInt8]) {
        var request: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while !String(decoding: request, as: UTF8.self).contains("\r\n\r\n") {
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { break }
            request += buffer[..<count]
        }
        let bytes = answer(String(decoding: request, as: UTF8.self))
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            sent += count
        }
        close(connection)
    }
}

private func onThread(_ body: @escaping @Sendable () -> Void) {
    final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let work = Unmanaged.passRetained(Work(body)).toOpaque()
    pthread_create(
        &thread,
        nil,
        { context in
            if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
            return nil
        },
        work
    )
    pthread_detach(thread)
}
