import BundleManifest
import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry

/// `edgepack publish`.
enum PublishCommand {
    private static let files = SharedParameters.files(minimum: 1)
    private static let reason = Option.optional("reason", .text, summary: "why it is published, for the record")
    private static let tags = Option.repeated(
        "tag",
        .text.named("NAME=VALUE"),
        summary: "something to find it by, such as run=1234"
    )

    static let command = Command(
        "publish",
        summary: "add bundles to a repository",
        discussion: [
            "Checks every byte of a file, stores it as it was built and the signatures behind it, and lists its manifest "
                + "under bundles/NAME/VERSION/PLATFORM. A version is published once: the same content again changes "
                + "nothing, other content is refused. Publishing never changes what runs; `edgepack deploy` does."
        ],
        examples: [
            Example("Publish every bundle of a build", "edgepack publish dist/*.bundle.tar.zst --to repo --keys keys")
        ],
        arguments: [files],
        options: [
            RegistryParameters.to, reason, tags, RegistryParameters.author,
            RegistryParameters.publishingRole,
            SharedParameters.threads, SharedParameters.json,
        ] + RegistryParameters.signing,
        exitCodes: [
            .signatureInvalid, .dataError, .incompatible, .noInput, .cannotCreate, .ioError, .tryAgain, .noPermission,
            .configuration,
        ],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        var note = Registry.PublishingNote(publisher: RegistryParameters.author(arguments), reason: arguments[reason])
        note.tags = try tags(arguments)
        var registry = try RegistryParameters.open(arguments, keys)
        let code = try terminal.forEach(arguments[files]) { path in
            let threads = SharedParameters.threads(arguments)
            let changed = try registry.publish(
                path,
                note: note,
                as: arguments[RegistryParameters.publishingRole],
                keys: keys,
                threads: threads
            )
            RegistryParameters.tell(changed.effect, in: registry.name, terminal)
            try report(
                changed,
                RegistryParameters.members(changed.effect, in: registry.name),
                path,
                arguments,
                terminal
            )
            return .done
        }
        if registry.hasUncommitted { _ = try RegistryParameters.commit(&registry, keys, terminal) }
        return code
    }

    private static func tags(_ arguments: ParsedArguments) throws -> [String: String] {
        var found: [String: String] = [:]
        for text in arguments[tags] {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.count <= 63, parts[1].utf8.count <= 256 else {
                throw arguments.usageError("--tag takes NAME=VALUE, not \(text.quotedName)")
            }
            guard found.updateValue(parts[1], forKey: parts[0]) == nil else {
                throw arguments.usageError("--tag \(parts[0]) is given twice")
            }
        }
        return found
    }

    private static func report(
        _ changed: Registry.Changed<Registry.Publishing>,
        _ waiting: JSONObject,
        _ path: String,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws {
        let result = changed.result
        let bundle = result.bundle
        let effect: String
        switch result.effect {
        case .published: effect = changed.effect.isPublished ? "published" : "proposed"
        case .countersigned(let count):
            effect = "was published already; \(count) signature\(count == 1 ? "" : "s") added"
        case .nothingNew: effect = "is published already; nothing is new"
        }
        terminal.notice("\(bundle.location.name)@\(bundle.location.version) for \(bundle.location.platform) \(effect)")
        guard arguments[SharedParameters.json] else {
            return try terminal.writeLine("sha256:\(bundle.digest)  \(bundle.location.path)")
        }
        let value: JSONValue = [
            "path": .string(path), "digest": .string(bundle.digest.hex), "target": .string(bundle.location.path),
            "name": .string(bundle.location.name.text), "version": .string(bundle.location.version.description),
            "platform": .string(bundle.location.platform), "archive": .string(bundle.record.archive.path),
            "archiveBytes": .integer(bundle.record.archive.bytes),
            "signatures": .integer(bundle.record.signatures.count), "isNew": .boolean(result.effect != .nothingNew),
        ]
        try terminal.write(value.with(waiting), isOneOfSeveral: arguments[files].count > 1)
    }
}
