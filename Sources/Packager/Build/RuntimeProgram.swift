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

    /// The outcome of `edgeruntime check`, which says whether the samples were answered as expected.
    ///
    /// `name` is what the runtime's words call the tree, which may be a temporary one.
    /// Throws `failed` with these words and the exit code where it could not check.
    package func check(_ tree: String, shownAs name: String) throws -> CheckResult {
        let result = try run(["check", tree, "--json"], on: tree, shownAs: name)
        // A check that failed has printed its result all the same.
        guard result.isSuccess || result.status == .exited(ExitCode.checkFailed.rawValue) else {
            throw RuntimeProgramError.failed(what: "check", result)
        }
        return try understood {
            try CheckResult(try JSONValue.parse(result.standardOutput, limits: .document).naming(tree, as: name))
        }
    }

    /// The answer to one request, in JSON.
    package func score(_ tree: String, request: [UInt8], shownAs name: String) throws -> JSONValue {
        let result = try run(["score", tree, "-"], input: request, on: tree, shownAs: name)
        guard result.isSuccess else { throw RuntimeProgramError.failed(what: "score", result) }
        return try understood {
            try JSONValue.parse(result.standardOutput, limits: JSONLimits(bytes: 64 << 20, values: 8_000_000))
        }
    }

    private func run(
        _ arguments: [String],
        input: [UInt8] = [],
        on tree: String,
        shownAs name: String
    ) throws -> ProcessResult {
        var result = try Processes.run(
            path,
            arguments: arguments + (python.map { ["--python", $0] } ?? []),
            environment: environment,
            input: input,
            outputLimitBytes: 64 << 20,
            deadline: Self.deadline
        )
        if tree != name { result.standardError = Array(result.errorText.replacing(tree, with: name).utf8) }
        return result
    }

    /// An answer that is not of the form that edgeruntime's have is another program's.
    private func understood<Answer>(_ read: () throws -> Answer) throws -> Answer {
        do {
            return try read()
        } catch let error as JSONError {
            throw RuntimeProgramError.notUnderstood(path: path, error)
        }
    }
}

extension JSONValue {
    /// The same with every text that names `path` naming `name`.
    fileprivate func naming(_ path: String, as name: String) -> JSONValue {
        guard path != name else { return self }
        switch self {
        case .string(let text): return .string(text.replacing(path, with: name))
        case .array(let elements): return .array(elements.map { $0.naming(path, as: name) })
        case .object(let object):
            return .object(JSONObject(object.members.map { ($0.name, $0.value.naming(path, as: name)) }))
        default: return self
        }
    }
}

/// Why edgeruntime did not do what it was asked.
package enum RuntimeProgramError: ExplainedError {
    case notFound(String?)
    case failed(what: String, ProcessResult)
    /// It ended well with an answer that no edgeruntime gives.
    case notUnderstood(path: String, JSONError)

    package var message: String {
        switch self {
        case .notFound(let path): path.map { "\($0) does not exist" } ?? "no edgeruntime beside this program or in PATH"
        case .notUnderstood(let path, let error): "\(path) does not answer as edgeruntime does: \(error.message)"
        case .failed(let what, let result):
            // Its own error line says it best; what a script printed before goes along.
            "edgeruntime \(what) could not run the bundle (\(result.status)):\n"
                + result.lastWords
        }
    }

    package var hint: String? {
        switch self {
        case .notFound, .notUnderstood: "build it with scripts/build, or name it with --edgeruntime PATH"
        case .failed: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notFound, .notUnderstood: .unavailable
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
