internal import BundleFormat
internal import BundleManifest
internal import Digest
internal import EdgeAgent
internal import FileSystem
internal import Glibc

/// Makes the tree that a runtime serves out of contents of the store: hard links, so that what two bundles have in
/// common is on the disk once, and in memory once.
struct GenerationBuilder {
    let layout: StoreLayout
    let store: ContentStore
    let disk: DiskChanges

    /// Makes the folder, and clears away trees that a killed process left unfinished.
    func prepare() throws {
        if try FileSystem.status(of: layout.generations) == nil {
            try FileSystem.createDirectories(layout.generations)
            try FileSystem.synchronizeDirectory(layout.root)
        }
        for name in try FileSystem.names(in: layout.generations) where TemporaryName.isOne(name) {
            try disk.will(.remove, name)
            try FileSystem.removeTree("\(layout.generations)/\(name)")
        }
    }

    /// Makes the generation of a bundle whose contents are all in the store. It appears under its name whole, when the
    /// disk holds all of it, or not at all.
    func build(_ head: BundleHead) throws {
        let final = layout.generation(head.digest)
        try haveAll(of: head)
        try disk.will(.create, final)
        let tree = try AtomicDirectory(at: final)
        let root = tree.temporaryPath
        try write(head.manifestBytes, to: "\(root)/\(BundleLayout.manifestPath)")
        try FileSystem.createDirectory("\(root)/toc", mode: 0o755)
        for table in head.tables {
            try write(table.bytes, to: "\(root)/\(BundleLayout.tablePath(table.component))")
            var folders: Set<String> = []
            for file in table.contents.files {
                let path = "\(root)/\(BundleLayout.path(of: file.path, in: table.component))"
                try makeFolder(FileSystem.parent(of: path), below: root, &folders)
                let name = ContentName(file.digest, isExecutable: file.isExecutable)
                try link(name, as: path)
            }
        }
        try disk.will(.rename, final)
        try tree.commit(durably: true)
    }

    /// Has every content in the mode that the bundle gives it; the store has it in one of the two.
    private func haveAll(of head: BundleHead) throws {
        for table in head.tables {
            for file in table.contents.files {
                let name = ContentName(file.digest, isExecutable: file.isExecutable)
                guard try !store.holds(name, size: file.size) else { continue }
                guard try store.holds(name.other, size: file.size) else {
                    throw ContentError.notFetched(
                        name: BundleLayout.path(of: file.path, in: table.component),
                        offset: 0
                    )
                }
                do {
                    try store.insert(name, copyOf: store.path(name.other))
                } catch ContentError.changed(let source) {
                    try disk.will(.remove, source)
                    try FileSystem.removeFile(source)
                    throw ContentError.rotten(file: source)
                }
            }
        }
        try store.commit()
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        try disk.will(.write, path)
        let file = try File.create(path, mode: 0o444)
        try file.write(bytes)
        try file.synchronize()
    }

    private func makeFolder(_ path: String, below root: String, _ made: inout Set<String>) throws {
        guard path.utf8.count > root.utf8.count, made.insert(path).inserted else { return }
        try makeFolder(FileSystem.parent(of: path), below: root, &made)
        try FileSystem.createDirectory(path, mode: 0o755)
    }

    private func link(_ name: ContentName, as path: String) throws {
        let source = store.path(name)
        do throws(FileError) {
            try disk.will(.link, path)
            try FileSystem.link(source, as: path)
        } catch .failed(_, _, let code) where [EMLINK, EPERM, EOPNOTSUPP, EXDEV].contains(code) {
            // As many names as the file system allows, or a file system without second names.
            try copy(name, from: source, to: path)
        }
    }

    private func copy(_ name: ContentName, from source: String, to path: String) throws {
        try disk.will(.write, path)
        let file = try File.create(path, mode: name.mode)
        var hash = SHA256()
        try FileSystem.readPieces(of: source) { bytes in
            hash.update(bytes)
            try file.write(bytes)
        }
        guard hash.finalize() == name.digest else {
            try disk.will(.remove, source)
            try FileSystem.removeFile(source)
            throw ContentError.rotten(file: source)
        }
        try file.synchronize()
    }
}
