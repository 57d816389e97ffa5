package import BundleManifest
package import YAML

/// What `bundle.yaml` says: the project as a value, before any other file is looked at.
///
/// Keys are named as in Azure ML's managedOnlineDeployment where they exist there.
package struct ProjectFile: Sendable, Equatable {
    /// The file's name in a project's folder.
    package static let fileName = "bundle.yaml"
    /// The ONNX Runtime that a project without a script gets unless it says otherwise: the newest that this
    /// project's own tests and measurements ran with (2026-11).
    package static let pinnedONNXRuntime = "1.31.1"

    /// What answers requests.
    package enum Scoring: Sendable, Equatable {
        /// The ONNX model itself, run by this version of ONNX Runtime.
        case onnx(runtimeVersion: String, model: ProjectPath)
        case script(ScoringScript, model: ProjectPath?)
    }

    /// A script with `init()` and `run()`, and the Python environment it runs in.
    package struct ScoringScript: Sendable, Equatable {
        /// The folder that becomes the component `app`.
        package var code: ProjectPath
        /// The script inside `code`.
        package var script: BundlePath
        package var scriptPosition: YAMLPosition
        package var python: PythonVersion
        package var pythonPosition: YAMLPosition
        /// A requirements file that `edgepack lock` resolves.
        package var requirements: ProjectPath
    }

    /// Requests whose answers must come out on every box.
    package struct Samples: Sendable, Equatable {
        /// A folder of `*.json`.
        package var folder: ProjectPath
        package var policy: SamplePolicy
    }

    package var name: BundleName
    /// nil where `build` is to be told.
    package var version: BundleVersion?
    package var scoring: Scoring
    /// Names or paths of device profiles, as written and where.
    package var devices: [ProjectDevice]
    package var samples: Samples?
    package var endpoint: Manifest.Endpoint
    package var environmentVariables: [String: String]
    package var capturesByDefault: Bool
    package var interfaceEpoch: Int
    /// Device classes such as `gpu.nvidia`, never paths.
    package var neededDevices: [String]
    package var parameters: [String: ProjectParameter]
    /// What in the code and model folders stays out of the bundle.
    package var exclusions: ProjectExclusions

    /// The model, with or without a script.
    package var model: ProjectPath? {
        switch scoring {
        case .onnx(_, let model): model
        case .script(_, let model): model
        }
    }
}

/// A path as a project file writes it: relative to the file's folder.
package struct ProjectPath: Sendable, Equatable {
    /// Never absolute, never empty.
    package let text: String
    /// The key it stands under: `model.path`.
    package let key: String
    package let position: YAMLPosition
}

/// A device profile that a project names.
package struct ProjectDevice: Sendable, Equatable {
    /// A name such as `generic-x86_64`, or a path relative to the project's folder.
    package let reference: String
    package let position: YAMLPosition
}

/// A version of CPython as far as wheels care: `3.11`.
package struct PythonVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int

    /// From exactly two numbers; only Python 3 has what scripts need.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "3", let minor = Int(parts[1]), String(minor) == parts[1],
            (0...99).contains(minor)
        else { return nil }
        self.init(minor: minor)
    }

    init(minor: Int) {
        self.major = 3
        self.minor = minor
    }

    package var description: String { "\(major).\(minor)" }
    /// The tag of its binary interface: `cp311`.
    package var abi: String { "cp\(major)\(minor)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
