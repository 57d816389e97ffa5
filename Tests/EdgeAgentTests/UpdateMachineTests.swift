import Deployment
import Digest
import Testing

@testable import EdgeAgent

@Suite struct UpdateMachineTests {
    /// What an update left behind is in the way of the next one, on a box whose disk is small.
    @Test func anUpdateThatIsCleanedUpKeepsOnlyWhatIsInstalled() throws {
        let installed: Set = [Sample.old, Sample.older]
        for state in [UpdateState.preflight, .download, .verify, .stage, .probe] {
            var machine = try UpdateMachine.reached(state)
            #expect(machine.progress.kept == installed.union([Sample.new, Sample.fallback]))
            _ = try machine.handle(.superseded(bySerial: 8))
            #expect(machine.state == .cleanup)
            #expect(machine.progress.kept == installed)
        }
        let committed = try UpdateMachine.reached(.cleanup)
        #expect(committed.progress.kept == [Sample.new, Sample.old, Sample.fallback])
        let failing = try UpdateMachine.reached(.rollback)
        #expect(failing.progress.kept.isSuperset(of: [Sample.new, Sample.old]))
    }

    private static let candidate = Sample.candidate

    @Test func goesFromOldToNew() throws {
        var machine = UpdateMachine.atRest()
        var actions: [UpdateAction] = []
        for event in Sample.happyPath { actions += try machine.handle(event) }
        let ending = UpdateEnding(.successful, .done)
        #expect(
            actions == [
                .sync, .preflight(Self.candidate), .download(Self.candidate), .verify(Self.candidate),
                .stage(Self.candidate), .probe(Self.candidate), .askPermission(Self.candidate),
                .activate(Self.candidate, replacing: Sample.old), .observe(Self.candidate), .commit(Self.candidate),
                .cleanUp(Self.candidate, ending),
            ]
        )
        #expect(machine.result == .successful)
        let generations = machine.progress.generations
        #expect(generations.current == InstalledGeneration(bundle: Sample.new, serial: 7, probedOn: Sample.host))
        #expect(generations.previous == Sample.running)
        #expect(generations.fallbacks == [Sample.fallback])
        #expect(machine.progress.lastActivation == .seconds(2))
    }

    /// Each pair is answered: with a change, or with a refusal that names both and changes nothing.
    @Test(arguments: UpdateState.allCases)
    func refusesWhatTheStateDoesNotAllow(_ state: UpdateState) throws {
        let reached = try UpdateMachine.reached(state)
        #expect(reached.state == state)
        #expect(Set(UpdateEvent.samples.map(\.event.kind)) == Set(UpdateEvent.Kind.allCases))
        var refused = 0
        for (_, event) in UpdateEvent.samples {
            var machine = reached
            do {
                _ = try machine.handle(event)
            } catch {
                refused += 1
                #expect(error == UpdateRefusal(state: state, event: event.kind))
                #expect(machine == reached)
                let words = "the update is in \(state.rawValue), which does not allow \(event.kind.rawValue)"
                #expect(error.message == words)
            }
        }
        #expect(refused > 0)
    }

    /// What a machine is in the middle of is what it would store, so that no state is lost over a restart.
    @Test(arguments: UpdateState.allCases)
    func isWholeInWhatItStores(_ state: UpdateState) throws {
        let machine = try UpdateMachine.reached(state)
        #expect(machine.progress.stored.state == (state == .sync ? .idle : state))
        #expect((machine.attempt == nil) == (state == .idle || state == .sync))
    }

    struct Verdict: Sendable, CustomTestStringConvertible {
        let state: UpdateState
        let event: UpdateEvent
        let result: UpdateResult
        /// What runs in the end.
        let current: SHA256Digest

        var testDescription: String { "\(state.rawValue): \(event)" }
    }

    @Test(arguments: [
        Verdict(
            state: .preflight,
            event: .preflighted(.incompatible(subject: "bundle", feature: "cp313")),
            result: .incompatible(subject: "bundle", feature: "cp313"),
            current: Sample.old
        ),
        Verdict(state: .verify, event: .verified(.refused("x")), result: .rejected, current: Sample.old),
        Verdict(state: .probe, event: .probed(.refused("x")), result: .rejected, current: Sample.old),
        Verdict(state: .observe, event: .observed(.refused("x")), result: .failedRollbackComplete, current: Sample.old),
        Verdict(
            state: .observe,
            event: .rollBackRequested(by: "ann"),
            result: .failedRollbackComplete,
            current: Sample.old
        ),
    ])
    func keepsAVerdictUntilRetry(_ row: Verdict) throws {
        var machine = try UpdateMachine.reached(row.state).after([row.event])
        if machine.state == .rollback { _ = try machine.handle(.rolledBack(.complete)) }
        machine = try machine.after([.failureKept(.done), .cleanedUp(.done)])
        #expect(machine.state == .idle)
        #expect(machine.result == row.result)
        #expect(machine.progress.generations.current?.bundle == row.current)
        #expect(machine.progress.generations == Sample.generations)

        // The same deployment: refused at once.
        var again = try machine.after([.poll, .synced(.candidate(Self.candidate))])
        #expect(again.state == .idle)
        #expect(again.result == .rejected)
        // On another host, by a newer deployment, or after `edgeagent retry`: tried.
        var elsewhere = UpdateMachine(machine.progress, on: Sample.otherHost)
        elsewhere = try elsewhere.after([.poll, .synced(.candidate(Self.candidate))])
        #expect(elsewhere.state == .preflight)
        let newer = UpdateCandidate(serial: 8, bundle: Sample.new)
        #expect(try machine.after([.poll, .synced(.candidate(newer))]).state == .preflight)
        again = try again.after([.retry, .synced(.candidate(Self.candidate))])
        #expect(again.state == .preflight)
    }

    @Test(arguments: [UpdateState.preflight, .download, .verify, .stage, .probe])
    func givesWayToANewerDeploymentBeforeActivate(_ state: UpdateState) throws {
        var machine = try UpdateMachine.reached(state)
        #expect(machine.isSupersedable)
        #expect(try machine.handle(.superseded(bySerial: 8)).map(\.kind) == [.cancel, .cleanUp])
        // Nothing is reported until it is cleaned up, then the newer one is looked for at once.
        #expect(try machine.handle(.cleanedUp(.done)) == [.sync])
        #expect(machine.progress.last?.ending.result == .superseded)
        #expect(machine.progress.ledger.records.isEmpty)
        #expect(machine.progress.generations == Sample.generations)
    }

    @Test func givesWayWhileItWaitsForPermission() throws {
        let waiting = try UpdateMachine.reached(.probe).after([.probed(.passed), .permitted(.waiting(.window))])
        #expect(try waiting.after([.superseded(bySerial: 8)]).state == .cleanup)
    }

    @Test(arguments: [UpdateState.activate, .observe, .commit, .rollback, .failure, .cleanup])
    func givesWayToNothingFromActivateOn(_ state: UpdateState) throws {
        var machine = try UpdateMachine.reached(state)
        #expect(!machine.isSupersedable)
        #expect(throws: UpdateRefusal.self) { try machine.handle(.superseded(bySerial: 8)) }
    }

    @Test(arguments: [Withdrawal.aborted, .revoked, .notSelected])
    func leavesWhatIsWithdrawn(_ why: Withdrawal) throws {
        for state in [UpdateState.preflight, .download, .verify, .stage, .probe] {
            var machine = try UpdateMachine.reached(state)
            #expect(try machine.handle(.withdrawn(why)).map(\.kind) == [.cancel, .cleanUp])
            #expect(machine.attempt?.ending?.result == .failedNoStateChange)
        }
        for state in [UpdateState.activate, .observe] {
            var machine = try UpdateMachine.reached(state)
            #expect(try machine.handle(.withdrawn(why)) == [.cancel, .rollBack(Self.candidate, to: Sample.old)])
            machine = try machine.after([.rolledBack(.complete), .failureKept(.done)])
            #expect(machine.attempt?.ending?.result == .failedRollbackComplete)
            // The fallback, or what else is wanted now, is looked for at once.
            #expect(try machine.handle(.cleanedUp(.done)) == [.sync])
        }
    }

    @Test func goesBackToTheFallbackWhereTheOldOneIsGone() throws {
        var machine = try UpdateMachine.reached(.rollback)
        let actions = try machine.handle(.rolledBack(.impossible("it is damaged")))
        #expect(actions == [.rollBack(Self.candidate, to: Sample.fallback)])
        #expect(machine.progress.generations.current?.bundle == Sample.fallback)
        let done = try machine.after([.rolledBack(.complete), .failureKept(.done), .cleanedUp(.done)])
        #expect(done.result == .failedRollbackComplete)
        #expect(done.progress.generations.current?.bundle == Sample.fallback)
        // And where that is gone as well, it keeps what serves.
        let stuck = try machine.after([.rolledBack(.impossible("it is gone")), .failureKept(.done), .cleanedUp(.done)])
        #expect(stuck.result == .failedUnableToRollBack)
        #expect(stuck.progress.generations.current?.bundle == Sample.new)
    }

    @Test func takesAFirstBundleAwayAgain() throws {
        var machine = UpdateMachine.atRest(EndpointGenerations())
        for event in Sample.happyPath.prefix(9) { _ = try machine.handle(event) }
        #expect(machine.state == .observe)
        #expect(try machine.handle(.observed(.refused("crashes"))) == [.rollBack(Self.candidate, to: nil)])
        #expect(machine.progress.generations == EndpointGenerations())
    }

    @Test func goesBackFromACommittedGenerationOnRequest() throws {
        var machine = try UpdateMachine.atRest().after(Sample.happyPath)
        let actions = try machine.handle(.rollBackRequested(by: "ann"))
        #expect(actions.map(\.kind) == [.rollBack])
        #expect(machine.attempt?.rollbackTarget == Sample.old)
        machine = try machine.after([.rolledBack(.complete), .failureKept(.done), .cleanedUp(.done)])
        #expect(machine.progress.generations.current == Sample.running)
        #expect(machine.progress.generations.previous == nil)
        // The deployment that asked for it does not bring it back.
        machine = try machine.after([.poll, .synced(.candidate(UpdateCandidate(serial: 7, bundle: Sample.new)))])
        #expect(machine.result == .rejected)
        // There is nowhere left to go back to.
        #expect(throws: UpdateRefusal.self) { try machine.handle(.rollBackRequested(by: "ann")) }
    }

    @Test func goesOnAfterACircumstanceInActivate() throws {
        var machine = try UpdateMachine.reached(.activate)
        let back = UpdateAction.rollBack(Self.candidate, to: Sample.old)
        #expect(try machine.handle(.activated(.failed(.memoryPressure))) == [back])
        #expect(try machine.handle(.rolledBack(.complete)) == [])
        #expect(machine.state == .probe)
        #expect(machine.result == .waitingFor(.retry))
        // The pauses grow although other states lie between: nothing came further than before.
        #expect(machine.timer == UpdateTimer(after: .seconds(30), event: .waitEnded))
        #expect(try machine.handle(.waitEnded) == [.askPermission(Self.candidate)])
        machine = try machine.after([
            .permitted(.granted), .activated(.failed(.memoryPressure)), .rolledBack(.complete),
        ])
        #expect(machine.timer == UpdateTimer(after: .seconds(60), event: .waitEnded))
        // And it can still be superseded, and succeed.
        #expect(machine.isSupersedable)
        machine = try machine.after([.waitEnded, .permitted(.granted), .activated(.done(took: .seconds(1)))])
        #expect(machine.state == .observe)
        #expect(machine.attempt?.setbacks == 0)
    }

    @Test func givesUpARollbackThatNeverComesAbout() throws {
        var machine = try UpdateMachine.reached(.rollback)
        for _ in 1..<machine.policy.mostRollbacks {
            #expect(try machine.handle(.rolledBack(.failed(.memoryPressure))) == [])
            #expect(machine.timer == UpdateTimer(after: machine.policy.rollbackPause, event: .waitEnded))
            #expect(try machine.handle(.waitEnded) == [.rollBack(Self.candidate, to: Sample.old)])
        }
        _ = try machine.handle(.rolledBack(.failed(.memoryPressure)))
        #expect(machine.attempt?.ending?.result == .failedUnableToRollBack)
    }

    @Test func fetchesDamagedFramesAgainAfterAPause() throws {
        var machine = try UpdateMachine.reached(.verify)
        #expect(try machine.handle(.verified(.damaged("frame 3 of app"))) == [])
        #expect(machine.state == .download)
        #expect(machine.result == .waitingFor(.network))
        #expect(try machine.handle(.waitEnded) == [.download(Self.candidate)])
        // A mirror that is wrong for good is asked ever more rarely.
        machine = try machine.after([.downloaded(.complete), .verified(.damaged("frame 3 of app"))])
        #expect(machine.timer == UpdateTimer(after: .seconds(60), event: .waitEnded))
    }

    @Test func probesAgainOnAnotherHost() throws {
        let passed = try UpdateMachine.reached(.probe).after([.probed(.passed)])
        let (machine, actions) = UpdateMachine.resume(
            passed.progress,
            on: Sample.otherHost,
            after: .box(isClean: true)
        )
        #expect(actions == [.serve(Sample.old), .probe(Self.candidate)])
        #expect(!machine.hasPassedProbe)
    }

    @Test func notesTheNewestDeploymentOfWhatRuns() throws {
        let same = UpdateCandidate(serial: 9, bundle: Sample.old, fallbacks: [Sample.older])
        let machine = try UpdateMachine.atRest().after([.poll, .synced(.alreadyInstalled(same))])
        #expect(machine.progress.generations.current?.serial == 9)
        #expect(machine.progress.generations.fallbacks == [Sample.older])
        #expect(machine.result == .alreadyInstalled)
    }
}

@Suite struct UpdateTimeTests {
    private static let candidate = UpdateCandidate(serial: 7, bundle: Sample.new, deadline: .seconds(100))

    @Test func countsWorkAndNotWaiting() throws {
        var machine = try UpdateMachine.reached(.preflight, candidate: Self.candidate)
        _ = try machine.handle(.preflighted(.waiting(.disk)), after: .seconds(10))
        _ = try machine.handle(.waitEnded, after: .seconds(5000))
        _ = try machine.handle(.preflighted(.passed), after: .seconds(2))
        _ = try machine.handle(.downloaded(.failed(.network)), after: .seconds(20))
        _ = try machine.handle(.waitEnded, after: .seconds(300))
        #expect(machine.attempt?.worked == .seconds(32))
        #expect(machine.timer == UpdateTimer(after: .seconds(68), event: .deadlinePassed))
    }

    @Test(arguments: [UpdateState.preflight, .download, .verify, .stage, .probe])
    func failsAtTheDeadlineWithoutAChange(_ state: UpdateState) throws {
        var machine = try UpdateMachine.reached(state, candidate: Self.candidate)
        #expect(try machine.handle(.deadlinePassed, after: .seconds(100)).map(\.kind) == [.cancel, .keepFailure])
        machine = try machine.after([.failureKept(.done), .cleanedUp(.done)])
        #expect(machine.result == .timedOut)
        // The same deployment has used up its time, until somebody says otherwise.
        machine = try machine.after([.poll, .synced(.candidate(Self.candidate))])
        #expect(machine.state == .idle)
        #expect(machine.result == .timedOut)
        machine = try machine.after([.retry, .synced(.candidate(Self.candidate))])
        #expect(machine.state == .preflight)
        #expect(machine.attempt?.worked == .zero)
    }

    @Test func goesBackAtTheDeadlineInActivate() throws {
        var machine = try UpdateMachine.reached(.activate, candidate: Self.candidate)
        #expect(try machine.handle(.deadlinePassed) == [.cancel, .rollBack(Self.candidate, to: Sample.old)])
        machine = try machine.after([.rolledBack(.complete), .failureKept(.done), .cleanedUp(.done)])
        #expect(machine.result == .timedOut)
    }

    @Test func neverForcesByAgeWhatWaits() throws {
        let waits: [UpdateMachine] = [
            try UpdateMachine.reached(.preflight, candidate: Self.candidate).after([.preflighted(.waiting(.disk))]),
            try UpdateMachine.reached(.probe, candidate: Self.candidate)
                .after([.probed(.passed), .permitted(.waiting(.window))]),
            try UpdateMachine.reached(.observe, candidate: Self.candidate).after([.observed(.waiting(.samples))]),
        ]
        for machine in waits { #expect(machine.timer?.event != .deadlinePassed) }
    }

    @Test(arguments: UpdateState.allCases)
    func hasATimerWhereverSomethingMayHang(_ state: UpdateState) throws {
        let machine = try UpdateMachine.reached(state)
        #expect((machine.timer == nil) == (state == .idle))
        guard let timer = machine.timer else { return }
        #expect(timer.event == .stalled)
        // And the machine takes what it asked for.
        _ = try machine.after([timer.event])
    }

    /// A box that waits for its window asks every half minute for days; it must not write as often.
    @Test func storesNothingNewWhileItAsksAgain() throws {
        var machine = try UpdateMachine.reached(.probe).after([.probed(.passed), .permitted(.waiting(.window))])
        let stored = machine.progress.worthStoring
        for _ in 0..<3 {
            #expect(try machine.handle(.waitEnded, after: .seconds(30)) == [.askPermission(Sample.candidate)])
            #expect(machine.progress.worthStoring == stored)
            #expect(machine.result == .waitingFor(.window))
            #expect(try machine.handle(.permitted(.waiting(.window)), after: .milliseconds(3)) == [])
            #expect(machine.progress.worthStoring == stored)
        }
        #expect(try machine.handle(.permitted(.waiting(.freshness))) == [])
        #expect(machine.progress.worthStoring != stored)
    }
}
