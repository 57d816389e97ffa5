import CommandLine
import Containment
import Diagnostics
import Glibc
import RuntimeLaunch
import UnixSockets

/// `edgelaunch serve`.
enum ServeCommand {
    private static let socket = Option.optional("socket", .path, summary: "Unix socket to listen on")
    private static let descriptor = Option.optional(
        "fd",
        .integer(in: 3...1023),
        summary: "listening socket that systemd has handed over"
    )
    private static let agent = Option.optional(
        "uid",
        .text.named("USER"),
        summary: "the only user that is served, by name or number; without it the store's owner"
    )

    static let command = Command(
        "serve",
        summary: "start runtimes for the agent until SIGTERM; runtimes stay",
        examples: [
            Example(
                "Beside an agent that is not root",
                "edgelaunch serve --socket /run/edgelaunch --store /var/lib/edgeagent --user edge-runtime"
            )
        ],
        options: [socket, descriptor, agent] + SharedParameters.all,
        exitCodes: [.done, .usage, .noInput, .unavailable, .tryAgain, .noPermission, .configuration],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        try arguments.refuseTogether(socket, descriptor)
        let settings = try SharedParameters.settings(
            arguments,
            staysRoot: false,
            trustsOwnFoldersOnly: geteuid() == 0
        )
        let agentUser = try agentUser(arguments, store: settings.store)
        let listener: MessageListener
        if let path = arguments[socket] {
            listener = try MessageListener(path: path, mode: 0o600)
            // Root's socket, opened to the agent alone.
            if geteuid() == 0 { chown(path, agentUser, uid_t.max) }
        } else if let number = arguments[descriptor] {
            listener = try MessageListener(adopting: Descriptor(adopting: Int32(number)))
        } else {
            throw arguments.usageError("--socket or --fd is needed: where do requests come from?")
        }
        let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGCHLD])
        let server = LaunchServer(
            launcher: Launcher(settings),
            listener: listener,
            agentUser: agentUser,
            notice: { terminal.notice($0) }
        )
        try server.run(until: signals)
        listener.close(removingFile: true)
        return .done
    }

    private static func agentUser(_ arguments: ParsedArguments, store: String) throws -> UInt32 {
        guard let name = arguments[agent] else {
            guard let owner = Accounts.owner(of: store) else { throw LauncherError.noStore(store, code: errno) }
            return owner
        }
        guard let user = Accounts.user(name) else { throw LauncherError.noAgent(name) }
        return user.user
    }
}
