import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo verify`.
enum RepoVerifyCommand {
    private static let root = Option.optional(
        "root",
        .path.named("FILE"),
        summary: "the root that boxes trust, instead of the repository's own first one"
    )
    private static let noBlobs = Option.flag(
        "no-blobs",
        summary: "read no blob; their sizes are looked at where the repository can be listed"
    )

    static let command = Command(
        "verify",
        summary: "check a whole repository: every role, document and blob",
        discussion: [
            "Reads it as a box does, follows every name in a document to what it names, and reads every blob. Prints "
                + "one line for each thing that is wrong. Behind a URL it sees what boxes see, and not what nothing names."
        ],
        examples: [
            Example("Check a repository before it is copied", "edgepack repo verify repo --root trusted.json"),
            Example(
                "Look at what boxes get, from a monitor",
                "edgepack repo verify https://updates.example/edge --root trusted.json --no-blobs"
            ),
        ],
        arguments: [RegistryParameters.readRepository],
        options: [root, noBlobs, SharedParameters.json],
        exitCodes: [
            .checkFailed, .signatureInvalid, .dataError, .noInput, .unavailable, .ioError, .tryAgain, .noPermission,
            .configuration,
        ],
        run: verify
    )

    @Sendable private static func verify(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let check = try RepositoryCheck(
            of: arguments[RegistryParameters.readRepository].source(),
            root: arguments[root],
            readsBlobs: !arguments[noBlobs],
            now: RegistryParameters.now
        ) { blob in if terminal.showsProgress { terminal.notice("reading \(blob)") } }
        for note in check.notes { terminal.notice(note) }
        if arguments[SharedParameters.json] {
            let problems = check.problems.map { ["path": .string($0.path), "problem": .string($0.text)] as JSONValue }
            let value: JSONValue = [
                "documents": .integer(check.documents), "blobs": .integer(check.blobs),
                "blobBytes": .integer(check.blobBytes), "problems": .array(problems),
                "notes": .array(check.notes.map { .string($0) }),
            ]
            try terminal.write(value, isOneOfSeveral: false)
            return check.exitCode
        }
        for problem in check.problems { try terminal.writeLine("\(problem.path): \(problem.text)".printable()) }
        if check.problems.isEmpty {
            let size = Quantity.readable(bytes: check.blobBytes)
            try terminal.writeLine(
                "\(terminal.styled("ok", .good)): \(check.documents) documents, \(check.blobs) blobs of \(size)"
            )
        }
        return check.exitCode
    }
}
