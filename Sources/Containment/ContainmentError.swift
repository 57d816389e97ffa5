internal import CContainment
package import Diagnostics
internal import Glibc

/// Why a contained process was not started. Layers that could not be applied are no errors but part of the report.
package enum ContainmentError: ExplainedError, Equatable {
    /// What was asked is nothing that may be started.
    case refused(String)
    /// A layer without which the process must not run could not be applied.
    case layerMissing(layer: String, reason: String)
    /// Starting failed at that step.
    case notStarted(program: String, step: String, code: Int32)
    /// The account that runtimes are to run as does not exist.
    case noSuchUser(String)

    package var message: String {
        switch self {
        case .refused(let reason): reason
        case .layerMissing(let layer, let reason): "the layer \(layer) was required and is not applied: \(reason)"
        case .notStarted(let program, let step, let code):
            "can't start \(program): \(step) failed: \(systemMessage(code))"
        case .noSuchUser(let name): "there is no user \(name)"
        }
    }

    package var hint: String? {
        switch self {
        case .layerMissing: "docs/containment.md says what each layer needs"
        case .noSuchUser: "create the account, or name another with --user"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .refused: .dataError
        case .layerMissing: .unavailable
        case .notStarted(_, _, let code): code == EACCES || code == EPERM ? .noPermission : .unavailable
        case .noSuchUser: .configuration
        }
    }
}

func systemMessage(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let base = buffer.baseAddress else { return "error \(code)" }
        containment_error_text(code, base, buffer.count)
        return String(cString: base)
    }
}
