package import BundleManifest
import Diagnostics
package import YAML

/// A class of boxes: what each of them has at least.
package struct DeviceProfile: Sendable, Equatable {
    package var name: String
    package var architecture: Platform.Architecture
    /// The oldest glibc in the class.
    package var glibc: GlibcVersion
    /// The versions of Python that every box has; empty where none is promised.
    package var python: [PythonVersion]
    /// Memory of the smallest box, where known.
    package var memoryBytes: Int?
    /// Classes such as `cuda12`.
    package var accelerators: [String]

    package init(
        name: String,
        architecture: Platform.Architecture,
        glibc: GlibcVersion,
        python: [PythonVersion],
        memoryBytes: Int?,
        accelerators: [String]
    ) {
        self.name = name
        self.architecture = architecture
        self.glibc = glibc
        self.python = python
        self.memoryBytes = memoryBytes
        self.accelerators = accelerators
    }

    /// Profiles that need no file. `devices/` holds the same with the reasons; a test compares the two.
    package static let builtIn: [DeviceProfile] = Platform.Architecture.allCases.map { architecture in
        DeviceProfile(
            name: "generic-\(architecture.rawValue)",
            architecture: architecture,
            glibc: GlibcVersion(2, 34),
            python: [PythonVersion(minor: 11)],
            memoryBytes: 512 << 20,
            accelerators: []
        )
    }

    /// Reads a profile. Every error has its place in the file.
    package static func parse(_ document: YAMLNode) throws(YAMLError) -> DeviceProfile {
        let fields = try YAMLFields(document)
        let name = try fields.string("name")
        guard BundleName(name) != nil else {
            throw fields.invalid("name", "'\(name)' is no profile name (lowercase letters, digits, '.', '_' and '-')")
        }
        let architecture = try fields.choice("architecture", Platform.Architecture.self)
        let glibcText = try fields.string("glibc")
        guard let glibc = GlibcVersion(glibcText) else {
            throw fields.invalid("glibc", "'\(glibcText)' is no version such as \"2.34\"")
        }
        var python: [PythonVersion] = []
        for text in try fields.stringsIfPresent("python") ?? [] {
            guard let version = PythonVersion(text) else {
                throw fields.invalid("python", "'\(text)' is no Python version such as \"3.11\"")
            }
            python.append(version)
        }
        let profile = DeviceProfile(
            name: name,
            architecture: architecture,
            glibc: glibc,
            python: python.sorted(),
            memoryBytes: try fields.bytesIfPresent("memory", in: 1 << 20...1 << 50),
            accelerators: try accelerators(fields)
        )
        try fields.refuseUnknown()
        return profile
    }

    private static func accelerators(_ fields: YAMLFields) throws(YAMLError) -> [String] {
        let classes = try fields.stringsIfPresent("accelerators") ?? []
        for name in classes {
            guard Platform.isAccelerator(name) else {
                throw fields.invalid("accelerators", "'\(name)' is no accelerator class such as cuda12")
            }
        }
        return classes
    }
}
