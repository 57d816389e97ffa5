import CommandLine
import Containment
import Diagnostics
import Glibc

/// What both commands take: all that a request can't choose.
enum SharedParameters {
    static let store = Option(
        "store",
        .directory,
        default: "/var/lib/edgeagent",
        environment: "EDGEAGENT_STORE",
        summary: "the agent's folder; generations are below it"
    )
    private static let runtime = Option.optional(
        "runtime",
        .path,
        summary: "the runtime's program; without it edgeruntime beside this one"
    )
    private static let user = Option(
        "user",
        .text.named("USER"),
        default: "edge-runtime",
        summary: "whom runtimes run as, by name or number, where this program runs as root"
    )
    private static let group = Option.optional(
        "cgroup",
        .directory,
        summary: "control group below which runtimes get theirs; without it the one that systemd has delegated"
    )
    private static let readable = Option.repeated(
        "read",
        .directory,
        summary: "folder that runtimes may read and execute from, beside the system's"
    )

    static let all: [any Parameter] = [store, runtime, user, group, readable]

    /// - Parameter staysRoot: whether runtimes may run as root where the user does not exist: a launcher that serves others
    ///   must not do that, one that is started by root for root's own agent may.
    static func settings(
        _ arguments: ParsedArguments,
        staysRoot: Bool,
        trustsOwnFoldersOnly: Bool
    ) throws -> LauncherSettings {
        guard let store = LaunchProfile.realPath(arguments[store]) else {
            throw LauncherError.noStore(arguments[store], code: errno)
        }
        var settings = LauncherSettings(
            store: store,
            runtime: try runtimeProgram(arguments),
            trustsOwnFoldersOnly: trustsOwnFoldersOnly
        )
        settings.group = arguments[group]
        settings.readable = try arguments[readable].map { folder in
            guard let real = LaunchProfile.realPath(folder) else { throw LauncherError.noFolder(folder, code: errno) }
            return real
        }
        if geteuid() == 0 {
            settings.user = Accounts.user(arguments[user])
            if settings.user == nil, !staysRoot || arguments.isGiven(user) {
                throw ContainmentError.noSuchUser(arguments[user])
            }
        }
        return settings
    }

    private static func runtimeProgram(_ arguments: ParsedArguments) throws -> String {
        let path =
            arguments[runtime]
            ?? LaunchProfile.realPath("/proc/self/exe").flatMap { own in
                own.lastIndex(of: "/").map { own[..<$0] + "/edgeruntime" }
            }
            ?? "edgeruntime"
        guard let real = LaunchProfile.realPath(path) else { throw LauncherError.noRuntime(path, code: errno) }
        return real
    }
}

/// Why the launcher itself can't work.
enum LauncherError: ExplainedError {
    case noStore(String, code: Int32)
    case noRuntime(String, code: Int32)
    case noFolder(String, code: Int32)
    /// Requests come over a socket that was handed over; that number is none.
    case noSocket(Int32)
    /// The agent's user does not exist.
    case noAgent(String)

    var message: String {
        switch self {
        case .noStore(let path, let code): "there is no store at \(path): \(String(cString: strerror(code)))"
        case .noRuntime(let path, let code): "there is no runtime at \(path): \(String(cString: strerror(code)))"
        case .noFolder(let path, let code): "there is no folder \(path): \(String(cString: strerror(code)))"
        case .noSocket(let number): "descriptor \(number) is no socket for requests"
        case .noAgent(let name): "there is no user \(name)"
        }
    }

    var hint: String? {
        switch self {
        case .noStore: "name the agent's folder with --store"
        case .noRuntime: "name the program with --runtime"
        case .noFolder: nil
        case .noSocket: "the agent or systemd hands it over (--fd)"
        case .noAgent: "name the user that the agent runs as with --uid"
        }
    }

    var exitCode: ExitCode {
        switch self {
        case .noStore, .noFolder: .noInput
        case .noRuntime: .unavailable
        case .noSocket: .usage
        case .noAgent: .configuration
        }
    }
}
