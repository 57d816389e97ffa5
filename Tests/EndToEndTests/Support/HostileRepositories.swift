import FileSystem
import Glibc
import JSON
import Processes

/// Every hostile repository in one folder, a server of all of them, and a client's folder as it was before; made once per
/// run.
struct HostileRepositories: Sendable {
    static let shared = Result { try HostileRepositories() }

    let folder: String
    let port: String
    /// Of those with a defect, and of those that are peculiar only, in the script's order.
    let defects: [String]
    let peculiarities: [String]
    private let trusted: String

    private init() throws {
        folder = try FileSystem.createFolder("\(Keys.shared.get().folder)/hostile")
        trusted = "\(folder)-trusted"
        let script = "\(Programs.judges)/hostile_repositories.py"
        let lines = try Programs.succeed(Programs.python, [script, folder]).split(separator: "\n")
        func names(_ kind: String) -> [String] {
            lines.filter { $0.hasPrefix(kind) }.map { String($0.dropFirst(kind.count)) }
        }
        (defects, peculiarities) = (names("defect "), names("peculiar "))
        port = try Self.serve(folder)
        try Programs.succeed(Programs.tufclient, ["--metadata-dir", trusted, "init", "\(folder)/trusted-root.json"])
        let scratch = try Scratch()
        let first = try update(from: "before", metadata: trusted, targets: try scratch.folder("targets"))
        guard first.isSuccess else { throw Unexpected(what: "the first update failed: \(first.errorText)") }
    }

    /// Starts the server, which ends with this process, and returns its port.
    private static func serve(_ folder: String) throws -> String {
        let ends = try Processes.outputPipe()
        defer { close(ends.writeEnd) }
        let output = LogReader(readEnd: ends.readEnd)
        _ = try ChildProcess(
            ProcessSpecification(
                program: Programs.python,
                arguments: ["\(Programs.judges)/hostile_server.py", folder],
                environment: Programs.environment,
                descriptors: [1: ends.writeEnd],
                group: .newSession
            )
        )
        return try output.line { !$0.isEmpty }
    }

    /// A copy of what the client trusts before it comes to a hostile repository.
    func trustedMetadata(in scratch: Scratch) throws -> String { try scratch.copy(trusted, as: "metadata") }

    func update(from name: String, metadata: String, targets: String) throws -> ProcessResult {
        let fixture = try read("\(name)/fixture.json")
        let url = "http://127.0.0.1:\(port)/\(name)"
        return try Programs.run(
            Programs.tufclient,
            [
                "--metadata-dir", metadata, "--metadata-url", "\(url)/metadata/", "--target-dir", targets,
                "--target-base-url", "\(url)/targets/", "--target-name", fixture["target"]?.stringValue ?? "",
                "download",
            ]
        )
    }

    func read(_ path: String) throws -> JSONValue {
        try JSONValue.parse(try FileSystem.read("\(folder)/\(path)", limit: 1 << 20), limits: .document)
    }

    /// The roles that a client may trust anew in a repository whose defect is in this part: those before it in the
    /// workflow. Of a defect in a target's file that is every role.
    static func mayTrust(_ file: String, before stage: String) -> Bool {
        let order = ["root", "timestamp", "snapshot", "targets", "team"]
        let stage = order.firstIndex(of: stage) ?? order.count
        let role = file.split(separator: ".").dropLast().last.map(String.init) ?? ""
        return (order.firstIndex(of: role) ?? order.count - 1) < stage
    }
}
