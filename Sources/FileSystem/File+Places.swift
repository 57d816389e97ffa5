package import Glibc

// Files that are written at places of their own choosing, or named more than once.

extension File {
    /// Makes a file that must not be there yet, for writing. `mode` holds whatever the umask.
    package static func create(_ path: String, mode: mode_t = 0o644) throws(FileError) -> File {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = File(descriptor: try system(FileError.create, path) { Glibc.open(path, flags, mode) }, path: path)
        try system(FileError.create, path) { fchmod(file.descriptor, mode) }
        return file
    }

    /// Opens a regular file for reading and writing; makes it where there is none.
    package static func openForUpdate(_ path: String, mode: mode_t = 0o644) throws(FileError) -> File {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let file = File(descriptor: try system("open", path) { Glibc.open(path, flags, mode) }, path: path)
        let kind = try file.status().kind
        guard kind == .regular else { throw .wrongKind(path: path, expected: "a file", found: kind) }
        return file
    }

    /// Writes all of `bytes` at `offset`, leaving the file's position.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            done += try system("write", path) {
                pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            }
        }
    }

    /// Cuts the file off after `size` bytes.
    package func truncate(to size: Int) throws(FileError) {
        try system("write", path) { ftruncate(descriptor, off_t(size)) }
    }
}

extension FileSystem {
    /// Hands on the bytes of a regular file, in order, in pieces of at most a megabyte.
    package static func readPieces(of path: String, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let file = try File.open(path)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while case let count = try file.read(into: buffer), count > 0 {
            try sink(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Has the disks hold all that was written by anybody. What could not be written is told by `File.synchronize` only.
    ///
    /// syncfs(2), which would wait for one file system only, is hidden from programs that aren't GNU's.
    package static func synchronizeAll() { sync() }

    /// Gives the file at `source` a second name.
    package static func link(_ source: String, as destination: String) throws(FileError) {
        try system("link \(source) as", destination) { Glibc.link(source, destination) }
    }
}
