/// A target as the repository lists it.
package struct FoundTarget: Sendable, Equatable {
    package let path: TargetPath
    package let file: TargetFile
    /// The role that lists it.
    package let role: RoleName
}

/// 5.6.7: the pre-order, depth-first search for a target. A value without I/O: it says which role it has to see next, and
/// is told.
package struct TargetSearch: Sendable {
    package enum Step: Sendable, Equatable {
        /// Hand the last role of this chain of delegations over by `visit`, verified, or end the search with the error.
        case see([RoleName])
        case found(FoundTarget)
        /// No role lists it.
        case notFound
    }

    package let path: TargetPath
    package private(set) var next: Step
    private let limit: Int
    private var visited: Set<RoleName> = []
    private var open: [[RoleName]] = []

    package init(_ path: TargetPath, visitedRoles limit: Int) {
        self.path = path
        self.limit = limit
        next = .see([.targets])
    }

    /// Takes in the role that `next` asked for; nil for one that no snapshot lists, which counts as one that lists nothing
    /// and delegates to nobody.
    package mutating func visit(_ metadata: TargetsMetadata?) throws(UpdateError) {
        guard case .see(let chain) = next, let role = chain.last else { return }
        visited.insert(role)
        // 5.6.7.1
        if let file = metadata?.targets[path.text] {
            next = .found(FoundTarget(path: path, file: file, role: role))
            return
        }
        // 5.6.7.2: delegations in their order. Behind a terminating one nothing is considered, neither here nor in the
        // roles above.
        // Of thousands of children, no more are looked at than roles may be visited, and one that would be too many.
        let digest = PathDigest(path)
        var children: [[RoleName]] = []
        for delegated in metadata?.delegations?.roles ?? [] where delegated.covers(path, digest) {
            if !visited.contains(delegated.name), children.count <= limit - visited.count {
                children.append(chain + [delegated.name])
            }
            if delegated.isTerminating {
                open = []
                break
            }
        }
        open += children.reversed()
        // 5.6.7.1: a role that was visited is skipped, so that cycles end.
        while let candidate = open.popLast() {
            guard let role = candidate.last, !visited.contains(role) else { continue }
            guard visited.count < limit else { throw .searchTooLong(path: path.text, limit: limit) }
            next = .see(candidate)
            return
        }
        next = .notFound
    }
}
