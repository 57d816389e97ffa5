/// What a proposal brings along so that its reader can judge it without the repository: the metadata by which its keys are
/// trusted, byte for byte.
package struct ProposalContext: Sendable, Equatable {
    package struct Delegator: Sendable, Equatable {
        package let role: RoleName
        package let bytes: [UInt8]

        package init(role: RoleName, bytes: [UInt8]) {
            self.role = role
            self.bytes = bytes
        }
    }

    /// All roots from the first to the newest before the proposal.
    package var roots: [[UInt8]]
    /// All that delegate to the role, and those that delegate to them; `targets` first.
    package var delegators: [Delegator]
    /// The role's version that the proposal changes; of a root it is the last of `roots`.
    package var previous: [UInt8]?
    /// Of these roles what is brought along is itself proposed and not signed yet: the proposal can only follow them. Of
    /// `root` it is the last of the roots.
    package var assumed: Set<RoleName>

    package init(
        roots: [[UInt8]],
        delegators: [Delegator] = [],
        previous: [UInt8]? = nil,
        assumed: Set<RoleName> = []
    ) {
        self.roots = roots
        self.delegators = delegators
        self.previous = previous
        self.assumed = assumed
    }
}

/// A context whose signatures hold.
struct VerifiedContext {
    /// The newest root; nil of the first root.
    let root: RootMetadata?
    let authorities: [SigningAuthority]
    /// The version before, where those who must sign the proposal signed that one too.
    let previous: StagedMetadata?
    /// Why `previous` is nil though the context has one.
    let previousProblem: String?
}

extension ProposalContext {
    /// Follows the chain from the trusted root to those who must sign.
    ///
    /// - Parameter pinned: a root that is trusted: the first one, or any later one of the chain. Nil is enough only where
    ///   nothing is signed yet: at a repository's beginning.
    func verified(
        for staged: StagedMetadata,
        pinned: [UInt8]?,
        limits: UpdateLimits
    ) throws -> VerifiedContext {
        let (role, version) = (staged.role, staged.version)
        func broken(_ reason: String) -> ProposalError { .notVerified(role: role, version: version, reason: reason) }
        do {
            let root = try verifiedRoot(staged, pinned, limits)
            if case .root(let document) = staged {
                guard document.body.version == (root?.version ?? 0) + 1 else {
                    throw broken("the root before it is version \(root?.version ?? 0)")
                }
                let authorities = SigningAuthority.overRoot(document.body, after: root)
                let previous = try roots.last.map { try StagedMetadata(parsing: $0, as: .root, limits: limits) }
                return VerifiedContext(root: root, authorities: authorities, previous: previous, previousProblem: nil)
            }
            guard let root else { throw broken("it brings no root along") }
            let delegators = try verifiedDelegators(root, limits)
            let authorities = SigningAuthority.over(role, root: root, delegators: delegators)
            guard !authorities.isEmpty else { throw RepositoryError.unknownRole(role) }
            return try withPrevious(staged, root, authorities, limits)
        } catch let error as UpdateError {
            throw broken(error.message)
        } catch let error as RepositoryError {
            throw broken(error.message)
        }
    }

    private func verifiedRoot(
        _ staged: StagedMetadata,
        _ pinned: [UInt8]?,
        _ limits: UpdateLimits
    ) throws -> RootMetadata? {
        let trusted = try pinned.map {
            try MetadataDocument<RootMetadata>(parsing: $0, as: .root, limitBytes: limits.rootBytes).signedBytes
        }
        var newest: MetadataDocument<RootMetadata>?
        var isPinned = false
        for (index, bytes) in roots.enumerated() {
            let document = try MetadataDocument<RootMetadata>(parsing: bytes, as: .root, limitBytes: limits.rootBytes)
            guard document.body.version == index + 1 else {
                throw UpdateError.wrongVersion(
                    role: .root,
                    found: document.body.version,
                    expected: index + 1,
                    statedBy: "the chain of roots"
                )
            }
            if assumed.contains(.root), index == roots.count - 1 {
                // Nobody has to have signed it yet; it is what the proposal would follow.
                // A first one is the trusted one where it says the same; where none is trusted yet, nothing can be said,
                // and only the first version of a role can stand on that.
                if index == 0 { isPinned = trusted.map { $0 == document.signedBytes } ?? (staged.version == 1) }
            } else {
                for authority in SigningAuthority.overRoot(document.body, after: newest?.body) {
                    try document.verify(authority)
                }
                isPinned = isPinned || document.signedBytes == trusted
            }
            newest = document
        }
        if roots.isEmpty { isPinned = trusted.map { $0 == staged.signedBytes } ?? (staged.version == 1) }
        guard isPinned else {
            guard pinned != nil else {
                throw ProposalError.noTrustedRoot(role: staged.role, version: staged.version)
            }
            throw ProposalError.otherRepository(role: staged.role, version: staged.version)
        }
        return newest?.body
    }

    private func verifiedDelegators(
        _ root: RootMetadata,
        _ limits: UpdateLimits
    ) throws -> [RoleName: TargetsMetadata] {
        var known: [RoleName: TargetsMetadata] = [:]
        var documents: [(role: RoleName, document: MetadataDocument<TargetsMetadata>)] = []
        for delegator in delegators {
            let document = try MetadataDocument<TargetsMetadata>(
                parsing: delegator.bytes,
                as: delegator.role,
                limitBytes: limits.targetsBytes
            )
            known[delegator.role] = document.body
            documents.append((delegator.role, document))
        }
        // Each is verified by those that lead to it, and those lead to the root: a ring of roles that name each other
        // never begins.
        var reached: [RoleName: TargetsMetadata] = [:]
        while true {
            let next = documents.first { role, _ in
                reached[role] == nil
                    && !SigningAuthority.over(role, root: root, delegators: reached).isEmpty
            }
            guard let (role, document) = next else { break }
            for authority in SigningAuthority.over(role, root: root, delegators: known)
            where !assumed.contains(role) {
                try document.verify(authority)
            }
            reached[role] = document.body
        }
        return reached
    }

    private func withPrevious(
        _ staged: StagedMetadata,
        _ root: RootMetadata,
        _ authorities: [SigningAuthority],
        _ limits: UpdateLimits
    ) throws -> VerifiedContext {
        var previous: StagedMetadata?
        var problem: String?
        if self.previous != nil, !assumed.isEmpty {
            // Whoever made it up may have made up the version before, too, signed by keys that were made up.
            problem = "those who name its keys have not signed that yet"
        } else if let bytes = self.previous {
            let document = try StagedMetadata(parsing: bytes, as: staged.role, limits: limits)
            do {
                try document.verify(authorities)
                guard document.version < staged.version else {
                    throw UpdateError.rollback(
                        role: staged.role,
                        version: staged.version,
                        trusted: document.version
                    )
                }
                previous = document
            } catch let error as UpdateError {
                if case .rollback = error { throw error }
                problem = error.message
            }
        }
        return VerifiedContext(root: root, authorities: authorities, previous: previous, previousProblem: problem)
    }
}
