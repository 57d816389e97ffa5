import FileSystem

/// Makes locks with uv.
package struct LockResolver: Sendable {
    /// What became of one lock.
    package struct Outcome: Sendable, Equatable {
        package enum Change: String, Sendable {
            case created, updated, unchanged
        }

        /// Where the lock stands.
        package let path: String
        package let lock: LockFile
        package let change: Change
    }

    private let uv: UvTool

    package init(uv: UvTool) {
        self.uv = uv
    }

    /// Locks a project for these classes of boxes. Nothing is written unless all platforms could be resolved.
    ///
    /// Versions that a lock already pins are kept where they still fit; `upgrade` asks for the newest ones.
    /// Throws `DeviceProfileError`, `RequirementsError`, `UvError`, `ProcessError` or `FileError`.
    package func lock(_ project: Project, on profiles: [DeviceProfile], upgrade: Bool) throws -> [Outcome] {
        var outcomes: [Outcome] = []
        for request in try LockRequest.requests(of: project, on: profiles) {
            let path = FileSystem.join(project.folder, request.path)
            let before = try Self.contents(path)
            let previous = before.flatMap { try? LockFile(parsing: String(decoding: $0, as: UTF8.self), path: path) }
            let lock = try resolve(request, previous: upgrade ? nil : previous)
            let isSame = before == Array(lock.text.utf8)
            outcomes.append(
                Outcome(path: path, lock: lock, change: before == nil ? .created : isSame ? .unchanged : .updated)
            )
        }
        for outcome in outcomes where outcome.change != .unchanged {
            try FileSystem.createDirectories(FileSystem.parent(of: outcome.path))
            try FileSystem.write(Array(outcome.lock.text.utf8), to: outcome.path)
        }
        return outcomes
    }

    /// Resolves one request.
    func resolve(_ request: LockRequest, previous: LockFile?) throws -> LockFile {
        // A folder of our own: uv reads settings from the folder it runs in and those above it, and the answer must
        // not depend on where a project lies.
        let folder = try TemporaryDirectory(prefix: "edgepack-lock")
        let output = "\(folder.path)/out.txt"
        try Self.write(request.requirements, to: "\(folder.path)/in.txt")
        var arguments = [
            "compile", "-q", "in.txt", "-o", "out.txt", "--python-version", request.platform.wheelPython.description,
            "--python-platform", request.platform.uvPlatform ?? "", "--only-binary", ":all:", "--generate-hashes",
            "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links",
        ]
        if request.isAlone { arguments.append("--no-deps") }
        if !request.constraints.isEmpty {
            try Self.write(request.constraints, to: "\(folder.path)/constraints.txt")
            arguments += ["-c", "constraints.txt"]
        }
        // uv prefers the versions that it finds in the file it writes to.
        if let previous { try FileSystem.write(Array(previous.body.utf8), to: output) }
        try uv.pip(arguments, in: folder.path, task: "resolve the environment for \(request.platform)")
        let body = try FileSystem.read(output, limit: LockFile.byteLimit)
        return try LockFile(request: request, body: String(decoding: body, as: UTF8.self), path: request.path)
    }

    private static func write(_ lines: [String], to path: String) throws {
        try FileSystem.write(Array(lines.map { $0 + "\n" }.joined().utf8), to: path)
    }

    private static func contents(_ path: String) throws -> [UInt8]? {
        guard try FileSystem.statusFollowingLinks(of: path) != nil else { return nil }
        return try FileSystem.read(path, limit: LockFile.byteLimit)
    }
}

extension LockFile {
    /// The lock of a project for a request, read and checked.
    ///
    /// Throws `LockError` (exit code 13) where there is none or it is stale, `FileError` where it can't be read.
    /// `devices` are the profiles that a hint names beside the project's own.
    package static func read(
        of project: Project,
        for request: LockRequest,
        devices: [String] = []
    ) throws -> LockFile {
        let path = FileSystem.join(project.folder, request.path)
        let isThere = try FileSystem.statusFollowingLinks(of: path) != nil
        let contents = isThere ? try FileSystem.read(path, limit: byteLimit) : nil
        let arguments = ([project.folder] + devices.map { "--device \($0)" }).joined(separator: " ")
        return try check(contents, against: request, path: path, project: arguments)
    }
}
