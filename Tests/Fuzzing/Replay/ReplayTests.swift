import FuzzHarnesses
import Glibc
import Testing

/// Every input of the corpus again: those that found something, and those that reach the most.
@Suite struct ReplayTests {
    // In a process of its own, which the kernel ends where an input takes it too far.
    #if compiler(>=6.3)
        @Test(arguments: FuzzHarness.all.map(\.name))
        func everyInputOfTheCorpusIsReadOrRefusedWithinBounds(_ name: String) async throws {
            await #expect(processExitsWith: .success) { [name] in
                ReplayBounds.limitTime()
                try replay(name)
                ReplayBounds.checkMemory()
            }
        }
    #else
        @Test(.timeLimit(.minutes(5)), arguments: FuzzHarness.all.map(\.name))
        func everyInputOfTheCorpusIsReadOrRefused(_ name: String) throws { try replay(name) }
    #endif

    @Test func everyHarnessHasAFolderInTheCorpus() throws {
        let names = FuzzHarness.all.map(\.name)
        #expect(try Corpus.names() == names)
        for name in names { #expect(try !Corpus.inputs(of: name).isEmpty, "\(name)") }
    }
}

private func replay(_ name: String) throws {
    let harness = try #require(FuzzHarness.named(name))
    for input in try Corpus.inputs(of: name) {
        #expect(throws: Never.self, "\(input.path)") { try harness.run(input.bytes) }
    }
}

/// What all inputs of a harness together may take: many times what they do, in debug mode on a slow machine.
private enum ReplayBounds {
    static let processorSeconds: UInt = 300
    static let kibibytes = 1 << 20

    static func limitTime() {
        var limit = rlimit(rlim_cur: processorSeconds, rlim_max: processorSeconds)
        setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &limit)
    }

    static func checkMemory() {
        var usage = rusage()
        let code = getrusage(RUSAGE_SELF.rawValue, &usage)
        #expect(code == 0)
        #expect(usage.ru_maxrss < kibibytes)
    }
}
