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
}
