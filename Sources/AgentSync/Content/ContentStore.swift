package import Digest
internal import FileSystem

/// The name of a content in the store.
package struct ContentName: Hashable, Sendable {
    package let digest: SHA256Digest
    package let isExecutable: Bool

    package init(_ digest: SHA256Digest, isExecutable: Bool = false) {
        self.digest = digest
        self.isExecutable = isExecutable
    }

    /// From the name of a file in `cas/`; nil for any other name.
    init?(file: String) {
        let isExecutable = file.hasSuffix(".x")
        guard let digest = SHA256Digest(hex: isExecutable ? String(file.dropLast(2)) : file) else { return nil }
        self.init(digest, isExecutable: isExecutable)
    }

    /// `SHA256`, or `SHA256.x` for what may be executed: a mode belongs to the file, not to its name.
    var file: String { isExecutable ? "\(digest.hex).x" : digest.hex }
    var mode: UInt32 { isExecutable ? 0o555 : 0o444 }
    /// The same bytes with the other mode.
    var other: ContentName { ContentName(digest, isExecutable: !isExecutable) }
}

/// Contents by digest: the folder `cas/`. A file there is whole and immutable from the moment it has its name.
///
/// New contents are written under temporary names. `commit` is the durable point: it has the disk hold the bytes, then
/// gives the names, then has the disk hold these. One process writes at a time.
final class ContentStore {
    let folder: String
    private let disk: DiskChanges
    private var waiting: [UnnamedContent] = []
    private var waitingBytes = 0

    /// With so much waiting it is committed: one wait for the disk serves many files.
    private static let batchFiles = 128
    private static let batchBytes = 64 << 20
    /// From so many files on, one call for the whole disk comes before the calls for each.
    private static let manyFiles = 8

    init(_ folder: String, disk: DiskChanges = .plain) {
        self.folder = folder
        self.disk = disk
    }

    func path(_ name: ContentName) -> String { "\(folder)/\(name.file)" }

    /// Keeps others from writing contents and generations; makes the folder where there is none.
    static func lock(_ folder: String) throws(FileError) -> FileLock { try SyncStore.lock(in: folder, named: ".lock") }

    /// Makes the folder, and clears away what a killed process left under temporary names.
    func prepare() throws {
        if try FileSystem.status(of: folder) == nil {
            try disk.will(.create, folder)
            try FileSystem.createDirectories(folder)
            try FileSystem.synchronizeDirectory(FileSystem.parent(of: folder))
        }
        for name in try FileSystem.names(in: folder) where TemporaryName.isOne(name) {
            try disk.will(.remove, name)
            try FileSystem.removeFile("\(folder)/\(name)")
        }
    }

    /// What is there, in whichever mode.
    func names() throws -> Set<ContentName> {
        guard try FileSystem.status(of: folder) != nil else { return [] }
        return Set(try FileSystem.names(in: folder).compactMap { ContentName(file: $0) })
    }

    /// Whether the content is there with `size` bytes. A file with another size, or no file, has rotted: it is taken
    /// away and told.
    func holds(_ name: ContentName, size: Int) throws -> Bool {
        let path = path(name)
        guard let status = try FileSystem.status(of: path) else { return false }
        guard status.kind == .regular, status.size == size else {
            try disk.will(.remove, path)
            try FileSystem.removeTree(path)
            throw ContentError.rotten(file: path)
        }
        return true
    }

    /// Begins a content whose bytes come now.
    func begin(_ name: ContentName) throws -> UnnamedContent {
        let final = path(name)
        let temporary = TemporaryName.beside(final)
        try disk.will(.create, temporary)
        return UnnamedContent(try File.create(temporary, mode: name.mode), temporary: temporary, final: final)
    }

    func append(_ bytes: UnsafeRawBufferPointer, to content: UnnamedContent) throws {
        try disk.will(.write, content.temporary)
        try content.file.write(bytes)
        content.size += bytes.count
    }

    /// The content is whole and was checked; with the next durable point it gets its name.
    func end(_ content: UnnamedContent) throws {
        waiting.append(content)
        waitingBytes += content.size
        if waiting.count >= Self.batchFiles || waitingBytes >= Self.batchBytes { try commit() }
    }

    /// Durable point.
    func commit() throws {
        guard !waiting.isEmpty else { return }
        defer {
            waiting = []
            waitingBytes = 0
        }
        if waiting.count >= Self.manyFiles {
            try disk.will(.synchronize, folder)
            FileSystem.synchronizeAll()
        }
        // After the call for all these are quick, and they tell what could not be written.
        for content in waiting {
            try disk.will(.synchronize, content.temporary)
            try content.file.synchronize()
        }
        for content in waiting {
            try disk.will(.rename, content.final)
            try FileSystem.rename(content.temporary, to: content.final)
            content.isNamed = true
        }
        try disk.will(.synchronize, folder)
        try FileSystem.synchronizeDirectory(folder)
    }

    /// Writes bytes into the store, holding them to the name's digest. Throws `changed` where they are another's.
    func insert(_ name: ContentName, _ bytes: [UInt8], from source: String) throws {
        guard SHA256.digest(bytes) == name.digest else { throw ContentError.changed(name: source) }
        let content = try begin(name)
        try bytes.withUnsafeBytes { try append($0, to: content) }
        try end(content)
    }

    /// Copies a file into the store, holding it to the name's digest. Throws `changed` where it is another's.
    func insert(_ name: ContentName, copyOf source: String) throws {
        let content = try begin(name)
        var hash = SHA256()
        try FileSystem.readPieces(of: source) { bytes in
            hash.update(bytes)
            try append(bytes, to: content)
        }
        guard hash.finalize() == name.digest else { throw ContentError.changed(name: source) }
        try end(content)
    }
}

/// A content that has no name in the store yet; removed with the last reference unless it got one.
final class UnnamedContent {
    let file: File
    let temporary: String
    let final: String
    fileprivate(set) var size = 0
    fileprivate(set) var isNamed = false

    fileprivate init(_ file: consuming File, temporary: String, final: String) {
        self.file = file
        self.temporary = temporary
        self.final = final
    }

    deinit { if !isNamed { try? FileSystem.removeFile(temporary) } }
}

/// Names of what is not finished: `.NAME.RANDOM.tmp`, as AtomicFile and AtomicDirectory have them.
enum TemporaryName {
    static func beside(_ path: String) -> String {
        let random = String(UInt64.random(in: .min ... .max), radix: 36)
        return "\(FileSystem.parent(of: path))/.\(FileSystem.name(of: path)).\(random).tmp"
    }

    static func isOne(_ name: String) -> Bool { name.hasPrefix(".") && name.hasSuffix(".tmp") }
}
