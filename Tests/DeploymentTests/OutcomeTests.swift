import Deployment
import Digest
import Testing

@Suite struct UpdateResultTests {
    static let all: [UpdateResult] =
        [
            .successful, .alreadyInstalled, .noDeployment, .ambiguous,
            .incompatible(subject: "deployment", feature: "set"),
            .incompatible(subject: "bundle", feature: "camera serial"), .rejected, .failedNoStateChange,
            .failedRollbackComplete, .failedUnableToRollBack, .timedOut, .superseded,
        ] + WaitingReason.allCases.map { .waitingFor($0) }

    @Test(arguments: all)
    func readsBackItsCode(_ result: UpdateResult) {
        #expect(UpdateResult(code: result.code) == result)
        #expect(result.sentence.first?.isLowercase == true)
        #expect(result.sentence.last != ".")
    }

    /// The codes are in scripts and dashboards: a change here is a change for them.
    @Test func codesAreStable() {
        #expect(
            Self.all.map(\.code) == [
                "successful", "alreadyInstalled", "noDeployment", "ambiguous", "incompatible(deployment: set)",
                "incompatible(bundle: camera serial)", "rejected", "failedNoStateChange", "failedRollbackComplete",
                "failedUnableToRollBack", "timedOut", "superseded", "waitingFor(window)", "waitingFor(disk)",
                "waitingFor(memory)", "waitingFor(lock)", "waitingFor(clock)", "waitingFor(power)", "waitingFor(data)",
                "waitingFor(network)", "waitingFor(freshness)", "waitingFor(samples)", "waitingFor(wave)",
                "waitingFor(rollout)", "waitingFor(hold)", "waitingFor(retry)",
            ]
        )
        #expect(
            UpdateState.allCases.map(\.rawValue) == [
                "Idle", "Sync", "Preflight", "Download", "Verify", "Stage", "Probe", "Activate", "Observe", "Commit",
                "Rollback", "Cleanup", "Failure",
            ]
        )
    }

    @Test(arguments: [
        "", "done", "waitingFor", "waitingFor()", "waitingFor(moon)", "incompatible", "incompatible()",
        "incompatible(a)", "incompatible(: b)", "incompatible(a: )", "incompatible(a: b",
    ])
    func refusesWhatIsNoCode(_ code: String) { #expect(UpdateResult(code: code) == nil) }

    @Test func waitingIsNotFailing() {
        #expect(Self.all.filter(\.isWaiting).count == WaitingReason.allCases.count)
        #expect(!Self.all.contains { $0.isWaiting && $0.isFailure })
    }
}

@Suite struct RetryLedgerTests {
    private static let key = AttemptKey(serial: 7, bundle: digest(1), host: digest(90))
    private static let verdict = Verdict(judge: .probe, reason: "accuracy is 0.71, the bar is 0.9")

    @Test(arguments: UpdateState.allCases)
    func anUncleanRestartIsAStrikeWhereTheBundleMayBeToBlame(_ state: UpdateState) {
        let first = Failure.uncleanRestart(in: state).classify(strikes: 0)
        let second = Failure.uncleanRestart(in: state).classify(strikes: 1)
        switch state {
        case .probe, .activate, .observe:
            #expect(first == .strike)
            guard case .verdict(let verdict) = second else {
                Issue.record("\(second)")
                return
            }
            #expect(verdict.judge == (state == .probe ? .probe : .observe))
            #expect(verdict.reason == "the box went down 2 times while trying it")
        default:
            #expect(first == .circumstance(.uncleanRestart))
            #expect(second == .circumstance(.uncleanRestart))
        }
    }

    @Test(
        arguments: [
            (.judged(verdict), .verdict(verdict)), (.circumstance(.disk), .circumstance(.disk)),
            (.errorsSharedWithIncumbent, .inconclusive),
        ] as [(Failure, FailureClass)]
    )
    func tellsAVerdictFromACircumstance(_ failure: Failure, _ expected: FailureClass) {
        #expect(failure.classify(strikes: 5) == expected)
    }

    @Test func keepsAVerdictAgainstSerialBundleAndHost() {
        var ledger = RetryLedger()
        #expect(ledger.decision(for: Self.key) == .allowed)
        #expect(ledger.record(.judged(Self.verdict), for: Self.key) == .verdict(Self.verdict))
        #expect(ledger.decision(for: Self.key) == .refused(Self.verdict))
        for other in [
            AttemptKey(serial: 8, bundle: digest(1), host: digest(90)),
            AttemptKey(serial: 7, bundle: digest(2), host: digest(90)),
            AttemptKey(serial: 7, bundle: digest(1), host: digest(91)),
        ] {
            #expect(ledger.decision(for: other) == .allowed)
        }
    }

    @Test func aVerdictOutlivesCircumstances() {
        var ledger = RetryLedger()
        _ = ledger.record(.judged(Self.verdict), for: Self.key)
        _ = ledger.record(.circumstance(.network), for: Self.key)
        #expect(ledger.decision(for: Self.key) == .refused(Self.verdict))
    }

    @Test func retryAndANewerSerialForgetIt() {
        var asked = RetryLedger()
        _ = asked.record(.judged(Self.verdict), for: Self.key)
        var newer = asked
        asked.retry(digest(2))
        #expect(asked.decision(for: Self.key) == .refused(Self.verdict))
        asked.retry(digest(1))
        #expect(asked == RetryLedger())
        newer.forget(before: 7)
        #expect(newer.decision(for: Self.key) == .refused(Self.verdict))
        newer.forget(before: 8)
        #expect(newer == RetryLedger())
    }

    @Test func theSecondStrikeIsAVerdict() {
        var ledger = RetryLedger()
        #expect(ledger.record(.uncleanRestart(in: .observe), for: Self.key) == .strike)
        #expect(ledger.decision(for: Self.key) == .after(.seconds(30), .uncleanRestart))
        _ = ledger.record(.uncleanRestart(in: .download), for: Self.key)
        guard case .verdict = ledger.record(.uncleanRestart(in: .probe), for: Self.key),
            case .refused = ledger.decision(for: Self.key)
        else {
            Issue.record("\(ledger)")
            return
        }
    }

    @Test func circumstancesAreResumedWithBackOffAndCounted() {
        var ledger = RetryLedger()
        _ = ledger.record(.errorsSharedWithIncumbent, for: Self.key)
        #expect(ledger.decision(for: Self.key) == .allowed)
        for seconds in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
            _ = ledger.record(.circumstance(.network), for: Self.key)
            #expect(ledger.decision(for: Self.key) == .after(.seconds(seconds), .network))
        }
        #expect(ledger.records[Self.key]?.setbacks == 9)
        ledger.succeeded(Self.key)
        #expect(ledger.decision(for: Self.key) == .allowed)
    }

    @Test(arguments: [(Int.min, 30), (0, 30), (1, 30), (7, 1920), (8, 3600), (.max, 3600)])
    func backsOffToAnHour(_ setbacks: Int, _ seconds: Int) {
        #expect(RetryLedger.backOff(after: setbacks) == .seconds(seconds))
    }

    @Test func aFingerprintTellsHostsApart() {
        let host = HostFingerprint(kernel: "6.1", libc: "2.36", python: "3.11", processor: "a")
        let shifted = HostFingerprint(kernel: "6.12", libc: ".36", python: "3.11", processor: "a")
        #expect(host.digest == HostFingerprint(kernel: "6.1", libc: "2.36", python: "3.11", processor: "a").digest)
        #expect(host.digest != shifted.digest)
    }
}
