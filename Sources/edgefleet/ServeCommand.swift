import CommandLine
import Diagnostics
import Fleet
import FleetProtocol
import Glibc
import UnixSockets

/// `edgefleet serve`.
enum ServeCommand {
    private static let listen = Option(
        "listen",
        .text.named("ADDRESS"),
        default: FleetPlace.defaultListen,
        summary: "address and port that boxes come to, such as 0.0.0.0:7443; port 0 takes any that is free"
    )
    private static let dashboard = Option(
        "dashboard",
        .text.named("ADDRESS"),
        default: "127.0.0.1:7080",
        summary: "where the dashboard is: a loopback address and port, or the path of a Unix socket"
    )
    private static let url = Option.optional(
        "url",
        .text.named("URL"),
        summary: "what boxes call this server, such as https://fleet.example.com:7443; tokens name it"
    )
    private static let interval = Option(
        "interval",
        .duration(in: .seconds(1) ... .seconds(86_400)),
        default: .seconds(FleetLimits.defaultInterval),
        summary: "how often boxes are to check in where nothing changes"
    )
    private static let lifetime = Option(
        "certificate-lifetime",
        .duration(in: .seconds(10) ... .seconds(10 * 366 * 86_400)),
        default: .seconds(30 * 86_400),
        summary: "how long the certificates are valid that boxes get"
    )
    private static let threads = Option.optional(
        "threads",
        .integer(in: 1...64),
        summary: "threads that serve boxes; without it one for each processor, at most 4"
    )

    static let command = Command(
        "serve",
        summary: "serve a fleet until SIGTERM: boxes report here, operators look here",
        discussion: [
            "Two servers in one process. Boxes come over TLS and show a certificate of this fleet's own authority; "
                + "`edgefleet token create` makes what a box needs to get one. The dashboard asks nobody who they are, so "
                + "it listens on this machine alone: come over `ssh -L 7080:127.0.0.1:7080 HOST`, or through a reverse "
                + "proxy that asks for a login.",
            "What a box sends is acknowledged once it is on disk. SIGTERM ends the server when what has begun is "
                + "answered; kill -9 loses nothing that was acknowledged.",
        ],
        examples: [
            Example("Try it on this machine", "edgefleet serve --data ./fleet"),
            Example(
                "For boxes in the network",
                "edgefleet serve --data /var/lib/edgefleet --listen 0.0.0.0:7443 --url https://fleet.example.com:7443"
            ),
        ],
        options: [FleetParameters.data, listen, dashboard, url, interval, lifetime, threads],
        exitCodes: [
            .done, .usage, .dataError, .noInput, .unavailable, .cannotCreate, .ioError, .tryAgain, .noPermission,
            .configuration,
        ],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        // Before any other thread is there.
        let signals = try SignalDescriptor([SIGTERM, SIGINT])
        raiseDescriptorLimit()
        var settings = FleetServerSettings()
        guard let address = ListenAddress(tcp: arguments[listen]) else {
            throw arguments.usageError(
                "--listen takes an address and a port, such as 0.0.0.0:7443, not \(arguments[listen])"
            )
        }
        guard let dashboardAddress = ListenAddress(arguments[dashboard]) else {
            throw arguments.usageError(
                "--dashboard takes an address and a port or the path of a socket, not \(arguments[dashboard])"
            )
        }
        settings.listen = address
        settings.dashboard = dashboardAddress
        settings.url = arguments[url].map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        settings.interval = Int(arguments[interval].components.seconds)
        settings.certificateLifetimeSeconds = arguments[lifetime].components.seconds
        settings.threads = arguments[threads] ?? max(1, min(4, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
        settings.log = { terminal.notice($0) }
        let server = try FleetServer(try FleetParameters.folder(arguments), settings)
        terminal.notice("boxes: \(server.url), listening on \(server.deviceAddress)")
        switch server.dashboardAddress {
        case .tcp?: terminal.notice("dashboard: http://\(server.dashboardAddress?.description ?? "")/")
        case let socket?: terminal.notice("dashboard: \(socket)")
        case nil: break
        }
        if case .tcp(let host, _) = address, ["0.0.0.0", "::"].contains(host), arguments[url] == nil {
            terminal.warning("boxes on other machines need --url: tokens name \(server.url)")
        }
        try server.run(until: signals)
        terminal.notice("ended")
        return .done
    }

    /// A box keeps its connection for a while, so there may be thousands.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 65_536))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
