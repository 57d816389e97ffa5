import FileSystem
import JSON
import Testing

/// A bundle holds the machine code of the platform it names, on whatever machine it was built.
@Suite(.programs, .oneByOne) struct PlatformTests {
    @Test(arguments: [Architecture.here, .other], ["digits", "digits-script"])
    func holdsMachineCodeOfItsOwnPlatform(_ architecture: Architecture, _ name: String) throws {
        let example = try (name == "digits" ? Example.native : Example.script).get()
        let bundle = architecture == .here ? example.bundle : example.bundleForOther
        let scratch = try Scratch()
        try Programs.pack("extract", bundle, scratch("tree"))
        let libraries = try FileSystem.files(below: scratch("tree/env"), limit: 100_000)
            .filter { $0.path.hasSuffix(".so") || $0.path.contains(".so.") }
        // NumPy's extension modules and ONNX Runtime's libraries, or the one library alone.
        #expect(libraries.count >= (name == "digits" ? 1 : 15), "\(libraries.map(\.path))")
        for library in libraries {
            let header = try File.open(scratch("tree/env/\(library.path)")).bytes(at: 0, count: 20)
            #expect(header.starts(with: [0x7F, 0x45, 0x4C, 0x46]), "\(library.path) is no ELF file")
            #expect(UInt16(header[18]) | UInt16(header[19]) << 8 == architecture.machine, "\(library.path)")
        }

        let inspected = try JSONValue.parse(Array(Programs.pack("inspect", bundle, "--json").utf8), limits: .document)
        #expect(inspected["manifest"]?["platform"]?["architecture"]?.stringValue == architecture.rawValue)
        #expect(inspected["platform"]?.stringValue?.hasPrefix("linux-\(architecture.rawValue)-glibc2.") == true)
        #expect(FileSystem.name(of: bundle).contains(inspected["platform"]?.stringValue ?? "?"))
    }

    @Test func aNativeBundleBringsTheLibraryAndItsLicencesOnly() throws {
        let tree = try Example.native.get().tree
        let files = try FileSystem.files(below: "\(tree)/env", limit: 100).map(\.path)
        #expect(files.count == 3)
        #expect(files[0].hasPrefix("lib/libonnxruntime.so."))
        #expect(files[1...] == ["licenses/onnxruntime/LICENSE", "licenses/onnxruntime/ThirdPartyNotices.txt"])
    }

    @Test func aScriptsEnvironmentHasNoCompiledBytecode() throws {
        let tree = try Example.script.get().tree
        let files = try FileSystem.files(below: "\(tree)/env", limit: 100_000).map(\.path)
        #expect(files.contains("site-packages/numpy/__init__.py"))
        #expect(!files.contains { $0.hasSuffix(".pyc") || $0.contains("__pycache__") })
    }
}
