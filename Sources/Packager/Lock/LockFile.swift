package import Diagnostics
package import Digest

/// A lock: every package with its version and the hashes of its files, in the form of pip's requirements files.
///
/// Plain `uv pip install --require-hashes -r LOCK` reads it; the comment lines at its start are ours.
package struct LockFile: Sendable, Equatable {
    /// Locks of some thousand packages stay below this.
    package static let byteLimit = 16 << 20

    /// A package that the lock pins.
    package struct Package: Sendable, Equatable {
        package let name: String
        package let version: String
    }

    /// `linux-x86_64-cp311`
    package let platformKey: String
    package let inputsDigest: SHA256Digest
    /// Everything after the comment lines.
    package let body: String
    /// In the order of the file.
    package let packages: [Package]

    /// Reads a lock; throws what is wrong with it.
    package init(parsing text: String, path: String) throws(LockError) {
        // To Swift a carriage return and a newline are one character, to uv the former is a part of the line.
        guard !text.utf8.contains(UInt8(ascii: "\r")) else {
            throw LockError.malformed(path: path, line: 1, reason: "its lines end as on Windows")
        }
        var rest = Substring(text)
        func header(_ number: Int, _ prefix: String) throws(LockError) -> String {
            let line = rest.prefix { $0 != "\n" }
            guard line.hasPrefix(prefix) else {
                throw LockError.malformed(path: path, line: number, reason: "expected \"\(prefix)…\"")
            }
            rest = rest[line.endIndex...].dropFirst()
            return String(line.dropFirst(prefix.count))
        }
        guard try header(1, "# edgepack lock ") == "1" else {
            throw LockError.malformed(path: path, line: 1, reason: "the format is not 1, the one that is known")
        }
        platformKey = try header(2, "# platform: ")
        guard let digest = SHA256Digest(hex: try header(3, "# inputs: sha256:")) else {
            throw LockError.malformed(path: path, line: 3, reason: "the digest is no SHA-256 in hexadecimal")
        }
        inputsDigest = digest
        body = String(rest)
        packages = try Self.packages(body, path: path, firstLine: 4)
    }

    /// Makes a lock of what uv resolved.
    package init(request: LockRequest, body: String, path: String) throws(LockError) {
        platformKey = request.platform.key
        inputsDigest = request.inputsDigest
        self.body = body
        packages = try Self.packages(body, path: path, firstLine: 1)
    }

    /// The file's text.
    package var text: String {
        "# edgepack lock 1\n# platform: \(platformKey)\n# inputs: sha256:\(inputsDigest)\n" + body
    }

    /// The lock where it answers the request: pure, on the bytes of the file or nil where there is none.
    ///
    /// A lock for older boxes answers it as well. `project` is what hints name: `edgepack lock PROJECT`.
    package static func check(
        _ contents: [UInt8]?,
        against request: LockRequest,
        path: String,
        project: String
    ) throws(LockError) -> LockFile {
        guard let contents else {
            throw LockError.missing(path: path, platform: request.platform.key, project: project)
        }
        let lock = try LockFile(parsing: String(decoding: contents, as: UTF8.self), path: path)
        guard lock.platformKey == request.platform.key else {
            throw LockError.otherPlatform(path: path, expected: request.platform.key, found: lock.platformKey)
        }
        guard request.made(lock) != nil else { throw LockError.stale(path: path, project: project) }
        return lock
    }

    /// The pins, each `NAME==VERSION` with at least one hash; anything else is refused, a registry's address above all.
    private static func packages(_ body: String, path: String, firstLine: Int) throws(LockError) -> [Package] {
        var packages: [Package] = []
        var hashes = 0
        for (index, line) in body.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            func refuse(_ reason: String) -> LockError {
                .malformed(path: path, line: firstLine + index, reason: reason)
            }
            var words = line.split(separator: " ")
            if words.last == "\\" { words.removeLast() }
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            if first.hasPrefix("--hash=") {
                guard words.count == 1, !packages.isEmpty, isSHA256(first.dropFirst("--hash=".count)) else {
                    throw refuse("expected --hash=sha256:… after a package")
                }
                hashes += 1
                continue
            }
            guard packages.isEmpty || hashes > 0 else { throw refuse("the package before has no hash") }
            let pin = first.split(separator: "=", omittingEmptySubsequences: false)
            guard words.count == 1, pin.count == 3, pin[1].isEmpty, isName(pin[0]), isVersion(pin[2]) else {
                throw refuse("expected NAME==VERSION, found '\(line.prefix(80))'")
            }
            hashes = 0
            packages.append(Package(name: String(pin[0]), version: String(pin[2])))
        }
        guard packages.isEmpty || hashes > 0 else {
            throw LockError.malformed(path: path, line: firstLine, reason: "the last package has no hash")
        }
        return packages
    }

    private static func isSHA256(_ text: Substring) -> Bool {
        text.hasPrefix("sha256:") && SHA256Digest(hex: text.dropFirst("sha256:".count)) != nil
    }

    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }

    private static func isVersion(_ text: Substring) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._+!-".contains($0)) }
    }
}

/// Why an environment is not locked.
package enum LockError: ExplainedError, Equatable {
    case missing(path: String, platform: String, project: String)
    case stale(path: String, project: String)
    case otherPlatform(path: String, expected: String, found: String)
    case malformed(path: String, line: Int, reason: String)

    package var message: String {
        switch self {
        case .missing(let path, let platform, _): "the environment for \(platform) is not locked: no \(path)"
        case .stale(let path, _): "\(path) is stale: what it locks has changed since"
        case .otherPlatform(let path, let expected, let found): "\(path) is for \(found), not for \(expected)"
        case .malformed(let path, let line, let reason): "\(path):\(line): no lock of ours: \(reason)"
        }
    }

    package var hint: String? {
        switch self {
        case .missing(_, _, let project), .stale(_, let project): "run `edgepack lock \(project)`"
        case .otherPlatform, .malformed: "remove the file and run `edgepack lock`"
        }
    }

    package var exitCode: ExitCode { .unlocked }
}
