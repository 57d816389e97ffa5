import CHTTPServer

/// How much a server takes on.
package struct HTTPServerConfiguration: Sendable {
    /// Threads that accept and serve.
    package var threads = 1
    /// Connections open at once; more wait in the socket's backlog.
    package var connectionLimit = 1000
    /// Bytes that the bodies of all open requests may have together; a request over it is answered by `overloaded`.
    package var bodyBudgetBytes = 256 << 20
    /// A connection on which nothing moves for so long is closed. Whole seconds, at least one.
    package var idleTimeout = Duration.seconds(60)
    /// From connecting, or from the request line on a kept connection, to the last byte of the body: a client that takes
    /// longer is disconnected, however busily it drips.
    package var requestDeadline = Duration.seconds(30)
    /// From the answer to its last byte taken by the client.
    package var responseDeadline = Duration.seconds(300)
    /// How long a client whose body was refused is listened to, so that it can read why.
    package var lingerTime = Duration.seconds(2)
    /// Takes what the library reports, one message at a time, on any thread. Nil: it is dropped.
    package var log: (@Sendable (String) -> Void)?

    /// Nil: plain HTTP, and nothing of TLS is touched.
    package var tls: HTTPServerTLS?

    package init() {}

    func options(listeningOn descriptor: Int32, tls: OpaquePointer?) -> http_server_options {
        http_server_options(
            listen_descriptor: descriptor,
            threads: UInt32(clamping: max(1, threads)),
            connection_limit: UInt32(clamping: max(1, connectionLimit)),
            body_budget: max(0, bodyBudgetBytes),
            idle_seconds: UInt32(clamping: max(1, idleTimeout.components.seconds)),
            request_deadline_ms: max(1, requestDeadline.wholeMilliseconds),
            response_deadline_ms: max(1, responseDeadline.wholeMilliseconds),
            linger_ms: max(1, lingerTime.wholeMilliseconds),
            tls: tls
        )
    }
}

extension Duration {
    /// Rounded down; at most a year, so that it can be added to a time without overflow.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return min(max(0, seconds), 31_536_000) * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
