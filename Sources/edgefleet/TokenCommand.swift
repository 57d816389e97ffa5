import CommandLine
import Deployment
import Diagnostics
import Digest
import FileSystem
import Fleet
import FleetProtocol
import JSON
import WallClock

/// `edgefleet token`.
enum TokenCommand {
    static let command = Command(
        "token",
        summary: "let boxes join the fleet",
        subcommands: [TokenCreateCommand.command, list, revoke]
    )

    private static let list = Command(
        "list",
        summary: "show which tokens there are, and how much of each is left",
        discussion: ["Of a token's secret the fleet keeps a digest only, so that none can be shown again."],
        examples: [Example("What may still enrol", "edgefleet token list --data fleet")],
        options: [FleetParameters.data, FleetParameters.json],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: { arguments, terminal in
            let tokens = try FleetParameters.store(arguments).tokens()
            let now = FleetParameters.now
            if arguments[FleetParameters.json] {
                try Printing.json(["tokens": .array(tokens.map { json($0, now: now) })], terminal)
                return .done
            }
            var table = TextTable([
                .number("TOKEN"), .text("STATE"), .number("LEFT"), .number("OF"), .text("EXPIRES"), .text("BY"),
                .text("GIVES"),
            ])
            for token in tokens {
                table.add(
                    String(token.id),
                    state(token, now: now),
                    String(token.usesLeft),
                    String(token.uses),
                    token.expires.description,
                    Printing.short(token.createdBy, 20),
                    Printing.short(gifts(token), 200)
                )
            }
            try terminal.write(table.rendered())
            return .done
        }
    )

    private static let number = Argument("TOKEN", .integer(in: 1...Int.max), summary: "its number, as list shows it")

    private static let revoke = Command(
        "revoke",
        summary: "let nothing more enrol with a token",
        discussion: ["Devices that have enrolled with it stay enrolled: `edgefleet device revoke` is for those."],
        examples: [Example("One that went astray", "edgefleet token revoke 3 --reason 'sent by mail' --data fleet")],
        arguments: [number],
        options: [FleetParameters.reason, FleetParameters.data],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: { arguments, terminal in
            try FleetParameters.store(arguments).revokeToken(
                Int64(arguments[number]),
                by: FleetParameters.actor,
                reason: arguments[FleetParameters.reason],
                at: FleetParameters.now
            )
            terminal.notice("token \(arguments[number]) is good for nothing any more")
            return .done
        }
    )

    static func state(_ token: TokenRecord, now: UTCTime) -> String {
        if token.isRevoked { return "revoked" }
        if token.usesLeft <= 0 { return "used up" }
        return token.expires <= now ? "expired" : "good"
    }

    /// What a box gets by it, besides its certificate.
    static func gifts(_ token: TokenRecord) -> String {
        var gifts: [String] = []
        if let channel = token.channel { gifts.append("channel \(channel.rawValue)") }
        if !token.labels.isEmpty { gifts.append(Printing.labels(token.labels)) }
        if let repository = token.repository { gifts.append("updates from \(repository)") }
        return gifts.joined(separator: ", ")
    }

    static func json(_ token: TokenRecord, now: UTCTime) -> JSONValue {
        [
            "id": .integer(token.id), "state": .string(state(token, now: now)),
            "created": .string(token.created.description), "createdBy": .string(token.createdBy),
            "expires": .string(token.expires.description), "uses": .integer(token.uses),
            "usesLeft": .integer(token.usesLeft),
            "channel": token.channel.map { .string($0.rawValue) } ?? .null,
            "repository": token.repository.map { .string($0) } ?? .null,
            "root": token.rootDigest.map { .string($0.hex) } ?? .null, "labels": .labels(token.labels),
        ]
    }
}

/// `edgefleet token create`.
enum TokenCreateCommand {
    private static let uses = Option(
        "uses",
        .integer(in: 1...100_000),
        default: 1,
        summary: "how many devices may enrol with it"
    )
    private static let expires = Option(
        "expires",
        .duration(in: .seconds(60) ... .seconds(366 * 86_400)),
        default: .seconds(86_400),
        summary: "how long it is good for"
    )
    private static let label = Option.repeated(
        "label",
        FleetParameters.label,
        summary: "a label that the device gets"
    )
    private static let channel = Option.optional(
        "channel",
        .choice(of: Channel.allCases).named("CHANNEL"),
        summary: "whose deployments the box is to follow"
    )
    private static let repository = Option.optional(
        "repository",
        .text.named("URL|DIR"),
        summary: "where the box gets its updates from"
    )
    private static let root = Option.optional(
        "root",
        .path,
        summary:
            "the repository's root metadata that the box is to trust first; without it that of a folder's --repository"
    )
    private static let server = Option.optional(
        "server",
        .text.named("URL"),
        summary: "where boxes reach the server; without it as the server was last started"
    )

    static let command = Command(
        "create",
        summary: "make a token that a box enrols with, and print it",
        discussion: [
            "The token alone goes to standard output, so that a script can take it; what it allows goes to standard "
                + "error. It is a secret until it is used up or has expired, and can't be shown again.",
            "It names the server, the authority that the server is known by, and the root that the repository is known "
                + "by: a box that has it needs to be told nothing else, and takes neither from anybody else.",
        ],
        examples: [
            Example("For one box, good for a day", "edgefleet token create --data fleet"),
            Example(
                "For a shelf of boxes that begin with a repository",
                "edgefleet token create --uses 20 --channel prod --repository repo --label site=oslo --data fleet"
            ),
        ],
        options: [
            uses, expires, label, channel, repository, root, server, FleetParameters.data, FleetParameters.json,
        ],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let folder = try FleetParameters.folder(arguments)
        let now = FleetParameters.now
        let place = try FleetPlace.read(folder)
        let url = arguments[server] ?? place?.url ?? FleetPlace.defaultURL
        let host = try FleetPlace.host(of: url)
        let (updates, rootBytes) = try updates(arguments)
        let authority = try FleetAuthority.open(folder, at: now)
        let store = try FleetStore(folder: folder)
        // The root is in its place before a token names it.
        let rootDigest = try rootBytes.map { try keep(root: $0, in: folder) }
        let token = EnrolmentToken(
            server: url,
            authority: authority.fingerprint,
            root: rootDigest,
            secret: secret()
        )
        // What is printed is what a box can read; a server's name can be too long for it.
        _ = try EnrolmentToken(token.text)
        let record = try store.createToken(
            TokenRecord(
                created: now,
                createdBy: FleetParameters.actor,
                expires: now.advanced(by: arguments[expires]),
                uses: arguments[uses],
                channel: arguments[channel],
                repository: updates,
                rootDigest: rootDigest,
                labels: FleetParameters.labels(arguments[label])
            ),
            secretDigest: SHA256.digest(token.secret.utf8),
            by: FleetParameters.actor,
            at: now
        )
        if arguments[FleetParameters.json] {
            guard case .object(var object) = TokenCommand.json(record, now: now) else { return .software }
            object["token"] = .string(token.text)
            object["server"] = .string(url)
            try Printing.json(.object(object), terminal)
        } else {
            try terminal.writeLine(token.text)
        }
        explain(record, url: url, host: host, isServed: place != nil, isServerGiven: arguments[server] != nil, terminal)
        return .done
    }

    private static func explain(
        _ record: TokenRecord,
        url: String,
        host: String,
        isServed: Bool,
        isServerGiven: Bool,
        _ terminal: Terminal
    ) {
        terminal.notice(
            "token \(record.id): \(Printing.count(record.uses, "device")) may enrol at \(url) until \(record.expires)"
        )
        let gifts = TokenCommand.gifts(record)
        if !gifts.isEmpty { terminal.notice("with it a box gets: \(gifts)") }
        if record.repository != nil, record.rootDigest == nil {
            terminal.warning(
                "the token names no root, so that each box must be told --root: give it here to spare that"
            )
        }
        if !isServed, !isServerGiven {
            terminal.warning(
                "no server has run in this folder yet, so \(url) is a guess: --server says where it will be"
            )
        }
        if host == "localhost" || host.hasPrefix("127.") || host == "::1" {
            terminal.notice(
                "\(host) is this machine alone: for other boxes start `edgefleet serve` with --listen and --url"
            )
        }
        terminal.notice("on the box: edgeagent enroll --token TOKEN")
    }

    /// 32 bytes of the kernel's, as the 64 digits that a token has.
    private static func secret() -> String {
        var source = SystemRandomNumberGenerator()
        let bytes = (0..<SHA256Digest.length).map { _ in UInt8.random(in: .min ... .max, using: &source) }
        return bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 2 ? digits : "0" + digits
        }.joined()
    }

    /// The root that a token names, where the server finds it for whoever enrols.
    private static func keep(root bytes: [UInt8], in folder: FleetFolder) throws -> SHA256Digest {
        let digest = SHA256.digest(bytes)
        let path = folder.root(digest)
        if try FileSystem.status(of: path) == nil {
            try FileSystem.createDirectories(FileSystem.parent(of: path))
            try FileSystem.write(bytes, to: path)
        }
        return digest
    }

    /// Where a box's updates come from, and the root to begin with.
    private static func updates(_ arguments: ParsedArguments) throws -> (repository: String?, root: [UInt8]?) {
        let given = arguments[repository]
        var folder: String?
        if let given, !given.contains("://") {
            folder = try FileSystem.resolve(given)
        } else if let given {
            try check(url: given, arguments)
        }
        var path = arguments[root]
        // Every newer root is signed by the one before, so that a box finds its way from the first.
        if path == nil, let folder { path = FileSystem.join(folder, "metadata/1.root.json") }
        return (folder ?? given, try path.map { try readRoot($0) })
    }

    private static func check(url: String, _ arguments: ParsedArguments) throws {
        let isHTTP = url.hasPrefix("https://") || url.hasPrefix("http://")
        guard isHTTP, url.utf8.count <= 1_024, url.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw arguments.usageError("--repository takes a folder or an http:// or https:// address")
        }
    }

    /// What an answer to an enrolment has room for.
    private static let rootLimitBytes = 512 << 10

    private static func readRoot(_ path: String) throws -> [UInt8] {
        let bytes = try FileSystem.read(path, limit: rootLimitBytes)
        let limits = JSONLimits(bytes: rootLimitBytes)
        guard let value = try? JSONValue.parse(bytes, limits: limits),
            value["signed"]?["_type"]?.stringValue == "root"
        else { throw NoRoot(path: path) }
        return bytes
    }
}

/// A file that is no root metadata.
private struct NoRoot: ExplainedError {
    let path: String

    var message: String { "\(path) is no root metadata of a repository" }
    var hint: String? { "REPO/metadata/1.root.json is one" }
    var exitCode: ExitCode { .dataError }
}
