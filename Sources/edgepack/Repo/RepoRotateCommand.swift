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
        options: [role, restore, SharedParameters.json] + RegistryParameters.signing,
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
        let restoration = arguments[restore] ? Registry.Restoration() : nil
        let rotated = try registry.rotate(arguments[role], keys: keys, restoring: restoration)
        for (file, reason) in registry.editor.rejected { terminal.warning("\(file) is not used: \(reason)") }
        for warning in rotated.warnings { terminal.warning(warning) }
        if let retired = rotated.retiredKey {
            terminal.notice("the old key of \(arguments[role].text) is in \(retired)")
        }
        let outcome = try RegistryParameters.commit(&registry, keys, terminal, renewSnapshot: true)
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine(rotated.newKey ?? rotated.new.id)
            return .done
        }
        let value: JSONValue = [
            "role": .string(arguments[role].text), "key": rotated.newKey.map { .string($0) } ?? .null,
            "retiredKey": rotated.retiredKey.map { .string($0) } ?? .null, "isCommitted": .boolean(outcome.isCommitted),
        ]
        try terminal.write(value, isOneOfSeveral: false)
        return .done
    }
}
