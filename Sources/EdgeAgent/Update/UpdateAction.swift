package import Digest

/// What the agent is to do next. Each action may be run again: one that was carried out already, wholly or in part, is
/// brought to its end, and its result is told again.
package enum UpdateAction: Hashable, Sendable {
    /// Make sure that the endpoint serves this generation, or nothing; a runtime of the endpoint that still runs is
    /// adopted instead, whichever generation it serves. The first action after every start.
    case serve(SHA256Digest?)
    /// Stop what an earlier action began, a candidate's runtime off the public socket included. Results of it that
    /// come in later are dropped.
    case cancel

    /// Fetch and verify metadata and say what is wanted: `synced`.
    case sync
    /// Compare needs with this box: `preflighted`.
    case preflight(UpdateCandidate)
    /// Fetch what is lacking: `downloaded`.
    case download(UpdateCandidate)
    /// Check every digest and admit the files into the store: `verified`.
    case verify(UpdateCandidate)
    /// Assemble the generation and compile its scripts: `staged`.
    case stage(UpdateCandidate)
    /// Try the candidate off the public socket: `probed`.
    case probe(UpdateCandidate)
    /// Ask everything that may delay Activate: `permitted`.
    case askPermission(UpdateCandidate)
    /// Start the candidate, hand it the socket, let the old runtime finish what it has: `activated`.
    case activate(UpdateCandidate, replacing: SHA256Digest?)
    /// Judge the serving candidate by the deployment's gates over the soak: `observed`.
    case observe(UpdateCandidate)
    /// Note the generation as good, raise floors: `committed`.
    case commit(UpdateCandidate)
    /// Serve `target` (nothing where nil) and stop the candidate, its log kept: `rolledBack`.
    case rollBack(UpdateCandidate, to: SHA256Digest?)
    /// Keep and send what the failure left: log, figures, `failureKept`.
    case keepFailure(UpdateCandidate, UpdateEnding)
    /// Stop what must not run on, remove what nothing needs: `cleanedUp`.
    case cleanUp(UpdateCandidate, UpdateEnding)

    /// The action without what it carries.
    package enum Kind: String, CaseIterable, Sendable {
        case serve, cancel, sync, preflight, download, verify, stage, probe, askPermission, activate, observe, commit
        case rollBack, keepFailure, cleanUp
    }

    package var kind: Kind {
        switch self {
        case .serve: .serve
        case .cancel: .cancel
        case .sync: .sync
        case .preflight: .preflight
        case .download: .download
        case .verify: .verify
        case .stage: .stage
        case .probe: .probe
        case .askPermission: .askPermission
        case .activate: .activate
        case .observe: .observe
        case .commit: .commit
        case .rollBack: .rollBack
        case .keepFailure: .keepFailure
        case .cleanUp: .cleanUp
        }
    }
}
