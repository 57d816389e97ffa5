package import Diagnostics

/// The keys of a role and how many of them must sign, as somebody means to change them.
package struct KeyAssignment: Sendable, Equatable {
    package private(set) var keys: [MetadataKey]
    package private(set) var threshold: Int

    /// As metadata has it.
    package init(_ roleKeys: RoleKeys, among table: [String: MetadataKey]) {
        keys = roleKeys.keyIDs.compactMap { table[$0] }
        threshold = roleKeys.threshold
    }

    /// Throws `sameKey` where a key is there twice, `noKey` where there is none, `threshold` where nobody could ever sign or
    /// nobody would have to.
    package init(of role: RoleName, keys: [MetadataKey], threshold: Int) throws(KeyAssignmentError) {
        self.keys = keys
        self.threshold = threshold
        guard !keys.isEmpty else { throw .noKey(role: role) }
        for (index, key) in keys.enumerated() {
            guard let other = keys[..<index].first(where: { $0.isSameKey(as: key) }) else { continue }
            throw .sameKey(role: role, first: other.label, second: key.label)
        }
        if let unusable = keys.first(where: { $0.material == nil }) {
            // One that stands there already is its writer's affair, as long as the others suffice.
            guard keys.filter({ $0.material != nil }).count >= threshold else {
                throw .unusable(role: role, key: unusable.label)
            }
        }
        guard (1...keys.count).contains(threshold) else {
            throw .threshold(role: role, threshold: threshold, keys: keys.count)
        }
    }

    /// With one key in the place of another.
    package func replacing(
        _ old: MetadataKey,
        with new: MetadataKey,
        of role: RoleName
    ) throws(KeyAssignmentError) -> KeyAssignment {
        try KeyAssignment(of: role, keys: keys.map { $0.isSameKey(as: old) ? new : $0 }, threshold: threshold)
    }

    /// The key that somebody means by its holder's name or by the beginning of its id, 8 digits at least.
    ///
    /// Throws `unknown` where none is meant, `ambiguous` where several are.
    package func key(called text: String, of role: RoleName) throws(KeyAssignmentError) -> MetadataKey {
        let named = keys.filter { $0.owner == text }
        let meant = named.isEmpty && text.utf8.count >= 8 ? keys.filter { $0.id.hasPrefix(text) } : named
        guard let key = meant.first else {
            throw .unknown(role: role, key: text, known: keys.map(\.label))
        }
        guard meant.count == 1 else { throw .ambiguous(role: role, key: text, meant: meant.map(\.label)) }
        return key
    }

    package func contains(_ key: MetadataKey) -> Bool { keys.contains { $0.isSameKey(as: key) } }

    /// Holders who reach the threshold with keys of their own alone, where more than one signature is asked for.
    package var holdersWhoSuffice: [String] {
        guard threshold > 1 else { return [] }
        var counts: [String: Int] = [:]
        for owner in keys.compactMap(\.owner) { counts[owner, default: 0] += 1 }
        return counts.filter { $0.value >= threshold }.keys.sorted()
    }
}

extension MetadataKey {
    /// Whether it is the same key, under whatever names.
    package func isSameKey(as other: MetadataKey) -> Bool {
        if id == other.id { return true }
        guard let material, let others = other.material else { return false }
        return material == others
    }
}

/// Why keys can't be a role's.
package enum KeyAssignmentError: ExplainedError, Equatable {
    /// A role without a key would be nobody's.
    case noKey(role: RoleName)
    /// One key, twice: it would count once.
    case sameKey(role: RoleName, first: String, second: String)
    /// Fewer than one signature, or more than there are keys.
    case threshold(role: RoleName, threshold: Int, keys: Int)
    /// A key of a kind that verifies nothing here.
    case unusable(role: RoleName, key: String)
    /// No key of the role is called that.
    case unknown(role: RoleName, key: String, known: [String])
    /// Several are.
    case ambiguous(role: RoleName, key: String, meant: [String])
    /// The role has several keys, and none is named.
    case unnamed(role: RoleName, known: [String])

    package var message: String {
        switch self {
        case .noKey(let role): "role \(role) would be left without a key"
        case .sameKey(let role, let first, let second):
            first == second
                ? "role \(role) is given the key \(first) twice"
                : "role \(role) is given one key under two names: \(first), \(second)"
        case .threshold(let role, let threshold, let keys):
            threshold < 1
                ? "role \(role) would be signed by nobody: its threshold is \(threshold)"
                : "role \(role) would have a threshold of \(threshold) and \(keys) key\(keys == 1 ? "" : "s"): "
                    + "nobody could ever sign it"
        case .unusable(let role, let key): "role \(role) is given the key \(key), which verifies nothing"
        case .unknown(let role, let key, let known):
            "role \(role) has no key \(key); its keys are \(known.joined(separator: ", "))"
        case .ambiguous(let role, let key, let meant):
            "role \(role) has several keys \(key): \(meant.joined(separator: ", "))"
        case .unnamed(let role, let known):
            "role \(role) has \(known.count) keys, and none is named: \(known.joined(separator: ", "))"
        }
    }

    package var hint: String? {
        switch self {
        case .noKey: "give another key first; edgepack repo undelegate takes a delegated role away"
        case .sameKey: "each key counts once: name each once"
        case .threshold(_, let threshold, _):
            threshold < 1 ? "at least one must sign" : "give more keys, or a lower threshold"
        case .unusable: "keys are ECDSA P-256 or P-384, Ed25519 or RSA"
        case .unknown, .ambiguous: "name one by its holder's name, 8 or more digits of its id, or its public key's file"
        case .unnamed: "--old names the one to replace"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .unusable: .dataError
        default: .failed
        }
    }
}
