package import Diagnostics
import FileSystem
package import YAML

/// Finds device profiles: in the project's own `devices/` folder, then among those that are built in, or by path.
package struct DeviceProfiles: Sendable {
    /// Profiles are small; a larger file is none.
    private static let limits = YAMLLimits(bytes: 64 << 10, depth: 8, nodes: 1_000)

    private let projectFolder: String

    package init(projectFolder: String) {
        self.projectFolder = projectFolder
    }

    /// The profile of this name, or at this path: what has a slash or ends in `.yaml` is a path, seen from `base`.
    ///
    /// Throws `DeviceProfileError`, `YAMLError` or `FileError`.
    package func profile(_ reference: String, base: String = ".") throws -> DeviceProfile {
        if reference.contains("/") || reference.hasSuffix(".yaml") {
            return try read(FileSystem.join(base, reference))
        }
        let own = "\(folder)/\(reference).yaml"
        if try FileSystem.statusFollowingLinks(of: own) != nil {
            let profile = try read(own)
            guard profile.name == reference else {
                throw DeviceProfileError.otherName(path: own, expected: reference, found: profile.name)
            }
            return profile
        }
        if let builtIn = DeviceProfile.builtIn.first(where: { $0.name == reference }) { return builtIn }
        throw DeviceProfileError.unknown(reference, known: known())
    }

    /// The profiles that a project names, in its order.
    package func profiles(of file: ProjectFile) throws -> [DeviceProfile] {
        try file.devices.map { device in
            do {
                return try profile(device.reference, base: projectFolder)
            } catch let error as DeviceProfileError {
                throw error.located(device.position)
            }
        }
    }

    private var folder: String { FileSystem.join(projectFolder, "devices") }

    private func read(_ path: String) throws -> DeviceProfile {
        let bytes = try FileSystem.read(path, limit: Self.limits.bytes)
        return try DeviceProfile.parse(try YAMLParser.parse(bytes, source: path, limits: Self.limits))
    }

    private func known() -> [String] {
        let own = (try? FileSystem.names(in: folder)) ?? []
        let names = own.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }
        return Array(Set(names + DeviceProfile.builtIn.map(\.name))).sorted()
    }
}

/// A device profile that can't be had.
package indirect enum DeviceProfileError: ExplainedError, Equatable {
    case unknown(String, known: [String])
    case otherName(path: String, expected: String, found: String)
    /// Another of these errors, with the place of the name in the project file.
    case at(YAMLPosition, DeviceProfileError)
    /// The project asks for a Python that boxes of the class don't have.
    case pythonNotOffered(PythonVersion, YAMLPosition, profile: String, offered: [PythonVersion])
    /// uv has no platform name for a glibc this old.
    case glibcTooOld(profile: String, glibc: String, oldest: String)
    /// Boxes of the class have less memory than `resources.memory` says that the bundle needs.
    case tooLittleMemory(profile: String, bytes: Int, needed: Int)

    func located(_ position: YAMLPosition) -> DeviceProfileError { .at(position, self) }

    package var message: String {
        switch self {
        case .unknown(let name, _): "unknown device profile \"\(name)\""
        case .otherName(let path, let expected, let found): "\(path) names itself \"\(found)\", not \"\(expected)\""
        case .at(let position, let error): "\(position): \(error.message)"
        case .pythonNotOffered(let version, let position, let profile, let offered):
            "\(position): boxes of \(profile) have "
                + (offered.isEmpty ? "no Python" : "Python \(offered.map(\.description).joined(separator: ", "))")
                + ", the project asks for \(version)"
        case .glibcTooOld(let profile, let glibc, let oldest):
            "\(profile): glibc \(glibc) is older than \(oldest), the oldest that wheels are built for"
        case .tooLittleMemory(let profile, let bytes, let needed):
            "boxes of \(profile) have \(Quantity.exact(bytes: bytes)) of memory, resources.memory in bundle.yaml says "
                + Quantity.exact(bytes: needed)
        }
    }

    package var hint: String? {
        switch self {
        case .unknown(let name, let known):
            (NearestName.nearest(to: name, among: known).map { "did you mean \"\($0)\"?\n" } ?? "")
                + "known profiles: \(known.joined(separator: ", ")); others are files in devices/"
        case .otherName: "a profile is found by its file's name, which must be its own"
        case .at(_, let error): error.hint
        case .pythonNotOffered: "change environment.python, or name a profile of boxes that have it"
        case .tooLittleMemory: "lower resources.memory if the model needs less, or name a profile of larger boxes"
        case .glibcTooOld: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .unknown, .otherName, .glibcTooOld: .configuration
        case .at(_, let error): error.exitCode
        case .pythonNotOffered, .tooLittleMemory: .incompatible
        }
    }
}
