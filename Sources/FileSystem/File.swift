package import Glibc

/// An open file; closed when it goes out of scope.
package struct File: ~Copyable {
    /// The descriptor, for calls that this type doesn't wrap.
    package let descriptor: Int32
    /// The path it was opened by, for errors.
    package let path: String

    /// Takes over an open descriptor.
    package init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    /// Opens a regular file for reading; anything else is refused (a FIFO would hang, a folder can't be read).
    package static func open(_ path: String) throws(FileError) -> File {
        let file = File(
            descriptor: try system("open", path) { Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) },
            path: path
        )
        let kind = try file.status().kind
        guard kind == .regular else { throw .wrongKind(path: path, expected: "a file", found: kind) }
        return file
    }

    deinit { close(descriptor) }

    /// What fstat tells.
    package func status() throws(FileError) -> FileStatus {
        var status = stat()
        try system("look at", path) { fstat(descriptor, &status) }
        return FileStatus(status)
    }

    /// Reads at most `buffer.count` bytes at the file's position; 0 at its end.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
        try system("read", path) { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
    }

    /// Fills `buffer` from the file's position. Throws `changed` where the file ends before.
    package func readFully(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) {
        var done = 0
        while done < buffer.count {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
            guard count > 0 else { throw .changed(path: path) }
            done += count
        }
    }

    /// Fills `buffer` from `offset`, leaving the file's position. Throws `changed` where the file ends before.
    package func readFully(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileError) {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = try system("read", path) {
                pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            }
            guard count > 0 else { throw .changed(path: path) }
            done += count
        }
    }

    /// `count` bytes from `offset`. Throws `changed` where the file ends before.
    package func bytes(at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(FileError) {
                try readFully(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
                initialized = count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes all of `bytes` at the file's position.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            done += try system("write", path) { Glibc.write(descriptor, rest.baseAddress, rest.count) }
        }
    }

    /// Writes all of `bytes` at the file's position.
    package func write(_ bytes: [UInt8]) throws(FileError) {
        let outcome = bytes.withUnsafeBytes { buffer in Result { () throws(FileError) in try write(buffer) } }
        try outcome.get()
    }

    /// Copies `count` bytes of `source` from `offset` to this file's position, inside the kernel where it can.
    package func copy(_ count: Int, of source: borrowing File, at offset: Int) throws(FileError) {
        var position = off_t(offset)
        var left = count
        while left > 0 {
            let copied = sendfile(descriptor, source.descriptor, &position, left)
            guard copied > 0 else { break }
            left -= copied
        }
        // Where the kernel can't: by hand.
        var buffer = [UInt8](repeating: 0, count: min(left, 1 << 20))
        while left > 0 {
            let piece = min(left, buffer.count)
            let outcome = buffer.withUnsafeMutableBytes { bytes in
                Result { () throws(FileError) in
                    let bytes = UnsafeMutableRawBufferPointer(rebasing: bytes[..<piece])
                    try source.readFully(at: Int(position), into: bytes)
                    try write(UnsafeRawBufferPointer(bytes))
                }
            }
            try outcome.get()
            position += off_t(piece)
            left -= piece
        }
    }

    /// Has the disk hold what was written.
    package func synchronize() throws(FileError) { try system("write", path) { fsync(descriptor) } }
}

/// Tells a file from the one that took its place: equal while nobody has written it or put another there.
package struct FileMark: Hashable, Sendable {
    let inode: UInt64
    let bytes: Int
    let seconds: Int
    let nanoseconds: Int
}

/// What stands at a path, as stat tells it.
package struct FileStatus: Sendable {
    package let kind: FileKind
    /// Size in bytes.
    package let size: Int
    /// The permission bits.
    package let permissions: mode_t
    /// How many names the file has.
    package let links: Int
    /// Which file it is, and when it was last written.
    package let mark: FileMark

    init(_ status: stat) {
        kind = FileKind(mode: status.st_mode)
        size = Int(status.st_size)
        permissions = status.st_mode & 0o7777
        links = Int(status.st_nlink)
        mark = FileMark(
            inode: UInt64(status.st_ino),
            bytes: Int(status.st_size),
            seconds: Int(status.st_mtim.tv_sec),
            nanoseconds: Int(status.st_mtim.tv_nsec)
        )
    }

    /// When it was last written, in seconds since 1970, by the file system's clock.
    package var modifiedSeconds: Int { mark.seconds }

    /// Whether its owner may execute it.
    package var isExecutable: Bool { permissions & 0o100 != 0 }
}
