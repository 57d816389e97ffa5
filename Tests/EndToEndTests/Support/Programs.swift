import Processes
import Testing

/// The programs under test, as `scripts/test` built them and names them in the environment.
enum Programs {
    private static let inherited = Processes.inheritedEnvironment()
    private static let folder = variable("EDGE_BIN")
    /// The Python that the judges are installed for; uv lies beside it.
    private static let toolsPython = variable("EDGE_TOOLS_PYTHON")

    static var areThere: Bool { folder != nil && toolsPython != nil }
    static let reason: Comment = "EDGE_BIN and EDGE_TOOLS_PYTHON are not set: run scripts/test"

    /// The root of the repository.
    static let repository = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    static let judges = "\(repository)/Tests/EndToEndTests/judges"

    /// What every program gets: this process's environment without what would steer our own programs or have the
    /// messages of others translated. `CI` is left out because ONNX Runtime's telemetry is silent where it is set.
    static var environment: [String: String] {
        var environment = inherited.filter { name, _ in
            !name.hasPrefix("EDGE") && !name.hasPrefix("LC_") && !["CI", "LANG", "LANGUAGE", "NO_COLOR"].contains(name)
        }
        if let toolsPython { environment["EDGEPACK_UV"] = "\(parent(of: toolsPython))/uv" }
        return environment
    }

    static var edgepack: String { "\(folder ?? "")/edgepack" }
    static var edgeruntime: String { "\(folder ?? "")/edgeruntime" }
    static var edgeagent: String { "\(folder ?? "")/edgeagent" }
    static var edgeagentSync: String { "\(folder ?? "")/edgeagent-sync" }
    static var edgelaunch: String { "\(folder ?? "")/edgelaunch" }
    static var edgefleet: String { "\(folder ?? "")/edgefleet" }
    static var tufclient: String { "\(folder ?? "")/tufclient" }
    /// Those with commands that people type.
    static var all: [String] { [edgepack, edgeruntime, edgeagent, edgeagentSync, edgelaunch, edgefleet] }
    static var python: String { toolsPython ?? "python3" }

    private static func variable(_ name: String) -> String? { inherited[name].flatMap { $0.isEmpty ? nil : $0 } }

    private static func parent(of path: String) -> String {
        "/" + path.split(separator: "/").dropLast().joined(separator: "/")
    }

    /// Runs a program to its end. Two minutes are more than anything here takes; what hangs fails.
    static func run(
        _ program: String,
        _ arguments: [String],
        in folder: String? = nil,
        environment: [String: String] = Programs.environment,
        input: String = ""
    ) throws -> ProcessResult {
        try Processes.run(
            program,
            arguments: arguments,
            environment: environment,
            workingDirectory: folder,
            input: Array(input.utf8),
            outputLimitBytes: 64 << 20,
            deadline: .seconds(120)
        )
    }

    /// Runs edgepack, which must succeed, and returns its standard output.
    @discardableResult
    static func pack(_ arguments: String..., in folder: String? = nil) throws -> String {
        try succeed(edgepack, arguments, in: folder)
    }

    /// Runs a program that must succeed, and returns its standard output.
    @discardableResult
    static func succeed(_ program: String, _ arguments: [String], in folder: String? = nil) throws -> String {
        let result = try run(program, arguments, in: folder)
        guard result.isSuccess else { throw ProgramFailed(program: program, arguments: arguments, result: result) }
        return result.outputText
    }
}

/// A program that should have succeeded.
struct ProgramFailed: Error, CustomStringConvertible {
    let program: String
    let arguments: [String]
    let result: ProcessResult

    var description: String {
        "\(([program] + arguments).joined(separator: " ")): \(result.status)\n\(result.outputText)\(result.errorText)"
    }
}

/// Programs of others that judge ours.
enum Judge {
    /// The path of a program; nil, with the reason printed, where it is not installed.
    static func find(_ name: String) -> String? {
        let found = Processes.find(name, in: Programs.environment["PATH"] ?? "")
        if found == nil { print("not judged: \(name) is not installed") }
        return found
    }

    /// Runs a script of `judges/`.
    static func run(_ script: String, _ arguments: String...) throws -> ProcessResult {
        try Programs.run(Programs.python, ["\(Programs.judges)/\(script)"] + arguments)
    }
}

extension Trait where Self == ConditionTrait {
    /// Runs only where the programs to test are there.
    static var programs: Self { .enabled(if: Programs.areThere, Programs.reason) }
}
