import Deployment
import Digest
import Testing

@Suite struct RolloutStandingTests {
    /// Deployment 7 with digest 70 and waves a, b, c; 6 with digest 60 is listed too.
    private func judge(
        _ reading: RolloutReading,
        _ memory: RolloutMemory = RolloutMemory(),
        serial: Int = 7
    ) throws -> (standing: RolloutStanding, memory: RolloutMemory) {
        let deployment = try deployment(serial) {
            $0.waves = ["a", "b", "c"].map { Wave(name: $0, members: .percent(.all)) }
        }
        return RolloutStanding.judge(
            reading,
            of: deployment,
            digest: digest(serial * 10),
            listed: [digest(60): 6, digest(70): 7],
            memory: memory
        )
    }

    private func reading(
        _ state: Rollout.State = .running,
        wave: String? = "b",
        serial: Int = 7,
        epoch: Int = 5,
        deployment number: Int? = nil,
        completed: [Int] = [],
        document: Int = 700
    ) throws -> RolloutReading {
        let place = RolloutLocation(channel: .prod, endpoint: try #require(EndpointName("digits")))
        var rollout = Rollout(
            location: place,
            deployment: digest(number ?? serial * 10),
            serial: serial,
            epoch: epoch,
            state: state,
            openWave: wave
        )
        rollout.completed = completed.map { Rollout.Completed(deployment: digest($0 * 10), serial: $0) }
        rollout.reason = state == .running ? nil : "errors"
        return .read(rollout, digest: digest(document))
    }

    private func memory(serial: Int = 7, epoch: Int = 5, document: Int = 700, aborted: [Int] = []) -> RolloutMemory {
        var memory = RolloutMemory()
        memory.serial = serial
        memory.epoch = epoch
        memory.document = digest(document)
        memory.aborted = Set(aborted.map { digest($0) })
        return memory
    }

    @Test(
        arguments: [
            (.running, nil, .running(openWave: nil)), (.running, "a", .running(openWave: 0)),
            (.running, "c", .running(openWave: 2)), (.paused, "b", .paused(.byServer(reason: "errors"), openWave: 1)),
            (.paused, nil, .paused(.byServer(reason: "errors"), openWave: nil)),
            (.aborted, "b", .aborted(reason: "errors")),
            (.aborted, "unknown", .aborted(reason: "errors")), (.aborted, nil, .aborted(reason: "errors")),
            (.running, "unknown", .paused(.refused(.waveNotInPlan("unknown")), openWave: nil)),
            (.paused, "unknown", .paused(.refused(.waveNotInPlan("unknown")), openWave: nil)),
        ] as [(Rollout.State, String?, RolloutStanding)]
    )
    func followsWhatTheServerMayDecide(_ state: Rollout.State, _ wave: String?, _ expected: RolloutStanding) throws {
        #expect(try judge(try reading(state, wave: wave)).standing == expected)
    }

    /// Remembered: serial 7, epoch 5, document 700.
    @Test(
        arguments: [
            (7, 5, 700, nil), (7, 6, 701, nil), (7, 5, 701, .epochReused(5)), (7, 4, 699, .epochFell(from: 5, to: 4)),
            (6, 9, 699, .serialFell(from: 7, to: 6)), (6, 5, 700, .serialFell(from: 7, to: 6)),
        ] as [(Int, Int, Int, RolloutRefusal?)]
    )
    func serialAndEpochOnlyRise(_ serial: Int, _ epoch: Int, _ document: Int, _ refusal: RolloutRefusal?) throws {
        let before = memory()
        let judged = try judge(try reading(serial: serial, epoch: epoch, document: document), before)
        if let refusal {
            #expect(judged.standing == .paused(.refused(refusal), openWave: nil))
            #expect(judged.memory == before)
        } else {
            #expect(judged.standing == .running(openWave: 1))
            #expect(judged.memory == memory(epoch: epoch, document: document))
        }
    }

    @Test func aNewSerialMayStartItsEpochsAnew() throws {
        let judged = try judge(try reading(serial: 7, epoch: 1), memory(serial: 6, epoch: 90))
        #expect(judged.standing == .running(openWave: 1))
        #expect(judged.memory == memory(epoch: 1))
    }

    @Test func whatCannotBeReadCountsAsPaused() throws {
        let error = DocumentError.requiresUnknown(.rollout, path: "rollouts/prod/digits.json", features: ["moon"])
        for (reading, pause) in [
            (RolloutReading.missing, RolloutStanding.Pause.missing), (.unreadable(error), .unreadable(error)),
        ] {
            let judged = try judge(reading, memory())
            #expect(judged.standing == .paused(pause, openWave: nil))
            #expect(judged.memory == memory())
        }
    }

    /// A stolen server key must not be able to raise the serial beyond what operators signed.
    @Test(arguments: [(70, 9), (60, 7), (99, 7), (99, 900)])
    func followsNoRolloutOfWhatOperatorsHaveNotSigned(_ number: Int, _ serial: Int) throws {
        let judged = try judge(try reading(serial: serial, epoch: 9, deployment: number), memory())
        #expect(judged.standing == .paused(.refused(.notListed(serial: serial)), openWave: nil))
        #expect(judged.memory == memory())
    }

    @Test func abortIsFinal() throws {
        let aborted = try judge(try reading(.aborted, epoch: 6, document: 701), memory()).memory
        #expect(aborted == memory(epoch: 6, document: 701, aborted: [70]))
        // The server changes its mind, a rollout can't be read, another one takes its place: it stays aborted.
        #expect(try judge(try reading(epoch: 7, document: 702), aborted).standing == .aborted(reason: nil))
        #expect(try judge(try reading(epoch: 7, document: 702), aborted).memory == aborted)
        #expect(try judge(.missing, aborted).standing == .aborted(reason: nil))
        var listed = aborted
        listed.keepAborts(of: [digest(60)])
        #expect(listed.aborted.isEmpty)
    }

    @Test func aRolloutAboutAnotherSerialHoldsThisOneUnlessCompleted() throws {
        let other = try judge(try reading(serial: 7), serial: 6)
        #expect(other.standing == .paused(.aboutOther(serial: 7), openWave: nil))
        #expect(other.memory.serial == 7)
        let completed = try judge(try reading(serial: 7, completed: [6]), serial: 6)
        #expect(completed.standing == .running(openWave: 2))
        let newer = try judge(try reading(serial: 6))
        #expect(newer.standing == .paused(.aboutOther(serial: 6), openWave: nil))
    }

    @Test func anAbortedDeploymentIsNotBroughtBackAsCompleted() throws {
        let judged = try judge(
            try reading(serial: 7, completed: [6]),
            memory(serial: 6, epoch: 9, aborted: [60]),
            serial: 6
        )
        #expect(judged.standing == .aborted(reason: nil))
        #expect(judged.memory.serial == 6)
    }

    struct Abort: Sendable {
        let progress: AbortEffect.Progress
        let fallback: BundleChoice.Outcome?
        let expected: AbortEffect
    }

    @Test func abortLeadsToTheSignedFallback() throws {
        let chosen = BundleChoice.Outcome.chosen(digest(9), try manifest())
        let none: BundleChoice.Outcome? = nil
        let table: [Abort] = [
            Abort(progress: .untouched, fallback: chosen, expected: .none),
            Abort(progress: .preparing, fallback: chosen, expected: .cancel),
            Abort(progress: .observing, fallback: chosen, expected: .fallBack(to: digest(9))),
            Abort(progress: .committed, fallback: chosen, expected: .fallBack(to: digest(9))),
            Abort(progress: .observing, fallback: none, expected: .rollBack),
            Abort(progress: .committed, fallback: none, expected: .stay),
            Abort(progress: .observing, fallback: .noneFits, expected: .rollBack),
            Abort(progress: .committed, fallback: .noneFits, expected: .stay),
            Abort(progress: .committed, fallback: .undecided(missing: digest(9)), expected: .stay),
            Abort(progress: .committed, fallback: .alreadyInstalled(digest(9)), expected: .none),
        ]
        for row in table {
            let choice = row.fallback.map { BundleChoice(outcome: $0, passedOver: []) }
            #expect(AbortEffect.of(row.progress, fallback: choice) == row.expected, "\(row)")
        }
    }
}
