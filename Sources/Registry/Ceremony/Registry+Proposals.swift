internal import Diagnostics
package import UpdateFramework
package import WallClock

extension Registry {
    /// Where proposals wait in a repository.
    static let proposalFolder = "proposals"
    /// Files that are looked at there.
    private static let mostProposals = 1_000

    static func place(of proposal: Proposal) -> RepositoryPath {
        RepositoryPath(components: [proposalFolder, proposal.fileName])
    }

    static func place(of standing: ProposalStanding) -> RepositoryPath {
        RepositoryPath(components: [proposalFolder, "\(standing.version).\(standing.role.storedName)"])
    }

    /// A file among the proposals.
    struct StoredProposal {
        let path: RepositoryPath
        let bytes: [UInt8]
        let proposal: Proposal
    }

    /// All proposals that wait in a repository, and files there that are none, with the reason.
    static func storedProposals(
        in storage: any RepositoryStorage
    ) throws -> (proposals: [StoredProposal], unusable: [(place: String, reason: String)]) {
        var proposals: [StoredProposal] = []
        var unusable: [(place: String, reason: String)] = []
        for file in try storage.files(below: proposalFolder).prefix(mostProposals) {
            guard file.path.components.last?.hasSuffix(".json") == true else { continue }
            do {
                // One that is gone by now was taken by somebody else.
                guard let bytes = try readProposal(file.path, in: storage) else { continue }
                let proposal = try Proposal(parsing: bytes, place: file.path.description)
                proposals.append(StoredProposal(path: file.path, bytes: bytes, proposal: proposal))
            } catch let error as any ExplainedError {
                // Whatever is wrong with one file, or with reading it, must keep nobody from the others.
                unusable.append((file.path.description, error.message))
            }
        }
        return (proposals, unusable)
    }

    static func readProposal(_ path: RepositoryPath, in storage: any RepositoryStorage) throws -> [UInt8]? {
        guard let status = try storage.status(of: path) else { return nil }
        guard status.bytes <= Proposal.limitBytes else {
            throw ProposalError.tooLarge(place: path.description, limitBytes: Proposal.limitBytes)
        }
        return try storage.read(path, limitBytes: Proposal.limitBytes)
    }

    /// A staged version with all that its signers need to judge it.
    package func proposal(_ staged: StagedVersion) throws -> Proposal {
        let documents = try editor.documents(of: staged)
        return try editor.proposal(staged, documents, attachments: try attachments(of: staged, documents))
    }

    /// Puts a staged version among the repository's proposals, or adds its signatures to the one that says the same.
    ///
    /// Throws `waiting` where another one waits for the same version.
    mutating func propose(_ staged: StagedVersion) throws -> WaitingProposal {
        var proposal = try proposal(staged)
        let path = Self.place(of: proposal)
        let old = try Self.readProposal(path, in: storage)
        if let old, let waiting = try? Proposal(parsing: old, place: path.description) {
            if waiting.saysTheSame(as: proposal) {
                try proposal.merge(waiting, by: staged.authorities)
            } else if isFollowing(waiting) || (editor.assumed.isEmpty && !editor.awaited(by: waiting).isEmpty) {
                throw ProposalError.waiting(role: waiting.role, version: waiting.version, place: path.description)
            }
        }
        guard try storage.replace(old, with: try proposal.encoded(), at: path) else {
            throw RepositoryError.changedMeanwhile(file: path.description)
        }
        return WaitingProposal(place: path.description, standing: editor.standing(of: proposal))
    }

    /// Whether a proposal could still come into effect.
    private func isFollowing(_ proposal: Proposal) -> Bool { (try? editor.checkFollows(proposal)) != nil }

    /// Takes the proposal back that waits for the next version of a role. Returns where it lay; nil where there is none.
    package mutating func withdraw(_ role: RegistryRole) throws -> String? {
        let name = "\(editor.nextVersion(of: role.name)).\(role.name.storedName)"
        let path = RepositoryPath(components: [Self.proposalFolder, name])
        guard try storage.status(of: path) != nil else { return nil }
        let taken = try Self.readProposal(path, in: storage).flatMap { try? Proposal(parsing: $0, place: name) }
        try storage.remove(path)
        // Nothing can follow it any more.
        for stored in try Self.storedProposals(in: storage).proposals {
            let awaited = editor.awaited(by: stored.proposal)
            if let taken,
                awaited.contains(where: { $0.role == taken.role && $0.signedBytes == taken.metadata.signedBytes })
            {
                try storage.remove(stored.path)
            }
        }
        return path.description
    }

    /// Stages a role's next version with its present content, signed with those of the keys that are asked for: to be good
    /// for its whole lifetime again, or to be signed by those who must sign it now.
    package func stageRenewal(
        of role: RegistryRole,
        expires: UTCTime? = nil,
        keys: KeyFolder? = nil
    ) throws -> StagedVersion {
        var staged: StagedVersion
        switch role {
        case .snapshot, .timestamp:
            throw RegistryError.contradiction("\(role.text) is never proposed: the keeper's commit signs it")
        case .root:
            staged = try editor.stageRoot(expires: expires ?? now.advanced(by: policy.root)) { _ in }
        default:
            staged = try editor.stage(role.name, expires: expires ?? now.advanced(by: policy.targets)) { _ in }
        }
        if let keys { _ = try staged.sign(with: try keys.signers(among: staged.wanted)) }
        return staged
    }

    /// The same, put among the repository's proposals.
    package mutating func proposeRenewal(
        of role: RegistryRole,
        expires: UTCTime? = nil,
        keys: KeyFolder? = nil
    ) throws -> WaitingProposal {
        try onTopOfOthers { registry in
            try registry.propose(try registry.stageRenewal(of: role, expires: expires, keys: keys))
        }
    }
}
