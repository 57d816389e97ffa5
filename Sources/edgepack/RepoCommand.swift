import CommandLine
import Deployment
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
        subcommands: [initCommand, commitCommand, verifyCommand, exportCommand, rotateCommand, refreshCommand]
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
            keys: keys,
            now: RegistryParameters.now
        )
        for (file, reason) in registry.editor.rejected { terminal.warning("\(file) is not used: \(reason)") }
        try registry.requireKeeper(keys)
        for sentence in try registry.missingBlobs() { terminal.warning(sentence) }
        let committed = try registry.commit(keys: keys, renewSnapshot: arguments[renew])
        for (role, expires) in registry.expiring(before: registry.now.advanced(by: .seconds(30 * 86_400))) {
            terminal.warning("\(role) expires at \(expires); its holder runs `edgepack repo refresh`")
        }
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

    // MARK: verify

    private static let root = Option.optional(
        "root",
        .path.named("FILE"),
        summary: "the root that boxes trust, instead of the repository's own first one"
    )

    private static let verifyCommand = Command(
        "verify",
        summary: "check a whole repository: every role, document and blob",
        discussion: [
            "Reads it as a box does, follows every name in a document to what it names, and reads every blob. Prints "
                + "one line for each thing that is wrong."
        ],
        examples: [Example("Check a repository before it is copied", "edgepack repo verify repo --root trusted.json")],
        arguments: [RegistryParameters.repository],
        options: [root, SharedParameters.json],
        exitCodes: [.checkFailed, .signatureInvalid, .dataError, .noInput, .unavailable, .ioError],
        run: verify
    )

    @Sendable private static func verify(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let check = try RepositoryCheck(
            of: arguments[RegistryParameters.repository],
            root: arguments[root],
            now: RegistryParameters.now
        ) { blob in if terminal.showsProgress { terminal.notice("reading \(blob)") } }
        for note in check.notes { terminal.notice(note) }
        if arguments[SharedParameters.json] {
            let problems = check.problems.map { ["path": .string($0.path), "problem": .string($0.text)] as JSONValue }
            let value: JSONValue = [
                "documents": .integer(check.documents), "blobs": .integer(check.blobs),
                "blobBytes": .integer(check.blobBytes), "problems": .array(problems),
                "notes": .array(check.notes.map { .string($0) }),
            ]
            try terminal.write(value, isOneOfSeveral: false)
            return check.exitCode
        }
        for problem in check.problems { try terminal.writeLine("\(problem.path): \(problem.text)".printable()) }
        if check.problems.isEmpty {
            let size = Quantity.readable(bytes: check.blobBytes)
            try terminal.writeLine(
                "\(terminal.styled("ok", .good)): \(check.documents) documents, \(check.blobs) blobs of \(size)"
            )
        }
        return check.exitCode
    }

    // MARK: export

    private static let bundle = Option.required(
        "bundle",
        RegistryParameters.bundle,
        summary: "what is to be installed from it"
    )
    private static let platform = Option.optional(
        "platform",
        .text.named("PLATFORM"),
        summary: "one of the bundle's platforms; without it all"
    )
    private static let channel = Option.optional(
        "channel",
        .choice(of: Channel.allCases).named("CHANNEL"),
        summary: "whose deployments come along; without it those of all channels"
    )
    private static let destination = Option.required(
        "to",
        .path.named("DIR|FILE"),
        summary: "folder to make, or with a name that ends in .tar.zst one portable file"
    )

    private static let exportCommand = Command(
        "export",
        summary: "take a bundle and all that signs it to boxes without a network",
        discussion: [
            "Metadata and deployments come along, verified, so that a box decides by them as it would online. A folder "
                + "holds all platforms of the bundle; a portable file holds one, with its signatures and the metadata "
                + "behind it, and is still a bundle file for every other command. Metadata expires there as here."
        ],
        examples: [
            Example(
                "Onto a stick",
                "edgepack repo export repo --bundle digits@2 --channel prod --to /media/stick/edge"
            ),
            Example(
                "As one file",
                "edgepack repo export repo --bundle digits@2 --channel prod --to digits-2.bundle.tar.zst"
            ),
        ],
        arguments: [RegistryParameters.repository],
        options: [bundle, platform, channel, destination, SharedParameters.json],
        exitCodes: [.signatureInvalid, .dataError, .noInput, .unavailable, .cannotCreate, .ioError, .noPermission],
        run: export
    )

    @Sendable private static func export(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let export = try RepositoryExport(
            of: arguments[RegistryParameters.repository],
            bundle: arguments[bundle],
            platform: arguments[platform],
            channel: arguments[channel],
            now: RegistryParameters.now
        )
        let path = arguments[destination]
        if path.hasSuffix(".tar.zst") {
            try export.write(toFile: path)
        } else {
            try export.write(toFolder: path)
        }
        for bundle in export.bundles {
            let location = bundle.location
            terminal.notice("\(location.name)@\(location.version) for \(location.platform)")
        }
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine(path)
            return .done
        }
        let digests = JSONValue.array(export.bundles.map { .string($0.digest.hex) })
        try terminal.write(["path": .string(path), "bundles": digests], isOneOfSeveral: false)
        return .done
    }

    // MARK: rotate

    private static let roleType = ValueType<RegistryRole>(
        placeholder: "ROLE",
        completion: .choices(RegistryRole.all.map(\.text)),
        read: { (text: String) throws(InvalidValue) in
            guard let role = RegistryRole(text) else {
                let names = RegistryRole.all.map(\.text)
                let nearest = NearestName.nearest(to: text, among: names)
                throw InvalidValue(text, "is not one of \(names.joined(separator: ", "))", nearest: nearest)
            }
            return role
        },
        show: { $0.text }
    )
    private static let role = Option.required(
        "role",
        roleType,
        summary: "whose key is replaced"
    )

    private static let restore = Option.flag(
        "restore",
        summary: "of targets: also trust exactly the roles of a new repository again, by the ROLE.pub in KEYDIR"
    )

    private static let rotateCommand = Command(
        "rotate",
        summary: "give a role a new key, so that the old one counts no more",
        discussion: [
            "For a key that was stolen, or may have been, or that its holder leaves with. Needs the key of root for a "
                + "top-level role, of targets for the others. The old key is kept as ROLE.retired-N.pem. What the old "
                + "key signed and the keeper had not committed is dropped; look through what it had."
        ],
        examples: [
            Example("After the build server's key was stolen", "edgepack repo rotate repo --role bundles --keys keys")
        ],
        arguments: [RegistryParameters.repository],
        options: [role, restore, RegistryParameters.keys, SharedParameters.json],
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .cannotCreate, .ioError, .tryAgain, .noPermission, .configuration,
        ],
        run: rotate
    )

    @Sendable private static func rotate(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            keys: keys,
            now: RegistryParameters.now
        )
        guard !arguments[restore] || arguments[role] == .targets else {
            throw arguments.usageError("--restore goes with --role targets")
        }
        let rotated = try registry.rotate(arguments[role], keys: keys, restoringDelegations: arguments[restore])
        for (file, reason) in registry.editor.rejected { terminal.warning("\(file) is not used: \(reason)") }
        terminal.notice("the old key of \(arguments[role].text) is in \(rotated.retiredKey)")
        let outcome = try RegistryParameters.commit(&registry, keys, terminal, renewSnapshot: true)
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine(rotated.newKey)
            return .done
        }
        let value: JSONValue = [
            "role": .string(arguments[role].text), "key": .string(rotated.newKey),
            "retiredKey": .string(rotated.retiredKey), "isCommitted": .boolean(outcome.isCommitted),
        ]
        try terminal.write(value, isOneOfSeveral: false)
        return .done
    }

    // MARK: refresh

    private static let refreshed = Option.required(
        "role",
        roleType,
        summary: "whose content is signed anew"
    )

    private static let refreshCommand = Command(
        "refresh",
        summary: "sign a role's present content anew before it expires",
        examples: [Example("Before a year is over", "edgepack repo refresh repo --role bundles --keys keys")],
        arguments: [RegistryParameters.repository],
        options: [refreshed, RegistryParameters.keys, SharedParameters.json],
        exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration],
        run: refresh
    )

    @Sendable private static func refresh(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            keys: keys,
            now: RegistryParameters.now
        )
        let role = arguments[refreshed]
        try registry.refresh(role, keys: keys)
        let outcome = try RegistryParameters.commit(&registry, keys, terminal, renewSnapshot: role == .snapshot)
        if arguments[SharedParameters.json] {
            let value: JSONValue = ["role": .string(role.text), "isCommitted": .boolean(outcome.isCommitted)]
            try terminal.write(value, isOneOfSeveral: false)
        } else {
            try terminal.writeLine(role.text)
        }
        return .done
    }
}
