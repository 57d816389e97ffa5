internal import CHTTPClient

/// How a client behaves. The defaults let slow links pass and cut off what stands still.
package struct HTTPClientConfiguration: Sendable {
    package var userAgent = "edge"
    /// A PEM file to trust instead of the system's certificate authorities.
    package var certificateAuthorities: String?
    /// For resolving the name, connecting and the TLS handshake together.
    package var connectTimeout = Duration.seconds(15)
    /// A transfer that stays below this for `slowPeriod` is cut off.
    package var minimumBytesPerSecond = 100
    package var slowPeriod = Duration.seconds(30)
    /// 0 follows none. From HTTPS only to HTTPS.
    package var redirectLimit = 5

    package init() {}
}

/// What a server answered.
package struct HTTPClientResponse: Sendable, Equatable {
    package let status: Int
    /// When to ask again, where the server says so.
    package let retryAfter: Duration?

    /// A 2xx, whose body was handed over.
    package var isSuccess: Bool { (200..<300).contains(status) }
}

/// What is known of a 2xx answer before its body.
package struct HTTPAnswerHead: Sendable, Equatable {
    package let status: Int
    /// As the server wrote it; nil where it wrote none.
    package let contentRange: String?

    package init(status: Int, contentRange: String?) {
        self.status = status
        self.contentRange = contentRange
    }

    /// The bytes that the body holds of a file of which many, where this is an answer to a single range: 206 with
    /// `Content-Range: bytes 0-99/1000` (RFC 9110 section 14.4). Nil for any other answer.
    package var part: (bytes: Range<Int>, of: Int)? {
        guard status == 206, let contentRange, contentRange.utf8.starts(with: "bytes ".utf8) else { return nil }
        let fields = contentRange.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard fields.count == 2, let size = number(fields[1]) else { return nil }
        let ends = fields[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = number(ends[0]), let last = number(ends[1]), first <= last, last < size
        else { return nil }
        return (first..<last + 1, size)
    }

    private func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }
}

/// GET over HTTP and HTTPS, by libcurl; proxies as the environment says (`https_proxy`, `no_proxy`). Blocks its caller,
/// keeps connections open between calls, and is used by one thread at a time.
package final class HTTPClient {
    private let client: OpaquePointer

    package init(_ configuration: HTTPClientConfiguration = HTTPClientConfiguration()) throws(HTTPClientError) {
        var made: OpaquePointer?
        configuration.userAgent.withCString { userAgent in
            withOptionalCString(configuration.certificateAuthorities) { authorities in
                var options = http_client_options(
                    user_agent: userAgent,
                    certificate_authorities: authorities,
                    connect_timeout_ms: configuration.connectTimeout.milliseconds,
                    minimum_bytes_per_second: Int64(configuration.minimumBytesPerSecond),
                    slow_seconds: max(1, configuration.slowPeriod.components.seconds),
                    redirect_limit: Int64(configuration.redirectLimit)
                )
                made = http_client_new(&options)
            }
        }
        guard let made else { throw .cannotStart }
        client = made
    }

    deinit { http_client_free(client) }

    /// Fetches a URL. The body of a 2xx answer is handed over as it comes; other bodies are dropped.
    ///
    /// - Parameters:
    ///   - url: taken as it is written; what has to be percent-encoded is.
    ///   - range: bytes to ask for; the server may answer 200 with all of them.
    ///   - limitBytes: a longer body is `tooLarge`.
    ///   - timeout: for the whole request; nil for none, as for large files, which only the slow period ends.
    ///   - begin: told of a 2xx answer before its first bytes; an error that it throws ends the transfer and is thrown on.
    ///   - receive: an error that it throws ends the transfer and is thrown on.
    /// - Throws: `HTTPClientError`, and what `receive` throws.
    package func get(
        _ url: String,
        range: Range<Int>? = nil,
        limitBytes: Int,
        timeout: Duration? = nil,
        begin: (HTTPAnswerHead) throws -> Void = { _ in },
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> HTTPClientResponse {
        guard !url.utf8.contains(0) else { throw HTTPClientError.badURL(url, reason: "it holds a zero byte") }
        let rangeText = range.map { "\($0.lowerBound)-\($0.upperBound - 1)" }
        var response = http_client_response()
        let failure = withEscaping(begin, receive) { receiver in
            url.withCString { url in
                withOptionalCString(rangeText) { range in
                    var request = http_client_request(
                        url: url,
                        range: range,
                        timeout_ms: timeout?.milliseconds ?? 0,
                        limit_bytes: Int64(limitBytes),
                        context: Unmanaged.passUnretained(receiver).toOpaque(),
                        begin: { context, status, contentRange in
                            guard let context else { return false }
                            let receiver = Unmanaged<Receiver>.fromOpaque(context).takeUnretainedValue()
                            let text = contentRange.map { String(cString: $0) }
                            return receiver.begin(HTTPAnswerHead(status: Int(status), contentRange: text))
                        },
                        receive: { context, bytes, length in
                            guard let context else { return false }
                            let receiver = Unmanaged<Receiver>.fromOpaque(context).takeUnretainedValue()
                            return receiver.take(UnsafeRawBufferPointer(start: bytes, count: length))
                        }
                    )
                    http_client_get(client, &request, &response)
                }
            }
            return receiver.failure
        }
        if let failure { throw failure }
        if let error = error(of: response, url: url, limitBytes: limitBytes) { throw error }
        let seconds = response.retry_after_seconds
        return HTTPClientResponse(status: Int(response.status), retryAfter: seconds > 0 ? .seconds(seconds) : nil)
    }

    private func error(of response: http_client_response, url: String, limitBytes: Int) -> HTTPClientError? {
        let reason = withUnsafeBytes(of: response.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return switch response.outcome {
        case HTTP_CLIENT_ANSWERED: nil
        case HTTP_CLIENT_TOO_LARGE: .tooLarge(url: url, limitBytes: limitBytes)
        case HTTP_CLIENT_BAD_URL: .badURL(url, reason: reason)
        case HTTP_CLIENT_UNREACHABLE: .unreachable(url: url, reason: reason)
        case HTTP_CLIENT_TIMED_OUT: .timedOut(url: url, reason: reason)
        case HTTP_CLIENT_UNTRUSTED: .untrusted(url: url, reason: reason)
        default: .broken(url: url, reason: reason)
        }
    }
}

/// Carries the caller's closures, and the error that one of them threw, past C.
private final class Receiver {
    private let beginning: (HTTPAnswerHead) throws -> Void
    private let receiving: (UnsafeRawBufferPointer) throws -> Void
    private(set) var failure: (any Error)?

    init(
        _ begin: @escaping (HTTPAnswerHead) throws -> Void,
        _ receive: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) {
        beginning = begin
        receiving = receive
    }

    func begin(_ head: HTTPAnswerHead) -> Bool { succeeds { try beginning(head) } }

    func take(_ bytes: UnsafeRawBufferPointer) -> Bool { succeeds { try receiving(bytes) } }

    private func succeeds(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            failure = error
            return false
        }
    }
}

/// Runs `body` with a receiver of closures that don't outlive it.
private func withEscaping<Result>(
    _ begin: (HTTPAnswerHead) throws -> Void,
    _ receive: (UnsafeRawBufferPointer) throws -> Void,
    _ body: (Receiver) -> Result
) -> Result {
    withoutActuallyEscaping(begin) { begin in
        withoutActuallyEscaping(receive) { receive in body(Receiver(begin, receive)) }
    }
}

extension Duration {
    /// Whole ones, rounded down, at least 1: libcurl takes 0 for "no limit".
    fileprivate var milliseconds: Int64 {
        max(1, components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000)
    }
}

private func withOptionalCString(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Void) {
    if let text { text.withCString { body($0) } } else { body(nil) }
}
