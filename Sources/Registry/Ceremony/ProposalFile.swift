internal import FileSystem
package import UpdateFramework

/// A proposal where it lies: among those of a repository, or in a file that travels.
package struct ProposalFile {
    private enum Home {
        case file(String)
        case stored(any RepositoryStorage, RepositoryPath)
    }

    /// What messages call it.
    package let place: String
    package private(set) var proposal: Proposal
    private var bytes: [UInt8]
    private let home: Home

    /// Reads the file at a path. In a repository's folder `proposals` it is changed as others may change it meanwhile.
    package init(_ path: String) throws {
        let folder = FileSystem.parent(of: path)
        let name = FileSystem.name(of: path)
        if FileSystem.name(of: folder) == Registry.proposalFolder {
            let storage = RepositoryDirectory(FileSystem.parent(of: folder))
            try self.init(storage, RepositoryPath(components: [Registry.proposalFolder, name]), place: path)
            return
        }
        let status = try FileSystem.statusFollowingLinks(of: path)
        guard (status?.size ?? 0) <= Proposal.limitBytes else {
            throw ProposalError.tooLarge(place: path, limitBytes: Proposal.limitBytes)
        }
        let bytes = try FileSystem.read(path, limit: Proposal.limitBytes)
        self.init(
            place: path,
            proposal: try Proposal(parsing: bytes, place: path),
            bytes: bytes,
            home: .file(path)
        )
    }

    /// Reads a file among a repository's proposals.
    package init(_ storage: any RepositoryStorage, _ path: RepositoryPath, place: String) throws {
        guard let bytes = try Registry.readProposal(path, in: storage) else {
            throw ProposalError.unusable(place: place, reason: "there is no such file")
        }
        self.init(
            place: place,
            proposal: try Proposal(parsing: bytes, place: place),
            bytes: bytes,
            home: .stored(storage, path)
        )
    }

    private init(place: String, proposal: Proposal, bytes: [UInt8], home: Home) {
        self.place = place
        self.proposal = proposal
        self.bytes = bytes
        self.home = home
    }

    /// Writes a proposal to a file that isn't there.
    package static func write(_ proposal: Proposal, to path: String) throws {
        guard try FileSystem.statusFollowingLinks(of: path) == nil else {
            throw RegistryError.contradiction("\(path) is there already")
        }
        try FileSystem.write(try proposal.encoded(), to: path)
    }

    package var given: GivenProposal { GivenProposal(place: place, proposal: proposal) }

    /// The repository that it lies in; nil for a file that travels.
    package var storage: (any RepositoryStorage)? {
        if case .stored(let storage, _) = home { storage } else { nil }
    }

    /// Signs with those of the keys that are asked for, and writes the file. Returns the keys that hadn't signed before:
    /// none where all of them had, and then nothing is written.
    ///
    /// Throws `notAsked` where no key at hand is asked for.
    package mutating func sign(with keys: KeyFolder, after review: Proposal.Review) throws -> [MetadataKey] {
        try requireAsked(keys, review)
        let signers = try keys.signers(among: review.authorities.flatMap(\.keys))
        let fresh = try proposal.sign(with: signers, after: review)
        guard !fresh.isEmpty else { return [] }
        switch home {
        case .file(let path): try FileSystem.write(try proposal.encoded(), to: path)
        case .stored(let storage, let path): try store(in: storage, path, review)
        }
        return fresh
    }

    /// Another holder may sign the same file at the same time: both signatures stay.
    private mutating func store(
        in storage: any RepositoryStorage,
        _ path: RepositoryPath,
        _ review: Proposal.Review
    ) throws {
        for _ in 0..<Registry.attempts {
            let encoded = try proposal.encoded()
            if try storage.replace(bytes, with: encoded, at: path) {
                bytes = encoded
                return
            }
            guard let present = try Registry.readProposal(path, in: storage) else {
                throw RepositoryError.changedMeanwhile(file: place)
            }
            try proposal.merge(try Proposal(parsing: present, place: place), by: review.authorities)
            bytes = present
        }
        throw RepositoryError.changedMeanwhile(file: place)
    }
}

extension ProposalFile {
    /// Verifies all that the proposal brings along, and that a repository which it lies in has not gone on since.
    ///
    /// - Parameter trusted: a root of its repository that is trusted.
    package func review(trusting trusted: [UInt8]?) throws -> Proposal.Review {
        if let storage, try storage.status(of: .metadata("1.root.json")) != nil {
            do {
                try RepositoryEditor(opening: storage).checkFollows(proposal)
            } catch let error as ProposalError {
                // Before another one, or before all have signed, it may be signed already.
                if case .stale = error { throw error }
            }
        }
        return try proposal.review(pinned: trusted, explain: DocumentMeaning.explain)
    }

    /// Keeps a first root beside the keys that signed it, where none is there: from then on they sign for no other
    /// repository. Others may have yet to sign it; what it says is what counts.
    ///
    /// Returns where it lies; nil where it was kept before, or is no first root.
    package func keepFirstRoot(beside keys: KeyFolder) throws -> String? {
        guard proposal.role == .root, proposal.version == 1, try keys.trustedRoot() == nil,
            let path = keys.trustedRootPath
        else { return nil }
        try keys.trust(root: proposal.metadata.encoded())
        return path
    }

    /// Throws `notAsked` where no key at hand is asked for.
    package func requireAsked(_ keys: KeyFolder, _ review: Proposal.Review) throws {
        guard try !keys.holdsAny(of: review.authorities.flatMap(\.keys)) else { return }
        let asked = review.standing.authorities.flatMap { $0.missing + $0.signed }.map(\.label)
        throw ProposalError.notAsked(
            role: proposal.role,
            version: proposal.version,
            asked: asked.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        )
    }
}

extension Proposal {
    /// The root that its own chain begins with, for a reader who trusts no root yet; nil at a repository's beginning.
    package var ownFirstRoot: [UInt8]? {
        context.roots.count == 1 && context.assumed.contains(.root) ? nil : context.roots.first
    }
}
