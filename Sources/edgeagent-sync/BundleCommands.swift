import AgentSync
import CommandLine
import Digest
import EdgeAgent

/// What `fetch`, `admit` and `gc` do with the contents of bundles.
enum BundleCommands {
    static func fetch(_ bundle: SHA256Digest, _ layout: StoreLayout, _ terminal: Terminal) throws -> SyncOutcome {
        throw SyncFailure(.refused("fetching contents is not built in yet"))
    }

    /// - Parameter media: a repository's folder or a portable file to take from in the place of the inbox.
    static func admit(
        _ bundle: SHA256Digest,
        from media: String?,
        _ layout: StoreLayout,
        _ terminal: Terminal
    ) throws -> SyncOutcome {
        throw SyncFailure(.refused("admitting contents is not built in yet"))
    }

    static func collect(
        keeping bundles: [SHA256Digest],
        _ layout: StoreLayout,
        _ terminal: Terminal
    ) throws -> SyncOutcome {
        throw SyncFailure(.refused("collecting garbage is not built in yet"))
    }
}
