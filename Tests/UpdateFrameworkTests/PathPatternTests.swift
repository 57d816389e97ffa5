import Testing

@testable import UpdateFramework

@Suite struct PathPatternTests {
    /// The specification's own examples are the first six.
    @Test(arguments: [
        ("targets/*.tgz", "targets/foo.tgz", true), ("targets/*.tgz", "targets/foo.txt", false),
        ("foo-version-?.tgz", "foo-version-2.tgz", true), ("foo-version-?.tgz", "foo-version-alpha.tgz", false),
        ("*.tgz", "foo.tgz", true), ("*.tgz", "targets/foo.tgz", false), ("foo.tgz", "foo.tgz", true),
        ("foo.tgz", "Foo.tgz", false), ("*", "a", true), ("*", "", true), ("*", "a/b", false), ("*/*", "a/b", true),
        ("a/*/c", "a/b/c", true), ("a/*/c", "a/b/b/c", false), ("?", "ü", true), ("?", "", false),
        ("a*b*c", "aXbYc", true),
        ("a*b*c", "abcbd", false), ("a**", "a", true), ("[ab]", "a", false), ("[ab]", "[ab]", true), (".*", ".x", true),
        ("*", ".x", true), ("a\\*", "a*", false), ("a/", "a/", true), ("a/", "a", false), ("", "", true),
        ("*a", "aaaaaaaaaab", false),
    ])
    func matches(pattern: String, path: String, expected: Bool) {
        #expect(PathPattern(pattern).matches(path) == expected)
    }

    @Test(arguments: [
        ("deployments/prod/*/*", "", true), ("deployments/prod/*/*", "deployments", true),
        ("deployments/prod/*/*", "deployments/prod", true), ("deployments/prod/*/*", "deployments/dev", false),
        ("deployments/*/x/*", "deployments/dev", true), ("a", "a", false), ("a/b", "a/b", false), ("*/b", "x", true),
    ])
    func canMatchBelowAFolder(pattern: String, folder: String, expected: Bool) {
        #expect(PathPattern(pattern).canMatch(below: folder) == expected)
    }

    /// A pattern of many stars takes no more than a glance; one that tried every way would outlive the machine.
    @Test func starsDoNotMultiply() {
        let pattern = String(repeating: "*a", count: 400)
        #expect(!PathPattern(pattern).matches(String(repeating: "a", count: 3_000) + "b"))
    }

    // MARK: patterns beside patterns

    @Test(arguments: [
        ("bundles/*/*/*", "bundles/a-*/*/*", true), ("bundles/a-*/*/*", "bundles/b-*/*/*", false),
        ("bundles/*-a/*/*", "bundles/b-*/*/*", true), ("bundles/*", "bundles/*/*", false), ("a*c", "*b*", true),
        ("a?c", "ab*", true), ("a?c", "abcd", false), ("*", "*", true), ("", "*", true), ("", "?", false),
        ("??", "*a*", true),
        ("a*", "?", true), ("ab*", "?", false), ("x", "x", true), ("x", "y", false), ("*a*", "*b*", true),
    ])
    func overlap(left: String, right: String, expected: Bool) {
        #expect(PathPattern(left).overlaps(PathPattern(right)) == expected)
        #expect(PathPattern(right).overlaps(PathPattern(left)) == expected)
    }

    @Test(arguments: [
        ("bundles/*/*/*", "bundles/a-*/*/*", true), ("bundles/a-*/*/*", "bundles/*/*/*", false), ("*", "*", true),
        ("a*", "ab*", true), ("ab*", "a*", false), ("?", "a", true), ("a", "?", false), ("?", "*", false),
        ("*", "?", true),
        ("*?", "a", true), ("a*c", "a*b*c", true), ("a*b*c", "a*c", false), ("bundles/*", "bundles/*/*", false),
        ("*x*", "axb", true), ("x", "x", true), ("**", "*", true), ("*", "**", true),
    ])
    func contains(wide: String, narrow: String, expected: Bool) {
        #expect(PathPattern(wide).contains(PathPattern(narrow)) == expected)
    }

    /// Held against the paths themselves, all short ones over a small alphabet.
    @Test func patternsAreComparedAsTheirPathsAre() {
        let letters = ["a", "b", "*", "?"]
        var patterns = [""]
        for _ in 0..<3 { patterns += patterns.flatMap { pattern in letters.map { pattern + $0 } } }
        var paths = [""]
        for _ in 0..<4 { paths += paths.flatMap { path in ["a", "b"].map { path + $0 } } }
        let all = Set(patterns).sorted()
        let matched = all.map { pattern in Set(Set(paths).filter { PathPattern(pattern).matches($0) }) }
        for (left, ours) in zip(all, matched) {
            for (right, theirs) in zip(all, matched) {
                let isShared = !ours.isDisjoint(with: theirs)
                #expect(PathPattern(left).overlaps(PathPattern(right)) == isShared, "\(left) and \(right)")
                // It may miss a special case, and never invents one.
                if PathPattern(left).contains(PathPattern(right)) {
                    #expect(theirs.isSubset(of: ours), "\(left) and \(right)")
                }
            }
        }
    }
}
