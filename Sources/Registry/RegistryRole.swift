package import Deployment
package import UpdateFramework

/// A role of the registry: who may say what. Design section 5 names them; `docs/repository.md` says who holds which key.
package enum RegistryRole: Hashable, Sendable {
    case root
    /// Delegates to all below, and signs `revocations.json` itself.
    case targets
    case snapshot
    case timestamp
    case models
    case bundles
    case acceptance
    case deployments(Channel)
    case rollouts(Channel)

    package static let topLevel: [RegistryRole] = [.root, .targets, .snapshot, .timestamp]
    /// In the order in which `targets` delegates.
    package static let delegated: [RegistryRole] =
        [.models, .bundles, .acceptance] + Channel.allCases.map { .deployments($0) }
        + Channel.allCases.map { .rollouts($0) }
    package static let all = topLevel + delegated

    /// From its name in metadata; nil for another.
    package init?(_ text: String) {
        guard let role = Self.all.first(where: { $0.text == text }) else { return nil }
        self = role
    }

    /// Its name in metadata; its key is in `NAME.pem`.
    package var text: String {
        switch self {
        case .root: "root"
        case .targets: "targets"
        case .snapshot: "snapshot"
        case .timestamp: "timestamp"
        case .models: "models"
        case .bundles: "bundles"
        case .acceptance: "acceptance"
        case .deployments(let channel): "deployments-\(channel.rawValue)"
        case .rollouts(let channel): "rollouts-\(channel.rawValue)"
        }
    }

    package var name: RoleName { RoleName(known: text) }

    package var isTopLevel: Bool { Self.topLevel.contains(self) }

    /// What a delegated role is trusted with; of fixed depth, as a pattern's star takes no slash.
    package var paths: [PathPattern] {
        switch self {
        case .root, .targets, .snapshot, .timestamp: []
        case .models: [PathPattern("models/*/*")]
        case .bundles: [PathPattern("bundles/*/*/*")]
        case .acceptance: [PathPattern("acceptance/*/*")]
        case .deployments(let channel): [PathPattern("deployments/\(channel.rawValue)/*/*")]
        case .rollouts(let channel): [PathPattern("rollouts/\(channel.rawValue)/*")]
        }
    }
}
