import CommandLine
import Diagnostics
import Digest
import Fleet
import JSON
import WallClock

/// `edgefleet audit`.
enum AuditCommand {
    static let command = Command(
        "audit",
        summary: "show who did what to the fleet, and that nobody has rewritten it",
        subcommands: [list, verify]
    )

    private static let after = Option(
        "after",
        .integer(in: 0...Int.max),
        default: 0,
        summary: "begin behind the entry of this number"
    )
    private static let limit = Option(
        "limit",
        .integer(in: 1...1_000_000),
        default: 1_000_000,
        summary: "so many entries at most"
    )
    /// Read and shown at once.
    private static let page = 1_000

    private static let list = Command(
        "list",
        summary: "list what operators, devices and the server did, oldest first",
        examples: [
            Example("All of it", "edgefleet audit list --data fleet"),
            Example("For a program, one JSON value on each line", "edgefleet audit list --json --data fleet"),
        ],
        options: [after, limit, FleetParameters.data, FleetParameters.json],
        exitCodes: [.dataError, .noInput, .ioError, .noPermission],
        run: { arguments, terminal in
            let store = try FleetParameters.store(arguments)
            var last = Int64(arguments[after])
            var left = arguments[limit]
            var isFirst = true
            while left > 0 {
                let entries = try store.audit(after: last, limit: min(left, page))
                guard let newest = entries.last, newest.number > last else { break }
                if arguments[FleetParameters.json] {
                    for entry in entries { try Printing.jsonLine(json(entry), terminal) }
                } else {
                    try terminal.write(rows(entries, withHeadings: isFirst))
                }
                (last, isFirst) = (newest.number, false)
                left -= entries.count
            }
            return .done
        }
    )

    private static func rows(_ entries: [AuditRecord], withHeadings: Bool) -> String {
        let columns: [TextTable.Column] =
            withHeadings
            ? [
                .number("ENTRY"), .text("TIME"), .text("WHO"), .text("DID"), .text("TO"), .text("WHY"), .text("WHAT"),
            ] : [.number(""), .text(""), .text(""), .text(""), .text(""), .text(""), .text("")]
        var table = TextTable(columns)
        for entry in entries {
            table.add(
                String(entry.number),
                entry.time.description,
                entry.actor,
                entry.action,
                entry.subject,
                entry.reason.isEmpty ? "-" : entry.reason,
                detail(entry)
            )
        }
        return table.rendered()
    }

    /// `name=value` of each member; digests as short as people compare them. JSON has all of it.
    private static func detail(_ entry: AuditRecord) -> String {
        guard case .object(let object)? = try? JSONValue.parse(entry.detail.utf8, limits: .document) else {
            return entry.detail
        }
        return object.members.map { name, value in
            let text = value.stringValue ?? String(decoding: value.compactBytes(), as: UTF8.self)
            return "\(name)=\(SHA256Digest(hex: text) == nil ? text : String(text.prefix(12)))"
        }.joined(separator: " ")
    }

    private static func json(_ entry: AuditRecord) -> JSONValue {
        [
            "number": .integer(entry.number), "time": .string(entry.time.description), "actor": .string(entry.actor),
            "action": .string(entry.action), "subject": .string(entry.subject), "reason": .string(entry.reason),
            "detail": (try? JSONValue.parse(entry.detail.utf8, limits: .document)) ?? .string(entry.detail),
            "previous": .string(entry.previous.hex), "digest": .string(entry.digest.hex),
        ]
    }

    private static let known = Option.optional(
        "head",
        head,
        summary: "an entry that verify told earlier: it must still be there, as it was"
    )

    private static let verify = Command(
        "verify",
        summary: "check that the audit is whole, and print where it stands",
        discussion: [
            "Each entry holds the digest of the one before, so that nothing can be changed, taken out or put in between. "
                + "Whoever can write the folder could still write a new audit from some entry on: against that, keep "
                + "what this prints in another place, and give it to --head later."
        ],
        examples: [
            Example("Check it", "edgefleet audit verify --data fleet"),
            Example(
                "Check that it goes on from where it stood",
                "edgefleet audit verify --head 2:8f8a3b7c8f8a3b7c8f8a3b7c8f8a3b7c8f8a3b7c8f8a3b7c8f8a3b7c8f8a3b7c --data fleet"
            ),
        ],
        options: [known, FleetParameters.data, FleetParameters.json],
        exitCodes: [.checkFailed, .dataError, .noInput, .ioError, .noPermission],
        run: { arguments, terminal in
            let store = try FleetParameters.store(arguments)
            var verdict = try store.verifyAudit()
            if case .whole = verdict, let known = arguments[known] {
                let entry = try store.audit(after: known.number - 1, limit: 1).first
                if entry?.number != known.number {
                    verdict = .broken(number: known.number, why: "it was there once, and is missing")
                } else if entry?.digest != known.digest {
                    verdict = .broken(number: known.number, why: "it is another than it was once")
                }
            }
            return try show(verdict, asJSON: arguments[FleetParameters.json], terminal)
        }
    )

    private static func show(_ verdict: AuditVerdict, asJSON: Bool, _ terminal: Terminal) throws -> ExitCode {
        switch verdict {
        case .whole(let count, let head):
            if asJSON {
                try Printing.json(
                    ["isWhole": true, "entries": .integer(count), "head": .string("\(count):\(head)")],
                    terminal
                )
            } else {
                terminal.notice("the audit is whole: \(Printing.count(count, "entry", "entries"))")
                try terminal.writeLine("\(count):\(head)")
            }
            return .done
        case .broken(let number, let why):
            if asJSON {
                try Printing.json(["isWhole": false, "entry": .integer(number), "why": .string(why)], terminal)
            } else {
                terminal.say("the audit is not whole: entry \(number): \(why)")
            }
            return .checkFailed
        }
    }

    private struct Head: Sendable {
        let number: Int64
        let digest: SHA256Digest
    }

    private static let head = ValueType<Head>(
        placeholder: "NUMBER:DIGEST",
        read: { (text: String) throws(InvalidValue) in
            let parts = text.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let number = Int64(parts[0]), number > 0, let digest = SHA256Digest(hex: parts[1])
            else { throw InvalidValue(text, "is not what `edgefleet audit verify` prints") }
            return Head(number: number, digest: digest)
        },
        show: { "\($0.number):\($0.digest)" }
    )
}
