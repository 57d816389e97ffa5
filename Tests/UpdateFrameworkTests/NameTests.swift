import Testing

@testable import UpdateFramework

@Suite struct NameTests {
    @Test(arguments: [
        ("bundles", "bundles.json"), ("../x", "..%2Fx.json"), ("?", "%3F.json"), ("a b", "a%20b.json"),
        ("ü", "%C3%BC.json"),
        ("a%2Fb", "a%252Fb.json"), (".", "..json"),
    ])
    func storesEveryRoleInsideItsFolder(name: String, file: String) throws {
        #expect(try roleName(name).storedName == file)
    }

    @Test(arguments: [
        "", "a\0b", "a\nb", "\u{7F}", String(repeating: "x", count: 201), String(repeating: "ü", count: 34),
    ])
    func refusesRolesThatNoFileCanBeCalledAfter(name: String) { #expect(RoleName(name) == nil) }

    @Test(arguments: [
        "", "/a", "a/", "a//b", "../a", "a/../b", "./a", "a/.", "a\0", "a\tb", "../\u{301}x",
        "a/\u{301}/..", String(repeating: "x", count: 1_025),
    ])
    func refusesTargetPathsThatLeadElsewhere(path: String) { #expect(TargetPath(path) == nil) }

    @Test func putsTheDigestBeforeTheFileName() throws {
        let path = try targetPath("bundles/digits/1.json")
        #expect(path.repositoryPath(hashPrefix: "abc").description == "bundles/digits/abc.1.json")
        #expect(path.repositoryPath(hashPrefix: nil).description == "bundles/digits/1.json")
        #expect(path.storedName == "bundles%2Fdigits%2F1.json")
    }

    /// To Swift a slash and the mark behind it are one character; to a file system they are not.
    @Test func aSlashSeparatesWhateverStandsBehindIt() throws {
        let path = try targetPath("a/\u{301}b")
        #expect(path.components == ["a", "\u{301}b"])
        #expect(path.repositoryPath(hashPrefix: nil).filePath == path.text)
    }

    @Test func everyComponentStaysOne() {
        let path = RepositoryPath(components: ["a b", "1.../x.json"])
        #expect(path.urlPath == "a%20b/1...%2Fx.json")
        #expect(path.filePath == nil)
        #expect(RepositoryPath(components: ["a", ".."]).filePath == nil)
        #expect(RepositoryPath(components: []).filePath == nil)
        #expect(RepositoryPath(components: ["a", "..b"]).filePath == "a/..b")
    }

    /// One letter in two spellings is two names: bytes are signed, not letters.
    @Test func comparesBytes() {
        #expect(RoleName("e\u{301}") != RoleName("\u{E9}"))
        #expect(TargetPath("e\u{301}") != TargetPath("\u{E9}"))
    }
}
