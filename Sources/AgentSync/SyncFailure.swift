internal import Deployment
package import Diagnostics
internal import Digest
internal import FileSystem
internal import FleetClient
internal import Glibc
internal import HTTPClient
internal import JSON
internal import UpdateFramework

/// Ends a command with an outcome that is not `done`.
package struct SyncFailure: ExplainedError, Equatable {
    package let outcome: SyncOutcome
    package let hint: String?
    private let ownExitCode: ExitCode?

    package init(_ outcome: SyncOutcome, hint: String? = nil, exitCode: ExitCode? = nil) {
        self.outcome = outcome
        self.hint = hint
        ownExitCode = exitCode
    }

    package var message: String { outcome.sentence }

    package var exitCode: ExitCode {
        if let ownExitCode { return ownExitCode }
        return switch outcome {
        case .done: .done
        case .failed(.disk, _): .ioError
        case .failed, .waiting: .tryAgain
        case .refused, .damaged: .dataError
        }
    }
}

extension SyncOutcome {
    /// The line about an error that ended a command; `retryAfter` where a server said when to come again, in seconds.
    package static func line(of error: any Error) -> String {
        var object = SyncOutcome(of: error).json
        if case TransportError.unavailable(_, _, let pause?) = error {
            object["retryAfter"] = .integer(min(max(1, pause.components.seconds), 86_400))
        }
        return String(decoding: JSONValue.object(object).compactBytes(), as: UTF8.self)
    }

    /// What an error that ended a command means for the resident.
    package init(of error: any Error) {
        switch error {
        case let failure as SyncFailure: self = failure.outcome
        case let error as TransportError: self = .of(error)
        case let error as HTTPClientError: self = .failed(.network, error.message)
        case let error as FleetClientError: self = .of(error)
        case let error as UpdateError: self = .of(error)
        case let error as FileError: self = .of(error)
        case let error as any ExplainedError: self = .refused(error.message)
        default: self = .refused("\(error)")
        }
    }

    private static func of(_ error: FleetClientError) -> SyncOutcome {
        let words = error.message + (error.hint.map { "; \($0)" } ?? "")
        return error.needsSomebody ? .refused(words) : .failed(.network, words)
    }

    private static func of(_ error: TransportError) -> SyncOutcome {
        switch error {
        // A repository that is being written, or a source that is not what it was: it may be whole later.
        case .notFound, .unavailable: .failed(.network, error.message)
        case .tooLarge: .refused(error.message)
        }
    }

    private static func of(_ error: UpdateError) -> SyncOutcome {
        switch error {
        case .missing: .failed(.network, error.message)
        // Nothing is wrong with it but its age.
        case .expired: .waiting(.freshness, error.message)
        case .wrongLength, .wrongHash: .damaged(error.message)
        default: .refused(error.message)
        }
    }

    private static func of(_ error: FileError) -> SyncOutcome {
        switch error {
        case .failed(_, _, ENOMEM): .failed(.memoryPressure, error.message)
        case .tooLarge, .treeTooLarge, .notUTF8: .refused(error.message)
        default: .failed(.disk, error.message)
        }
    }
}
