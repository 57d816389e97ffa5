import Digest
import Testing

@testable import BundleFormat

@Suite("OMSDifferences")
struct OMSDifferencesTests {
    static func resource(_ name: String, _ content: String = "") -> OMSResource {
        OMSResource(name: name, digest: SHA256.digest(content.utf8))
    }

    static func statement(_ names: String...) throws -> OMSStatement {
        try OMSStatement(modelName: "m", resources: names.map { resource($0) })
    }

    @Test
    func listsWhatIsMissingExtraAndChanged() throws {
        let statement = try Self.statement("a", "b", "c", "d")
        let tree = [
            Self.resource("e"), Self.resource("b", "other"), Self.resource("a"), Self.resource("0"), Self.resource("d"),
        ]
        let differences = try statement.differences(from: tree)
        #expect(differences == OMSDifferences(missing: ["c"], extra: ["0", "e"], changed: ["b"]))
        #expect(differences.summary == #"changed: "b"; missing: "c"; not signed: "0", "e""#)
        #expect(throws: OMSError.treeDiffers(source: "the signature", differences)) { try statement.requireMatch(tree) }
    }

    @Test
    func namesAFewOfMany() {
        let names = (1...7).map { "f\($0)" }
        #expect(OMSDifferences(extra: names).summary == #"not signed: "f1", "f2", "f3" and 4 more"#)
    }

    @Test
    func comparesNamesByTheirBytes() throws {
        let composed = "caf\u{E9}"
        let decomposed = "cafe\u{301}"
        let differences = try Self.statement(composed).differences(from: [Self.resource(decomposed)])
        #expect(differences.missing.map { Array($0.utf8) } == [Array(composed.utf8)])
        #expect(differences.extra.map { Array($0.utf8) } == [Array(decomposed.utf8)])
        _ = try Self.statement(composed, decomposed)
    }

    @Test
    func ignoresOnlyTheTopLevelNamesOfGitAndTheSignatureItself() throws {
        let tree = [".git/HEAD", ".gitignore", ".gitmodules", "a", "model.sig", "sub/.git/HEAD", "sub/model.sig"]
        let differences = try Self.statement("a").differences(
            from: tree.map { Self.resource($0) },
            signatureName: "model.sig"
        )
        #expect(differences.extra == [".gitmodules", "sub/.git/HEAD", "sub/model.sig"])
    }

    @Test
    func escapesWhatATerminalWouldObey() {
        #expect(quoted("a\u{1B}[2Jb\n\u{202E}") == #""a\u{1B}[2Jb\n\u{202E}""#)
    }
}
