import Glibc
import JSON

/// A connection that sends exactly what it is told. What takes a minute fails.
final class HTTPConnection {
    struct Answer {
        let status: Int
        /// Names in lower case.
        let headers: [String: String]
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }

        var json: JSONValue {
            get throws { try JSONValue.parse(body, limits: .document) }
        }
    }

    private let descriptor: Int32
    private var received: [UInt8] = []

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw POSIXError(operation: "connect", code: errno) }
    }

    deinit { close(descriptor) }

    /// Sends a request and waits for its answer.
    func ask(_ method: String, _ path: String, _ body: String? = nil) throws -> Answer {
        try send(method, path, body)
        return try answer()
    }

    func send(_ method: String, _ path: String, _ body: String? = nil, claiming length: Int? = nil) throws {
        var request = "\(method) \(path) HTTP/1.1\r\nHost: test\r\n"
        if let body { request += "Content-Type: application/json\r\nContent-Length: \(length ?? body.utf8.count)\r\n" }
        request += "\r\n" + (body ?? "")
        var rest = Array(request.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw POSIXError(operation: "send", code: errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// The next answer; its length must be told.
    func answer() throws -> Answer {
        let end = Array("\r\n\r\n".utf8)
        var headEnd = position(of: end)
        while headEnd == nil {
            try receive()
            headEnd = position(of: end)
        }
        let head = received[..<(headEnd ?? 0)]
        received.removeFirst(head.count + end.count)
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let pair = line.split(separator: ":", maxSplits: 1)
            headers[pair[0].lowercased()] = pair.count > 1 ? String(pair[1].drop { $0 == " " }) : ""
        }
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count > 1, let status = Int(words[1]), let length = headers["content-length"].flatMap({ Int($0) })
        else { throw Unexpected(what: "no answer of HTTP with a length: \(String(decoding: head, as: UTF8.self))") }
        while received.count < length { try receive() }
        defer { received.removeFirst(length) }
        return Answer(status: status, headers: headers, body: Array(received[..<length]))
    }

    private func position(of pattern: [UInt8]) -> Int? {
        guard received.count >= pattern.count else { return nil }
        return (0...received.count - pattern.count).first { received[$0...].starts(with: pattern) }
    }

    private func receive() throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else {
            throw count == 0
                ? Unexpected(what: "the server closed the connection") : POSIXError(operation: "receive", code: errno)
        }
        received += buffer[..<count]
    }
}
