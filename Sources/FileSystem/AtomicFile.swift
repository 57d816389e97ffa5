package import Glibc

/// O_TMPFILE of asm-generic/fcntl.h, which glibc shows to GNU programs only.
private let nameless: Int32 = 0o20_000_000 | O_DIRECTORY

/// A file that appears under its name whole, when `commit()` has put it on the disk, or never.
///
/// It has no name before that (O_TMPFILE), so that a killed program leaves nothing behind; on a file system without
/// such files it has a temporary one, removed unless committed.
package struct AtomicFile: ~Copyable {
    /// The file while it has no name of its own; readable as well.
    package let file: File
    private var path: String
    private var temporaryPath: String?

    /// Begins a file that is to be at `path`, replacing one that may be there. `mode` holds whatever the umask.
    package init(at path: String, mode: mode_t = 0o644) throws(FileError) {
        let opened = try openUnfinished(path, mode: mode)
        file = File(descriptor: opened.descriptor, path: path)
        self.path = path
        temporaryPath = opened.temporaryPath
    }

    deinit { if let temporaryPath { unlink(temporaryPath) } }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) { try file.write(bytes) }

    package func write(_ bytes: [UInt8]) throws(FileError) { try file.write(bytes) }

    /// Copies `count` bytes of `source` from `offset`.
    package func copy(_ count: Int, of source: borrowing File, at offset: Int) throws(FileError) {
        try file.copy(count, of: source, at: offset)
    }

    /// Gives it another name to appear under, in the same folder: one that only its content tells.
    package mutating func rename(to name: String) { path = FileSystem.join(FileSystem.parent(of: path), name) }

    /// Puts the bytes on the disk, then the name. Throws where the disk is full; then nothing is at the path that
    /// wasn't there before.
    package consuming func commit() throws(FileError) {
        try file.synchronize()
        let named: String
        if let temporaryPath {
            named = temporaryPath
        } else {
            named = temporaryName(beside: path)
            let source = "/proc/self/fd/\(file.descriptor)"
            try system(FileError.create, path) { linkat(AT_FDCWD, source, AT_FDCWD, named, AT_SYMLINK_FOLLOW) }
            temporaryPath = named
        }
        try FileSystem.rename(named, to: path)
        temporaryPath = nil
        try FileSystem.synchronizeDirectory(FileSystem.parent(of: path))
    }
}

/// Opens a file without a name in the folder of `path`, or where there are none such, one with a temporary name.
private func openUnfinished(
    _ path: String,
    mode: mode_t
) throws(FileError) -> (descriptor: Int32, temporaryPath: String?) {
    let folder = FileSystem.parent(of: path)
    do throws(FileError) {
        let descriptor = try system(FileError.create, path) { open(folder, nameless | O_RDWR | O_CLOEXEC, mode) }
        fchmod(descriptor, mode)
        return (descriptor, nil)
    } catch .failed(_, _, EOPNOTSUPP), .failed(_, _, EISDIR), .failed(_, _, EINVAL) {
        let temporary = temporaryName(beside: path)
        let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
        let descriptor = try system(FileError.create, path) { open(temporary, flags, mode) }
        fchmod(descriptor, mode)
        return (descriptor, temporary)
    }
}

/// A name in the folder of `path` that nothing has.
func temporaryName(beside path: String) -> String {
    let random = String(UInt64.random(in: .min ... .max), radix: 36)
    return FileSystem.join(FileSystem.parent(of: path), ".\(FileSystem.name(of: path)).\(random).tmp")
}

/// A folder that appears under its name whole, when `commit()` renames it, or is removed with all in it.
package struct AtomicDirectory: ~Copyable {
    /// Where to put its files until then.
    package let temporaryPath: String
    private let path: String
    private var isCommitted = false

    /// Begins a folder that is to be at `path`. Throws EEXIST where something other than an empty folder is there, or
    /// the folder that this process works in, which can't be replaced under its feet.
    package init(at path: String) throws(FileError) {
        var trimmed = path
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        if let there = try FileSystem.status(of: trimmed) {
            let isEmpty = there.kind == .directory ? try FileSystem.names(in: trimmed).isEmpty : false
            let isWorkingFolder = try FileSystem.resolve(trimmed) == FileSystem.resolve(".")
            guard isEmpty, !isWorkingFolder else {
                throw .failed(operation: FileError.create, path: trimmed, code: EEXIST)
            }
        }
        let temporary = temporaryName(beside: trimmed)
        do {
            try FileSystem.createDirectory(temporary, mode: 0o755)
        } catch .failed(let operation, _, let code) {
            // Nobody asked for the temporary name.
            throw .failed(operation: operation, path: trimmed, code: code)
        }
        temporaryPath = temporary
        self.path = trimmed
    }

    deinit { if !isCommitted { try? FileSystem.removeTree(temporaryPath) } }

    /// Renames the folder to its name.
    ///
    /// - Parameter durably: has the disk hold every byte first, so that even after a power cut the folder is whole or
    ///   not there; costs as long as the disk takes. Without it that holds as long as the system goes on running.
    package consuming func commit(durably: Bool) throws(FileError) {
        // syncfs(2), which would wait for one file system only, is hidden from programs that aren't GNU's.
        if durably { sync() }
        try FileSystem.rename(temporaryPath, to: path)
        isCommitted = true
        if durably { try FileSystem.synchronizeDirectory(FileSystem.parent(of: path)) }
    }
}

/// Holds a file for itself against others that lock it, until it goes out of scope or the process ends.
///
/// For files that are replaced by renaming: the lock is on the file that stands at the path when it is got.
package struct FileLock: ~Copyable {
    private let file: File

    /// Waits for the lock.
    package init(_ path: String) throws(FileError) {
        while true {
            let file = try File.open(path)
            try system("lock", path) { flock(file.descriptor, LOCK_EX) }
            var held = stat()
            var named = stat()
            try system("look at", path) { fstat(file.descriptor, &held) }
            try system("look at", path) { stat(path, &named) }
            // Whoever held it before may have put another file in its place.
            if held.st_ino == named.st_ino, held.st_dev == named.st_dev {
                self.file = file
                return
            }
        }
    }
}

/// A folder for scratch, removed with all in it when it goes out of scope.
package struct TemporaryDirectory: ~Copyable {
    package let path: String

    /// In `folder`, else in `$TMPDIR`, else in /tmp.
    package init(in folder: String? = nil, prefix: String) throws(FileError) {
        let base = folder ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let path = FileSystem.join(base, "\(prefix)-" + String(UInt64.random(in: .min ... .max), radix: 36))
        try FileSystem.createDirectory(path, mode: 0o700)
        self.path = path
    }

    deinit { try? FileSystem.removeTree(path) }
}
