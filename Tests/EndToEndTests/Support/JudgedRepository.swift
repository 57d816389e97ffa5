import FileSystem
import JSON
import Processes
import Testing

/// A repository that commands of `edgepack` make and change in a folder, and the clients that have followed it from its
/// first root: python-tuf's, and `tufclient`.
final class JudgedRepository {
    /// What the clients agree on.
    struct Verdict {
        /// By role.
        let versions: [String: Int]
        /// Paths of all targets, sorted.
        let targets: [String]
    }

    let scratch: Scratch
    private var server: WebServer?
    private var freshClients = 0

    init() throws { scratch = try Scratch() }

    /// Runs a line of `edgepack` in the folder, where the repository is `repo`; it must end with one of these codes.
    @discardableResult
    func run(_ line: String, expecting codes: Set<Int32> = [0]) throws -> ProcessResult {
        let words = line.split(separator: " ").map(String.init)
        let result = try Programs.run(Programs.edgepack, words, in: scratch.path)
        guard case .exited(let code) = result.status, codes.contains(code) else {
            throw ProgramFailed(program: Programs.edgepack, arguments: words, result: result)
        }
        return result
    }

    private func url() throws -> String {
        let running = try server ?? WebServer(scratch("repo"))
        server = running
        return running.url
    }

    private var root: String { scratch("repo/metadata/1.root.json") }

    /// Has both clients update and download everything that is listed: those that were here before, and those that come
    /// for the first time. All have to get the same.
    func judge(hidden: [String] = []) throws -> Verdict {
        freshClients += 1
        let verdict = try pythonTUF("python")
        let paths = verdict["targets"]?.objectValue?.names ?? []
        #expect(verdict["hidden"] == .array(hidden.map { .string($0) }))
        #expect(try pythonTUF("python-\(freshClients)") == verdict)
        for client in ["tufclient", "tufclient-\(freshClients)"] {
            let result = try tufclient(client, paths)
            #expect(result.isSuccess, "\(client): \(result.errorText)")
            for name in try FileSystem.names(in: scratch("\(client)-targets")) {
                let path = scratch("python-\(freshClients)/downloads/\(name)")
                guard try client != "tufclient" || FileSystem.status(of: path) != nil else { continue }
                let ours = try FileSystem.read(scratch("\(client)-targets/\(name)"), limit: 1 << 24)
                #expect(try FileSystem.read(path, limit: 1 << 24) == ours, "\(name)")
            }
        }
        let count = try FileSystem.names(in: scratch("tufclient-\(freshClients)-targets")).count
        #expect(count == paths.count && count > 0)
        let versions = verdict["versions"]?.objectValue?.members ?? []
        return Verdict(
            versions: Dictionary(uniqueKeysWithValues: versions.map { ($0.name, Int($0.value.integerValue ?? 0)) }),
            targets: paths.sorted()
        )
    }

    /// What comes of it where the clients that were here before want these targets, and python-tuf's all that are listed.
    func outcomes(of targets: [String]) throws -> (pythonTUF: ProcessResult, tufclient: ProcessResult) {
        (
            try Judge.run("ngclient.py", scratch("python"), try url(), root),
            try tufclient("tufclient", targets)
        )
    }

    /// The proposal of a role that waits.
    func proposal(of role: String) throws -> String {
        let names = try FileSystem.names(in: scratch("repo/proposals")).filter { $0.hasSuffix(".\(role).json") }
        guard let name = names.first, names.count == 1 else { throw Unexpected(what: "\(role): \(names) wait") }
        return "repo/proposals/\(name)"
    }

    private func pythonTUF(_ client: String) throws -> JSONValue {
        let result = try Judge.run("ngclient.py", try scratch.folder(client), try url(), root)
        guard result.isSuccess else {
            throw ProgramFailed(program: "ngclient.py", arguments: [client], result: result)
        }
        return try JSONValue.parse(result.standardOutput, limits: .document)
    }

    private func tufclient(_ client: String, _ targets: [String]) throws -> ProcessResult {
        let metadata = scratch(client)
        if try FileSystem.status(of: metadata) == nil {
            try Programs.succeed(Programs.tufclient, ["--metadata-dir", metadata, "init", root])
        }
        let places = [
            "--metadata-dir", metadata, "--metadata-url", "\(try url())/metadata", "--target-dir",
            try scratch.folder("\(client)-targets"), "--target-base-url", "\(try url())/targets",
        ]
        return try Programs.run(Programs.tufclient, places + targets.flatMap { ["--target-name", $0] } + ["download"])
    }
}
