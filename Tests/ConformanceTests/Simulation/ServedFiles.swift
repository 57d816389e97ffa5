import HTTPServer
import Synchronization
import UpdateFramework

/// What a repository has on its server, by path with everything percent-encoded as in a URL, and what was asked for.
final class ServedFiles: Sendable {
    private struct State {
        var files: [String: [UInt8]] = [:]
        var requests: [String] = []
    }

    private let state = Mutex(State())

    func serve(_ files: [String: [UInt8]]) { state.withLock { $0.files = files } }

    /// The file, after the request is noted.
    func answer(_ path: String) -> [UInt8]? {
        state.withLock { state in
            state.requests.append(path)
            return state.files[path]
        }
    }

    /// What was asked for below one of the two bases since `forgetRequests`, in order: `2.root.json`.
    func requests(below base: String) -> [String] {
        state.withLock { $0.requests }.filter { $0.hasPrefix(base) }.map { String($0.dropFirst(base.count)) }
    }

    func forgetRequests() { state.withLock { $0.requests = [] } }
}

/// Answers without a network.
struct ServedFilesTransport: RepositoryTransport {
    let files: ServedFiles
    let base: String

    func fetch(_ path: RepositoryPath, limitBytes: Int, receive: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard let bytes = files.answer(base + path.urlPath) else {
            throw TransportError.notFound(path.description)
        }
        try bytes.withUnsafeBytes(receive)
    }
}

/// Answers over HTTP.
final class ServedFilesHandler: HTTPHandler {
    private let files: ServedFiles

    init(_ files: ServedFiles) { self.files = files }

    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision { .accept(limitBytes: 0) }

    func handle(_ exchange: HTTPExchange) {
        if let bytes = files.answer(String(exchange.rawPath.dropFirst())) {
            exchange.respond(.ok, contentType: "application/octet-stream", body: bytes)
        } else {
            exchange.respond(.notFound, contentType: "text/plain", body: Array("no such file\n".utf8))
        }
    }
}
