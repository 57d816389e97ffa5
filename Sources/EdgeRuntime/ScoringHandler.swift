internal import BundleManifest
internal import Glibc
internal import HTTPServer
internal import JSON
internal import Synchronization

/// Routes requests to the scorer and counts what comes of them.
///
/// Health, metadata and metrics are answered on the server's threads from values at hand: they never wait for a script.
final class ScoringHandler: HTTPHandler {
    private enum Phase: Int, AtomicRepresentable, Sendable { case loading, serving, draining }

    let metrics = RuntimeMetrics()
    private let bundle: ServedBundle
    private let routes: RouteTable
    private let identifiers: PredictionIdentifiers
    private let phase = Atomic<Phase>(.loading)
    /// Set once, before the phase becomes `serving`.
    private let scorer = Mutex<Scorer?>(nil)
    private let log: @Sendable (String) -> Void

    init(_ bundle: ServedBundle, log: @escaping @Sendable (String) -> Void) {
        self.bundle = bundle
        self.log = log
        routes = RouteTable(model: bundle.name, version: bundle.version)
        identifiers = PredictionIdentifiers(digest: bundle.digest)
    }

    /// From now on requests are scored.
    func begin(_ scorer: Scorer) {
        self.scorer.withLock { $0 = scorer }
        phase.store(.serving, ordering: .releasing)
    }

    /// Not ready from now on, so that callers go elsewhere; requests are still answered.
    func beginDraining() { phase.store(.draining, ordering: .releasing) }

    private var isReady: Bool {
        phase.load(ordering: .acquiring) == .serving && scorer.withLock { $0?.isReady ?? false }
    }

    // MARK: - Before the body

    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision {
        let route = routes.route(of: head.path)
        switch route {
        case .unknown, .unknownModel:
            let known = route == .unknownModel ? "the model \(bundle.name), version \(bundle.version)" : "no such path"
            return reject(route, 404, route == .unknownModel ? "only \(known) is served here" : known)
        default: break
        }
        guard route.accepts(head.method) else {
            return reject(route, 405, "this path takes \(route.methods)", [HTTPHeader("Allow", route.methods)])
        }
        if route == .infer || route == .score, let coding = head.header("Content-Encoding"), coding != "identity" {
            return reject(route, 415, "Content-Encoding \(coding) is not accepted: send the body as it is")
        }
        return .accept(limitBytes: bundle.endpoint.maximumBodyBytes, route: route.rawValue)
    }

    func bodyTooLarge(_ head: borrowing HTTPRequestHead, limitBytes: Int) -> HTTPResponse {
        let route = routes.route(of: head.path)
        metrics.countResponse(route, status: 413)
        return ScoringReply.error(413, "the body has more than \(limitBytes) bytes", member: route.errorMember).response
    }

    private func reject(
        _ route: Route,
        _ status: UInt16,
        _ message: String,
        _ headers: [HTTPHeader] = []
    ) -> BodyDecision {
        metrics.countResponse(route, status: Int(status))
        return .reject(ScoringReply.error(status, message, member: route.errorMember, headers: headers).response)
    }

    // MARK: - The whole request

    func handle(_ exchange: HTTPExchange) {
        let route = Route(rawValue: exchange.route) ?? .unknown
        switch route {
        case .infer, .score: predict(route, exchange)
        default:
            let response = information(route)
            metrics.countResponse(route, status: Int(response.status.code))
            exchange.respond(response)
        }
    }

    private func information(_ route: Route) -> HTTPResponse {
        let json = "application/json"
        switch route {
        case .root: return .text(.ok, "Healthy")
        case .live: return HTTPResponse(.ok, contentType: json, body: OpenInference.live(true))
        case .ready:
            let isReady = isReady
            return HTTPResponse(readiness(isReady), contentType: json, body: OpenInference.ready(isReady))
        case .modelReady:
            let isReady = isReady
            let body = OpenInference.modelReady(name: bundle.name, isReady: isReady)
            return HTTPResponse(readiness(isReady), contentType: json, body: body)
        case .serverMetadata:
            let body = OpenInference.serverMetadata(name: "edgeruntime", version: runtimeVersion)
            return HTTPResponse(.ok, contentType: json, body: body)
        case .modelMetadata: return HTTPResponse(.ok, contentType: json, body: modelMetadata())
        case .metrics:
            return HTTPResponse(.ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: metricsPage())
        default: return .text(.notFound, "")
        }
    }

    private func readiness(_ isReady: Bool) -> HTTPStatus { isReady ? .ok : .serviceUnavailable }

    private func modelMetadata() -> [UInt8] {
        var platform = "python_score"
        var inputs: [TensorMetadata] = []
        var outputs: [TensorMetadata] = []
        if case .native(let model) = scorer.withLock({ $0 }) {
            platform = OpenInference.onnxPlatform
            inputs = model.binding.inputs
            outputs = model.binding.outputs
        }
        return OpenInference.modelMetadata(
            name: bundle.name,
            versions: [bundle.version],
            platform: platform,
            inputs: inputs,
            outputs: outputs
        )
    }

    private func metricsPage() -> [UInt8] {
        var gauges: [(name: String, help: String, value: Double)] = [
            ("edge_ready", "1 when requests are answered.", isReady ? 1 : 0)
        ]
        if case .script(let model) = scorer.withLock({ $0 }) {
            let worker = model.snapshot
            gauges.append(("edge_queue_length", "Requests waiting for the script.", Double(worker.queuedRequests)))
            gauges.append(("edge_worker_restarts", "Times the worker was started again.", Double(worker.restarts)))
        }
        let info = [
            ("edge_bundle_name", bundle.name), ("edge_bundle_version", bundle.version),
            ("edge_bundle_digest", bundle.digestName),
        ]
        return Array(metrics.page(info: info, gauges: gauges).utf8)
    }

    // MARK: - Predictions

    private func predict(_ route: Route, _ exchange: HTTPExchange) {
        guard let scorer = scorer.withLock({ $0 }) else {
            let again = [HTTPHeader("Retry-After", "1")]
            return answer(
                exchange,
                route,
                .error(503, "the model is still being loaded", member: route.errorMember, headers: again)
            )
        }
        let started = monotonicMicroseconds()
        let identifier = identifiers.next()
        switch (scorer, route) {
        case (.native(let model), .infer): infer(model, exchange, identifier, started)
        case (.script, .infer):
            answer(exchange, route, .error(400, Scorer.scriptHasNoInfer, member: "error"))
        case (_, _) where exchange.method == .options: answer(exchange, route, ScoringReply(status: 200, body: []))
        case (.native(let model), _): score(model, exchange, identifier, started)
        case (.script(let model), _): score(model, exchange, identifier, started)
        }
    }

    private func infer(_ model: NativeModel, _ exchange: HTTPExchange, _ identifier: String, _ started: UInt64) {
        var headerLength: Int?
        if let text = exchange.header("Inference-Header-Content-Length") {
            guard let length = Int(text), length >= 0 else {
                let problem = "Inference-Header-Content-Length is no number of bytes"
                return answer(exchange, .infer, .error(400, problem, member: "error"))
            }
            headerLength = length
        }
        exchange.withBody { body in
            model.infer(body: body, headerLength: headerLength) { status, encoding, bytes in
                if status == 200 { metrics.countPrediction(microseconds: monotonicMicroseconds() - started) }
                metrics.countResponse(.infer, status: Int(status))
                var headers = [HTTPHeader("edge-prediction-id", identifier)]
                if let length = encoding.headerLength {
                    headers.append(HTTPHeader("Inference-Header-Content-Length", String(length)))
                }
                exchange.respond(HTTPStatus(status), contentType: encoding.contentType, headers: headers, body: bytes)
            }
        }
    }

    private func score(_ model: NativeModel, _ exchange: HTTPExchange, _ identifier: String, _ started: UInt64) {
        let names = azureHeaders(exchange)
        let body = exchange.withBody { Array($0) }
        var reply = model.score(body)
        if reply.isSuccess { metrics.countPrediction(microseconds: monotonicMicroseconds() - started) }
        reply.headers += names + [HTTPHeader("edge-prediction-id", identifier)]
        answer(exchange, .score, reply)
    }

    private func score(_ model: ScriptModel, _ exchange: HTTPExchange, _ identifier: String, _ started: UInt64) {
        let names = azureHeaders(exchange) + [HTTPHeader("edge-prediction-id", identifier)]
        let request = ScoringRequest(
            target: .score,
            body: exchange.withBody { Array($0) },
            method: exchange.method == .get || exchange.method == .head ? .get : .post,
            query: encodedQuery(exchange.queryItems),
            headers: exchange.headers.map { ($0.name, $0.value) },
            identifier: identifier
        )
        let cancel = model.score(request) { [metrics] reply in
            var reply = reply
            if reply.isSuccess { metrics.countPrediction(microseconds: monotonicMicroseconds() - started) }
            reply.headers += names
            metrics.countResponse(.score, status: Int(reply.status))
            exchange.respond(reply.response)
        }
        exchange.onCancel(cancel)
    }

    /// The request's ids as the Azure ML server echoes them, or makes them.
    private func azureHeaders(_ exchange: HTTPExchange) -> [HTTPHeader] {
        let client = exchange.header("x-ms-client-request-id")
        let request = exchange.header("x-request-id") ?? randomIdentifier()
        var headers = [
            HTTPHeader("x-request-id", request), HTTPHeader("x-ms-request-id", client ?? request),
            HTTPHeader("x-ms-server-version", "edgeruntime/\(runtimeVersion)"),
        ]
        if let client { headers.append(HTTPHeader("x-ms-client-request-id", client)) }
        return headers
    }

    private func answer(_ exchange: HTTPExchange, _ route: Route, _ reply: ScoringReply) {
        metrics.countResponse(route, status: Int(reply.status))
        exchange.respond(reply.response)
    }
}

extension ScoringReply {
    var response: HTTPResponse {
        HTTPResponse(HTTPStatus(status), contentType: contentType, headers: headers, body: body)
    }
}

/// The query as it can be sent: every byte that isn't unreserved (RFC 3986) percent-encoded.
private func encodedQuery(_ items: [HTTPQueryItem]) -> String? {
    guard !items.isEmpty else { return nil }
    return items.map { item in
        item.value.map { "\(percentEncoded(item.name))=\(percentEncoded($0))" } ?? percentEncoded(item.name)
    }.joined(separator: "&")
}

private func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        let scalar = Unicode.Scalar(byte)
        if scalar.isASCII,
            scalar.properties.isAlphabetic || scalar.properties.numericType != nil || "-._~".utf8.contains(byte)
        {
            encoded.unicodeScalars.append(scalar)
        } else {
            let digits = String(byte, radix: 16, uppercase: true)
            encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
        }
    }
    return encoded
}

private func monotonicMicroseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
}

/// A random UUID (RFC 9562, version 4).
private func randomIdentifier() -> String {
    var high = UInt64.random(in: .min ... .max)
    var low = UInt64.random(in: .min ... .max)
    high = high & ~0xF000 | 0x4000
    low = low & ~(0b11 << 62) | 0b10 << 62
    let digits = [high, low].map { value in
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
    var parts: [String] = []
    var rest = digits[...]
    for length in [8, 4, 4, 4, 12] {
        parts.append(String(rest.prefix(length)))
        rest = rest.dropFirst(length)
    }
    return parts.joined(separator: "-")
}
