package import Diagnostics
package import FileSystem

/// Why a record was not taken. It is counted as lost then.
package enum SpoolError: ExplainedError, Equatable {
    case tooLarge(bytes: Int, limit: Int)
    /// The spool is full of what is more important.
    case full(SpoolClass)
    case file(FileError)

    package var message: String {
        switch self {
        case .tooLarge(let bytes, let limit): "a record of \(bytes) bytes is over the spool's limit of \(limit)"
        case .full(let spoolClass): "the spool has no room for \(spoolClass.name): it is full of what is more important"
        case .file(let error): error.message
        }
    }

    package var hint: String? {
        guard case .file(let error) = self else { return nil }
        return error.hint
    }

    package var exitCode: ExitCode {
        switch self {
        case .tooLarge: .dataError
        case .full: .tryAgain
        case .file(let error): error.exitCode
        }
    }
}

/// How large a spool may grow, and how often it has the disk write.
package struct SpoolLimits: Hashable, Sendable {
    /// All segments together. Journals come on top, at most about 130 KiB.
    package var totalBytes = 32 << 20
    /// The segments of each class.
    package var classBytes: [SpoolClass: Int] = [
        .state: 4 << 20, .metrics: 12 << 20, .logs: 12 << 20, .samples: 8 << 20,
    ]
    /// A segment is closed before it grows beyond this; what is dropped is dropped by segments.
    package var segmentBytes = 256 << 10
    /// The largest payload.
    package var recordBytes = 128 << 10
    /// Records other than of state are on the disk after this time at the latest, if records come.
    package var syncMilliseconds: UInt64 = 60_000
    /// The writer's journal is written anew, shorter, when it has grown to this.
    package var journalBytes = Self.defaultJournalBytes

    package static let defaultJournalBytes = 64 << 10

    package init() {}
}
