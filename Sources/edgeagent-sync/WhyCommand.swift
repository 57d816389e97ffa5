import AgentSync
import CommandLine

/// `edgeagent-sync why`.
enum WhyCommand {
    static let command = Command(
        "why",
        summary: "say why each endpoint is as it is",
        options: [SharedParameters.store],
        run: { _, _ in throw SyncFailure(.refused("not built in yet")) }
    )
}
