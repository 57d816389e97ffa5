extension Updater {
    /// Every target below a folder ("" for all), by path: each as `find` would find it. After `refresh`.
    ///
    /// Loads all roles that may list something there, so a role that can't be verified is an error, not a gap; one that the
    /// snapshot doesn't list is passed over, as `find` does.
    ///
    /// - Parameter isWanted: what of it; the rest takes no memory.
    package mutating func targets(
        below folder: String,
        where isWanted: (TargetPath, TargetFile) -> Bool = { _, _ in true }
    ) throws -> [FoundTarget] {
        var search = ListingSearch(try paths(below: folder, where: isWanted))
        _ = try continueSearch(&search, at: [.targets], for: Array(search.paths.indices))
        return search.paths.indices.compactMap { index in
            search.found[index].flatMap { isWanted($0.path, $0.file) ? $0 : nil }
        }
    }

    /// What any role lists there, trusted with it or not.
    private mutating func paths(
        below folder: String,
        where isWanted: (TargetPath, TargetFile) -> Bool
    ) throws -> [TargetPath] {
        let limits = trusted.limits
        let prefix = "\(folder)/"
        var paths: Set<TargetPath> = []
        var visited: Set<RoleName> = []
        var open: [[RoleName]] = [[.targets]]
        while let chain = open.popLast() {
            guard let role = chain.last, !visited.contains(role) else { continue }
            guard visited.count < limits.visitedRoles else {
                throw UpdateError.searchTooLong(path: folder, limit: limits.visitedRoles)
            }
            visited.insert(role)
            guard let metadata = try loadIfListed(chain) else { continue }
            for (text, file) in metadata.targets where folder.isEmpty || text.utf8.starts(with: prefix.utf8) {
                guard let path = TargetPath(text), isWanted(path, file) else { continue }
                paths.insert(path)
                guard paths.count <= limits.listedTargets else {
                    throw UpdateError.listingTooLong(folder: folder, limit: limits.listedTargets)
                }
            }
            let children = (metadata.delegations?.roles ?? []).lazy
                .filter { !visited.contains($0.name) && $0.canCover(below: folder) }
                .prefix(limits.visitedRoles - visited.count + 1)
            open += children.map { chain + [$0.name] }.reversed()
        }
        return paths.sorted()
    }

    /// 5.6.7 for many targets at once, so that each role is loaded once for all of them: the same search as `find`.
    ///
    /// - Parameter indices: of the targets that come to this role.
    /// - Returns: those for which the search goes on behind this role.
    private mutating func continueSearch(
        _ search: inout ListingSearch,
        at chain: [RoleName],
        for indices: [Int]
    ) throws -> [Int] {
        guard let role = chain.last else { return indices }
        // 5.6.7.1: a role that was visited is skipped.
        let (come, skip) = search.visit(role, indices)
        guard !come.isEmpty else { return skip }
        guard search.visits <= 4 * trusted.limits.visitedRoles else {
            throw UpdateError.searchTooLong(path: search.paths[come[0]].text, limit: trusted.limits.visitedRoles)
        }
        guard let metadata = try loadIfListed(chain) else { return indices }
        var open: [Int] = []
        for index in come {
            let path = search.paths[index]
            if let file = metadata.targets[path.text] {
                search.found[index] = FoundTarget(path: path, file: file.detached, role: role)
            } else {
                open.append(index)
            }
        }
        // 5.6.7.2
        for child in children(of: metadata, search, open) {
            let wanted = Set(open).intersection(child.indices).sorted()
            guard !wanted.isEmpty else { continue }
            let rest = try continueSearch(&search, at: chain + [child.name], for: wanted)
            // Behind a terminating delegation nothing is considered, neither here nor in the roles above.
            open = Set(open).subtracting(wanted).union(child.isTerminating ? [] : rest).sorted()
        }
        return open + skip
    }

    /// The delegations in their order that cover any of these targets; no more of them than roles may be visited.
    private func children(
        of metadata: TargetsMetadata,
        _ search: ListingSearch,
        _ indices: [Int]
    ) -> [(name: RoleName, isTerminating: Bool, indices: [Int])] {
        guard let roles = metadata.delegations?.roles, !indices.isEmpty else { return [] }
        let digests = indices.map { PathDigest(search.paths[$0]) }
        var children: [(name: RoleName, isTerminating: Bool, indices: [Int])] = []
        for delegated in roles where children.count <= trusted.limits.visitedRoles {
            let covered = zip(indices, digests).filter { delegated.covers(search.paths[$0], $1) }.map(\.0)
            if !covered.isEmpty { children.append((delegated.name, delegated.isTerminating, covered)) }
        }
        return children
    }
}

/// The state of a search for many targets.
private struct ListingSearch {
    let paths: [TargetPath]
    var found: [FoundTarget?]
    /// Which targets came to which role.
    private var visited: [RoleName: [Bool]] = [:]
    private(set) var visits = 0

    init(_ paths: [TargetPath]) {
        self.paths = paths
        found = Array(repeating: nil, count: paths.count)
    }

    /// Those that have not been to the role yet, and those that have.
    mutating func visit(_ role: RoleName, _ indices: [Int]) -> (come: [Int], skip: [Int]) {
        var seen = visited[role] ?? Array(repeating: false, count: paths.count)
        let come = indices.filter { !seen[$0] }
        let skip = indices.filter { seen[$0] }
        for index in come { seen[index] = true }
        visited[role] = seen
        if !come.isEmpty { visits += 1 }
        return (come, skip)
    }
}
