import BundleFormat
import BundleManifest
import CommandLine
import Diagnostics
import FileSystem
import JSON
import Packager
import Processes

/// `edgepack test`.
enum TestCommand {
    private static let bundle = Argument(
        "BUNDLE",
        .path,
        default: ".",
        summary: "bundle file, folder of an extracted bundle, or project"
    )
    private static let record = Option.flag(
        "record",
        summary: "compute the answers to a project's sample requests and write them into the samples"
    )
    private static let runtime = Option.optional(
        "edgeruntime",
        .path,
        environment: "EDGEPACK_EDGERUNTIME",
        summary: "the program edgeruntime; without it the one beside this program, or in PATH"
    )
    private static let python = Option.optional(
        "python",
        .path,
        environment: "EDGE_PYTHON",
        summary: "interpreter for scoring scripts"
    )

    static let command = Command(
        "test",
        summary: "run a bundle's samples on this machine with the program that will serve it",
        discussion: [
            "A project is built for this machine first, into a temporary folder. Bundles for other machines can't be "
                + "tested here."
        ],
        examples: [
            Example("Check a bundle before it is signed", "edgepack test dist/digits-1-*.bundle.tar.zst"),
            Example("Compute the expected answers", "edgepack test --record examples/digits"),
        ],
        arguments: [bundle],
        options: [record, runtime, python, SharedParameters.threads, SharedParameters.uv, SharedParameters.json],
        exitCodes: [
            .done, .checkFailed, .incompatible, .modelNotLoaded, .unlocked, .dataError, .noInput, .unavailable,
        ],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let program = try RuntimeProgram.find(
            option: arguments[runtime],
            python: arguments[python],
            environment: Processes.inheritedEnvironment()
        )
        let path = arguments[bundle]
        let scratch = try TemporaryDirectory(prefix: "edgepack-test")
        let isFolder = try FileSystem.statusFollowingLinks(of: path)?.kind == .directory
        let isTree = try isFolder && FileSystem.status(of: "\(path)/\(BundleLayout.manifestPath)") != nil
        guard isFolder, !isTree else {
            if arguments[record] { throw arguments.usageError("--record takes a project, not a bundle") }
            let tree = isTree ? path : try extract(path, to: scratch.path, arguments)
            return try report(try program.check(tree), arguments, terminal)
        }
        let project = try Project.read(path)
        let tree = try extract(try build(project, in: scratch.path, arguments), to: scratch.path, arguments)
        guard arguments[record] else { return try report(try program.check(tree), arguments, terminal) }
        guard let samples = project.file.samples else {
            throw arguments.usageError("\(path) names no samples in bundle.yaml to record")
        }
        let folder = project.path(of: samples.folder)
        let changed = try SampleRecorder(program).record(folder, tree: tree) { _, _ in }
        for path in changed { try terminal.writeLine(path) }
        terminal.notice(changed.isEmpty ? "every answer was recorded already" : "recorded \(changed.count) answers")
        return .done
    }

    /// Builds the project for this machine's own architecture.
    private static func build(_ project: Project, in scratch: String, _ arguments: ParsedArguments) throws -> String {
        let profiles = DeviceProfiles(projectFolder: project.folder)
        let here = try profiles.profiles(of: project.file).filter { $0.architecture == .current }
        let profile = try here.first ?? profiles.profile("generic-\(Platform.Architecture.current.rawValue)")
        let builder = BundleBuilder(
            project,
            fetcher: try SharedParameters.fetcher(arguments),
            threads: SharedParameters.threads(arguments)
        )
        var request = BundleBuilder.Request(
            profiles: [profile],
            version: project.file.version ?? BundleVersion.zero,
            output: scratch,
            level: 1
        )
        request.samplesAreRecorded = !arguments[record]
        let built = try builder.build(request, fetching: { _ in }, writing: { _, _, _ in })
        return built[0].path
    }

    private static func extract(_ file: String, to scratch: String, _ arguments: ParsedArguments) throws -> String {
        let tree = "\(scratch)/tree"
        _ = try BundleExtractor(threads: SharedParameters.threads(arguments)).extract(file, to: tree)
        return tree
    }

    private static func report(
        _ result: JSONValue,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> ExitCode {
        let passed = result["passed"] == true
        if arguments[SharedParameters.json] {
            try terminal.write(String(decoding: result.prettyBytes(), as: UTF8.self))
        } else {
            for failure in result["failures"]?.arrayValue ?? [] {
                for problem in failure["problems"]?.arrayValue ?? [] {
                    let line = "\(failure["sample"]?.stringValue ?? "?"): \(problem.stringValue ?? "?")"
                    try terminal.writeLine(line.printable())
                }
            }
            let samples = result["samples"]?.integerValue ?? 0
            let failed = result["failed"]?.integerValue ?? 0
            let verdict = passed ? terminal.styled("passed", .good) : terminal.styled("failed", .error)
            try terminal.writeLine("\(verdict): \(samples - failed) of \(samples) samples answered as expected")
        }
        return passed ? .done : .checkFailed
    }
}
