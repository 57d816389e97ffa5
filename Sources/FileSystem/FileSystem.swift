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
                throw .occupied(path: path, by: there.kind)
            }
            return
        }
        let above = parent(of: path)
        if above != path { try createDirectories(above) }
        do throws(FileError) {
            try system(FileError.createFolder, path) { mkdir(path, 0o777) }
        } catch .failed(_, _, EEXIST) {}
    }

    /// Creates one folder with the given mode, whatever the umask. Throws where something is there already.
    package static func createDirectory(_ path: String, mode: mode_t) throws(FileError) {
        try system(FileError.createFolder, path) { mkdir(path, mode) }
        try system(FileError.createFolder, path) { chmod(path, mode) }
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

    /// Removes a file or a folder with all in it, whatever the names, following no links; nothing there is fine.
    package static func removeTree(_ path: String) throws(FileError) {
        guard let status = try status(of: path) else { return }
        guard status.kind == .directory else { return try removeFile(path) }
        // A folder made read-only on purpose would keep what is in it.
        if status.permissions & 0o700 != 0o700 { _ = chmod(path, 0o700) }
        try removeContents(of: AT_FDCWD, Array(path.utf8CString), path: path)
        try system("remove", path) { rmdir(path) }
    }

    /// Empties the folder `name` below `parent`. Names stay bytes here: they need not be UTF-8 to be removed.
    private static func removeContents(of parent: Int32, _ name: [CChar], path: String) throws(FileError) {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let descriptor = try system("remove", path) { openat(parent, name, flags) }
        for entry in try rawNames(in: descriptor, path: path) {
            if unlinkat(descriptor, entry, 0) == 0 || errno == ENOENT { continue }
            guard errno == EISDIR || errno == EPERM else {
                let code = errno
                close(descriptor)
                throw .failed(operation: "remove", path: path, code: code)
            }
            _ = fchmodat(descriptor, entry, 0o700, 0)
            do throws(FileError) {
                try removeContents(of: descriptor, entry, path: path)
                try system("remove", path) { unlinkat(descriptor, entry, AT_REMOVEDIR) }
            } catch {
                close(descriptor)
                throw error
            }
        }
        close(descriptor)
    }

    /// The names in an open folder, as bytes, without `.` and `..`.
    private static func rawNames(in descriptor: Int32, path: String) throws(FileError) -> [[CChar]] {
        let copy = try system("list", path) { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }
        guard let folder = fdopendir(copy) else {
            close(copy)
            throw .failed(operation: "list", path: path, code: errno)
        }
        defer { closedir(folder) }
        rewinddir(folder)
        var names: [[CChar]] = []
        while true {
            errno = 0
            guard let entry = readdir(folder), let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { break }
            // The record is only as long as its name: taking d_name as the 256-byte array it is declared as would
            // touch memory behind it.
            let text = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self)
            let name = Array(UnsafeBufferPointer(start: text, count: strlen(text) + 1))
            let dot = CChar(bitPattern: UInt8(ascii: "."))
            if name != [dot, 0], name != [dot, dot, 0] { names.append(name) }
        }
        guard errno == 0 else { throw .failed(operation: "list", path: path, code: errno) }
        return names
    }

    /// The names in a folder, in byte order, without `.` and `..`. Throws `notUTF8` rather than leave one out.
    package static func names(in path: String) throws(FileError) -> [String] {
        let descriptor = try system("list", path) { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        defer { close(descriptor) }
        var names: [String] = []
        for raw in try rawNames(in: descriptor, path: path) {
            let bytes = raw.dropLast().map { UInt8(bitPattern: $0) }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                throw .notUTF8(path: "\(path)/\(String(decoding: bytes, as: UTF8.self))")
            }
            names.append(name)
        }
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
                guard let status = try status(of: "\(root)/\(relative)") else {
                    throw .changed(path: "\(root)/\(relative)")
                }
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

    /// Bytes that may still be written to the file system of `path` by those who aren't root.
    package static func freeBytes(at path: String) throws(FileError) -> Int {
        var status = statvfs()
        try system("look at", path) { statvfs(path, &status) }
        return Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue
        )
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
