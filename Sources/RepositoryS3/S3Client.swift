internal import Digest
internal import HTTPClient
internal import WallClock
internal import XML

/// Requests to one bucket, signed, and sent again where the store is busy or doesn't answer. Used by one thread at a time.
final class S3Client {
    struct Request {
        var method: HTTPClientRequest.Method = .get
        /// Nil for the bucket itself.
        var key: String?
        var query: [(name: String, value: String)] = []
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
        /// For messages: "read", "list".
        var operation: String
    }

    struct Answer {
        let status: Int
        let headers: [String: String]
        /// Nil for a 2xx.
        let failure: Failure?
    }

    /// What a store says it did not do.
    struct Failure: Equatable {
        let status: Int
        /// `NoSuchKey`; empty where it says nothing.
        let code: String
        let message: String
        var region = ""
        var storeTime = ""
    }

    private let configuration: S3Configuration
    private let bucket: String
    private let host: String
    private let signature: SignatureV4
    private let http: HTTPClient
    private let clock: () -> UTCTime
    private let pause: (Duration) -> Void

    init(
        _ configuration: S3Configuration,
        bucket: String,
        clock: @escaping () -> UTCTime,
        pause: @escaping (Duration) -> Void
    ) throws {
        guard let host = configuration.host else { throw S3Error.badEndpoint(configuration.endpoint) }
        self.configuration = configuration
        self.bucket = bucket
        self.host = host
        signature = SignatureV4(credentials: configuration.credentials, region: configuration.region)
        var settings = HTTPClientConfiguration()
        settings.certificateAuthorities = configuration.certificateAuthorities
        settings.redirectLimit = 0
        http = try HTTPClient(settings)
        self.clock = clock
        self.pause = pause
    }

    /// Sends a request until there is an answer to live with. So it may have its effect more than once, or before a later
    /// try is refused for it; libcurl too sends again what it finds an old connection closed for.
    ///
    /// - Parameters:
    ///   - limitBytes: for the body of a 2xx answer.
    ///   - receive: takes that body; once it was given something the request is not sent again.
    /// - Throws: `S3Error` where there is no answer, or one that is the same for all requests, such as a wrong signature;
    ///   and what `receive` throws.
    func send(
        _ request: Request,
        limitBytes: Int = 0,
        receive: (UnsafeRawBufferPointer) throws -> Void = { _ in }
    ) throws -> Answer {
        let place = place(of: request.key)
        var attempt = 1
        while true {
            var isBegun = false
            let reason: String
            var wait: Duration?
            do {
                let answer = try http.send(signed(request), limitBytes: limitBytes) { piece in
                    isBegun = true
                    try receive(piece)
                }
                let failure = answer.isSuccess ? nil : Failure(answer)
                guard let failure, failure.isPassing else {
                    if let error = failure?.error(bucket, configuration.region, place, request) { throw error }
                    return Answer(status: answer.status, headers: answer.headers, failure: failure)
                }
                reason = "the store answers \(failure.status)" + (failure.code.isEmpty ? "" : " \(failure.code)")
                wait = answer.retryAfter
            } catch let error as HTTPClientError {
                guard !isBegun else { throw S3Error.busy(place, reason: error.message) }
                switch error {
                case .unreachable, .timedOut, .broken: break
                case .tooLarge: throw S3Error.tooLarge(place, limitBytes: limitBytes)
                default: throw error
                }
                reason = error.message
            }
            guard attempt < configuration.attempts else { throw S3Error.busy(place, reason: reason) }
            pause(Self.pause(after: attempt, asked: wait))
            attempt += 1
        }
    }

    /// Longer from try to try, and never the same for two who were turned away together.
    private static func pause(after attempt: Int, asked: Duration?) -> Duration {
        let longest = min(100 << min(attempt, 7), 10_000)
        let own = Duration.milliseconds(Int.random(in: longest / 2...longest))
        return max(own, min(asked ?? .zero, .seconds(30)))
    }

    /// What messages call a key.
    func place(of key: String?) -> String { "s3://\(bucket)" + (key.map { "/\($0)" } ?? "") }

    private func signed(_ request: Request) -> HTTPClientRequest {
        let now = clock()
        let digest = SHA256.digest(request.body).hex
        let path = SignatureV4.path(bucket: bucket, key: request.key)
        var headers = request.headers
        headers.append(("x-amz-content-sha256", digest))
        headers.append(("x-amz-date", SignatureV4.timestamp(now)))
        if let token = configuration.credentials.sessionToken { headers.append(("x-amz-security-token", token)) }
        let authorization = signature.authorization(
            for: SignatureV4.Request(
                method: request.method.rawValue,
                path: path,
                query: request.query,
                headers: headers + [("host", host)],
                payloadDigest: digest
            ),
            at: now
        )
        headers.append(("Authorization", authorization))
        let query = SignatureV4.canonicalQuery(request.query)
        let url = configuration.endpoint + path + (query.isEmpty ? "" : "?\(query)")
        return HTTPClientRequest(request.method, url, headers: headers, body: request.body)
    }
}

extension S3Client.Failure {
    init(_ answer: HTTPClientAnswer) {
        self.init(status: answer.status, body: answer.body, region: answer.headers["x-amz-bucket-region"] ?? "")
    }

    /// From the document that a store answers with, if it is one.
    init(status: Int, body: [UInt8], region: String = "") {
        let root = try? XMLElement.parse(body, limits: XMLLimits(bytes: 1 << 16, depth: 8, elements: 200))
        let error = root?.name == "Error" ? root : nil
        self.status = status
        code = error?["Code"]?.text ?? ""
        message = error?["Message"]?.text ?? ""
        self.region = error?["Region"]?.text ?? region
        storeTime = error?["ServerTime"]?.text ?? ""
    }

    /// Whether the same request may well be answered otherwise a little later.
    fileprivate var isPassing: Bool {
        let codes = ["SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "ConditionalRequestConflict"]
        return [429, 500, 502, 503, 504].contains(status) || codes.contains(code)
    }

    /// What is wrong where it is wrong with every request.
    fileprivate func error(
        _ bucket: String,
        _ region: String,
        _ place: String,
        _ request: S3Client.Request
    ) -> S3Error? {
        switch code {
        case "NoSuchBucket": return .noSuchBucket(bucket)
        case "RequestTimeTooSkewed": return .clockSkewed(storeTime: storeTime)
        case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidClientTokenId",
            "TokenRefreshRequired":
            return .badCredentials(code: code)
        case "AuthorizationHeaderMalformed" where !self.region.isEmpty, "PermanentRedirect", "TemporaryRedirect",
            "IllegalLocationConstraintException":
            return .wrongRegion(bucket: bucket, region: region, actual: self.region)
        case "NotImplemented" where request.headers.contains { ["If-Match", "If-None-Match"].contains($0.name) }:
            return .noConditionalWrites(place)
        case "AccessDenied", "AllAccessDisabled": return .accessDenied(place, operation: request.operation)
        default: break
        }
        switch status {
        case 301, 307: return .wrongRegion(bucket: bucket, region: region, actual: self.region)
        case 401, 403: return .accessDenied(place, operation: request.operation)
        case 404, 412: return nil
        default: return .rejected(place, status: status, code: code, message: message)
        }
    }
}
