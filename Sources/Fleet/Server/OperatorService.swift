internal import CFleetPages
internal import Deployment
internal import Diagnostics
internal import FleetProtocol
internal import HTTPServer
internal import JSON
internal import Synchronization
internal import UnixSockets
internal import WallClock

/// What operators look at: the pages, and the JSON that they are made of.
///
/// It changes nothing, asks nobody who they are, and listens where only this machine gets. So that no page of a stranger
/// reads it through the browser of somebody here, requests must name this machine as their host (DNS rebinding), and
/// answers allow nothing that isn't ours.
final class OperatorService: HTTPHandler {
    /// A connection to the database of its own, and what is made of it.
    private struct Source {
        let store: FleetStore
        let views: FleetViews
    }

    private let source: Mutex<Source>
    private let hosts: Set<String>
    private let isPrivateSocket: Bool
    private let now: @Sendable () -> UTCTime
    private let log: @Sendable (String) -> Void
    /// Numbers of versions begin anew with each start.
    private let start = String(UInt32.random(in: .min ... .max), radix: 36)
    private let kept = Mutex<[String: Kept]>([:])

    private struct Kept {
        var tag: String
        var body: [UInt8]
    }

    /// Seconds that an answer holds where nothing has been written.
    private static let tick: Int64 = 10
    /// Answers that are kept for who asks the same next; all of them go when anything changes.
    private static let keptLimit = 32
    private static let keptBytes = 4 << 20

    init(
        folder: FleetFolder,
        address: ListenAddress,
        now: @escaping @Sendable () -> UTCTime,
        log: @escaping @Sendable (String) -> Void
    ) throws {
        let store = try FleetStore(folder: folder)
        source = Mutex(Source(store: store, views: FleetViews(store, clock: now)))
        self.now = now
        self.log = log
        switch address {
        case .tcp(let host, _):
            hosts = [host.lowercased()]
            isPrivateSocket = false
        default:
            hosts = []
            isPrivateSocket = true
        }
    }

    // MARK: - Which requests

    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision {
        guard isOurs(head.header("Host")) else {
            return .reject(
                Self.problem(
                    FleetProblem(
                        .notFound,
                        "no fleet is known by that host name",
                        hint: "come by localhost or a loopback address; a proxy has to send such a Host header"
                    ),
                    status: 421
                )
            )
        }
        guard head.method == .get || head.method == .head else {
            var response = Self.problem(
                FleetProblem(
                    .methodNotAllowed,
                    "nothing can be changed here",
                    hint: "the command line changes things: edgefleet device, edgefleet token"
                )
            )
            response.headers.append(HTTPHeader("Allow", "GET, HEAD"))
            return .reject(response)
        }
        return .accept(limitBytes: 0)
    }

    /// Whether a `Host` names this machine. Over a Unix socket no browser comes.
    private func isOurs(_ header: String?) -> Bool {
        if isPrivateSocket { return true }
        guard let header, let host = Self.host(of: header) else { return false }
        return host == "localhost" || host == "::1" || Self.isLoopback(host) || hosts.contains(host)
    }

    /// The host without its port and brackets, lower case; nil where it is none.
    static func host(of header: String) -> String? {
        var host = Substring(header.lowercased())
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" && rest.dropFirst().allSatisfy(\.isNumber) else { return nil }
            return String(host[host.index(after: host.startIndex)..<end])
        }
        if let colon = host.lastIndex(of: ":") {
            guard host[host.index(after: colon)...].allSatisfy(\.isNumber) else { return nil }
            host = host[..<colon]
        }
        return host.isEmpty || host.contains(":") ? nil : String(host)
    }

    /// 127.0.0.0/8 in digits, or ::1.
    static func isLoopback(_ host: String) -> Bool {
        if host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    func malformed(_ head: borrowing HTTPRequestHead, reason: String) -> HTTPResponse {
        Self.problem(FleetProblem(.malformed, "that is no HTTP request: \(reason)"))
    }

    func bodyTooLarge(_ head: borrowing HTTPRequestHead, limitBytes: Int) -> HTTPResponse {
        Self.problem(FleetProblem(.tooLarge, "nothing is sent here"))
    }

    func overloaded(_ head: borrowing HTTPRequestHead) -> HTTPResponse {
        Self.problem(FleetProblem(.unavailable, "too much is being asked"))
    }

    // MARK: - Answers

    /// What every answer carries.
    private static let headers = [
        HTTPHeader(
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        HTTPHeader("X-Content-Type-Options", "nosniff"),
        HTTPHeader("X-Frame-Options", "DENY"),
        HTTPHeader("Referrer-Policy", "no-referrer"),
        HTTPHeader("Cross-Origin-Opener-Policy", "same-origin"),
        HTTPHeader("Cross-Origin-Resource-Policy", "same-origin"),
        HTTPHeader("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ]

    func handle(_ exchange: HTTPExchange) {
        let path = exchange.path
        if path.hasPrefix("/api/") {
            answer(exchange, path: path)
        } else {
            answer(exchange, page: path == "/" ? "index.html" : String(path.dropFirst()))
        }
    }

    private static func contentType(_ name: String) -> String {
        if name.hasSuffix(".html") { return "text/html; charset=utf-8" }
        if name.hasSuffix(".js") { return "text/javascript; charset=utf-8" }
        if name.hasSuffix(".css") { return "text/css; charset=utf-8" }
        return name.hasSuffix(".svg") ? "image/svg+xml" : "application/octet-stream"
    }

    private func answer(_ exchange: HTTPExchange, page: String) {
        var count = 0
        guard let bytes = fleet_page(page, &count) else {
            exchange.respond(Self.problem(FleetProblem(.notFound, "there is no page \(page.quotedName)")))
            return
        }
        // They change with the program alone; the browser asks each time.
        let tag = "\"\(fleetVersion)-\(start)-\(count)\""
        var headers = Self.headers
        headers.append(HTTPHeader("Cache-Control", "no-cache"))
        headers.append(HTTPHeader("ETag", tag))
        guard !Self.matches(exchange.header("If-None-Match"), tag) else {
            exchange.respond(HTTPStatus(304), headers: headers)
            return
        }
        let body = UnsafeRawBufferPointer(start: bytes, count: count)
        exchange.respond(.ok, contentType: Self.contentType(page), headers: headers, body: body)
    }

    private func answer(_ exchange: HTTPExchange, path: String) {
        let moment = now()
        let query = exchange.queryItems
        do {
            let known = exchange.header("If-None-Match")
            let (tag, body) = try source.withLock { source -> (String, [UInt8]?) in
                let version = try source.store.dataVersion
                // That a box is silent is true by time alone.
                let tag = "W/\"\(start)-\(version)-\(moment.seconds / Self.tick)\""
                if Self.matches(known, tag) { return (tag, nil) }
                return (tag, try content(source.views, tag, path, query))
            }
            var headers = Self.headers
            headers.append(HTTPHeader("Cache-Control", "no-store"))
            headers.append(HTTPHeader("ETag", tag))
            if let body {
                exchange.respond(.ok, contentType: "application/json", headers: headers, body: body)
            } else {
                exchange.respond(HTTPStatus(304), headers: headers)
            }
        } catch let problem as FleetProblem {
            exchange.respond(Self.problem(problem))
        } catch let problem as QueryProblem {
            exchange.respond(Self.problem(FleetProblem(.malformed, problem.message, hint: problem.hint)))
        } catch {
            log("\(path.quotedName) can't be answered: \((error as? any ExplainedError)?.message ?? "\(error)")")
            exchange.respond(Self.problem(FleetProblem(.broken, "this can't be answered; the server's log says why")))
        }
    }

    private func content(
        _ views: FleetViews,
        _ tag: String,
        _ path: String,
        _ query: [HTTPQueryItem]
    ) throws -> [UInt8] {
        let key = path + "?" + query.map { "\($0.name)=\($0.value ?? "")" }.joined(separator: "&")
        if let kept = kept.withLock({ $0[key] }), kept.tag == tag { return kept.body }
        let pairs = query.map { ($0.name, $0.value ?? "") }
        guard let json = try Self.json(views, path, pairs) else {
            throw FleetProblem(.notFound, "there is nothing at \(path.quotedName)")
        }
        let body = json.compactBytes()
        kept.withLock { kept in
            kept = kept.filter { $0.value.tag == tag }
            let bytes = kept.values.reduce(body.count) { $0 + $1.body.count }
            if kept.count < Self.keptLimit, bytes <= Self.keptBytes { kept[key] = Kept(tag: tag, body: body) }
        }
        return body
    }

    /// Nil where there is nothing at that path.
    private static func json(_ views: FleetViews, _ path: String, _ pairs: [(String, String)]) throws -> JSONValue? {
        let names = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).map(String.init)
        let second = names.count > 1 ? names[1] : ""
        switch (names.first, names.count) {
        case ("overview", 1): return try views.overview()
        case ("devices", 1): return try views.devices(DeviceQuery(pairs)).json
        case ("devices", 2): return try DeviceID(second).flatMap { try views.device($0) }
        case ("devices", 3) where names[2] == "metrics":
            let query = try MetricsQuery(pairs)
            return try DeviceID(second).flatMap { try views.metrics(of: $0, query) }
        case ("events", 1): return try views.events(EventQuery(pairs))
        case ("events", 2): return try Int64(second).flatMap { try views.event($0) }
        case ("bundles", 1): return try views.bundles()
        case ("bundles", 2): return try views.bundle(second)
        default: return nil
        }
    }

    /// Weak comparison (RFC 9110, 13.1.2).
    static func matches(_ header: String?, _ tag: String) -> Bool {
        guard let header else { return false }
        let bare = { (text: Substring) in text.hasPrefix("W/") ? text.dropFirst(2) : text }
        return header.split(separator: ",").contains { part in
            let part = part.drop(while: { $0 == " " }).prefix(while: { $0 != " " })
            return part == "*" || bare(part) == bare(tag[...])
        }
    }

    private static func problem(_ problem: FleetProblem, status: Int? = nil) -> HTTPResponse {
        HTTPResponse(
            HTTPStatus(UInt16(status ?? problem.code.status)),
            contentType: "application/json",
            headers: headers + [HTTPHeader("Cache-Control", "no-store")],
            body: problem.json.compactBytes()
        )
    }
}

extension FleetStore: FleetReading {}
