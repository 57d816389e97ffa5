import BundleFormat
import BundleManifest
import Crypto
import Diagnostics
import FileSystem
import Testing

@testable import Packager
@testable import Processes

/// Unpacks a wheel with a library in uv's place.
private struct OneWheel: ProgramRunning {
    func run(
        _ program: String,
        arguments: [String],
        environment: [String: String],
        workingDirectory: String?
    ) throws -> ProcessResult {
        let done = ProcessResult(status: .exited(0), standardOutput: Array("uv 0 (test)\n".utf8), standardError: [])
        guard let option = arguments.firstIndex(of: "--target") else { return done }
        let target = FileSystem.join(workingDirectory ?? "", arguments[option + 1])
        let files = [
            "onnxruntime/capi/libonnxruntime.so.\(ProjectFile.pinnedONNXRuntime)": "library",
            "onnxruntime-1.dist-info/METADATA": "Name: onnxruntime\nVersion: 1\n",
            "onnxruntime-1.dist-info/WHEEL": "Tag: cp311-cp311-manylinux_2_28_x86_64\n",
            "onnxruntime-1.dist-info/RECORD":
                "onnxruntime/capi/libonnxruntime.so.\(ProjectFile.pinnedONNXRuntime),sha256=a,7\n",
        ]
        for (path, text) in files {
            try FileSystem.createDirectories(FileSystem.parent(of: "\(target)/\(path)"))
            try FileSystem.write(Array(text.utf8), to: "\(target)/\(path)")
        }
        return done
    }
}

@Suite struct BundleBuilderTests {
    private static let x86 = DeviceProfile.builtIn.filter { $0.architecture == .amd64 }

    /// A native project, locked for the profiles, in a folder that is gone afterwards.
    private static func with(
        _ more: String = "",
        lockedFor profiles: [DeviceProfile] = x86,
        _ body: (Project, BundleBuilder, BundleBuilder.Request) throws -> Void
    ) throws {
        let folder = try TemporaryProject()
        defer { folder.remove() }
        try folder.write("name: a\nmodel: {path: net.onnx}\ndevices: [generic-x86_64]\n" + more, to: "bundle.yaml")
        let model = try FileSystem.read(ModelFixture.path("linear.onnx"), limit: 1 << 20)
        try FileSystem.write(model, to: "\(folder.path)/net.onnx")
        let project = try Project.read(folder.path)
        let pin = "onnxruntime==1 \\\n    --hash=sha256:\(String(repeating: "0", count: 64))\n"
        for request in try LockRequest.requests(of: project, on: profiles) {
            try folder.write(try LockFile(request: request, body: pin, path: "l").text, to: request.path)
        }
        let uv = UvTool(path: "uv", environment: [:], programs: OneWheel())
        let fetcher = LockedEnvironmentFetcher(uv: uv, cache: "\(folder.path)/cache")
        let request = BundleBuilder.Request(
            profiles: x86,
            version: try #require(BundleVersion("1")),
            output: "\(folder.path)/dist"
        )
        try body(project, BundleBuilder(project, fetcher: fetcher, threads: 1), request)
    }

    private static func build(_ builder: BundleBuilder, _ request: BundleBuilder.Request) throws -> BundleBuilder.Built
    {
        try #require(try builder.build(request, fetching: { _ in }, writing: { _, _, _ in }).first)
    }

    @Test func buildsABundleThatVerifiesAndCanBeSigned() throws {
        try Self.with { _, builder, request in
            let built = try Self.build(builder, request)
            #expect(FileSystem.name(of: built.path) == "a-1-linux-x86_64-glibc2.28-nopy.bundle.tar.zst")
            let head = try BundleSigning.verify(built.path, key: nil, threads: 1)
            #expect(head.digest == built.digest)
            let library = "env/\(LockedEnvironment.libraryPath(version: ProjectFile.pinnedONNXRuntime))"
            #expect(head.manifest.entry == .onnx(model: "model/net.onnx", library: library))

            let (key, other) = (try PrivateKey.generate(), try PrivateKey.generate())
            let unsigned = #expect(throws: SigningError.self) {
                try BundleSigning.verify(built.path, key: try key.publicKey, threads: 1)
            }
            #expect(unsigned == .unsigned(path: built.path))
            _ = try BundleSigning.sign(built.path, key: key, threads: 1)
            _ = try BundleSigning.sign(built.path, key: key, threads: 1)
            #expect(try BundleSigning.verify(built.path, key: try key.publicKey, threads: 1).digest == built.digest)
            let wrong = #expect(throws: SigningError.self) {
                try BundleSigning.verify(built.path, key: try other.publicKey, threads: 1)
            }
            // Signing again with the same key replaced the first signature.
            #expect(wrong == .otherKeys(path: built.path, count: 1))
            _ = try BundleSigning.sign(built.path, key: other, threads: 1)
            #expect(throws: SigningError.several(path: built.path, count: 2)) {
                try BundleSigning.export(built.path, key: nil)
            }
            #expect(throws: Never.self) { try BundleSigning.export(built.path, key: try key.publicKey) }
        }
    }

    @Test func aLockForOlderBoxesServesNewerOnesToo() throws {
        var old = Self.x86
        old[0].glibc = GlibcVersion(2, 28)
        try Self.with(lockedFor: old) { _, builder, request in
            let plain = try Self.build(builder, request).digest
            var asked = request
            asked.profiles = old
            #expect(try Self.build(builder, asked).digest == plain)
        }
    }

    @Test func aLockForNewerBoxesIsStaleForOlderOnesAndTheHintNamesThem() throws {
        try Self.with { project, builder, request in
            var asked = request
            asked.profiles[0].glibc = GlibcVersion(2, 28)
            asked.devices = ["old.yaml"]
            let error = #expect(throws: LockError.self) { try Self.build(builder, asked) }
            #expect(error?.hint == "run `edgepack lock \(project.folder) --device old.yaml`")
            let left = try FileSystem.status(of: request.output)
            #expect(left == nil)
        }
    }

    @Test func refusesAProjectThatNeedsMoreMemoryThanTheBoxesHave() throws {
        try Self.with("resources: {memory: 1GiB}\n") { _, builder, request in
            let error = #expect(throws: DeviceProfileError.self) { try Self.build(builder, request) }
            #expect(error == .tooLittleMemory(profile: "generic-x86_64", bytes: 512 << 20, needed: 1 << 30))
            #expect(error?.exitCode == .incompatible)
        }
    }
}
