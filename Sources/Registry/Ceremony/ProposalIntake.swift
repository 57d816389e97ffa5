internal import Deployment
internal import Diagnostics
package import UpdateFramework

/// A proposal as a person hands it over, with the place that it came from.
package struct GivenProposal: Sendable {
    package let place: String
    package let proposal: Proposal

    package init(place: String, proposal: Proposal) {
        self.place = place
        self.proposal = proposal
    }
}

/// What became of proposals.
package struct TakenProposals: Sendable {
    package struct Taken: Sendable, Equatable {
        package let role: String
        package let version: Int
    }

    package struct Left: Sendable, Equatable {
        package let place: String
        package let reason: String
    }

    /// Written for the keeper to commit, in this order.
    package var taken: [Taken] = []
    /// Those that wait for signatures.
    package var waiting: [WaitingProposal] = []
    /// Those that can't be taken: stale, ahead of others, or no proposals at all.
    package var left: [Left] = []
}

/// Copies of what is one proposal, signed together or apart.
private struct Candidate {
    struct Copy {
        let place: String
        /// Where it lies in the repository; nil for one that was handed over.
        let path: RepositoryPath?
        let proposal: Proposal
    }

    var copies: [Copy]

    var first: Proposal { copies[0].proposal }
    var place: String { copies[0].place }
    var isGiven: Bool { copies.contains { $0.path == nil } }

    /// Roots first, then `targets`, then all others: whom an earlier one trusts, signs a later one.
    var order: (Int, Int, String) {
        switch first.role {
        case .root: (0, first.version, "")
        case .targets: (1, first.version, "")
        default: (2, first.version, first.role.text)
        }
    }

    func merged(by authorities: [SigningAuthority]) throws(ProposalError) -> Proposal {
        var merged = first
        for copy in copies { try merged.merge(copy.proposal, by: authorities) }
        return merged
    }
}

/// Proposals on their way into a repository.
private struct Intake {
    var candidates: [Candidate] = []
    var report = TakenProposals()
    /// Where those lie that make way for what was handed over.
    private var passedOver: Set<String> = []

    init(_ given: [GivenProposal], _ storage: any RepositoryStorage) throws {
        for file in given { try add(Candidate.Copy(place: file.place, path: nil, proposal: file.proposal)) }
        let stored = try Registry.storedProposals(in: storage)
        for (place, reason) in stored.unusable { report.left.append(TakenProposals.Left(place: place, reason: reason)) }
        for file in stored.proposals {
            try add(Candidate.Copy(place: file.path.description, path: file.path, proposal: file.proposal))
        }
        candidates.sort { $0.order < $1.order }
    }

    /// Throws `differing` where two that were handed over say different things for the same version. One of the repository's
    /// that says something else than what was handed over is left: whoever may write there must not stop anybody.
    private mutating func add(_ copy: Candidate.Copy) throws {
        if let index = candidates.firstIndex(where: { $0.first.saysTheSame(as: copy.proposal) }) {
            candidates[index].copies.append(copy)
            return
        }
        let rival = candidates.first {
            $0.first.role == copy.proposal.role && $0.first.version == copy.proposal.version && $0.isGiven
        }
        guard rival == nil else {
            guard copy.path != nil else {
                throw ProposalError.differing(role: copy.proposal.role, version: copy.proposal.version)
            }
            let reason = "another one for \(copy.proposal.role) version \(copy.proposal.version) was handed over"
            report.left.append(TakenProposals.Left(place: copy.place, reason: reason))
            passedOver.insert(copy.place)
            return
        }
        candidates.append(Candidate(copies: [copy]))
    }

    /// Writes all that are complete, as long as one makes way for another, and removes them from the repository's
    /// proposals. The others stay; the first error of one that was handed over is thrown in the end.
    mutating func settle(_ editor: inout RepositoryEditor, _ storage: any RepositoryStorage) throws {
        var open = candidates
        var problems: [Int: any Error] = [:]
        var isGoingOn = true
        while isGoingOn {
            isGoingOn = false
            problems = [:]
            for (index, candidate) in open.enumerated() {
                do {
                    if try !editor.hasTaken(candidate.first) {
                        let merged = try candidate.merged(by: editor.authorities(over: candidate.first))
                        if !candidate.isGiven, let held = try held(merged, editor, open) {
                            problems[index] = held
                            continue
                        }
                        try editor.accept(merged)
                        // Whom it trusts shows when all is read anew.
                        try editor.reread()
                    }
                } catch let error as RepositoryError {
                    if case .changedMeanwhile = error { throw error }
                    problems[index] = error
                    continue
                } catch let error as any ExplainedError {
                    problems[index] = error
                    continue
                }
                let taken = TakenProposals.Taken(role: candidate.first.role.text, version: candidate.first.version)
                report.taken.append(taken)
                // Last: until then it can all be done again.
                for path in candidate.copies.compactMap(\.path) { try removeTaken(path, storage) }
                open.remove(at: index)
                isGoingOn = true
                break
            }
        }
        if let refused = open.indices.first(where: { open[$0].isGiven }), let problem = problems[refused] {
            throw problem
        }
        for (index, candidate) in open.enumerated() {
            if case .incomplete? = problems[index] as? ProposalError {
                let merged = try candidate.merged(by: editor.authorities(over: candidate.first))
                let standing = editor.standing(of: merged)
                report.waiting.append(WaitingProposal(place: candidate.place, standing: standing))
            } else {
                let reason = (problems[index] as? any ExplainedError)?.message ?? "it can't be taken"
                report.left.append(TakenProposals.Left(place: candidate.place, reason: reason))
            }
        }
    }
}

/// A proposal that is signed by all who must, and would leave content in effect without the signatures that it needs.
private struct HeldProposal: ExplainedError {
    let role: RoleName
    let version: Int
    /// Those that have to be taken with it.
    let followers: [WaitingProposal]

    var message: String {
        "\(role) version \(version) is signed by all who must, and taken together with what follows it: "
            + followers.flatMap(\.sentences).joined(separator: "; ")
    }

    var hint: String? { "--proposal FILE takes it alone" }
    var exitCode: ExitCode { .signatureInvalid }
}

extension Intake {
    /// Why a proposal waits that is complete: others wait for the same commit, and without them nothing new could come
    /// into effect. Nil where nothing holds it.
    private func held(_ merged: Proposal, _ editor: RepositoryEditor, _ open: [Candidate]) throws -> HeldProposal? {
        guard editor.standing(of: merged).isComplete, (try? editor.checkFollows(merged)) != nil else { return nil }
        let unsigned = try editor.left(unsignedBy: merged)
        guard !unsigned.isEmpty else { return nil }
        let next = try editor.assuming(merged)
        let followers = try open.compactMap { candidate -> WaitingProposal? in
            guard unsigned.contains(candidate.first.role) else { return nil }
            let follower = try candidate.merged(by: next.authorities(over: candidate.first))
            let standing = next.standing(of: follower)
            let isStale = (try? next.checkFollows(follower)) == nil
            return standing.isComplete || isStale ? nil : WaitingProposal(place: candidate.place, standing: standing)
        }
        guard !followers.isEmpty else { return nil }
        return HeldProposal(role: merged.role, version: merged.version, followers: followers)
    }
}

extension Intake {
    /// One that stays is stale from now on, and stops nobody.
    private mutating func removeTaken(_ path: RepositoryPath, _ storage: any RepositoryStorage) throws {
        do {
            try storage.remove(path)
        } catch let error as any ExplainedError {
            let reason = "it was taken, and can't be removed: \(error.message)"
            report.left.append(TakenProposals.Left(place: path.description, reason: reason))
        }
    }
}

extension Registry {
    /// Writes all proposals that are signed by all who must: those that are handed over, which have to be taken, and those
    /// that wait in the repository, of which the others stay. Roots come first, then `targets`.
    ///
    /// Throws `incomplete`, `gap`, `stale` or `differing` for one that was handed over, and `blobMissing` where it lists what
    /// boxes could not fetch; then nothing is written.
    package mutating func takeProposals(_ given: [GivenProposal] = []) throws -> TakenProposals {
        try onTopOfOthers { registry in
            if !given.isEmpty {
                var rehearsal = registry.editor.rehearsing()
                var intake = try Intake(given, registry.storage)
                try intake.settle(&rehearsal, RehearsalStorage(registry.storage))
                for file in given { try registry.requireBlobs(of: file.proposal) }
            }
            var intake = try Intake(given, registry.storage)
            try intake.settle(&registry.editor, registry.storage)
            // What they changed of keys shows when all is read anew.
            if !intake.report.taken.isEmpty { try registry.reopen() }
            return intake.report
        }
    }

    /// Throws `blobMissing` where a proposal lists anew what names a blob that isn't there: one that travelled for longer
    /// than the grace period of `repo gc` may come back too late.
    private func requireBlobs(of proposal: Proposal) throws {
        guard case .targets(let document) = proposal.metadata else { return }
        let known = editor.roles[proposal.role]?.targets ?? [:]
        let brought = Dictionary(proposal.documents.map { ($0.path.text, $0.contents) }) { first, _ in first }
        for (text, file) in document.body.targets.sorted(by: { $0.key < $1.key }) where known[text] != file {
            var named: [BundleRecord.Blob] = []
            if BundleLocation(path: text) != nil {
                guard let record = try? BundleRecord(custom: file.custom) else { continue }
                named = [record.archive] + record.signatures
            } else if let location = AcceptanceLocation(path: text), let bytes = brought[text],
                let acceptance = try? Acceptance.parse(bytes, at: location)
            {
                named = [BundleRecord.Blob(digest: acceptance.data, bytes: acceptance.dataBytes)]
            }
            for blob in named where try !blobs.holds(blob) {
                throw RegistryError.blobMissing(digest: blob.digest, neededBy: text)
            }
        }
    }

    /// Whether there is no repository in the storage, but proposals for one.
    package static func isProposed(in storage: any RepositoryStorage) throws -> Bool {
        guard try storage.status(of: .metadata("1.root.json")) == nil else { return false }
        return try !storedProposals(in: storage).proposals.isEmpty
    }

    /// Brings a repository to life that exists as proposals only: writes its first root, once all who must have signed
    /// it and everything else that is proposed. `takeProposals` then takes the rest.
    ///
    /// Throws `incomplete` for what has yet to be signed, `otherRepository` where no proposed root is the one that is
    /// trusted, and `differing` where there are several and none is trusted; then nothing is written.
    ///
    /// - Parameter keys: where they hold the first root, it has to say what that one says.
    package static func begin(
        in storage: any RepositoryStorage,
        _ given: [GivenProposal] = [],
        keys: KeyFolder? = nil
    ) throws {
        var intake = try Intake(given, storage)
        let root = try intake.chooseFirstRoot(pinned: try keys?.trustedRoot()) {
            RegistryError.otherRepository(path: storage.name, pin: keys?.trustedRootPath ?? "")
        }
        guard let root, case .root(let document) = root.first.metadata else {
            throw RegistryError.notARepository(path: storage.name)
        }
        let merged = try root.merged(by: SigningAuthority.ofFirstRoot(document.body))
        let rehearsal = RehearsalStorage(storage)
        var editor = try RepositoryEditor.begin(in: rehearsal, with: merged)
        var trial = intake
        try trial.settle(&editor, rehearsal)
        // What another one was taken for stops nobody.
        let rivals = intake.places(of: trial.report.taken)
        let waiting = trial.report.waiting.filter { !rivals.contains($0.place) }
        if let first = waiting.first {
            throw ProposalError.incomplete(
                role: first.standing.role,
                version: first.standing.version,
                missing: waiting.flatMap(\.sentences)
            )
        }
        if let left = trial.report.left.first(where: { !rivals.contains($0.place) }) {
            throw ProposalError.unusable(place: left.place, reason: left.reason)
        }
        guard editor.roles[.targets] != nil else { throw RepositoryError.incomplete(missing: "targets") }
        _ = try RepositoryEditor.begin(in: storage, with: merged)
    }
}

extension Intake {
    /// The first root to begin with: the one that says what the trusted one says, or the only one. Others are passed over.
    /// Nil where none is proposed.
    fileprivate mutating func chooseFirstRoot(
        pinned: [UInt8]?,
        other: () -> RegistryError
    ) throws -> Candidate? {
        let first = candidates.filter { $0.first.role == .root && $0.first.version == 1 }
        guard let any = first.first else { return nil }
        var chosen = any
        if let pinned {
            guard let same = first.first(where: { Registry.isSameRoot($0.first.metadata.encoded(), pinned) }) else {
                throw other()
            }
            chosen = same
        } else if let given = first.first(where: \.isGiven) {
            chosen = given
        } else if first.count > 1 {
            throw ProposalError.differing(role: .root, version: 1)
        }
        // Handed over or not, none but the chosen one can come.
        if let refused = first.first(where: { $0.isGiven && $0.place != chosen.place }) {
            throw ProposalError.unusable(place: refused.place, reason: "it is not the root that is trusted here")
        }
        candidates.removeAll { candidate in first.contains { $0.place == candidate.place && $0.place != chosen.place } }
        return chosen
    }

    /// Where all lie that are for these versions, or make way for others.
    fileprivate func places(of taken: [TakenProposals.Taken]) -> Set<String> {
        let same = candidates.filter { candidate in
            taken.contains { $0.role == candidate.first.role.text && $0.version == candidate.first.version }
        }
        return passedOver.union(same.map(\.place))
    }
}

extension WaitingProposal {
    /// Whose signatures it waits for, one sentence for each who asks for more.
    package var sentences: [String] {
        let asking = standing.authorities.filter { $0.lacking > 0 }
        guard !asking.isEmpty else {
            let reason =
                standing.isComplete
                ? "signed by all who must, and follows a version that is not there yet" : "nobody delegates to it yet"
            return ["\(standing.role) version \(standing.version): \(reason)"]
        }
        return asking.map { "\(standing.role) version \(standing.version): \($0.sentence)" }
    }
}
