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
    /// A role that this repository has besides: of a team, of one endpoint. Who delegates to it says with which paths.
    case other(RoleName)

    package static let topLevel: [RegistryRole] = [.root, .targets, .snapshot, .timestamp]
    /// In the order in which `targets` delegates.
    package static let delegated: [RegistryRole] =
        [.models, .bundles, .acceptance] + Channel.allCases.map { .deployments($0) }
        + Channel.allCases.map { .rollouts($0) }
    /// Those that every repository has.
    package static let all = topLevel + delegated

    /// From its name in metadata; nil for a name that no role of a registry has: 1 to 64 lowercase letters, digits, `.`,
    /// `_` and `-`, with a letter or digit at both ends, so that `NAME.pem` is a file of its own.
    package init?(_ text: String) {
        if let role = Self.all.first(where: { $0.text == text }) {
            self = role
            return
        }
        guard Self.isName(text), let name = RoleName(text) else { return nil }
        self = .other(name)
    }

    private static func isName(_ text: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        let bytes = text.utf8
        guard (1...64).contains(bytes.count), let first = bytes.first, let last = bytes.last, isPlain(first),
            isPlain(last)
        else { return false }
        // Beside a role's key lie the next one and those that were retired.
        let words = text.split(separator: ".").dropFirst()
        return bytes.allSatisfy {
            isPlain($0) || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains($0)
        }
            && !words.contains { $0 == "next" || $0.hasPrefix("retired-") }
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
        case .other(let name): name.text
        }
    }

    package var name: RoleName { RoleName(known: text) }

    package var isTopLevel: Bool { Self.topLevel.contains(self) }

    /// What a delegated role is trusted with in a new repository; of fixed depth, as a pattern's star takes no slash.
    package var paths: [PathPattern] {
        switch self {
        case .root, .targets, .snapshot, .timestamp, .other: []
        case .models: [PathPattern("models/*/*")]
        case .bundles: [PathPattern("bundles/*/*/*")]
        case .acceptance: [PathPattern("acceptance/*/*")]
        case .deployments(let channel): [PathPattern("deployments/\(channel.rawValue)/*/*")]
        case .rollouts(let channel): [PathPattern("rollouts/\(channel.rawValue)/*")]
        }
    }
}
