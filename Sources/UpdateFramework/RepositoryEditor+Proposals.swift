internal import JSON

/// Staged versions that wait for signatures, in the repository's folder `proposals` or in files of their own.
extension RepositoryEditor {
    /// A staged version with all that its signers need to judge it.
    package func proposal(
        _ staged: StagedVersion,
        _ documents: [NewDocument]? = nil,
        attachments: [[UInt8]] = []
    ) throws -> Proposal {
        var context = ProposalContext(roots: try (1...root.body.version).map { try metadata(.root, version: $0) })
        context.assumed = assumed.intersection(delegators(over: staged.role) + [.root])
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
            documents: try documents ?? self.documents(of: staged),
            attachments: attachments
        )
    }

    /// The most that is brought along of what is listed already.
    private static let repeatedBytes = 8 << 20

    /// What the staged version lists anew: handed over with it, or stored already. Where others have to sign now than the
    /// version before, also what that one lists, as far as there is room: they haven't read it.
    package func documents(of staged: StagedVersion) throws -> [NewDocument] {
        guard case .targets(let metadata) = staged.metadata else { return [] }
        var documents = staged.documents.filter { metadata.body.targets[$0.path.text]?.hashes == $0.file.hashes }
        let known = roles[staged.role]?.targets ?? [:]
        let handedOver = Set(documents.map(\.path.text))
        for (text, file) in metadata.body.targets.sorted(by: { $0.key < $1.key })
        where known[text]?.hashes != file.hashes && !handedOver.contains(text) {
            guard let path = TargetPath(text),
                let bytes = try storage.read(
                    Self.place(of: path, file),
                    limitBytes: min(file.length, Proposal.limitBytes)
                )
            else { throw ProposalError.documentMissing(path: text) }
            documents.append(NewDocument(bytes, as: path))
        }
        guard needSignature[staged.role] != nil else { return documents }
        let brought = Set(documents.map(\.path.text))
        var room = Self.repeatedBytes
        for (text, file) in metadata.body.targets.sorted(by: { $0.key < $1.key })
        where file.length <= room && !brought.contains(text) {
            guard let path = TargetPath(text),
                let bytes = try storage.read(Self.place(of: path, file), limitBytes: file.length),
                String(validating: bytes, as: UTF8.self) != nil
            else { continue }
            let document = NewDocument(bytes, as: path)
            guard document.file.hashes == file.hashes else { continue }
            room -= bytes.count
            documents.append(document)
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

    /// Those who must sign a proposal, as the repository is now, or will be once it has what the proposal follows.
    package func authorities(over proposal: Proposal) -> [SigningAuthority] {
        switch proposal.metadata {
        case .root(let document): return SigningAuthority.overRoot(document.body, after: root.body)
        case .targets:
            let awaited = awaited(by: proposal)
            guard !awaited.isEmpty else { return authorities(over: proposal.role) }
            var (root, delegators) = (root.body, roles)
            for metadata in awaited {
                switch metadata {
                case .root(let document): root = document.body
                case .targets(let document): delegators[document.role] = document.body
                }
            }
            return SigningAuthority.over(proposal.role, root: root, delegators: delegators)
        }
    }

    /// What a proposal follows and the repository doesn't have yet.
    package func awaited(by proposal: Proposal) -> [StagedMetadata] {
        proposal.context.assumed.sorted().compactMap { role in
            let bytes =
                role == .root
                ? proposal.context.roots.last : proposal.context.delegators.first { $0.role == role }?.bytes
            guard let bytes, let metadata = try? StagedMetadata(parsing: bytes, as: role, limits: limits),
                metadata.version >= nextVersion(of: role)
            else { return nil }
            return metadata
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
        let awaited = awaited(by: proposal)
        guard awaited.isEmpty else {
            let missing = awaited.map { "it follows \($0.role) version \($0.version), which is not there yet" }
            throw ProposalError.incomplete(role: role, version: version, missing: missing)
        }
        guard !authorities(over: role).isEmpty else { throw stale("nobody delegates to \(role) any more") }
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

    /// The repository as it will be once a proposal is taken, whoever has yet to sign it, in memory only: to make what has
    /// to follow. As it is where the proposal isn't for the next version.
    package func assuming(_ proposal: Proposal) throws -> RepositoryEditor {
        guard proposal.version == nextVersion(of: proposal.role) else { return self }
        var copy = rehearsing()
        copy.assumed.insert(proposal.role)
        try copy.create(proposal.metadata.encoded(), proposal.role, version: proposal.version)
        if case .root(let document) = proposal.metadata { copy.root = document }
        (copy.roles, copy.files, copy.needSignature, copy.rejected) = ([:], [:], [:], [])
        try copy.readTargets(try Self.versions(in: copy.storage))
        return copy
    }

    /// Roles whose content has to be signed anew once a proposal is taken that all have signed who must.
    package func left(unsignedBy proposal: Proposal) throws -> Set<RoleName> {
        let before = Set(needSignature.keys)
        return Set(try assuming(proposal).needSignature.keys).subtracting(before)
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
