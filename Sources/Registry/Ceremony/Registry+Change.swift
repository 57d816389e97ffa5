internal import Deployment
internal import Glibc
package import UpdateFramework
internal import WallClock

/// A version of a role that waits for signatures.
package struct WaitingProposal: Sendable, Equatable {
    /// Where it lies: a path in the repository's own words.
    package let place: String
    package let standing: ProposalStanding
}

extension Registry {
    /// What became of a change.
    package enum ChangeEffect: Sendable, Equatable {
        /// All is as wanted already.
        case none
        /// The role's next version is written; the keeper's commit puts it into effect.
        case published(version: Int)
        /// It waits for the signatures of others.
        case proposed(WaitingProposal)

        /// Whether there was anything to change.
        package var isChange: Bool { self != .none }
        /// Whether it is written for the keeper to commit.
        package var isPublished: Bool { if case .published = self { true } else { false } }
        package var waiting: WaitingProposal? { if case .proposed(let waiting) = self { waiting } else { nil } }
    }

    /// What was worked out, and what became of it.
    package struct Changed<Result> {
        package let result: Result
        package let effect: ChangeEffect
    }

    /// What a publisher wants of a role, worked out from the repository as it is.
    struct Change<Result> {
        let result: Result
        /// What is to be stored with the change.
        let documents: [NewDocument]
        /// Nil where all is as wanted already.
        let edit: ((inout TargetsMetadata) throws -> Void)?

        init(
            result: Result,
            documents: [NewDocument] = [],
            edit: ((inout TargetsMetadata) throws -> Void)?
        ) {
            self.result = result
            self.documents = documents
            self.edit = edit
        }

        /// Lists these documents in the place of what their paths list.
        static func listing(_ documents: [NewDocument], result: Result) -> Change {
            Change(result: result, documents: documents) { targets in
                for document in documents { targets.targets[document.path.text] = document.file }
            }
        }
    }

    /// What somebody wants of the root.
    struct RootChange<Result> {
        let result: Result
        /// Nil where all is as wanted already.
        let edit: ((inout RootMetadata) throws -> Void)?
    }

    /// Makes the next version of `targets` or of a role below it, unless there is nothing to change: written where the
    /// signatures at hand suffice, else proposed.
    ///
    /// - Parameters:
    ///   - signers: sign besides those of the role's keys that are in `keys`, where they are asked for.
    ///   - mayBeUnsigned: whether it is proposed though nobody here can sign it.
    mutating func change<Result>(
        _ role: RegistryRole,
        keys: KeyFolder,
        adding signers: [any MetadataSigner] = [],
        mayBeUnsigned: Bool = false,
        _ plan: (RepositoryEditor) throws -> Change<Result>
    ) throws -> Changed<Result> {
        try onTopOfOthers { registry in
            let planned = try plan(registry.editor)
            guard let edit = planned.edit else { return Changed(result: planned.result, effect: .none) }
            let staged = try registry.editor.stage(
                role.name,
                expires: registry.now.advanced(by: registry.policy.targets),
                documents: planned.documents,
                edit: edit
            )
            let effect = try registry.publishOrPropose(staged, role, keys, signers, mayBeUnsigned)
            return Changed(result: planned.result, effect: effect)
        }
    }

    /// Makes the next root, unless there is nothing to change: written where the signatures at hand suffice for the keys
    /// before and after, else proposed.
    mutating func changeRoot<Result>(
        keys: KeyFolder,
        adding signers: [any MetadataSigner] = [],
        mayBeUnsigned: Bool = false,
        _ plan: (RepositoryEditor) throws -> RootChange<Result>
    ) throws -> Changed<Result> {
        try onTopOfOthers { registry in
            let planned = try plan(registry.editor)
            guard let edit = planned.edit else { return Changed(result: planned.result, effect: .none) }
            let expires = registry.now.advanced(by: registry.policy.root)
            let staged = try registry.editor.stageRoot(expires: expires, edit: edit)
            let effect = try registry.publishOrPropose(staged, .root, keys, signers, mayBeUnsigned)
            return Changed(result: planned.result, effect: effect)
        }
    }

    private mutating func publishOrPropose(
        _ staged: StagedVersion,
        _ role: RegistryRole,
        _ keys: KeyFolder,
        _ signers: [any MetadataSigner],
        _ mayBeUnsigned: Bool
    ) throws -> ChangeEffect {
        var staged = staged
        let fresh = try staged.sign(with: try keys.signers(among: staged.wanted) + signers)
        if fresh.isEmpty, !mayBeUnsigned { throw try missingKey(of: role, keys) }
        guard !staged.standing.isComplete || !editor.assumed.isEmpty else {
            try editor.accept(staged)
            return .published(version: staged.version)
        }
        return .proposed(try propose(staged))
    }

    /// Does it again on top of what another writer wrote first, as often as that happens.
    mutating func onTopOfOthers<Result>(_ body: (inout Registry) throws -> Result) throws -> Result {
        var attempt = 1
        while true {
            do {
                return try body(&self)
            } catch let error as RepositoryError {
                guard case .changedMeanwhile = error, attempt < Self.attempts else { throw error }
            }
            Self.waitForOthers(after: attempt)
            attempt += 1
            try reopen()
        }
    }

    /// So that writers who got in each other's way don't again, all at the same moment.
    private static func waitForOthers(after attempt: Int) {
        let longest = min(20_000 << min(attempt, 5), 500_000)
        usleep(UInt32.random(in: 0...UInt32(longest)))
    }
}
