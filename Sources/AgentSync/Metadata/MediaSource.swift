internal import BundleFormat
internal import Diagnostics
internal import FileSystem
internal import UpdateFramework

/// Where a repository lies on local media: a folder, or the offline chain of a portable file.
struct MediaSource {
    let metadata: any RepositoryTransport
    let targets: any RepositoryTransport

    init(_ path: String) throws {
        guard let status = try FileSystem.statusFollowingLinks(of: path) else {
            throw SyncFailure(.refused("there is no \(path)"), exitCode: .noInput)
        }
        if status.kind == .directory {
            let folder = FileSystem.join(path, "metadata")
            guard try FileSystem.statusFollowingLinks(of: folder)?.kind == .directory else {
                throw SyncFailure(
                    .refused("\(path) is no repository: it has no folder metadata"),
                    hint: "edgepack repo export writes one that a stick can carry",
                    exitCode: .noInput
                )
            }
            metadata = DirectoryTransport(folder)
            targets = DirectoryTransport(FileSystem.join(path, "targets"))
            return
        }
        guard let chain = try OfflineChain.find(in: try BundleTail.read(path).appended, of: path) else {
            throw SyncFailure(
                .refused("\(path) carries no offline chain, so nothing says that this box may run it"),
                hint: "edgepack repo export --bundle NAME@VERSION --to FILE writes a file that carries one"
            )
        }
        metadata = ChainTransport(chain, folder: "metadata")
        targets = ChainTransport(chain, folder: "targets")
    }
}

/// The files of an offline chain.
private struct ChainTransport: RepositoryTransport {
    private let chain: OfflineChain
    private let folder: String

    init(_ chain: OfflineChain, folder: String) {
        self.chain = chain
        self.folder = folder
    }

    func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let relative = path.filePath, let bytes = chain["\(folder)/\(relative)"] else {
            throw TransportError.notFound("\(folder)/\(path)")
        }
        guard bytes.count <= limitBytes else { throw TransportError.tooLarge("\(path)", limitBytes: limitBytes) }
        try bytes.withUnsafeBytes(receive)
    }
}
