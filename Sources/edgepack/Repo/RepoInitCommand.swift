import CommandLine
import Crypto
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

    private static let keyType = Option(
        "key-type",
        .choice,
        default: KeyType.p256,
        summary: "what kind of keys are made"
    )
    private static let thresholds = Option.repeated(
        "threshold",
        RoleThreshold.value,
        summary: "how many keys of a role must sign, where that is not one"
    )
    private static let holders = Option.repeated(
        "key",
        RoleKeyFile.value,
        summary: "the public key of somebody who holds a role, with their name; that role's key is then not made"
    )

    static let command = Command(
        "init",
        summary: "make a repository, and the keys that are missing",
        discussion: [
            "Makes one key file ROLE.pem for each role in KEYDIR, readable by its owner only, or uses those that are "
                + "there. One person may hold all of them at first; docs/repository.md says who should hold which. "
                + "A box's trust begins with metadata/1.root.json: bring it there by a way you trust.",
            "Roles whose keys others hold get them with --key. Where their signatures are needed before the repository "
                + "can begin, it is made of proposals: they sign them with `repo sign`, and `repo commit` brings it to life.",
        ],
        examples: [
            Example("Make a repository", "edgepack repo init repo --keys keys"),
            Example(
                "Make one whose root two of three people have to sign",
                "edgepack repo init repo --keys keys --key root=alice=alice.pub --key root=bob=bob.pub "
                    + "--key root=carol=carol.pub --threshold root=2"
            ),
        ],
        arguments: [RegistryParameters.repository],
        options: [
            RegistryParameters.keys, RegistryParameters.passphraseFile, keyType, holders, thresholds, rootLifetime,
            targetsLifetime, snapshotLifetime, timestampLifetime, poll, SharedParameters.json,
        ],
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .unavailable, .cannotCreate, .ioError, .noPermission,
        ],
        run: create
    )

    private static func policy(_ arguments: ParsedArguments) -> RegistryPolicy {
        RegistryPolicy(
            root: arguments[rootLifetime],
            targets: arguments[targetsLifetime],
            snapshot: arguments[snapshotLifetime],
            timestamp: arguments[timestampLifetime],
            poll: arguments[poll]
        )
    }

    private static func founding(_ arguments: ParsedArguments) throws -> FoundingKeys {
        var founding = FoundingKeys(type: arguments[keyType])
        for holder in arguments[holders] { founding.keys[holder.role, default: []].append(try holder.file.key()) }
        for threshold in arguments[thresholds] {
            guard founding.thresholds.updateValue(threshold.count, forKey: threshold.role) == nil else {
                throw arguments.usageError("--threshold \(threshold.role.text) is given twice")
            }
        }
        return founding
    }

    @Sendable private static func create(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let place = arguments[RegistryParameters.repository]
        let founding = try founding(arguments)
        let keys = try RegistryParameters.keys(arguments, terminal)
        let created = try Registry.place(in: try place.storageForNew(), keys: keys) { folder in
            try Registry.create(
                at: folder,
                keys: keys,
                policy: policy(arguments),
                founding: founding,
                now: RegistryParameters.now
            )
        }
        terminal.notice("made \(place) and \(created.newKeys.count) keys in \(keys.folder ?? "")")
        tellWhatIsLeft(created, place, terminal)
        guard arguments[SharedParameters.json] else {
            for waiting in created.waiting { try terminal.writeLine("\(place)/\(waiting.place)") }
            if let root = created.rootPath, let digest = created.rootDigest {
                try terminal.writeLine("sha256:\(digest)  \(root)")
            }
            return .done
        }
        let value: JSONValue = [
            "repository": .string(place.description), "root": created.rootPath.map { .string($0) } ?? .null,
            "rootDigest": created.rootDigest.map { .string($0.hex) } ?? .null,
            "newKeys": .array(created.newKeys.map { .string($0) }),
            "proposals": .array(
                created.waiting.map { waiting in
                    [
                        "proposal": .string("\(place)/\(waiting.place)"), "role": .string(waiting.standing.role.text),
                        "version": .integer(waiting.standing.version),
                        "missing": .array(waiting.standing.wanted.map { .string($0.label) }),
                    ]
                }
            ),
            "lacking": .array(created.lacking.map { .string($0) }),
        ]
        try terminal.write(value, isOneOfSeveral: false)
        return .done
    }

    private static func tellWhatIsLeft(_ created: Registry.Created, _ place: RepositoryPlace, _ terminal: Terminal) {
        guard let root = created.rootPath else {
            for sentence in created.waiting.flatMap(\.sentences) { terminal.notice(sentence) }
            terminal.notice(
                "its holders sign each proposal, `edgepack repo sign FILE --keys KEYDIR`; then "
                    + "`edgepack repo commit \(place) --keys KEYDIR` brings the repository to life"
            )
            return
        }
        terminal.notice("a box trusts it by \(root), brought by a way you trust")
        guard !created.lacking.isEmpty else { return }
        terminal.notice(
            "not in effect yet: the keys of \(created.lacking.joined(separator: " and ")) are not here; their holder runs "
                + "`edgepack repo commit \(place) --keys KEYDIR`"
        )
    }
}
