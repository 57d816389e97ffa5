internal import BundleManifest
internal import Diagnostics
internal import FileSystem
internal import Glibc

/// Writes a bundle's tree to a folder that appears whole, after the last byte was checked, or not at all.
package struct BundleExtractor: Sendable {
    /// Threads that decompress and hash.
    package var threads: Int
    /// Told the bytes of content written so far and the whole.
    package var progress: @Sendable (Int, Int) -> Void

    package init(threads: Int, progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }) {
        self.threads = threads
        self.progress = progress
    }

    /// Extracts `archive` to `folder`, which must not exist or be empty.
    package func extract(_ archive: String, to folder: String) throws -> BundleReader.Archive {
        let tree = try begin(folder)
        let writer = TreeWriter(root: tree.temporaryPath, destination: folder, progress: progress)
        let result = try BundleReader(threads: threads).read(archive, visitor: writer)
        try tree.commit(durably: false)
        return result
    }
}

private func begin(_ folder: String) throws -> AtomicDirectory {
    do {
        return try AtomicDirectory(at: folder)
    } catch FileError.failed(_, _, EEXIST) {
        throw BundleError.occupied(path: folder)
    }
}

/// Writes each file as it comes. Its modes hold whatever the umask.
private final class TreeWriter: BundleVisitor {
    private let root: String
    /// What errors call the tree.
    private let destination: String
    private let progress: @Sendable (Int, Int) -> Void
    private var folders: Set<ExactText> = []
    private var file: Int32 = -1
    private var path = ""
    private var written = 0
    private var total = 0

    init(root: String, destination: String, progress: @escaping @Sendable (Int, Int) -> Void) {
        self.root = root
        self.destination = destination
        self.progress = progress
    }

    deinit { if file >= 0 { Glibc.close(file) } }

    func begin(_ head: BundleHead) throws {
        total = head.contentBytes
        let free = try FileSystem.freeBytes(at: root)
        guard total <= free else { throw FileError.noRoom(path: destination, needed: total, free: free) }
        try write(BundleLayout.manifestPath, head.manifestBytes)
        for table in head.tables { try write(BundleLayout.tablePath(table.component), table.bytes) }
    }

    func begin(_ file: TableOfContents.File, in component: ComponentName) throws {
        try open(BundleLayout.path(of: file.path, in: component), isExecutable: file.isExecutable)
    }

    func content(_ bytes: [UInt8]) throws {
        try bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = Glibc.write(file, buffer.baseAddress.map { $0 + done }, buffer.count - done)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw failure("write") }
                done += count
            }
        }
        written += bytes.count
        progress(written, total)
    }

    func endFile() throws {
        let descriptor = file
        file = -1
        // A full quota may be told only here.
        guard Glibc.close(descriptor) == 0 else { throw failure("write") }
    }

    /// An error of the last call, about the place where the file was to be in the end.
    private func failure(_ operation: String) -> FileError {
        .failed(operation: operation, path: "\(destination)/\(path)", code: errno)
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws {
        try open(name, isExecutable: false)
        try content(bytes)
        written -= bytes.count
        try endFile()
    }

    private func open(_ name: String, isExecutable: Bool) throws {
        try makeFolder(FileSystem.parent(of: name))
        path = name
        let mode: mode_t = isExecutable ? 0o755 : 0o644
        // Nothing is there and nothing is followed: the folder is new and ours.
        file = Glibc.open("\(root)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard file >= 0, fchmod(file, mode) == 0 else {
            throw failure("create")
        }
    }

    private func makeFolder(_ name: String) throws {
        guard name != ".", folders.insert(ExactText(name)).inserted else { return }
        try makeFolder(FileSystem.parent(of: name))
        do {
            try FileSystem.createDirectory("\(root)/\(name)", mode: 0o755)
        } catch FileError.failed(let operation, _, let code) {
            throw FileError.failed(operation: operation, path: "\(destination)/\(name)", code: code)
        }
    }
}
