import CommandLine
import Deployment
import Diagnostics
import EdgeAgent
import FileSystem
import Glibc
import Processes

/// Which box is meant, and how it is set up: what every command takes.
enum Box {
    static let store = Option(
        "store",
        .directory,
        default: "/var/lib/edgeagent",
        environment: "EDGEAGENT_STORE",
        summary: "the agent's folder"
    )
    private static let config = Option.optional(
        "config",
        .path,
        environment: "EDGEAGENT_CONFIG",
        summary: "configuration file; without it /etc/edgeagent/config.yaml, where that is there"
    )
    private static let from = Option.optional("from", .text.named("URL|DIR"), summary: "repository to follow")
    private static let root = Option.optional("root", .path, summary: "root metadata to trust first")
    private static let device = Option.optional("device", .text.named("ID"), summary: "what the box is called")
    private static let channel = Option.optional("channel", .text.named("CHANNEL"), summary: "dev, staging or prod")
    private static let poll = Option.optional(
        "poll",
        .text.named("DURATION"),
        summary: "how often to look at the repository, such as 30s; without it as the repository asks"
    )
    private static let endpoint = Option.repeated(
        "endpoint",
        .text.named("NAME=ADDRESS"),
        summary: "an endpoint and where it listens: HOST:PORT or the path of a socket"
    )
    private static let label = Option.repeated("label", .text.named("NAME=VALUE"), summary: "a label of the box")

    static let json = Option.flag("json", summary: "print JSON")

    static let options: [any Parameter] = [store, config, from, root, device, channel, poll, endpoint, label]

    static func layout(_ arguments: ParsedArguments) throws -> StoreLayout {
        StoreLayout(FileSystem.join(try FileSystem.resolve("."), arguments[store]))
    }

    /// Sets the box up where options or a configuration file say how, or nobody has yet.
    static func configure(_ arguments: ParsedArguments) throws {
        let layout = try layout(arguments)
        let words = ["configure", "--store", layout.root] + words(arguments)
        let isThere = try FileSystem.status(of: layout.box) != nil
        guard words.count > 3 || !isThere else { return }
        let code = try start(sync(), words, silent: true)
        guard code == ExitCode.done.rawValue else { throw HelperFailure(code: code) }
    }

    /// What was said of the box, in the words of `edgeagent-sync`.
    static func words(_ arguments: ParsedArguments) -> [String] {
        var words: [String] = []
        let single = [
            ("config", config), ("from", from), ("root", root), ("device", device), ("channel", channel),
            ("poll", poll),
        ]
        for (name, option) in single { if let value = arguments[option] { words += ["--\(name)", value] } }
        for (name, option) in [("endpoint", endpoint), ("label", label)] {
            for value in arguments[option] { words += ["--\(name)", value] }
        }
        return words
    }

    /// The program beside this one.
    static func sync() throws -> String {
        let own = try FileSystem.resolve("/proc/self/exe")
        return FileSystem.join(FileSystem.parent(of: own), "edgeagent-sync")
    }

    /// Runs a program with this one's streams, and returns its exit code.
    ///
    /// - Parameters:
    ///   - silent: drops what it prints, but for errors and notices.
    ///   - reads: gives it the standard input.
    static func start(
        _ program: String,
        _ words: [String],
        silent: Bool = false,
        reads: Bool = false
    ) throws -> Int32 {
        var descriptors: [Int32: Int32] = [2: 2]
        if !silent { descriptors[1] = 1 }
        if reads { descriptors[0] = 0 }
        let child = try ChildProcess(
            ProcessSpecification(
                program: program,
                arguments: words,
                environment: Processes.inheritedEnvironment(),
                descriptors: descriptors
            )
        )
        switch try child.wait() {
        case .exited(let code): return code
        case .signalled(let number): return 128 + number
        }
    }
}

/// A program that was started has told what is wrong; its exit code is this one's.
struct HelperFailure: ExplainedError {
    let code: Int32

    var message: String { "edgeagent-sync ended with exit code \(code)" }

    var exitCode: ExitCode { ExitCode(rawValue: code) ?? .failed }
}
