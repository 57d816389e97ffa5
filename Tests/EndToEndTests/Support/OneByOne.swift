import Testing

/// Lets one test of the suites that have it run at a time.
///
/// End-to-end tests block their thread while programs run, and all tests of a run share as many threads as there are
/// processors: without this, tests that only wait for each other would wait for minutes.
struct OneByOne: SuiteTrait, TestTrait, TestScoping {
    private static let turn = Turn()

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        await Self.turn.take()
        do {
            try await function()
        } catch {
            await Self.turn.pass()
            throw error
        }
        await Self.turn.pass()
    }
}

/// Whose turn it is; the others wait in the order in which they came.
private actor Turn {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func take() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func pass() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
}

extension Trait where Self == OneByOne {
    static var oneByOne: Self { OneByOne() }
}
