import BundleFormat
import BundleManifest
import CommandLine
import Diagnostics
import Digest
import JSON
import Packager

/// `edgepack build`.
enum BuildCommand {
    private static let output = Option(
        "output",
        short: "o",
        .directory,
        default: "dist",
        summary: "folder for the bundles; made if it is missing"
    )
    private static let version = Option.optional(
        "version",
        .text.named("N"),
        summary: "the bundle's version, such as 3 or 1.2.0, instead of the one in bundle.yaml"
    )
    private static let level = Option(
        "level",
        .integer(in: 1...19),
        default: 3,
        summary: "zstd's compression level; higher is smaller and slower, the digest stays the same"
    )

    static let command = Command(
        "build",
        summary: "pack a project into one archive for each platform of its devices",
        discussion: [
            "Refuses an environment that is not locked. Fetches what the lock pins once and keeps it in "
                + "$XDG_CACHE_HOME/edgepack. Prints each bundle's digest and path."
        ],
        examples: [
            Example("Build for this kind of machine", "edgepack build examples/digits -o dist --device generic-x86_64")
        ],
        arguments: [SharedParameters.project],
        options: [
            output, version, SharedParameters.devices, level, SharedParameters.threads, SharedParameters.uv,
            SharedParameters.json,
        ],
        exitCodes: [
            .incompatible, .unlocked, .dataError, .noInput, .unavailable, .cannotCreate, .ioError, .noPermission,
            .configuration,
        ],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let project = try Project.read(arguments[SharedParameters.project])
        let builder = BundleBuilder(
            project,
            fetcher: try SharedParameters.fetcher(arguments),
            threads: SharedParameters.threads(arguments)
        )
        var request = BundleBuilder.Request(
            profiles: try SharedParameters.profiles(arguments, project),
            version: try version(arguments, project),
            output: arguments[output],
            level: arguments[level]
        )
        request.devices = arguments[SharedParameters.devices]
        let progress = BuildProgress(terminal)
        let built = try builder.build(
            request,
            fetching: { terminal.notice("environment for \($0)") },
            writing: { progress.update($0, $1, $2) }
        )
        progress.finish()
        try arguments[SharedParameters.json] ? printJSON(built, terminal) : printTable(built, terminal)
        return .done
    }

    private static func version(_ arguments: ParsedArguments, _ project: Project) throws -> BundleVersion {
        if let text = arguments[version] {
            guard let version = BundleVersion(text) else {
                throw arguments.usageError("--version takes one to four numbers, such as 3 or 1.2.0, not \(text)")
            }
            return version
        }
        guard let version = project.file.version else { throw BuildError.noVersion(project: project.folder) }
        return version
    }

    private static func printTable(_ built: [BundleBuilder.Built], _ terminal: Terminal) throws {
        for bundle in built {
            terminal.notice(
                "\(bundle.manifest.name) \(bundle.manifest.version) for \(bundle.manifest.platform): "
                    + "\(Quantity.readable(bytes: bundle.contentSize)) of files in \(Quantity.readable(bytes: bundle.size))"
            )
            try terminal.writeLine("sha256:\(bundle.digest)  \(bundle.path)")
        }
    }

    private static func printJSON(_ built: [BundleBuilder.Built], _ terminal: Terminal) throws {
        let list = built.map { bundle -> JSONValue in
            [
                "path": .string(bundle.path), "digest": .string(bundle.digest.hex),
                "name": .string(bundle.manifest.name.text), "version": .string(bundle.manifest.version.description),
                "platform": .string(bundle.manifest.platform.description), "size": .integer(bundle.size),
                "contentSize": .integer(bundle.contentSize),
            ]
        }
        try terminal.write(String(decoding: JSONValue.array(list).prettyBytes(), as: UTF8.self))
    }
}

/// The bar on a terminal while a bundle is written; a new one for each file.
private final class BuildProgress: @unchecked Sendable {
    // Sendable: only the thread that packs calls it.
    private let terminal: Terminal
    private var bar: (path: String, bar: ProgressBar<ContinuousClock>)?

    init(_ terminal: Terminal) { self.terminal = terminal }

    func update(_ path: String, _ done: Int, _ total: Int) {
        if bar?.path != path {
            finish()
            bar = (path, ProgressBar("packing", totalBytes: total, on: terminal, clock: ContinuousClock()))
        }
        bar?.bar.update(bytes: done)
    }

    func finish() {
        bar?.bar.finish()
        bar = nil
    }
}
