import Deployment
import Testing
import WallClock

@testable import EdgeAgent

@Suite struct EndpointUpdaterTests {
    /// A disk that counts, and can be told to refuse.
    private final class Disk {
        var states: [EndpointState] = []
        var isReadOnly = false

        struct ReadOnly: Error {}

        func save(_ state: EndpointState) throws {
            if isReadOnly { throw ReadOnly() }
            states.append(state)
        }
    }

    private let disk = Disk()

    private func start() throws -> EndpointUpdater {
        var state = EndpointState(endpoint: try #require(Sample.endpoint))
        state.progress = UpdateProgress(generations: Sample.generations)
        let boot = try #require(Sample.boot(1))
        let (updater, actions) = EndpointUpdater.start(state, on: Sample.host, boot: boot, at: Sample.noon) {
            try disk.save($0)
        }
        #expect(actions == [.serve(Sample.old)])
        return updater
    }

    /// A box that polls every ten seconds for years must not wear its disk out.
    @Test func writesNothingForAPollWithoutNews() throws {
        var updater = try start()
        #expect(disk.states.count == 1)
        for _ in 0..<3 {
            _ = try updater.deliver(.poll, at: Sample.noon, save: disk.save)
            _ = try updater.deliver(.synced(.nothing(.noDeployment)), at: Sample.noon, save: disk.save)
        }
        #expect(disk.states.count == 1)
        #expect(updater.machine.result == .noDeployment)
    }

    /// Eleven days at a poll every ten seconds: nothing is kept of a poll, in memory or on the disk.
    @Test func isAsLargeAfterAHundredThousandPollsAsAfterOne() throws {
        var updater = try start()
        let outcomes: [SyncResult] = [.nothing(.noDeployment), .alreadyInstalled(Sample.candidate)]
        var after: [(state: [UInt8], machine: UpdateMachine)] = []
        for number in 0..<100_000 {
            let clock = ClockReading.trusted(UTCTime(seconds: 1_800_000_000 + 10 * Int64(number)))
            let ten = Duration.seconds(10)
            var actions = try updater.deliver(.poll, after: ten, at: clock, save: disk.save)
            #expect(actions == [.sync])
            actions = try updater.deliver(.synced(outcomes[number % 2]), at: clock, save: disk.save)
            #expect(actions.isEmpty)
            if number < 2 { after.append((try updater.state.encoded(), updater.machine)) }
        }
        #expect(try updater.state.encoded() == after[1].state)
        #expect(updater.machine == after[1].machine)
        #expect(disk.states.count == 1)
    }

    @Test func writesOncePerStep() throws {
        var updater = try start()
        for event in Sample.happyPath { _ = try updater.deliver(event, at: Sample.noon, save: disk.save) }
        // Not for Sync; the passed probe is a step.
        #expect(
            disk.states.map(\.progress.state.rawValue).joined(separator: " ")
                == "Idle Preflight Download Verify Stage Probe Probe Activate Observe Commit Cleanup Idle"
        )
        let history = try #require(disk.states.last).history.entries
        #expect(
            history.map(\.state) == [
                "Preflight", "Download", "Verify", "Stage", "Probe", "Activate", "Observe", "Commit", "Cleanup", "Idle",
            ]
        )
        #expect(history.map(\.sequence) == Array(1...10))
        #expect(history.map { $0.result ?? "-" }.suffix(3) == ["-", "successful", "-"])
        #expect(history.allSatisfy { $0.serial == 7 && $0.bundle == Sample.new })
        #expect(history.first?.reason == "deployed")
    }

    @Test func handsNoActionOnThatWasNotStored() throws {
        var updater = try start()
        for event in Sample.happyPath.prefix(3) { _ = try updater.deliver(event, at: Sample.noon, save: disk.save) }
        disk.isReadOnly = true
        #expect(try updater.deliver(.downloaded(.complete), at: Sample.noon, save: disk.save) == [.cancel])
        #expect(updater.storeProblem is Disk.ReadOnly)
        #expect(updater.machine.state == .download)
        #expect(updater.machine.timer?.event == .waitEnded)
        // It asks again from time to time, and goes on where it stood.
        #expect(try updater.deliver(.waitEnded, at: Sample.noon, save: disk.save) == [])
        #expect(updater.machine.isHalted)
        disk.isReadOnly = false
        #expect(try updater.deliver(.waitEnded, at: Sample.noon, save: disk.save) == [.verify(Sample.candidate)])
        #expect(updater.storeProblem == nil)
    }

    @Test func servesFromAStoreThatCanNotBeWritten() throws {
        var state = EndpointState(endpoint: try #require(Sample.endpoint))
        state.progress = try UpdateMachine.reached(.observe).progress
        state.boot = Sample.boot(1)
        disk.isReadOnly = true
        let boot = try #require(Sample.boot(2))
        var (updater, actions) = EndpointUpdater.start(state, on: Sample.host, boot: boot, at: Sample.noon) {
            try disk.save($0)
        }
        #expect(actions == [.serve(Sample.new)])
        #expect(updater.machine.isHalted)
        // The strike that could not be noted is noted later.
        disk.isReadOnly = false
        actions = try updater.deliver(.waitEnded, at: Sample.noon, save: disk.save)
        #expect(actions == [.observe(Sample.candidate)])
        #expect(disk.states.last?.progress.ledger.records.values.map(\.strikes) == [1])
    }

    @Test func leavesABadCandidateAlsoWhenThatCanNotBeStored() throws {
        var updater = try start()
        for event in Sample.happyPath.prefix(9) { _ = try updater.deliver(event, at: Sample.noon, save: disk.save) }
        disk.isReadOnly = true
        let actions = try updater.deliver(.observed(.waiting(.samples)), at: Sample.noon, save: disk.save)
        #expect(actions == [])
        #expect(updater.machine.isHalted)
        let bad = try updater.deliver(.observed(.refused("worse")), at: Sample.noon, save: disk.save)
        #expect(bad == [.cancel, .rollBack(Sample.candidate, to: Sample.old)])
        #expect(try updater.deliver(.rolledBack(.complete), at: Sample.noon, save: disk.save) == [])
        disk.isReadOnly = false
        let later = try updater.deliver(.waitEnded, at: Sample.noon, save: disk.save)
        #expect(later == [.rollBack(Sample.candidate, to: Sample.old)])
        #expect(disk.states.last?.progress.state == .rollback)
    }

    @Test func forgetsThatItWasStoppedOnceItRuns() throws {
        var updater = try start()
        try updater.stop(save: disk.save)
        #expect(disk.states.last?.isStopped == true)
        let boot = try #require(Sample.boot(1))
        let stored = try #require(disk.states.last)
        _ = EndpointUpdater.start(stored, on: Sample.host, boot: boot, at: Sample.noon) { try disk.save($0) }
        #expect(disk.states.last?.isStopped == false)
    }

    @Test func keepsItsRuntimesWithTheUpdate() throws {
        var updater = try start()
        let boot = try #require(Sample.boot(1))
        let runtime = RuntimeRecord(processID: 9, startTime: 1, boot: boot, slot: .green, bundle: Sample.old)
        try updater.change({ $0.runtimes = [runtime] }, save: disk.save)
        for event in Sample.happyPath.prefix(2) { _ = try updater.deliver(event, at: Sample.noon, save: disk.save) }
        #expect(disk.states.last?.runtimes == [runtime])
        #expect(disk.states.last?.progress.state == .preflight)
    }
}
