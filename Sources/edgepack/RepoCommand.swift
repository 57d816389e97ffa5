import CommandLine
import Diagnostics
import Digest
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo`.
enum RepoCommand {
    static let command = Command(
        "repo",
        summary: "make and keep a repository of bundles and deployments",
        subcommands: [initCommand, commitCommand]
    )

    // MARK: init

    private static let rootLifetime = lifetime("root-lifetime", default: RegistryPolicy().root, "the root")
    private static let targetsLifetime = lifetime(
        "targets-lifetime",
        default: RegistryPolicy().targets,
        "targets and the roles that it delegates to"
    )
    private static let snapshotLifetime = lifetime(
        "snapshot-lifetime",
        default: RegistryPolicy().snapshot,
        "a snapshot"
    )
    private static let timestampLifetime = lifetime(
        "timestamp-lifetime",
        default: RegistryPolicy().timestamp,
        "a timestamp; the keeper signs a new one within it"
    )
    private static let poll = Option(
        "poll",
        .duration(in: RegistryPolicy.polls),
        default: RegistryPolicy().poll,
        summary: "how often boxes are asked to look for news"
    )

    private static func lifetime(_ name: String, default value: Duration, _ what: String) -> Option<Duration> {
        Option(name, .duration(in: RegistryPolicy.lifetimes), default: value, summary: "how long \(what) is good for")
    }

    private static let initCommand = Command(
        "init",
        summary: "make a repository, and the keys that are missing",
        discussion: [
            "Makes one key file ROLE.pem for each role in KEYDIR, readable by its owner only, or uses those that are "
                + "there. One person may hold all of them at first; docs/repository.md says who should hold which. "
                + "A box's trust begins with metadata/1.root.json: bring it there by a way you trust."
        ],
        examples: [Example("Make a repository", "edgepack repo init repo --keys keys")],
        arguments: [RegistryParameters.repository],
        options: [
            RegistryParameters.keys, rootLifetime, targetsLifetime, snapshotLifetime, timestampLifetime, poll,
            SharedParameters.json,
        ],
        exitCodes: [.dataError, .noInput, .cannotCreate, .ioError, .noPermission],
        run: create
    )

    @Sendable private static func create(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let folder = arguments[RegistryParameters.repository]
        let created = try Registry.create(
            at: folder,
            keys: try RegistryParameters.keys(arguments, terminal),
            policy: RegistryPolicy(
                root: arguments[rootLifetime],
                targets: arguments[targetsLifetime],
                snapshot: arguments[snapshotLifetime],
                timestamp: arguments[timestampLifetime],
                poll: arguments[poll]
            ),
            now: RegistryParameters.now
        )
        terminal.notice("made \(folder) and \(created.newKeys.count) keys in \(arguments[RegistryParameters.keys])")
        terminal.notice("a box trusts it by \(created.rootPath), brought by a way you trust")
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine("sha256:\(created.rootDigest)  \(created.rootPath)")
            return .done
        }
        let value: JSONValue = [
            "repository": .string(folder), "root": .string(created.rootPath),
            "rootDigest": .string(created.rootDigest.hex), "newKeys": .array(created.newKeys.map { .string($0) }),
        ]
        try terminal.write(value, isOneOfSeveral: false)
        return .done
    }

    // MARK: commit

    private static let renew = Option.flag("renew-snapshot", summary: "sign a new snapshot though nothing has changed")

    private static let commitCommand = Command(
        "commit",
        summary: "put into effect what was published, and renew the timestamp",
        discussion: [
            "The keeper's command. Takes the newest version of every role that is signed as it must be, and signs a "
                + "snapshot of them and a timestamp. Run it at least as often as a timestamp is good for: boxes take "
                + "nothing new by an old one."
        ],
        examples: [Example("Renew the timestamp, from a timer", "edgepack repo commit repo --keys keys")],
        arguments: [RegistryParameters.repository],
        options: [RegistryParameters.keys, renew, SharedParameters.json],
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration,
        ],
        run: commit
    )

    @Sendable private static func commit(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            now: RegistryParameters.now
        )
        for (file, reason) in registry.editor.rejected { terminal.warning("\(file) is not used: \(reason)") }
        try registry.requireKeeper(keys)
        let committed = try registry.commit(keys: keys, renewSnapshot: arguments[renew])
        guard case .committed(let timestamp) = committed, let snapshot = registry.editor.snapshot?.body.version else {
            return .failed
        }
        let expires = registry.editor.timestamp?.body.expires.description ?? ""
        if arguments[SharedParameters.json] {
            let value: JSONValue = [
                "timestamp": .integer(timestamp), "snapshot": .integer(snapshot), "expires": .string(expires),
            ]
            try terminal.write(value, isOneOfSeveral: false)
        } else {
            try terminal.writeLine("timestamp \(timestamp) names snapshot \(snapshot), good until \(expires)")
        }
        return .done
    }
}
