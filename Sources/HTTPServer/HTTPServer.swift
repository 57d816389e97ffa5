internal import CHTTPServer
internal import Glibc
internal import Synchronization
package import UnixSockets

/// An HTTP/1.1 server, over libmicrohttpd.
///
/// It serves from the moment it is made until `stop`, or until it is let go. To hand its socket to a successor without
/// losing a connection: `beginDraining`, `quiesce`, give the descriptor to the successor, `waitUntilIdle`, `stop`.
/// `waitUntilIdle` and `stop` must not be called on one of its own threads, so never from the handler.
package final class HTTPServer: Sendable {
    /// The address that is really listened on: port 0 has become the port.
    package let address: ListenAddress

    // A constant that is valid until deinit; the C server may be called from any thread.
    nonisolated(unsafe) private let server: OpaquePointer
    private let callees: Callees
    private let socket: Mutex<ListeningSocket?>

    /// Has large bodies go back to the system when they are freed. For the whole process, so it is the program's decision.
    package static func returnLargeBlocks() { http_server_return_large_blocks() }

    /// Binds the address and starts to serve.
    ///
    /// - Throws: `listening` with what is wrong about the address, `cannotStart`. An inherited descriptor stays with the
    ///   caller then.
    package init(
        _ address: ListenAddress,
        configuration: HTTPServerConfiguration = HTTPServerConfiguration(),
        handler: any HTTPHandler
    ) throws(HTTPServerError) {
        let socket: ListeningSocket
        do throws(ListenError) {
            socket = try ListeningSocket(address)
        } catch {
            throw .listening(error)
        }
        let callees = Callees(handler: handler, log: configuration.log)
        let server: OpaquePointer
        do throws(HTTPServerError) {
            server = try HTTPServer.start(socket, address, configuration, callees)
        } catch {
            if case .inherited = address {} else { socket.close() }
            throw error
        }
        self.address = socket.address
        self.server = server
        self.callees = callees
        self.socket = Mutex(socket)
    }

    private static func start(
        _ socket: ListeningSocket,
        _ address: ListenAddress,
        _ configuration: HTTPServerConfiguration,
        _ callees: Callees
    ) throws(HTTPServerError) -> OpaquePointer {
        var callbacks = callees.callbacks
        var code: Int32 = 0
        var server: OpaquePointer?
        if let tls = configuration.tls {
            let handle = try TLSHandle(tls)
            var options = configuration.options(listeningOn: socket.descriptor, tls: handle.pointer)
            server = http_server_start(&options, &callbacks, &code)
        } else {
            var options = configuration.options(listeningOn: socket.descriptor, tls: nil)
            server = http_server_start(&options, &callbacks, &code)
        }
        guard let server else { throw .cannotStart(address: address, code: code) }
        return server
    }

    deinit {
        stop()
        http_server_free(server)
    }

    /// Uses another certificate, key and authorities for connections that begin from now on, as when a certificate was
    /// renewed. Connections that are open keep what they have. From any thread.
    ///
    /// - Throws: `unusableTLS`, then all stays as it was; so for a server that was started without TLS.
    package func replaceTLS(_ tls: HTTPServerTLS) throws(HTTPServerError) {
        let handle = try TLSHandle(tls)
        guard http_server_replace_tls(server, handle.pointer) else {
            throw .unusableTLS(reason: "it was started without")
        }
    }

    /// The TCP port, nil on a Unix socket.
    package var port: UInt16? {
        if case .tcp(_, let port) = address { port } else { nil }
    }

    /// Requests whose head has arrived and whose answer has not been sent.
    package var activeRequests: Int { http_server_active_requests(server) }

    /// Connections that are open, busy or not.
    package var openConnections: Int { http_server_open_connections(server) }

    /// From now on every answer carries `Connection: close`, so that clients come back to whoever listens then.
    package func beginDraining() {
        http_server_begin_draining(server)
    }

    /// Ends accepting and gives up the listening socket, which goes on gathering connections for a successor. Open
    /// connections are served on. The socket file of a Unix socket stays.
    ///
    /// - Returns: the descriptor, owned by the caller, closed on exec.
    /// - Throws: `notListening` if it was given up before or the server has stopped.
    package func quiesce() throws(HTTPServerError) -> Int32 {
        guard http_server_quiesce(server), let socket = socket.withLock({ $0.take() }) else {
            throw .notListening(address: address)
        }
        return socket.descriptor
    }

    /// Ends accepting and closes the listening socket, with its socket file; who connects from now on is refused. Open
    /// connections are served on. After `quiesce` or `stop` it does nothing.
    package func stopAccepting() {
        guard http_server_quiesce(server) else { return }
        socket.withLock { $0.take() }?.close()
    }

    /// Waits, after `beginDraining`, until every client has gone. Clients that keep their connection without using it are
    /// not waited for: it is enough that no request is open and that for `quietTime` none has come.
    ///
    /// - Returns: false if that was not so within `deadline`.
    package func waitUntilIdle(deadline: Duration, quietTime: Duration = .milliseconds(500)) -> Bool {
        http_server_wait_until_idle(server, deadline.wholeMilliseconds, quietTime.wholeMilliseconds)
    }

    /// Closes every connection and ends the threads; requests without an answer by now get none. Closes the listening
    /// socket and removes its socket file unless `quiesce` gave it up. May be called more than once.
    package func stop() {
        http_server_stop(server)
        socket.withLock { $0.take() }?.close()
    }
}

// MARK: - From C

/// What the C server calls, kept alive by the server.
private final class Callees: Sendable {
    let handler: any HTTPHandler
    let log: (@Sendable (String) -> Void)?

    init(handler: any HTTPHandler, log: (@Sendable (String) -> Void)?) {
        self.handler = handler
        self.log = log
    }

    var callbacks: http_server_callbacks {
        http_server_callbacks(
            context: Unmanaged.passUnretained(self).toOpaque(),
            decide: { context, exchange in Callees.at(context)?.decide(exchange) ?? -1 },
            too_large: { context, exchange, limit in Callees.at(context)?.refuse(exchange, limit: limit) },
            overloaded: { context, exchange in
                Callees.at(context)?.refuse(exchange) { $0.handler.overloaded($1) }
            },
            malformed: { context, exchange, reason in
                let reason = reason.map { String(cString: $0) } ?? ""
                Callees.at(context)?.refuse(exchange) { $0.handler.malformed($1, reason: reason) }
            },
            handle: { context, exchange in
                guard let exchange else { return }
                Callees.at(context)?.handler.handle(HTTPExchange(adopting: exchange))
            },
            log: log == nil
                ? nil
                : { context, text, length in
                    let bytes = UnsafeRawBufferPointer(start: text, count: length)
                    Callees.at(context)?.log?(String(decoding: bytes, as: UTF8.self))
                }
        )
    }

    private static func at(_ context: UnsafeMutableRawPointer?) -> Callees? {
        context.map { Unmanaged<Callees>.fromOpaque($0).takeUnretainedValue() }
    }

    private func decide(_ exchange: OpaquePointer?) -> Int64 {
        guard let exchange else { return -1 }
        switch handler.decide(HTTPRequestHead(exchange)) {
        case .accept(let limitBytes, let route):
            http_exchange_set_route(exchange, route)
            return Int64(max(0, limitBytes))
        case .reject(let response):
            answer(exchange, with: response)
            return -1
        }
    }

    private func refuse(_ exchange: OpaquePointer?, limit: Int64) {
        guard let exchange else { return }
        answer(exchange, with: handler.bodyTooLarge(HTTPRequestHead(exchange), limitBytes: Int(limit)))
    }

    private func refuse(
        _ exchange: OpaquePointer?,
        _ response: (Callees, borrowing HTTPRequestHead) -> HTTPResponse
    ) {
        guard let exchange else { return }
        answer(exchange, with: response(self, HTTPRequestHead(exchange)))
    }

    private func answer(_ exchange: OpaquePointer, with response: HTTPResponse) {
        _ = response.body.withUnsafeBytes { body in
            giveAnswer(
                exchange,
                response.status,
                contentType: response.contentType,
                headers: response.headers,
                body: body
            )
        }
    }
}
