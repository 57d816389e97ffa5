import CommandLine
import Diagnostics
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo check-expiry`.
enum RepoCheckExpiryCommand {
    private static let period = Option.optional(
        "within",
        .duration(in: .seconds(0) ... .seconds(3650 * 86_400)),
        summary: "what expires within this time is told of; without it 3d, and of a timestamp or snapshot the last "
            + "quarter of its life where that is less"
    )
    private static let root = Option.optional(
        "root",
        .path.named("FILE"),
        summary: "the root that boxes trust, instead of the repository's own first one"
    )

    static let command = Command(
        "check-expiry",
        summary: "say when each role expires, for monitoring",
        discussion: [
            "Needs no keys. Reads metadata as a box does, verified from the root on. Ends with 10 where a role has expired "
                + "or will within the time, with another number where the repository can't be verified."
        ],
        examples: [
            Example(
                "In monitoring",
                "edgepack repo check-expiry https://updates.example/edge --root 1.root.json --within 12h"
            )
        ],
        arguments: [RegistryParameters.readRepository],
        options: [period, root, SharedParameters.json],
        exitCodes: [
            .checkFailed, .signatureInvalid, .dataError, .noInput, .unavailable, .ioError, .tryAgain, .noPermission,
            .configuration,
        ],
        run: check
    )

    @Sendable private static func check(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let check = try ExpiryCheck(
            of: arguments[RegistryParameters.readRepository].source(),
            root: arguments[root],
            now: RegistryParameters.now
        )
        for note in check.notes { terminal.notice(note) }
        let due = check.due(within: arguments[period])
        if arguments[SharedParameters.json] {
            let roles = check.roles.map { role -> JSONValue in
                [
                    "role": .string(role.name.text), "version": role.version.map { .integer($0) } ?? .null,
                    "expires": role.expires.map { .string($0.description) } ?? .null,
                    "secondsLeft": role.expires.map { .integer($0.seconds - check.now.seconds) } ?? .null,
                    "isDue": .boolean(due.contains(role)),
                ]
            }
            let value: JSONValue = [
                "roles": .array(roles), "isDue": .boolean(!due.isEmpty),
                "notes": .array(check.notes.map { .string($0) }),
            ]
            try terminal.write(value, isOneOfSeveral: false)
        } else {
            var table = TextTable([.text("role"), .number("version"), .text("expires"), .text("")])
            for role in check.roles {
                let left = role.expires.map { words($0, at: check.now) } ?? "nothing published"
                let version = role.version.map { "\($0)" } ?? "-"
                table.add(role.name.text.printable(), version, role.expires?.description ?? "-", left)
            }
            try terminal.write(table.rendered())
        }
        for role in due {
            let expires = role.expires ?? check.now
            terminal.warning(
                "\(role.name.text.printable()) \(expires <= check.now ? "has expired" : "expires"): \(expires)"
            )
        }
        return due.isEmpty ? .done : .checkFailed
    }

    private static func words(_ expires: UTCTime, at now: UTCTime) -> String {
        let seconds = expires.seconds - now.seconds
        let period = Quantity.readable(.seconds(abs(seconds)))
        return seconds > 0 ? "in \(period)" : "\(period) ago"
    }
}
