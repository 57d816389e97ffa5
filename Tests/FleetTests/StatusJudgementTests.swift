import Deployment
import FleetProtocol
import Testing

@testable import Fleet

@Suite struct StatusJudgementTests {
    private typealias Fixture = StatusFixture

    private static let resting = ["Idle", "Sync", "Failure", "Cleanup"]
    private static let working = UpdateState.allCases.map(\.rawValue).filter { !resting.contains($0) }

    /// What another bundle is wanted for, and none is under way, means by how the last try ended.
    private static func expected(_ result: UpdateResult) -> String {
        switch result {
        case .successful, .alreadyInstalled, .noDeployment, .superseded: "updating"
        case .ambiguous: "ambiguous"
        case .incompatible: "incompatible"
        case .rejected: "rejected"
        case .failedRollbackComplete: "rolledBack"
        case .failedNoStateChange, .failedUnableToRollBack, .timedOut: "failed"
        case .waitingFor(let reason): "waitingFor(\(reason.rawValue))"
        }
    }

    @Test(arguments: Fixture.results)
    func anotherBundleIsWantedThanRuns(_ result: UpdateResult) {
        for state in Self.resting {
            let report = Fixture.report(wanted: Fixture.bundle(3), state: state, result: result.code)
            #expect(EndpointJudgement.converged(report) == Self.expected(result), "\(state)")
        }
    }

    @Test(arguments: Fixture.results)
    func whatIsWantedRuns(_ result: UpdateResult) {
        for state in Self.resting {
            let code = EndpointJudgement.converged(Fixture.report(state: state, result: result.code))
            switch result {
            case .ambiguous, .incompatible: #expect(code == Self.expected(result))
            default: #expect(code == "converged", "\(state)")
            }
        }
    }

    @Test(arguments: Fixture.results)
    func nothingIsWanted(_ result: UpdateResult) {
        for running in [nil, Fixture.bundle(2)] {
            let report = Fixture.report(running: running, wanted: nil, result: result.code)
            let code = EndpointJudgement.converged(report)
            switch result {
            case .ambiguous, .incompatible: #expect(code == Self.expected(result))
            default: #expect(code == "nothingWanted")
            }
        }
    }

    @Test func whatWorksIsUpdatingOrWaiting() {
        for state in Self.working {
            for running in [2, 3] {
                var report = Fixture.report(running: Fixture.bundle(running), wanted: Fixture.bundle(3), state: state)
                #expect(EndpointJudgement.converged(report) == "updating")
                for reason in WaitingReason.allCases {
                    report.result = UpdateResult.waitingFor(reason).code
                    #expect(EndpointJudgement.converged(report) == report.result)
                }
            }
        }
    }

    @Test func whatIsInstalledAndDoesNotRunIsSaid() {
        for result in ["successful", "alreadyInstalled"] {
            let report = Fixture.report(running: nil, result: result)
            #expect(EndpointJudgement.converged(report) == "notRunning")
        }
    }

    @Test func whatANewerAgentSaysIsUnknown() {
        let other = Fixture.bundle(3)
        #expect(EndpointJudgement.converged(Fixture.report(wanted: other, state: "Dream")) == "unknown")
        #expect(EndpointJudgement.converged(Fixture.report(wanted: other, result: "waitingFor(moon)")) == "unknown")
        #expect(EndpointJudgement.converged(Fixture.report(wanted: other, state: "Probe", result: "odd")) == "unknown")
        // What is wanted runs, whatever else is said of it.
        #expect(EndpointJudgement.converged(Fixture.report(result: "odd")) == "converged")
    }

    @Test func everyCodeCanBeReadAgain() {
        for reason in ConvergedReason.allCases { #expect(ConvergedReason(code: reason.code) == reason) }
        #expect(Set(ConvergedReason.allCases.map(\.code)).count == ConvergedReason.allCases.count)
        #expect(ConvergedReason(code: "waitingFor(moon)") == nil)
        #expect(ConvergedReason(code: "") == nil)
    }

    // MARK: healthy

    private func healthy(_ report: EndpointReport, _ before: EndpointReport? = nil, was: String? = nil) -> String {
        EndpointJudgement.healthy(report, before: before, was: was)
    }

    @Test func whatServesIsHealthy() {
        #expect(healthy(Fixture.report()) == "healthy")
        #expect(healthy(Fixture.report(counters: Fixture.counters(0, 0))) == "healthy")
        #expect(healthy(Fixture.report(counters: Fixture.counters(1000, 50))) == "healthy")
    }

    @Test(
        arguments: [
            // requests and errors now, those before, and what is found
            (1000, 51, nil, nil, "errors"), (19, 19, nil, nil, "healthy"), (20, 2, nil, nil, "errors"),
            (20, 1, nil, nil, "healthy"),
            // 20 new ones, of which 2 are bad, after many good ones
            (1020, 2, 1000, 0, "errors"), (1020, 1, 1000, 0, "healthy"),
            // 19 new ones say nothing, so all count
            (1019, 19, 1000, 0, "healthy"), (39, 19, 20, 0, "errors"),
            // many bad ones before, none now
            (1100, 500, 1000, 500, "healthy"),
            // counters that fell are those of another process
            (30, 3, 1000, 0, "errors"), (30, 0, 1000, 700, "healthy"),
            // nonsense does not trap
            (20, 1 << 53, nil, nil, "errors"), (1 << 53, 1 << 53, 0, 0, "errors"), (0, 1 << 53, nil, nil, "healthy"),
        ] as [(Int, Int, Int?, Int?, String)]
    )
    func errorsCount(_ requests: Int, _ errors: Int, _ earlier: Int?, _ earlierErrors: Int?, _ expected: String) {
        let report = Fixture.report(counters: Fixture.counters(requests, errors))
        let before = earlier.map { Fixture.report(counters: Fixture.counters($0, earlierErrors ?? 0)) }
        #expect(healthy(report, before) == expected)
    }

    @Test func anotherBundlesCountersDoNotCount() {
        let report = Fixture.report(running: Fixture.bundle(3), counters: Fixture.counters(1020, 1))
        #expect(healthy(report, Fixture.report(counters: Fixture.counters(1000, 0))) == "healthy")
        #expect(healthy(report, Fixture.report(counters: Fixture.counters(1, 0, restarts: 3))) == "healthy")
    }

    @Test func restartsCountOnce() {
        let before = Fixture.report(counters: Fixture.counters(10, 0, restarts: 1))
        let after = Fixture.report(counters: Fixture.counters(10, 0, restarts: 2))
        #expect(healthy(after, before) == "restarts")
        #expect(healthy(after, after) == "healthy")
        // Nobody knows when those were.
        #expect(healthy(after, nil) == "healthy")
        // Counted anew, and again not at zero.
        #expect(healthy(before, after) == "restarts")
        // A new bundle that has restarted already.
        var other = after
        other.running = Fixture.bundle(3)
        #expect(healthy(other, before) == "restarts")
    }

    @Test func nothingServes() {
        #expect(healthy(Fixture.report(running: nil, wanted: nil)) == "idle")
        // A first bundle on its way, or waiting.
        #expect(healthy(Fixture.report(running: nil, state: "Download")) == "idle")
        #expect(healthy(Fixture.report(running: nil, result: "waitingFor(wave)")) == "idle")
        // It was refused, so nothing serves and nothing will.
        #expect(healthy(Fixture.report(running: nil, result: "rejected")) == "notServing")
        #expect(healthy(Fixture.report(running: nil, result: "successful")) == "notServing")
        // Something served before.
        let gone = Fixture.report(running: nil, result: "waitingFor(wave)")
        #expect(healthy(gone, Fixture.report()) == "notServing")
        #expect(healthy(gone, gone, was: "notServing") == "notServing")
        #expect(healthy(Fixture.report(running: nil, previous: Fixture.bundle(1), state: "Probe")) == "notServing")
    }

    @Test func theWorstEndIsSaidWhateverServes() {
        #expect(healthy(Fixture.report(running: nil, result: "failedUnableToRollBack")) == "cannotGoBack")
        #expect(healthy(Fixture.report(result: "failedUnableToRollBack")) == "cannotGoBack")
    }
}
