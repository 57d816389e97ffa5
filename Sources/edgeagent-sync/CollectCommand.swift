import AgentSync
import CommandLine
import Diagnostics
import Digest
import EdgeAgent

/// `edgeagent-sync gc`.
enum CollectCommand {
    private static let keep = Option.repeated(
        "keep",
        SharedParameters.digest,
        summary: "digest of a bundle that stays; may be repeated"
    )

    static let command = Command(
        "gc",
        summary: "remove generations, contents and fetched files that nothing needs",
        examples: [Example("Keep one bundle", "edgeagent-sync gc --keep \(String(repeating: "a", count: 64))")],
        options: [SharedParameters.store, keep],
        exitCodes: [.configuration, .ioError],
        run: { arguments, terminal in
            try SharedParameters.report(terminal) {
                try BundleCommands.collect(keeping: arguments[keep], SharedParameters.layout(arguments), terminal)
            }
        }
    )
}
