package import Crypto
internal import FileSystem
package import UpdateFramework

/// Who is to hold the roles of a new repository, as far as somebody says.
package struct FoundingKeys: Sendable {
    /// Of the keys that are made.
    package var type: KeyType
    /// Public keys of holders, by role. No key is made for a role that is named here.
    package var keys: [RegistryRole: [MetadataKey]]
    /// How many of a role's keys must sign; one where nothing is said.
    package var thresholds: [RegistryRole: Int]

    package init(
        type: KeyType = .p256,
        keys: [RegistryRole: [MetadataKey]] = [:],
        thresholds: [RegistryRole: Int] = [:]
    ) {
        self.type = type
        self.keys = keys
        self.thresholds = thresholds
    }

    /// The keys and the threshold of every role: those that were named, and the role's own of the folder, which is made
    /// where there is none and nobody else's was named.
    ///
    /// Throws before a key is made where a threshold can't be reached.
    func assign(_ folder: KeyFolder) throws -> (roles: [RegistryRole: KeyAssignment], newKeys: [String]) {
        guard let path = folder.folder else {
            throw RegistryError.contradiction("the keys of a new repository need a folder: --keys KEYDIR")
        }
        var assigned: [RegistryRole: KeyAssignment] = [:]
        var missing: [RegistryRole] = []
        for role in RegistryRole.all {
            var known = keys[role] ?? []
            if let own = try folder.ownPublicKey(of: role) {
                let key = try MetadataKey(own)
                if !known.contains(where: { $0.isSameKey(as: key) }) { known.append(key) }
            }
            let threshold = thresholds[role] ?? 1
            if known.isEmpty {
                guard threshold == 1 else {
                    throw KeyAssignmentError.threshold(role: role.name, threshold: threshold, keys: 1)
                }
                missing.append(role)
            } else {
                assigned[role] = try KeyAssignment(of: role.name, keys: known, threshold: threshold)
            }
        }
        try Self.makeFolder(path)
        for role in missing {
            let key = try MetadataKey(try folder.make(folder.path(of: role), type).publicKey)
            assigned[role] = try KeyAssignment(of: role.name, keys: [key], threshold: 1)
        }
        return (assigned, missing.map(folder.path(of:)))
    }

    private static func makeFolder(_ path: String) throws {
        guard try FileSystem.statusFollowingLinks(of: path) == nil else { return }
        try FileSystem.createDirectories(FileSystem.parent(of: path))
        try FileSystem.createDirectory(path, mode: 0o700)
    }
}
