internal import Glibc
internal import Synchronization

/// A worker's private folder: Azure ML's layout as links, and room for temporary files. It is locked (flock(2)) for as long
/// as its runtime lives: what a runtime that was killed has left is removed when the next one starts.
///
///     edge-worker-XXXXXX/
///       app/                                 AML_APP_ROOT and working directory, made anew like tmp/
///         azureml-models/NAME/VERSION        AZUREML_MODEL_DIR
///         CODE -> the code folder            AZUREML_ENTRY_SCRIPT = CODE/score.py
///       tmp/                                 TMPDIR and HOME, emptied whenever the worker is started
final class ScriptScratch: Sendable {
    struct Layout: Sendable, Equatable {
        let root: String
        let entryScript: String
        let modelFolder: String

        var appRoot: String { root + "/app" }
        var temporaryFolder: String { root + "/tmp" }
    }

    let layout: Layout
    private let codeName: String
    private let codeFolder: String
    private let model: ScriptConfiguration.Model?
    private let lock: Int32
    private let isRemoved = Atomic(false)

    init(_ configuration: ScriptConfiguration) throws(ScriptError) {
        ScriptScratchSweep.run(in: configuration.scratchParent)
        let (root, lock) = try makeLockedFolder(in: configuration.scratchParent)
        self.lock = lock
        let codeName = lastComponent(of: configuration.codeFolder) ?? "code"
        let inCode = relativePath(of: configuration.script, in: configuration.codeFolder)
        // Names may come from a bundle: only what is one path component goes into a path.
        let name = isComponent(configuration.modelName) ? configuration.modelName : "model"
        let version = isComponent(configuration.modelVersion) ? configuration.modelVersion : "1"
        layout = Layout(
            root: root,
            entryScript: inCode.map { "\(codeName)/\($0)" } ?? configuration.script,
            modelFolder: "\(root)/app/azureml-models/\(name)/\(version)"
        )
        self.codeName = codeName
        codeFolder = configuration.codeFolder
        model = configuration.model
        do {
            try renew()
        } catch {
            remove()
            throw error
        }
    }

    deinit {
        remove()
        close(lock)
    }

    /// Once the worker is gone for good; again is harmless.
    func remove() {
        guard !isRemoved.exchange(true, ordering: .relaxed) else { return }
        removeFolder(layout.root)
    }

    /// Makes `app` and `tmp` anew: no worker finds what the one before it wrote, and one that crashes in a loop doesn't
    /// fill the disk.
    func renew() throws(ScriptError) {
        // Without descriptors nothing can be removed.
        let probe = open(layout.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard probe >= 0 else { throw .resources(errno: errno) }
        close(probe)
        clear(layout.temporaryFolder)
        clear(layout.appRoot)
        try makeFolder(layout.temporaryFolder)
        try makeFolder(layout.appRoot)
        try makeFolder("\(layout.appRoot)/azureml-models")
        try makeFolder(layout.modelFolder.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" })
        if codeName != "azureml-models" { try makeLink("\(layout.appRoot)/\(codeName)", to: codeFolder) }
        try Self.placeModel(model, at: layout.modelFolder)
    }

    /// What can't be removed (a tree of thousands of levels) goes out of the way, until `remove`.
    private func clear(_ path: String) {
        if !removeFolder(path), access(path, F_OK) == 0 {
            rename(path, "\(layout.root)/left-\(Int(monotonicNow() / .nanoseconds(1)))")
        }
    }

    private static func placeModel(_ model: ScriptConfiguration.Model?, at path: String) throws(ScriptError) {
        switch model {
        case .folder(let folder):
            try makeLink(path, to: folder)
        case .entry(let entry):
            try makeFolder(path)
            try makeLink("\(path)/\(lastComponent(of: entry) ?? "model")", to: entry)
        case nil:
            try makeFolder(path)
        }
    }
}

private func isComponent(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0)
}

private func lastComponent(of path: String) -> String? {
    path.split(separator: "/").last.map(String.init).flatMap { isComponent($0) ? $0 : nil }
}

private func relativePath(of path: String, in folder: String) -> String? {
    let prefix = folder.hasSuffix("/") ? folder : folder + "/"
    return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : nil
}

/// A new folder, and the descriptor that holds its lock.
private func makeLockedFolder(in parent: String) throws(ScriptError) -> (path: String, lock: Int32) {
    for _ in 0..<10 {
        let path = try makeUniqueFolder(in: parent)
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        // A sweep may come between making and locking, and take the folder away.
        if folder < 0, errno == ENOENT { continue }
        guard folder >= 0 else {
            let error = errno
            rmdir(path)
            throw .scratch(path: path, errno: error)
        }
        // Where locks are not supported, no sweep gets one either.
        let isLost = flock(folder, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
        var information = stat()
        if !isLost, fstat(folder, &information) == 0, information.st_nlink > 0 { return (path, folder) }
        close(folder)
    }
    throw .scratch(path: parent, errno: EBUSY)
}

private func makeUniqueFolder(in parent: String) throws(ScriptError) -> String {
    var template = Array("\(parent)/\(ScriptScratchSweep.prefix)XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
        buffer.baseAddress.flatMap { mkdtemp($0) } != nil  // 0700
    }
    guard made else { throw .scratch(path: parent, errno: errno) }
    return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
}

private func makeFolder(_ path: String) throws(ScriptError) {
    guard mkdir(path, 0o700) == 0 else { throw .scratch(path: path, errno: errno) }
}

private func makeLink(_ path: String, to target: String) throws(ScriptError) {
    guard symlink(target, path) == 0 else { throw .scratch(path: path, errno: errno) }
}

/// Removes a tree without following links, even those that a process of the script might swap in meanwhile. What can't
/// be removed is left.
@discardableResult
private func removeFolder(_ path: String) -> Bool {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if folder >= 0 { removeContents(folder, depth: 0) }
    return rmdir(path) == 0
}

/// Removes the folders of runtimes that ended without doing so.
private enum ScriptScratchSweep {
    static let prefix = "edge-worker-"

    /// Only this user's folders, and only those that nobody holds the lock of. What can't be removed is left.
    static func run(in parent: String) {
        guard let stream = opendir(parent) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(prefix), name.utf8.count == prefix.utf8.count + 6 { remove("\(parent)/\(name)") }
        }
    }

    private static func remove(_ path: String) {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else { return }
        // Held until the folder is gone; see makeLockedFolder.
        defer { close(folder) }
        var information = stat()
        guard fstat(folder, &information) == 0, information.st_uid == geteuid(), flock(folder, LOCK_EX | LOCK_NB) == 0
        else { return }
        removeFolder(path)
    }
}

/// Takes over the descriptor.
private func removeContents(_ folder: Int32, depth: Int) {
    guard let stream = fdopendir(folder) else {
        close(folder)
        return
    }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            Array(bytes.prefix { $0 != 0 }).map(CChar.init(bitPattern:)) + [0]
        }
        if name == [0x2E, 0] || name == [0x2E, 0x2E, 0] { continue }
        if unlinkat(folder, name, 0) == 0 { continue }
        // Each level holds a descriptor: a tree deeper than anyone makes by accident stays.
        guard depth < 64 else { continue }
        let child = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if child >= 0 { removeContents(child, depth: depth + 1) }
        unlinkat(folder, name, AT_REMOVEDIR)
    }
}
