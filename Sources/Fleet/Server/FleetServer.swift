internal import Crypto
internal import Diagnostics
internal import FileSystem
internal import FleetProtocol
internal import Glibc
internal import HTTPServer
package import UnixSockets
package import WallClock

/// How a fleet is served.
package struct FleetServerSettings: Sendable {
    /// Where boxes come to.
    package var listen = ListenAddress.tcp(host: "127.0.0.1", port: 7443)
    /// Where the dashboard is; nil for none.
    package var dashboard: ListenAddress? = .tcp(host: "127.0.0.1", port: 7080)
    /// What boxes call the server, `https://HOST:PORT`; nil: by the address that it listens on.
    package var url: String?
    /// Seconds between check-ins.
    package var interval = FleetLimits.defaultInterval
    /// Of the certificates that boxes get.
    package var certificateLifetimeSeconds: Int64 = 30 * 86_400
    /// Threads that serve boxes.
    package var threads = 2
    /// How long requests that have begun may take once the server is to end.
    package var drainDeadline = Duration.seconds(10)
    /// What the server says while it runs, a line at a time, on any thread.
    package var log: @Sendable (String) -> Void = { _ in }
    package var now: @Sendable () -> UTCTime = { UTCTime(seconds: Int64(time(nil))) }
    /// How often devices may come.
    var rates = DeviceService.Rates()
    /// For a request to come in whole.
    var requestDeadline = Duration.seconds(30)
    /// Requests that may wait to be written.
    var queueLimit = 4096

    package init() {}
}

/// The server of a fleet: one process, two HTTP servers and one database.
package final class FleetServer {
    /// The address that boxes come to; port 0 has become the port.
    package var deviceAddress: ListenAddress { devices.address }
    package var dashboardAddress: ListenAddress? { operators?.address }
    /// What tokens name.
    package let url: String

    private let folder: FleetFolder
    private let settings: FleetServerSettings
    private let authority: FleetAuthority
    private let names: [ServerName]
    private var identity: ServerIdentity
    private let queue: IngestQueue
    private let devices: HTTPServer
    private let operators: HTTPServer?
    private let serving: Serving
    private var hasStopped = false

    /// Opens or makes the fleet in the folder, and serves from then on.
    ///
    /// - Throws: `FleetServerError`, errors of files, of the database and of `HTTPServer`.
    package init(_ folder: FleetFolder, _ settings: FleetServerSettings) throws {
        guard case .tcp(let listenHost, _) = settings.listen else {
            throw FleetServerError.noDeviceAddress(address: settings.listen.description)
        }
        if case .tcp(let host, _) = settings.dashboard, !OperatorService.isLoopback(host) {
            throw FleetServerError.notLoopback(address: settings.dashboard?.description ?? "")
        }
        let given = try settings.url.map { (url) throws(FleetServerError) in try FleetPlace.host(of: url) }
        self.folder = folder
        self.settings = settings
        try folder.make()
        serving = try Serving(folder)
        let now = settings.now()
        authority = try FleetAuthority.open(folder, at: now)
        names = try Self.names(url: settings.url, host: given, listen: listenHost)
        identity = try ServerIdentity.current(folder, authority: authority, names: names, at: now)
        let refusals = RefusalLog(log: settings.log)
        queue = IngestQueue(
            store: try FleetStore(folder: folder),
            refusals: refusals,
            jobLimit: settings.queueLimit,
            log: settings.log
        )
        var deviceSettings = DeviceService.Settings()
        deviceSettings.interval = settings.interval
        deviceSettings.rates = settings.rates
        deviceSettings.certificateLifetimeSeconds = settings.certificateLifetimeSeconds
        let service = try DeviceService(
            folder: folder,
            authority: authority,
            settings: deviceSettings,
            queue: queue,
            refusals: refusals,
            now: settings.now
        )
        operators = try settings.dashboard.map { address in
            let service = try OperatorService(
                folder: folder,
                address: address,
                now: settings.now,
                log: settings.log
            )
            return try Self.listen(address, "--dashboard", Self.operatorConfiguration, service)
        }
        do {
            try queue.start()
            var configuration = Self.deviceConfiguration
            configuration.threads = settings.threads
            configuration.requestDeadline = settings.requestDeadline
            configuration.log = { [now = settings.now] in refusals.note(fromTLS: $0, at: now()) }
            configuration.tls = Self.tls(identity, authority)
            devices = try Self.listen(settings.listen, "--listen", configuration, service)
        } catch {
            operators?.stop()
            queue.finish()
            throw error
        }
        url = settings.url ?? "https://\(Self.reachable(devices.address))"
        try FleetPlace(url: url, listen: devices.address.description).write(folder)
    }

    /// A server on the address that an option names.
    private static func listen(
        _ address: ListenAddress,
        _ option: String,
        _ configuration: HTTPServerConfiguration,
        _ handler: any HTTPHandler
    ) throws -> HTTPServer {
        do {
            return try HTTPServer(address, configuration: configuration, handler: handler)
        } catch HTTPServerError.listening(let problem) {
            throw FleetServerError.cannotListen(problem, option: option)
        }
    }

    /// Waits until one of the signals has come, looking after certificates meanwhile, and ends cleanly: who has begun to
    /// ask is answered, and what was taken on is written.
    ///
    /// - Parameter signals: those that end the server.
    package func run(until signals: SignalDescriptor) throws {
        while try signals.next() == nil {
            var entries = [Poll.Entry(signals.descriptor)]
            try Poll.wait(&entries, milliseconds: 60_000)
            do {
                try renewIdentity()
            } catch {
                settings.log("the server's certificate can't be renewed: \(Self.words(error))")
            }
        }
        stop()
    }

    /// Ends: no new connections, answers to what was asked, and the queue written. Only the first call counts.
    package func stop() {
        guard !hasStopped else { return }
        hasStopped = true
        operators?.stop()
        devices.beginDraining()
        devices.stopAccepting()
        if !devices.waitUntilIdle(deadline: settings.drainDeadline, quietTime: .milliseconds(50)) {
            settings.log("some requests were not answered within \(settings.drainDeadline.components.seconds) s")
        }
        queue.finish()
        devices.stop()
    }

    /// Makes the server's certificate anew when that is due; for connections that begin from then on.
    func renewIdentity() throws {
        let current = try ServerIdentity.current(folder, authority: authority, names: names, at: settings.now())
        guard current != identity else { return }
        try devices.replaceTLS(Self.tls(current, authority))
        identity = current
        settings.log("the server has a new certificate")
    }

    private static func tls(_ identity: ServerIdentity, _ authority: FleetAuthority) -> HTTPServerTLS {
        HTTPServerTLS(
            certificateChain: identity.certificatePEM,
            privateKey: identity.keyPEM,
            clients: .optional(authorities: authority.certificatePEM, expired: .handedOver)
        )
    }

    /// What the server's certificate is made out for: what boxes call it, where it listens, and this machine.
    private static func names(url: String?, host: String?, listen: String) throws -> [ServerName] {
        var texts = ["localhost", "127.0.0.1", "::1"]
        if listen != "0.0.0.0", listen != "::" { texts.insert(listen, at: 0) }
        if let host { texts.insert(host, at: 0) }
        var names: [ServerName] = []
        for text in texts {
            guard let name = ServerName(text) else {
                throw FleetServerError.unusableURL(url ?? text, reason: "\(text.quotedName) is no host's name")
            }
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    /// An address that listens on everything is reached on this machine by loopback; boxes elsewhere need `--url`.
    private static func reachable(_ address: ListenAddress) -> String {
        switch address {
        case .tcp("0.0.0.0", let port): "127.0.0.1:\(port)"
        case .tcp("::", let port): "[::1]:\(port)"
        default: address.description
        }
    }

    private static func words(_ error: any Error) -> String { (error as? any ExplainedError)?.message ?? "\(error)" }

    private static var deviceConfiguration: HTTPServerConfiguration {
        var configuration = HTTPServerConfiguration()
        configuration.connectionLimit = 4096
        configuration.bodyBudgetBytes = 64 << 20
        configuration.idleTimeout = .seconds(75)
        configuration.responseDeadline = .seconds(60)
        return configuration
    }

    private static var operatorConfiguration: HTTPServerConfiguration {
        var configuration = HTTPServerConfiguration()
        configuration.threads = 2
        configuration.connectionLimit = 256
        configuration.bodyBudgetBytes = 1 << 20
        configuration.requestDeadline = .seconds(10)
        configuration.responseDeadline = .seconds(60)
        return configuration
    }
}

/// That this process is the one server of a folder, until it ends.
private final class Serving {
    private let file: File

    init(_ folder: FleetFolder) throws {
        let file = try File.open(folder.serverLockFile)
        guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else { throw FleetServerError.isServed(path: folder.path) }
        self.file = file
    }
}
