import CommandLine
import Diagnostics
import JSON
import Registry
import WallClock

/// `edgepack repo undelegate`.
enum RepoUndelegateCommand {
    private static let role = Option.required("role", RegistryParameters.role, summary: "the role to take away")

    static let command = Command(
        "undelegate",
        summary: "take a role away, with all that it lists",
        discussion: [
            "Boxes no longer find what the role lists, and nobody can publish to it. Deployments in use, and what they "
                + "name, are listed first: --dry-run shows them and writes nothing. Its files stay, and count again if it "
                + "is delegated to again with the same keys."
        ],
        examples: [
            Example(
                "See what a team's role has in use",
                "edgepack repo undelegate repo --role vision --dry-run --keys keys"
            ),
            Example("Take it away", "edgepack repo undelegate repo --role vision --keys keys"),
        ],
        arguments: [RegistryParameters.repository],
        options: [role, RepoDelegateCommand.from, DelegationReport.trial] + RegistryParameters.signing
            + [SharedParameters.json],
        exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration],
        run: undelegate
    )

    @Sendable private static func undelegate(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            keys: keys,
            now: RegistryParameters.now
        )
        let changed = try registry.undelegate(
            arguments[role],
            from: arguments[RepoDelegateCommand.from],
            keys: keys,
            isTrial: arguments[DelegationReport.trial]
        )
        try DelegationReport.finish(changed, "no longer delegates", &registry, keys, arguments, terminal)
        return .done
    }
}
