import Deployment
import FileSystem
import Testing
import WallClock

@testable import EdgeAgent

/// What is noted of a repository that can't be followed.
struct SyncProblemTests {
    private let folder: TemporaryFolder
    private let layout: StoreLayout
    private let problem = SyncProblem(
        reason: .freshness,
        sentence: "timestamp version 4 expired",
        since: UTCTime(seconds: 1_800_000_000)
    )

    init() throws {
        folder = try TemporaryFolder()
        layout = StoreLayout(folder.path)
    }

    @Test func isReadAsItWasWrittenAndGoesWithItsCause() throws {
        #expect(SyncProblem.noted(in: layout) == nil)
        try SyncProblem.note(problem, in: layout)
        #expect(SyncProblem.noted(in: layout) == problem)
        // Met again it keeps its beginning.
        try SyncProblem.note(
            SyncProblem(reason: .freshness, sentence: problem.sentence, since: UTCTime(seconds: 1_900_000_000)),
            in: layout
        )
        #expect(SyncProblem.noted(in: layout) == problem)
        try SyncProblem.note(nil, in: layout)
        try SyncProblem.note(nil, in: layout)
        #expect(SyncProblem.noted(in: layout) == nil)
    }

    @Test(arguments: ["", "{}", #"{"waitingFor":"rain","sentence":"x","since":"2026-01-01T00:00:00Z"}"#])
    func whatIsNoneInformsNobody(_ text: String) throws {
        try FileSystem.write(Array(text.utf8), to: layout.syncProblem)
        #expect(SyncProblem.noted(in: layout) == nil)
    }

    @Test func everyOutcomeButDoneIsWaitedFor() {
        #expect(HelperOutcome.done.waitingReason == nil)
        #expect(HelperOutcome.failed(.disk, "").waitingReason == .disk)
        #expect(HelperOutcome.failed(.helperKilled, "").waitingReason == .retry)
        #expect(HelperOutcome.waiting(.freshness, "").waitingReason == .freshness)
        #expect(HelperOutcome.refused("").waitingReason == .network)
        #expect(HelperOutcome.damaged("").waitingReason == .network)
    }
}
