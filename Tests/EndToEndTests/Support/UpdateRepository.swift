import FileSystem
import JSON

/// A repository that `edgepack` made, with every key in one folder.
final class UpdateRepository {
    static let endpoint = "digits"
    static let channel = "prod"

    let scratch: Scratch
    var path: String { scratch("repository") }
    var keys: String { scratch("keys") }
    /// The root that a box is given.
    var root: String { "\(path)/metadata/1.root.json" }

    init() throws {
        scratch = try Scratch()
        try Programs.pack("repo", "init", path, "--keys", keys)
    }

    /// A repository of its own with everything that another one in a folder has, signed by the same keys.
    init(copyOf folder: String) throws {
        scratch = try Scratch()
        try scratch.copy("\(folder)/repository", as: "repository")
        try scratch.copy("\(folder)/keys", as: "keys")
    }

    func publish(_ bundle: String) throws { try Programs.pack("publish", bundle, "--to", path, "--keys", keys) }

    /// Deploys `NAME@VERSION` or a digest to every box of the channel.
    func deploy(_ bundle: String, _ more: String...) throws {
        let arguments = [
            "deploy", bundle, "--endpoint", Self.endpoint, "--channel", Self.channel, "--to", path, "--keys", keys,
            "--reason", "a test",
        ]
        try Programs.succeed(Programs.edgepack, arguments + more)
    }

    func revoke(_ bundle: String, action: String) throws {
        let arguments = ["revoke", bundle, "--action", action, "--reason", "a test", "--to", path, "--keys", keys]
        try Programs.succeed(Programs.edgepack, arguments)
    }

    /// Writes the next version of a role, with or without a right to: `judges/forge.py`.
    func forge(_ role: String, _ arguments: String...) throws {
        try Programs.succeed(Programs.python, ["\(Programs.judges)/forge.py", path, keys, role] + arguments)
    }

    /// The repository as it is now, to come back to.
    func kept(as name: String) throws -> String { try scratch.copy(path, as: name) }

    func restore(_ copy: String) throws {
        if try FileSystem.status(of: path) != nil { try FileSystem.removeTree(path) }
        try Programs.succeed("/bin/cp", ["-a", copy, path])
    }

    /// The newest version's file of a role.
    func metadata(of role: String) throws -> String {
        guard role != "timestamp" else { return "\(path)/metadata/timestamp.json" }
        let names = try FileSystem.names(in: "\(path)/metadata").filter { $0.hasSuffix(".\(role).json") }
        let newest = names.max { (Int($0.prefix { $0 != "." }) ?? 0) < (Int($1.prefix { $0 != "." }) ?? 0) }
        guard let newest else { throw Unexpected(what: "\(path) has no \(role)") }
        return "\(path)/metadata/\(newest)"
    }

    /// Labelled data that bundles must be good on.
    func publishAcceptance(_ data: String, bar: Double) throws {
        try Programs.pack(
            "acceptance",
            "publish",
            data,
            "--endpoint",
            Self.endpoint,
            "--metric",
            "accuracy",
            "--output",
            "label",
            "--bar",
            "\(bar)",
            "--to",
            path,
            "--keys",
            keys
        )
    }

    /// A bundle of a project, under a version of its own.
    func build(_ project: String, version: Int, for architecture: Architecture = .here) throws -> String {
        let output = try scratch.folder("dist-\(version)")
        try Programs.pack(
            "build",
            project,
            "-o",
            output,
            "--version",
            "\(version)",
            "--device",
            "generic-\(architecture.rawValue)"
        )
        let names = try FileSystem.names(in: output)
        guard let name = names.first, names.count == 1 else { throw Unexpected(what: "\(output) holds \(names)") }
        return "\(output)/\(name)"
    }

    /// Builds and publishes a version of a project.
    func add(_ project: String, version: Int) throws { try publish(try build(project, version: version)) }
}

extension UpdateRepository {
    /// Version 2 with a script that ends its process at the 20th request after its three samples.
    func crashingProject() throws -> String {
        try scratch.copy(try Example.script.get().project, as: "crashing")
        try scratch.edit(
            "crashing/src/score.py",
            replacing: "    rows = ",
            with: """
                    global asked
                    asked += 1
                    if asked == 20 + 3:
                        os._exit(3)
                    rows = 
                """
        )
        try scratch.edit("crashing/src/score.py", replacing: "session = None\n", with: "session = None\nasked = 0\n")
        return scratch("crashing")
    }
}
