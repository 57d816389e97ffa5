import BundleManifest
import Digest
import FileSystem

/// Makes what `uv pip install --target` left a pure function of the wheels.
struct LockedTree {
    /// Far above any environment that fits a box.
    private static let fileLimit = 200_000
    private static let textLimit = 16 << 20
    /// Written by installers about the installation (packaging.python.org, "Recording installed projects").
    private static let installerFiles = ["INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"]

    let root: String
    let architecture: Platform.Architecture

    /// Removes what is not of the wheels, rewrites the RECORDs and returns the wheels by name.
    func normalise() throws -> [LockedWheel] {
        let before = try FileSystem.files(below: root, limit: Self.fileLimit)
        var kept: Set<String> = []
        for file in before {
            if Self.isDropped(file.path) {
                try FileSystem.removeFile("\(root)/\(file.path)")
                continue
            }
            guard file.status.kind == .regular else { throw WheelError.notARegularFile(path: file.path) }
            kept.insert(file.path)
        }
        try FileSystem.removeTree("\(root)/bin")
        var wheels: [LockedWheel] = []
        var owners: [String: (folder: String, row: LockedWheelRecord.Row)] = [:]
        for folder in try FileSystem.names(in: root) where folder.hasSuffix(".dist-info") {
            wheels.append(
                try LockedWheel(
                    metadata: try text("\(folder)/METADATA"),
                    wheel: try text("\(folder)/WHEEL"),
                    architecture: architecture,
                    folder: folder
                )
            )
            let record = try LockedWheelRecord(try text("\(folder)/RECORD"), folder: folder, isThere: kept.contains)
            for row in record.rows {
                if let other = owners.updateValue((folder, row), forKey: row.path), other.row.hash != row.hash {
                    throw WheelError.conflict(path: row.path, first: other.folder, second: folder)
                }
            }
            // The old one may be a hard link or executable in the wheel; the new one is neither.
            try FileSystem.removeFile("\(root)/\(folder)/RECORD")
            try FileSystem.write(Array(record.text.utf8), to: "\(root)/\(folder)/RECORD")
        }
        return wheels.sorted { ($0.name.lowercased(), $0.name) < ($1.name.lowercased(), $1.name) }
    }

    /// SHA-256 over the path, mode and content of every file: a cached tree with another was changed or is not whole.
    ///
    /// Reads every byte, which takes a fraction of the time that packing them does. What is no regular file has no
    /// place in such a tree and throws.
    static func digest(of root: String) throws -> SHA256Digest {
        var tree = SHA256()
        for found in try FileSystem.files(below: root, limit: fileLimit) {
            let file = try File.open("\(root)/\(found.path)")
            guard found.status.kind == .regular else { throw WheelError.notARegularFile(path: found.path) }
            let size = try file.status().size
            // No path holds a zero byte, so that no two trees make the same text.
            let mode = String(found.status.permissions, radix: 8)
            tree.update("\(found.path)\0\(mode) \(size) \(try digest(of: file, size: size))\n".utf8)
        }
        return tree.finalize()
    }

    private static func digest(of file: borrowing File, size: Int) throws -> SHA256Digest {
        var digest = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(size, 1), 1 << 20), alignment: 16)
        defer { buffer.deallocate() }
        var offset = 0
        while offset < size {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, size - offset)])
            try file.readFully(at: offset, into: piece)
            digest.update(UnsafeRawBufferPointer(piece))
            offset += piece.count
        }
        return digest.finalize()
    }

    /// Scripts name the interpreter of the machine that installed them, compiled Python the one that compiled it.
    static func isDropped(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        if path == ".lock" || parts.first == "bin" || parts.contains("__pycache__") { return true }
        guard parts.count == 2, parts[0].hasSuffix(".dist-info") else { return false }
        return installerFiles.contains(String(parts[1]))
    }

    private func text(_ path: String) throws -> String {
        guard try FileSystem.status(of: "\(root)/\(path)") != nil else {
            throw WheelError.noMetadata(folder: FileSystem.parent(of: path))
        }
        return String(decoding: try FileSystem.read("\(root)/\(path)", limit: Self.textLimit), as: UTF8.self)
    }
}
