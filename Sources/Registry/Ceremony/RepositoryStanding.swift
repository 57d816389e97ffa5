package import UpdateFramework
package import WallClock

/// How a repository stands: who speaks for each role, until when, and what waits for whose signature.
package struct RepositoryStanding {
    package struct Role {
        package let name: String
        /// The newest version that is signed as it must be; nil of a role that has published nothing.
        package let version: Int?
        /// The version in effect.
        package let committed: Int?
        package let expires: UTCTime?
        package let threshold: Int
        package let keys: [MetadataKey]
        /// Who delegates to it: `root`, `targets`.
        package let delegator: String
        /// Why it has to be signed anew.
        package let problem: String?
    }

    package struct Waiting {
        package let place: String
        package let standing: ProposalStanding
        /// What it changes, in words.
        package let changes: [String]
    }

    package let roles: [Role]
    package let waiting: [Waiting]
    /// Proposals that can't come into effect, with the reason.
    package let left: [TakenProposals.Left]
}

extension Registry {
    /// How the repository stands, its proposals judged by what it has now.
    package func standing() throws -> RepositoryStanding {
        var waiting: [RepositoryStanding.Waiting] = []
        let stored = try Self.storedProposals(in: storage)
        var left = stored.unusable.map { TakenProposals.Left(place: $0.place, reason: $0.reason) }
        let pinned = try storage.read(.metadata("1.root.json"), limitBytes: UpdateLimits().rootBytes)
        for file in stored.proposals {
            do {
                try editor.checkFollows(file.proposal)
            } catch let error as ProposalError {
                guard case .incomplete = error else {
                    left.append(TakenProposals.Left(place: file.path.description, reason: error.message))
                    continue
                }
            }
            let review = try? file.proposal.review(pinned: pinned, explain: DocumentMeaning.explain)
            let changes = review?.changes ?? ["what it brings along to be judged by doesn't hold"]
            waiting.append(
                RepositoryStanding.Waiting(
                    place: file.path.description,
                    standing: editor.standing(of: file.proposal),
                    changes: changes
                )
            )
        }
        return RepositoryStanding(roles: try roleStandings(), waiting: waiting, left: left)
    }

    private func roleStandings() throws -> [RepositoryStanding.Role] {
        let names = RegistryRole.topLevel + delegatedRoles.compactMap { RegistryRole($0.name.text) }
        return names.flatMap { role in
            authorities(over: role).map { authority in
                RepositoryStanding.Role(
                    name: role.text,
                    version: version(of: role),
                    committed: committedVersion(of: role),
                    expires: expiry(of: role),
                    threshold: authority.roleKeys.threshold,
                    keys: authority.roleKeys.keyIDs.compactMap { authority.keys[$0] },
                    delegator: authority.delegator.text,
                    problem: editor.needSignature[role.name]
                )
            }
        }
    }

    private func version(of role: RegistryRole) -> Int? {
        switch role {
        case .root: editor.root.body.version
        case .snapshot: editor.snapshot?.body.version
        case .timestamp: editor.timestamp?.body.version
        default: editor.roles[role.name]?.version
        }
    }

    private func committedVersion(of role: RegistryRole) -> Int? {
        role.isTopLevel && role != .targets ? version(of: role) : editor.snapshot?.body[role.name]?.version
    }

    /// How a repository stands that exists as proposals only, each judged by what it brings along.
    package static func standingOfProposals(
        in storage: any RepositoryStorage
    ) throws -> (waiting: [RepositoryStanding.Waiting], left: [TakenProposals.Left]) {
        var waiting: [RepositoryStanding.Waiting] = []
        let stored = try storedProposals(in: storage)
        var left = stored.unusable.map { TakenProposals.Left(place: $0.place, reason: $0.reason) }
        for file in stored.proposals {
            do {
                let review = try file.proposal.review(pinned: nil, explain: DocumentMeaning.explain)
                let place = file.path.description
                let entry = RepositoryStanding.Waiting(
                    place: place,
                    standing: review.standing,
                    changes: review.changes
                )
                waiting.append(entry)
            } catch let error as ProposalError {
                left.append(TakenProposals.Left(place: file.path.description, reason: error.message))
            }
        }
        return (waiting, left)
    }
}
