import FileSystem
import Glibc
import HTTPServer
import Processes
import Testing
import UnixSockets
import UpdateFramework
import WallClock

/// The client under test, with the three commands that the suite asks for. Each returns what the process would exit with.
protocol CaseClient {
    func begin(with root: [UInt8]) throws -> Int32
    /// - Parameter time: what the clock says, where it isn't the real time.
    func refresh(at time: UTCTime?) throws -> Int32
    func download(_ targets: [String], at time: UTCTime?) throws -> Int32
}

/// Where a client keeps things.
struct CaseFolders {
    let metadata: String
    let targets: String
}

/// `Updater` in this process, used as `tufclient` uses it.
struct UpdaterClient: CaseClient {
    let files: ServedFiles
    let folders: CaseFolders

    private func code(_ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch {
            return 1
        }
    }

    func begin(with root: [UInt8]) -> Int32 {
        code { try Updater.trust(root: root, in: MetadataDirectory(folders.metadata)) }
    }

    private func refreshed(at now: UTCTime?) throws -> Updater {
        var updater = try Updater(
            store: MetadataDirectory(folders.metadata),
            transport: ServedFilesTransport(files: files, base: "metadata/"),
            updateStart: now ?? UTCTime(seconds: Int64(time(nil)))
        )
        try updater.refresh()
        return updater
    }

    func refresh(at time: UTCTime?) -> Int32 { code { _ = try refreshed(at: time) } }

    func download(_ targets: [String], at time: UTCTime?) -> Int32 {
        code {
            var updater = try refreshed(at: time)
            let source = ServedFilesTransport(files: files, base: "targets/")
            for name in targets {
                guard let path = TargetPath(name), let target = try updater.find(path) else {
                    throw UpdateError.targetNotFound(path: name)
                }
                _ = try updater.download(target, from: source, to: "\(folders.targets)/\(path.storedName)")
            }
        }
    }
}

/// The program, over HTTP from this machine.
final class ProgramClient: CaseClient {
    /// Nil where no program was built: `scripts/test` names their folder.
    static let program = Processes.inheritedEnvironment()["EDGE_BIN"].map { "\($0)/tufclient" }

    private let program: String
    private let folders: CaseFolders
    private let server: HTTPServer

    init(_ files: ServedFiles, _ folders: CaseFolders) throws {
        program = try #require(Self.program)
        self.folders = folders
        server = try HTTPServer(.tcp(host: "127.0.0.1", port: 0), handler: ServedFilesHandler(files))
    }

    deinit { server.stop() }

    private func run(_ arguments: [String], at time: UTCTime? = nil) throws -> Int32 {
        var environment = ["PATH": "/usr/bin:/bin"]
        environment["TUF_NOW"] = time.map { "\($0.seconds)" }
        let result = try Processes.run(
            program,
            arguments: ["--metadata-dir", folders.metadata] + arguments,
            environment: environment,
            deadline: .seconds(120)
        )
        guard case .exited(let code) = result.status else {
            throw ClientCrashed(status: "\(result.status)", text: result.errorText)
        }
        return Int32(code)
    }

    private func url(_ base: String) throws -> String { "http://127.0.0.1:\(try #require(server.port))/\(base)/" }

    func begin(with root: [UInt8]) throws -> Int32 {
        let path = "\(FileSystem.parent(of: folders.metadata))/trusted.json"
        try FileSystem.write(root, to: path)
        return try run(["init", path])
    }

    func refresh(at time: UTCTime?) throws -> Int32 {
        try run(["--metadata-url", try url("metadata"), "refresh"], at: time)
    }

    func download(_ targets: [String], at time: UTCTime?) throws -> Int32 {
        let names = targets.flatMap { ["--target-name", $0] }
        let places = ["--target-dir", folders.targets, "--target-base-url", try url("targets")]
        return try run(["--metadata-url", try url("metadata")] + names + places + ["download"], at: time)
    }
}

/// It did not end by itself.
struct ClientCrashed: Error {
    let status: String
    let text: String
}
