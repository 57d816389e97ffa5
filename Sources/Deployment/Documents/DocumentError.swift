package import Diagnostics
package import JSON

/// The signed documents that decide what runs.
package enum DocumentKind: String, CaseIterable, Sendable {
    case deployment, rollout, revocations, acceptance
}

/// Why a signed document can't be used.
package enum DocumentError: ExplainedError, Equatable {
    case malformed(DocumentKind, path: String, JSONError)
    /// It needs features that this program doesn't know or can't do yet.
    case requiresUnknown(DocumentKind, path: String, features: [String])

    package var message: String {
        switch self {
        case .malformed(let kind, let path, let error): "the \(kind.rawValue) \(path) can't be read: \(error.message)"
        case .requiresUnknown(let kind, let path, let features):
            "the \(kind.rawValue) \(path) requires \(features.joined(separator: ", ")), unknown here"
        }
    }

    package var hint: String? {
        switch self {
        case .malformed: "documents are written by edgepack, in canonical JSON; publish it again with the tool"
        case .requiresUnknown: "update the program that reads it"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .malformed: .dataError
        case .requiresUnknown: .incompatible
        }
    }

    package var kind: DocumentKind {
        switch self {
        case .malformed(let kind, _, _), .requiresUnknown(let kind, _, _): kind
        }
    }

    /// What an update that meets it ends with: `incompatible(deployment: window)`.
    package var result: UpdateResult {
        switch self {
        case .malformed(let kind, _, _): .incompatible(subject: kind.rawValue, feature: "malformed")
        case .requiresUnknown(let kind, _, let features):
            .incompatible(subject: kind.rawValue, feature: features.joined(separator: " "))
        }
    }
}
