import CommandLine
import Diagnostics
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo propose`.
enum RepoProposeCommand {
    private static let role = Option.required(
        "role",
        RegistryParameters.role,
        summary: "whose next version is proposed, with its present content"
    )
    private static let expires = Option.optional(
        "expires",
        .duration(in: RegistryPolicy.lifetimes),
        summary: "how long it is to be good for; without it as the repository's registry.json says"
    )
    private static let destination = Option.optional(
        "to",
        .path.named("FILE"),
        summary: "file to write, to travel by mail or stick, instead of the repository's proposals"
    )
    private static let withdraw = Option.flag("withdraw", summary: "take back what is proposed for that version")

    static let command = Command(
        "propose",
        summary: "stage a role's next version for its holders to sign",
        discussion: [
            "A renewal of what the role has: before it expires, or because its keys have changed. Other changes that "
                + "lack signatures are proposed by the commands that make them. Keys in KEYDIR that are asked for sign "
                + "along; without any it is proposed unsigned.",
            "A proposal is one file with all that its signers need to judge it. They run `edgepack repo sign`.",
        ],
        examples: [Example("Renew the root", "edgepack repo propose repo --role root --to root.json")],
        arguments: [RegistryParameters.repository],
        options: [role, expires, destination, withdraw, SharedParameters.json] + RegistryParameters.signing,
        exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration],
        run: propose
    )

    @Sendable private static func propose(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keysIfGiven(arguments, terminal)
        let repository = arguments[RegistryParameters.repository]
        var registry = try Registry(opening: repository, keys: keys, now: RegistryParameters.now)
        if arguments[withdraw] { return try takeBack(arguments, &registry, terminal) }
        let lifetime = arguments[expires].map { registry.now.advanced(by: $0) }
        let place: String
        let standing: ProposalStanding
        if let path = arguments[destination] {
            let staged = try registry.stageRenewal(of: arguments[role], expires: lifetime, keys: keys)
            try ProposalFile.write(try registry.proposal(staged), to: path)
            (place, standing) = (path, staged.standing)
            for authority in standing.authorities { terminal.notice(authority.sentence) }
        } else {
            let waiting = try registry.proposeRenewal(of: arguments[role], expires: lifetime, keys: keys)
            (place, standing) = ("\(registry.name)/\(waiting.place)", waiting.standing)
            RegistryParameters.tell(waiting, in: registry.name, terminal)
        }
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine(place)
            return .done
        }
        let value = RegistryParameters.json(standing).with(["proposal": .string(place)])
        try terminal.write(value, isOneOfSeveral: false)
        return .done
    }

    private static func takeBack(
        _ arguments: ParsedArguments,
        _ registry: inout Registry,
        _ terminal: Terminal
    ) throws -> ExitCode {
        let removed = try registry.withdraw(arguments[role])
        if removed == nil { terminal.notice("nothing is proposed for the next version of \(arguments[role].text)") }
        guard arguments[SharedParameters.json] else {
            if let removed { try terminal.writeLine("\(registry.name)/\(removed) is taken back") }
            return .done
        }
        let value: JSONValue = ["withdrawn": removed.map { .string("\(registry.name)/\($0)") } ?? .null]
        try terminal.write(value, isOneOfSeveral: false)
        return .done
    }
}
