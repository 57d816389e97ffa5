internal import Crypto
internal import Deployment
internal import FileSystem
internal import UpdateFramework
internal import WallClock

extension Registry {
    package struct Rotated: Sendable {
        /// Where the key that counts no more was put.
        package let retiredKey: String
        package let newKey: String
    }

    /// Gives a role a new key: what is signed with the old one counts no more once it is committed.
    ///
    /// Whoever delegates signs: `root` for the four top-level roles, `targets` for all others. What was published and not
    /// committed is dropped, as the old key may have been another's by then. May be run again after it was cut off.
    ///
    /// - Parameter restoringDelegations: of `targets`: also delegates anew, to the roles of a new repository and nobody
    ///   else, with the public keys in the folder. For when somebody else may have signed `targets`.
    package mutating func rotate(
        _ role: RegistryRole,
        keys: KeyFolder,
        restoringDelegations: Bool = false
    ) throws -> Rotated {
        let nextPath = keys.path(named: "\(role.text).next")
        let isThere = try FileSystem.statusFollowingLinks(of: nextPath) != nil
        let delegator: RegistryRole = role.isTopLevel ? .root : .targets
        let delegatorSigner = try signer(of: delegator, keys)
        let signer = try PrivateKeySigner(
            isThere ? try keys.privateKey(at: nextPath) : try keys.make(nextPath)
        )
        if keyIDs(of: role) != [signer.key.id] { try delegate(to: role, signer, by: delegatorSigner) }
        let retired = try keys.retire(role, replacingWith: nextPath)
        try reopen()
        let isResigned = role != .root && role != .snapshot && role != .timestamp
        if isResigned, restoringDelegations || editor.needSignature[role.name] != nil {
            try editor.publish(role.name, expires: now.advanced(by: policy.targets), signers: [signer]) { targets in
                guard restoringDelegations, role == .targets else { return }
                targets.targets = targets.targets.filter { [Revocations.path, RegistryPolicy.path].contains($0.key) }
                targets.delegations = try Self.delegations { [try keys.publicKey(of: $0)] }
            }
            try reopen()
            // Whom `targets` trusted meanwhile may have signed these; their holders sign them anew.
            for (other, _) in editor.needSignature.sorted(by: { $0.key < $1.key }) {
                guard let other = RegistryRole(other.text), other != role, try keys.holds(other) else { continue }
                _ = try refresh(other, keys: keys)
            }
        }
        return Rotated(retiredKey: retired, newKey: keys.path(of: role))
    }

    private mutating func delegate(
        to role: RegistryRole,
        _ signer: PrivateKeySigner,
        by delegator: PrivateKeySigner
    ) throws {
        guard let publicKey = signer.key.publicKey() else { return }
        if role.isTopLevel {
            let signers: [any MetadataSigner] = [delegator, signer]
            try editor.publishRoot(expires: now.advanced(by: policy.root), signers: signers) { root in
                try root.setKeys([publicKey], threshold: 1, for: role.name)
            }
        } else {
            try editor.publish(.targets, expires: now.advanced(by: policy.targets), signers: [delegator]) { targets in
                guard let delegated = targets.delegations?[role.name] else {
                    throw RepositoryError.unknownRole(role.name)
                }
                try targets.delegations?.delegate(to: delegated, keys: [publicKey])
            }
        }
    }
}

extension KeyFolder {
    /// Puts the role's key aside and the next one in its place. Returns where the old one is.
    fileprivate func retire(_ role: RegistryRole, replacingWith next: String) throws -> String {
        var number = 1
        while try FileSystem.statusFollowingLinks(of: path(named: "\(role.text).retired-\(number)")) != nil {
            number += 1
        }
        let retired = path(named: "\(role.text).retired-\(number)")
        // The private key last: while it is at its old place, all of this can be done again.
        for half in [KeyFile.publicPath, { $0 }] as [(String) -> String] {
            // What was cut off before goes on where it was.
            guard try FileSystem.statusFollowingLinks(of: half(next)) != nil else { continue }
            if try FileSystem.statusFollowingLinks(of: half(path(of: role))) != nil {
                try FileSystem.rename(half(path(of: role)), to: half(retired))
            }
            try FileSystem.rename(half(next), to: half(path(of: role)))
        }
        try FileSystem.synchronizeDirectory(folder ?? ".")
        return retired
    }
}
