import CommandLine
import FileSystem
import JSON
import Registry
import UpdateFramework

/// What commands say of changes that wait for signatures.
extension RegistryParameters {
    /// Says who has to sign what waits, and with which command. Nothing to say of other effects.
    static func tell(_ effect: Registry.ChangeEffect, in repository: String, _ terminal: Terminal) {
        guard let waiting = effect.waiting else { return }
        tell(waiting, in: repository, terminal)
    }

    static func tell(_ waiting: WaitingProposal, in repository: String, _ terminal: Terminal) {
        let path = "\(repository)/\(waiting.place)"
        let standing = waiting.standing
        guard !standing.isComplete else {
            terminal.notice(
                "\(standing.role) version \(standing.version) is signed by all who must; the keeper runs "
                    + "`edgepack repo commit \(repository) --keys KEYDIR`"
            )
            return
        }
        terminal.notice(
            "not published yet: \(standing.role) version \(standing.version) waits for signatures in \(path)"
        )
        for authority in standing.authorities where authority.lacking > 0 { terminal.notice(authority.sentence) }
        terminal.notice(
            "they run `edgepack repo sign \(path) --keys KEYDIR`, with this file or a copy of it; then the keeper runs "
                + "`edgepack repo commit \(repository) --keys KEYDIR`"
        )
    }

    /// Members for what waits: where it lies, and whose signatures would help; null and none for what is published.
    static func members(_ effect: Registry.ChangeEffect, in repository: String) -> JSONObject {
        [
            "proposal": effect.waiting.map { .string("\(repository)/\($0.place)") } ?? .null,
            "missing": .array((effect.waiting?.standing.wanted ?? []).map { .string($0.label) }),
        ]
    }

    static func json(_ standing: ProposalStanding) -> JSONValue {
        let authorities = standing.authorities.map { authority -> JSONValue in
            [
                "name": .string(authority.name), "threshold": .integer(authority.threshold),
                "lacking": .integer(authority.lacking), "signed": .array(authority.signed.map(json)),
                "missing": .array(authority.missing.map(json)),
            ]
        }
        return [
            "role": .string(standing.role.text), "version": .integer(standing.version),
            "isComplete": .boolean(standing.isComplete), "authorities": .array(authorities),
        ]
    }

    static func json(_ key: MetadataKey) -> JSONValue {
        ["id": .string(key.id), "owner": key.owner.map { .string($0) } ?? .null, "type": .string(key.type)]
    }
}

// MARK: where proposals lie

extension RegistryParameters {
    private static let folder = "/proposals/"

    /// The proposal in a file, or among those of a repository, in a folder or an object store.
    static func proposal(_ place: String) throws -> ProposalFile {
        guard place.hasPrefix("s3://") else { return try ProposalFile(place) }
        let parts = place.split(separator: folder, maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[1].isEmpty, !parts[1].contains("/") else {
            let reason = "a proposal in an object store is s3://BUCKET/PREFIX/proposals/N.ROLE.json"
            throw ProposalError.unusable(place: place, reason: reason)
        }
        let path = RepositoryPath(components: ["proposals", parts[1]])
        return try ProposalFile(try RepositoryPlace.writable.read(parts[0]).storage(), path, place: place)
    }

    /// Whether a place is that of a proposal, and not of a repository.
    static func isProposal(_ place: String) throws -> Bool {
        if place.hasPrefix("s3://") { return place.contains(folder) && place.hasSuffix(".json") }
        return try FileSystem.statusFollowingLinks(of: place)?.kind == .regular
    }
}

extension JSONValue {
    /// With these members too.
    func with(_ members: JSONObject) -> JSONValue {
        guard case .object(var object) = self else { return self }
        for (name, value) in members.members { object[name] = value }
        return .object(object)
    }
}
