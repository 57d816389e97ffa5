internal import BundleManifest
internal import HTTPServer
internal import JSON
internal import RuntimeControl
internal import Synchronization

/// Routes requests to the scorer and counts what comes of them.
///
/// Health, metadata and metrics are answered on the server's threads from values at hand: they never wait for a model.
final class ScoringHandler: HTTPHandler {
    /// What requests are handed to.
    enum Backend: Sendable {
        case native(NativeInference)
        case script(ScriptModel)
    }

    private enum Phase: Int, AtomicRepresentable, Sendable { case loading, serving, draining }

    private let metrics = RuntimeMetrics()
    private let bundle: ServedBundle
    private let routes: RouteTable
    private let identifiers: PredictionIdentifiers
    private let phase = Atomic<Phase>(.loading)
    /// Set once, before the phase becomes `serving`.
    private let backend = Mutex<Backend?>(nil)

    /// What is read of the body of a request that has no use for one.
    private static let otherBodyLimit = 4096
    private static let identifierName = "edge-prediction-id"
    private static let loading = "the model is still being loaded"

    init(_ bundle: ServedBundle) {
        self.bundle = bundle
        routes = RouteTable(model: bundle.name, version: bundle.version)
        identifiers = PredictionIdentifiers(digest: bundle.digest)
    }

    /// From now on requests are scored.
    func begin(_ backend: Backend) {
        self.backend.withLock { $0 = backend }
        phase.store(.serving, ordering: .releasing)
    }

    /// Not ready from now on, so that callers go elsewhere; requests are still answered.
    func beginDraining() { phase.store(.draining, ordering: .releasing) }

    /// What was counted since the first request.
    var counters: ServingCounters {
        var counters = metrics.counters
        if case .script(let model) = backend.withLock(\.self) { counters.restarts = Int(model.snapshot.restarts) }
        return counters
    }

    private var isReady: Bool {
        guard phase.load(ordering: .acquiring) == .serving else { return false }
        return switch backend.withLock(\.self) {
        case .native: true
        case .script(let model): model.isReady
        case nil: false
        }
    }

    // MARK: - Before the body

    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision {
        let route = routes.route(of: head.path)
        if let refusal = refusal(route, head) { return .reject(refused(route, refusal)) }
        let limit = route.isScoring ? bundle.endpoint.maximumBodyBytes : Self.otherBodyLimit
        return .accept(limitBytes: limit, route: route.rawValue)
    }

    private func refusal(_ route: Route, _ head: borrowing HTTPRequestHead) -> ScoringReply? {
        switch route {
        case .unknown, .unknownV2: return .error(404, "no such path", member: route.errorMember)
        case .unknownModel:
            let served = "only the model \(bundle.name), version \(bundle.version) is served here"
            return .error(404, served, member: route.errorMember)
        case .notServed:
            return .error(404, "the model's configuration and statistics are not served", member: route.errorMember)
        default: break
        }
        guard route.accepts(head.method) else {
            let allow = [HTTPHeader("Allow", route.methods)]
            return .error(405, "this path takes \(route.methods)", member: route.errorMember, headers: allow)
        }
        if route.isScoring, let coding = head.header("Content-Encoding"), coding.lowercased() != "identity" {
            return .error(
                415,
                "Content-Encoding \(coding) is not accepted: send the body as it is",
                member: route.errorMember,
                headers: [HTTPHeader("Accept-Encoding", "identity")]
            )
        }
        return nil
    }

    func bodyTooLarge(_ head: borrowing HTTPRequestHead, limitBytes: Int) -> HTTPResponse {
        let route = routes.route(of: head.path)
        return refused(route, .error(413, "the body has more than \(limitBytes) bytes", member: route.errorMember))
    }

    func overloaded(_ head: borrowing HTTPRequestHead) -> HTTPResponse {
        let route = routes.route(of: head.path)
        let again = [HTTPHeader("Retry-After", "1")]
        return refused(
            route,
            .error(503, "too many bytes are being received", member: route.errorMember, headers: again)
        )
    }

    func malformed(_ head: borrowing HTTPRequestHead, reason: String) -> HTTPResponse {
        let route = routes.route(of: head.path)
        return refused(route, .error(400, reason, member: route.errorMember))
    }

    /// Counts a refusal, and names it if it refuses a prediction.
    private func refused(_ route: Route, _ reply: ScoringReply) -> HTTPResponse {
        metrics.countResponse(route, status: Int(reply.status))
        var reply = reply
        if route.isScoring { reply.headers.append(HTTPHeader(Self.identifierName, identifiers.next())) }
        return reply.response
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
        case .root:
            let isThere = backend.withLock { $0 != nil }
            return isThere ? .text(.ok, "Healthy") : .text(.serviceUnavailable, Self.loading)
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
        case .modelMetadata: return modelMetadata()
        case .metrics:
            return HTTPResponse(.ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: metricsPage())
        default: return .text(.notFound, "")
        }
    }

    private func readiness(_ isReady: Bool) -> HTTPStatus { isReady ? .ok : .serviceUnavailable }

    private func modelMetadata() -> HTTPResponse {
        var binding: ModelBinding?
        switch backend.withLock(\.self) {
        case .native(let inference): binding = inference.model.binding
        case .script: break
        case nil:
            let again = [HTTPHeader("Retry-After", "1")]
            return ScoringReply.error(503, Self.loading, member: "error", headers: again).response
        }
        let body = OpenInference.modelMetadata(
            name: bundle.name,
            versions: [bundle.version],
            platform: binding == nil ? "python_score" : OpenInference.onnxPlatform,
            inputs: binding?.inputs ?? [],
            outputs: binding?.outputs ?? []
        )
        return HTTPResponse(.ok, contentType: "application/json", body: body)
    }

    private func metricsPage() -> [UInt8] {
        var values = [RuntimeMetrics.Value("edge_ready", "1 when requests are answered.", isReady ? 1 : 0)]
        let queue = ("edge_queue_length", "Requests waiting for the model.")
        switch backend.withLock(\.self) {
        case .native(let inference):
            values.append(RuntimeMetrics.Value(queue.0, queue.1, Double(inference.queueLength)))
        case .script(let model):
            let worker = model.snapshot
            values.append(RuntimeMetrics.Value(queue.0, queue.1, Double(worker.queuedRequests)))
            let restarts = Double(worker.restarts)
            values.append(
                RuntimeMetrics.Value(
                    "edge_worker_restarts_total",
                    "Times the worker was started again.",
                    restarts,
                    isCounter: true
                )
            )
        case nil: break
        }
        let info = [
            ("edge_bundle_name", bundle.name), ("edge_bundle_version", bundle.version),
            ("edge_bundle_digest", bundle.digestName),
        ]
        return Array(metrics.page(info: info, values: values).utf8)
    }

    // MARK: - Predictions

    /// A request that is to be scored.
    private struct Prediction: Sendable {
        var route: Route
        var identifier: String
        /// In microseconds of the monotonic clock.
        var started: UInt64
        /// For the answer, besides the identifier.
        var headers: [HTTPHeader] = []
        /// Of a v2 request with binary tensors.
        var headerLength: Int?
    }

    private func predict(_ route: Route, _ exchange: HTTPExchange) {
        var prediction = Prediction(
            route: route,
            identifier: identifiers.next(),
            started: monotonicMicroseconds()
        )
        if exchange.method == .options {
            let allow = [HTTPHeader("Allow", route.methods)]
            return answer(exchange, prediction, ScoringReply(status: 200, contentType: nil, headers: allow, body: []))
        }
        if let refusal = prepare(&prediction, exchange) { return answer(exchange, prediction, refusal) }
        switch backend.withLock(\.self) {
        case .native(let inference): run(inference, exchange, prediction)
        case .script(let model):
            if route == .infer {
                return answer(exchange, prediction, .error(400, Scorer.scriptHasNoInfer, member: "error"))
            }
            score(model, exchange, prediction)
        case nil:
            let again = [HTTPHeader("Retry-After", "1")]
            answer(exchange, prediction, .error(503, Self.loading, member: route.errorMember, headers: again))
        }
    }

    /// Takes what the headers say; a reply where that can't be.
    private func prepare(_ prediction: inout Prediction, _ exchange: HTTPExchange) -> ScoringReply? {
        if prediction.route == .score {
            let azure = AzureHeaders(exchange.header)
            prediction.headers = azure.headers
            return azure.refusal.map { .error(431, $0, member: "message") }
        }
        guard let text = exchange.header("Inference-Header-Content-Length") else { return nil }
        guard let length = Int(text), length >= 0 else {
            return .error(400, "Inference-Header-Content-Length is no number of bytes", member: "error")
        }
        prediction.headerLength = length
        return nil
    }

    private func run(_ inference: NativeInference, _ exchange: HTTPExchange, _ prediction: Prediction) {
        let model = inference.model
        let length = exchange.withBody(\.count)
        let isDone = inference.runInline(bytes: length) { run(model, exchange, prediction, $0) }
        if isDone || exchange.isAnswered { return }
        do {
            let pooled = try inference.submit {
                [self] in
                run(model, exchange, prediction, $0)
            } refuse: { [self] end in
                answer(exchange, prediction, end.reply(member: prediction.route.errorMember))
            }
            guard let pooled else {
                let again = [HTTPHeader("Retry-After", "1")]
                let member = prediction.route.errorMember
                return answer(
                    exchange,
                    prediction,
                    .error(429, "too many requests are waiting", member: member, headers: again)
                )
            }
            // Weak, as the exchange keeps this until its answer, and the run keeps the exchange.
            exchange.onCancel { [weak pooled] in
                if let pooled { inference.end(pooled, .clientLeft) }
            }
        } catch {
            answer(exchange, prediction, .error(500, "there is no memory", member: prediction.route.errorMember))
        }
    }

    /// Runs the model on this thread and answers.
    private func run(
        _ model: NativeModel,
        _ exchange: HTTPExchange,
        _ prediction: Prediction,
        _ control: RunControl
    ) {
        guard prediction.route == .infer else {
            let body = exchange.withBody { Array($0) }
            let reply = model.score(body, identifier: prediction.identifier, control: control)
            guard control.end != .moved || reply.isSuccess else { return }
            return answer(exchange, prediction, reply)
        }
        exchange.withBody { body in
            model.infer(
                body: body,
                headerLength: prediction.headerLength,
                identifier: prediction.identifier,
                control: control
            ) { status, encoding, bytes in
                guard !exchange.isAnswered, control.end != .moved || status == 200 else { return }
                count(prediction, status)
                var headers = [HTTPHeader(Self.identifierName, prediction.identifier)]
                if let length = encoding.headerLength {
                    headers.append(HTTPHeader("Inference-Header-Content-Length", String(length)))
                }
                exchange.respond(HTTPStatus(status), contentType: encoding.contentType, headers: headers, body: bytes)
            }
        }
    }

    private func score(_ model: ScriptModel, _ exchange: HTTPExchange, _ prediction: Prediction) {
        let request = ScoringRequest(
            target: .score,
            body: exchange.withBody { Array($0) },
            method: exchange.method == .get || exchange.method == .head ? .get : .post,
            query: encodedQuery(exchange.queryItems),
            headers: exchange.headers.map { ($0.name, $0.value) },
            identifier: prediction.identifier
        )
        // The worker gets the copy; two of a large body are enough.
        exchange.discardBody()
        let cancel = model.score(request) { [self] in answer(exchange, prediction, $0) }
        exchange.onCancel(cancel)
    }

    /// The one place where scoring requests are answered, except by what is encoded without a copy.
    private func answer(_ exchange: HTTPExchange, _ prediction: Prediction, _ reply: ScoringReply) {
        guard !exchange.isAnswered else { return }
        count(prediction, reply.status)
        var reply = reply
        reply.headers += prediction.headers
        reply.headers.append(HTTPHeader(Self.identifierName, prediction.identifier))
        exchange.respond(reply.response)
    }

    private func count(_ prediction: Prediction, _ status: UInt16) {
        if (200..<300).contains(status) {
            metrics.countPrediction(microseconds: monotonicMicroseconds() - prediction.started)
        }
        metrics.countResponse(prediction.route, status: Int(status))
    }
}

extension ScoringReply {
    fileprivate var response: HTTPResponse {
        HTTPResponse(HTTPStatus(status), contentType: contentType, headers: headers, body: body)
    }
}

extension RunEnd {
    fileprivate func reply(member: String) -> ScoringReply {
        let again = self == .stopping ? [HTTPHeader("Retry-After", "1")] : []
        return .error(httpStatus, message, member: member, headers: again)
    }
}
