import CHTTPServer

/// What can be read of a request, by the handle that the C server lends.
///
/// Looking something up locks the exchange, so it may be done from any thread while the request is open; after the
/// answer, or when the server has stopped, there is nothing to be found.
struct RequestReader {
    let pointer: OpaquePointer

    var method: HTTPMethod {
        switch http_exchange_method(pointer) {
        case HTTP_METHOD_GET: .get
        case HTTP_METHOD_HEAD: .head
        case HTTP_METHOD_POST: .post
        case HTTP_METHOD_PUT: .put
        case HTTP_METHOD_DELETE: .delete
        case HTTP_METHOD_OPTIONS: .options
        case HTTP_METHOD_PATCH: .patch
        default: .other
        }
    }

    var methodName: String {
        var text = ""
        _ = withUnsafeMutablePointer(to: &text) { http_exchange_visit_method(pointer, storeText, $0) }
        return text
    }

    var rawPath: String {
        var text = ""
        _ = withUnsafeMutablePointer(to: &text) { http_exchange_visit_path(pointer, storeText, $0) }
        return text
    }

    var path: String { percentDecoded(rawPath) }

    func header(_ name: String) -> String? {
        var text = ""
        let found = withUnsafeMutablePointer(to: &text) { text in
            withText(name) { http_exchange_visit_header(pointer, $0, $1, storeText, text) }
        }
        return found ? text : nil
    }

    var clientAddress: String {
        var text = [CChar](repeating: 0, count: Int(HTTP_ADDRESS_SIZE))
        _ = http_exchange_client_address(pointer, &text)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    var headers: [HTTPHeader] {
        var pairs: [(String, String?)] = []
        withUnsafeMutablePointer(to: &pairs) { http_exchange_visit_headers(pointer, appendPair, $0) }
        return pairs.map { HTTPHeader($0.0, $0.1 ?? "") }
    }

    var queryItems: [HTTPQueryItem] {
        var pairs: [(String, String?)] = []
        withUnsafeMutablePointer(to: &pairs) { http_exchange_visit_query(pointer, appendPair, $0) }
        return pairs.map { HTTPQueryItem(name: percentDecoded($0.0), value: $0.1.map(percentDecoded)) }
    }
}

/// One item of a query: `name=value`, or `name` alone.
package struct HTTPQueryItem: Sendable, Equatable {
    package let name: String
    /// Nil where there is no `=`.
    package let value: String?
}

/// The head of a request, lent for the time of the call.
package struct HTTPRequestHead: ~Copyable {
    private let reader: RequestReader

    init(_ pointer: OpaquePointer) {
        reader = RequestReader(pointer: pointer)
    }

    package var method: HTTPMethod { reader.method }
    /// The method as sent.
    package var methodName: String { reader.methodName }
    /// The path without the query, percent-decoded. An escaped slash is a slash then: who cares reads `rawPath`.
    package var path: String { reader.path }
    /// The path without the query, as sent.
    package var rawPath: String { reader.rawPath }
    /// The query, decoded, in order.
    package var queryItems: [HTTPQueryItem] { reader.queryItems }
    /// The first header of that name, in any case of letters.
    package func header(_ name: String) -> String? { reader.header(name) }
    /// All headers in order.
    package var headers: [HTTPHeader] { reader.headers }
    /// What the client has shown in the handshake; nil where it has shown nothing, or speaks plain HTTP.
    package var clientCertificate: ClientCertificate? { ClientCertificate(reader.pointer) }
    /// Where the client is, in digits and without the port; empty on a Unix socket.
    package var clientAddress: String { reader.clientAddress }
}

// MARK: - From C

private let storeText: http_text_visitor = { context, text, length in
    context?.assumingMemoryBound(to: String.self).pointee = string(text, length)
}

private let appendPair: http_pair_visitor = { context, name, nameLength, value, valueLength in
    let value = value.map { string($0, valueLength) }
    context?.assumingMemoryBound(to: [(String, String?)].self).pointee.append((string(name, nameLength), value))
}

/// Bytes that are no UTF-8 become U+FFFD, so a header in Latin-1 never traps.
private func string(_ text: UnsafePointer<CChar>?, _ length: Int) -> String {
    guard let text else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
}

/// Lends the UTF-8 of a text to C, without a copy where it is contiguous already.
func withText<Result>(_ text: String, _ body: (UnsafePointer<CChar>?, Int) -> Result) -> Result {
    var text = text
    return text.withUTF8 { bytes in
        UnsafeRawBufferPointer(bytes).withMemoryRebound(to: CChar.self) { body($0.baseAddress, $0.count) }
    }
}

/// `%41` becomes `A`; what is no escape stays as it is.
func percentDecoded(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.utf8.count)
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
        let escape = rest.prefix(2)
        guard byte == UInt8(ascii: "%"), escape.count == 2, let high = escape.first.flatMap(hexadecimalValue),
            let low = escape.last.flatMap(hexadecimalValue)
        else {
            decoded.append(byte)
            continue
        }
        decoded.append(high << 4 | low)
        rest = rest.dropFirst(2)
    }
    return String(decoding: decoded, as: UTF8.self)
}

private func hexadecimalValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}
