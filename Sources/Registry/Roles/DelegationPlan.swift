internal import Deployment
package import Diagnostics
package import UpdateFramework

/// What a delegation is to be. What is nil stays as it is; a new role has no keys and paths without them.
package struct DelegationRequest: Sendable {
    package var role: RegistryRole
    package var paths: [PathPattern]?
    package var keys: [MetadataKey]?
    /// How many of the keys must sign; 1 of a new role.
    package var threshold: Int?
    /// Whether what it doesn't list is looked for in no role after it.
    package var isTerminating: Bool?
    /// The role to stand before in the order in which clients ask; nil: where it is, and a new one before the more general
    /// ones that it shares paths with.
    package var before: RegistryRole?

    package init(_ role: RegistryRole) { self.role = role }
}

/// What delegations become, worked out from what they are.
struct DelegationPlan: Equatable {
    let delegations: Delegations
    let isNew: Bool
    /// What somebody who asks for this may not have meant, as sentences.
    let warnings: [String]
}

extension Delegations {
    /// - Parameters:
    ///   - delegator: who delegates.
    ///   - trusted: the paths that the delegator is trusted with itself; nil for all.
    func planning(
        _ request: DelegationRequest,
        by delegator: RoleName,
        trusted: [PathPattern]?
    ) throws -> DelegationPlan {
        let name = request.role.name
        let present = self[name]
        guard var role = present ?? DelegatedRole(name, paths: []) else {
            throw DelegationError.topLevel(request.role.text)
        }
        let authority = try assignment(request, present)
        role.keys.threshold = authority.threshold
        if let isTerminating = request.isTerminating { role.isTerminating = isTerminating }
        if let paths = request.paths { role.scope = .paths(try Self.checked(paths)) }
        if case .paths(let paths) = role.scope, paths.isEmpty {
            throw DelegationError.noPaths(role: name.text, known: roles.map(\.name.text))
        }
        var next = self
        next.place(role, keys: authority.keys, before: try place(of: role, request, isNew: present == nil))
        var warnings = authority.holdersWhoSuffice.map {
            "\($0) holds as many keys of \(name) as must sign: one person is enough"
        }
        if request.paths != nil || present == nil { warnings += role.doubts(by: delegator, trusted: trusted) }
        warnings += next.unasked(behind: role).filter {
            present == nil || !unasked(behind: present ?? role).contains($0)
        }
        return DelegationPlan(delegations: next, isNew: present == nil, warnings: warnings)
    }

    private func assignment(_ request: DelegationRequest, _ present: DelegatedRole?) throws -> KeyAssignment {
        let before = present.map { KeyAssignment($0.keys, among: keys) }
        let wanted = request.keys ?? before?.keys ?? []
        return try KeyAssignment(
            of: request.role.name,
            keys: wanted.map(known),
            threshold: request.threshold ?? before?.threshold ?? 1
        )
    }

    /// The key as it stands here already, with its holder's name, where the new one names nobody.
    private func known(_ key: MetadataKey) -> MetadataKey {
        guard key.owner == nil else { return key }
        return keys.sorted { $0.key < $1.key }.map(\.value).first { $0.isSameKey(as: key) } ?? key
    }

    private static func checked(_ paths: [PathPattern]) throws(DelegationError) -> [PathPattern] {
        var found: [PathPattern] = []
        for path in paths where !found.contains(path) {
            guard TargetPath(path.text) != nil else { throw .badPath(path.text) }
            found.append(path)
        }
        return found
    }

    // MARK: order

    private func place(
        of role: DelegatedRole,
        _ request: DelegationRequest,
        isNew: Bool
    ) throws(DelegationError) -> RoleName? {
        guard let before = request.before else { return isNew ? firstMoreGeneral(than: role) : nil }
        guard before != request.role else { throw .beforeItself(role: before.text) }
        guard self[before.name] != nil else {
            throw .unknownNeighbour(role: before.text, known: roles.map(\.name.text))
        }
        return before.name
    }

    /// The first role that shares paths with this one and is not a special case of it.
    private func firstMoreGeneral(than role: DelegatedRole) -> RoleName? {
        roles.first { other in other.overlaps(role) && !other.isSpecialCase(of: role) }?.name
    }

    /// The roles behind a terminating one that clients don't ask any more for paths that they share, as sentences.
    private func unasked(behind role: DelegatedRole) -> [String] {
        guard role.isTerminating, let index = roles.firstIndex(where: { $0.name == role.name }) else { return [] }
        return roles[(index + 1)...].filter { $0.overlaps(role) }.map {
            "boxes no longer ask \($0.name) for the paths of \(role.name), which ends their search"
        }
    }
}

extension DelegatedRole {
    fileprivate var patterns: [PathPattern]? {
        if case .paths(let patterns) = scope { patterns } else { nil }
    }

    /// Its patterns; none where it is trusted by hash prefixes.
    var patternTexts: [String] { patterns?.map(\.text) ?? [] }

    /// Whether a path may be both roles'.
    func overlaps(_ other: DelegatedRole) -> Bool {
        guard let own = patterns, let others = other.patterns else { return true }
        return own.contains { pattern in others.contains(where: pattern.overlaps) }
    }

    /// Whether all that it may list, and not all of the other one's, is the other one's too.
    fileprivate func isSpecialCase(of other: DelegatedRole) -> Bool {
        guard let own = patterns, let others = other.patterns else { return false }
        func covers(_ wide: [PathPattern], _ narrow: [PathPattern]) -> Bool {
            narrow.allSatisfy { pattern in wide.contains { $0.contains(pattern) } }
        }
        return covers(others, own) && !covers(own, others)
    }

    /// What about its paths looks like a mistake, as sentences.
    fileprivate func doubts(by delegator: RoleName, trusted: [PathPattern]?) -> [String] {
        let documents = RegistryRole.delegated.flatMap(\.paths)
        let reserved = [Revocations.path, RegistryPolicy.path]
        var found: [String] = []
        for pattern in patterns ?? [] {
            if reserved.contains(where: pattern.matches) {
                found.append("\(pattern) is for targets alone: what \(name) says there counts for nothing")
            } else if !documents.contains(where: pattern.overlaps) {
                let places =
                    "bundles/NAME/VERSION/PLATFORM.json, deployments/CHANNEL/ENDPOINT/SERIAL.json, "
                    + "rollouts/CHANNEL/ENDPOINT.json, acceptance/ENDPOINT/VERSION.json"
                found.append("\(pattern) matches no document that boxes ask for; they lie at \(places)")
            }
            if let trusted, !trusted.contains(where: { $0.contains(pattern) }) {
                found.append("\(delegator) itself is not trusted with all of \(pattern): the rest counts for nothing")
            }
        }
        return found
    }
}

/// Why roles can't be delegated to as somebody asks.
package enum DelegationError: ExplainedError, Equatable {
    /// What is asked is for delegated roles.
    case topLevel(String)
    /// The role would be trusted with nothing.
    case noPaths(role: String, known: [String])
    case badPath(String)
    case beforeItself(role: String)
    case unknownNeighbour(role: String, known: [String])
    /// Several roles delegate to it.
    case severalDelegators(role: String, delegators: [String])
    /// It is delegated to, by another than the one that is named.
    case otherDelegator(role: String, delegators: [String])
    /// Clients look into so many roles at most.
    case tooMany(limit: Int)

    package var message: String {
        switch self {
        case .topLevel(let role):
            "role \(role) is not delegated to: root names its keys, and it has no paths and no place"
        case .noPaths(let role, _): "role \(role) is new and would be trusted with no path"
        case .badPath(let path): "\"\(path)\" can't be the pattern of a path"
        case .beforeItself(let role): "role \(role) can't stand before itself"
        case .unknownNeighbour(let role, let known):
            "there is no role \(role) to stand before; there is \(known.joined(separator: ", "))"
        case .severalDelegators(let role, let delegators):
            "role \(role) is delegated to by \(delegators.joined(separator: " and "))"
        case .otherDelegator(let role, let delegators):
            "role \(role) is delegated to by \(delegators.joined(separator: " and "))"
        case .tooMany(let limit): "clients look into \(limit) roles at most, and the repository would have more"
        }
    }

    package var hint: String? {
        switch self {
        case .topLevel: "for a top-level role give --key and --threshold only"
        case .noPaths(let role, let known):
            (NearestName.nearest(to: role, among: known).map { "did you mean \($0)? A" } ?? "a")
                + " new role needs at least one --path, such as 'bundles/digits/*/*'"
        case .badPath: "a pattern is a relative path in which * and ? stand for characters of one part of it"
        case .beforeItself: nil
        case .unknownNeighbour(let role, let known):
            NearestName.nearest(to: role, among: known).map { "did you mean \($0)?" }
        case .severalDelegators, .otherDelegator: "--from names the one that is to change"
        case .tooMany: "take roles away that nobody uses: edgepack repo undelegate"
        }
    }

    package var exitCode: ExitCode { .failed }
}
