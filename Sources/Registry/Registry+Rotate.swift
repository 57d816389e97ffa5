package import Crypto
internal import Deployment
internal import FileSystem
package import UpdateFramework
internal import WallClock

extension Registry {
    /// The key that is to count no more.
    package enum OldKey: Sendable {
        /// By its holder's name or the beginning of its id.
        case called(String)
        case key(PublicKey)
    }

    /// A key that somebody else has made and keeps.
    package struct NewKey: Sendable {
        package let key: PublicKey
        /// Nil for the holder of the old one.
        package let owner: String?

        package init(key: PublicKey, owner: String?) {
            self.key = key
            self.owner = owner
        }
    }

    package struct Rotated: Sendable {
        package let role: RegistryRole
        /// Nil where it was replaced before, and this went on from there.
        package let old: MetadataKey?
        package let new: MetadataKey
        /// What became of the change by whoever delegates.
        package let effect: ChangeEffect
        /// Where the key that counts no more was put, if it was here.
        package internal(set) var retiredKey: String?
        /// Where the new key is, if it was made here.
        package internal(set) var newKey: String?
        /// What became of the role's content.
        package internal(set) var content: ChangeEffect = .none
        /// What a restoration changed that somebody may not have meant, as sentences.
        package internal(set) var warnings: [String] = []
    }

    /// Puts a new key in the place of one of a role's: what is signed with the old one counts no more once it is committed.
    ///
    /// Whoever delegates signs: `root` for the four top-level roles, `targets` or another role for the rest. What was
    /// published and not committed is dropped where its signatures don't suffice without the old key, as that may have been
    /// another's by then. May be run again after it was cut off, and after others have signed what was proposed.
    ///
    /// - Parameters:
    ///   - old: which key; nil for the only one.
    ///   - new: nil for one that is made here.
    ///   - restoration: of `targets`: also delegates anew, to these roles and nobody else. For when somebody else may have
    ///     signed `targets`.
    package mutating func rotate(
        _ role: RegistryRole,
        old: OldKey? = nil,
        new: NewKey? = nil,
        keys: KeyFolder,
        restoring restoration: Restoration? = nil
    ) throws -> Rotated {
        try requireRole(role)
        let authorities = authorities(over: role)
        guard let authority = authorities.first, authorities.count == 1 else {
            let names = authorities.map(\.delegator.text)
            throw DelegationError.severalDelegators(role: role.text, delegators: names)
        }
        let present = KeyAssignment(authority.roleKeys, among: authority.keys)
        let next = try keys.next(of: role)
        let known = try new?.key ?? next.publicKey()
        let isDone = try known.map { present.contains(try MetadataKey($0)) } ?? false
        // Before a key is made that nobody would delegate to.
        if !isDone { try requireKey(of: RegistryRole(authority.delegator.text) ?? .targets, keys) }
        let replaced = isDone ? nil : try Self.meant(by: old, among: present, of: role)
        let publicKey = try known ?? next.make()
        let owner = new?.owner ?? replaced?.owner
        let plain = try MetadataKey(publicKey, owner: owner)
        let replacement = isDone ? present.keys.first { $0.isSameKey(as: plain) } ?? plain : plain
        var effect = ChangeEffect.none
        if let replaced { effect = try replace(replaced, with: replacement, of: role, by: authority.delegator, keys) }
        var rotated = Rotated(role: role, old: replaced, new: replacement, effect: effect)
        if new == nil { rotated.newKey = next.path }
        // Until it is in the repository the old key signs.
        if let waiting = effect.waiting {
            // What others may have signed is restored first, and not signed as it is.
            if restoration == nil {
                rotated.content = try proposeContent(of: role, following: waiting, keys: keys)
            }
            return rotated
        }
        try reopen()
        if new == nil
            || replaced.map({ old in (try? keys.publicKey(of: role)).map { old.isSameKey($0) } ?? false }) == true
        {
            let counting = self.authorities(over: role).map { KeyAssignment($0.roleKeys, among: $0.keys) }
            let settled = try keys.settle(role, next) { key in counting.contains { $0.contains(key) } }
            rotated.retiredKey = settled.retired
            if new == nil { rotated.newKey = settled.place }
        }
        if let restoration, role == .targets {
            (rotated.content, rotated.warnings) = try restore(restoration, keys: keys)
        } else {
            rotated.content = try signContent(of: role, keys: keys)
        }
        return rotated
    }

    private static func meant(
        by old: OldKey?,
        among present: KeyAssignment,
        of role: RegistryRole
    ) throws -> MetadataKey {
        switch old {
        case .called(let text): return try present.key(called: text, of: role.name)
        case .key(let key):
            let wanted = try MetadataKey(key)
            guard let found = present.keys.first(where: { $0.isSameKey(as: wanted) }) else {
                throw KeyAssignmentError.unknown(
                    role: role.name,
                    key: wanted.label,
                    known: present.keys.map(\.label)
                )
            }
            return found
        case nil:
            guard let only = present.keys.first, present.keys.count == 1 else {
                throw KeyAssignmentError.unnamed(role: role.name, known: present.keys.map(\.label))
            }
            return only
        }
    }

    private mutating func replace(
        _ old: MetadataKey,
        with new: MetadataKey,
        of role: RegistryRole,
        by delegator: RoleName,
        _ keys: KeyFolder
    ) throws -> ChangeEffect {
        if role.isTopLevel {
            return try changeRoot(keys: keys) { editor in
                let root = editor.root.body
                let present = KeyAssignment(root.keys(of: role.name), among: root.keys)
                let next = try present.replacing(old, with: new, of: role.name)
                return RootChange(result: ()) { $0.setKeys(next.keys, threshold: next.threshold, for: role.name) }
            }.effect
        }
        guard let delegator = RegistryRole(delegator.text) else {
            throw RegistryError.unknownRole(delegator.text, known: delegatedRoles.map(\.name.text))
        }
        return try change(delegator, keys: keys) { editor in
            guard let delegations = editor.roles[delegator.name]?.delegations, let delegated = delegations[role.name]
            else {
                throw RepositoryError.unknownRole(role.name)
            }
            let next = try KeyAssignment(delegated.keys, among: delegations.keys)
                .replacing(old, with: new, of: role.name)
            return Change(result: ()) { $0.delegations?.place(delegated, keys: next.keys) }
        }.effect
    }
}

extension MetadataKey {
    fileprivate func isSameKey(_ key: PublicKey) -> Bool { material == key.material }
}

// MARK: after targets was in other hands

extension Registry {
    /// The delegations that `targets` is to have again.
    package struct Restoration: Sendable {
        /// Roles besides those of every repository. Their paths are those that they have now: look at them.
        package var others: [RegistryRole]
        /// Of a role that is not named: the one in the folder, `ROLE.pub`.
        package var keys: [RegistryRole: [MetadataKey]]
        /// Of a role that is not named: 1.
        package var thresholds: [RegistryRole: Int]

        package init(
            others: [RegistryRole] = [],
            keys: [RegistryRole: [MetadataKey]] = [:],
            thresholds: [RegistryRole: Int] = [:]
        ) {
            self.others = others
            self.keys = keys
            self.thresholds = thresholds
        }
    }

    /// Whom `targets` trusted meanwhile may have signed the other roles; those whose keys are here are signed anew.
    private mutating func restore(
        _ restoration: Restoration,
        keys: KeyFolder
    ) throws -> (effect: ChangeEffect, warnings: [String]) {
        let changed = try change(.targets, keys: keys) { editor in
            let present = editor.roles[.targets]?.delegations ?? Delegations()
            let (next, warnings) = try restoration.delegations(instead: present) { try keys.publicKey(of: $0) }
            return Change(result: warnings) { targets in
                targets.targets = targets.targets.filter { [Revocations.path, RegistryPolicy.path].contains($0.key) }
                targets.delegations = next
            }
        }
        try reopen()
        for (other, _) in editor.needSignature.sorted(by: { $0.key < $1.key }) {
            guard let other = RegistryRole(other.text), other != .targets else { continue }
            _ = try signContent(of: other, keys: keys)
        }
        return (changed.effect, changed.result)
    }
}

extension Registry.Restoration {
    func delegations(
        instead present: Delegations,
        key: (RegistryRole) throws -> PublicKey
    ) throws -> (delegations: Delegations, warnings: [String]) {
        var next = Delegations()
        var warnings: [String] = []
        func own(_ role: RegistryRole) throws -> [MetadataKey] { try keys[role] ?? [try MetadataKey(key(role))] }
        for role in RegistryRole.delegated {
            guard let delegated = DelegatedRole(role.name, paths: role.paths) else { continue }
            let threshold = thresholds[role] ?? 1
            let assignment = try KeyAssignment(of: role.name, keys: try own(role), threshold: threshold)
            var restored = delegated
            restored.keys.threshold = threshold
            next.place(restored, keys: assignment.keys)
            if let before = present[role.name]?.keys.threshold, before > threshold {
                warnings.append("\(role.text) had a threshold of \(before), and has one of \(threshold) now")
            }
        }
        for role in others where !RegistryRole.delegated.contains(role) {
            guard let delegated = present[role.name], case .paths(let paths) = delegated.scope else {
                throw RegistryError.unknownRole(role.text, known: present.roles.map(\.name.text))
            }
            var request = DelegationRequest(role)
            request.paths = paths
            request.isTerminating = delegated.isTerminating
            request.keys = try own(role)
            request.threshold = thresholds[role] ?? 1
            next = try next.planning(request, by: .targets, trusted: nil).delegations
            let texts = paths.map(\.text).joined(separator: ", ")
            warnings.append("\(role.text) is trusted with \(texts) again: make sure that this is what it had")
        }
        let dropped = present.roles.map(\.name).filter { next[$0] == nil }
        warnings += dropped.map { "\($0) is not delegated to any more" }
        return (next, warnings)
    }
}

// MARK: files

/// A key that is being put in the place of a role's: `ROLE.next.pem`.
struct NextKey {
    let path: String
    fileprivate let folder: KeyFolder

    func publicKey() throws -> PublicKey? {
        guard try FileSystem.statusFollowingLinks(of: path) != nil else { return nil }
        return try folder.privateKey(at: path).publicKey
    }

    func make() throws -> PublicKey {
        guard folder.folder != nil else {
            throw RegistryError.contradiction("a key that is made here needs a folder: --keys KEYDIR")
        }
        return try folder.make(path).publicKey
    }
}

extension KeyFolder {
    fileprivate func next(of role: RegistryRole) throws -> NextKey {
        NextKey(path: path(named: "\(role.text).next"), folder: self)
    }

    /// Puts the role's key aside, and the next one in its place. Where `ROLE.pem` is a key that counts still, of another
    /// holder, the next one is put beside it.
    ///
    /// - Returns: where the new key is, and where the old one is if it was here.
    fileprivate func settle(
        _ role: RegistryRole,
        _ next: NextKey,
        counts: (MetadataKey) -> Bool
    ) throws -> (place: String, retired: String?) {
        let nextKey = try next.publicKey()
        if try holds(role) {
            let here = try MetadataKey(try publicKey(of: role))
            let isNext = try nextKey.map { here.isSameKey(as: try MetadataKey($0)) } ?? true
            if counts(here), !isNext { return (try putBeside(role, next.path), nil) }
            // Where there is no next one, it is in its place already, or another's.
            if counts(here), isNext { return (path(of: role), nil) }
        }
        return (path(of: role), try retire(role, replacingWith: next.path))
    }

    private func putBeside(_ role: RegistryRole, _ next: String) throws -> String {
        var number = 2
        while try FileSystem.statusFollowingLinks(of: path(named: "\(role.text)-\(number)")) != nil { number += 1 }
        let place = path(named: "\(role.text)-\(number)")
        for half in [KeyFile.publicPath, { $0 }] as [(String) -> String] {
            guard try FileSystem.statusFollowingLinks(of: half(next)) != nil else { continue }
            try FileSystem.rename(half(next), to: half(place))
        }
        try FileSystem.synchronizeDirectory(FileSystem.parent(of: place))
        return place
    }

    /// Returns where the old key is now; nil where there was none.
    private func retire(_ role: RegistryRole, replacingWith next: String) throws -> String? {
        var number = 1
        while try FileSystem.statusFollowingLinks(of: path(named: "\(role.text).retired-\(number)")) != nil {
            number += 1
        }
        let retired = path(named: "\(role.text).retired-\(number)")
        var isHere = false
        // The private key last: while it is at its old place, all of this can be done again.
        for half in [KeyFile.publicPath, { $0 }] as [(String) -> String] {
            if try FileSystem.statusFollowingLinks(of: half(path(of: role))) != nil {
                // What was cut off before goes on where it was.
                let isMoved = try FileSystem.statusFollowingLinks(of: half(next)) == nil
                guard try !isMoved || FileSystem.statusFollowingLinks(of: next) == nil else { continue }
                try FileSystem.rename(half(path(of: role)), to: half(retired))
                isHere = true
            }
            guard try FileSystem.statusFollowingLinks(of: half(next)) != nil else { continue }
            try FileSystem.rename(half(next), to: half(path(of: role)))
        }
        try FileSystem.synchronizeDirectory(FileSystem.parent(of: retired))
        return isHere ? retired : nil
    }
}
