import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo commit`.
enum RepoCommitCommand {
    private static let proposals = Option.repeated(
        "proposal",
        .path.named("FILE"),
        summary: "a proposal that has to be taken, or a copy of one that was signed apart"
    )
    private static let renew = Option.flag("renew-snapshot", summary: "sign a new snapshot though nothing has changed")

    static let command = Command(
        "commit",
        summary: "put into effect what was published, and renew the timestamp",
        discussion: [
            "The keeper's command. Takes what is proposed and signed by all who must, then the newest version of every "
                + "role that is signed as it must be, and signs a snapshot of them and a timestamp. Run it at least as "
                + "often as a timestamp is good for: boxes take nothing new by an old one.",
            "Proposals that lack signatures stay and are named; one that --proposal names has to be complete. One that "
                + "changes a role's keys stays until the role's content, proposed beside it, is signed by the new ones, "
                + "unless --proposal names it.",
            "Where a role has to be signed anew after a change of keys, what is in effect is renewed and nothing new "
                + "comes into effect; the command then ends with 11.",
        ],
        examples: [
            Example("Renew the timestamp, from a timer", "edgepack repo commit repo --keys keys"),
            Example(
                "Put a root into effect that was signed in two copies",
                "edgepack repo commit repo --keys keys --proposal alice/3.root.json --proposal bob/3.root.json"
            ),
        ],
        arguments: [RegistryParameters.repository],
        options: [proposals, renew, SharedParameters.json] + RegistryParameters.signing,
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration,
        ],
        run: commit
    )

    @Sendable private static func commit(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        let given = try arguments[proposals].map { try RegistryParameters.proposal($0).given }
        var registry = try open(arguments[RegistryParameters.repository], given, keys, terminal)
        let taken = try registry.takeProposals(given)
        for entry in taken.taken { terminal.notice("took \(entry.role) version \(entry.version)") }
        for waiting in taken.waiting { for sentence in waiting.sentences { terminal.notice("left: \(sentence)") } }
        for entry in taken.left { terminal.warning("\(entry.place) is not taken: \(entry.reason)") }
        for (file, reason) in registry.editor.rejected { terminal.warning("\(file) is not used: \(reason)") }
        try registry.requireKeeper(keys)
        for sentence in try registry.missingBlobs() { terminal.warning(sentence) }
        let committed = try registry.commit(keys: keys, renewSnapshot: arguments[renew])
        for (role, expires) in registry.expiring(before: registry.now.advanced(by: .seconds(30 * 86_400))) {
            terminal.warning("\(role) expires at \(expires); its holder runs `edgepack repo refresh`")
        }
        guard let timestamp = registry.editor.timestamp?.body, let snapshot = registry.editor.snapshot?.body.version
        else { return .failed }
        var unsigned: [String: String] = [:]
        if case .renewed(_, let roles) = committed { unsigned = roles }
        for (role, reason) in unsigned.sorted(by: { $0.key < $1.key }) {
            terminal.warning("nothing new is in effect: \(role) has to be signed anew: \(reason)")
        }
        if arguments[SharedParameters.json] {
            let value: JSONValue = [
                "timestamp": .integer(timestamp.version), "snapshot": .integer(snapshot),
                "expires": .string(timestamp.expires.description),
                "taken": .array(taken.taken.map { ["role": .string($0.role), "version": .integer($0.version)] }),
                "waiting": .array(taken.waiting.map { RegistryParameters.json($0.standing) }),
                "left": .array(taken.left.map { ["proposal": .string($0.place), "reason": .string($0.reason)] }),
                "unsigned": .array(unsigned.keys.sorted().map { .string($0) }),
            ]
            try terminal.write(value, isOneOfSeveral: false)
        } else {
            try terminal.writeLine(
                "timestamp \(timestamp.version) names snapshot \(snapshot), good until \(timestamp.expires)"
            )
        }
        return unsigned.isEmpty ? .done : .signatureInvalid
    }

    /// Opens the repository, which this may bring to life: one that exists as proposals so far.
    private static func open(
        _ place: RepositoryPlace,
        _ given: [GivenProposal],
        _ keys: KeyFolder,
        _ terminal: Terminal
    ) throws -> Registry {
        let storage = try place.storage()
        if try Registry.isProposed(in: storage) {
            try Registry.begin(in: storage, given, keys: keys)
            terminal.notice("\(place) begins: its first root is signed by all who must")
        }
        return try Registry(opening: storage, keys: keys, now: RegistryParameters.now)
    }
}
