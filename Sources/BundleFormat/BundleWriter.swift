package import BundleManifest
package import Digest
internal import FileSystem
internal import Zstd

/// Writes a bundle: the same sources give the same bytes with the same zstd, and the same digest with any.
///
/// Data frames go to a nameless file while the tables are still being made, then behind them into the archive, which
/// appears whole or not at all. Memory stays at a few chunks whatever the size of the bundle.
package struct BundleWriter: Sendable {
    /// zstd's level, 1 to 19.
    package var level: Int
    /// Threads that hash and compress.
    package var threads: Int
    /// Told the bytes of source read so far.
    package var progress: @Sendable (Int) -> Void

    package init(level: Int = 3, threads: Int, progress: @escaping @Sendable (Int) -> Void = { _ in }) {
        self.level = level
        self.threads = max(1, threads)
        self.progress = progress
    }

    /// What was written.
    package struct Built: Sendable {
        package let manifest: Manifest
        /// The bundle digest.
        package let digest: SHA256Digest
        /// Bytes of the archive.
        package let size: Int
    }

    /// Writes `source` to `path`; `manifest` is given each component's entry and completes the manifest.
    ///
    /// Throws FileError (nothing is at `path` then), and BundleError where the reader would refuse the bundle.
    package func write(
        _ source: BundleSource,
        to path: String,
        manifest complete: ([ComponentName: Manifest.Component]) throws -> Manifest
    ) throws -> Built {
        let data = try AtomicFile(at: path)
        let components = try writeData(source, to: data)
        let dataSize = components.reduce(0) { $0 + $1.frameSizes.reduce(0, +) }

        var entries: [ComponentName: Manifest.Component] = [:]
        var tables: [(name: ComponentName, bytes: [UInt8])] = []
        for component in components {
            let table = TableOfContents(files: component.files)
            let bytes = try table.encoded()
            tables.append((component.component, bytes))
            entries[component.component] = Manifest.Component(
                tableDigest: SHA256.digest(bytes),
                bytes: table.totalBytes,
                files: table.files.count
            )
        }
        let manifest = try complete(entries)
        let manifestBytes = try manifest.encoded()
        // What its reader would refuse is not written.
        _ = try BundleHead(manifestBytes, of: path) { wanted in
            tables.first { BundleLayout.tablePath($0.name) == wanted }?.bytes ?? []
        }

        let compressor = try ZstdCompressor(level: Int32(level))
        let archive = try AtomicFile(at: path)
        var digest = SHA256()
        var headSizes: [Int] = []
        var frame: [UInt8] = []
        let heads =
            [(BundleLayout.manifestPath, manifestBytes)] + tables.map { (BundleLayout.tablePath($0.name), $0.bytes) }
        for (name, bytes) in heads {
            let entry = TarHeader.bytes(path: name, isExecutable: false, size: bytes.count) + bytes
            let padded = entry + [UInt8](repeating: 0, count: TarHeader.padding(after: bytes.count))
            try padded.withUnsafeBytes { try compressor.compress($0, into: &frame) }
            try archive.write(frame)
            digest.update(frame)
            headSizes.append(frame.count)
        }
        try archive.append(data.file, count: dataSize, digest: &digest)
        try TarHeader.end.withUnsafeBytes { try compressor.compress($0, into: &frame) }
        try archive.write(frame)
        digest.update(frame)
        let index = ArchiveIndex(
            head: headSizes,
            components: components.map { ($0.component, $0.frameSizes) },
            compressor: Compressor(version: zstdVersion, level: level),
            archiveDigest: digest.finalize()
        )
        let indexFrame = SkippableFrame.bytes(magic: SkippableFrame.indexMagic, payload: index.payload())
        try archive.write(indexFrame)
        try archive.commit()
        return Built(
            manifest: manifest,
            digest: SHA256.digest(manifestBytes),
            size: index.end + frame.count + indexFrame.count
        )
    }

    private func writeData(_ source: BundleSource, to data: borrowing AtomicFile) throws -> [ComponentPacker] {
        let level = Int32(level)
        let pool = OrderedPool<ChunkJob, HashedChunk>(threads: threads) {
            let compressor = try ZstdCompressor(level: level)
            return { try $0.run(compressor) }
        }
        defer { pool.close() }
        var packed: [ComponentPacker] = []
        var read = 0
        for (name, files) in source.ordered {
            // Two pieces for each thread keep them busy while one is read and one is written.
            var packer = ComponentPacker(name, pool: pool, depth: 2 * threads)
            for file in files {
                read += try packer.add(file) { try data.write($0) }
                progress(read)
            }
            try packer.drain(to: 0) { try data.write($0) }
            packed.append(packer)
        }
        return packed
    }
}

extension AtomicFile {
    /// Copies the first `count` bytes of `source`, which were just written and are in memory still, and hashes them.
    fileprivate func append(_ source: borrowing File, count: Int, digest: inout SHA256) throws {
        var buffer = [UInt8](repeating: 0, count: min(count, 1 << 20))
        var offset = 0
        while offset < count {
            let piece = min(count - offset, buffer.count)
            try buffer.withUnsafeMutableBytes { bytes in
                let bytes = UnsafeMutableRawBufferPointer(rebasing: bytes[..<piece])
                try source.readFully(at: offset, into: bytes)
                digest.update(UnsafeRawBufferPointer(bytes))
                try write(UnsafeRawBufferPointer(bytes))
            }
            offset += piece
        }
    }
}

/// Where the parts of a bundle lie, in the archive and in an extracted tree.
package enum BundleLayout {
    package static let manifestPath = "MANIFEST.json"

    package static func tablePath(_ component: ComponentName) -> String { "toc/\(component.rawValue).json" }

    package static func path(of file: BundlePath, in component: ComponentName) -> String {
        "\(component.rawValue)/\(file.text)"
    }
}
