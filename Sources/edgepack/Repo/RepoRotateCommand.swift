import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo rotate`.
enum RepoRotateCommand {
    private static let role = Option.required(
        "role",
        RegistryParameters.role,
        summary: "whose key is replaced"
    )

    private static let restore = Option.flag(
        "restore",
        summary: "of targets: also trust exactly the roles of a new repository again, by the ROLE.pub in KEYDIR"
    )

    static let command = Command(
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
}
