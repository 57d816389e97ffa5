import CommandLine
import Diagnostics
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo gc`.
enum RepoGcCommand {
    private static let olderThan = Option(
        "older-than",
        .duration(in: RepositoryGarbage.leastGrace ... .seconds(3_650 * 86_400)),
        default: .seconds(30 * 86_400),
        summary: "how long what is not needed any more stays, for boxes and publishers in the middle of something"
    )
    private static let dryRun = Option.flag("dry-run", summary: "say what would be removed, and remove nothing")

    static let command = Command(
        "gc",
        summary: "remove what nothing names any more",
        discussion: [
            "Superseded metadata, documents and blobs that no metadata in effect, no newer one and no waiting proposal "
                + "names, and proposals that came too late. Every root stays, and so does all that was in effect, or "
                + "written, within the time. Needs no key, but the right to remove files; two at once do no harm."
        ],
        examples: [
            Example("See what would go", "edgepack repo gc repo --dry-run"),
            Example("Once a month, from a timer", "edgepack repo gc s3://models/edge --older-than 90d"),
        ],
        arguments: [RegistryParameters.repository],
        options: [olderThan, dryRun, SharedParameters.json],
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration,
        ],
        run: collect
    )

    @Sendable private static func collect(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            now: RegistryParameters.now
        )
        let garbage = try RepositoryGarbage(of: registry, grace: arguments[olderThan])
        for note in garbage.notes { terminal.warning(note) }
        if !arguments[dryRun] { try registry.remove(garbage) }
        let bytes = garbage.items.reduce(0) { $0 + $1.file.bytes }
        guard arguments[SharedParameters.json] else {
            for item in garbage.items { try terminal.writeLine(item.file.path.description.printable()) }
            let count = "\(garbage.items.count) file\(garbage.items.count == 1 ? "" : "s")"
            let verb = arguments[dryRun] ? "would be removed" : "removed"
            terminal.notice("\(count) \(verb), \(Quantity.readable(bytes: bytes))")
            return .done
        }
        var value: JSONObject = ["isDryRun": .boolean(arguments[dryRun]), "bytes": .integer(bytes)]
        for kind in RepositoryGarbage.Kind.allCases {
            value[kind.rawValue] = .array(garbage.items(of: kind).map { .string($0.file.path.description) })
        }
        value["notes"] = .array(garbage.notes.map { .string($0) })
        try terminal.write(.object(value), isOneOfSeveral: false)
        return .done
    }
}
