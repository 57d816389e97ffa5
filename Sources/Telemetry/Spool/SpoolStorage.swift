package import FileSystem
internal import Glibc

/// The folder of a spool, as far as the spool uses it. A port: tests put faults behind it.
package protocol SpoolStorage {
    /// The files with their sizes; other files may be among them.
    func list() throws(FileError) -> [(name: String, bytes: Int)]
    /// All bytes of a file; nil where there is none.
    func read(_ name: String, limit: Int) throws(FileError) -> [UInt8]?
    /// Writes at `offset`, with one system call where the system does so; makes the file where there is none.
    func write(_ bytes: [UInt8], to name: String, at offset: Int) throws(FileError)
    func truncate(_ name: String, to bytes: Int) throws(FileError)
    /// Has the disk hold the file and its name.
    func synchronize(_ name: String) throws(FileError)
    /// Puts a file in the place of another, whole or not at all, on the disk too.
    func replace(_ name: String, with bytes: [UInt8]) throws(FileError)
    /// Nothing there is fine.
    func remove(_ name: String) throws(FileError)
}

/// A spool's folder on a disk, held against others who want the same role.
package final class SpoolFolder: SpoolStorage {
    /// One process may write, and at the same time another one (or the same) read and acknowledge.
    package enum Role: Sendable { case writer, reader }

    package let path: String
    private let lock: FileLock

    /// Makes the folder where there is none, for its owner only, and waits until nobody else has the role.
    package init(_ path: String, as role: Role) throws(FileError) {
        self.path = path
        if try FileSystem.status(of: path) == nil {
            try FileSystem.createDirectories(FileSystem.parent(of: path))
            // Somebody in the other role may be as far.
            do throws(FileError) {
                try FileSystem.createDirectory(path, mode: 0o700)
            } catch .failed(_, _, EEXIST) {}
        }
        let lockPath = FileSystem.join(path, role == .writer ? ".writer.lock" : ".reader.lock")
        _ = try File.openForUpdate(lockPath, mode: 0o600)
        lock = try FileLock(lockPath)
    }

    private func full(_ name: String) -> String { FileSystem.join(path, name) }

    package func list() throws(FileError) -> [(name: String, bytes: Int)] {
        var files: [(name: String, bytes: Int)] = []
        for name in try FileSystem.names(in: path) {
            // Whoever has the other role may have removed it meanwhile.
            guard let status = try FileSystem.status(of: full(name)), status.kind == .regular else { continue }
            files.append((name, status.size))
        }
        return files
    }

    package func read(_ name: String, limit: Int) throws(FileError) -> [UInt8]? {
        do throws(FileError) {
            return try FileSystem.read(full(name), limit: limit)
        } catch .failed(_, _, ENOENT) { return nil }
    }

    package func write(_ bytes: [UInt8], to name: String, at offset: Int) throws(FileError) {
        let file = try File.openForUpdate(full(name), mode: 0o600)
        let outcome = bytes.withUnsafeBytes { buffer in
            Result { () throws(FileError) in try file.write(buffer, at: offset) }
        }
        try outcome.get()
    }

    package func truncate(_ name: String, to bytes: Int) throws(FileError) {
        try File.openForUpdate(full(name), mode: 0o600).truncate(to: bytes)
    }

    package func synchronize(_ name: String) throws(FileError) {
        try File.openForUpdate(full(name), mode: 0o600).synchronize()
        try FileSystem.synchronizeDirectory(path)
    }

    package func replace(_ name: String, with bytes: [UInt8]) throws(FileError) {
        try FileSystem.write(bytes, to: full(name), mode: 0o600)
    }

    package func remove(_ name: String) throws(FileError) { try FileSystem.removeFile(full(name)) }
}
