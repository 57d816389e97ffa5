import CHTTPServer

/// One request and its one answer.
///
/// May be passed to any thread and answered there, within `handle` or later. The first answer counts; what comes after
/// it, or after the client has gone or the server has stopped, has no effect. An exchange that is let go unanswered is
/// answered with 500. After the answer, head and headers can no longer be read; the body can.
///
/// `@unchecked Sendable`: there is no state here but the handle, a constant. All that it leads to is guarded in C by the
/// exchange's own lock and counters, except the body, which does not change from `handle` on.
package final class HTTPExchange: @unchecked Sendable {
    private let pointer: OpaquePointer
    private var reader: RequestReader { RequestReader(pointer: pointer) }

    /// Takes over the one reference that the C server hands to its callee.
    init(adopting pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        if http_exchange_begin_answer(pointer, 500) { http_exchange_send(pointer) }
        http_exchange_release(pointer)
    }

    // MARK: - The request

    package var method: HTTPMethod { reader.method }
    /// The method as sent.
    package var methodName: String { reader.methodName }
    /// The path without the query, percent-decoded.
    package var path: String { reader.path }
    /// The path without the query, as sent.
    package var rawPath: String { reader.rawPath }
    /// The query, decoded, in order.
    package var queryItems: [HTTPQueryItem] { reader.queryItems }
    /// What `decide` left with its acceptance.
    package var route: UInt64 { http_exchange_route(pointer) }
    /// All headers in order.
    package var headers: [HTTPHeader] { reader.headers }

    /// The first header of that name, in any case of letters.
    package func header(_ name: String) -> String? { reader.header(name) }

    /// What the client has shown in the handshake; nil where it has shown nothing, or speaks plain HTTP.
    package var clientCertificate: ClientCertificate? { ClientCertificate(pointer) }

    /// Where the client is, in digits and without the port; empty on a Unix socket, and after the answer.
    package var clientAddress: String { reader.clientAddress }

    /// The whole body, in one piece, aligned to 16 bytes where it is not empty. Lent for the time of the call.
    package func withBody<Result, Failure: Error>(
        _ read: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var length = 0
        let start = http_exchange_body(pointer, &length)
        defer { withExtendedLifetime(self) {} }
        return try read(UnsafeRawBufferPointer(start: start, count: length))
    }

    /// Gives the body's memory back before the answer; the body is empty from then on. Not while another thread reads it.
    package func discardBody() { http_exchange_discard_body(pointer) }

    // MARK: - The answer

    /// True once an answer has been given.
    package var isAnswered: Bool { http_exchange_is_answered(pointer) }

    /// Answers. `Content-Length`, `Date` and `Connection` are added; to a `HEAD` the body is measured and not sent.
    ///
    /// - Returns: false if there was an answer already.
    @discardableResult
    package func respond(
        _ status: HTTPStatus,
        contentType: String? = nil,
        headers: [HTTPHeader] = [],
        body: UnsafeRawBufferPointer
    ) -> Bool {
        giveAnswer(pointer, status, contentType: contentType, headers: headers, body: body)
    }

    /// Answers with a copy of the bytes; see above.
    @discardableResult
    package func respond(
        _ status: HTTPStatus,
        contentType: String? = nil,
        headers: [HTTPHeader] = [],
        body: [UInt8] = []
    ) -> Bool {
        body.withUnsafeBytes { respond(status, contentType: contentType, headers: headers, body: $0) }
    }

    /// Answers with a constant; see above.
    @discardableResult
    package func respond(
        _ status: HTTPStatus,
        contentType: String? = nil,
        headers: [HTTPHeader] = [],
        body: StaticString
    ) -> Bool {
        body.withUTF8Buffer {
            respond(status, contentType: contentType, headers: headers, body: UnsafeRawBufferPointer($0))
        }
    }

    /// Answers with a value; see above.
    @discardableResult
    package func respond(_ response: HTTPResponse) -> Bool {
        respond(response.status, contentType: response.contentType, headers: response.headers, body: response.body)
    }

    // MARK: - Hanging up

    /// True once the client is known to have gone. It is noticed while the answer is awaited, after `handle` returned.
    package var isCancelled: Bool { http_exchange_is_cancelled(pointer) }

    /// Calls `action` when the client hangs up before the answer: at once if it has already, else on the server's watcher
    /// thread, so briefly. At most one action can be set. The exchange must still be answered or let go.
    ///
    /// A client that only ends its sending side counts as gone, but still gets the answer. `action` is kept until the
    /// answer, so it must not hold the exchange itself strongly.
    ///
    /// - Returns: false if an action was set before; then this one is not called.
    @discardableResult
    package func onCancel(_ action: @escaping @Sendable () -> Void) -> Bool {
        let context = Unmanaged.passRetained(CancelAction(action)).toOpaque()
        return http_exchange_on_cancel(
            pointer,
            { context in context.map { Unmanaged<CancelAction>.fromOpaque($0).takeUnretainedValue().action() } },
            { context in context.map { Unmanaged<CancelAction>.fromOpaque($0).release() } },
            context
        )
    }
}

private final class CancelAction: Sendable {
    let action: @Sendable () -> Void

    init(_ action: @escaping @Sendable () -> Void) {
        self.action = action
    }
}

/// Answers through the C handle.
///
/// - Returns: false if there was an answer already.
@discardableResult
func giveAnswer(
    _ pointer: OpaquePointer,
    _ status: HTTPStatus,
    contentType: String?,
    headers: [HTTPHeader],
    body: UnsafeRawBufferPointer
) -> Bool {
    guard http_exchange_begin_answer(pointer, UInt32(status.code)) else { return false }
    if let contentType { addHeader(pointer, "Content-Type", contentType) }
    for header in headers { addHeader(pointer, header.name, header.value) }
    http_exchange_append_body(pointer, body.baseAddress, body.count)
    http_exchange_send(pointer)
    return true
}

private func addHeader(_ pointer: OpaquePointer, _ name: String, _ value: String) {
    withText(name) { name, nameLength in
        withText(value) { value, valueLength in
            _ = http_exchange_add_header(pointer, name, nameLength, value, valueLength)
        }
    }
}
