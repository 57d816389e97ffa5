internal import Crypto

/// A root, or a version of `targets` or of a role below it, that has yet to be signed by all who must. Snapshots and
/// timestamps are made in one go and never staged.
package enum StagedMetadata: Sendable {
    case root(MetadataDocument<RootMetadata>)
    case targets(MetadataDocument<TargetsMetadata>)

    package init(parsing bytes: [UInt8], as role: RoleName, limits: UpdateLimits) throws(UpdateError) {
        let limit = limits.bytes(of: role)
        switch role {
        case .snapshot, .timestamp: throw .unusable(role: role, reason: "it is never proposed: the keeper signs it")
        case .root: self = .root(try MetadataDocument(parsing: bytes, as: role, limitBytes: limit))
        default: self = .targets(try MetadataDocument(parsing: bytes, as: role, limitBytes: limit))
        }
    }

    package var role: RoleName {
        switch self {
        case .root(let document): document.role
        case .targets(let document): document.role
        }
    }

    package var header: MetadataHeader {
        switch self {
        case .root(let document): document.body.header
        case .targets(let document): document.body.header
        }
    }

    package var version: Int { header.version }

    /// What it lists; nothing, of a root.
    var targets: MetadataTable<TargetFile> {
        if case .targets(let document) = self { document.body.targets } else { [:] }
    }

    /// The keys that it names, by their ids.
    var keys: [String: MetadataKey] {
        switch self {
        case .root(let document): document.body.keys
        case .targets(let document): document.body.delegations?.keys ?? [:]
        }
    }

    /// What the signatures are over.
    package var signedBytes: [UInt8] {
        switch self {
        case .root(let document): document.signedBytes
        case .targets(let document): document.signedBytes
        }
    }

    package internal(set) var signatures: [MetadataSignature] {
        get {
            switch self {
            case .root(let document): document.signatures
            case .targets(let document): document.signatures
            }
        }
        set {
            switch self {
            case .root(var document):
                document.signatures = newValue
                self = .root(document)
            case .targets(var document):
                document.signatures = newValue
                self = .targets(document)
            }
        }
    }

    /// The file, as it is written and read.
    package func encoded() -> [UInt8] {
        switch self {
        case .root(let document): document.encoded()
        case .targets(let document): document.encoded()
        }
    }
}

// MARK: signatures

extension StagedMetadata {
    /// Who has signed, by what each of those asks who must be content.
    package func standing(by authorities: [SigningAuthority]) -> ProposalStanding {
        let found = authorities.map { authority in
            var signed: [MetadataKey] = []
            var missing: [MetadataKey] = []
            var seen: Set<[UInt8]> = []
            // One key under two ids counts once: those that have signed first, so that the other id isn't missed.
            for (key, hasSigned) in authority.keys.map({ ($0, isSigned(by: $0)) }).sorted(by: { $0.1 && !$1.1 }) {
                guard seen.insert(key.material ?? Array(key.id.utf8)).inserted else { continue }
                if hasSigned { signed.append(key) } else { missing.append(key) }
            }
            return ProposalStanding.Authority(
                name: authority.name,
                threshold: authority.roleKeys.threshold,
                signed: signed,
                missing: missing
            )
        }
        return ProposalStanding(role: role, version: version, authorities: found)
    }

    /// Whether a signature under this key's id is one of this key.
    func isSigned(by key: MetadataKey) -> Bool {
        guard let bytes = signatures.first(where: { $0.keyID == key.id })?.bytes, let publicKey = key.publicKey() else {
            return false
        }
        return publicKey.verify(signature: bytes, message: signedBytes)
    }

    /// Signs with those signers whose keys are asked for, each once. Returns the keys that hadn't signed before.
    package mutating func sign(
        with signers: [any MetadataSigner],
        for authorities: [SigningAuthority]
    ) throws -> [MetadataKey] {
        let wanted = authorities.flatMap(\.keys)
        var fresh: [MetadataKey] = []
        for signer in signers {
            guard let material = signer.key.material else { continue }
            // A key is known by its material; signatures go by the ids that the metadata has for it.
            for key in wanted where key.material == material && !isSigned(by: key) {
                let bytes = try signer.sign(signedBytes)
                signatures.removeAll { $0.keyID == key.id }
                signatures.append(MetadataSignature(keyID: key.id, bytes: bytes))
                fresh.append(key)
            }
        }
        return fresh
    }

    /// Takes out whatever is no signature of a key that is asked for.
    mutating func dropUnasked(_ authorities: [SigningAuthority]) {
        let keys = Dictionary(authorities.flatMap(\.keys).map { ($0.id, [$0]) }, uniquingKeysWith: +)
        signatures = signatures.filter { signature in (keys[signature.keyID] ?? []).contains { isSigned(by: $0) } }
    }

    /// Throws unless all are content.
    func verify(_ authorities: [SigningAuthority]) throws(UpdateError) {
        for authority in authorities {
            switch self {
            case .root(let document): try document.verify(authority)
            case .targets(let document): try document.verify(authority)
            }
        }
    }
}
