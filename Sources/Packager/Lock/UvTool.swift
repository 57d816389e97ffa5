package import Diagnostics
package import Processes

/// Starts a program and waits for it; tests answer in its place.
package protocol ProgramRunning: Sendable {
    /// Runs a program to its end; a status other than 0 is no error.
    func run(
        _ program: String,
        arguments: [String],
        environment: [String: String],
        workingDirectory: String?
    ) throws -> ProcessResult
}

/// The machine's own programs.
package struct SystemPrograms: ProgramRunning {
    package init() {}

    package func run(
        _ program: String,
        arguments: [String],
        environment: [String: String],
        workingDirectory: String?
    ) throws -> ProcessResult {
        try Processes.run(
            program,
            arguments: arguments,
            environment: environment,
            workingDirectory: workingDirectory
        )
    }
}

/// uv, which resolves and fetches wheels for any platform (docs.astral.sh/uv).
package struct UvTool: Sendable {
    package let path: String
    private let environment: [String: String]
    private let programs: any ProgramRunning

    package init(path: String, environment: [String: String], programs: any ProgramRunning = SystemPrograms()) {
        self.path = path
        // What would point uv at another place or platform than the one asked for is kept from it; where packages
        // come from (UV_DEFAULT_INDEX, proxies, certificates) is the user's to say.
        let steering = ["VIRTUAL_ENV", "UV_PYTHON", "UV_TARGET", "UV_PREFIX", "UV_SYSTEM_PYTHON", "UV_PROJECT"]
        var environment = environment.filter { !steering.contains($0.key) }
        environment["NO_COLOR"] = "1"
        environment["UV_NO_PROGRESS"] = "1"
        environment["UV_PYTHON_DOWNLOADS"] = "never"
        self.environment = environment
        self.programs = programs
    }

    /// Finds uv: the given path, else `$EDGEPACK_UV`, else the first in PATH.
    package static func find(option: String?, environment: [String: String]) throws(UvError) -> UvTool {
        let given = option ?? environment["EDGEPACK_UV"].flatMap { $0.isEmpty ? nil : $0 }
        guard let path = Processes.find(given ?? "uv", in: environment["PATH"] ?? "") else {
            throw UvError.notFound(given: given)
        }
        return UvTool(path: path, environment: environment)
    }

    /// `uv 0.13.8 (…)`: part of what a fetched environment is kept under.
    package func version() throws -> String {
        let result = try programs.run(path, arguments: ["--version"], environment: environment, workingDirectory: nil)
        let text = result.outputText.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        guard result.isSuccess, text.hasPrefix("uv ") else { throw UvError.notUv(path: path) }
        return text
    }

    /// Runs `uv pip …` in a folder; `task` is what messages say uv was doing.
    func pip(_ arguments: [String], in folder: String, task: String) throws {
        let result = try programs.run(
            path,
            arguments: ["pip"] + arguments,
            environment: environment,
            workingDirectory: folder
        )
        if result.isSuccess { return }
        throw UvError.failed(
            task: task,
            said: Self.reasons(result.errorText),
            // uv exits with 1 where the request has no answer, with 2 where it could not ask.
            isUnsolvable: result.status == .exited(1)
        )
    }

    /// What uv says went wrong, in one line: its labels and warnings are left out.
    static func reasons(_ text: String) -> String {
        var reasons: [String] = []
        for line in text.split(whereSeparator: \.isNewline) {
            var words = Substring(line).drop { !$0.isLetter && !$0.isNumber && $0 != "`" }
            if words.hasPrefix("warning:") || words.hasPrefix("Using ") || words.hasPrefix("Resolved ") { continue }
            for label in ["error: ", "cause: ", "Caused by: ", "hint: "] where words.hasPrefix(label) {
                words = words.dropFirst(label.count)
            }
            let trimmed = words.split(separator: " ").joined(separator: " ")
            if !trimmed.isEmpty { reasons.append(trimmed) }
        }
        return String(reasons.joined(separator: ": ").prefix(2_000))
    }
}

/// What went wrong with uv.
package enum UvError: ExplainedError, Equatable {
    case notFound(given: String?)
    case notUv(path: String)
    case failed(task: String, said: String, isUnsolvable: Bool)

    package var message: String {
        switch self {
        case .notFound(nil): "uv is not in PATH"
        case .notFound(let path?): "\(path) is no program that can be run"
        case .notUv(let path): "\(path) does not answer as uv does"
        case .failed(let task, let said, _): "uv could not \(task): \(said.isEmpty ? "it did not say why" : said)"
        }
    }

    package var hint: String? {
        switch self {
        case .notFound, .notUv: "`scripts/setup` or `pip install uv` installs it; --uv or EDGEPACK_UV names it"
        case .failed: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notFound, .notUv: .unavailable
        case .failed(_, _, let isUnsolvable): isUnsolvable ? .dataError : .unavailable
        }
    }
}
