package import WallClock

/// The versions that a new repository begins with: its first root, `targets`, and the roles that it delegates to. Nothing
/// is written before all have signed who must; until then each is a proposal.
package struct RepositoryBeginning: Sendable {
    package private(set) var root: StagedVersion
    /// In the order in which they were added: delegators before the roles that they delegate to.
    package private(set) var roles: [StagedVersion]

    package init(root: RootMetadata) throws {
        let document = try MetadataDocument(root, role: .root)
        let authorities = SigningAuthority.overRoot(root, after: nil)
        self.root = StagedVersion(metadata: .root(document), authorities: authorities, documents: [])
        roles = []
    }

    private var bodies: [RoleName: TargetsMetadata] {
        var bodies: [RoleName: TargetsMetadata] = [:]
        for staged in roles { if case .targets(let document) = staged.metadata { bodies[staged.role] = document.body } }
        return bodies
    }

    /// Adds version 1 of `targets`, or of a role that one of those added before delegates to.
    package mutating func add(
        _ role: RoleName,
        expires: UTCTime,
        documents: [NewDocument] = [],
        edit: (inout TargetsMetadata) throws -> Void = { _ in }
    ) throws {
        guard case .root(let first) = root.metadata else { return }
        let authorities = SigningAuthority.over(role, root: first.body, delegators: bodies)
        guard !authorities.isEmpty else { throw RepositoryError.unknownRole(role) }
        var metadata = TargetsMetadata(version: 1, expires: expires)
        for document in documents { metadata.targets[document.path.text] = document.file }
        try edit(&metadata)
        metadata.header.version = 1
        metadata.header.expires = expires
        try metadata.checkPaths(of: role, authorities)
        roles.append(
            StagedVersion(
                metadata: .targets(try MetadataDocument(metadata, role: role)),
                authorities: authorities,
                documents: documents
            )
        )
    }

    /// Signs everything that these signers are asked for.
    package mutating func sign(with signers: [any MetadataSigner]) throws {
        _ = try root.sign(with: signers)
        for index in roles.indices { _ = try roles[index].sign(with: signers) }
    }

    /// Every key that is asked for.
    package var wanted: [MetadataKey] { root.wanted + roles.flatMap(\.wanted) }

    /// Whether nobody has to sign anything any more.
    package var isComplete: Bool { root.standing.isComplete && roles.allSatisfy(\.standing.isComplete) }

    /// Writes it all. The keeper's commit puts it into effect.
    ///
    /// Throws `incomplete` for the first version that has yet to be signed, with nothing written.
    package func write(in storage: any RepositoryStorage) throws -> RepositoryEditor {
        for staged in [root] + roles where !staged.standing.isComplete {
            let missing = staged.standing.authorities.filter { $0.lacking > 0 }.map(\.sentence)
            throw ProposalError.incomplete(role: staged.role, version: staged.version, missing: missing)
        }
        guard try storage.metadataNames().isEmpty else { throw RepositoryError.exists }
        var editor = try RepositoryEditor.begin(in: storage, root.metadata, limits: UpdateLimits())
        for staged in roles { try editor.accept(staged) }
        return editor
    }

    /// Each version as a file of its own that others sign.
    package func proposals(attachments: [[UInt8]] = []) -> [Proposal] {
        let rootBytes = root.metadata.encoded()
        var proposals = [Proposal(metadata: root.metadata, context: ProposalContext(roots: []))]
        for staged in roles {
            var context = ProposalContext(roots: [rootBytes], assumed: [.root])
            for delegator in roles where delegator.role != staged.role && leads(from: delegator.role, to: staged.role) {
                let bytes = delegator.metadata.encoded()
                context.delegators.append(ProposalContext.Delegator(role: delegator.role, bytes: bytes))
                context.assumed.insert(delegator.role)
            }
            let proposal = Proposal(
                metadata: staged.metadata,
                context: context,
                documents: staged.documents,
                attachments: attachments
            )
            proposals.append(proposal)
        }
        return proposals
    }

    private func leads(from delegator: RoleName, to role: RoleName) -> Bool {
        let bodies = bodies
        var open = [delegator]
        var seen: Set<RoleName> = []
        while let next = open.popLast() {
            guard seen.insert(next).inserted else { continue }
            let below = bodies[next]?.delegations?.roles.map(\.name) ?? []
            if below.contains(role) { return true }
            open += below
        }
        return false
    }
}
