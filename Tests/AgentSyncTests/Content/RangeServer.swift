import Glibc
import Synchronization

/// Serves one file on a free port of 127.0.0.1, by ranges or as it is told; one request a connection.
final class RangeServer: Sendable {
    struct Behaviour {
        /// Answers 200 with the whole file whatever was asked.
        var ignoresRanges = false
        /// Stands in Content-Range in the place of the right one; empty for none.
        var contentRange: String?
        var status = 206
        /// Body bytes after which the connection is closed.
        var cutAfter = Int.max
    }

    let port: UInt16
    let behaviour = Mutex(Behaviour())
    private let listener: Int32
    private let file: [UInt8]
    private let seen = Mutex<[String]>([])
    private let started: Mutex<pthread_t?>

    /// The values of Range, empty where there was none.
    var ranges: [String] { seen.withLock { $0 } }

    var url: String { "http://127.0.0.1:\(port)" }

    init(_ file: [UInt8]) {
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
        self.file = file
        port = UInt16(bigEndian: address.sin_port)
        started = Mutex(nil)
        var thread = pthread_t()
        let context = Unmanaged.passUnretained(self).toOpaque()
        pthread_create(
            &thread,
            nil,
            { context in
                guard let context else { return nil }
                Unmanaged<RangeServer>.fromOpaque(context).takeUnretainedValue().run()
                return nil
            },
            context
        )
        started.withLock { $0 = thread }
    }

    /// Ends the thread; to be called before the server goes.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        if let thread = started.withLock({ $0 }) { pthread_join(thread, nil) }
        close(listener)
    }

    private func run() {
        while case let connection = accept(listener, nil, nil), connection >= 0 {
            serve(connection)
            close(connection)
        }
    }

    private func serve(_ connection: Int32) {
        var request: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !String(decoding: request, as: UTF8.self).contains("\r\n\r\n") {
            let count = read(connection, &buffer, buffer.count)
            guard count > 0 else { return }
            request += buffer[..<count]
        }
        let lines = String(decoding: request, as: UTF8.self).split(separator: "\r\n")
        let range = lines.first { $0.hasPrefix("Range: bytes=") }?.dropFirst(13) ?? ""
        seen.withLock { $0.append(String(range)) }
        let how = behaviour.withLock { $0 }
        let ends = range.split(separator: "-").compactMap { Int($0) }
        var head = "HTTP/1.1 200 OK\r\n"
        var body = file[...]
        if !how.ignoresRanges, ends.count == 2, ends[0] < file.count {
            let end = min(ends[1] + 1, file.count)
            body = file[ends[0]..<end]
            head = "HTTP/1.1 \(how.status) X\r\n"
            let right = "bytes \(ends[0])-\(end - 1)/\(file.count)"
            if how.contentRange != "" { head += "Content-Range: \(how.contentRange ?? right)\r\n" }
        }
        head += "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
        var rest = (Array(head.utf8) + body.prefix(how.cutAfter))[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
