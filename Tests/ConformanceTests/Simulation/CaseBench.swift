import FileSystem
import JSON
import Testing
import UpdateFramework
import WallClock

/// A repository and a client, for one case.
final class CaseBench {
    enum Client: Sendable {
        case updater, program
    }

    var repository: SimulatedRepository
    private let served = ServedFiles()
    private let client: any CaseClient
    private let folders: CaseFolders
    /// Of the case alone; both folders of the client are in it.
    let folder: String

    init(_ kind: Client, in folder: String) throws {
        self.folder = folder
        folders = CaseFolders(metadata: "\(folder)/metadata", targets: "\(folder)/targets")
        try FileSystem.createDirectories(folders.metadata)
        try FileSystem.createDirectories(folders.targets)
        repository = try SimulatedRepository()
        switch kind {
        case .updater: client = UpdaterClient(files: served, folders: folders)
        case .program: client = try ProgramClient(served, folders)
        }
    }

    // MARK: the client's commands

    /// Has the client trust the first root, or another one.
    func begin(with root: [UInt8]? = nil) throws {
        let root = try root ?? #require(repository.published["root"]?.first)
        try #require(try client.begin(with: root) == 0)
    }

    /// Hands it a root that it can't trust. It may say so now, or later.
    func beginWithBadRoot() throws {
        let code = try client.begin(with: try #require(repository.published["root"]?.first))
        #expect([0, 1].contains(code))
    }

    func refresh(at time: UTCTime? = nil) throws -> Int32 {
        served.serve(repository.files)
        return try client.refresh(at: time)
    }

    func download(_ targets: String..., at time: UTCTime? = nil) throws -> Int32 {
        served.serve(repository.files)
        return try client.download(targets, at: time)
    }

    /// What a server that knows nothing of roles has; for repositories that no simulation made.
    func serve(_ files: [String: [UInt8]]) { served.serve(files) }

    func refreshServed(at time: UTCTime) throws -> Int32 { try client.refresh(at: time) }

    func downloadServed(_ target: String, at time: UTCTime) throws -> Int32 {
        try client.download([target], at: time)
    }

    // MARK: what can be seen of it

    /// Files of metadata that were asked for, as their URLs say.
    var requests: [String] { served.requests(below: "metadata/") }
    var targetRequests: [String] { served.requests(below: "targets/") }

    func forgetRequests() { served.forgetRequests() }

    /// The client's file of a role, byte for byte; nil where it trusts none.
    func trusted(_ role: String) throws -> [UInt8]? {
        let path = "\(folders.metadata)/\(try #require(RoleName(role)).storedName)"
        guard try FileSystem.status(of: path) != nil else { return nil }
        return try FileSystem.read(path, limit: 1 << 24)
    }

    /// The versions that it trusts, by what the files are called.
    var trustedVersions: [String: Int] {
        get throws {
            var versions: [String: Int] = [:]
            for name in try FileSystem.names(in: folders.metadata) where name.hasSuffix(".json") {
                let bytes = try FileSystem.read("\(folders.metadata)/\(name)", limit: 1 << 24)
                let document = try JSONValue.parse(bytes, limits: .document)
                versions[String(name.dropLast(5))] = document.at("signed", "version")?.integerValue.map { Int($0) }
            }
            return versions
        }
    }

    func version(_ role: String) throws -> Int? { try trustedVersions[role] }

    /// What it has downloaded, in the order of the names.
    var downloads: [String] {
        get throws {
            try FileSystem.files(below: folders.targets, limit: 1_000).map {
                String(decoding: try FileSystem.read("\(folders.targets)/\($0.path)", limit: 1 << 20), as: UTF8.self)
            }
        }
    }

    /// Whether it trusts, of each role, exactly the bytes that were published last.
    func trustsLatest(_ roles: String...) throws -> Bool {
        try roles.allSatisfy { try trusted($0) == repository.published[$0]?.last }
    }
}
