internal import JSON

/// Staged versions that wait for signatures, in the repository's folder `proposals` or in files of their own.
extension RepositoryEditor {
    /// A staged version with all that its signers need to judge it.
    package func proposal(_ staged: StagedVersion, attachments: [[UInt8]] = []) throws -> Proposal {
        var context = ProposalContext(roots: try (1...root.body.version).map { try metadata(.root, version: $0) })
        if staged.role != .root {
            for role in delegators(over: staged.role) {
                guard let version = roles[role]?.version else { continue }
                let bytes = try metadata(role, version: version)
                context.delegators.append(ProposalContext.Delegator(role: role, bytes: bytes))
            }
            if let version = roles[staged.role]?.version {
                context.previous = try metadata(staged.role, version: version)
            }
        }
        return Proposal(
            metadata: staged.metadata,
            context: context,
            documents: try documents(of: staged),
            attachments: attachments
        )
    }

    /// What the staged version lists anew: handed over with it, or stored already.
    private func documents(of staged: StagedVersion) throws -> [NewDocument] {
        guard case .targets(let metadata) = staged.metadata else { return [] }
        var documents = staged.documents.filter { metadata.body.targets[$0.path.text]?.hashes == $0.file.hashes }
        let known = roles[staged.role]?.targets ?? [:]
        let handedOver = Set(documents.map(\.path.text))
        for (text, file) in metadata.body.targets.sorted(by: { $0.key < $1.key })
        where known[text]?.hashes != file.hashes && !handedOver.contains(text) {
            guard let path = TargetPath(text),
                let bytes = try storage.read(Self.place(of: path, file), limitBytes: file.length)
            else { throw ProposalError.documentMissing(path: text) }
            documents.append(NewDocument(bytes, as: path))
        }
        return documents
    }

    private func metadata(_ role: RoleName, version: Int) throws -> [UInt8] {
        let path = RepositoryPath.metadata("\(version).\(role.listedName)")
        guard let bytes = try storage.read(path, limitBytes: limits.bytes(of: role)) else {
            throw RepositoryError.incomplete(missing: path.description)
        }
        return bytes
    }

    /// All that delegate to the role, and all that lead to those; `targets` first.
    private func delegators(over role: RoleName) -> [RoleName] {
        var found: [RoleName] = []
        var open = [role]
        while let next = open.popLast() {
            for (delegator, metadata) in roles.sorted(by: { $0.key < $1.key })
            where metadata.delegations?[next] != nil && !found.contains(delegator) {
                found.append(delegator)
                open.append(delegator)
            }
        }
        return found.sorted { ($0 == .targets ? 0 : 1, $0) < ($1 == .targets ? 0 : 1, $1) }
    }

    /// Those who must sign a proposal, as the repository is now.
    package func authorities(over proposal: Proposal) -> [SigningAuthority] {
        switch proposal.metadata {
        case .root(let document): SigningAuthority.overRoot(document.body, after: root.body)
        case .targets: authorities(over: proposal.role)
        }
    }

    /// Who has signed a proposal and who has yet to, as the repository is now.
    package func standing(of proposal: Proposal) -> ProposalStanding {
        proposal.metadata.standing(by: authorities(over: proposal))
    }

    /// Whether exactly this is what the repository has as that version of the role.
    package func hasTaken(_ proposal: Proposal) throws -> Bool {
        guard proposal.version < nextVersion(of: proposal.role) else { return false }
        let path = RepositoryPath.metadata("\(proposal.version).\(proposal.role.listedName)")
        guard let bytes = try storage.read(path, limitBytes: limits.bytes(of: proposal.role)),
            let written = try? StagedMetadata(parsing: bytes, as: proposal.role, limits: limits)
        else { return false }
        return written.signedBytes == proposal.metadata.signedBytes
    }

    /// Throws `stale` where the repository has gone on since the proposal was made, and `gap` where it is not the next.
    package func checkFollows(_ proposal: Proposal) throws {
        let (role, version, next) = (proposal.role, proposal.version, nextVersion(of: proposal.role))
        func stale(_ reason: String) -> ProposalError { .stale(role: role, version: version, reason: reason) }
        guard version <= next else { throw ProposalError.gap(role: role, version: version, next: next) }
        guard version == next else { throw stale("the repository has version \(next - 1) of it") }
        guard role != .root else { return }
        guard !authorities(over: role).isEmpty else {
            guard proposal.context.assumed.isEmpty else {
                let missing = ["nobody delegates to it yet"]
                throw ProposalError.incomplete(role: role, version: version, missing: missing)
            }
            throw stale("nobody delegates to \(role) any more")
        }
        let previous = proposal.context.previous.map { FileHashes(of: $0) }
        guard previous == files[role]?.hashes else {
            let newest = roles[role].map { "version \($0.version)" } ?? "nothing"
            throw stale("it was not made from \(newest), which the repository has")
        }
    }

    /// Puts a proposal into effect as a published version; the keeper's commit lists it.
    ///
    /// Throws `stale`, `gap`, `incomplete` with those who are missing, and `wrongDocument`.
    package mutating func accept(_ proposal: Proposal) throws {
        try checkFollows(proposal)
        let standing = standing(of: proposal)
        guard standing.isComplete else {
            let missing = standing.authorities.filter { $0.lacking > 0 }.map(\.sentence)
            throw ProposalError.incomplete(role: proposal.role, version: proposal.version, missing: missing)
        }
        let authorities = authorities(over: proposal)
        if case .targets(let document) = proposal.metadata {
            try document.body.checkPaths(of: proposal.role, authorities)
        }
        try proposal.checkDocuments(known: roles[proposal.role]?.targets ?? [:])
        try accept(
            StagedVersion(metadata: proposal.metadata, authorities: authorities, documents: proposal.documents)
        )
    }
}

extension RepositoryEditor {
    /// The same repository, changed in memory only: what would come of changes can be tried out on it.
    package func rehearsing() -> RepositoryEditor {
        var copy = self
        copy.storage = RehearsalStorage(storage)
        return copy
    }

    /// Begins a repository with a proposed first root, where all have signed it who must.
    package static func begin(
        in storage: any RepositoryStorage,
        with proposal: Proposal,
        limits: UpdateLimits = UpdateLimits()
    ) throws -> RepositoryEditor {
        guard try storage.metadataNames().isEmpty else { throw RepositoryError.exists }
        guard case .root(let document) = proposal.metadata else { throw RepositoryError.incomplete(missing: "root") }
        let authorities = SigningAuthority.overRoot(document.body, after: nil)
        guard document.body.version == 1 else {
            throw ProposalError.gap(role: .root, version: document.body.version, next: 1)
        }
        let standing = proposal.metadata.standing(by: authorities)
        guard standing.isComplete else {
            let missing = standing.authorities.filter { $0.lacking > 0 }.map(\.sentence)
            throw ProposalError.incomplete(role: .root, version: 1, missing: missing)
        }
        var metadata = proposal.metadata
        metadata.dropUnasked(authorities)
        return try begin(in: storage, metadata, limits: limits)
    }
}
