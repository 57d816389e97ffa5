import BundleFormat
import CommandLine
import Diagnostics
import Digest
import JSON

/// `edgepack extract`.
enum ExtractCommand {
    private static let folder = Argument("DIR", .directory, summary: "folder to make; it must not exist, or be empty")

    static let command = Command(
        "extract",
        summary: "write a bundle's tree to a folder, every byte checked",
        discussion: [
            "The folder appears when everything was right, or not at all. Signatures are checked by `verify`."
        ],
        examples: [Example("Extract a bundle", "edgepack extract digits.bundle.tar.zst ./tree")],
        arguments: [SharedParameters.file, folder],
        options: [SharedParameters.threads, SharedParameters.json],
        exitCodes: [.incompatible, .dataError, .noInput, .cannotCreate, .ioError, .noPermission],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let bar = ExtractProgress(terminal)
        let extractor = BundleExtractor(threads: SharedParameters.threads(arguments)) { bar.update($0, $1) }
        let archive = try extractor.extract(arguments[SharedParameters.file], to: arguments[folder])
        bar.finish()
        terminal.notice("extracted sha256:\(archive.head.digest) to \(arguments[folder])")
        guard arguments[SharedParameters.json] else { return .done }
        let result: JSONValue = ["path": .string(arguments[folder]), "digest": .string(archive.head.digest.hex)]
        try terminal.write(result, isOneOfSeveral: false)
        return .done
    }
}

/// The bar on a terminal while a tree is written.
private final class ExtractProgress: @unchecked Sendable {
    // Sendable: only the thread that extracts calls it.
    private let terminal: Terminal
    private var bar: ProgressBar<ContinuousClock>?

    init(_ terminal: Terminal) { self.terminal = terminal }

    func update(_ done: Int, _ total: Int) {
        if bar == nil { bar = ProgressBar("extracting", totalBytes: total, on: terminal, clock: ContinuousClock()) }
        bar?.update(bytes: done)
    }

    func finish() { bar?.finish() }
}
