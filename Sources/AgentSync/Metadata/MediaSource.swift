internal import BundleFormat
internal import Diagnostics
internal import FileSystem
internal import UpdateFramework

/// Where a repository lies on local media.
struct MediaSource {
    let metadata: any RepositoryTransport
    let targets: any RepositoryTransport

    /// A repository's folder, or a portable file with an offline chain.
    init(_ path: String) throws {
        guard let status = try FileSystem.statusFollowingLinks(of: path) else {
            throw SyncFailure(.refused("there is no \(path)"), exitCode: .noInput)
        }
        guard status.kind == .directory else { throw SyncFailure(.refused("\(path) carries no offline chain")) }
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
    }
}
