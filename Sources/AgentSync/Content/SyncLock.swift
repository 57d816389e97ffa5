package import EdgeAgent
internal import FileSystem
internal import Glibc

/// Keeps two processes from writing the same part of the store; the system lets go when a process is killed.
package final class SyncLock: Sendable {
    private let descriptor: Int32

    /// For what writes `cas/`, `generations/` and `tuf/`. Waits.
    package static func admitting(_ layout: StoreLayout) throws -> SyncLock {
        try SyncLock("\(layout.root)/admit.lock", in: layout.root)
    }

    /// For what writes `inbox/`. Waits.
    package static func fetching(_ layout: StoreLayout) throws -> SyncLock {
        try SyncLock("\(layout.inbox)/.lock", in: layout.inbox)
    }

    private init(_ path: String, in folder: String) throws {
        try FileSystem.createDirectories(folder)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError.failed(operation: "open", path: path, code: errno) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let code = errno
                close(descriptor)
                throw FileError.failed(operation: "lock", path: path, code: code)
            }
        }
    }

    deinit { close(descriptor) }
}
