package import Diagnostics
internal import FileSystem
package import JSON
package import Processes

/// The program edgeruntime, started to check and score bundles: what tests them is what will serve them.
package struct RuntimeProgram: Sendable {
    package let path: String
    private let environment: [String: String]
    /// The interpreter for scripts, where one is named.
    private let python: String?
    /// Loading a large model and answering every sample of a check ends within this.
    private static let deadline = Duration.seconds(600)

    /// Finds it: the named one, else beside this program, else in PATH.
    package static func find(
        option: String?,
        python: String?,
        environment: [String: String]
    ) throws -> RuntimeProgram {
        let make = { RuntimeProgram(path: $0, environment: environment, python: python) }
        if let option {
            guard try FileSystem.statusFollowingLinks(of: option)?.kind == .regular else {
                throw RuntimeProgramError.notFound(option)
            }
            return make(option)
        }
        if let own = try? FileSystem.resolve("/proc/self/exe") {
            let beside = "\(FileSystem.parent(of: own))/edgeruntime"
            if try FileSystem.statusFollowingLinks(of: beside)?.kind == .regular { return make(beside) }
        }
        guard let found = Processes.find("edgeruntime", in: environment["PATH"] ?? "") else {
            throw RuntimeProgramError.notFound(nil)
        }
        return make(found)
    }

    private init(path: String, environment: [String: String], python: String?) {
        self.path = path
        self.environment = environment
        self.python = python
    }

    /// The outcome of `edgeruntime check --json`; its `passed` says whether the samples were answered as expected.
    ///
    /// Throws `failed` with the runtime's own words and exit code where it could not check.
    package func check(_ tree: String) throws -> JSONValue {
        let result = try run(["check", tree, "--json"])
        // A check that failed has printed its result all the same.
        guard result.isSuccess || result.status == .exited(ExitCode.checkFailed.rawValue) else {
            throw RuntimeProgramError.failed(what: "check", result)
        }
        return try JSONValue.parse(result.standardOutput, limits: .document)
    }

    /// The answer to one request, in JSON.
    package func score(_ tree: String, request: [UInt8]) throws -> JSONValue {
        let result = try run(["score", tree, "-"], input: request)
        guard result.isSuccess else { throw RuntimeProgramError.failed(what: "score", result) }
        return try JSONValue.parse(result.standardOutput, limits: JSONLimits(bytes: 64 << 20, values: 8_000_000))
    }

    private func run(_ arguments: [String], input: [UInt8] = []) throws -> ProcessResult {
        try Processes.run(
            path,
            arguments: arguments + (python.map { ["--python", $0] } ?? []),
            environment: environment,
            input: input,
            outputLimitBytes: 64 << 20,
            deadline: Self.deadline
        )
    }
}

/// Why edgeruntime did not do what it was asked.
package enum RuntimeProgramError: ExplainedError {
    case notFound(String?)
    case failed(what: String, ProcessResult)

    package var message: String {
        switch self {
        case .notFound(let path): path.map { "\($0) does not exist" } ?? "no edgeruntime beside this program or in PATH"
        case .failed(let what, let result):
            // Its own error line says it best; what a script printed before goes along.
            "edgeruntime \(what) could not run the bundle (\(result.status)):\n"
                + result.lastWords
        }
    }

    package var hint: String? {
        switch self {
        case .notFound: "build it with scripts/build, or name it with --edgeruntime PATH"
        case .failed: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notFound: .unavailable
        case .failed(_, let result): result.exitCode
        }
    }
}

extension ProcessResult {
    /// The end of what edgeruntime said.
    var lastWords: String { errorText.split(separator: "\n").suffix(20).joined(separator: "\n") }

    /// Its exit code, which has the same meaning here.
    var exitCode: ExitCode {
        if case .exited(let code) = status { ExitCode(rawValue: code) ?? .failed } else { .failed }
    }
}
