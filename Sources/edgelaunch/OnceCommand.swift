import CommandLine
import Containment
import Diagnostics
import RuntimeLaunch
import UnixSockets

/// `edgelaunch once`.
enum OnceCommand {
    private static let descriptor = Option.required(
        "fd",
        .integer(in: 3...1023),
        summary: "connected socket that the one request comes over"
    )

    static let command = Command(
        "once",
        summary: "start one runtime for the process that started this one, with its own rights",
        discussion: [
            "The runtime gets a session of its own and no death signal: it lives on when this program and the agent end."
        ],
        examples: [
            Example("As the agent starts it", "edgelaunch once --fd 3 --store /var/lib/edgeagent")
        ],
        options: [descriptor] + SharedParameters.all,
        exitCodes: [.done, .failed, .usage, .noInput, .unavailable, .configuration],
        run: run
    )

    /// How long a request may take to come.
    private static let requestMilliseconds = 10_000

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let settings = try SharedParameters.settings(arguments, staysRoot: true, trustsOwnFoldersOnly: false)
        let connection = MessageConnection(adopting: Descriptor(adopting: Int32(arguments[descriptor])))
        guard
            let message = try connection.receive(
                limit: LaunchRequest.messageLimit,
                milliseconds: requestMilliseconds
            )
        else { throw LauncherError.noSocket(Int32(arguments[descriptor])) }
        let reply = Launcher(settings).answer(message.bytes, descriptors: message.descriptors.map(\.number))
        try connection.send(reply.message, milliseconds: requestMilliseconds)
        guard case .started = reply else { return .failed }
        return .done
    }
}
