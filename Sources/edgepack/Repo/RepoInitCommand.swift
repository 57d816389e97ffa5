import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo init`.
enum RepoInitCommand {
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

    static let command = Command(
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
            RegistryParameters.keys, RegistryParameters.passphraseFile, rootLifetime, targetsLifetime,
            snapshotLifetime, timestampLifetime, poll,
            SharedParameters.json,
        ],
        exitCodes: [.dataError, .noInput, .cannotCreate, .ioError, .noPermission],
        run: create
    )

    @Sendable private static func create(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let place = arguments[RegistryParameters.repository]
        let keys = try RegistryParameters.keys(arguments, terminal)
        let created = try Registry.place(in: try place.storageForNew(), keys: keys) { folder in
            try Registry.create(
                at: folder,
                keys: keys,
                policy: RegistryPolicy(
                    root: arguments[rootLifetime],
                    targets: arguments[targetsLifetime],
                    snapshot: arguments[snapshotLifetime],
                    timestamp: arguments[timestampLifetime],
                    poll: arguments[poll]
                ),
                now: RegistryParameters.now
            )
        }
        terminal.notice("made \(place) and \(created.newKeys.count) keys in \(keys.folder ?? "")")
        terminal.notice("a box trusts it by \(created.rootPath), brought by a way you trust")
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine("sha256:\(created.rootDigest)  \(created.rootPath)")
            return .done
        }
        let value: JSONValue = [
            "repository": .string(place.description), "root": .string(created.rootPath),
            "rootDigest": .string(created.rootDigest.hex), "newKeys": .array(created.newKeys.map { .string($0) }),
        ]
        try terminal.write(value, isOneOfSeveral: false)
        return .done
    }
}
