import CommandLine
import Diagnostics
import FileSystem
import Glibc
import HTTPClient
import RepositoryHTTP
import UpdateFramework
import WallClock

/// `tufclient`: a client of The Update Framework for any repository.
enum TUFClient {
    static let version = "0.1"

    private static let metadataDirectory = Option.optional(
        "metadata-dir",
        .directory,
        summary: "where trusted metadata is kept"
    )
    private static let metadataURL = Option.optional(
        "metadata-url",
        .text.named("URL"),
        summary: "where the repository's metadata is"
    )
    private static let targetNames = Option.repeated(
        "target-name",
        .text.named("PATH"),
        summary: "target to download; may be repeated"
    )
    private static let targetDirectory = Option.optional(
        "target-dir",
        .directory,
        summary: "where downloaded targets go"
    )
    private static let targetURL = Option.optional(
        "target-base-url",
        .text.named("URL"),
        summary: "where the repository's targets are"
    )
    private static let now = Option.optional(
        "now",
        .integer(in: 0...253_402_300_799),
        environment: "TUF_NOW",
        summary: "seconds since 1970 to take for the time, instead of the clock"
    )
    private static let trustedRoot = Argument("ROOT", .path, summary: "root metadata that is trusted")

    static let command = Command(
        "tufclient",
        summary: "fetch signed metadata and targets of a TUF repository",
        discussion: [
            "Options stand before the command. The exit code is 0 or 1, as the public conformance suite of TUF asks."
        ],
        options: [metadataDirectory, metadataURL, targetNames, targetDirectory, targetURL, now],
        subcommands: [
            Command(
                "init",
                summary: "begin with a root that is trusted",
                examples: [Example("Begin.", "tufclient --metadata-dir trusted init 1.root.json")],
                arguments: [trustedRoot],
                exitCodes: [.done, .failed],
                run: initialize
            ),
            Command(
                "refresh",
                summary: "bring the top-level metadata up to date",
                exitCodes: [.done, .failed],
                run: refresh
            ),
            Command(
                "download",
                summary: "bring metadata up to date and download targets",
                exitCodes: [.done, .failed],
                run: download
            ),
        ]
    )

    private static func required<Value>(
        _ option: Option<Value?>,
        _ arguments: ParsedArguments
    ) throws -> Value {
        guard let value = arguments[option] else {
            throw arguments.usageError("\(option.definition.label) is missing")
        }
        return value
    }

    @Sendable private static func initialize(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let store = MetadataDirectory(try required(metadataDirectory, arguments))
        let root = try FileSystem.read(arguments[trustedRoot], limit: UpdateLimits().rootBytes)
        try Updater.trust(root: root, in: store)
        return .done
    }

    @Sendable private static func refresh(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        _ = try refreshed(arguments, terminal, try HTTPClient())
        return .done
    }

    @Sendable private static func download(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let client = try HTTPClient()
        let targets = patient(HTTPTransport(try required(targetURL, arguments), client), terminal)
        let folder = try required(targetDirectory, arguments)
        var updater = try refreshed(arguments, terminal, client)
        let said = updater.notices.count
        defer { for notice in updater.notices.dropFirst(said) { terminal.say(notice) } }
        for name in arguments[targetNames] {
            guard let path = TargetPath(name), let target = try updater.find(path) else {
                throw UpdateError.targetNotFound(path: name)
            }
            let place = FileSystem.join(folder, path.storedName)
            let isNew = try updater.download(target, from: targets, to: place)
            try terminal.writeLine(isNew ? place : "\(place) (unchanged)")
        }
        return .done
    }

    /// A file of metadata is small: who takes this long for it is holding the client up.
    private static let metadataTime = TransferTime(file: .seconds(300), total: .seconds(900))

    /// Waits a minute in all where a server asks for it.
    private static func patient(_ transport: HTTPTransport, _ terminal: Terminal) -> PatientTransport {
        PatientTransport(transport, patience: .seconds(60)) {
            terminal.say($0)
        } wait: {
            sleep(UInt32(clamping: $0.components.seconds))
        }
    }

    private static func refreshed(
        _ arguments: ParsedArguments,
        _ terminal: Terminal,
        _ client: HTTPClient
    ) throws -> Updater {
        let store = MetadataDirectory(try required(metadataDirectory, arguments))
        let metadata = patient(
            HTTPTransport(try required(metadataURL, arguments), client, time: metadataTime),
            terminal
        )
        var updater = try Updater(
            store: store,
            transport: metadata,
            updateStart: UTCTime(seconds: arguments[now].map { Int64($0) } ?? Int64(time(nil)))
        )
        try updater.refresh()
        for notice in updater.notices { terminal.say(notice) }
        return updater
    }
}
