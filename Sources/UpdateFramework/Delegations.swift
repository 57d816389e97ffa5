package import Crypto
internal import Digest
internal import JSON

/// Who else may list targets, in order of priority.
package struct Delegations: Sendable, Equatable {
    /// By key id.
    package private(set) var keys: [String: MetadataKey]
    package private(set) var roles: [DelegatedRole]
    private var unrecognized: CanonicalObject

    package init() {
        keys = [:]
        roles = []
        unrecognized = CanonicalObject()
    }

    init?(optionalIn signed: CanonicalObject) throws(JSONError) {
        guard let object = try signed.optionalObject("delegations", path: "signed") else { return nil }
        let path = "signed.delegations"
        // Ignoring them would hide targets, and an older file of the same name could come through in their place.
        guard !object.has("succinct_roles") else {
            throw .unexpected(
                path: "\(path).succinct_roles",
                problem: "hash bins by succinct roles (TAP 15) are not supported"
            )
        }
        keys = try MetadataKey.table(object, path: path)
        roles = []
        var names: Set<RoleName> = []
        for (index, value) in try object.elements("roles", path: path).enumerated() {
            let role = try DelegatedRole(value, path: "\(path).roles[\(index)]")
            guard names.insert(role.name).inserted else {
                throw .unexpected(path: "\(path).roles", problem: "two roles are called \(role.name)")
            }
            roles.append(role)
        }
        unrecognized = object.without(["keys", "roles"])
    }

    package subscript(name: RoleName) -> DelegatedRole? { roles.first { $0.name == name } }

    /// Delegates to `role`, at the end of the order or in the place of a role of the same name.
    package mutating func delegate(to role: DelegatedRole, keys publicKeys: [PublicKey]) throws(CryptoError) {
        var metadataKeys: [MetadataKey] = []
        for publicKey in publicKeys { metadataKeys.append(try MetadataKey(publicKey)) }
        delegate(to: role, keys: metadataKeys)
    }

    /// The same with keys as metadata carries them, such as with the names of their holders.
    package mutating func delegate(to role: DelegatedRole, keys metadataKeys: [MetadataKey]) {
        var role = role
        role.keys.keyIDs = []
        for key in metadataKeys {
            keys[key.id] = key
            if !role.keys.keyIDs.contains(key.id) { role.keys.keyIDs.append(key.id) }
        }
        if let index = roles.firstIndex(where: { $0.name == role.name }) {
            roles[index] = role
        } else {
            roles.append(role)
        }
        dropUnusedKeys()
    }

    /// Delegates to `role`, with exactly these keys: before another role, or where it was, or at the end of the order.
    package mutating func place(_ role: DelegatedRole, keys placed: [MetadataKey], before other: RoleName? = nil) {
        var role = role
        role.keys.keyIDs = []
        for key in placed where !role.keys.keyIDs.contains(key.id) {
            keys[key.id] = key
            role.keys.keyIDs.append(key.id)
        }
        var index = roles.firstIndex { $0.name == role.name }
        if let found = index, other != nil {
            roles.remove(at: found)
            index = nil
        }
        if let index {
            roles[index] = role
        } else {
            roles.insert(role, at: roles.firstIndex { $0.name == other } ?? roles.endIndex)
        }
        dropUnusedKeys()
    }

    /// Takes the delegation back; false where there was none.
    package mutating func undelegate(_ name: RoleName) -> Bool {
        guard let index = roles.firstIndex(where: { $0.name == name }) else { return false }
        roles.remove(at: index)
        dropUnusedKeys()
        return true
    }

    private mutating func dropUnusedKeys() {
        let used = Set(roles.flatMap(\.keys.keyIDs))
        keys = keys.filter { used.contains($0.key) }
    }

    var json: JSONValue {
        .object(
            unrecognized.json.merging([
                "keys": MetadataKey.json(keys), "roles": .array(roles.map { .object($0.members) }),
            ])
        )
    }
}

/// A role that may list some targets.
package struct DelegatedRole: Sendable, Equatable {
    /// Which target paths it is trusted with.
    package enum Scope: Sendable, Equatable {
        /// Paths that match one of these.
        case paths([PathPattern])
        /// Paths whose SHA-256 begins with one of these lowercase digits.
        case hashPrefixes([String])
    }

    package let name: RoleName
    package var keys: RoleKeys
    package var scope: Scope
    /// What it doesn't list isn't looked for in the roles after it.
    package var isTerminating: Bool

    /// A role to be delegated to; `Delegations.delegate` fills in its keys. Nil for a top-level role's name.
    package init?(_ name: RoleName, paths: [PathPattern], threshold: Int = 1, isTerminating: Bool = false) {
        guard !name.isTopLevel else { return nil }
        self.name = name
        keys = RoleKeys(keyIDs: [], threshold: threshold)
        scope = .paths(paths)
        self.isTerminating = isTerminating
    }

    private static let names: Set<String> = ["name", "terminating", "paths", "path_hash_prefixes"]

    init(_ value: CanonicalValue, path: String) throws(JSONError) {
        let object = try value.requireObject(path)
        let fields = object.fields(["name", "terminating"], path: path)
        let text = try fields.string("name")
        guard let name = RoleName(text), !name.isTopLevel else {
            throw fields.problem("name", "\"\(text)\" can't be the name of a delegated role")
        }
        self.name = name
        keys = try RoleKeys(object, path: path, others: Self.names)
        isTerminating = try fields.optionalBoolean("terminating") ?? false
        switch (object.has("paths"), object.has("path_hash_prefixes")) {
        case (true, false): scope = .paths(try object.strings("paths", path: path).map { PathPattern($0) })
        case (false, true):
            let prefixes = try object.strings("path_hash_prefixes", path: path)
            guard prefixes.allSatisfy({ $0.utf8.allSatisfy(isLowercaseHexadecimal) }) else {
                throw fields.problem("path_hash_prefixes", "expected lowercase hexadecimal digits")
            }
            scope = .hashPrefixes(prefixes)
        case (true, true): throw fields.problem("paths", "stands beside path_hash_prefixes, where one is allowed")
        case (false, false): throw fields.problem("paths", "is missing, and so is path_hash_prefixes")
        }
    }

    /// Whether the role is trusted with this path.
    package func covers(_ path: TargetPath) -> Bool { covers(path, PathDigest(path)) }

    func covers(_ path: TargetPath, _ digest: PathDigest) -> Bool {
        switch scope {
        case .paths(let patterns): patterns.contains { $0.matches(path.text) }
        case .hashPrefixes(let prefixes): prefixes.contains { digest.begins(with: $0) }
        }
    }

    /// Whether it may be trusted with a path below this folder.
    func canCover(below folder: String) -> Bool {
        switch scope {
        case .paths(let patterns): patterns.contains { $0.canMatch(below: folder) }
        case .hashPrefixes: true
        }
    }

    var members: JSONObject {
        var object = keys.members.merging(["name": .string(name.text), "terminating": .boolean(isTerminating)])
        switch scope {
        case .paths(let patterns): object["paths"] = .array(patterns.map { .string($0.text) })
        case .hashPrefixes(let prefixes): object["path_hash_prefixes"] = .array(prefixes.map { .string($0) })
        }
        return object
    }
}

/// The SHA-256 of a target's path, by which hash prefixes cover it.
struct PathDigest {
    private let digits: [UInt8]

    init(_ path: TargetPath) { digits = Array(SHA256.digest(path.text.utf8).hex.utf8) }

    func begins(with prefix: String) -> Bool { digits.starts(with: prefix.utf8) }
}

private func isLowercaseHexadecimal(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}
