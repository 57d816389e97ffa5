import AgentSync
import CommandLine
import Diagnostics
import EdgeAgent
import JSON

/// `edgeagent-sync admit`.
enum AdmitCommand {
    private static let from = Option.optional(
        "from",
        .path,
        summary: "a repository's folder or a portable file on local media, in the place of the inbox"
    )

    static let command = Command(
        "admit",
        summary: "verify what was fetched, or brought on media, and take it into the store",
        discussion: [
            "Talks to nobody. From media a timestamp and a snapshot past their expiry are accepted for as long as the "
                + "box's offline.max_age says, and this is told."
        ],
        examples: [
            Example("Take what was fetched", "edgeagent-sync admit"),
            Example("Take what a stick brings", "edgeagent-sync admit --from /media/stick/repository"),
        ],
        options: [SharedParameters.store, SharedParameters.bundle, from],
        exitCodes: [.configuration, .dataError, .signatureInvalid, .noInput, .ioError, .tryAgain],
        run: { arguments, terminal in
            let layout = SharedParameters.layout(arguments)
            return try SharedParameters.report(terminal) {
                if let bundle = arguments[SharedParameters.bundle] {
                    return try BundleCommands.admit(bundle, from: arguments[from], layout, terminal)
                }
                let store = try SyncStore(opening: layout)
                let before = try? AgentStore(layout).plan()
                let result = try MetadataAdmission.run(store, from: arguments[from])
                for notice in result.notices { terminal.notice(notice) }
                // An agent does this every few minutes for years: only news is told.
                for (name, endpoint) in result.plan.endpoints.sorted(by: { $0.key < $1.key })
                where before?.endpoints[name]?.sentence != endpoint.sentence {
                    terminal.notice("\(name): \(endpoint.sentence)")
                }
                return .done([
                    "source": .string(result.plan.source.rawValue),
                    "timestampVersion": .integer(result.plan.timestampVersion),
                ])
            }
        }
    )
}
