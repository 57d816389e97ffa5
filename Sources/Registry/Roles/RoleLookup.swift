package import UpdateFramework
internal import WallClock

/// Which role lists a path, and which may: the search that a client makes (TUF 1.0.34 section 5.6.7), over roles at hand.
/// A role that is delegated to and has published nothing lists nothing.
package struct RoleLookup {
    private let roles: [RoleName: TargetsMetadata]
    private static let visitedRoles = UpdateLimits().visitedRoles

    package init(_ roles: [RoleName: TargetsMetadata]) { self.roles = roles }

    /// What a client finds under a path; nil where no role lists it, or only ones that no client asks for it.
    package func find(_ path: String) -> FoundTarget? {
        guard let path = TargetPath(path) else { return nil }
        return search(path) { $0 }.found
    }

    /// Every target below a folder ("" for all) that a client finds, by path.
    package func targets(below folder: String) -> [FoundTarget] {
        listed(below: folder).compactMap { search($0) { $0 }.found }
    }

    /// Every path below a folder that some role lists, though a client may find it nowhere.
    package func listed(below folder: String) -> [TargetPath] {
        var paths: Set<TargetPath> = []
        for metadata in roles.values {
            for text in metadata.targets.keys where folder.isEmpty || text.utf8.starts(with: "\(folder)/".utf8) {
                if let path = TargetPath(text) { paths.insert(path) }
            }
        }
        return paths.sorted()
    }

    /// The delegated roles that a client asks for a path, in its order, were it listed nowhere.
    package func roles(covering path: TargetPath) -> [RoleName] {
        let asked = search(path) { metadata in
            var bare = metadata
            bare.targets = [:]
            return bare
        }
        return asked.visited.filter { $0 != .targets }
    }

    /// `targets` and every role that is delegated to from there on.
    var reachable: Set<RoleName> {
        var found: Set<RoleName> = []
        var open: [RoleName] = [.targets]
        while let role = open.popLast() {
            guard found.insert(role).inserted else { continue }
            open += (roles[role]?.delegations?.roles ?? []).map(\.name)
        }
        return found
    }

    private func search(
        _ path: TargetPath,
        _ see: (TargetsMetadata) -> TargetsMetadata
    ) -> (found: FoundTarget?, visited: [RoleName]) {
        var search = TargetSearch(path, visitedRoles: Self.visitedRoles)
        var visited: [RoleName] = []
        while true {
            switch search.next {
            case .found(let target): return (target, visited)
            case .notFound: return (nil, visited)
            case .see(let chain):
                let role = chain.last ?? .targets
                visited.append(role)
                let metadata = roles[role] ?? TargetsMetadata(version: 1, expires: UTCTime(seconds: 0))
                // Beyond the limit a client gives up as well.
                do { try search.visit(see(metadata)) } catch { return (nil, visited) }
            }
        }
    }
}
