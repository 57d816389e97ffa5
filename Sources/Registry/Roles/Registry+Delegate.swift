internal import Crypto
package import UpdateFramework

extension Registry {
    /// What was asked about a role's keys and paths, and what it means.
    package struct Delegated: Sendable {
        package let role: RegistryRole
        package let delegator: RoleName
        package let isNew: Bool
        package let keys: [MetadataKey]
        package let threshold: Int
        /// What it is trusted with; none of a top-level role.
        package let paths: [String]
        /// What somebody who asks for this may not have meant, as sentences.
        package let warnings: [String]
        /// What clients find no longer, or anew.
        package let difference: LookupDifference
        /// Where a key was made.
        package let newKey: String?
        /// What became of the role's content, where its keys or paths ask for another signature.
        package internal(set) var content: ChangeEffect = .none
    }

    /// Makes a role, or changes one that is there; for a top-level role that is a new root.
    ///
    /// - Parameters:
    ///   - delegator: who is to delegate; nil for whoever does, and `targets` for a new role.
    ///   - isTrial: only work out what it would mean.
    package mutating func delegate(
        _ request: DelegationRequest,
        from delegator: RegistryRole? = nil,
        keys: KeyFolder,
        isTrial: Bool = false
    ) throws -> Changed<Delegated> {
        if request.role.isTopLevel {
            guard delegator == nil, request.paths == nil, request.isTerminating == nil, request.before == nil else {
                throw DelegationError.topLevel(request.role.text)
            }
            return try assign(request, keys: keys, isTrial: isTrial)
        }
        let delegator = try self.delegator(of: request.role, named: delegator) ?? .targets
        var request = request
        var newKey: String?
        let isNew = editor.roles[delegator.name]?.delegations?[request.role.name] == nil
        if isNew, request.paths == nil {
            throw DelegationError.noPaths(role: request.role.text, known: delegatedRoles.map(\.name.text))
        }
        let needsKey = isNew && request.keys == nil
        if needsKey { (request.keys, newKey) = try ownKey(of: request.role, keys, isTrial: true) }
        let view = self
        let wasReachable = !authorities(over: request.role).isEmpty
        func plan(_ editor: RepositoryEditor) throws -> (DelegationPlan, Delegated) {
            let present = editor.roles[delegator.name]?.delegations ?? Delegations()
            let plan = try present.planning(request, by: delegator.name, trusted: view.trustedPaths(of: delegator))
            let difference = try Self.difference(in: editor, delegator.name, plan.delegations)
            let authority = plan.delegations[request.role.name].map {
                KeyAssignment($0.keys, among: plan.delegations.keys)
            }
            let result = Delegated(
                role: request.role,
                delegator: delegator.name,
                isNew: plan.isNew,
                keys: authority?.keys ?? [],
                threshold: authority?.threshold ?? 1,
                paths: plan.delegations[request.role.name]?.patternTexts ?? [],
                warnings: plan.warnings + view.consequences(of: difference),
                difference: difference,
                newKey: newKey
            )
            return (plan, result)
        }
        // Before a key is made for nothing.
        let trial = try plan(editor).1
        if isTrial { return Changed(result: trial, effect: .none) }
        if needsKey {
            try requireKey(of: delegator, keys)
            (request.keys, newKey) = try ownKey(of: request.role, keys, isTrial: false)
        }
        let changed = try change(delegator, keys: keys) { editor in
            let (plan, result) = try plan(editor)
            let isSame = editor.roles[delegator.name]?.delegations == plan.delegations
            return Change(result: result, edit: isSame ? nil : { $0.delegations = plan.delegations })
        }
        return try signingContent(of: changed, keys: keys, isEmptied: !wasReachable)
    }

    /// Takes a role away: what it lists is found no longer.
    package mutating func undelegate(
        _ role: RegistryRole,
        from delegator: RegistryRole? = nil,
        keys: KeyFolder,
        isTrial: Bool = false
    ) throws -> Changed<Delegated> {
        guard !role.isTopLevel else { throw DelegationError.topLevel(role.text) }
        try requireRole(role)
        guard let delegator = try self.delegator(of: role, named: delegator) else {
            throw RegistryError.unknownRole(role.text, known: delegatedRoles.map(\.name.text))
        }
        let view = self
        func plan(_ editor: RepositoryEditor) throws -> (Delegations?, Delegated) {
            let present = editor.roles[delegator.name]?.delegations ?? Delegations()
            var next = present
            let isThere = next.undelegate(role.name)
            let difference = try Self.difference(in: editor, delegator.name, next)
            let authority = present[role.name].map { KeyAssignment($0.keys, among: present.keys) }
            let result = Delegated(
                role: role,
                delegator: delegator.name,
                isNew: false,
                keys: authority?.keys ?? [],
                threshold: authority?.threshold ?? 1,
                paths: present[role.name]?.patternTexts ?? [],
                warnings: view.consequences(of: difference),
                difference: difference,
                newKey: nil
            )
            return (isThere ? next : nil, result)
        }
        if isTrial { return Changed(result: try plan(editor).1, effect: .none) }
        let changed = try change(delegator, keys: keys) { editor in
            let (next, result) = try plan(editor)
            return Change(result: result, edit: next.map { next in { $0.delegations = next } })
        }
        if changed.effect.isPublished { try reopen() }
        return changed
    }

    // MARK: top-level roles

    private mutating func assign(
        _ request: DelegationRequest,
        keys: KeyFolder,
        isTrial: Bool
    ) throws -> Changed<Delegated> {
        let name = request.role.name
        func plan(_ editor: RepositoryEditor) throws -> (KeyAssignment, isSame: Bool, Delegated) {
            let root = editor.root.body
            let before = KeyAssignment(root.keys(of: name), among: root.keys)
            let wanted = (request.keys ?? before.keys).map { key in
                // With the name that it has here already, where no other is given.
                key.owner == nil
                    ? root.keys.sorted { $0.key < $1.key }.map(\.value).first { $0.isSameKey(as: key) } ?? key : key
            }
            let after = try KeyAssignment(of: name, keys: wanted, threshold: request.threshold ?? before.threshold)
            let result = Delegated(
                role: request.role,
                delegator: .root,
                isNew: false,
                keys: after.keys,
                threshold: after.threshold,
                paths: [],
                warnings: after.holdersWhoSuffice.map {
                    "\($0) holds as many keys of \(name) as must sign: one person is enough"
                },
                difference: LookupDifference(from: RoleLookup([:]), to: RoleLookup([:])),
                newKey: nil
            )
            return (after, before == after, result)
        }
        if isTrial { return Changed(result: try plan(editor).2, effect: .none) }
        let changed = try changeRoot(keys: keys) { editor in
            let (after, isSame, result) = try plan(editor)
            return RootChange(
                result: result,
                edit: isSame ? nil : { $0.setKeys(after.keys, threshold: after.threshold, for: name) }
            )
        }
        return try signingContent(of: changed, keys: keys, isEmptied: false)
    }

    // MARK: parts

    /// Whoever delegates to a role: the one that is named, or the only one. Nil where nobody does and none is named.
    private func delegator(of role: RegistryRole, named delegator: RegistryRole?) throws -> RegistryRole? {
        let present = authorities(over: role).map(\.delegator.text)
        if let delegator {
            if delegator != .targets { try requireRole(delegator) }
            guard !delegator.isTopLevel || delegator == .targets else { throw DelegationError.topLevel(delegator.text) }
            guard present.isEmpty || present.contains(delegator.text) else {
                throw DelegationError.otherDelegator(role: role.text, delegators: present)
            }
            return delegator
        }
        guard present.count < 2 else { throw DelegationError.severalDelegators(role: role.text, delegators: present) }
        return present.first.flatMap { RegistryRole($0) }
    }

    /// The key in the folder under the role's name, which is made where there is none.
    private func ownKey(
        of role: RegistryRole,
        _ keys: KeyFolder,
        isTrial: Bool
    ) throws -> (keys: [MetadataKey], newKey: String?) {
        if let known = try? keys.publicKey(of: role) { return ([try MetadataKey(known)], nil) }
        if isTrial { return ([try MetadataKey(try PrivateKey.generate().publicKey)], keys.path(of: role)) }
        let made = try keys.keyMakingIt(of: role)
        return ([try MetadataKey(try made.key.publicKey)], made.isNew ? keys.path(of: role) : nil)
    }

    /// The patterns that a delegator is trusted with itself; nil for all.
    private func trustedPaths(of role: RegistryRole) -> [PathPattern]? {
        guard role != .targets, let delegated = delegatedRoles.first(where: { $0.name == role.name }),
            case .paths(let patterns) = delegated.scope
        else { return nil }
        return patterns
    }

    /// Throws `tooMany` where a client would give up.
    private static func difference(
        in editor: RepositoryEditor,
        _ delegator: RoleName,
        _ delegations: Delegations
    ) throws -> LookupDifference {
        var roles = editor.roles
        roles[delegator]?.delegations = delegations
        let limit = UpdateLimits().visitedRoles
        guard RoleLookup(roles).reachable.count <= limit else { throw DelegationError.tooMany(limit: limit) }
        return LookupDifference(from: RoleLookup(editor.roles), to: RoleLookup(roles))
    }

    /// Has the role's content signed as its delegator asks from now on.
    private mutating func signingContent(
        of changed: Changed<Delegated>,
        keys: KeyFolder,
        isEmptied: Bool
    ) throws -> Changed<Delegated> {
        var result = changed.result
        switch changed.effect {
        case .none: return changed
        case .published: result.content = try signContent(of: result.role, keys: keys, isEmptied: isEmptied)
        case .proposed(let waiting):
            result.content = try proposeContent(of: result.role, following: waiting, keys: keys, isEmptied: isEmptied)
        }
        return Changed(result: result, effect: changed.effect)
    }

    /// Signs a role's content anew where its delegators ask for other signatures or paths than it has; where the keys here
    /// don't suffice it waits for others.
    ///
    /// - Parameter isEmptied: where the content's signatures don't suffice it begins without any.
    mutating func signContent(
        of role: RegistryRole,
        keys: KeyFolder,
        isEmptied: Bool = false
    ) throws -> ChangeEffect {
        try reopen()
        guard ![.root, .snapshot, .timestamp].contains(role) else { return .none }
        let isSigned = editor.needSignature[role.name] == nil && editor.roles[role.name] != nil
        let strays = strays(of: role)
        guard !isSigned || !strays.isEmpty else { return .none }
        let effect = try change(role, keys: keys, mayBeUnsigned: true) { _ in
            Change(result: ()) { targets in
                if isEmptied, !isSigned { (targets.targets, targets.delegations) = ([:], nil) }
                for path in strays { targets.targets[path] = nil }
            }
        }.effect
        try reopen()
        return effect
    }

    /// Proposes a role's content as its delegators will ask for it once a proposal of theirs is taken: it is signed beside
    /// that one, and taken with it.
    func proposeContent(
        of role: RegistryRole,
        following waiting: WaitingProposal,
        keys: KeyFolder,
        isEmptied: Bool = false
    ) throws -> ChangeEffect {
        var view = self
        view.followed = try ProposalFile(
            storage,
            Self.place(of: waiting.standing),
            place: waiting.place
        ).proposal
        return try view.signContent(of: role, keys: keys, isEmptied: isEmptied)
    }

    /// What a role lists and is not trusted with any more.
    private func strays(of role: RegistryRole) -> [String] {
        guard !role.isTopLevel else { return [] }
        let scopes = authorities(over: role).compactMap { editor.roles[$0.delegator]?.delegations?[role.name] }
        return (editor.roles[role.name]?.targets.keys).map { $0.sorted() }?.filter { text in
            guard let path = TargetPath(text) else { return true }
            return !scopes.contains { $0.covers(path) }
        } ?? []
    }
}
