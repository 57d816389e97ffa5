internal import BundleManifest
internal import Diagnostics
internal import Digest
internal import FileSystem
internal import JSON

/// An extracted bundle on disk.
package enum BundleTree {
    /// More files than a bundle can list are no bundle.
    private static let fileLimit = 1_100_000

    /// Reads the tree's manifest and tables and compares every file with them: names, kinds, modes, bytes.
    ///
    /// - Parameters:
    ///   - ignored: a file inside the folder that isn't part of it, such as a detached signature.
    ///   - readOnly: whether nobody may write the files: 0444 and 0555, as a box keeps them.
    package static func verify(
        _ folder: String,
        ignoring ignored: String? = nil,
        readOnly: Bool = false
    ) throws -> BundleHead {
        let head = try readHead(folder)
        // The manifest and the tables have no entry of their own.
        var expected: [ExactText: TableOfContents.File?] = [ExactText(BundleLayout.manifestPath): nil]
        for table in head.tables {
            expected[ExactText(BundleLayout.tablePath(table.component))] = .some(nil)
            for file in table.contents.files {
                expected[ExactText(BundleLayout.path(of: file.path, in: table.component))] = file
            }
        }
        let ignoredPath = try ignored.flatMap {
            try FileSystem.status(of: $0) == nil ? nil : try FileSystem.resolve($0)
        }
        let root = try FileSystem.resolve(folder)
        var differences: [String] = []
        for found in try FileSystem.files(below: root, limit: fileLimit) {
            if let ignoredPath, ignoredPath == "\(root)/\(found.path)" { continue }
            guard let entry = expected.removeValue(forKey: ExactText(found.path)) else {
                differences.append("\(found.path) is not part of it")
                continue
            }
            if let problem = try difference(of: found, from: entry, root: root, readOnly: readOnly) {
                differences.append("\(found.path) \(problem)")
            }
        }
        differences += expected.keys.sorted().map { "\($0.text) is missing" }
        guard differences.isEmpty else { throw BundleError.treeDiffers(path: folder, differences) }
        return head
    }

    /// The manifest and tables of an extracted tree, which are what their digests say; the files are not looked at.
    package static func readHead(_ folder: String) throws -> BundleHead {
        let manifest = try FileSystem.read("\(folder)/\(BundleLayout.manifestPath)", limit: Manifest.limits.bytes)
        return try BundleHead(manifest, of: folder) { table throws in
            try FileSystem.read("\(folder)/\(table)", limit: TableOfContents.limits.bytes)
        }
    }

    /// What is wrong with a file, or nil. `entry` is nil for the manifest and the tables, whose bytes are checked.
    private static func difference(
        of found: TreeFile,
        from entry: TableOfContents.File?,
        root: String,
        readOnly: Bool
    ) throws -> String? {
        guard found.status.kind == .regular else { return "is \(found.status.kind.words)" }
        let written = entry?.isExecutable == true ? 0o755 : 0o644
        let permissions = readOnly ? written & 0o555 : written
        guard found.status.permissions == permissions else {
            return "has mode \(String(found.status.permissions, radix: 8)), not \(String(permissions, radix: 8))"
        }
        guard let entry else { return nil }
        guard found.status.size == entry.size else { return "has \(found.status.size) bytes, not \(entry.size)" }
        return try digest(of: "\(root)/\(found.path)") == entry.digest ? nil : "was changed"
    }

    private static func digest(of path: String) throws -> SHA256Digest {
        let file = try File.open(path)
        var hash = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while case let count = try file.read(into: buffer), count > 0 {
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        return hash.finalize()
    }
}
