import AgentSync
import CommandLine
import Diagnostics
import Digest
import EdgeAgent

/// What `fetch`, `admit` and `gc` do with the contents of bundles.
enum BundleCommands {
    static func fetch(_ bundle: SHA256Digest, _ layout: StoreLayout, _ terminal: Terminal) throws -> SyncOutcome {
        let progress = WorkProgress("fetching", terminal)
        defer { progress.finish() }
        return try told {
            let box = try SyncStore(opening: layout).box
            var fetcher = BundleFetcher(layout, from: box.repository.map { RepositoryBase($0) })
            fetcher.reserveBytes = box.diskReserveBytes
            fetcher.progress = { progress.update($0, $1) }
            return try fetcher.fetch(bundle)
        }
    }

    /// - Parameter media: a repository's folder or a portable file to take from in the place of the inbox.
    static func admit(
        _ bundle: SHA256Digest,
        from media: String?,
        _ layout: StoreLayout,
        _ terminal: Terminal
    ) throws -> SyncOutcome {
        let progress = WorkProgress("unpacking", terminal)
        defer { progress.finish() }
        return try told {
            let box = try SyncStore(opening: layout).box
            var admission = BundleAdmission(layout, from: media)
            admission.reserveBytes = box.diskReserveBytes
            admission.progress = { progress.update($0, $1) }
            return try admission.admit(bundle)
        }
    }

    static func collect(
        keeping bundles: [SHA256Digest],
        _ layout: StoreLayout,
        _ terminal: Terminal
    ) throws -> SyncOutcome {
        // A store that may not be written is refused, and nothing about the disk.
        _ = try SyncStore(opening: layout)
        return try told { try GarbageCollector(layout).collect(keeping: bundles) }
    }

    /// Gives an error of work on contents its meaning for the resident agent: what is wrong with this box is no verdict
    /// on a bundle.
    private static func told(_ work: () throws -> SyncOutcome) throws -> SyncOutcome {
        do {
            return try work()
        } catch {
            let explained = error as? any ExplainedError
            throw SyncFailure(SyncOutcome(ofContents: error), hint: explained?.hint, exitCode: explained?.exitCode)
        }
    }
}

private final class WorkProgress: @unchecked Sendable {
    // Sendable: only the thread that works calls it.
    private let label: String
    private let terminal: Terminal
    private var bar: ProgressBar<ContinuousClock>?

    init(_ label: String, _ terminal: Terminal) {
        self.label = label
        self.terminal = terminal
    }

    func update(_ done: Int, _ total: Int) {
        if bar == nil { bar = ProgressBar(label, totalBytes: total, on: terminal, clock: ContinuousClock()) }
        bar?.update(bytes: done)
    }

    func finish() { bar?.finish() }
}
