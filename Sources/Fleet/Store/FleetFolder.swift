package import FileSystem
internal import Glibc

/// The folder that holds all of a fleet: its database, its authority, and how it is reached.
///
/// Readable by its owner alone (0700): whoever can write here is the fleet's operator.
package struct FleetFolder: Hashable, Sendable {
    package let path: String

    /// Names the folder; touches nothing.
    package init(_ path: String) { self.path = path }

    private func file(_ name: String) -> String { FileSystem.join(path, name) }

    /// SQLite; beside it stand its write-ahead log (`-wal`) and that one's index (`-shm`).
    package var database: String { file("fleet.db") }
    /// Certificate of the authority that the boxes' and the server's certificates are of (PEM).
    package var authorityCertificate: String { file("authority.pem") }
    /// Its key (PEM, 0600).
    package var authorityKey: String { file("authority.key") }
    package var serverCertificate: String { file("server.pem") }
    package var serverKey: String { file("server.key") }
    /// Where the server is reached: what `token create` puts into tokens.
    package var settings: String { file("fleet.json") }
    /// Held while the files of this folder are made or replaced.
    package var lockFile: String { file("lock") }
    /// Held by the one server of this folder for as long as it runs.
    package var serverLockFile: String { file("serve.lock") }

    /// Whether a fleet was ever begun here.
    package var isThere: Bool { get throws(FileError) { try FileSystem.status(of: database) != nil } }

    /// Makes the folder (0700) and those above it where they are missing, and its lock file. Files that are there
    /// stay; a folder that others may look into is closed to them, unless something else than a fleet is in it.
    package func make() throws(FileError) {
        try FileSystem.createDirectories(path)
        guard let status = try FileSystem.statusFollowingLinks(of: path) else { return }
        if status.permissions & 0o077 != 0 {
            // Of /tmp, say, nobody else would get anything any more.
            let isOurs = try isThere
            let isEmpty = try FileSystem.names(in: path).isEmpty
            guard isOurs || isEmpty else {
                throw .failed(operation: "make a fleet, for its owner alone, in", path: path, code: ENOTEMPTY)
            }
            guard chmod(path, 0o700) == 0 else {
                throw .failed(operation: "close to others", path: path, code: errno)
            }
        }
        for lock in [lockFile, serverLockFile] where try FileSystem.status(of: lock) == nil {
            // Two that make it at once: the first one's stays.
            do throws(FileError) {
                _ = try File.create(lock, mode: 0o600)
            } catch .failed(_, _, EEXIST) {}
        }
    }

    /// Does what must be done by one process at a time, such as making the authority. Waits for others.
    package func withLock<Result>(_ body: () throws -> Result) throws -> Result {
        try make()
        let lock = try FileLock(lockFile)
        defer { withExtendedLifetime(lock) {} }
        return try body()
    }
}
