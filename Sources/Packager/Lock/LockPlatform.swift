package import BundleManifest

/// What a lock is made for: one per architecture and Python, for the oldest boxes among the project's devices.
package struct LockPlatform: Sendable, Hashable, CustomStringConvertible {
    package let architecture: Platform.Architecture
    /// nil for a model without a script.
    package let python: PythonVersion?
    /// The oldest glibc among the devices: wheels are chosen to run there.
    package let glibc: GlibcVersion

    package init(architecture: Platform.Architecture, python: PythonVersion?, glibc: GlibcVersion) {
        self.architecture = architecture
        self.python = python
        self.glibc = glibc
    }

    /// `linux-x86_64-cp311` or `linux-x86_64-nopy`: the name of the lock.
    package var key: String { "linux-\(architecture.rawValue)-\(python?.abi ?? "nopy")" }

    package var description: String { key }

    /// The Python whose wheels are read: the project's, or for the library alone always the same one, as each
    /// wheel of onnxruntime holds the library and they differ from Python to Python.
    package var wheelPython: PythonVersion { python ?? Self.libraryPython }

    private static let libraryPython = PythonVersion(minor: 11)

    /// The newest platform of uv's list that boxes with `glibc` run (`uv pip compile --help`, 0.13.8), or nil where
    /// glibc is older than all of them.
    package var uvPlatform: String? {
        // A later major version would be newer than all that uv knows.
        let minor = glibc.major > 2 ? Int.max : glibc.major == 2 ? glibc.minor : 0
        return Self.uvMinors.last { $0 <= minor }.map { "\(architecture.rawValue)-manylinux_2_\($0)" }
    }

    private static let uvMinors = [17, 28] + Array(31...40)

    /// The same for older boxes, the newest of these first, one for each platform of uv's list.
    var older: [LockPlatform] {
        Self.uvMinors.reversed().map { GlibcVersion(2, $0) }.filter { $0 < glibc }
            .map { LockPlatform(architecture: architecture, python: python, glibc: $0) }
    }

    /// The platforms that a project needs locks for, each once, in the order of their keys.
    ///
    /// Throws `DeviceProfileError` where a class of boxes lacks the project's Python, or is too old for any wheel.
    package static func platforms(
        of file: ProjectFile,
        on profiles: [DeviceProfile]
    ) throws(DeviceProfileError) -> [LockPlatform] {
        var platforms: [String: LockPlatform] = [:]
        for profile in profiles {
            let platform = try platform(of: file, on: profile)
            guard platform.uvPlatform != nil else {
                throw .glibcTooOld(profile: profile.name, glibc: profile.glibc.description, oldest: "2.17")
            }
            // What runs on the older boxes runs on the newer ones.
            if let other = platforms[platform.key], other.glibc <= platform.glibc { continue }
            platforms[platform.key] = platform
        }
        return platforms.values.sorted { $0.key < $1.key }
    }

    /// The platform of a project on one class of boxes, not joined with others.
    private static func platform(
        of file: ProjectFile,
        on profile: DeviceProfile
    ) throws(DeviceProfileError) -> LockPlatform {
        guard case .script(let script, _) = file.scoring else {
            return LockPlatform(architecture: profile.architecture, python: nil, glibc: profile.glibc)
        }
        guard profile.python.contains(script.python) else {
            throw .pythonNotOffered(
                script.python,
                script.pythonPosition,
                profile: profile.name,
                offered: profile.python
            )
        }
        return LockPlatform(architecture: profile.architecture, python: script.python, glibc: profile.glibc)
    }
}
