package import Glibc

/// Calls on paths. Errors name the path; text is UTF-8.
package enum FileSystem {
    /// What stands at `path`, not following a symbolic link; nil where nothing does.
    package static func status(of path: String) throws(FileError) -> FileStatus? {
        var status = stat()
        do throws(FileError) {
            try system("look at", path) { lstat(path, &status) }
        } catch .failed(_, _, ENOENT), .failed(_, _, ENOTDIR) {
            return nil
        }
        return FileStatus(status)
    }

    /// What stands at `path` or where its symbolic links lead; nil where nothing does.
    package static func statusFollowingLinks(of path: String) throws(FileError) -> FileStatus? {
        var status = stat()
        do throws(FileError) {
            try system("look at", path) { stat(path, &status) }
        } catch .failed(_, _, ENOENT), .failed(_, _, ENOTDIR) {
            return nil
        }
        return FileStatus(status)
    }

    /// All bytes of a regular file of at most `limit` bytes.
    package static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        let file = try File.open(path)
        let size = try file.status().size
        guard size <= limit else { throw .tooLarge(path: path, bytes: size, limit: limit) }
        return try file.bytes(at: 0, count: size)
    }

    /// All bytes of standard input, at most `limit`.
    package static func readStandardInput(limit: Int) throws(FileError) -> [UInt8] {
        let input = File(descriptor: try system("read", "standard input") { dup(STDIN_FILENO) }, path: "standard input")
        var bytes: [UInt8] = []
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { buffer.deallocate() }
        while case let count = try input.read(into: buffer), count > 0 {
            bytes += buffer[..<count]
            guard bytes.count <= limit else {
                throw .tooLarge(path: "standard input", bytes: bytes.count, limit: limit)
            }
        }
        return bytes
    }

    /// Writes a file whole or not at all: a temporary file, fsync, rename, fsync of the folder.
    package static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws(FileError) {
        let file = try AtomicFile(at: path, mode: mode)
        try file.write(bytes)
        try file.commit()
    }

    /// Creates the folder and those above it that are missing.
    package static func createDirectories(_ path: String) throws(FileError) {
        if let there = try statusFollowingLinks(of: path) {
            guard there.kind == .directory else {
                throw .wrongKind(path: path, expected: "a folder", found: there.kind)
            }
            return
        }
        let above = parent(of: path)
        if above != path { try createDirectories(above) }
        do throws(FileError) {
            try system("create the folder", path) { mkdir(path, 0o777) }
        } catch .failed(_, _, EEXIST) {}
    }

    /// Creates one folder with the given mode, whatever the umask. Throws where something is there already.
    package static func createDirectory(_ path: String, mode: mode_t) throws(FileError) {
        try system("create the folder", path) { mkdir(path, mode) }
        try system("create the folder", path) { chmod(path, mode) }
    }

    /// Renames within one file system; an existing file at `destination` is replaced.
    package static func rename(_ source: String, to destination: String) throws(FileError) {
        try system("rename \(source) to", destination) { Glibc.rename(source, destination) }
    }

    /// Has the disk hold the names in a folder.
    package static func synchronizeDirectory(_ path: String) throws(FileError) {
        let descriptor = try system("open", path) { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        let folder = File(descriptor: descriptor, path: path)
        try folder.synchronize()
    }

    /// Removes a file; nothing there is fine.
    package static func removeFile(_ path: String) throws(FileError) {
        do throws(FileError) {
            try system("remove", path) { unlink(path) }
        } catch .failed(_, _, ENOENT) {}
    }

    /// Removes a file or a folder with all in it, following no links; nothing there is fine.
    package static func removeTree(_ path: String) throws(FileError) {
        guard let status = try status(of: path) else { return }
        guard status.kind == .directory else { return try removeFile(path) }
        // A folder made read-only on purpose would keep what is in it.
        if status.permissions & 0o700 != 0o700 { _ = chmod(path, 0o700) }
        for name in try names(in: path) { try removeTree("\(path)/\(name)") }
        try system("remove", path) { rmdir(path) }
    }

    /// The names in a folder, in byte order, without `.` and `..`.
    package static func names(in path: String) throws(FileError) -> [String] {
        guard let folder = opendir(path) else { throw .failed(operation: "list", path: path, code: errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else { break }
            // The record is only as long as its name: taking d_name as the 256-byte array it is declared as would
            // touch memory behind it.
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { break }
            let text = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self)
            let name = String(cString: text)
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw .failed(operation: "list", path: path, code: errno) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Every file below `root`, sorted by the bytes of their paths relative to it; folders stand for what is in them.
    ///
    /// Symbolic links and special files are listed, not followed: what may be there is the caller's to say.
    package static func files(below root: String, limit: Int) throws(FileError) -> [TreeFile] {
        var found: [TreeFile] = []
        var folders = [""]
        while let folder = folders.popLast() {
            let depth = folder.utf8.count { $0 == UInt8(ascii: "/") }
            guard depth < 64 else { throw .treeTooLarge(path: root, limit: "64 levels of folders") }
            for name in try names(in: folder.isEmpty ? root : "\(root)/\(folder)") {
                let relative = folder.isEmpty ? name : "\(folder)/\(name)"
                guard let status = try status(of: "\(root)/\(relative)") else { continue }
                if status.kind == .directory {
                    folders.append(relative)
                } else {
                    found.append(TreeFile(path: relative, status: status))
                }
                guard found.count <= limit else { throw .treeTooLarge(path: root, limit: "\(limit) files") }
            }
        }
        return found.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    }

    /// The folder above a path: `.` for a bare name.
    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        let above = path[..<slash]
        return above.isEmpty ? "/" : String(above)
    }

    /// The last component of a path.
    package static func name(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return String(path[path.index(after: slash)...])
    }

    /// The path as one absolute path without symbolic links. Throws where it leads nowhere.
    package static func resolve(_ path: String) throws(FileError) -> String {
        guard let resolved = realpath(path, nil) else { throw .failed(operation: "find", path: path, code: errno) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// `path` where it is absolute, else under `base`.
    package static func join(_ base: String, _ path: String) -> String {
        path.hasPrefix("/") || base.isEmpty || base == "."
            ? path : base.hasSuffix("/") ? base + path : "\(base)/\(path)"
    }
}

/// A file in a tree.
package struct TreeFile: Sendable {
    /// Relative to the tree's root, components joined by `/`.
    package let path: String
    package let status: FileStatus
}
