internal import FileSystem
package import UpdateFramework
package import WallClock

/// When each role of a repository expires, verified as a box verifies it.
package struct ExpiryCheck {
    package struct Role: Sendable, Equatable {
        package let name: RoleName
        /// Nil, as `expires`, for a role that has published nothing, or nothing that is in effect.
        package let version: Int?
        package let expires: UTCTime?
    }

    /// The top-level roles, then the delegated ones in the order in which boxes ask.
    package private(set) var roles: [Role] = []
    /// What kept the rest from being looked at, as sentences.
    package private(set) var notes: [String] = []
    package let now: UTCTime

    /// Looks at a repository.
    ///
    /// Throws what a client does of a repository that it can't verify; what has expired is no such thing here.
    ///
    /// - Parameter root: the file of the root to trust; nil for the repository's own first one.
    package init(of source: RepositorySource, root: String? = nil, now: UTCTime) throws {
        self.now = now
        guard
            let trusted = try root.map({ try FileSystem.read($0, limit: UpdateLimits().rootBytes) })
                ?? source.firstRoot()
        else { throw RegistryError.notARepository(path: source.name) }
        let store = MemoryMetadataStore()
        try Updater.trust(root: trusted, in: store)
        // Nothing has expired by this clock, so that all is looked at; it is held against the time below. What had expired
        // when the keeper signed the timestamp a client refuses all the same.
        var updater = try Updater(store: store, transport: source.metadata, updateStart: UTCTime(seconds: 0))
        var expired: Role?
        do {
            try updater.refresh()
        } catch UpdateError.expired(let role, let version, let expires, _) {
            expired = Role(name: role, version: version, expires: expires)
            notes.append("boxes look no further than \(role), which had expired when the keeper last signed")
        }
        take(.root, updater.trusted.root.header, unless: expired)
        if let timestamp = updater.trusted.timestamp { take(.timestamp, timestamp.header, unless: expired) }
        if let snapshot = updater.trusted.snapshot { take(.snapshot, snapshot.header, unless: expired) }
        if let expired {
            roles.append(expired)
            return
        }
        for (role, metadata) in updater.everyRole() {
            do {
                let header = try metadata.get()?.header
                roles.append(Role(name: role, version: header?.version, expires: header?.expires))
            } catch UpdateError.expired(_, let version, let expires, _) {
                roles.append(Role(name: role, version: version, expires: expires))
            }
        }
    }

    private mutating func take(_ name: RoleName, _ header: MetadataHeader, unless expired: Role?) {
        guard expired?.name != name else { return }
        roles.append(Role(name: name, version: header.version, expires: header.expires))
    }

    /// The roles that have expired or will within a time, soonest first.
    package func due(within period: Duration) -> [Role] {
        let moment = now.advanced(by: period)
        return roles.filter { role in role.expires.map { $0 <= moment } ?? false }
            .sorted { ($0.expires ?? now, $0.name) < ($1.expires ?? now, $1.name) }
    }
}
