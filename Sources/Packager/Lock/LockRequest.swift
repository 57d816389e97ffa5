package import Digest

/// All that goes into a resolution: when it changes, the lock is stale.
package struct LockRequest: Sendable, Equatable {
    package enum Wanted: Sendable, Equatable {
        /// ONNX Runtime's library of this version, and nothing it would bring along.
        case onnxRuntime(version: String)
        case requirements(Requirements)
    }

    package let platform: LockPlatform
    package let wanted: Wanted

    package init(platform: LockPlatform, wanted: Wanted) {
        self.platform = platform
        self.wanted = wanted
    }

    /// The lock's place in a project: `locks/linux-x86_64-cp311.txt`.
    package var path: String { "locks/\(platform.key).txt" }

    /// Lines such as `numpy==2.4.6`, as they are handed to uv.
    var requirements: [String] {
        switch wanted {
        case .onnxRuntime(let version): ["onnxruntime==\(version)"]
        case .requirements(let requirements): requirements.lines
        }
    }

    var constraints: [String] {
        if case .requirements(let requirements) = wanted { requirements.constraints } else { [] }
    }

    /// Whether what is wanted comes without what it depends on.
    var isAlone: Bool {
        if case .onnxRuntime = wanted { true } else { false }
    }

    /// SHA-256 over everything that goes into the resolution.
    package var inputsDigest: SHA256Digest {
        let lines =
            ["edgepack lock 1", "platform \(platform.key)", "uv platform \(platform.uvPlatform ?? "none")"]
            + ["python \(platform.wheelPython)", "dependencies \(isAlone ? "no" : "yes")"]
            + requirements.map { "requirement \($0)" } + constraints.map { "constraint \($0)" }
        // No line holds a newline, so that no two requests make the same text.
        return SHA256.digest(lines.map { $0 + "\n" }.joined().utf8)
    }

    /// The request that a lock was made for, where it answers this one: this one itself, or the same for older boxes,
    /// as what runs there runs here too.
    package func made(_ lock: LockFile) -> LockRequest? {
        guard lock.platformKey == platform.key else { return nil }
        let older = platform.older.map { LockRequest(platform: $0, wanted: wanted) }
        return ([self] + older).first { $0.inputsDigest == lock.inputsDigest }
    }

    /// The requests of a project on these classes of boxes, one per platform.
    ///
    /// Throws `DeviceProfileError`, `RequirementsError` or `FileError`.
    package static func requests(of project: Project, on profiles: [DeviceProfile]) throws -> [LockRequest] {
        let wanted: Wanted =
            switch project.file.scoring {
            case .onnx(let version, _): .onnxRuntime(version: version)
            case .script(let script, _):
                .requirements(try Requirements.read(project.path(of: script.requirements)))
            }
        return try LockPlatform.platforms(of: project.file, on: profiles)
            .map { LockRequest(platform: $0, wanted: wanted) }
    }
}
