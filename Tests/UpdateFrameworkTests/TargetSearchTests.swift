import JSON
import Testing

@testable import UpdateFramework

/// The order in which roles are seen, for a target that nobody lists. Graphs as in the public conformance suite.
@Suite struct TargetSearchTests {
    struct Graph: Sendable, CustomTestStringConvertible {
        let name: String
        /// Delegator, role, paths, terminating.
        let edges: [(String, String, [String], Bool)]
        let order: [String]
        var path = "missing"
        var testDescription: String { name }
    }

    private static let graphs = [
        Graph(name: "no delegations", edges: [], order: ["targets"]),
        Graph(
            name: "one level",
            edges: [("targets", "A", ["*"], false), ("targets", "B", ["*"], false)],
            order: ["targets", "A", "B"]
        ),
        Graph(
            name: "depth first",
            edges: [
                ("targets", "A", ["*"], false), ("targets", "B", ["*"], false), ("A", "C", ["*"], false),
                ("A", "D", ["*"], false), ("C", "E", ["*"], false),
            ],
            order: ["targets", "A", "C", "E", "D", "B"]
        ),
        Graph(
            name: "terminating ends the search after its own delegations",
            edges: [
                ("targets", "A", ["*"], false), ("targets", "B", ["*"], false), ("A", "C", ["*"], true),
                ("A", "D", ["*"], false), ("C", "E", ["*"], false),
            ],
            order: ["targets", "A", "C", "E"]
        ),
        Graph(
            name: "a terminating one that doesn't match is none",
            edges: [("targets", "A", ["x"], true), ("targets", "B", ["*"], false)],
            order: ["targets", "B"]
        ),
        Graph(
            name: "cycles",
            edges: [
                ("targets", "A", ["*"], false), ("A", "B", ["*"], false), ("B", "A", ["*"], false),
                ("B", "B", ["*"], false),
            ],
            order: ["targets", "A", "B"]
        ),
        Graph(
            name: "two roles delegating to one",
            edges: [
                ("targets", "A", ["*"], false), ("targets", "B", ["*"], false), ("A", "C", ["*"], false),
                ("B", "C", ["*"], false),
            ],
            order: ["targets", "A", "C", "B"]
        ),
        Graph(
            name: "two roles delegating to one, the first not for this path",
            edges: [
                ("targets", "A", ["*"], false), ("targets", "B", ["*"], false), ("A", "C", ["x"], false),
                ("B", "C", ["*"], false),
            ],
            order: ["targets", "A", "B", "C"]
        ),
        Graph(
            name: "a folder's role is not asked about another folder",
            edges: [("targets", "A", ["a/*"], false), ("targets", "B", ["b/*"], false)],
            order: ["targets", "B"],
            path: "b/missing"
        ),
    ]

    private func roles(_ graph: Graph) throws -> [RoleName: TargetsMetadata] {
        var bodies: [String: [JSONValue]] = ["targets": []]
        for (delegator, role, paths, isTerminating) in graph.edges {
            let name = try roleName(role)
            bodies[delegator, default: []].append(
                SampleRepository.delegation(name, paths: paths, keys: [], isTerminating: isTerminating)
            )
            bodies[role, default: []] += []
        }
        var roles: [RoleName: TargetsMetadata] = [:]
        for (name, delegations) in bodies {
            var body = SampleRepository.targetsBody([:])
            body.set(["keys": [:], "roles": .array(delegations)], "delegations")
            roles[try roleName(name)] = try TargetsMetadata(json: body)
        }
        return roles
    }

    private func seen(_ search: inout TargetSearch, in roles: [RoleName: TargetsMetadata]) throws -> [String] {
        var seen: [String] = []
        while case .see(let chain) = search.next, let role = chain.last {
            seen.append(role.text)
            try search.visit(try #require(roles[role]))
        }
        return seen
    }

    @Test(arguments: graphs)
    func seesRolesInPreOrder(_ graph: Graph) throws {
        var search = TargetSearch(try targetPath(graph.path), visitedRoles: 32)
        #expect(try seen(&search, in: roles(graph)) == graph.order)
        #expect(search.next == .notFound)
    }

    @Test func theFirstRoleThatListsItWins() throws {
        var roles = try roles(Self.graphs[2])
        let file = TargetFile(length: 1, hashes: FileHashes(of: [1]))
        for name in ["D", "B"] { roles[try roleName(name)]?.targets["missing"] = file }
        let path = try targetPath("missing")
        var search = TargetSearch(path, visitedRoles: 32)
        #expect(try seen(&search, in: roles) == ["targets", "A", "C", "E", "D"])
        #expect(search.next == .found(FoundTarget(path: path, file: file, role: try roleName("D"))))
    }

    @Test func endsAtTheLimitOfRoles() throws {
        let edges = (0..<40).map { ("targets", "role\($0)", ["*"], false) }
        let roles = try roles(Graph(name: "", edges: edges, order: []))
        var search = TargetSearch(try targetPath("x"), visitedRoles: 32)
        #expect(throws: UpdateError.searchTooLong(path: "x", limit: 32)) { try seen(&search, in: roles) }
        var enough = TargetSearch(try targetPath("x"), visitedRoles: 41)
        #expect(try seen(&enough, in: roles).count == 41)
    }

    /// Bins by the SHA-256 of the path: that of "x" begins with 2d71, that of "y" with a1fc.
    @Test(arguments: [
        ("x", "2d7", true), ("x", "2d71", true), ("x", "2d70", false), ("y", "a1fc", true), ("x", "", true),
    ])
    func hashPrefixesCoverPaths(path: String, prefix: String, expected: Bool) throws {
        let role = try DelegatedRole(
            try CanonicalText(["name": "bin", "keyids": [], "threshold": 1, "path_hash_prefixes": [.string(prefix)]])
                .value,
            path: ""
        )
        #expect(role.covers(try targetPath(path)) == expected)
        #expect(!role.isTerminating)
    }
}
