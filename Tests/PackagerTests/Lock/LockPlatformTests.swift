import BundleManifest
import Diagnostics
import Testing

@testable import Packager

@Suite struct LockPlatformTests {
    private static func profile(
        _ name: String,
        _ architecture: Platform.Architecture = .amd64,
        glibc: Int = 34,
        python: [String] = ["3.11"]
    ) -> DeviceProfile {
        DeviceProfile(
            name: name,
            architecture: architecture,
            glibc: GlibcVersion(2, glibc),
            python: python.compactMap { PythonVersion($0) },
            memoryBytes: nil
        )
    }

    private static let native = "name: a\nmodel: {path: m.onnx}"
    private static let script = """
        name: a
        code_configuration: {code: src, scoring_script: score.py}
        environment: {python: "3.11", requirements: r.in}
        """

    @Test(arguments: [
        (GlibcVersion(2, 16), nil), (GlibcVersion(2, 17), "manylinux_2_17"), (GlibcVersion(2, 27), "manylinux_2_17"),
        (GlibcVersion(2, 28), "manylinux_2_28"), (GlibcVersion(2, 30), "manylinux_2_28"),
        (GlibcVersion(2, 34), "manylinux_2_34"), (GlibcVersion(2, 41), "manylinux_2_40"),
        (GlibcVersion(3, 0), "manylinux_2_40"), (GlibcVersion(1, 99), nil),
    ])
    func choosesTheNewestPlatformThatABoxRuns(glibc: GlibcVersion, name: String?) {
        let platform = LockPlatform(architecture: .arm64, python: nil, glibc: glibc)
        #expect(platform.uvPlatform == name.map { "aarch64-\($0)" })
    }

    @Test func joinsDevicesOfOnePlatformForTheOldest() throws {
        let profiles = [
            Self.profile("a"), Self.profile("b", glibc: 31), Self.profile("c", glibc: 36), Self.profile("d", .arm64),
        ]
        let platforms = try LockPlatform.platforms(of: try ProjectFileTests.parse(Self.script), on: profiles)
        #expect(platforms.map(\.key) == ["linux-aarch64-cp311", "linux-x86_64-cp311"])
        #expect(platforms.map(\.glibc) == [GlibcVersion(2, 34), GlibcVersion(2, 31)])
    }

    @Test func needsNoPythonForAModelAlone() throws {
        let file = try ProjectFileTests.parse(Self.native)
        let platforms = try LockPlatform.platforms(of: file, on: [Self.profile("a", python: [])])
        #expect(platforms.map(\.key) == ["linux-x86_64-nopy"])
        #expect(platforms.first?.wheelPython == PythonVersion("3.11"))
    }

    @Test(arguments: [([String](), "no Python"), (["3.9", "3.12"], "Python 3.9, 3.12")])
    func refusesABoxWithoutTheProjectsPython(python: [String], have: String) throws {
        let file = try ProjectFileTests.parse(Self.script)
        let error = #expect(throws: DeviceProfileError.self) {
            try LockPlatform.platforms(of: file, on: [Self.profile("box", python: python)])
        }
        #expect(error?.message == "bundle.yaml:3:23: boxes of box have \(have), the project asks for 3.11")
        #expect(error?.exitCode == .incompatible)
    }

    @Test func refusesABoxThatIsTooOld() throws {
        let file = try ProjectFileTests.parse(Self.native)
        let error = #expect(throws: DeviceProfileError.self) {
            try LockPlatform.platforms(of: file, on: [Self.profile("old", glibc: 12)])
        }
        #expect(error?.message == "old: glibc 2.12 is older than 2.17, the oldest that wheels are built for")
    }
}
