import BundleManifest
import Diagnostics
import FileSystem
import Testing
import YAML

@testable import Packager

@Suite struct DeviceProfileTests {
    private static let repository = #filePath.split(separator: "/").dropLast(4).map { "/\($0)" }.joined()

    @Test(arguments: DeviceProfile.builtIn)
    func holdsTheSameAsTheFileOfItsName(_ profile: DeviceProfile) throws {
        let path = "\(Self.repository)/devices/\(profile.name).yaml"
        let document = try YAMLParser.parse(try FileSystem.read(path, limit: 65_536), source: path)
        #expect(try DeviceProfile.parse(document) == profile)
    }

    @Test(arguments: [
        ("architecture: x86_64\nglibc: '2.34'", "d.yaml:1:1: name is missing"),
        (
            "name: a\narchitecture: arm64\nglibc: '2.34'",
            "d.yaml:2:15: architecture: 'arm64' is not one of x86_64, aarch64"
        ),
        ("name: a\narchitecture: x86_64\nglibc: new", "d.yaml:3:8: glibc: 'new' is no version such as \"2.34\""),
        (
            "name: a\narchitecture: x86_64\nglibc: 2.34\npython: [2.7]",
            "d.yaml:4:9: python: '2.7' is no Python version such as \"3.11\""
        ),
        (
            "name: a\narchitecture: x86_64\nglibc: 2.34\naccelerators: [CUDA]",
            "d.yaml:4:15: accelerators: 'CUDA' is no accelerator class such as cuda12"
        ),
        (
            "name: a\narchitecture: x86_64\nglibc: 2.34\naccelerators: [cuda12]",
            "d.yaml:4:15: accelerators: bundles for cuda12 can't be built yet"
        ),
        ("name: a\narchitecture: x86_64\nglibc: 2.34\nram: 1GB", "d.yaml:4:1: unknown key \"ram\""),
    ])
    func refuses(text: String, message: String) {
        let error = #expect(throws: YAMLError.self) {
            try DeviceProfile.parse(try YAMLParser.parse(text, source: "d.yaml"))
        }
        #expect(error?.message == message)
    }
}

@Suite struct DeviceProfilesTests {
    private static func text(_ name: String, glibc: String = "2.31") -> String {
        "name: \(name)\narchitecture: aarch64\nglibc: \"\(glibc)\"\npython: [\"3.9\"]\n"
    }

    @Test func looksInTheProjectBeforeTheBuiltInOnes() throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        let profiles = DeviceProfiles(projectFolder: folder.path)
        #expect(try profiles.profile("generic-aarch64").glibc == GlibcVersion(2, 34))
        try folder.write(Self.text("generic-aarch64"), to: "devices/generic-aarch64.yaml")
        #expect(try profiles.profile("generic-aarch64").glibc == GlibcVersion(2, 31))
    }

    @Test func readsAProfileByItsPath() throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        try folder.write(Self.text("gate"), to: "boxes/gate.yaml")
        let profiles = DeviceProfiles(projectFolder: folder.path)
        #expect(try profiles.profile("boxes/gate.yaml", base: folder.path).name == "gate")
        #expect(try profiles.profile("\(folder.path)/boxes/gate.yaml").name == "gate")
    }

    @Test func listsWhatIsKnownWhereANameIsNot() throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        try folder.write(Self.text("gate"), to: "devices/gate.yaml")
        try folder.write("name: a\nmodel: {path: m.onnx}\ndevices: [generic-x86-64]", to: "bundle.yaml")
        let project = try Project.read(folder.path)
        let error = #expect(throws: DeviceProfileError.self) {
            try DeviceProfiles(projectFolder: folder.path).profiles(of: project.file)
        }
        #expect(error?.message == "\(folder.path)/bundle.yaml:3:11: unknown device profile \"generic-x86-64\"")
        #expect(
            error?.hint == "did you mean \"generic-x86_64\"?\n"
                + "known profiles: gate, generic-aarch64, generic-x86_64; others are files in devices/"
        )
        #expect(error?.exitCode == .configuration)
    }

    @Test func refusesAProfileThatNamesItselfOtherwise() throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        try folder.write(Self.text("door"), to: "devices/gate.yaml")
        let error = #expect(throws: DeviceProfileError.self) {
            try DeviceProfiles(projectFolder: folder.path).profile("gate")
        }
        #expect(error?.message == "\(folder.path)/devices/gate.yaml names itself \"door\", not \"gate\"")
    }
}
