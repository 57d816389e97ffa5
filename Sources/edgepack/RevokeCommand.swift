import CommandLine
import Diagnostics
import Digest
import JSON
import Registry

/// `edgepack revoke`.
enum RevokeCommand {
    private enum Action: String, CaseIterable { case refuse, stop, replace }

    private static let bundle = Argument(
        "BUNDLE",
        RegistryParameters.bundle,
        summary: "NAME@VERSION or a bundle digest"
    )
    private static let action = Option(
        "action",
        .choice(of: Action.allCases),
        default: Action.refuse,
        summary: "refuse: not activated anew; stop: also stopped where it runs; replace: another takes its place"
    )
    private static let by = Option.optional(
        "by",
        RegistryParameters.bundle,
        summary: "with replace: what takes its place"
    )
    private static let lift = Option.flag("lift", summary: "take the revocation back")
    private static let reason = Option.required("reason", .text, summary: "why, for the record")

    static let command = Command(
        "revoke",
        summary: "say that a bundle must not run any more",
        discussion: [
            "Signed by the key of targets; the strongest no there is. A digest may be revoked though nothing of it is "
                + "published here."
        ],
        examples: [
            Example(
                "Stop a version wherever it runs",
                "edgepack revoke digits@3 --action stop --reason 'leaks memory' --to repo --keys keys"
            )
        ],
        arguments: [bundle],
        options: [
            action, by, lift, reason, RegistryParameters.to, SharedParameters.json,
        ] + RegistryParameters.signing,
        exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let request: Registry.RevocationRequest
        if arguments[lift] {
            guard !arguments.isGiven(action), arguments[by] == nil else {
                throw arguments.usageError("--lift goes without --action and --by")
            }
            request = .lift
        } else {
            switch (arguments[action], arguments[by]) {
            case (.refuse, nil): request = .refuse
            case (.stop, nil): request = .stop
            case (.replace, let other?): request = .replace(by: other)
            case (.replace, nil): throw arguments.usageError("--action replace needs --by BUNDLE")
            default: throw arguments.usageError("--by goes with --action replace")
            }
        }
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try RegistryParameters.open(arguments, keys)
        let changed = try registry.revoke(
            arguments[bundle],
            request,
            reason: arguments[reason],
            keys: keys
        )
        let (digests, isNew) = (changed.result, changed.effect.isChange)
        if !isNew { terminal.notice("that is so already") }
        RegistryParameters.tell(changed.effect, in: registry.name, terminal)
        if registry.hasUncommitted { _ = try RegistryParameters.commit(&registry, keys, terminal) }
        guard arguments[SharedParameters.json] else {
            for digest in digests { try terminal.writeLine("sha256:\(digest)") }
            return .done
        }
        let listed = JSONValue.array(digests.map { .string($0.hex) })
        let value: JSONValue = ["digests": listed, "isNew": .boolean(isNew)]
        let waiting = RegistryParameters.members(changed.effect, in: registry.name)
        try terminal.write(value.with(waiting), isOneOfSeveral: false)
        return .done
    }
}
