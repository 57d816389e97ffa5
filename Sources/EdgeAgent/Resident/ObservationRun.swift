internal import Deployment
internal import Digest

/// A candidate that serves, while it is watched.
struct ObservationRun {
    let bundle: SHA256Digest
    let judge: ObservationJudge
    let began: Duration
    private(set) var crashes = 0
    var nextLook: Duration
    var saidWaiting: Duration?
    /// Since when a runtime that runs has not answered.
    var silentSince: Duration?
    /// The soak has been over for a while, and there is too little to go by: it may go on so for days.
    var isOverdue = false

    init(_ bundle: SHA256Digest, _ judge: ObservationJudge, at now: Duration) {
        self.bundle = bundle
        self.judge = judge
        began = now
        nextLook = now
    }

    mutating func crashed(_ bundle: SHA256Digest) {
        guard bundle == self.bundle else { return }
        crashes += 1
        nextLook = began
    }

    static let interval = Duration.seconds(1)
    /// Each question to a runtime that hangs takes the agent's time.
    static let silentInterval = Duration.seconds(5)
    static let patience = Duration.seconds(15)
    /// The machine takes an observation that says nothing for longer for one that hangs.
    static let sayAgain = Duration.seconds(300)
}

extension EndpointHost {
    func beginObservation(_ candidate: UpdateCandidate) {
        var gates = Gates()
        do {
            gates = try self.gates(of: candidate)
        } catch {
            say("the deployment's gates can't be read, the standard ones hold: \(error)")
        }
        let judge = ObservationJudge(gates, hasWayBack: updater.machine.attempt?.before.current != nil)
        observation = ObservationRun(candidate.bundle, judge, at: environment.now())
    }

    func advanceObservation(at now: Duration) {
        guard var run = observation, now >= run.nextLook else { return }
        let runtime = runtimes.first { $0.bundle == run.bundle && $0.phase == .serving }
        let counters = runtime.flatMap { $0.counters() }
        let isSilent = runtime != nil && counters == nil
        run.nextLook = now + (isSilent ? ObservationRun.silentInterval : ObservationRun.interval)
        run.silentSince = isSilent ? run.silentSince ?? now : nil
        let elapsed = now - run.began
        let silence = run.silentSince.map { now - $0 } ?? .zero
        switch run.judge.judge(elapsed: elapsed, crashes: run.crashes, silence: silence, counters: counters) {
        case .passed:
            observation = nil
            return post(.observed(.passed))
        case .failed(let why):
            failedSlot = runtime?.slot ?? failedSlot
            observation = nil
            return post(.observed(.refused(why)))
        case .inconclusive:
            let soak = Duration.seconds((run.judge.gates.soak ?? Gates.defaultSoak).seconds)
            let last = run.saidWaiting ?? run.began
            run.isOverdue = elapsed > soak + ObservationRun.patience
            if elapsed > soak && run.saidWaiting == nil || now - last >= ObservationRun.sayAgain {
                run.saidWaiting = now
                post(.observed(.waiting(.samples)))
            }
        }
        observation = run
    }
}
