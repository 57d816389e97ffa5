internal import Digest
internal import EdgeAgent
internal import FileSystem

/// Where fetched contents lie until they are admitted; nobody has judged them.
struct ContentInbox {
    let root: String

    init(_ layout: StoreLayout) { root = layout.inbox }

    /// Keeps others from what was fetched of contents.
    func lock() throws(FileError) -> FileLock { try SyncStore.lock(in: root, named: ".lock") }

    /// What was fetched of bundles' archives, one folder each.
    var bundles: String { "\(root)/bundles" }
    func bundle(_ digest: SHA256Digest) -> String { "\(bundles)/\(digest.hex)" }
    /// Whole blobs, as in a repository.
    var blobs: String { "\(root)/blobs" }
    func blob(_ digest: SHA256Digest) -> String { "\(blobs)/\(digest.hex)" }
    /// Blobs that are not whole yet, one folder each.
    var parts: String { "\(root)/parts" }
    func part(_ digest: SHA256Digest) -> String { "\(parts)/\(digest.hex)" }
}

/// Bytes of the disk that are to stay free whatever is fetched.
struct DiskRoom {
    let folder: String
    let reserve: Int
    let free: @Sendable (String) throws -> Int

    /// Throws `noRoom` where the disk has no room for so many bytes more.
    func require(_ needed: Int) throws {
        guard needed > 0 else { return }
        let free = try free(folder)
        guard needed <= free - reserve else {
            throw ContentError.noRoom(needed: needed, free: free, reserve: reserve)
        }
    }

    /// What `files` of `bytes` together take on a disk that gives out blocks of 4 KiB.
    static func taken(by files: Int, of bytes: Int) -> Int { bytes + files * 4096 }
}
