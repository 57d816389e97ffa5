import AgentSync
import CommandLine
import Deployment
import Diagnostics
import EdgeAgent
import FileSystem
import FleetProtocol
import JSON
import WallClock

/// `edgeagent-sync enroll`.
enum EnrollCommand {
    private static let token = Option.optional(
        "token",
        .text.named("TOKEN"),
        summary: "what `edgefleet token create` printed; - reads it from standard input"
    )
    private static let tokenFile = Option.optional("token-file", .path, summary: "a file that holds the token")

    static let command = Command(
        "enroll",
        summary: "join a fleet: get a certificate for a key of this box, and be set up",
        discussion: [
            "The token names the fleet's server, the digest of its authority, and a secret. The server is believed only by "
                + "that digest. The key is made here and never leaves the box.",
            "What the box was told by options, by its file or before counts more than what the fleet says; the fleet "
                + "fills the gaps. Cut off at any moment, the same command goes on, and uses no second token up.",
        ],
        examples: [
            Example(
                "Join, and serve digits",
                "edgeagent-sync enroll --token-file token.txt --endpoint digits=127.0.0.1:8080"
            )
        ],
        options: [SharedParameters.store, token, tokenFile] + ConfigureCommand.boxOptions,
        exitCodes: [
            .configuration, .noInput, .dataError, .signatureInvalid, .unavailable, .tryAgain, .noPermission, .ioError,
        ],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let given = try ConfigureCommand.settings(arguments)
        return try SharedParameters.report(terminal) {
            let layout = SharedParameters.layout(arguments)
            let result = try BoxEnrolment.enrol(
                try EnrolmentToken(try text(arguments)),
                try ConfigureCommand.told(given, arguments, layout),
                layout
            )
            for notice in result.notices { terminal.notice(notice) }
            terminal.notice(
                "\(layout.root): box \(result.settings.device) is of the fleet of \(result.settings.server), with a "
                    + "certificate until \(result.expiry)"
            )
            return .done([
                "channel": .string(result.box.channel.rawValue), "device": .string(result.settings.device.text),
                "expires": .string(result.expiry.description), "rootVersion": .integer(result.rootVersion),
                "server": .string(result.settings.server),
            ])
        }
    }

    /// The words of the token. They are secret: they are in no message.
    private static func text(_ arguments: ParsedArguments) throws -> String {
        let limit = 4096
        let bytes: [UInt8]
        switch (arguments[token], arguments[tokenFile]) {
        case (nil, nil): throw arguments.usageError("--token or --token-file is needed")
        case (.some, .some): throw arguments.usageError("--token and --token-file say the same thing")
        case (nil, let path?): bytes = try FileSystem.read(path, limit: limit)
        case ("-"?, nil): bytes = try FileSystem.readStandardInput(limit: limit)
        case (let text?, nil): bytes = Array(text.utf8)
        }
        let isBlank = { (byte: UInt8) in byte <= 0x20 }
        let trimmed = bytes.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
        return String(decoding: Array(trimmed), as: UTF8.self)
    }
}
