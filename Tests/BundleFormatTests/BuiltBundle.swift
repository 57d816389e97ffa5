import BundleFormat
import BundleManifest
import Digest
import FileSystem
import Zstd

/// An archive in memory with its bundle digest.
struct BuiltBundle {
    let bytes: [UInt8]
    let digest: SHA256Digest

    private static let built = Result { try BuiltBundle(SampleBundle.source) }

    /// The sample bundle, built once for all tests.
    static func sample() throws -> BuiltBundle { try built.get() }

    init(_ source: BundleSource, level: Int = 3) throws {
        let path = "/tmp/edge-bundle-test-" + String(UInt64.random(in: .min ... .max), radix: 36)
        defer { try? FileSystem.removeTree(path) }
        digest = try SampleBundle.write(to: path, source, level: level).digest
        bytes = try FileSystem.read(path, limit: 1 << 28)
    }

    /// A bundle of one file, with a table that no writer makes: its digests are taken as they are.
    ///
    /// - Parameter manifestBytes: the least that the manifest's frame has; where that is more than it needs, it is none.
    init(app file: TableOfContents.File, chunks: [[UInt8]], manifestBytes: Int = 0) throws {
        let compressor = try ZstdCompressor(level: 3)
        func frame(_ content: [UInt8]) throws -> [UInt8] {
            var frame: [UInt8] = []
            try content.withUnsafeBytes { try compressor.compress($0, into: &frame) }
            return frame
        }
        func header(_ path: String, _ size: Int) -> [UInt8] {
            TarHeader.bytes(path: path, isExecutable: false, size: size)
        }
        func padding(_ size: Int) -> [UInt8] { [UInt8](repeating: 0, count: TarHeader.padding(after: size)) }
        func document(_ path: String, _ bytes: [UInt8]) throws -> [UInt8] {
            try frame(header(path, bytes.count) + bytes + padding(bytes.count))
        }
        let table = try TableOfContents(files: [file]).encoded()
        let component = Manifest.Component(tableDigest: SHA256.digest(table), bytes: file.size, files: 1)
        let manifest = try SampleBundle.manifest([.app: component]).encoded()
        var first = try document("MANIFEST.json", manifest)
        first += [UInt8](repeating: 0, count: max(0, manifestBytes - first.count))
        let head = [first, try document("toc/app.json", table)]
        let padded = chunks.dropLast() + chunks.suffix(1).map { $0 + padding(file.size) }
        let data = try ([header("app/\(file.path)", file.size)] + padded).map(frame)
        let index = ArchiveIndex(
            head: head.map(\.count),
            components: [(.app, data.map(\.count))],
            compressor: Compressor(version: "1", level: 3),
            archiveDigest: SHA256.digest([])
        )
        // A frame that ends the archive and the header of the index: nobody looks at these here.
        bytes = (head + data).flatMap { $0 } + [UInt8](repeating: 0, count: 24) + index.payload()
        digest = SHA256.digest(manifest)
    }

    /// The payload of the index, whole.
    var indexPayload: [UInt8] {
        let length = bytes.suffix(16).prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        return Array(bytes.suffix(length))
    }

    func index() throws -> ArchiveIndex { try ArchiveIndex.parse(indexPayload) }
}
