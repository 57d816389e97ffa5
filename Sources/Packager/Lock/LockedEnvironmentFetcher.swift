package import Diagnostics
import Digest
import FileSystem
import Glibc
import JSON

/// Fetches what a lock pins, once per lock and version of uv; later builds take it from the cache.
package struct LockedEnvironmentFetcher: Sendable {
    /// Rises when trees are made differently from the same wheels.
    private static let format = 1
    private static let recordName = "environment.json"

    private let uv: UvTool
    private let cache: String

    /// `cache` is the folder to keep environments in; see `cacheFolder`.
    package init(uv: UvTool, cache: String) {
        self.uv = uv
        self.cache = cache
    }

    /// `$XDG_CACHE_HOME/edgepack`, else `~/.cache/edgepack` (XDG Base Directory Specification).
    package static func cacheFolder(environment: [String: String]) throws(CacheError) -> String {
        // The specification has relative paths ignored.
        if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/") { return "\(cache)/edgepack" }
        if let home = environment["HOME"], home.hasPrefix("/") { return "\(home)/.cache/edgepack" }
        throw .noPlace
    }

    /// The environment of a lock; `request` is what the lock was checked against.
    ///
    /// Throws `UvError`, `WheelError`, `ProcessError` or `FileError`; then the cache holds nothing new.
    package func fetch(_ lock: LockFile, for request: LockRequest) throws -> LockedEnvironment {
        let key = key(lock, request, uvVersion: try uv.version())
        let place = "\(cache)/environments/\(key)"
        if let environment = Self.cached(at: place) { return environment }

        try FileSystem.createDirectories("\(cache)/environments")
        // Whatever is there is not what was fetched: half removed by a person, cut short by a full disk, or changed.
        try FileSystem.removeTree(place)
        do {
            return try make(lock, request, at: place)
        } catch let error as FileError {
            // Another build may have been quicker, so that the name was taken; what it made is the same.
            guard let other = Self.cached(at: place) else { throw error }
            return other
        }
    }

    /// Makes the environment beside its place and renames it, so that what is killed leaves nothing under its name.
    private func make(_ lock: LockFile, _ request: LockRequest, at place: String) throws -> LockedEnvironment {
        let folder = try AtomicDirectory(at: place)
        let tree = "\(folder.temporaryPath)/tree"
        try FileSystem.createDirectory(tree, mode: 0o755)
        let wheels = try install(lock, request, to: tree)
        let environment = LockedEnvironment(
            path: "\(place)/tree",
            python: request.platform.python?.abi,
            wheels: wheels,
            digest: try LockedTree.digest(of: tree)
        )
        try FileSystem.write(environment.record.compactBytes(), to: "\(folder.temporaryPath)/\(Self.recordName)")
        try folder.commit(durably: true)
        return environment
    }

    private func install(_ lock: LockFile, _ request: LockRequest, to tree: String) throws -> [LockedWheel] {
        let scratch = try TemporaryDirectory(prefix: "edgepack-fetch")
        try FileSystem.write(Array(lock.text.utf8), to: "\(scratch.path)/lock.txt")
        guard case .onnxRuntime(let version) = request.wanted else {
            return try unpack(request, to: tree, in: scratch.path)
        }
        let wheel = "\(scratch.path)/wheel"
        let wheels = try unpack(request, to: wheel, in: scratch.path)
        try Self.takeLibrary(version: version, from: wheel, to: tree)
        return wheels
    }

    private func unpack(_ request: LockRequest, to target: String, in scratch: String) throws -> [LockedWheel] {
        let arguments = [
            "install", "-q", "--target", target, "--no-deps", "--require-hashes", "--only-binary", ":all:",
            "--no-compile-bytecode", "--link-mode", "copy", "--python-version",
            request.platform.wheelPython.description, "--python-platform", request.platform.uvPlatform ?? "", "-r",
            "lock.txt",
        ]
        try uv.pip(arguments, in: scratch, task: "fetch the environment for \(request.platform)")
        return try LockedTree(root: target, architecture: request.platform.architecture).normalise()
    }

    /// A native bundle needs the library and the right to pass it on, and none of the Python around them.
    private static func takeLibrary(version: String, from wheel: String, to tree: String) throws {
        let library = "\(wheel)/onnxruntime/capi/libonnxruntime.so.\(version)"
        guard try FileSystem.status(of: library) != nil else { throw WheelError.noLibrary(version: version) }
        try move(library, to: "\(tree)/\(LockedEnvironment.libraryPath(version: version))", mode: 0o644)
        for name in ["LICENSE", "ThirdPartyNotices.txt"] {
            let licence = "\(wheel)/onnxruntime/\(name)"
            guard try FileSystem.status(of: licence) != nil else { continue }
            try move(licence, to: "\(tree)/licenses/onnxruntime/\(name)", mode: 0o644)
        }
    }

    /// Copies, as scratch and cache may lie on different file systems.
    private static func move(_ source: String, to destination: String, mode: mode_t) throws {
        try FileSystem.createDirectories(FileSystem.parent(of: destination))
        let file = try File.open(source)
        let target = try AtomicFile(at: destination, mode: mode)
        try target.copy(try file.status().size, of: file, at: 0)
        try target.commit()
    }

    private func key(_ lock: LockFile, _ request: LockRequest, uvVersion: String) -> String {
        let inputs = "edgepack environment \(Self.format)\n\(uvVersion)\n\(request.inputsDigest)\n\(lock.text)"
        return "\(request.platform.key)-\(SHA256.digest(inputs.utf8).hex.prefix(32))"
    }

    /// The environment at a place of the cache, where every byte is as it was fetched: what goes into a bundle is
    /// signed, so that a changed library must not pass for the locked one.
    private static func cached(at place: String) -> LockedEnvironment? {
        guard let record = try? FileSystem.read("\(place)/\(recordName)", limit: 4 << 20),
            let environment = try? LockedEnvironment(record: record, path: "\(place)/tree"),
            let digest = try? LockedTree.digest(of: environment.path),
            digest == environment.digest
        else { return nil }
        return environment
    }
}

/// Why there is no cache.
package enum CacheError: ExplainedError, Equatable {
    case noPlace

    package var message: String { "no place for a cache: neither XDG_CACHE_HOME nor HOME is an absolute path" }
    package var hint: String? { "set XDG_CACHE_HOME" }
    package var exitCode: ExitCode { .configuration }
}
