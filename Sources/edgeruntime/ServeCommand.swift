import CommandLine
import Diagnostics
import EdgeRuntime
import Glibc
import UnixSockets

/// `edgeruntime serve`.
enum ServeCommand {
    private static let port = Option(
        "port",
        .integer(in: 0...65535),
        default: 8080,
        summary: "port on 127.0.0.1; 0 takes any that is free"
    )
    private static let listen = Option.optional(
        "listen",
        .text.named("ADDRESS"),
        summary: "address and port to listen on, such as 0.0.0.0:8080 or [::1]:8080"
    )
    private static let socket = Option.optional("socket", .path, summary: "Unix socket to listen on")
    private static let threads = Option.optional(
        "threads",
        .integer(in: 1...64),
        summary: "threads that accept and answer requests; without it one for each processor, at most 4"
    )
    private static let noWarmUp = Option.flag(
        "no-warm-up",
        summary: "answer requests without having checked some of the bundle's samples first"
    )

    private static let controlSocket = Option.optional(
        "control-fd",
        .integer(in: 3...1_048_575),
        summary: "descriptor of a listening control socket: load, then serve when and where it says, for an agent"
    )

    static let command = Command(
        "serve",
        summary: "serve a bundle over HTTP until SIGTERM",
        discussion: [
            "Routes: /v2 (Open Inference Protocol: health, metadata, infer in JSON and binary), /score, / and /metrics. "
                + "Every answer to a scoring request carries an edge-prediction-id.",
            "A socket handed over by systemd (LISTEN_FDS) is used where neither --port, --listen nor --socket is given.",
        ],
        examples: [
            Example("Serve a bundle on the default port", "edgeruntime serve ./digits-tree"),
            Example("Try a model that is not packed yet", "edgeruntime serve model.onnx --port 9000"),
        ],
        arguments: [SharedParameters.bundle],
        options: [port, listen, socket, controlSocket, threads, noWarmUp] + SharedParameters.all,
        exitCodes: [
            .done, .checkFailed, .incompatible, .modelNotLoaded, .dataError, .noInput, .unavailable, .tryAgain,
        ],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        try arguments.refuseTogether(port, listen, socket, controlSocket)
        let bundle = try ServedBundle.load(arguments[SharedParameters.bundle])
        var options = SharedParameters.options(arguments)
        options.warmsUp = !arguments[noWarmUp]
        let processors = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let server = RuntimeServer(
            options,
            address: try arguments[controlSocket] == nil ? address(arguments) : .inherited(descriptor: -1),
            threads: arguments[threads] ?? max(1, min(4, processors)),
            log: SharedParameters.log(terminal)
        )
        if let number = arguments[controlSocket] {
            try server.standBy(bundle, control: Descriptor(adopting: Int32(number)))
        } else {
            try server.run(bundle)
        }
        return .done
    }

    private static func address(_ arguments: ParsedArguments) throws -> ListenAddress {
        let inherited = try inheritedSocket(arguments)
        if let inherited, !arguments.isGiven(port), arguments[listen] == nil, arguments[socket] == nil {
            return .inherited(descriptor: inherited)
        }
        // Whoever connects to it would wait for an answer that never comes.
        if let inherited { close(inherited) }
        if let path = arguments[socket] { return .unix(path: path) }
        if let text = arguments[listen] {
            guard let address = ListenAddress(tcp: text) else {
                throw arguments.usageError("--listen takes an address and a port, such as 0.0.0.0:8080, not \(text)")
            }
            return address
        }
        return .tcp(host: "127.0.0.1", port: UInt16(arguments[port]))
    }

    /// The socket that systemd handed over (sd_listen_fds(3)), if it was meant for this process.
    private static func inheritedSocket(_ arguments: ParsedArguments) throws -> Int32? {
        let variable = { (name: String) in getenv(name).flatMap { Int32(String(cString: $0)) } }
        guard variable("LISTEN_PID") == getpid(), let count = variable("LISTEN_FDS"), count >= 1 else { return nil }
        guard count == 1 else {
            throw arguments.usageError("\(count) sockets were handed over (LISTEN_FDS), but one is listened on")
        }
        return 3
    }
}
