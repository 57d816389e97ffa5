import FileSystem
import Testing

/// The cases of the public conformance suite, so that they hold without its code, its packages and a faked clock:
/// `scripts/conformance` runs the suite itself.
@Suite struct ConformanceTests {
    private func check(_ client: CaseBench.Client, _ case: ConformanceCase) throws {
        let folder = try TemporaryDirectory(prefix: "conformance-tests")
        try `case`.run(CaseBench(client, in: folder.path))
    }

    @Test(arguments: ConformanceCase.all)
    func updaterConforms(to case: ConformanceCase) throws { try check(.updater, `case`) }

    @Test(
        .enabled(if: ProgramClient.program != nil, "EDGE_BIN is not set: run scripts/test"),
        arguments: ConformanceCase.all
    )
    func tufclientConforms(to case: ConformanceCase) throws { try check(.program, `case`) }

    /// `public-suite.txt` is what the suite lists with `pytest --collect-only`, without three tests of its own simulator.
    @Test func hasEveryCaseOfTheSuite() throws {
        let path = "\(FileSystem.parent(of: #filePath))/public-suite.txt"
        let listed = String(decoding: try FileSystem.read(path, limit: 1 << 16), as: UTF8.self)
            .split(separator: "\n").map(String.init)
        let ported = ConformanceCase.all.map(\.name)
        #expect(listed.count == 110)
        #expect(Set(listed).subtracting(ported).sorted() == [], "of the suite, not ported")
        #expect(Set(ported).subtracting(listed).sorted() == [], "ported, not of the suite")
        #expect(Set(ported).count == ported.count)
    }
}
