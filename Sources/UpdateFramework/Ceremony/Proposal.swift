internal import Diagnostics
package import Digest

/// A staged version of a role with the signatures that it has so far, and all that its reader needs to judge it: one file
/// that lies in a repository or travels by mail or stick.
package struct Proposal: Sendable {
    package internal(set) var metadata: StagedMetadata
    package let context: ProposalContext
    /// What the version lists anew; stored with it.
    package let documents: [NewDocument]
    /// What documents refer to, for words: known by their digests and stored nowhere.
    package let attachments: [SHA256Digest: [UInt8]]

    /// The most that is read of one.
    package static let limitBytes = 32 << 20

    package init(
        metadata: StagedMetadata,
        context: ProposalContext,
        documents: [NewDocument] = [],
        attachments: [[UInt8]] = []
    ) {
        self.metadata = metadata
        self.context = context
        self.documents = documents
        self.attachments = Dictionary(attachments.map { (SHA256.digest($0), $0) }) { first, _ in first }
    }

    package var role: RoleName { metadata.role }
    package var version: Int { metadata.version }

    /// Its name among the proposals of a repository: `7.bundles.json`.
    package var fileName: String { "\(version).\(role.storedName)" }

    /// Whether both say the same, whoever has signed them.
    package func saysTheSame(as other: Proposal) -> Bool {
        role == other.role && metadata.signedBytes == other.metadata.signedBytes
    }

    /// Takes over the signatures of a copy. Throws `differing` where it says something else.
    ///
    /// - Parameter authorities: whose keys count; what is no signature of theirs is dropped, so that nobody can put a
    ///   worthless one in the place of a good one.
    package mutating func merge(_ copy: Proposal, by authorities: [SigningAuthority]) throws(ProposalError) {
        guard saysTheSame(as: copy) else { throw .differing(role: role, version: version) }
        var other = copy.metadata
        other.dropUnasked(authorities)
        metadata.dropUnasked(authorities)
        let present = Set(metadata.signatures.map(\.keyID))
        metadata.signatures += other.signatures.filter { !present.contains($0.keyID) }
    }
}

// MARK: judging

extension Proposal {
    /// What somebody has to know before signing: verified, not just claimed.
    package struct Review: Sendable {
        package let authorities: [SigningAuthority]
        package let standing: ProposalStanding
        /// What has to come into effect first, and other things that the reader must know, as sentences.
        package let notes: [String]
        /// What the version changes, as sentences.
        package let changes: [String]
    }

    /// Verifies all that the proposal brings along, and says in words what it changes.
    ///
    /// - Parameters:
    ///   - pinned: a root that is trusted; nil will do for the beginning of a repository only.
    ///   - explain: what a document means.
    package func review(
        pinned: [UInt8]?,
        limits: UpdateLimits = UpdateLimits(),
        explain: DocumentExplainer = { _, _ in nil }
    ) throws -> Review {
        let verified = try context.verified(for: metadata, pinned: pinned, limits: limits)
        if case .targets(let document) = metadata {
            do throws(RepositoryError) {
                try document.body.checkPaths(of: role, verified.authorities)
            } catch {
                throw ProposalError.notVerified(role: role, version: version, reason: error.message)
            }
        }
        try checkKeys(since: verified.previous)
        let known = verified.previous?.targets ?? [:]
        try checkDocuments(known: known, mayLackSome: verified.previous == nil && isTooMuchToBring)
        return Review(
            authorities: verified.authorities,
            standing: metadata.standing(by: verified.authorities),
            notes: notes(verified).map { $0.printable() },
            changes: changes(since: verified.previous, explain).map { $0.printable() }
        )
    }

    /// The most that is brought along of documents that were listed before, in all.
    static let repeatedBytes = 8 << 20

    private var isTooMuchToBring: Bool {
        var room = Self.repeatedBytes
        for (_, file) in metadata.targets {
            guard file.length <= room else { return true }
            room -= file.length
        }
        return false
    }

    /// Throws where a new key stands under an id that isn't derived from it: words name keys by their ids.
    private func checkKeys(since previous: StagedMetadata?) throws(ProposalError) {
        let known = previous?.keys ?? [:]
        for (id, key) in metadata.keys where known[id] != key && !key.hasDerivedID {
            let reason = "the key \(id.printable()) has an id that isn't the digest of the key"
            throw .notVerified(role: role, version: version, reason: reason)
        }
    }

    private func notes(_ verified: VerifiedContext) -> [String] {
        var notes: [String] = []
        if context.roots.isEmpty || (context.roots.count == 1 && context.assumed.contains(.root)) {
            notes.append("this is the beginning of a repository: nothing behind it is trusted yet")
        } else if let root = verified.root, role != .root {
            notes.append("trusted by root version \(root.version)")
        }
        for role in context.assumed.sorted() {
            notes.append("it can only follow a version of \(role) that is itself not signed by all who must")
        }
        if let previous = verified.previous, previous.version + 1 < version {
            notes.append(
                "it is compared with version \(previous.version); what versions after that one said is not known here"
            )
        }
        if let problem = verified.previousProblem {
            notes.append(
                "the version before can't be relied on, so all is listed that this one has: \(problem)"
            )
            if case .targets(let document) = metadata {
                let brought = Set(documents.map(\.path.text))
                let count = document.body.targets.filter { !brought.contains($0.key) }.count
                if count > 0 {
                    let what = count == 1 ? "1 document that it lists is" : "\(count) documents that it lists are"
                    notes.append("\(what) not brought along, and described by path and digest only")
                }
            }
        }
        return notes
    }

    /// Throws unless the documents are what the metadata lists, and all are there that it lists and `known` doesn't.
    ///
    /// - Parameter mayLackSome: all of them would be too much; the words say of each that it isn't there.
    func checkDocuments(known: MetadataTable<TargetFile>, mayLackSome: Bool = false) throws(ProposalError) {
        guard case .targets(let metadata) = metadata else {
            guard documents.isEmpty else {
                throw .wrongDocument(path: documents[0].path.text, reason: "stands beside a root, which lists none")
            }
            return
        }
        // By exact text: a path in another spelling is another path.
        var brought: Set<ExactText> = []
        for document in documents {
            let path = document.path.text
            guard brought.insert(ExactText(path)).inserted else {
                throw .wrongDocument(path: path, reason: "stands there twice")
            }
            guard let listed = metadata.body.targets[path] else {
                throw .wrongDocument(path: path, reason: "is not listed by the metadata")
            }
            do throws(UpdateError) {
                guard listed.hashes.hasKnownKind else { throw .noKnownHash(file: path) }
                try FileChecker.check(document.contents, file: path, length: listed.length, hashes: listed.hashes)
            } catch {
                throw .wrongDocument(path: path, reason: "is not what the metadata lists: \(error.message)")
            }
        }
        guard !mayLackSome else { return }
        for (path, file) in metadata.body.targets.sorted(by: { $0.key < $1.key })
        where !brought.contains(ExactText(path)) && known[path]?.hashes != file.hashes {
            throw .documentMissing(path: path)
        }
    }

    /// Signs with those signers whose keys are asked for. Returns the keys that hadn't signed before.
    package mutating func sign(with signers: [any MetadataSigner], after review: Review) throws -> [MetadataKey] {
        try metadata.sign(with: signers, for: review.authorities)
    }
}
