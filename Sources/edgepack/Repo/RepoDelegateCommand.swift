import CommandLine
import Diagnostics
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo delegate`.
enum RepoDelegateCommand {
    private static let role = Option.required(
        "role",
        RegistryParameters.role,
        summary: "which role: a new one, one that is there, or one of root, targets, snapshot and timestamp"
    )
    private static let paths = Option.repeated(
        "path",
        .text.named("PATTERN"),
        summary: "what it may list, such as 'bundles/digits/*/*'; a star takes no slash"
    )
    private static let publicKeys = Option.repeated(
        "key",
        PublicKeyFile.value,
        summary: "a key of the role and whose it is, instead of those it has"
    )
    private static let threshold = Option.optional(
        "threshold",
        .integer(in: 1...1_000),
        summary: "how many of the keys must sign; 1 for a new role"
    )
    private static let terminating = Option.flag(
        "terminating",
        summary: "what it doesn't list under its paths, boxes look for nowhere else"
    )
    private static let notTerminating = Option.flag("not-terminating", summary: "take --terminating back")
    private static let before = Option.optional(
        "before",
        RegistryParameters.role,
        summary: "the role to stand before in the order in which boxes ask"
    )
    static let from = Option.optional(
        "from",
        RegistryParameters.role,
        summary: "who delegates, and signs that; without it whoever does, and targets for a new role"
    )

    static let command = Command(
        "delegate",
        summary: "make a role for a team or a channel, or change a role's keys, threshold and paths",
        discussion: [
            "What is not given stays as it is. A new role needs --path; without --key it gets the key ROLE.pub or "
                + "ROLE.pem in KEYDIR, which is made where there is none. It stands before the more general roles that it "
                + "shares paths with, so that boxes take its word first.",
            "For root, targets, snapshot and timestamp it makes a new root, with --key and --threshold only. After a "
                + "change of keys or paths the role's content is signed anew, or waits as a proposal for those who hold "
                + "the keys. What boxes will no longer find is named.",
        ],
        examples: [
            Example(
                "A role for a team's bundles",
                "edgepack repo delegate repo --role bundles-vision --path 'bundles/vision-*/*/*' --key olga=olga.pub "
                    + "--keys keys"
            ),
            Example(
                "Two people have to agree on what runs in production",
                "edgepack repo delegate repo --role deployments-prod --key alice=alice.pub --key bob=bob.pub "
                    + "--threshold 2 --keys keys"
            ),
        ],
        arguments: [RegistryParameters.repository],
        options: [
            role, paths, publicKeys, threshold, terminating, notTerminating, before, from, DelegationReport.trial,
            RegistryParameters.keys, RegistryParameters.passphraseFile, SharedParameters.json,
        ],
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .cannotCreate, .ioError, .tryAgain, .noPermission, .configuration,
        ],
        run: delegate
    )

    @Sendable private static func delegate(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        guard !(arguments[terminating] && arguments[notTerminating]) else {
            throw arguments.usageError("--terminating and --not-terminating exclude each other")
        }
        var request = DelegationRequest(arguments[role])
        if !arguments[paths].isEmpty { request.paths = arguments[paths].map { PathPattern($0) } }
        if !arguments[publicKeys].isEmpty { request.keys = try arguments[publicKeys].map { try $0.key() } }
        request.threshold = arguments[threshold]
        if arguments[terminating] || arguments[notTerminating] { request.isTerminating = arguments[terminating] }
        request.before = arguments[before]
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            keys: keys,
            now: RegistryParameters.now
        )
        let changed = try registry.delegate(
            request,
            from: arguments[from],
            keys: keys,
            isTrial: arguments[DelegationReport.trial]
        )
        try DelegationReport.finish(changed, "delegates", &registry, keys, arguments, terminal)
        return .done
    }
}
