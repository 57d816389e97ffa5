import FileSystem
import FuzzHarnesses
import Testing

/// Every input of the corpus again: those that found something, and those that reach the most.
@Suite struct ReplayTests {
    @Test(.timeLimit(.minutes(5)), arguments: FuzzHarness.all.map(\.name))
    func everyInputOfTheCorpusIsReadOrRefused(_ name: String) throws {
        let harness = try #require(FuzzHarness.named(name))
        let inputs = try Corpus.inputs(of: name)
        #expect(!inputs.isEmpty)
        for input in inputs {
            #expect(throws: Never.self, "\(input.path)") { try harness.run(input.bytes) }
        }
    }

    @Test func everyFolderOfTheCorpusHasAHarness() throws {
        let names = FuzzHarness.all.map(\.name)
        #expect(try Corpus.names() == names)
    }
}
