internal import UpdateFramework

extension Updater {
    /// `targets` and every role that is delegated to from there on, each once, in the order in which a client asks: verified,
    /// nil where the snapshot doesn't list it, or with the reason why it can't be taken.
    mutating func everyRole() -> [(role: RoleName, metadata: Result<TargetsMetadata?, any Error>)] {
        var found: [(role: RoleName, metadata: Result<TargetsMetadata?, any Error>)] = []
        var open: [[RoleName]] = [[.targets]]
        var visited: Set<RoleName> = []
        while let chain = open.popLast() {
            guard let role = chain.last, visited.insert(role).inserted, visited.count <= trusted.limits.visitedRoles
            else { continue }
            let metadata = Result { try loadIfListed(chain) }
            found.append((role, metadata))
            let delegations = ((try? metadata.get()) ?? nil)?.delegations?.roles ?? []
            open += delegations.reversed().map { chain + [$0.name] }
        }
        return found
    }

    /// Where a role can't be verified: every target that a client finds all the same, by path.
    ///
    /// A client gives a path up where a role that it asks on the way is damaged, and finds all others.
    mutating func targetsBesideDamage() -> [FoundTarget] {
        var paths: Set<TargetPath> = []
        for entry in everyRole() {
            let metadata = (try? entry.metadata.get()) ?? nil
            paths.formUnion((metadata?.targets ?? [:]).keys.compactMap { TargetPath($0) })
        }
        return paths.sorted().compactMap { path in (try? find(path)) ?? nil }
    }
}
