import CommandLine
import Diagnostics
import FileSystem
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo status`.
enum RepoStatusCommand {
    private static let place = Argument("REPO|FILE", .path, summary: "a repository, or a proposal in a file")

    static let command = Command(
        "status",
        summary: "show who speaks for each role, what is proposed, who has signed and who is missing",
        discussion: [
            "Of a repository: every role with its keys, how many of them must sign, until when it is good, and all that "
                + "is proposed. Of a file: what it changes, and who has signed it, for the keys before and after."
        ],
        examples: [
            Example("Look at a repository", "edgepack repo status repo"),
            Example("Look at what came by mail", "edgepack repo status 3.root.json --root 1.root.json"),
        ],
        arguments: [place],
        options: [RepoSignCommand.root, SharedParameters.json],
        exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError, .noPermission, .configuration],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let path = arguments[place]
        if try RegistryParameters.isProposal(path) { return try showFile(path, arguments, terminal) }
        let storage = try RepositoryPlace.writable.read(path).storage()
        if try Registry.isProposed(in: storage) {
            let (waiting, left) = try Registry.standingOfProposals(in: storage)
            terminal.notice("\(path) is no repository yet: it exists as proposals")
            return try show(nil, waiting, left, arguments, terminal)
        }
        let standing = try Registry(opening: storage, now: RegistryParameters.now).standing()
        return try show(standing.roles, standing.waiting, standing.left, arguments, terminal)
    }

    // MARK: a repository

    private static func show(
        _ roles: [RepositoryStanding.Role]?,
        _ waiting: [RepositoryStanding.Waiting],
        _ left: [TakenProposals.Left],
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> ExitCode {
        if arguments[SharedParameters.json] {
            try terminal.write(json(roles, waiting, left), isOneOfSeveral: false)
            return .done
        }
        if let roles { try terminal.write(table(roles)) }
        for role in roles ?? [] {
            if let problem = role.problem {
                try terminal.writeLine("\(role.name) has to be signed anew: \(problem)".printable())
            }
        }
        for entry in waiting {
            let standing = entry.standing
            let state = standing.isComplete ? "is complete: the keeper's commit takes it" : "waits for signatures"
            try terminal.writeLine("\(entry.place): \(standing.role) version \(standing.version) \(state)".printable())
            for authority in standing.authorities { try terminal.writeLine("  \(authority.sentence)".printable()) }
            for change in entry.changes { try terminal.writeLine("    \(change)".printable()) }
        }
        for entry in left { try terminal.writeLine("\(entry.place) can't be taken: \(entry.reason)".printable()) }
        return .done
    }

    private static func table(_ roles: [RepositoryStanding.Role]) -> String {
        var table = TextTable([
            .text("ROLE"), .number("VERSION"), .text("GOOD UNTIL"), .text("BY"), .text("SIGNED BY"),
        ])
        for role in roles {
            var version = role.version.map { "\($0)" } ?? "none"
            if role.committed != role.version { version += " (in effect: \(role.committed.map { "\($0)" } ?? "none"))" }
            let keys = role.keys.map(\.label).joined(separator: ", ")
            table.add(
                role.name,
                version,
                role.expires?.description ?? "",
                role.delegator,
                "\(role.threshold) of \(role.keys.count): \(keys)"
            )
        }
        return table.rendered()
    }

    private static func json(
        _ roles: [RepositoryStanding.Role]?,
        _ waiting: [RepositoryStanding.Waiting],
        _ left: [TakenProposals.Left]
    ) -> JSONValue {
        let listed = (roles ?? []).map { role -> JSONValue in
            [
                "role": .string(role.name), "version": role.version.map { .integer($0) } ?? .null,
                "inEffect": role.committed.map { .integer($0) } ?? .null,
                "expires": role.expires.map { .string($0.description) } ?? .null,
                "threshold": .integer(role.threshold), "keys": .array(role.keys.map { RegistryParameters.json($0) }),
                "delegator": .string(role.delegator), "problem": role.problem.map { .string($0) } ?? .null,
            ]
        }
        let proposals = waiting.map { entry in
            RegistryParameters.json(entry.standing).with([
                "proposal": .string(entry.place), "changes": .array(entry.changes.map { .string($0) }),
            ])
        }
        let rest = left.map { ["proposal": .string($0.place), "reason": .string($0.reason)] as JSONValue }
        return ["roles": .array(listed), "proposals": .array(proposals), "left": .array(rest)]
    }

    // MARK: a file

    private static func showFile(
        _ path: String,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> ExitCode {
        let file = try RegistryParameters.proposal(path)
        let pinned = try arguments[RepoSignCommand.root].map {
            try FileSystem.read($0, limit: UpdateLimits().rootBytes)
        }
        if pinned == nil { terminal.warning("not compared with a root that you trust; --root names one") }
        let review = try file.review(trusting: pinned ?? file.proposal.ownFirstRoot)
        let standing = review.standing
        if arguments[SharedParameters.json] {
            let value = RegistryParameters.json(standing).with([
                "proposal": .string(path), "notes": .array(review.notes.map { .string($0) }),
                "changes": .array(review.changes.map { .string($0) }),
            ])
            try terminal.write(value, isOneOfSeveral: false)
            return .done
        }
        let state = standing.isComplete ? "is signed by all who must" : "waits for signatures"
        try terminal.writeLine("\(standing.role) version \(standing.version) \(state)".printable())
        for line in review.notes + standing.authorities.map(\.sentence) {
            try terminal.writeLine("  \(line)".printable())
        }
        for change in review.changes { try terminal.writeLine("    \(change)".printable()) }
        return .done
    }
}
