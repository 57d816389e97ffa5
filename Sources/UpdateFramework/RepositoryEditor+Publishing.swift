package import JSON
package import WallClock

extension RepositoryEditor {
    /// Stores a target's file and returns what a role is to list. Storing the same content again is fine.
    package func store(_ contents: [UInt8], as path: TargetPath, custom: JSONObject? = nil) throws -> TargetFile {
        let document = NewDocument(contents, as: path, custom: custom)
        try store(document)
        return document.file
    }

    package func store(_ document: NewDocument) throws {
        // Anew where it is there already: as young as what is to name it, no gc takes it away meanwhile.
        let place = Self.place(of: document.path, document.file)
        try storage.put(place, bytes: document.contents.count) { sink in
            try document.contents.withUnsafeBytes { try sink($0) }
        }
    }

    static func place(of path: TargetPath, _ file: TargetFile) -> RepositoryPath {
        let place = path.repositoryPath(hashPrefix: file.hashes.fileNamePrefix)
        return RepositoryPath(components: ["targets"] + place.components)
    }

    /// Writes the next version of `targets` or a delegated role: as it stands (empty where there is none yet), after
    /// `edit`, signed by those of the signers that are its keys.
    ///
    /// Throws `thresholdNotMet` where those don't suffice, and `changedMeanwhile` where another publisher wrote that
    /// version first.
    package mutating func publish(
        _ role: RoleName,
        expires: UTCTime,
        signers: [any MetadataSigner],
        documents: [NewDocument] = [],
        edit: (inout TargetsMetadata) throws -> Void
    ) throws {
        var staged = try stage(role, expires: expires, documents: documents, edit: edit)
        _ = try staged.sign(with: signers)
        try accept(staged)
    }

    /// Writes the next root: as it stands, after `edit`, signed by those of the signers that are keys of the old or of the
    /// new one. Throws `thresholdNotMet` where those don't suffice for both.
    package mutating func publishRoot(
        expires: UTCTime,
        signers: [any MetadataSigner],
        edit: (inout RootMetadata) throws -> Void
    ) throws {
        var staged = try stageRoot(expires: expires, edit: edit)
        _ = try staged.sign(with: signers)
        try accept(staged)
    }
}

// MARK: staging

/// The next version of a role, made from the repository as it is and not written yet.
package struct StagedVersion: Sendable {
    package internal(set) var metadata: StagedMetadata
    package let authorities: [SigningAuthority]
    package let documents: [NewDocument]

    package var role: RoleName { metadata.role }
    package var version: Int { metadata.version }
    package var standing: ProposalStanding { metadata.standing(by: authorities) }

    /// The keys that may sign it, as metadata has them.
    package var wanted: [MetadataKey] { authorities.flatMap(\.keys) }

    /// Signs with those signers whose keys are asked for. Returns the keys that hadn't signed before.
    package mutating func sign(with signers: [any MetadataSigner]) throws -> [MetadataKey] {
        try metadata.sign(with: signers, for: authorities)
    }
}

extension RepositoryEditor {
    /// Makes the next version of `targets` or a delegated role: as it stands (empty where there is none yet), after
    /// `edit`. Nothing is written.
    package func stage(
        _ role: RoleName,
        expires: UTCTime,
        documents: [NewDocument] = [],
        edit: (inout TargetsMetadata) throws -> Void
    ) throws -> StagedVersion {
        let authorities = authorities(over: role)
        guard !authorities.isEmpty else { throw RepositoryError.unknownRole(role) }
        var metadata = roles[role] ?? TargetsMetadata(version: 1, expires: expires)
        try edit(&metadata)
        let version = nextVersion(of: role)
        guard MetadataHeader.versions.contains(version) else { throw RepositoryError.versionsUsedUp(role) }
        metadata.header.version = version
        metadata.header.expires = expires
        try metadata.checkPaths(of: role, authorities)
        let document = try MetadataDocument(metadata, role: role)
        return StagedVersion(metadata: .targets(document), authorities: authorities, documents: documents)
    }

    /// Makes the next root: as it stands, after `edit`. Nothing is written.
    package func stageRoot(
        expires: UTCTime,
        edit: (inout RootMetadata) throws -> Void
    ) throws -> StagedVersion {
        let previous = root.body
        var next = previous
        try edit(&next)
        next.header.version = previous.version + 1
        next.header.expires = expires
        let document = try MetadataDocument(next, role: .root)
        let authorities = SigningAuthority.overRoot(next, after: previous)
        return StagedVersion(metadata: .root(document), authorities: authorities, documents: [])
    }

    /// The first above the newest one of which there is no file: names that somebody took without signing are stepped
    /// over. It is out of range (`MetadataHeader.versions`) where all are used up.
    package func nextVersion(of role: RoleName) -> Int {
        if role == .root { return root.body.version + 1 }
        return freeVersion(of: role, above: max(roles[role]?.version ?? 0, snapshot?.body[role]?.version ?? 0))
    }

    func freeVersion(of role: RoleName, above newest: Int) -> Int {
        let taken = takenVersions[role] ?? []
        var version = newest + 1
        while taken.contains(version) { version += 1 }
        return version
    }

    /// Throws where clients would not read it, whatever it says: too large, or of a version out of range.
    func checkReadable(_ bytes: [UInt8], _ role: RoleName, version: Int) throws {
        guard MetadataHeader.versions.contains(version) else { throw RepositoryError.versionsUsedUp(role) }
        let limit = limits.bytes(of: role)
        guard bytes.count <= limit else { throw UpdateError.tooLarge(file: role.listedName, limitBytes: limit) }
    }

    /// Writes a staged version, its documents first.
    ///
    /// Throws `thresholdNotMet` where not all have signed who must, `tooManyRoles`, and `changedMeanwhile` where somebody
    /// else wrote that version first.
    package mutating func accept(_ staged: StagedVersion) throws {
        var metadata = staged.metadata
        try metadata.verify(staged.authorities)
        metadata.dropUnasked(staged.authorities)
        let bytes = metadata.encoded()
        switch metadata {
        case .root(let document):
            try checkReadable(bytes, .root, version: document.body.version)
            try create(bytes, .root, version: document.body.version)
            root = document
        case .targets:
            // Read again as anybody will read it.
            let published = try verified(bytes, role: staged.role, version: staged.version)
            try checkReach(of: published, as: staged.role)
            for document in staged.documents { try store(document) }
            try create(bytes, staged.role, version: staged.version)
            take(published, staged.role, bytes)
        }
    }

    mutating func create(_ bytes: [UInt8], _ role: RoleName, version: Int) throws {
        let name = "\(version).\(role.listedName)"
        guard try storage.create(bytes, at: .metadata(name)) else {
            throw RepositoryError.changedMeanwhile(file: name)
        }
        takenVersions[role, default: []].insert(version)
    }
}
