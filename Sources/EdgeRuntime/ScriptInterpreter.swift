package import Diagnostics
internal import Processes

/// A Python interpreter that was tried out.
package struct PythonInterpreter: Sendable, Equatable {
    /// The program itself, as Python names it: behind the scripts that version managers put into PATH.
    package let path: String
    /// For instance `3.11.7`.
    package let version: String
    /// The tag of its wheels, for instance `cp311`, or `cp313t` without the global lock.
    package let abi: String
    /// As uname(2) has it, for instance `x86_64`.
    package let machine: String

    /// The oldest that the worker runs on.
    package static let oldestMinor = 9

    /// Finds an interpreter and tries it out.
    ///
    /// - Parameters:
    ///   - abi: the tag that the bundle's packages were made for; nil takes any CPython from 3.9 on.
    ///   - explicit: a path (or a name in PATH) that must be the one.
    ///   - environment: PATH is searched; all of it is handed to the candidates, as version managers need theirs.
    /// - Throws: `PythonInterpreterError`.
    package static func find(
        abi: String?,
        explicit: String? = nil,
        environment: [String: String] = Processes.inheritedEnvironment()
    ) throws(PythonInterpreterError) -> PythonInterpreter {
        let needed = try NeededPython(abi: abi)
        var found: [PythonInterpreterError.Candidate] = []
        for path in candidates(for: needed, explicit: explicit, in: environment["PATH"] ?? "") {
            let candidate = probe(path, environment: environment)
            if case .interpreter(let interpreter) = candidate, needed.accepts(interpreter) { return interpreter }
            found.append(PythonInterpreterError.Candidate(path: path, description: candidate.description))
        }
        if let explicit, found.isEmpty { throw .notFound(path: explicit) }
        throw .incompatible(needed: needed.description, found: found)
    }

    /// At most 16: each costs the start of a process.
    private static func candidates(for needed: NeededPython, explicit: String?, in path: String) -> [String] {
        if let explicit { return Processes.find(explicit, in: path).map { [$0] } ?? [] }
        let folders = path.split(separator: ":").map(String.init)
        var paths: [String] = []
        for name in needed.programNames {
            for folder in folders {
                guard let program = Processes.find(name, in: folder), !paths.contains(program) else { continue }
                paths.append(program)
            }
        }
        return Array(paths.prefix(16))
    }

    private enum Probe: CustomStringConvertible {
        case interpreter(PythonInterpreter)
        case unusable(String)

        var description: String {
            switch self {
            case .interpreter(let interpreter): "\(interpreter.abi), version \(interpreter.version)"
            case .unusable(let reason): reason
            }
        }
    }

    private static func probe(_ path: String, environment: [String: String]) -> Probe {
        let question = """
            import os, sys
            v = sys.version_info
            t = "cp" if sys.implementation.name == "cpython" else sys.implementation.name
            print(f"{t}{v[0]}{v[1]}{getattr(sys, 'abiflags', '').replace('d', '')}")
            print(".".join(str(part) for part in v[:3]))
            print(os.uname().machine)
            print(sys.executable)
            """
        let result: ProcessResult
        do {
            result = try Processes.run(
                path,
                arguments: ["-I", "-S", "-B", "-c", question],
                environment: environment,
                outputLimitBytes: 64 << 10,
                deadline: .seconds(20)
            )
        } catch {
            return .unusable(error.message)
        }
        let lines = result.outputText.split(separator: "\n").map(String.init)
        guard result.isSuccess, lines.count == 4 else { return .unusable("it can't be run: \(result.status)") }
        return .interpreter(PythonInterpreter(path: lines[3], version: lines[1], abi: lines[0], machine: lines[2]))
    }
}

/// The tag that is asked for, taken apart.
private struct NeededPython: CustomStringConvertible {
    let abi: String?
    /// `3.11`; nil where any will do.
    let version: String?

    init(abi: String?) throws(PythonInterpreterError) {
        self.abi = abi
        guard let abi else {
            version = nil
            return
        }
        let digits = abi.dropFirst(2).prefix { $0.isASCII && $0.isNumber }
        let minor = Int(digits.dropFirst()) ?? -1
        guard abi.hasPrefix("cp3"), (PythonInterpreter.oldestMinor...99).contains(minor),
            ["", "t"].contains(abi.dropFirst(2 + digits.count))
        else { throw .unknownABI(abi) }
        version = "3.\(minor)"
    }

    var programNames: [String] {
        guard let version else { return ["python3"] }
        return (abi?.hasSuffix("t") == true ? ["python\(version)t"] : []) + ["python\(version)", "python3"]
    }

    var description: String {
        guard let abi, let version else { return "CPython 3.\(PythonInterpreter.oldestMinor) or later" }
        return "CPython \(version) (\(abi))"
    }

    func accepts(_ interpreter: PythonInterpreter) -> Bool {
        if let abi { return interpreter.abi == abi }
        let minor = interpreter.version.split(separator: ".").dropFirst().first.flatMap { Int($0) }
        return interpreter.abi.hasPrefix("cp3") && (minor ?? 0) >= PythonInterpreter.oldestMinor
    }
}

/// Why there is no interpreter for a bundle.
package enum PythonInterpreterError: ExplainedError, Equatable {
    /// A program that was tried, and what it turned out to be.
    package struct Candidate: Sendable, Equatable {
        package let path: String
        package let description: String
    }

    /// The path that was named is no executable file.
    case notFound(path: String)
    case incompatible(needed: String, found: [Candidate])
    /// The bundle names an interpreter of a kind that the worker can't run on.
    case unknownABI(String)

    package var message: String {
        switch self {
        case .notFound(let path):
            return "there is no Python interpreter at \(path)"
        case .incompatible(let needed, let found):
            let list = found.map { "\($0.path): \($0.description)" }.joined(separator: "; ")
            return "the scoring script needs \(needed); found \(found.isEmpty ? "no Python in PATH" : list)"
        case .unknownABI(let abi):
            return "the scoring script needs a Python of the kind \(abi), which the runtime does not know"
        }
    }

    package var hint: String? {
        switch self {
        case .notFound: "give the path of an interpreter that is installed"
        case .incompatible(let needed, _): "install \(needed), or give the path of one that is installed"
        case .unknownABI: "known are cp39 and later, with or without a final t"
        }
    }

    package var exitCode: ExitCode { .incompatible }
}
