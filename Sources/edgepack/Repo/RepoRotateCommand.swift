import CommandLine
import Crypto
import Diagnostics
import FileSystem
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo rotate`.
enum RepoRotateCommand {
    private static let role = Option.required("role", RegistryParameters.role, summary: "whose key is replaced")
    private static let old = Option.optional(
        "old",
        .text.named("KEYID|NAME|FILE.pub"),
        summary: "which of its keys, by id, holder or file; not needed where it has one"
    )
    private static let new = Option.optional(
        "new",
        PublicKeyFile.value,
        summary: "the key in its place, made elsewhere; without it one is made in KEYDIR"
    )
    private static let restore = Option.flag(
        "restore",
        summary: "of targets: also trust exactly the roles of a new repository again, by the ROLE.pub in KEYDIR"
    )
    private static let restoredRoles = Option.repeated(
        "restore-role",
        RegistryParameters.role,
        summary: "with --restore: this role too, with the paths that it has now"
    )
    private static let restoredKeys = Option.repeated(
        "key",
        .text.named("ROLE=[NAME=]FILE.pub"),
        summary: "with --restore: a key of a role instead of ROLE.pub"
    )
    private static let restoredThresholds = Option.repeated(
        "threshold",
        .text.named("ROLE=N"),
        summary: "with --restore: how many of a role's keys must sign, where that is more than 1"
    )

    static let command = Command(
        "rotate",
        summary: "give a role a new key, so that the old one counts no more",
        discussion: [
            "For a key that was stolen, or may have been, or that its holder leaves with. Signed by root for a top-level "
                + "role, else by whoever delegates to the role. The old key is kept as ROLE.retired-N.pem, if it is in "
                + "KEYDIR. What the old key signed and the keeper had not committed is dropped where the other "
                + "signatures don't suffice; look through what it had.",
            "Where others have to sign, it waits as a proposal; run the same command again once that is committed, and "
                + "after an interruption.",
        ],
        examples: [
            Example("After the build server's key was stolen", "edgepack repo rotate repo --role bundles --keys keys"),
            Example(
                "Bob has a new key",
                "edgepack repo rotate repo --role root --old bob --new bob-2.pub --keys keys"
            ),
        ],
        arguments: [RegistryParameters.repository],
        options: [
            role, old, new, restore, restoredRoles, restoredKeys, restoredThresholds, RegistryParameters.keys,
            RegistryParameters.passphraseFile, SharedParameters.json,
        ],
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .cannotCreate, .ioError, .tryAgain, .noPermission, .configuration,
        ],
        run: rotate
    )

    @Sendable private static func rotate(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let restoration = try restoration(arguments)
        let replacement = try arguments[new].map { Registry.NewKey(key: try $0.publicKey(), owner: $0.owner) }
        let replaced = try arguments[old].map(oldKey)
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            keys: keys,
            now: RegistryParameters.now
        )
        let rotated = try registry.rotate(
            arguments[role],
            old: replaced,
            new: replacement,
            keys: keys,
            restoring: restoration
        )
        for (file, reason) in registry.editor.rejected { terminal.warning("\(file) is not used: \(reason)") }
        for warning in rotated.warnings { terminal.warning(warning.printable()) }
        if let retired = rotated.retiredKey {
            terminal.notice("the old key of \(arguments[role].text) is in \(retired)")
        }
        for effect in [rotated.effect, rotated.content] { RegistryParameters.tell(effect, in: registry.name, terminal) }
        var isCommitted = false
        if rotated.effect.waiting != nil {
            terminal.notice("once that is committed, run this again: the old key counts until then")
        } else if registry.hasUncommitted || rotated.effect.isPublished {
            isCommitted = try RegistryParameters.commit(&registry, keys, terminal, renewSnapshot: true).isCommitted
        }
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine((rotated.newKey ?? rotated.new.label).printable())
            return .done
        }
        let value: JSONValue = [
            "role": .string(arguments[role].text), "key": rotated.newKey.map { .string($0) } ?? .null,
            "retiredKey": rotated.retiredKey.map { .string($0) } ?? .null,
            "old": rotated.old.map(RegistryParameters.json) ?? .null, "new": RegistryParameters.json(rotated.new),
            "content": .object(RegistryParameters.members(rotated.content, in: registry.name)),
            "warnings": .array(rotated.warnings.map { .string($0) }), "isCommitted": .boolean(isCommitted),
        ]
        let waiting = RegistryParameters.members(rotated.effect, in: registry.name)
        try terminal.write(value.with(waiting), isOneOfSeveral: false)
        return .done
    }

    private static func oldKey(_ text: String) throws -> Registry.OldKey {
        guard try FileSystem.statusFollowingLinks(of: text)?.kind == .regular else { return .called(text) }
        return .key(try KeyFile.readPublic(text))
    }

    private static func restoration(_ arguments: ParsedArguments) throws -> Registry.Restoration? {
        let named = arguments[restoredRoles]
        let (keys, thresholds) = (arguments[restoredKeys], arguments[restoredThresholds])
        guard arguments[restore] else {
            guard named.isEmpty, keys.isEmpty, thresholds.isEmpty else {
                throw arguments.usageError("--restore-role, --key and --threshold go with --restore")
            }
            return nil
        }
        guard arguments[role] == .targets else { throw arguments.usageError("--restore goes with --role targets") }
        var restoration = Registry.Restoration(others: named)
        for text in keys {
            guard let (role, rest) = roleAndRest(text), let file = PublicKeyFile(rest) else {
                throw arguments.usageError("--key takes ROLE=[NAME=]FILE.pub, not \(text.quotedName)")
            }
            restoration.keys[role, default: []].append(try file.key())
        }
        for text in thresholds {
            guard let (role, rest) = roleAndRest(text), let threshold = Int(rest) else {
                throw arguments.usageError("--threshold takes ROLE=N, not \(text.quotedName)")
            }
            restoration.thresholds[role] = threshold
        }
        let restored = Set(named + RegistryRole.delegated)
        for role in Array(restoration.keys.keys) + restoration.thresholds.keys where !restored.contains(role) {
            throw arguments.usageError("\(role.text) is not restored: name it with --restore-role")
        }
        return restoration
    }

    private static func roleAndRest(_ text: String) -> (RegistryRole, String)? {
        guard let split = text.firstIndex(of: "="), let role = RegistryRole(String(text[..<split])) else { return nil }
        return (role, String(text[text.index(after: split)...]))
    }
}
