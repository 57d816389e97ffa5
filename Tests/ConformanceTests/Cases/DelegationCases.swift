import JSON
import Testing

/// A delegation of a graph.
private struct Edge: Sendable {
    let from: String
    let to: String
    var paths = ["*"]
    var isTerminating = false

    init(_ from: String, _ to: String, _ paths: [String] = ["*"], isTerminating: Bool = false) {
        (self.from, self.to, self.paths, self.isTerminating) = (from, to, paths, isTerminating)
    }
}

private let top = "targets"

/// Graphs, and the order in which their roles are visited in a search for what no role lists: depth first, a role before
/// those that it delegates to.
private let graphs: [(name: String, edges: [Edge], visited: [String])] = [
    ("basic-delegation", [Edge(top, "A")], ["A"]),
    ("single-level-delegations", [Edge(top, "A"), Edge(top, "B")], ["A", "B"]),
    ("two-level-delegations", [Edge(top, "A"), Edge(top, "B"), Edge("B", "C")], ["A", "B", "C"]),
    (
        "two-level-test-DFS-order-of-traversal",
        [Edge(top, "A"), Edge(top, "B"), Edge("A", "C"), Edge("A", "D")], ["A", "C", "D", "B"]
    ),
    (
        "three-level-delegation-test-DFS-order-of-traversal",
        [Edge(top, "A"), Edge(top, "B"), Edge("A", "C"), Edge("C", "D")], ["A", "C", "D", "B"]
    ),
    (
        "two-level-terminating-ignores-all-but-roles-descendants",
        [Edge(top, "A"), Edge(top, "B"), Edge("A", "C", isTerminating: true), Edge("A", "D")], ["A", "C"]
    ),
    (
        "three-level-terminating-ignores-all-but-roles-descendants",
        [Edge(top, "A"), Edge(top, "B"), Edge("A", "C", isTerminating: true), Edge("C", "D")], ["A", "C", "D"]
    ),
    (
        "two-level-ignores-all-branches-not-matching-paths",
        [Edge(top, "A", ["*.py"]), Edge(top, "B"), Edge("A", "C")], ["B"]
    ),
    (
        "three-level-ignores-all-branches-not-matching-paths",
        [Edge(top, "A"), Edge(top, "B"), Edge("A", "C", ["*.py"]), Edge("C", "D")], ["A", "B"]
    ),
    (
        "cyclic-graph",
        [Edge(top, "A"), Edge(top, "B"), Edge("B", "C"), Edge("C", "D"), Edge("D", "B")], ["A", "B", "C", "D"]
    ),
    (
        "two-roles-delegating-to-a-third",
        [Edge(top, "A"), Edge(top, "B"), Edge("B", "C"), Edge("A", "C")], ["A", "C", "B"]
    ),
    (
        "two-roles-delegating-to-a-third-different-paths",
        [Edge(top, "A"), Edge(top, "B"), Edge("B", "C"), Edge("A", "C", ["*.py"])], ["A", "B", "C"]
    ),
]

/// Targets of one tree of delegations, and which roles are asked for them.
private let searches: [(name: String, path: String, isFound: Bool, visited: [String])] = [
    ("no delegations", "targetfile", true, []),
    ("targetpath matches wildcard", "README.md", true, ["A"]),
    ("targetpath with separators x", "releases/x/x_v1", true, ["B", "C"]),
    ("targetpath with separators y", "releases/y/y_v1.zip", true, ["B", "D"]),
    ("targetpath is not delegated by all roles in the chain", "releases/z/z_v1.zip", false, ["B"]),
    ("wildcard does not match path separator", "releases/README.md", false, []),
    ("targetpath matches question mark wildcard", "foo-1.tgz", true, ["A"]),
    ("targetpath does not match question mark wildcard", "foo-alpha.tgz", false, []),
    ("targetpath matching is case sensitive", "README.MD", false, []),
]

private let tree = [
    Edge(top, "A", ["*.doc", "*.md", "foo-?.tgz"]), Edge(top, "B", ["releases/*/*"]),
    Edge("B", "C", ["releases/x/*"]), Edge("B", "D", ["releases/y/*.zip"]),
]

private let treeTargets = [
    (top, "targetfile"), ("A", "README.md"), ("A", "releases/README.md"), ("A", "foo-1.tgz"), ("A", "foo-alpha.tgz"),
    ("C", "releases/x/x_v1"), ("D", "releases/y/y_v1.zip"), ("D", "releases/z/z_v1.zip"),
]

extension SimulatedRepository {
    fileprivate mutating func publish(_ edges: [Edge]) throws {
        for edge in edges {
            try delegate(from: edge.from, to: edge.to, paths: edge.paths, isTerminating: edge.isTerminating)
        }
        for role in Set(edges.map(\.to)).sorted() + [top, "snapshot", "timestamp"] { try publish(role) }
    }
}

private func delegation(_ name: String, _ run: @escaping ConformanceCase.Body) -> ConformanceCase {
    ConformanceCase("test_updater_delegation_graphs.py::test_\(name)", run)
}

extension ConformanceCase {
    static let graphCases = graphs.map { graph in
        delegation("graph_traversal[\(graph.name)]") { bench in
            try bench.begin()
            try bench.repository.publish(graph.edges)
            #expect(try bench.download("missingpath") == 1)
            #expect(bench.requests.dropFirst(4) == graph.visited.map { "1.\($0).json" }[...])
        }
    }

    static let searchCases = searches.map { search in
        delegation("targetfile_search[\(search.name)]") { bench in
            try bench.begin()
            for edge in tree { try bench.repository.delegate(from: edge.from, to: edge.to, paths: edge.paths) }
            for (role, path) in treeTargets { try bench.repository.addTarget(path, "\(path) by \(role)", to: role) }
            try bench.repository.publish("A", "B", "C", "D", top, "snapshot", "timestamp")
            #expect(try bench.download(search.path) == (search.isFound ? 0 : 1))
            let found = treeTargets.filter { $0.1 == search.path && search.isFound }.map { "\($0.1) by \($0.0)" }
            #expect(try bench.downloads == found)
            #expect(found.isEmpty != search.isFound)
            #expect(bench.requests.dropFirst(4) == search.visited.map { "1.\($0).json" }[...])
        }
    }

    static let delegationCases: [ConformanceCase] = [
        delegation("cached_role_is_verified_against_current_delegator") { bench in
            try bench.begin()
            for letter in ["a", "b"] {
                try bench.repository.delegate(to: "parent-\(letter)", paths: ["team-\(letter)/*"])
            }
            for letter in ["a", "b"] {
                try bench.repository.delegate(from: "parent-\(letter)", to: "release", paths: ["team-\(letter)/*"])
            }
            // It has a key for each parent, and is signed by that of the first only.
            bench.repository.signers["release"]?.removeLast()
            try bench.repository.addTarget("team-a/trusted_root.json", "trusted A", to: "release")
            try bench.repository.addTarget("team-b/trusted_root.json", "malicious B", to: "release")
            try bench.repository.publish("release", "parent-a", "parent-b", top, "snapshot", "timestamp")
            #expect(try bench.download("team-a/trusted_root.json", "team-b/trusted_root.json") == 1)
            // The suite would have a client refuse both as well.
            #expect(try bench.downloads == ["trusted A"])
        },
        delegation("delegation_not_in_snapshot") { bench in
            try bench.begin()
            try bench.repository.delegate(to: "delegated", paths: ["delegatedpath/*"])
            try bench.repository.publish("delegated", top)
            bench.repository.bodies["snapshot"]?.set(nil, "meta", "delegated.json")
            try bench.repository.publish("snapshot", "timestamp")
            #expect(try bench.refresh() == 0)
            bench.forgetRequests()
            #expect(try bench.download("delegatedpath/foo") == 1)
            #expect(try bench.version("delegated") == nil)
            #expect(bench.requests == ["2.root.json", "timestamp.json"])
        },
    ]
}
