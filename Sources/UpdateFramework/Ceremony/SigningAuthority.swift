/// Whoever names the keys that must sign a role: the root before and the new root itself, the root, or a delegator.
package struct SigningAuthority: Sendable {
    /// What errors and people call it: `root version 3`, `targets version 5`, or `itself` of a root's own keys.
    package let name: String
    package let roleKeys: RoleKeys
    /// By key id.
    let table: [String: MetadataKey]
    /// What a delegated role is trusted with; nil for `root` and `targets`.
    let delegated: DelegatedRole?

    init(name: String, roleKeys: RoleKeys, table: [String: MetadataKey], delegated: DelegatedRole? = nil) {
        self.name = name
        self.roleKeys = roleKeys
        self.table = table
        self.delegated = delegated
    }

    /// The keys that may sign, as metadata has them.
    package var keys: [MetadataKey] { roleKeys.keyIDs.compactMap { table[$0] } }

    /// Those who must sign the root after `previous`, or the first one.
    static func overRoot(_ new: RootMetadata, after previous: RootMetadata?) -> [SigningAuthority] {
        let own = SigningAuthority(name: "itself", roleKeys: new.keys(of: .root), table: new.keys)
        guard let previous else { return [own] }
        let before = SigningAuthority(
            name: "root version \(previous.version)",
            roleKeys: previous.keys(of: .root),
            table: previous.keys
        )
        return [before, own]
    }

    /// Those who must sign a repository's first root.
    package static func ofFirstRoot(_ root: RootMetadata) -> [SigningAuthority] { overRoot(root, after: nil) }

    /// Those who name keys for `targets` or a role below it; all must be content. None where nobody delegates to it.
    static func over(
        _ role: RoleName,
        root: RootMetadata,
        delegators: [RoleName: TargetsMetadata]
    ) -> [SigningAuthority] {
        if role == .targets {
            let name = "root version \(root.version)"
            return [SigningAuthority(name: name, roleKeys: root.keys(of: role), table: root.keys)]
        }
        return delegators.sorted { $0.key < $1.key }.compactMap { delegator, metadata in
            guard let delegations = metadata.delegations, let delegated = delegations[role] else { return nil }
            return SigningAuthority(
                name: "\(delegator) version \(metadata.version)",
                roleKeys: delegated.keys,
                table: delegations.keys,
                delegated: delegated
            )
        }
    }
}

extension MetadataDocument {
    func verify(_ authority: SigningAuthority) throws(UpdateError) {
        let name = authority.name == "itself" ? "it" : authority.name
        try verify(authority.roleKeys, keys: authority.table, delegator: name)
    }
}

extension TargetsMetadata {
    /// Throws where a path can't be listed, or none of those who delegate to the role trusts it with the path.
    func checkPaths(of role: RoleName, _ authorities: [SigningAuthority]) throws(RepositoryError) {
        for text in targets.keys {
            guard let path = TargetPath(text) else { throw .badTargetPath(text) }
            guard authorities.contains(where: { $0.delegated?.covers(path) ?? true }) else {
                throw .notCovered(role: role, path: path)
            }
        }
    }
}
