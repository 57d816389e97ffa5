internal import Glibc

/// The folder that a runtime without a private root may write to. Empty at every start.
enum ScratchFolder {
    /// The deepest that folders are nested in what is removed: a script can nest them without end.
    private static let depthLimit = 64

    /// Makes `STORE/run/NAME` empty and the user's own.
    ///
    /// Whoever the store belongs to may not be root: no part of the path below it is followed if it is a symbolic link,
    /// and everything is done to folders that are already open.
    ///
    /// - Returns: the path; nil where it can't be had.
    static func make(store: String, name: String, user: ContainedProgram.User?) -> String? {
        guard let root = folder(store, in: AT_FDCWD, followsLinks: true) else { return nil }
        defer { close(root) }
        let isNew = mkdirat(root, "run", 0o711) == 0
        guard let run = folder("run", in: root) else { return nil }
        defer { close(run) }
        // The agent makes its sockets there.
        var status = stat()
        if isNew, fstat(root, &status) == 0 { _ = fchown(run, status.st_uid, status.st_gid) }
        if mkdirat(run, name, 0o700) != 0, errno != EEXIST { return nil }
        guard let scratch = folder(name, in: run) else { return nil }
        defer { close(scratch) }
        guard empty(scratch, depth: 0), fchmod(scratch, 0o700) == 0 else { return nil }
        if let user, fchown(scratch, user.user, user.group) != 0 { return nil }
        return "\(store)/run/\(name)"
    }

    private static func folder(_ name: UnsafePointer<CChar>, in parent: Int32, followsLinks: Bool = false) -> Int32? {
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW)
        let descriptor = openat(parent, name, flags)
        return descriptor >= 0 ? descriptor : nil
    }

    /// Removes all that is in a folder. The descriptor stays the caller's.
    private static func empty(_ descriptor: Int32, depth: Int) -> Bool {
        guard depth < depthLimit, let names = names(in: descriptor) else { return false }
        for name in names {
            if unlinkat(descriptor, name, 0) == 0 || errno == ENOENT { continue }
            guard errno == EISDIR || errno == EPERM, let below = folder(name, in: descriptor) else { return false }
            let isEmpty = empty(below, depth: depth + 1)
            close(below)
            guard isEmpty, unlinkat(descriptor, name, AT_REMOVEDIR) == 0 else { return false }
        }
        return true
    }

    private static func names(in descriptor: Int32) -> [[CChar]]? {
        // fdopendir takes its descriptor over.
        let copy = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else { return nil }
        defer { closedir(stream) }
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            // A name is any bytes, not always text.
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { $0.prefix { $0 != 0 }.map(CChar.init(bitPattern:)) }
            let dot = CChar(bitPattern: UInt8(ascii: "."))
            if name != [dot], name != [dot, dot] { names.append(name + [0]) }
        }
        return names
    }
}
