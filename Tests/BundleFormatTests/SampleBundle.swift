import BundleFormat
import BundleManifest
import Digest
import FileSystem
import Glibc

/// A bundle with every kind of file the format treats apart: empty, of one chunk, of several, cut at a tensor, with a
/// path that ustar can't hold, executable.
enum SampleBundle {
    static func path(_ text: String) -> BundlePath {
        guard let path = BundlePath(text) else { fatalError("not a path: \(text)") }
        return path
    }

    /// Bytes that don't compress, the same on every run.
    static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed
        // A plain loop: without optimisation a closure for each byte takes seconds.
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                buffer[initialized] = UInt8(truncatingIfNeeded: state >> 56)
                initialized += 1
            }
        }
    }

    /// Writes without waiting for the disk, unlike the product.
    static func put(_ bytes: [UInt8], at path: String) throws {
        guard let file = fopen(path, "w") else { throw FileError.failed(operation: "write", path: path, code: errno) }
        defer { fclose(file) }
        fwrite(bytes, 1, bytes.count, file)
    }

    static let deep = (0..<12).map { "folder-number-\($0)" }.joined(separator: "/") + "/and-a-file.txt"

    static let source = BundleSource(components: [
        .app: [
            SourceFile(path: path("score.py"), content: .bytes(Array("def run(data): return data\n".utf8))),
            SourceFile(path: path("tools/run.sh"), isExecutable: true, content: .bytes(Array("#!/bin/sh\n".utf8))),
            SourceFile(path: path("empty.txt"), content: .bytes([])),
            SourceFile(path: path("Ünï.txt"), content: .bytes([65])),
        ],
        .model: [
            SourceFile(path: path("big.bin"), content: .bytes(noise(2_500_000)), cuts: [700_000, 1_500_000])
        ],
        .env: [
            SourceFile(path: path(deep), content: .bytes(noise(5_000))),
            SourceFile(
                path: path(String(repeating: "n", count: 90) + "/" + String(repeating: "m", count: 60)),
                content: .bytes([UInt8](repeating: 7, count: 512))
            ),
        ],
    ])

    /// One small file, for tests that read the bundle once for each of its bytes.
    static let small = BundleSource(components: [
        .app: [SourceFile(path: path("score.py"), content: .bytes(Array("hello hello".utf8)))]
    ])

    static func manifest(_ components: [ComponentName: Manifest.Component]) -> Manifest {
        guard let name = BundleName("sample"), let version = BundleVersion("1") else { fatalError("names") }
        var manifest = Manifest(
            name: name,
            version: version,
            platform: Platform(architecture: .amd64, glibc: GlibcVersion(2, 28), python: "cp311"),
            entry: .script(path: "app/score.py", model: components[.model] == nil ? nil : "model/big.bin"),
            interface: Manifest.Interface(epoch: 1, digest: nil)
        )
        manifest.components = components
        return manifest
    }

    @discardableResult
    static func write(
        to path: String,
        _ source: BundleSource = source,
        threads: Int = 2,
        level: Int = 3
    ) throws -> BundleWriter.Built {
        try BundleWriter(level: level, threads: threads).write(source, to: path, manifest: manifest)
    }
}

/// Keeps what a reader tells.
final class RecordingVisitor: BundleVisitor {
    private(set) var head: BundleHead?
    private(set) var files: [String: [UInt8]] = [:]
    private var current = ""

    func begin(_ head: BundleHead) throws { self.head = head }

    func begin(_ file: TableOfContents.File, in component: ComponentName) throws {
        current = "\(component.rawValue)/\(file.path)"
        files[current] = []
    }

    func content(_ bytes: [UInt8]) throws { files[current, default: []] += bytes }

    func endFile() throws {}
}
