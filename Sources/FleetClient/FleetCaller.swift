internal import Diagnostics
internal import FleetProtocol
internal import Glibc
internal import Gzip
internal import HTTPClient
internal import JSON
package import WallClock

/// How one side of the fleet's protocol calls the other.
package struct FleetClientOptions: Sendable {
    package var userAgent = "edgeagent-sync"
    /// For one request with its answer.
    package var timeout = Duration.seconds(60)
    /// What this machine's clock says, for messages about certificates that are not valid now.
    package var clock: @Sendable () -> UTCTime = { UTCTime(seconds: Int64(time(nil))) }

    package init() {}
}

/// Requests to one server, and what its answers mean.
struct FleetCaller {
    let server: String
    private let client: HTTPClient
    private let options: FleetClientOptions

    /// - Parameter identity: what is shown; nil: nothing.
    init(
        _ server: String,
        authorities: [UInt8],
        identity: HTTPClientIdentity?,
        _ options: FleetClientOptions
    ) throws(FleetClientError) {
        self.server = server
        self.options = options
        var configuration = HTTPClientConfiguration()
        configuration.userAgent = options.userAgent
        configuration.pinnedAuthorities = authorities
        configuration.identity = identity
        configuration.redirectLimit = 0
        configuration.connectTimeout = min(configuration.connectTimeout, options.timeout)
        do throws(HTTPClientError) {
            client = try HTTPClient(configuration)
        } catch {
            throw Self.meaning(of: error, server, options)
        }
    }

    func url(_ path: String) -> String { server + path }

    /// Sends a body and gives that of the answer, where it is a success.
    ///
    /// - Parameter sent: told of the bytes that travelled, before the answer is known.
    func post(
        _ path: String,
        _ body: [UInt8],
        contentType: String,
        token: BearerToken? = nil,
        sent: (Int) -> Void = { _ in }
    ) throws(FleetClientError) -> [UInt8] {
        // What fits into one packet of the network is not worth packing.
        let isPacked = body.count > 1200
        let content = isPacked ? Gzip.compress(body) : body
        let request = HTTPClientRequest(
            .post,
            url(path),
            contentType: contentType,
            headers: isPacked ? [("Content-Encoding", "gzip")] : [],
            body: content,
            token: token
        )
        sent(content.count)
        let answer: HTTPClientAnswer
        do throws(HTTPClientError) {
            answer = try client.send(request, limitBytes: Self.answerBytes, timeout: options.timeout)
        } catch {
            throw Self.meaning(of: error, server, options)
        }
        return try Self.content(of: answer, url(path)).get()
    }

    /// A root travels in the answer to an enrolment.
    private static let answerBytes = 1 << 20

    /// The body of a success.
    static func content(of answer: HTTPClientAnswer, _ url: String) -> Result<[UInt8], FleetClientError> {
        if answer.isSuccess { return .success(answer.body) }
        guard var problem = FleetProblem(answer.body) else {
            return .failure(.foreign(url: url, status: answer.status, retryAfter: answer.retryAfter))
        }
        problem.message = shortened(problem.message)
        problem.hint = problem.hint.map(shortened)
        return .failure(.refused(problem, retryAfter: answer.retryAfter))
    }

    /// A sentence for a person, and no more than that: one line, whoever wrote it.
    private static func shortened(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(1000))).printable()
    }

    static func meaning(
        of error: HTTPClientError,
        _ server: String,
        _ options: FleetClientOptions
    ) -> FleetClientError {
        switch error {
        case .unreachable, .timedOut, .broken: .network(error.message)
        case .untrusted(_, let reason): .untrusted(server: server, cause: UntrustedServer(reason, now: options.clock()))
        case .certificateRefused(_, let problem): .unrecognized(server: server, problem: problem)
        case .tooLarge(let url, _): .unreadable(url: url, reason: "it is longer than any answer of a fleet")
        case .cannotStart, .badURL, .unusableCertificate: .unusable(error.message)
        }
    }

    /// Reads a message of an answer.
    static func read<Value>(
        _ bytes: [UInt8],
        _ url: String,
        _ parse: ([UInt8]) throws(JSONError) -> Value
    ) throws(FleetClientError) -> Value {
        do throws(JSONError) {
            return try parse(bytes)
        } catch {
            throw .unreadable(url: url, reason: error.message)
        }
    }
}
