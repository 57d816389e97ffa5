import CommandLine
import Deployment
import Diagnostics
import Digest
import JSON
import Registry
import UpdateFramework
import WallClock

/// `edgepack repo commit`.
enum RepoCommitCommand {
    private static let renew = Option.flag("renew-snapshot", summary: "sign a new snapshot though nothing has changed")

    static let command = Command(
        "commit",
        summary: "put into effect what was published, and renew the timestamp",
        discussion: [
            "The keeper's command. Takes the newest version of every role that is signed as it must be, and signs a "
                + "snapshot of them and a timestamp. Run it at least as often as a timestamp is good for: boxes take "
                + "nothing new by an old one."
        ],
        examples: [Example("Renew the timestamp, from a timer", "edgepack repo commit repo --keys keys")],
        arguments: [RegistryParameters.repository],
        options: [renew, SharedParameters.json] + RegistryParameters.signing,
        exitCodes: [
            .signatureInvalid, .dataError, .noInput, .ioError, .tryAgain, .noPermission, .configuration,
        ],
        run: commit
    )

    @Sendable private static func commit(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        let keys = try RegistryParameters.keys(arguments, terminal)
        var registry = try Registry(
            opening: arguments[RegistryParameters.repository],
            keys: keys,
            now: RegistryParameters.now
        )
        for (file, reason) in registry.editor.rejected { terminal.warning("\(file) is not used: \(reason)") }
        try registry.requireKeeper(keys)
        for sentence in try registry.missingBlobs() { terminal.warning(sentence) }
        let committed = try registry.commit(keys: keys, renewSnapshot: arguments[renew])
        for (role, expires) in registry.expiring(before: registry.now.advanced(by: .seconds(30 * 86_400))) {
            terminal.warning("\(role) expires at \(expires); its holder runs `edgepack repo refresh`")
        }
        guard case .committed(let timestamp) = committed, let snapshot = registry.editor.snapshot?.body.version else {
            return .failed
        }
        let expires = registry.editor.timestamp?.body.expires.description ?? ""
        if arguments[SharedParameters.json] {
            let value: JSONValue = [
                "timestamp": .integer(timestamp), "snapshot": .integer(snapshot), "expires": .string(expires),
            ]
            try terminal.write(value, isOneOfSeveral: false)
        } else {
            try terminal.writeLine("timestamp \(timestamp) names snapshot \(snapshot), good until \(expires)")
        }
        return .done
    }
}
