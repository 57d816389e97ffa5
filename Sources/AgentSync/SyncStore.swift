internal import Diagnostics
package import EdgeAgent
package import FileSystem
internal import Glibc

/// The store as a command of `edgeagent-sync` opens it: its format is known, and the box is configured.
package struct SyncStore: Sendable {
    package let layout: StoreLayout
    /// With the labels that count: the box's own, and those of the fleet over them.
    package let box: BoxConfiguration
    /// Without the fleet's labels.
    private let ownBox: BoxConfiguration

    /// Throws `StoreError` where the format is a newer one or the box is not set up, and changes nothing.
    package init(opening layout: StoreLayout) throws {
        ownBox = try AgentStore(layout).box()
        self.layout = layout
        box = try FleetLabels.read(layout.labels).map { [ownBox] in $0.laid(over: ownBox) } ?? ownBox
    }

    private init(_ store: SyncStore, labels: FleetLabels) {
        layout = store.layout
        ownBox = store.ownBox
        box = labels.laid(over: ownBox)
    }

    /// The store as it is once the labels count that the fleet sent last; these too where they are new.
    ///
    /// - Parameter notice: told where they can't be read; the last ones count on then.
    func withNewestLabels(_ notice: (String) -> Void = { _ in }) -> (store: SyncStore, new: FleetLabels?) {
        do {
            guard let new = try FleetLabels.read(layout.inboxLabels) else { return (self, nil) }
            let kept = try? FleetLabels.read(layout.labels)
            return (SyncStore(self, labels: new), new != kept ? new : nil)
        } catch {
            notice("the fleet's labels are left as they were: \((error as? any ExplainedError)?.message ?? "\(error)")")
            return (self, nil)
        }
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
