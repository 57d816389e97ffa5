import Testing

@testable import EdgeRuntime

private typealias Machine = ScriptWorkerMachine

/// Time moves by hand: the events of a history, each at its second.
private func machine(
    after history: [(Int, Machine.Event)] = [],
    queueLimit: Int = 2,
    policy: ScriptRestartPolicy = ScriptRestartPolicy()
) -> Machine {
    var machine = Machine(policy: policy, queueLimit: queueLimit, startLimit: .seconds(60))
    for (second, event) in history { _ = machine.handle(event, at: .seconds(second)) }
    return machine
}

private func submit(_ identifier: UInt64, deadline: Int = 1000) -> Machine.Event {
    .submit(.init(identifier: identifier, deadline: .seconds(deadline)))
}

private let stop = Machine.Event.stop(drain: .seconds(10), grace: .seconds(2))
private let started: [(Int, Machine.Event)] = [(0, .start), (1, .ready)]

@Suite struct ScriptWorkerMachineTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let history: [(Int, ScriptWorkerMachine.Event)]
        let event: (Int, ScriptWorkerMachine.Event)
        let state: ScriptWorkerMachine.State
        let actions: [ScriptWorkerMachine.Action]

        init(
            _ history: [(Int, ScriptWorkerMachine.Event)],
            _ event: (Int, ScriptWorkerMachine.Event),
            _ state: ScriptWorkerMachine.State,
            _ actions: [ScriptWorkerMachine.Action]
        ) {
            (self.history, self.event, self.state, self.actions) = (history, event, state, actions)
        }

        var testDescription: String { "\(history.map(\.1)) then \(event.1)" }
    }

    private static let busy = started + [(2, submit(1))]
    private static let killing = busy + [(3, .broke("garbage"))]
    private static let waiting = busy + [(3, .exited("signal 9"))]
    private static let draining = busy + [(3, submit(2)), (4, stop)]
    /// A request that may run for 8 s was sent at 7, with 3 s left to its deadline; run() usually takes 1 or 2.
    private static let waited =
        started + [
            (2, submit(1)), (3, .replied(1)), (3, submit(4)),
            (3, .submit(.init(identifier: 2, deadline: .seconds(10), limit: .seconds(8)))), (7, .replied(4)),
        ]
    /// run() took 10 s.
    private static let slow = started + [(2, submit(1)), (12, .replied(1))]
    private static let askedToStop = started + [(2, stop)]

    @Test(arguments: [
        // Starting
        Row([], (0, .start), .starting, [.spawn]),
        Row([(0, .start)], (1, .ready), .ready, []),
        Row([(0, .start), (1, submit(1))], (2, .ready), .busy, [.send(1)]),
        Row([(0, .start)], (1, .failedToStart), .killing, [.kill]),
        Row([(0, .start), (1, .failedToStart)], (2, .exited("x")), .dead, []),
        Row([(0, .start)], (1, .exited("x")), .dead, []),
        Row([(0, .start)], (59, .tick), .starting, []),
        Row([(0, .start)], (60, .tick), .killing, [.kill]),
        Row([(0, .start)], (1, stop), .stopping, [.terminate]),
        Row([(0, .start)], (1, .replied(1)), .killing, [.kill]),
        // Requests
        Row(started, (2, submit(1)), .busy, [.send(1)]),
        Row(busy, (2, submit(2)), .busy, []),
        Row(busy + [(2, submit(2)), (2, submit(3))], (2, submit(4)), .busy, [.complete(4, .overloaded)]),
        Row(busy, (3, .replied(1)), .ready, [.deliver(1)]),
        Row(busy + [(3, submit(2))], (4, .replied(1)), .busy, [.deliver(1), .send(2)]),
        Row(busy + [(3, submit(2))], (4, .cancel(2)), .busy, [.complete(2, .cancelled)]),
        Row(busy, (4, .cancel(1)), .busy, []),
        // Deadlines
        Row(busy, (1000, .tick), .killing, [.complete(1, .timedOut), .kill]),
        Row(busy + [(3, submit(2, deadline: 5))], (5, .tick), .busy, [.complete(2, .timedOut)]),
        Row(
            busy + [(3, submit(2, deadline: 5)), (3, submit(3))],
            (6, .replied(1)),
            .busy,
            [.deliver(1), .complete(2, .timedOut), .send(3)]
        ),
        // A request that waited is answered at its deadline; run() then still has its own limit before it is killed.
        Row(waited, (10, .tick), .busy, [.complete(2, .timedOut)]),
        Row(waited + [(10, .tick)], (12, .tick), .busy, []),
        Row(waited + [(10, .tick)], (12, .replied(2)), .ready, []),
        Row(waited + [(10, .tick), (11, submit(3))], (12, .replied(2)), .busy, [.send(3)]),
        Row(waited + [(10, .tick)], (14, .tick), .busy, []),
        Row(waited + [(10, .tick)], (15, .tick), .killing, [.kill]),
        // What can't be answered in time is refused when it comes, or not begun.
        Row(slow + [(22, submit(2))], (22, submit(3, deadline: 35)), .busy, [.complete(3, .overloaded)]),
        Row(slow + [(22, submit(2))], (22, submit(3, deadline: 45)), .busy, []),
        Row(
            slow + [(22, submit(2)), (22, submit(3, deadline: 45))],
            (40, .replied(2)),
            .ready,
            [.deliver(2), .complete(3, .timedOut)]
        ),
        // A deadline is no crash: the next process comes at once.
        Row(busy + [(1000, .tick)], (1001, .exited("signal 9")), .starting, [.spawn]),
        Row(busy + [(1000, .tick)], (1001, .replied(1)), .killing, []),
        // What hung once says nothing of how long the next one takes: it waits for the new worker, and is begun.
        Row(busy + [(1000, .tick)], (1001, submit(2, deadline: 1500)), .killing, []),
        // Crashes fail their own request only
        Row(busy + [(3, submit(2))], (3, .exited("x")), .waiting, [.complete(1, .died("x"))]),
        Row(started, (2, .exited("x")), .waiting, []),
        Row(waiting, (3, .tick), .waiting, []),
        Row(waiting, (4, .tick), .starting, [.spawn]),
        Row(waiting + [(3, submit(5))], (4, .tick), .starting, [.spawn]),
        Row(waiting + [(3, submit(5)), (4, .tick)], (5, .ready), .busy, [.send(5)]),
        // Protocol
        Row([(0, .start)], (0, .notSpawned("x")), .dead, []),
        Row(waiting + [(4, .tick)], (4, .notSpawned("x")), .waiting, []),
        Row(waiting + [(4, .tick), (4, stop)], (4, .notSpawned("x")), .dead, []),
        Row(busy, (3, .broke("x")), .killing, [.complete(1, .died("x")), .kill]),
        Row(killing, (4, .exited("x")), .waiting, []),
        Row(killing, (4, .broke("x")), .killing, []),
        Row(started, (3, .ready), .killing, [.kill]),
        Row(
            busy,
            (3, .replied(7)),
            .killing,
            [.complete(1, .died("the scoring script's worker answered out of turn")), .kill]
        ),
        // Stopping
        Row([], (0, stop), .dead, []),
        Row(started, (2, stop), .stopping, [.sendStop]),
        Row(askedToStop, (3, submit(9)), .stopping, [.complete(9, .stopped)]),
        Row(askedToStop, (4, .tick), .stopping, [.terminate]),
        Row(askedToStop + [(4, .tick)], (6, .tick), .stopping, [.kill]),
        Row(askedToStop, (3, .exited("exit code 0")), .dead, []),
        Row(waiting, (4, stop), .dead, []),
        Row(busy, (4, stop), .draining, []),
        Row(draining, (5, submit(9)), .draining, [.complete(9, .stopped)]),
        Row(draining, (5, .replied(1)), .draining, [.deliver(1), .send(2)]),
        Row(draining + [(5, .replied(1))], (6, .replied(2)), .stopping, [.deliver(2), .sendStop]),
        Row(
            draining,
            (14, .tick),
            .stopping,
            [.complete(1, .stopped), .complete(2, .stopped), .terminate]
        ),
        Row(draining, (5, .exited("x")), .dead, [.complete(1, .died("x")), .complete(2, .stopped)]),
        Row(killing, (5, stop), .stopping, []),
        Row(killing + [(5, stop)], (6, .exited("x")), .dead, []),
    ])
    func followsTheTable(row: Row) {
        var machine = machine(after: row.history)
        let actions = machine.handle(row.event.1, at: .seconds(row.event.0))
        #expect(actions == row.actions)
        #expect(machine.state == row.state)
    }

    @Test func doublesThePauseUpToTheLongest() {
        var policy = ScriptRestartPolicy()
        policy.firstPause = .seconds(1)
        policy.longestPause = .seconds(5)
        #expect((1...5).map(policy.pause(afterCrashes:)) == [1, 2, 4, 5, 5].map { .seconds($0) })
    }

    @Test func opensTheBreakerAfterTooManyCrashesAndTriesOnceAMinute() {
        var machine = machine(after: started)
        for crash in 1...4 {
            _ = machine.handle(.exited("x"), at: .seconds(crash * 2))
            #expect(machine.state == .waiting)
            #expect(machine.handle(.tick, at: .seconds(crash * 2 + 1)) == [.spawn])
            _ = machine.handle(.ready, at: .seconds(crash * 2 + 1))
        }
        _ = machine.handle(submit(1), at: .seconds(10))
        _ = machine.handle(submit(2), at: .seconds(10))
        // The fifth takes what waits with it.
        let actions = machine.handle(.exited("x"), at: .seconds(10))
        #expect(actions == [.complete(1, .died("x")), .complete(2, .unavailable("x"))])
        #expect(machine.state == .broken)
        #expect(!machine.isReady)
        guard case .complete(3, .unavailable) = machine.handle(submit(3), at: .seconds(11)).first else {
            Issue.record("a broken worker must refuse at once")
            return
        }
        #expect(machine.handle(.tick, at: .seconds(69)) == [])
        #expect(machine.handle(.tick, at: .seconds(70)) == [.spawn])
        // A single crash on probation opens it again, though the others are long ago.
        _ = machine.handle(.ready, at: .seconds(71))
        #expect(machine.isReady)
        _ = machine.handle(.exited("x"), at: .seconds(72))
        #expect(machine.state == .broken)
        // A minute without a crash ends the probation.
        #expect(machine.handle(.tick, at: .seconds(132)) == [.spawn])
        _ = machine.handle(.ready, at: .seconds(133))
        _ = machine.handle(.exited("x"), at: .seconds(193))
        #expect(machine.state == .waiting)
    }

    @Test func backsOffWithoutTheBreakerWhileNoProcessCanBeHad() {
        var machine = machine(after: started + [(2, .exited("x"))])
        var pauses: [Duration] = []
        for attempt in 1...20 {
            let now = Duration.seconds(attempt * 60)
            #expect(machine.handle(.tick, at: now) == [.spawn])
            #expect(machine.handle(.notSpawned("Too many open files"), at: now) == [])
            #expect(machine.state == .waiting)
            if let next = machine.nextTick { pauses.append(next - now) }
        }
        #expect(pauses.prefix(3) == [.milliseconds(100), .milliseconds(200), .milliseconds(400)])
        #expect(pauses.last == .seconds(30))
        // What waits is run once there is a process again.
        _ = machine.handle(submit(1, deadline: 9000), at: .seconds(1201))
        #expect(machine.handle(.tick, at: .seconds(1260)) == [.spawn])
        #expect(machine.handle(.ready, at: .seconds(1261)) == [.send(1)])
    }

    @Test func forgetsCrashesOutsideTheWindow() {
        var machine = machine(after: started)
        for crash in 1...20 {
            _ = machine.handle(.exited("x"), at: .seconds(crash * 20))
            #expect(machine.state == .waiting)
            _ = machine.handle(.tick, at: .seconds(crash * 20 + 10))
            _ = machine.handle(.ready, at: .seconds(crash * 20 + 11))
        }
        #expect(machine.restarts == 20)
    }

    @Test func isReadyOnlyWithAWorkerAndRoomInTheQueue() {
        #expect(!machine(after: [(0, .start)]).isReady)
        #expect(machine(after: started).isReady)
        #expect(machine(after: Self.busy).isReady)
        #expect(!machine(after: Self.busy + [(2, submit(2)), (2, submit(3))]).isReady)
        #expect(!machine(after: Self.waiting).isReady)
        #expect(!machine(after: Self.draining).isReady)
    }

    @Test func namesTheNextTimeThatMatters() {
        #expect(machine(after: started).nextTick == nil)
        #expect(machine(after: [(0, .start)]).nextTick == .seconds(60))
        #expect(
            machine(after: started + [(2, submit(1, deadline: 9)), (2, submit(2, deadline: 7))]).nextTick == .seconds(7)
        )
        #expect(machine(after: Self.waiting).nextTick == .seconds(3) + .milliseconds(100))
        #expect(machine(after: Self.askedToStop).nextTick == .seconds(4))
    }

    /// 40 clients that ask again as soon as they are answered, run() of 0.2 s, a deadline of 5 s: the worker could answer
    /// 5 in a second, and it must not be kept from it.
    @Test func staysBusyWithRequestsThatCanBeAnsweredUnderOverload() {
        var machine = Machine(policy: ScriptRestartPolicy(), queueLimit: 64, startLimit: .seconds(60))
        _ = machine.handle(.start, at: .zero)
        _ = machine.handle(.ready, at: .zero)
        var delivered = 0
        var killed = 0
        var next: UInt64 = 0
        var clients = 40
        var runEnds: Duration?

        func take(_ actions: [Machine.Action], at now: Duration) {
            for action in actions {
                switch action {
                case .send: runEnds = now + .milliseconds(200)
                case .deliver:
                    delivered += 1
                    clients += 1
                case .complete: clients += 1
                case .kill: killed += 1
                default: break
                }
            }
        }

        for step in 0..<6_000 {
            let now = Duration.milliseconds(step * 10)
            if let end = runEnds, end <= now, let job = machine.running?.job {
                runEnds = nil
                take(machine.handle(.replied(job.identifier), at: now), at: now)
            }
            take(machine.handle(.tick, at: now), at: now)
            for _ in 0..<clients {
                clients -= 1
                next += 1
                let job = Machine.Job(identifier: next, deadline: now + .seconds(5), limit: .seconds(5))
                take(machine.handle(.submit(job), at: now), at: now)
            }
        }
        #expect(killed == 0)
        // 60 s at 5 a second are 300; the grid of 10 ms takes a little.
        #expect(delivered >= 270)
    }

    /// Whatever happens in whatever order: each request is answered once, and there is one process at a time.
    @Test(arguments: 0..<200)
    func answersEveryRequestExactlyOnce(seed: UInt64) {
        var random = SplitMix(state: seed)
        var machine = machine(queueLimit: 3)
        var open: Set<UInt64> = []
        var hasProcess = false
        var next: UInt64 = 0
        var now = 0

        func check(_ actions: [ScriptWorkerMachine.Action]) {
            for action in actions {
                switch action {
                case .spawn:
                    #expect(!hasProcess)
                    hasProcess = true
                case .deliver(let identifier), .complete(let identifier, _):
                    #expect(open.remove(identifier) != nil, "\(identifier) was answered before")
                case .send(let identifier):
                    #expect(hasProcess && open.contains(identifier))
                case .sendStop, .terminate, .kill:
                    #expect(hasProcess)
                }
            }
            #expect(open == Set(machine.queue.map(\.identifier) + (machine.inFlight.map { [$0.identifier] } ?? [])))
            #expect(machine.running == nil || machine.state == .busy || machine.state == .draining)
        }

        check(machine.handle(.start, at: .zero))
        for _ in 0..<300 {
            now += Int(random.next() % 3)
            let event: ScriptWorkerMachine.Event
            switch random.next() % 12 {
            case 0...3:
                next += 1
                open.insert(next)
                event = submit(next, deadline: now + Int(random.next() % 20))
            case 4...6: event = .replied(machine.running?.job.identifier ?? 0)
            case 7: event = .tick
            case 8: event = hasProcess ? .ready : .tick
            case 9: event = .cancel(next)
            case 10 where hasProcess:
                hasProcess = false
                event = .exited("x")
            case 11 where random.next() % 30 == 0: event = stop
            default: event = .tick
            }
            check(machine.handle(event, at: .seconds(now)))
        }
        check(machine.handle(stop, at: .seconds(now)))
        for second in 1...100 { check(machine.handle(.tick, at: .seconds(now + second))) }
        if hasProcess { check(machine.handle(.exited("x"), at: .seconds(now + 200))) }
        #expect(machine.state == .dead)
        #expect(open.isEmpty)
    }

    /// Every state meets every event without a trap, and a dead worker stays dead.
    @Test func meetsEveryEventInEveryState() {
        let events: [ScriptWorkerMachine.Event] = [
            .start, .ready, .failedToStart, submit(50), .cancel(1), .replied(1), .broke("x"), .notSpawned("x"),
            .exited("x"), .tick, stop,
        ]
        var seen: Set<ScriptWorkerMachine.State> = []
        let crash: [(Int, Machine.Event)] = [(2, .exited("x")), (6, .tick), (6, .ready)]
        let broken: [(Int, Machine.Event)] = started + crash + crash + crash + crash + [(9, .exited("x"))]
        let histories: [[(Int, Machine.Event)]] = [
            [], [(0, .start)], started, Self.busy, Self.killing, Self.waiting, Self.draining, Self.askedToStop,
            [(0, stop)], broken,
        ]
        for history in histories {
            let before = machine(after: history)
            seen.insert(before.state)
            for event in events {
                var after = before
                _ = after.handle(event, at: .seconds(12))
                #expect(before.state != .dead || after.state == .dead)
            }
        }
        #expect(seen == Set(ScriptWorkerMachine.State.allCases))
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
