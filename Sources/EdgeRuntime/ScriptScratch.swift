internal import Glibc
internal import Synchronization

/// A worker's private folder: Azure ML's layout as links, and room for temporary files. What is left of a runtime that was
/// killed stays: give it a parent folder that goes away with it, such as systemd's PrivateTmp.
///
///     edge-worker-XXXXXX/
///       app/                                 AML_APP_ROOT and working directory
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
    private let isRemoved = Atomic(false)

    init(_ configuration: ScriptConfiguration) throws(ScriptError) {
        let root = try makeUniqueFolder(in: configuration.scratchParent)
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
        do {
            for folder in ["app", "app/azureml-models", "app/azureml-models/\(name)", "tmp"] {
                try makeFolder("\(root)/\(folder)")
            }
            if codeName != "azureml-models" {
                try makeLink("\(layout.appRoot)/\(codeName)", to: configuration.codeFolder)
            }
            try Self.placeModel(configuration.model, at: layout.modelFolder)
        } catch {
            removeFolder(root)
            throw error
        }
    }

    deinit { remove() }

    /// Once the worker is gone for good; again is harmless.
    func remove() {
        guard !isRemoved.exchange(true, ordering: .relaxed) else { return }
        removeFolder(layout.root)
    }

    /// So that a worker that crashes in a loop doesn't fill the disk.
    func emptyTemporaryFolder() {
        removeFolder(layout.temporaryFolder)
        try? makeFolder(layout.temporaryFolder)
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

private func makeUniqueFolder(in parent: String) throws(ScriptError) -> String {
    var template = Array("\(parent)/edge-worker-XXXXXX".utf8CString)
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
private func removeFolder(_ path: String) {
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if folder >= 0 { removeContents(folder, depth: 0) }
    rmdir(path)
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
