import BundleManifest
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

    /// Files and bytes, as a cached tree is recognised to be whole.
    static func size(of root: String) throws -> (files: Int, bytes: Int) {
        let files = try FileSystem.files(below: root, limit: fileLimit)
        return (files.count, files.reduce(0) { $0 + $1.status.size })
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
