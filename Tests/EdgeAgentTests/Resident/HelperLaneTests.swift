import Deployment
import Diagnostics
import Testing
import UnixSockets

@testable import EdgeAgent

/// Helpers run one after the other, are told of once, and can't hold the agent up.
@Suite struct HelperLaneTests {
    private let lane = HelperLane(program: "/bin/sh")
    private let owner = Owner()

    private final class Owner {
        var outcomes: [HelperOutcome] = []
        var words: [String] { outcomes.map(\.sentence) }
    }

    private func script(_ text: String) -> [String] { ["-c", text] }

    private func add(_ text: String, for owner: Owner, limit: Duration? = nil) {
        lane.add(for: owner, script(text), limit: limit) { owner.outcomes.append($0) }
    }

    /// Until nothing is left to do, however long that takes.
    private func finish() throws {
        while true {
            _ = lane.advance(at: .zero)
            guard !lane.isIdle else { return }
            var entries = lane.descriptors.map { Poll.Entry($0) }
            try Poll.wait(&entries, milliseconds: nil)
        }
    }

    @Test func workIsDoneInTurn() throws {
        for name in ["a", "b", "c"] { add("echo '{\"outcome\":\"refused\",\"sentence\":\"\(name)\"}'", for: owner) }
        #expect(owner.outcomes.isEmpty)
        try finish()
        #expect(owner.words == ["a", "b", "c"])
    }

    @Test func cancelledWorkIsNeverToldOf() throws {
        let other = Owner()
        add("exec sleep 600", for: owner)
        add("echo '{\"outcome\":\"done\"}'", for: owner)
        add("echo '{\"outcome\":\"done\"}'", for: other)
        _ = lane.advance(at: .zero)
        lane.cancel(for: owner)
        try finish()
        #expect(owner.outcomes.isEmpty)
        #expect(other.outcomes == [.done])
    }

    @Test func workThatHangsIsEnded() throws {
        add("exec sleep 600", for: owner, limit: .seconds(5))
        add("echo '{\"outcome\":\"done\"}'", for: owner)
        #expect(!lane.advance(at: .seconds(100)))
        #expect(lane.deadline == .seconds(105))
        #expect(!lane.advance(at: .seconds(104)))
        #expect(lane.advance(at: .seconds(105)))
        #expect(lane.deadline == nil)
        try finish()
        guard owner.outcomes.count == 2, case .failed(.helperKilled, _) = owner.outcomes[0] else {
            Issue.record("\(owner.outcomes)")
            return
        }
        #expect(owner.outcomes[1] == .done)
    }

    @Test func aProgramThatIsNotThereHasFailed() throws {
        let lane = HelperLane(program: "/nonexistent/edgeagent-sync")
        var outcome: HelperOutcome?
        lane.add(for: owner, []) { outcome = $0 }
        _ = lane.advance(at: .zero)
        while !lane.isIdle { _ = lane.advance(at: .zero) }
        guard case .failed(.helperKilled, _)? = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
    }
}
