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
    /// The machine takes an observation that says nothing for longer for one that hangs.
    static let sayAgain = Duration.seconds(300)
}

extension EndpointHost {
    func beginObservation(_ candidate: UpdateCandidate) {
        let judge: ObservationJudge
        do {
            let path = plan?.deployment
            judge = ObservationJudge(try path.map { try environment.store.deployment(at: $0).gates } ?? Gates())
        } catch {
            say("the deployment's gates can't be read, the standard ones hold: \(error)")
            judge = ObservationJudge(Gates())
        }
        observation = ObservationRun(candidate.bundle, judge, at: environment.now())
    }

    func advanceObservation(at now: Duration) {
        guard var run = observation, now >= run.nextLook else { return }
        let runtime = runtimes.first { $0.bundle == run.bundle && $0.phase == .serving }
        let counters = runtime.flatMap { $0.counters() }
        run.nextLook = now + ObservationRun.interval
        let elapsed = now - run.began
        switch run.judge.judge(elapsed: elapsed, crashes: run.crashes, counters: counters) {
        case .passed:
            observation = nil
            return post(.observed(.passed))
        case .failed(let why):
            failedSlot = runtime?.slot ?? failedSlot
            observation = nil
            return post(.observed(.refused(why)))
        case .inconclusive:
            let soak = Duration.seconds((run.judge.gates.soak ?? ObservationJudge.defaultSoak).seconds)
            let last = run.saidWaiting ?? run.began
            if elapsed > soak && run.saidWaiting == nil || now - last >= ObservationRun.sayAgain {
                run.saidWaiting = now
                post(.observed(.waiting(.samples)))
            }
        }
        observation = run
    }
}
