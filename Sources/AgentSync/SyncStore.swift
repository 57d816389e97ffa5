package import EdgeAgent
package import FileSystem
internal import Glibc

/// The store as a command of `edgeagent-sync` opens it: its format is known, and the box is configured.
package struct SyncStore: Sendable {
    package let layout: StoreLayout
    package let box: BoxConfiguration

    /// Throws `StoreError` where the format is a newer one or the box is not set up, and changes nothing.
    package init(opening layout: StoreLayout) throws {
        box = try AgentStore(layout).box()
        self.layout = layout
    }

    /// Keeps other commands of the same kind out until it goes out of scope. `folder` is made where it isn't there.
    package static func lock(in folder: String, named name: String = ".metadata.lock") throws(FileError) -> FileLock {
        try makeFolder(folder)
        let path = FileSystem.join(folder, name)
        if try FileSystem.status(of: path) == nil {
            let descriptor = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw .failed(operation: FileError.create, path: path, code: errno) }
            close(descriptor)
        }
        return try FileLock(path)
    }

    /// Makes a folder of the store, and those above it, for the owner alone.
    package static func makeFolder(_ path: String) throws(FileError) {
        if let status = try FileSystem.statusFollowingLinks(of: path) {
            guard status.kind == .directory else { throw .occupied(path: path, by: status.kind) }
            return
        }
        let parent = FileSystem.parent(of: path)
        if parent != path { try makeFolder(parent) }
        do throws(FileError) {
            try FileSystem.createDirectory(path, mode: 0o700)
        } catch .failed(_, _, EEXIST) {
            // Somebody else was quicker.
        }
        try FileSystem.synchronizeDirectory(parent)
    }
}
