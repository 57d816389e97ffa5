internal import Crypto
package import Deployment
package import Diagnostics
internal import FileSystem
internal import FleetClient
package import FleetProtocol
internal import Glibc
internal import Synchronization
internal import Telemetry
internal import WallClock

/// The fleet's own protocol: TLS, a key and a certificate for each box, and a connection for each report, as boxes do.
package final class FleetTransport: SimulationTransport {
    private let token: EnrolmentToken?
    private let kept: KeptIdentities?
    private let reusesConnections: Bool
    private let options: FleetClientOptions
    private let boxes = Mutex<[DeviceID: FleetBox]>([:])

    /// - Parameters:
    ///   - token: for boxes that are not enrolled.
    ///   - folder: where identities are kept for another run; nil: nowhere.
    package init(token: EnrolmentToken?, keptIn folder: String?, reusesConnections: Bool) throws {
        self.token = token
        self.reusesConnections = reusesConnections
        kept = try folder.map { try KeptIdentities($0, server: token?.server) }
        var options = FleetClientOptions()
        options.userAgent = "edgefleet-simulate"
        self.options = options
    }

    package func isEnrolled(_ device: DeviceID) -> Bool {
        if boxes.withLock({ $0[device] != nil }) { return true }
        // One that can't be read is enrolled anew, which says what is wrong.
        guard let identity = try? kept?.identity(of: device) else { return false }
        remember(identity)
        return true
    }

    package func enrol(_ device: DeviceID) throws {
        guard let token else { throw FleetTransportError.noToken(device: device.text) }
        // Stored before it is used: a box that is killed then enrols again with the same key, which uses nothing up.
        let key = try kept?.key(for: device) ?? PrivateKey.generate()
        let identity = try insistently { () throws(FleetClientError) in
            try FleetEnrolment.enrol(token, device: device, key: key, options: options).identity
        }
        try kept?.keep(identity)
        remember(identity)
    }

    private func remember(_ identity: FleetIdentity) {
        let box = FleetBox(identity, options, kept, keepsConnection: reusesConnections)
        boxes.withLock { $0[identity.device] = box }
    }

    /// Asks again where the fleet says that it has too much to do.
    private func insistently<Value>(
        _ body: () throws(FleetClientError) -> Value
    ) throws(FleetClientError) -> Value {
        for attempt in 1..<6 {
            do throws(FleetClientError) {
                return try body()
            } catch {
                guard case .refused(let problem, _) = error, [.tooMany, .unavailable].contains(problem.code) else {
                    throw error
                }
                let pause = min(error.retryAfter ?? .seconds(attempt), .seconds(10))
                usleep(UInt32(pause / .microseconds(1)))
            }
        }
        return try body()
    }

    package func session(for device: DeviceID) throws -> any SimulationSession {
        guard let box = boxes.withLock({ $0[device] }) else {
            throw FleetTransportError.noToken(device: device.text)
        }
        return try box.session()
    }
}

/// Who a box is, and its connection where it keeps one.
///
/// Sendable because one thread at a time speaks for a box, as ``SimulationTransport`` asks.
private final class FleetBox: @unchecked Sendable {
    private var identity: FleetIdentity
    private let options: FleetClientOptions
    private let kept: KeptIdentities?
    private let keepsConnection: Bool
    private var current: FleetSession?

    init(
        _ identity: FleetIdentity,
        _ options: FleetClientOptions,
        _ kept: KeptIdentities?,
        keepsConnection: Bool
    ) {
        self.identity = identity
        self.options = options
        self.kept = kept
        self.keepsConnection = keepsConnection
    }

    func session() throws -> FleetSession {
        if let current { return current }
        if UTCTime(seconds: Int64(time(nil))) >= identity.renewalTime {
            identity = try FleetConnection(identity, options: options).renew()
            try kept?.keep(identity)
        }
        let session = FleetSession(try FleetConnection(identity, options: options))
        if keepsConnection { current = session }
        return session
    }
}

private struct FleetSession: SimulationSession {
    private let connection: FleetConnection

    init(_ connection: FleetConnection) { self.connection = connection }

    func send(_ checkIn: CheckIn) throws -> CheckInReply { try connection.checkIn(checkIn) }

    func send(_ metrics: MetricsExport) throws {
        let response = try connection.send(metrics: metrics.protobufBytes())
        guard response.rejected == 0 else {
            throw FleetTransportError.rejected(count: Int(clamping: response.rejected), reason: response.problem)
        }
    }
}

/// Why a simulated box can't speak.
package enum FleetTransportError: ExplainedError, Equatable {
    case noToken(device: String)
    case otherFleet(folder: String, server: String)
    case rejected(count: Int, reason: String)

    package var message: String {
        switch self {
        case .noToken(let device): "\(device) is not enrolled, and there is no token to enrol it with"
        case .otherFleet(let folder, let server): "the boxes in \(folder) belong to the fleet at \(server)"
        case .rejected(let count, let reason): "the fleet rejected \(count) points of metrics: \(reason)"
        }
    }

    package var hint: String? {
        switch self {
        case .noToken: "`edgefleet token create --uses N` prints one for N boxes; give it with --token"
        case .otherFleet: "give another folder to --keep"
        case .rejected: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .noToken: .usage
        case .otherFleet: .configuration
        case .rejected: .failed
        }
    }
}
