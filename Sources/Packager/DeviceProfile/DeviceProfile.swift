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

    package init(
        name: String,
        architecture: Platform.Architecture,
        glibc: GlibcVersion,
        python: [PythonVersion],
        memoryBytes: Int?
    ) {
        self.name = name
        self.architecture = architecture
        self.glibc = glibc
        self.python = python
        self.memoryBytes = memoryBytes
    }

    /// Profiles that need no file. `devices/` holds the same with the reasons; a test compares the two.
    package static let builtIn: [DeviceProfile] = Platform.Architecture.allCases.map { architecture in
        DeviceProfile(
            name: "generic-\(architecture.rawValue)",
            architecture: architecture,
            glibc: GlibcVersion(2, 34),
            python: [PythonVersion(minor: 11)],
            memoryBytes: 512 << 20
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
            memoryBytes: try fields.bytesIfPresent("memory", in: 1 << 20...1 << 50)
        )
        try refuseAccelerators(fields)
        try fields.refuseUnknown()
        return profile
    }

    /// The key is known, and no bundle uses an accelerator yet: whoever names one must hear that it stays idle.
    private static func refuseAccelerators(_ fields: YAMLFields) throws(YAMLError) {
        let classes = try fields.stringsIfPresent("accelerators") ?? []
        for name in classes where !Platform.isAccelerator(name) {
            throw fields.invalid("accelerators", "'\(name)' is no accelerator class such as cuda12")
        }
        guard let name = classes.first else { return }
        let hint = "leave it out: what is built for the profile runs on the processor"
        throw fields.invalid("accelerators", "bundles for \(name) can't be built yet", hint: hint)
    }

    /// Throws where a project needs more memory than the smallest box of the class has.
    func requireMemory(_ bytes: Int?) throws(DeviceProfileError) {
        guard let bytes, let memoryBytes, bytes > memoryBytes else { return }
        throw .tooLittleMemory(profile: name, bytes: memoryBytes, needed: bytes)
    }
}
