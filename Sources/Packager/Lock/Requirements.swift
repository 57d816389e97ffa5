package import Diagnostics
import FileSystem

/// What a requirements file asks for, with the files it includes, without comments: the same asked for is the same value.
package struct Requirements: Sendable, Equatable {
    /// Requirements files are written by people; a larger one is none.
    private static let byteLimit = 1 << 20
    private static let fileLimit = 32

    /// Requirements in order, one per element: `numpy>=2,<3; python_version >= "3.11"`.
    package var lines: [String]
    /// Versions that hold if a package is wanted, from `-c` files.
    package var constraints: [String]

    package init(lines: [String], constraints: [String] = []) {
        self.lines = lines
        self.constraints = constraints
    }

    /// Reads a requirements file, `-r` and `-c` included.
    ///
    /// Throws `RequirementsError` for what can't be locked by name, version and hash, or `FileError`.
    package static func read(_ path: String) throws -> Requirements {
        try read(path) { try FileSystem.read($0, limit: byteLimit) }
    }

    /// The same with the files handed in.
    static func read(_ path: String, file: (String) throws -> [UInt8]) throws -> Requirements {
        var result = Requirements(lines: [])
        var seen: Set<String> = []
        try result.add(path, asConstraints: false, seen: &seen, file)
        return result
    }

    private mutating func add(
        _ path: String,
        asConstraints: Bool,
        seen: inout Set<String>,
        _ file: (String) throws -> [UInt8]
    ) throws {
        // A file that is included twice says nothing new, and one that includes itself ends here.
        guard seen.insert("\(asConstraints ? "c" : "r") \(path)").inserted else { return }
        guard seen.count <= Self.fileLimit else { throw RequirementsError.tooManyFiles(path: path, Self.fileLimit) }
        for (number, line) in Self.logicalLines(String(decoding: try file(path), as: UTF8.self)) {
            func refuse(_ reason: String) -> RequirementsError { .line(path: path, number: number, reason: reason) }
            if let included = Self.include(line) {
                guard !included.path.isEmpty, !included.path.contains("://") else { throw refuse("names no file") }
                let place = FileSystem.join(FileSystem.parent(of: path), included.path)
                let constraints = asConstraints || included.isConstraints
                try add(place, asConstraints: constraints, seen: &seen, file)
                continue
            }
            if let reason = Self.problem(line) { throw refuse(reason) }
            if asConstraints { constraints.append(line) } else { lines.append(line) }
        }
    }

    /// Lines without comments, joined where they end in a backslash, with the number of their first line.
    private static func logicalLines(_ text: String) -> [(number: Int, line: String)] {
        var result: [(number: Int, line: String)] = []
        var pending: (number: Int, line: String)?
        for (index, raw) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            var line = String(raw)
            // pip's rule: a comment starts the line or follows white space.
            var before: Character = " "
            for place in line.indices {
                if line[place] == "#", before.isWhitespace {
                    line = String(line[..<place])
                    break
                }
                before = line[place]
            }
            let continues = line.hasSuffix("\\")
            if continues { line.removeLast() }
            let joined = (pending?.line ?? "") + line
            let number = pending?.number ?? index + 1
            pending = continues ? (number, joined) : nil
            let words = joined.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            if !continues, !words.isEmpty { result.append((number, words)) }
        }
        if let pending, pending.line.contains(where: { !$0.isWhitespace }) { result.append(pending) }
        return result
    }

    private static func include(_ line: String) -> (path: String, isConstraints: Bool)? {
        for (option, isConstraints) in [
            ("--requirement", false), ("-r", false), ("--constraint", true), ("-c", true),
        ] where line.hasPrefix(option) {
            let rest = line.dropFirst(option.count)
            let path = rest.drop { $0 == " " || $0 == "=" }
            if rest.first == " " || rest.first == "=" || option.count == 2 { return (String(path), isConstraints) }
        }
        return nil
    }

    /// Why a line can't be locked, or nil.
    private static func problem(_ line: String) -> String? {
        if line.hasPrefix("-") {
            return "'\(line.prefix { $0 != " " && $0 != "=" })' is no matter of a project; only -r and -c are read"
        }
        guard let first = line.first, first.isASCII, first.isLetter || first.isNumber else {
            return "'\(line.prefix(60))' does not start with a package's name"
        }
        // A marker may hold slashes and at signs; what is before it may not.
        let requirement = line.prefix { $0 != ";" }
        if requirement.contains("://") || requirement.contains("@") {
            return "'\(line.prefix(60))' names a place; only packages of an index have hashes for every platform"
        }
        if requirement.contains("/") || requirement.hasSuffix(".whl") {
            return "'\(line.prefix(60))' names a file; only packages of an index have hashes for every platform"
        }
        if requirement.contains(" --") { return "options of a single requirement are not read" }
        return nil
    }
}

/// What is wrong with a requirements file.
package enum RequirementsError: ExplainedError, Equatable {
    case line(path: String, number: Int, reason: String)
    case tooManyFiles(path: String, Int)

    package var message: String {
        switch self {
        case .line(let path, let number, let reason): "\(path):\(number): \(reason)"
        case .tooManyFiles(let path, let limit): "\(path): more than \(limit) files are included"
        }
    }

    package var hint: String? {
        guard case .line(_, _, let reason) = self, reason.contains("no matter of a project") else { return nil }
        return "which index is asked belongs in uv's configuration (UV_DEFAULT_INDEX or uv.toml)"
    }

    package var exitCode: ExitCode { .configuration }
}
