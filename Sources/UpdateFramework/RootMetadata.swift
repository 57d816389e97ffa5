package import Crypto
package import JSON
package import WallClock

/// root.json: which keys speak for the top-level roles (TUF 1.0.34 section 4.3).
package struct RootMetadata: MetadataBody {
    package static let typeName = "root"

    package var header: MetadataHeader
    /// Whether file names carry versions and digests, so that a repository can change while it is read.
    package var consistentSnapshot: Bool
    /// By key id.
    package private(set) var keys: [String: MetadataKey]
    /// Of root, timestamp, snapshot and targets: all four are always there.
    private var roles: [RoleName: RoleKeys]
    private var unrecognized: JSONObject

    private static let roleNames: [RoleName] = [.root, .timestamp, .snapshot, .targets]

    /// A first root. `authorities` is asked for each of the four roles.
    package init(expires: UTCTime, authorities: (RoleName) throws -> (keys: [PublicKey], threshold: Int)) throws {
        header = MetadataHeader(version: 1, expires: expires)
        consistentSnapshot = true
        keys = [:]
        roles = [:]
        unrecognized = JSONObject()
        for role in Self.roleNames {
            let authority = try authorities(role)
            try setKeys(authority.keys, threshold: authority.threshold, for: role)
        }
    }

    /// A first root of keys as metadata carries them; a role that is not among them has none, and nobody can sign for it.
    package init(expires: UTCTime, roles: [RoleName: (keys: [MetadataKey], threshold: Int)]) {
        header = MetadataHeader(version: 1, expires: expires)
        consistentSnapshot = true
        keys = [:]
        self.roles = [:]
        unrecognized = JSONObject()
        for role in Self.roleNames {
            let authority = roles[role] ?? (keys: [], threshold: 1)
            setKeys(authority.keys, threshold: authority.threshold, for: role)
        }
    }

    package init(_ signed: CanonicalObject) throws(JSONError) {
        // As a tree: a root is small.
        let fields = JSONFields(object: signed.json, path: "signed")
        header = try MetadataHeader(signed)
        consistentSnapshot = try fields.optionalBoolean("consistent_snapshot") ?? false
        keys = try MetadataKey.table(signed, path: "signed")
        roles = [:]
        let listed = try signed.object("roles", path: "signed")
        for role in Self.roleNames {
            let path = "signed.roles.\(role.text)"
            roles[role] = try RoleKeys(try listed.object(role.text, path: "signed.roles"), path: path)
        }
        unrecognized = fields.unrecognized(
            besides: MetadataHeader.names.union(["consistent_snapshot", "keys", "roles"])
        )
    }

    /// The keys of a top-level role; those of no role sign nothing.
    package func keys(of role: RoleName) -> RoleKeys { roles[role] ?? RoleKeys(keyIDs: [], threshold: .max) }

    /// Gives a top-level role these keys instead of what it has. Keys that no role uses any more are dropped.
    package mutating func setKeys(_ publicKeys: [PublicKey], threshold: Int, for role: RoleName) throws(CryptoError) {
        var metadataKeys: [MetadataKey] = []
        for publicKey in publicKeys { metadataKeys.append(try MetadataKey(publicKey)) }
        setKeys(metadataKeys, threshold: threshold, for: role)
    }

    /// The same with keys as metadata carries them, such as with the names of their holders.
    package mutating func setKeys(_ metadataKeys: [MetadataKey], threshold: Int, for role: RoleName) {
        var assigned = roles[role] ?? RoleKeys(keyIDs: [])
        assigned.keyIDs = []
        for key in metadataKeys {
            keys[key.id] = key
            if !assigned.keyIDs.contains(key.id) { assigned.keyIDs.append(key.id) }
        }
        assigned.threshold = threshold
        roles[role] = assigned
        let used = Set(roles.values.flatMap(\.keyIDs))
        keys = keys.filter { used.contains($0.key) }
    }

    /// Whether `next` takes a key away from one of these roles, which is how a repository recovers from a stolen one.
    func revokesKey(of names: [RoleName], in next: RootMetadata) -> Bool {
        names.contains { name in
            let kept = Set(next.keys(of: name).keyIDs.compactMap { next.keys[$0]?.json })
            return keys(of: name).keyIDs.contains { id in keys[id].map { !kept.contains($0.json) } ?? false }
        }
    }

    package var json: JSONValue {
        var object = unrecognized.merging(header.members(type: Self.typeName))
        object["consistent_snapshot"] = .boolean(consistentSnapshot)
        object["keys"] = MetadataKey.json(keys)
        let sorted = roles.sorted { $0.key < $1.key }
        object["roles"] = .object(JSONObject(sorted.map { ($0.key.text, .object($0.value.members)) }))
        return .object(object)
    }
}

extension MetadataKey {
    /// Ten thousand hash bins have a key each.
    private static let mostInTable = 10_000

    /// The object `keys` of a root or of delegations.
    static func table(_ parent: CanonicalObject, path: String) throws(JSONError) -> [String: MetadataKey] {
        let listed = try parent.object("keys", path: path)
        guard listed.count <= mostInTable else {
            throw .unexpected(path: "\(path).keys", problem: "holds \(listed.count) keys, more than \(mostInTable)")
        }
        var keys: [String: MetadataKey] = [:]
        for index in 0..<listed.count {
            let (id, value) = listed[index]
            // Texts that are equal without having the same bytes: others would see two keys here.
            guard keys[id] == nil else {
                throw .unexpected(path: "\(path).keys", problem: "two ids differ in their spelling only")
            }
            keys[id] = try MetadataKey(id: id, value, path: "\(path).keys.\(id)")
        }
        return keys
    }

    static func json(_ keys: [String: MetadataKey]) -> JSONValue {
        .object(JSONObject(keys.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }))
    }
}
