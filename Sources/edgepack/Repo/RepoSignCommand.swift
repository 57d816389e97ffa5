import CommandLine
import Diagnostics
import FileSystem
import Glibc
import JSON
import Registry
import UpdateFramework

/// `edgepack repo sign`.
enum RepoSignCommand {
    private static let files = Argument.repeated(
        "FILE",
        .path,
        minimum: 1,
        summary: "proposals, in files or s3://BUCKET/PREFIX/proposals"
    )
    static let root = Option.optional(
        "root",
        .path.named("FILE"),
        summary: "a root of the repository that you trust, instead of 1.root.json beside the keys"
    )
    private static let yes = Option.flag("yes", summary: "sign without asking")

    static let command = Command(
        "sign",
        summary: "sign what is proposed, after reading in words what it is",
        discussion: [
            "Follows the chain of trust in the file from the root that you trust to the keys that are asked for, says "
                + "what the proposal changes, and signs with those of your keys that are asked for. Needs no network "
                + "and no repository. On a terminal it asks first. Signing twice changes nothing.",
            "A repository's first root, once signed, is kept as 1.root.json beside the keys where there is none: they sign "
                + "for no other repository from then on.",
            "Copies of a proposal may be signed apart: `edgepack repo commit --proposal A --proposal B` merges them.",
        ],
        examples: [
            Example("Sign what came by mail", "edgepack repo sign 3.root.json --keys /media/key"),
            Example("Approve a deployment", "edgepack repo sign repo/proposals/7.deployments-prod.json --keys keys"),
        ],
        arguments: [files],
        options: [root, yes, SharedParameters.json] + RegistryParameters.signing,
        exitCodes: [.signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        let pinned = try arguments[root].map { try FileSystem.read($0, limit: UpdateLimits().rootBytes) }
        if !arguments[yes] { try Confirmation.requireAsking(arguments, terminal) }
        return try terminal.forEach(arguments[files]) { path in
            // Anew for each: the first may be the root that the others are judged from.
            try sign(path, try pinned ?? keys.trustedRoot(), keys, arguments, terminal)
        }
    }

    private static func sign(
        _ path: String,
        _ trusted: [UInt8]?,
        _ keys: KeyFolder,
        _ arguments: ParsedArguments,
        _ terminal: Terminal
    ) throws -> ExitCode {
        var file = try RegistryParameters.proposal(path)
        let review = try file.review(trusting: trusted)
        try file.requireAsked(keys, review)
        let proposal = file.proposal
        terminal.say("\(path): \(proposal.role) version \(proposal.version)")
        for note in review.notes { terminal.say("  \(note)") }
        terminal.say("  it changes:")
        for change in review.changes { terminal.say("    \(change)") }
        for authority in review.standing.authorities { terminal.say("  \(authority.sentence)") }
        guard arguments[yes] || Confirmation.isGiven("sign this?", terminal) else {
            terminal.notice("nothing was signed")
            return .failed
        }
        let fresh = try file.sign(with: keys, after: review)
        let standing = file.proposal.metadata.standing(by: review.authorities)
        terminal.notice(
            fresh.isEmpty ? "it was signed already" : "signed by \(fresh.map(\.label).joined(separator: ", "))"
        )
        keepFirstRoot(file, keys, terminal)
        if standing.isComplete {
            terminal.notice("all have signed who must; the keeper runs `edgepack repo commit`")
        } else {
            for authority in standing.authorities where authority.lacking > 0 { terminal.notice(authority.sentence) }
        }
        guard arguments[SharedParameters.json] else {
            try terminal.writeLine(path)
            return .done
        }
        let value = RegistryParameters.json(standing).with([
            "proposal": .string(path), "changes": .array(review.changes.map { .string($0) }),
            "signedNow": .array(fresh.map { RegistryParameters.json($0) }),
        ])
        try terminal.write(value, isOneOfSeveral: arguments[files].count > 1)
        return .done
    }

    /// What was signed stays signed where there is no place to keep the root.
    private static func keepFirstRoot(_ file: ProposalFile, _ keys: KeyFolder, _ terminal: Terminal) {
        do {
            guard let kept = try file.keepFirstRoot(beside: keys) else { return }
            terminal.notice("kept as \(kept): these keys sign for this repository from now on, and for no other")
        } catch {
            let reason = (error as? any ExplainedError)?.message ?? "\(error)"
            terminal.warning("the root is not kept beside the keys, which may yet sign for any repository: \(reason)")
        }
    }
}

/// A question to whoever sits at the terminal.
enum Confirmation {
    /// Throws a usage error where somebody sits at the terminal and would not see there what is asked.
    static func requireAsking(_ arguments: ParsedArguments, _ terminal: Terminal) throws {
        guard isatty(STDIN_FILENO) == 1, !terminal.console.noticesIsTerminal else { return }
        throw arguments.usageError(
            "what is to be signed would not be seen, as standard error is no terminal; --yes signs without asking"
        )
    }

    /// True as well where nobody can be asked: then the command line is all the will that there is.
    static func isGiven(_ question: String, _ terminal: Terminal) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return true }
        try? terminal.flush()
        try? terminal.console.notices.write("\(question) [y/N]: ".utf8Span.span.bytes)
        let answer = readLine(strippingNewline: true)?.lowercased()
        return answer == "y" || answer == "yes"
    }
}
