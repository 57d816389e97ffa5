internal import CHTTPClient

/// How a client behaves. The defaults let slow links pass and cut off what stands still.
package struct HTTPClientConfiguration: Sendable {
    package var userAgent = "edge"
    /// A PEM file to trust instead of the system's certificate authorities.
    package var certificateAuthorities: String?
    /// The same as PEM text, instead of the file.
    package var pinnedAuthorities: [UInt8]?
    /// What is shown to servers that ask for a certificate.
    package var identity: HTTPClientIdentity?
    /// For resolving the name, connecting and the TLS handshake together.
    package var connectTimeout = Duration.seconds(15)
    /// A transfer that stays below this for `slowPeriod` is cut off.
    package var minimumBytesPerSecond = 100
    package var slowPeriod = Duration.seconds(30)
    /// 0 follows none. From HTTPS only to HTTPS.
    package var redirectLimit = 5

    package init() {}
}

/// A certificate to show, with its key.
package struct HTTPClientIdentity: Sendable {
    /// PEM text: the certificate, then what leads from it to its authority.
    package var certificateChain: [UInt8]
    /// PEM text, unencrypted. Secret: it enters no message.
    package var privateKey: [UInt8]

    package init(certificateChain: [UInt8], privateKey: [UInt8]) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}

/// A secret that says who asks. It prints as nothing, so that no log and no error holds it.
package struct BearerToken: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let text: String

    /// Nil where it is not 1 to 4096 characters of a token (RFC 6750 section 2.1).
    package init?(_ text: String) {
        let others = Array("-._~+/=:".utf8)
        guard (1...4096).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: others.contains(byte)
                }
            })
        else { return nil }
        self.text = text
    }

    package var description: String { "(token)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// A request that changes something, or that says who asks. Never sent on to where a redirect points.
package struct HTTPClientRequest: Sendable {
    package enum Method: String, Sendable { case get = "GET", post = "POST", put = "PUT", delete = "DELETE" }

    package var method: Method
    /// Taken as it is written.
    package var url: String
    package var body: [UInt8]
    package var headers: [(name: String, value: String)]
    /// Sent over HTTPS, and over HTTP to this machine only.
    package var token: BearerToken?

    package init(
        _ method: Method = .post,
        _ url: String,
        contentType: String? = nil,
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        token: BearerToken? = nil
    ) {
        self.method = method
        self.url = url
        self.body = body
        self.headers = (contentType.map { [("Content-Type", $0)] } ?? []) + headers
        self.token = token
    }

    /// The lines to be sent, each with a NUL; nil where one can't be.
    fileprivate var lines: [[CChar]]? {
        var lines = headers
        if let token { lines.append(("Authorization", "Bearer \(token.text)")) }
        var encoded: [[CChar]] = []
        for (name, value) in lines {
            let hyphen = UInt8(ascii: "-")
            let isName = name.utf8.allSatisfy { byte in
                byte == hyphen || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
            }
            guard !name.isEmpty, isName, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
            // libcurl takes a colon with nothing behind it for the wish to leave a header out.
            let text = value.isEmpty ? "\(name);" : "\(name): \(value)"
            encoded.append(text.utf8.map { CChar(bitPattern: $0) } + [0])
        }
        if !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            // Else libcurl says that a form comes.
            encoded.append("Content-Type:".utf8.map { CChar(bitPattern: $0) } + [0])
        }
        return encoded
    }

    /// Whether a secret may travel there: encrypted, or not beyond this machine.
    fileprivate var keepsSecrets: Bool {
        let lower = url.lowercased()
        if lower.hasPrefix("https://") { return true }
        guard lower.hasPrefix("http://") else { return false }
        let host = lower.dropFirst(7).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return ["127.0.0.1", "[::1]", "localhost"].contains {
            host == $0 || host.hasPrefix("\($0):") && !host.contains("@")
        }
    }
}

/// What a server answered to a request that was sent, whatever the status.
package struct HTTPClientAnswer: Sendable, Equatable {
    package let status: Int
    package let body: [UInt8]
    /// When to ask again, where the server says so.
    package let retryAfter: Duration?
    /// By their names in lower case; of several of a name the last.
    package let headers: [String: String]

    /// A 2xx.
    package var isSuccess: Bool { (200..<300).contains(status) }
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

/// Requests over HTTP and HTTPS, TLS 1.2 at least, by libcurl; proxies as the environment says (`https_proxy`, `no_proxy`). Blocks its caller,
/// keeps connections open between calls, and is used by one thread at a time.
package final class HTTPClient {
    private let client: OpaquePointer

    package convenience init(
        _ configuration: HTTPClientConfiguration = HTTPClientConfiguration()
    ) throws(HTTPClientError) {
        try self.init(configuration, trustsAnyone: false)
    }

    private init(_ configuration: HTTPClientConfiguration, trustsAnyone: Bool) throws(HTTPClientError) {
        var made: OpaquePointer?
        configuration.userAgent.withCString { userAgent in
            withOptionalCString(configuration.certificateAuthorities) { authorities in
                var options = http_client_options()
                options.user_agent = userAgent
                options.certificate_authorities = authorities
                options.connect_timeout_ms = configuration.connectTimeout.milliseconds
                options.minimum_bytes_per_second = Int64(configuration.minimumBytesPerSecond)
                options.slow_seconds = max(1, configuration.slowPeriod.components.seconds)
                options.redirect_limit = Int64(configuration.redirectLimit)
                options.trusts_anyone = trustsAnyone
                let identity = configuration.identity
                withOptionalBytes(configuration.pinnedAuthorities) { authorities in
                    withOptionalBytes(identity?.certificateChain) { certificate in
                        withOptionalBytes(identity?.privateKey) { key in
                            options.authorities_pem = authorities?.baseAddress
                            options.authorities_pem_length = authorities?.count ?? 0
                            options.certificate_pem = certificate?.baseAddress
                            options.certificate_pem_length = certificate?.count ?? 0
                            options.key_pem = key?.baseAddress
                            options.key_pem_length = key?.count ?? 0
                            made = http_client_new(&options)
                        }
                    }
                }
            }
        }
        guard let made else { throw .cannotStart }
        client = made
    }

    deinit { http_client_free(client) }

    /// Fetches what **anybody** may have written: whoever answers there is believed to be the server. For a certificate that
    /// the caller compares with a digest from elsewhere, and for nothing else.
    ///
    /// It is a function, and no way for a client to be, so that no identity, no token and no body can ever go along.
    ///
    /// - Parameters:
    ///   - url: of HTTPS; `badURL` else.
    ///   - limitBytes: an answer with a longer body is `tooLarge`.
    ///   - timeout: for the whole request.
    package static func getFromUnverifiedServer(
        _ url: String,
        userAgent: String,
        limitBytes: Int,
        timeout: Duration
    ) throws(HTTPClientError) -> HTTPClientAnswer {
        guard url.lowercased().hasPrefix("https://") else { throw .badURL(url, reason: "it is not of HTTPS") }
        var configuration = HTTPClientConfiguration()
        configuration.userAgent = userAgent
        configuration.connectTimeout = min(configuration.connectTimeout, timeout)
        configuration.redirectLimit = 0
        let client = try HTTPClient(configuration, trustsAnyone: true)
        return try client.send(HTTPClientRequest(.get, url), limitBytes: limitBytes, timeout: timeout)
    }

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
                    var request = receiver.request(url, limitBytes: limitBytes, timeout: timeout)
                    request.range = range
                    http_client_send(client, &request, &response)
                }
            }
            return receiver.failure
        }
        if let failure { throw failure }
        if let error = error(of: response, url: url, limitBytes: limitBytes) { throw error }
        let seconds = response.retry_after_seconds
        return HTTPClientResponse(status: Int(response.status), retryAfter: seconds > 0 ? .seconds(seconds) : nil)
    }

    /// Sends a request and gathers the answer, an error's too. Redirects are answers like others here.
    ///
    /// - Parameters:
    ///   - limitBytes: an answer with a longer body is `tooLarge`.
    ///   - timeout: for the whole request.
    /// - Throws: `badURL` too where a header can't be sent, or a token would travel unencrypted.
    package func send(
        _ request: HTTPClientRequest,
        limitBytes: Int,
        timeout: Duration
    ) throws(HTTPClientError) -> HTTPClientAnswer {
        var body: [UInt8] = []
        let receiver = { (bytes: UnsafeRawBufferPointer) in body.append(contentsOf: bytes) }
        let limits = (success: limitBytes, error: 0)
        let (answer, _) = try perform(request, limits, timeout, begin: { _ in }, receive: receiver)
        return HTTPClientAnswer(answer, body: body)
    }

    /// Sends a request and hands over the body of a 2xx answer as it comes; that of another answer is in what is returned.
    ///
    /// - Parameters:
    ///   - limitBytes: a longer body of a 2xx answer is `tooLarge`, and so is another answer's over 64 KiB.
    ///   - timeout: for the whole request; nil for none, as for large files, which only the slow period ends.
    ///   - receive: an error that it throws ends the transfer and is thrown on.
    /// - Throws: `HTTPClientError`, and what `receive` throws.
    package func send(
        _ request: HTTPClientRequest,
        limitBytes: Int,
        timeout: Duration? = nil,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> HTTPClientAnswer {
        var body: [UInt8] = []
        var isSuccess = false
        let limits = (success: limitBytes, error: 1 << 16)
        let (answer, failure) = try perform(request, limits, timeout) { head in
            isSuccess = (200..<300).contains(head.status)
        } receive: { bytes in
            if isSuccess { try receive(bytes) } else { body.append(contentsOf: bytes) }
        }
        if let failure { throw failure }
        return HTTPClientAnswer(answer, body: body)
    }

    /// What is known of an answer at its end, but for its body.
    fileprivate struct Ending {
        var response: http_client_response
        var headers: [String: String]
    }

    /// Sends a request. An error that a closure threw comes back beside the answer.
    private func perform(
        _ request: HTTPClientRequest,
        _ limits: (success: Int, error: Int),
        _ timeout: Duration?,
        begin: (HTTPAnswerHead) throws -> Void,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws(HTTPClientError) -> (Ending, failure: (any Error)?) {
        guard !request.url.utf8.contains(0) else { throw .badURL(request.url, reason: "it holds a zero byte") }
        guard let lines = request.lines else { throw .badURL(request.url, reason: "a header can't be sent to it") }
        guard request.token == nil || request.keepsSecrets else {
            throw .badURL(request.url, reason: "a token is sent over HTTPS only")
        }
        var response = http_client_response()
        let (headers, failure) = withEscaping(begin, receive) { receiver in
            request.url.withCString { url in
                withPointers(to: lines) { headers in
                    request.body.withUnsafeBytes { content in
                        request.method.rawValue.withCString { method in
                            var sent = receiver.request(url, limitBytes: limits.success, timeout: timeout)
                            sent.method = method
                            sent.error_limit_bytes = Int64(limits.error)
                            // An empty body is a body too, of all but GET and DELETE.
                            let hasBody = !content.isEmpty || request.method == .post || request.method == .put
                            sent.body = hasBody ? content.baseAddress ?? UnsafeRawPointer(url) : nil
                            sent.body_length = content.count
                            sent.headers = headers.baseAddress
                            sent.header_count = headers.count
                            http_client_send(client, &sent, &response)
                        }
                    }
                }
            }
            return (receiver.headers, receiver.failure)
        }
        let limitBytes = (200..<300).contains(response.status) ? limits.success : max(limits.success, limits.error)
        if failure == nil, let error = error(of: response, url: request.url, limitBytes: limitBytes) { throw error }
        return (Ending(response: response, headers: headers), failure)
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
        case HTTP_CLIENT_REFUSED:
            .certificateRefused(url: url, problem: ClientCertificateProblem(alert: Int(response.alert)))
        case HTTP_CLIENT_BAD_CERTIFICATE: .unusableCertificate(url: url, reason: reason)
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
    /// By their names in lower case.
    private(set) var headers: [String: String] = [:]

    init(
        _ begin: @escaping (HTTPAnswerHead) throws -> Void,
        _ receive: @escaping (UnsafeRawBufferPointer) throws -> Void
    ) {
        beginning = begin
        receiving = receive
    }

    /// A GET that hands its answer to this receiver, which must outlive it.
    func request(_ url: UnsafePointer<CChar>, limitBytes: Int, timeout: Duration?) -> http_client_request {
        var request = http_client_request()
        request.url = url
        request.timeout_ms = timeout?.milliseconds ?? 0
        request.limit_bytes = Int64(limitBytes)
        request.context = Unmanaged.passUnretained(self).toOpaque()
        request.begin = { context, status, contentRange in
            guard let context else { return false }
            let receiver = Unmanaged<Receiver>.fromOpaque(context).takeUnretainedValue()
            let text = contentRange.map { String(cString: $0) }
            return receiver.begin(HTTPAnswerHead(status: Int(status), contentRange: text))
        }
        request.receive = { context, bytes, length in
            guard let context else { return false }
            let receiver = Unmanaged<Receiver>.fromOpaque(context).takeUnretainedValue()
            return receiver.take(UnsafeRawBufferPointer(start: bytes, count: length))
        }
        request.header = { context, name, value in
            guard let context, let name, let value else { return }
            let receiver = Unmanaged<Receiver>.fromOpaque(context).takeUnretainedValue()
            receiver.note(String(cString: name).lowercased(), String(cString: value))
        }
        return request
    }

    /// As many headers as any server has sent in earnest.
    private func note(_ name: String, _ value: String) { if headers.count < 128 { headers[name] = value } }

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

extension HTTPClientAnswer {
    fileprivate init(_ ending: HTTPClient.Ending, body: [UInt8]) {
        let seconds = ending.response.retry_after_seconds
        self.init(
            status: Int(ending.response.status),
            body: body,
            retryAfter: seconds > 0 ? .seconds(seconds) : nil,
            headers: ending.headers
        )
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

private func withOptionalBytes(_ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> Void) {
    if let bytes { bytes.withUnsafeBytes { body($0) } } else { body(nil) }
}

/// Lends C the texts, each ended by a NUL.
private func withPointers(
    to texts: [[CChar]],
    _ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Void
) {
    // One piece that does not move, and where each text begins in it.
    let all = texts.flatMap { $0 }
    all.withUnsafeBufferPointer { buffer in
        var offset = 0
        var pointers: [UnsafePointer<CChar>?] = []
        for text in texts {
            pointers.append(buffer.baseAddress.map { $0 + offset })
            offset += text.count
        }
        pointers.withUnsafeBufferPointer(body)
    }
}
