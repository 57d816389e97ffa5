import AgentSync
import CommandLine
import Diagnostics
import EdgeAgent
import JSON

/// `edgeagent-sync fetch`.
enum FetchCommand {
    static let command = Command(
        "fetch",
        summary: "fetch metadata and documents, or a bundle's contents, into the inbox",
        discussion: [
            "Only the inbox is written; nothing that was fetched counts before `admit` has verified it."
        ],
        examples: [Example("Look for what is new", "edgeagent-sync fetch --store /var/lib/edgeagent")],
        options: [SharedParameters.store, SharedParameters.bundle],
        exitCodes: [.configuration, .tryAgain, .dataError, .signatureInvalid, .ioError],
        run: { arguments, terminal in
            let layout = SharedParameters.layout(arguments)
            return try SharedParameters.report(terminal) {
                if let bundle = arguments[SharedParameters.bundle] {
                    return try BundleCommands.fetch(bundle, layout, terminal)
                }
                let result = try MetadataFetch.run(try SyncStore(opening: layout))
                for notice in result.notices { terminal.notice(notice) }
                return .done([
                    "bytes": .integer(result.bytes), "changed": .boolean(result.isChanged),
                    "requests": .integer(result.requests),
                ])
            }
        }
    )
}
