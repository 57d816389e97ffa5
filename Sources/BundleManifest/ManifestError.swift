package import Diagnostics
package import JSON

/// Why a manifest can't be used.
package enum ManifestError: ExplainedError, Equatable {
    case malformed(JSONError)
    /// It names features in `requires` that this program doesn't know.
    case requiresUnknown(features: [String])

    package var message: String {
        switch self {
        case .malformed(let error): error.message
        case .requiresUnknown(let features): "the bundle requires \(features.joined(separator: ", ")), unknown here"
        }
    }

    package var hint: String? {
        switch self {
        case .malformed: nil
        case .requiresUnknown: "update the program that reads it"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .malformed: .dataError
        case .requiresUnknown: .incompatible
        }
    }
}
