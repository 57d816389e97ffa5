import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo refresh`.
enum RepoRefreshCommand {
    private static let refreshed = Option.required(
        "role",
        RegistryParameters.role,
        summary: "whose content is signed anew"
    )

    static let command = Command(
        "refresh",
        summary: "sign a role's present content anew before it expires",
        examples: [Example("Before a year is over", "edgepack repo refresh repo --role bundles --keys keys")],
        arguments: [RegistryParameters.repository],
        options: [refreshed, SharedParameters.json] + RegistryParameters.signing,
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
        let effect = try registry.refresh(role, keys: keys)
        RegistryParameters.tell(effect, in: registry.name, terminal)
        let outcome = try RegistryParameters.commit(&registry, keys, terminal, renewSnapshot: role == .snapshot)
        if arguments[SharedParameters.json] {
            let value: JSONValue = ["role": .string(role.text), "isCommitted": .boolean(outcome.isCommitted)]
            let waiting = RegistryParameters.members(effect, in: registry.name)
            try terminal.write(value.with(waiting), isOneOfSeveral: false)
        } else {
            try terminal.writeLine(role.text)
        }
        return .done
    }
}
