import Glibc

/// A client that sends exactly the bytes it is told, over a blocking socket.
///
/// A read that takes 20 seconds fails, so that a server that forgets to answer fails its test instead of hanging it.
final class RawClient {
    struct Response: Equatable {
        var status: Int
        var headers: [String: String]  // names in lower case
        var body: String
    }

    private var descriptor: Int32
    private var received: [UInt8] = []

    init(port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try connectTo(address)
    }

    init(path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try connectTo(address)
    }

    deinit { hangUp() }

    private func connectTo<Address>(_ address: Address) throws {
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let connected = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard connected == 0 else { throw ClientError.system("connect", errno) }
    }

    /// Sends all of it. What the server no longer takes is an error, which most tests don't look at.
    @discardableResult
    func send(_ text: String) -> Bool { send(bytes: Array(text.utf8)) }

    @discardableResult
    func send(bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    func post(_ path: String, _ body: String, headers: String = "") {
        send("POST \(path) HTTP/1.1\r\nHost: test\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    func get(_ path: String, method: String = "GET", headers: String = "") {
        send("\(method) \(path) HTTP/1.1\r\nHost: test\r\n\(headers)\r\n")
    }

    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    func hangUp() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
    }

    /// The next response; the body is as long as `Content-Length` says, or none where `withoutBody`.
    func response(withoutBody: Bool = false) throws -> Response {
        while true {
            if let end = received.firstRange(of: Array("\r\n\r\n".utf8)) {
                var lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
                let status = Int(lines.removeFirst().split(separator: " ")[1]) ?? 0
                var headers: [String: String] = [:]
                for line in lines {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
                }
                received.removeFirst(end.upperBound)
                let length = withoutBody || status < 200 ? 0 : Int(headers["content-length"] ?? "0") ?? 0
                while received.count < length { try receive() }
                let body = String(decoding: received.prefix(length), as: UTF8.self)
                received.removeFirst(length)
                return Response(status: status, headers: headers, body: body)
            }
            try receive()
        }
    }

    /// True once the server has closed the connection, all that it sent having been read.
    func isClosedByServer() -> Bool {
        guard received.isEmpty else { return false }
        do { try receive() } catch ClientError.closed { return true } catch { return false }
        return false
    }

    private func receive() throws {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count == 0 || (count < 0 && errno == ECONNRESET) { throw ClientError.closed }
        if count < 0 { throw ClientError.system("recv", errno) }
        received += chunk.prefix(count)
    }
}

enum ClientError: Error, Equatable {
    case closed
    case system(String, Int32)
}
