internal import Crypto
internal import Deployment
internal import Diagnostics
internal import Digest
internal import FleetProtocol
internal import Gzip
internal import HTTPServer
internal import JSON
internal import Synchronization
internal import Telemetry
internal import WallClock

/// What boxes come to: enrolment, renewal, check-ins and telemetry.
///
/// Who asks is told by the client certificate alone, of which TLS has shown that it is of this fleet's authority and that
/// the client holds its key; whether the fleet still wants it is looked up at each request. Reading and judging happens
/// on the server's threads, writing in the queue, and what is acknowledged is on disk.
final class DeviceService: HTTPHandler {
    struct Settings: Sendable {
        /// Seconds between check-ins that boxes are told to keep.
        var interval = FleetLimits.defaultInterval
        var certificateLifetimeSeconds: Int64 = 30 * 86_400
        var rates = Rates()
    }

    /// How often one may come: in one go, and a second from then on.
    struct Rates: Sendable {
        var device = (burst: 120, perSecond: 4.0)
        /// Enrolments from one address: behind one there may be many boxes.
        var address = (burst: 2000, perSecond: 50.0)

        /// Seconds after which there is room again for whoever was told to wait.
        var retrySeconds: Int { max(1, Int((1 / min(device.perSecond, address.perSecond)).rounded(.up))) }
    }

    /// A device that may speak.
    struct Identity {
        var device: DeviceID
        var row: Int64
        var fingerprint: SHA256Digest
    }

    let folder: FleetFolder
    let authority: FleetAuthority
    let settings: Settings
    let queue: IngestQueue
    let now: @Sendable () -> UTCTime
    private let refusals: RefusalLog
    private let reader: Mutex<FleetStore>
    private let deviceRates: Mutex<RateLimiter<Int64>>
    private let addressRates: Mutex<RateLimiter<String>>

    init(
        folder: FleetFolder,
        authority: FleetAuthority,
        settings: Settings,
        queue: IngestQueue,
        refusals: RefusalLog,
        now: @escaping @Sendable () -> UTCTime
    ) throws {
        self.folder = folder
        self.authority = authority
        self.settings = settings
        self.queue = queue
        self.refusals = refusals
        self.now = now
        reader = Mutex(try FleetStore(folder: folder))
        deviceRates = Mutex(RateLimiter(burst: settings.rates.device.burst, perSecond: settings.rates.device.perSecond))
        addressRates = Mutex(
            RateLimiter(burst: settings.rates.address.burst, perSecond: settings.rates.address.perSecond)
        )
    }

    // MARK: - Before the body

    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision {
        let path = head.path
        guard let route = DeviceRoute(path: path) else {
            return reject(
                head,
                FleetProblem(
                    .notFound,
                    "there is nothing at \(path.quotedName)",
                    hint: "this address is for boxes; the dashboard has its own"
                )
            )
        }
        let method = head.method
        guard route.isRead ? method == .get || method == .head : method == .post else {
            let allowed = route.isRead ? "GET, HEAD" : "POST"
            return reject(
                head,
                FleetProblem(.methodNotAllowed, "\(path) is not for \(head.methodName.quotedName) but for \(allowed)"),
                headers: [HTTPHeader("Allow", allowed)]
            )
        }
        if route.isRead { return .accept(limitBytes: 0, route: route.rawValue) }
        var device: String?
        do throws(FleetProblem) {
            if route.needsCertificate {
                guard let certificate = head.clientCertificate else { throw Self.certificateMissing }
                let identity = try identify(certificate, for: route)
                device = identity.device.text
                try limitRate(of: identity)
            } else {
                try limitRate(from: head.clientAddress)
            }
            try Self.check(type: head.header("Content-Type"), coding: head.header("Content-Encoding"), for: route)
        } catch {
            return reject(head, error, device: device)
        }
        return .accept(limitBytes: route.limitBytes, route: route.rawValue)
    }

    func bodyTooLarge(_ head: borrowing HTTPRequestHead, limitBytes: Int) -> HTTPResponse {
        refuse(
            FleetProblem(
                .tooLarge,
                "the body is longer than the \(limitBytes) bytes that are read",
                hint: "send less in one request"
            ),
            address: head.clientAddress,
            device: nil
        )
    }

    func overloaded(_ head: borrowing HTTPRequestHead) -> HTTPResponse {
        refuse(Self.overloaded, address: head.clientAddress, device: nil)
    }

    func malformed(_ head: borrowing HTTPRequestHead, reason: String) -> HTTPResponse {
        refuse(FleetProblem(.malformed, "that is no HTTP request: \(reason)"), address: head.clientAddress, device: nil)
    }

    private func reject(
        _ head: borrowing HTTPRequestHead,
        _ problem: FleetProblem,
        device: String? = nil,
        headers: [HTTPHeader] = []
    ) -> BodyDecision {
        var response = refuse(problem, address: head.clientAddress, device: device)
        response.headers += headers
        return .reject(response)
    }

    private static func check(type: String?, coding: String?, for route: DeviceRoute) throws(FleetProblem) {
        let body = BodyType(type ?? "")
        guard body == .json || body == .protobuf && route.takesProtobuf else {
            let taken = route.takesProtobuf ? "application/x-protobuf or application/json" : "application/json"
            let found = type.map { "of the type \($0.quotedName)" } ?? "without a Content-Type"
            throw FleetProblem(.unsupportedType, "the body is \(found), not \(taken)")
        }
        guard BodyCoding(coding) != nil else {
            throw FleetProblem(.unsupportedType, "the body is packed as \((coding ?? "").quotedName), not as gzip")
        }
    }

    // MARK: - Who asks

    private static let certificateMissing = FleetProblem(
        .certificateMissing,
        "no client certificate was shown",
        hint: "enrol the box: edgeagent enroll --token TOKEN"
    )

    /// Throws unless the certificate is one that the fleet gave out and still wants. An expired one is good to renew.
    private func identify(_ certificate: ClientCertificate, for route: DeviceRoute) throws(FleetProblem) -> Identity {
        let fingerprint = SHA256.digest(certificate.derBytes)
        let found: (device: DeviceID, row: Int64, membership: Membership)?
        do {
            found = try reader.withLock { store in try store.standing(ofCertificate: fingerprint) }
        } catch {
            throw unavailable(error)
        }
        guard let found else {
            throw FleetProblem(
                .certificateUnknown,
                "the fleet does not know this certificate",
                hint: "enrol the box anew: edgeagent enroll --token TOKEN"
            )
        }
        try Self.check(found.membership, of: found.device)
        guard !certificate.isExpired || route == .renew else {
            throw FleetProblem(
                .certificateExpired,
                "the certificate of the device \(found.device) has expired",
                hint: "renew it at /v1/renew with this certificate"
            )
        }
        return Identity(device: found.device, row: found.row, fingerprint: fingerprint)
    }

    /// Throws unless the device is one of the fleet.
    static func check(_ membership: Membership, of device: DeviceID) throws(FleetProblem) {
        switch membership {
        case .enrolled: break
        case .revoked:
            throw FleetProblem(
                .deviceRevoked,
                "the device \(device) was revoked",
                hint: "ask the fleet's operator; edgefleet audit list says who did it and why"
            )
        case .decommissioned:
            throw FleetProblem(
                .deviceDecommissioned,
                "the device \(device) was taken out of the fleet",
                hint: "enrol it anew if it is to come back: edgeagent enroll --token TOKEN"
            )
        }
    }

    private func limitRate(of identity: Identity) throws(FleetProblem) {
        let wait = deviceRates.withLock { $0.take(identity.row, at: monotonicSeconds()) }
        if let wait { throw Self.tooMany("the device \(identity.device) asks too often", seconds: wait) }
    }

    private func limitRate(from address: String) throws(FleetProblem) {
        let wait = addressRates.withLock { $0.take(address, at: monotonicSeconds()) }
        if let wait { throw Self.tooMany("too many enrolments come from this address", seconds: wait) }
    }

    private static func tooMany(_ message: String, seconds: Int) -> FleetProblem {
        FleetProblem(.tooMany, message, hint: "wait \(seconds) s")
    }

    private static let overloaded = FleetProblem(
        .unavailable,
        "more is coming in than can be written now",
        hint: "try again in a few seconds"
    )

    /// What went wrong inside is for the log; who asks is told to come again.
    func unavailable(_ error: any Error) -> FleetProblem {
        if let problem = error as? FleetProblem { return problem }
        refusals.say("a request failed: \((error as? any ExplainedError)?.message ?? "\(error)")")
        return FleetProblem(
            .unavailable,
            "the fleet can't write or read its database now",
            hint: "try again later; the server's log says why"
        )
    }

    // MARK: - With the body

    func handle(_ exchange: HTTPExchange) {
        let address = exchange.clientAddress
        guard let route = DeviceRoute(rawValue: exchange.route) else { return }
        var identity: Identity?
        do throws(FleetProblem) {
            if route.needsCertificate {
                guard let certificate = exchange.clientCertificate else { throw Self.certificateMissing }
                identity = try identify(certificate, for: route)
            }
            switch (route, identity) {
            case (.authority, _):
                exchange.respond(.ok, contentType: "application/x-pem-file", body: authority.certificatePEM)
            case (.enrol, _): try enrol(exchange, address: address)
            case (.renew, let identity?): try renew(exchange, identity, address: address)
            case (.checkIn, let identity?): try checkIn(exchange, identity, address: address)
            case (.metrics, let identity?): try metrics(exchange, identity, address: address)
            case (.logs, let identity?): try logs(exchange, identity, address: address)
            default: throw Self.certificateMissing
            }
        } catch {
            exchange.respond(refuse(error, address: address, device: identity?.device.text))
        }
    }

    /// The body, unpacked; the exchange's own is given back.
    func body(of exchange: HTTPExchange, for route: DeviceRoute) throws(FleetProblem) -> [UInt8] {
        let bytes = exchange.withBody { Array($0) }
        exchange.discardBody()
        guard BodyCoding(exchange.header("Content-Encoding")) == .gzip else { return bytes }
        do throws(GzipError) {
            return try Gzip.decompress(bytes, limitBytes: route.limitBytes)
        } catch .tooLarge(let limit) {
            throw FleetProblem(
                .tooLarge,
                "the body unpacks to more than the \(limit) bytes that are read",
                hint: "send less in one request"
            )
        } catch {
            throw FleetProblem(.malformed, error.message)
        }
    }

    /// Hands a job to the queue; throws where it is full.
    func submit(_ job: IngestQueue.Job, cost: Int) throws(FleetProblem) {
        guard queue.submit(job, cost: cost) else { throw Self.overloaded }
    }

    // MARK: - Answers

    func respond(_ exchange: HTTPExchange, _ json: JSONValue) {
        exchange.respond(.ok, contentType: "application/json", body: json.compactBytes())
    }

    /// Notes what is refused, and answers.
    func refuse(_ exchange: HTTPExchange, _ problem: FleetProblem, address: String, device: DeviceID?) {
        exchange.respond(refuse(problem, address: address, device: device?.text))
    }

    private func refuse(_ problem: FleetProblem, address: String, device: String?) -> HTTPResponse {
        refusals.note(problem, address: address, device: device, at: now())
        var headers = [HTTPHeader("Cache-Control", "no-store")]
        switch problem.code {
        case .tooMany: headers.append(HTTPHeader("Retry-After", "\(settings.rates.retrySeconds)"))
        case .unavailable: headers.append(HTTPHeader("Retry-After", "5"))
        case .tokenUnknown, .tokenExpired, .tokenUsedUp, .tokenRevoked:
            headers.append(HTTPHeader("WWW-Authenticate", "Bearer"))
        case .unsupportedType: headers.append(HTTPHeader("Accept-Encoding", "gzip"))
        default: break
        }
        return HTTPResponse(
            HTTPStatus(UInt16(problem.code.status)),
            contentType: "application/json",
            headers: headers,
            body: problem.json.compactBytes()
        )
    }
}
