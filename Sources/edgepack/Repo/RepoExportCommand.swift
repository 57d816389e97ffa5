import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo export`.
enum RepoExportCommand {
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
    private static let root = Option.optional(
        "root",
        .path.named("FILE"),
        summary: "the root that boxes trust, instead of the repository's own first one"
    )
    private static let destination = Option.required(
        "to",
        .path.named("DIR|FILE"),
        summary: "folder to make, or with a name that ends in .tar.zst one portable file"
    )

    static let command = Command(
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
        arguments: [RegistryParameters.readRepository],
        options: [bundle, platform, channel, root, destination, SharedParameters.json],
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .unavailable, .cannotCreate, .ioError, .tryAgain, .noPermission,
            .configuration,
        ],
        run: export
    )

    @Sendable private static func export(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let export = try RepositoryExport(
            of: arguments[RegistryParameters.readRepository].source(),
            root: arguments[root],
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
}
