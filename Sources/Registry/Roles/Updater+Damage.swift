internal import UpdateFramework

extension Updater {
    /// Where a role can't be verified: every target that a client finds all the same, by path.
    ///
    /// A client gives a path up where a role that it asks on the way is damaged, and finds all others.
    mutating func targetsBesideDamage() -> [FoundTarget] {
        var paths: Set<TargetPath> = []
        var open: [[RoleName]] = [[.targets]]
        var visited: Set<RoleName> = []
        while let chain = open.popLast() {
            guard let role = chain.last, visited.insert(role).inserted, let metadata = trusted.targets(chain) else {
                continue
            }
            paths.formUnion(metadata.targets.keys.compactMap { TargetPath($0) })
            for delegated in metadata.delegations?.roles ?? [] {
                // Any path that the role is asked for has it loaded, where it can be.
                for path in delegated.samplePaths { _ = try? find(path) }
                open.append(chain + [delegated.name])
            }
        }
        return paths.sorted().compactMap { path in (try? find(path)) ?? nil }
    }
}

extension DelegatedRole {
    /// For each of its patterns a path that matches it, and that nobody has published.
    var samplePaths: [TargetPath] {
        guard case .paths(let patterns) = scope else { return [] }
        return patterns.compactMap { TargetPath($0.text.replacing("*", with: "~").replacing("?", with: "~")) }
    }
}
