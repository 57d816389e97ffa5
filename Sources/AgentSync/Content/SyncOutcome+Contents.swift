internal import BundleFormat
internal import Deployment
internal import Diagnostics
internal import FileSystem
internal import Glibc
internal import HTTPClient

extension SyncOutcome {
    /// What an error that ended work on contents means for the resident agent.
    ///
    /// Only what is wrong with signed bytes is `refused`, for that is a verdict on the bundle.
    package init(ofContents error: any Error) {
        switch error {
        case let error as ContentError: self = .of(error)
        case let error as BundleError: self = .of(error)
        case let error as FileError: self = .of(error)
        case let error as HTTPClientError:
            if case .tooLarge = error {
                self = .damaged(error.message)
            } else {
                self = .failed(.network, error.message)
            }
        case let error as any ExplainedError: self = .failed(.disk, error.message)
        default: self = .failed(.disk, "\(error)")
        }
    }

    private static func of(_ error: ContentError) -> SyncOutcome {
        switch error {
        case .notAdmitted, .signedSo: .refused(error.message)
        case .damagedStore: .failed(.disk, error.message)
        // A repository that is being written, a proxy with a page of its own: it may be whole later.
        case .noRepository, .noAnswer, .otherFile, .notThere, .notFetched: .failed(.network, error.message)
        case .changed, .rotten: .damaged(error.message)
        case .noRoom: .waiting(.disk, error.message)
        }
    }

    private static func of(_ error: BundleError) -> SyncOutcome {
        switch error {
        case .shortRange, .keptChunkDiffers: .failed(.network, error.message)
        // The manifest and the tables are what their digests say: they were signed so.
        case .manifest, .table, .contradictory, .tooDense: .refused(error.message)
        case .truncated, .malformed, .changed, .zstd, .damagedPiece: .damaged(error.message)
        case .treeDiffers, .tooManyAppended, .occupied: .failed(.disk, error.message)
        }
    }

    private static func of(_ error: FileError) -> SyncOutcome {
        if case .failed(_, _, ENOMEM) = error {
            .failed(.memoryPressure, error.message)
        } else {
            .failed(.disk, error.message)
        }
    }
}

extension BundleError {
    /// Whether bytes that were not signed themselves are not what they should be.
    var saysDamaged: Bool {
        switch self {
        case .truncated, .malformed, .changed, .zstd, .damagedPiece: true
        default: false
        }
    }
}
