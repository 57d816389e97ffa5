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
    /// What the repository says of how long its roles are good for; nil where it can't be read.
    private var policy: RegistryPolicy?

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
        policy = Self.policy(&updater, source)
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

    private static func policy(_ updater: inout Updater, _ source: RepositorySource) -> RegistryPolicy? {
        guard let path = TargetPath(RegistryPolicy.path), let target = (try? updater.find(path)) ?? nil,
            let bytes = try? updater.contents(of: target, from: source.targets, limitBytes: 65_536)
        else { return nil }
        return try? RegistryPolicy.parse(bytes)
    }

    /// What is looked ahead where nobody says otherwise.
    package static let usualPeriod = Duration.seconds(3 * 86_400)

    /// The roles that have expired or will within a time, soonest first.
    ///
    /// - Parameter period: nil for three days; for what the keeper renews all the time, within the last quarter of its life
    ///   where that is less.
    package func due(within period: Duration?) -> [Role] {
        roles.filter { role in
            let moment = now.advanced(by: period ?? usualPeriod(of: role.name))
            return role.expires.map { $0 <= moment } ?? false
        }
        .sorted { ($0.expires ?? now, $0.name) < ($1.expires ?? now, $1.name) }
    }

    private func usualPeriod(of role: RoleName) -> Duration {
        switch role {
        case .timestamp: min(Self.usualPeriod, policy.map { $0.timestamp / 4 } ?? Self.usualPeriod)
        case .snapshot: min(Self.usualPeriod, policy.map { $0.snapshot / 4 } ?? Self.usualPeriod)
        default: Self.usualPeriod
        }
    }
}
