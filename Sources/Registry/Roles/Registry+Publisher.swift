internal import Deployment
package import UpdateFramework

extension Registry {
    /// What a client finds in the newest version of every role, committed or not.
    package var lookup: RoleLookup { RoleLookup(editor.roles) }

    /// The role that is to list a path: the one that is wanted, or else the first in a client's order of which a key is
    /// here.
    ///
    /// Throws `unknownRole`, `notTrusted` where a client doesn't ask the role for that path, and `hidden` where another
    /// role lists the path before it. Without a key of any, it is the first that is asked; what wants to sign says so.
    func publisher(of path: String, as wanted: RegistryRole?, keys: KeyFolder) throws -> RegistryRole {
        let lookup = lookup
        let able = lookup.roles(covering: try targetPath(path))
        let role: RegistryRole
        if let wanted {
            try requireRole(wanted)
            guard able.contains(wanted.name) else {
                throw RegistryError.notTrusted(role: wanted.text, path: path, able: able.map(\.text))
            }
            role = wanted
        } else {
            let known = able.compactMap { RegistryRole($0.text) }
            // Where nobody's key is here, the role that every repository has is the one to name.
            guard
                let found = try known.first(where: { try holdsKey(of: $0, keys) })
                    ?? known.first(where: RegistryRole.delegated.contains) ?? known.first
            else { throw RegistryError.notTrusted(role: nil, path: path, able: []) }
            role = found
        }
        if let found = lookup.find(path), let before = able.firstIndex(of: found.role),
            let own = able.firstIndex(of: role.name), before < own
        {
            throw RegistryError.hidden(path: path, role: role.text, by: found.role.text)
        }
        return role
    }

    /// Whether one of a role's keys is here.
    func holdsKey(of role: RegistryRole, _ keys: KeyFolder) throws -> Bool {
        try keys.holdsAny(
            of: authorities(over: role).flatMap { authority in
                authority.roleKeys.keyIDs.compactMap { authority.keys[$0] }
            }
        )
    }

    /// Throws `unknownRole` for a role that nobody delegates to.
    package func requireRole(_ role: RegistryRole) throws {
        guard !role.isTopLevel, authorities(over: role).isEmpty else { return }
        throw RegistryError.unknownRole(role.text, known: delegatedRoles.map(\.name.text))
    }

    /// Every delegated role in a client's order, each once, with whoever delegates to it first.
    package var delegatedRoles: [DelegatedRole] {
        var found: [DelegatedRole] = []
        var open: [DelegatedRole] = (editor.roles[.targets]?.delegations?.roles ?? []).reversed()
        while let role = open.popLast() {
            guard !found.contains(where: { $0.name == role.name }) else { continue }
            found.append(role)
            open += (editor.roles[role.name]?.delegations?.roles ?? []).reversed()
        }
        return found
    }

    /// Whoever names keys for a role, and which: `root` for a top-level one, else all that delegate to it.
    func authorities(
        over role: RegistryRole
    ) -> [(delegator: RoleName, roleKeys: RoleKeys, keys: [String: MetadataKey])] {
        if role.isTopLevel {
            let root = editor.root.body
            return [(.root, root.keys(of: role.name), root.keys)]
        }
        return editor.roles.sorted { $0.key < $1.key }.compactMap { delegator, metadata in
            guard let delegations = metadata.delegations, let delegated = delegations[role.name] else { return nil }
            return (delegator, delegated.keys, delegations.keys)
        }
    }
}
