import Deployment
import Digest
import EdgeAgent
import RuntimeControl
import Testing

/// What the resident makes of what helpers, checks and runtimes say.
@Suite struct JudgementTests {
    // MARK: Helpers

    @Test(arguments: [
        (#"{"outcome":"done"}"#, HelperOutcome.done),
        (
            #"{"circumstance":"disk","outcome":"failed","sentence":"no space"}"#,
            HelperOutcome.failed(.disk, "no space")
        ),
        (#"{"outcome":"refused","sentence":"no"}"#, .refused("no")),
        (#"{"outcome":"damaged","sentence":"bent"}"#, .damaged("bent")),
        (#"{"for":"disk","outcome":"waiting","sentence":"full"}"#, .waiting(.disk, "full")),
    ])
    func outcomeIsTheLastLine(_ line: String, _ expected: HelperOutcome) {
        let output = Array("talk\n\(line)\nerror: in words\nhint: for people\n".utf8)
        #expect(HelperOutcome(output: output, ended: "exit code 0") == expected)
    }

    @Test(arguments: ["", "\n", "killed in the mid", #"{"outcome":"maybe"}"#, #"{"outcome":"failed"}"#])
    func aHelperWithoutAnOutcomeHasFailedAsAHelper(_ output: String) {
        guard case .failed(.helperKilled, let words) = HelperOutcome(output: Array(output.utf8), ended: "signal 9")
        else {
            Issue.record("\(output) counts as an outcome")
            return
        }
        #expect(words.contains("signal 9"))
    }

    @Test func outcomesBecomeResultsOfSteps() {
        #expect(HelperOutcome.done.download == .complete)
        #expect(HelperOutcome.waiting(.disk, "").download == .waiting(.disk))
        #expect(HelperOutcome.failed(.network, "").download == .failed(.network))
        #expect(HelperOutcome.done.verification == .verified)
        #expect(HelperOutcome.refused("no bundle").verification == .refused("no bundle"))
        #expect(HelperOutcome.damaged("bent").verification == .damaged("bent"))
        #expect(HelperOutcome.waiting(.disk, "").verification == .failed(.disk))
        // What is lacking is fetched, not verified again for ever.
        #expect(HelperOutcome.failed(.network, "not fetched").verification == .damaged("not fetched"))
    }

    // MARK: Checks

    private static let digest = SHA256.digest(Array("bundle".utf8))
    private static let record = """
        edge-check 1
        digest \(digest.hex)
        passed 1
        samples 10
        failed 0
        start_us 1000
        p50_us 100
        p99_us 200
        max_us 300
        peak_bytes 4096

        """

    @Test func aRecordIsRead() throws {
        let record = try #require(CheckRecord(Array(Self.record.utf8)))
        #expect(record.digest == Self.digest)
        #expect(record.passed)
        #expect(record.samples == 10)
        #expect(record.p99Microseconds == 200)
        #expect(record.acceptance == nil)
    }

    @Test func aRecordMayHoldAnAcceptance() throws {
        let text = Self.record + "acceptance_metric accuracy\nacceptance_value 0.875\nacceptance_records 8\n"
        let record = try #require(CheckRecord(Array(text.utf8)))
        #expect(record.acceptance == .init(value: 0.875, records: 8))
    }

    @Test func whatWasCutOffIsNoRecord() {
        let bytes = Array(Self.record.utf8)
        // Up to the line that is the last one needed: peak_bytes with a digit less would be another number.
        for length in 0..<bytes.count where CheckRecord(Array(bytes[..<length])) != nil {
            Issue.record("the first \(length) bytes count as a record")
        }
    }

    // MARK: Observation

    private func judge(
        _ gates: Gates = Gates(),
        seconds: Int = 61,
        crashes: Int = 0,
        _ counters: ServingCounters? = ServingCounters(requests: 100)
    ) -> GateOutcome {
        ObservationJudge(gates).judge(elapsed: .seconds(seconds), crashes: crashes, counters: counters)
    }

    private func isInconclusive(_ outcome: GateOutcome) -> Bool {
        if case .inconclusive = outcome { true } else { false }
    }

    private func isFailed(_ outcome: GateOutcome) -> Bool {
        if case .failed = outcome { true } else { false }
    }

    @Test func withoutGatesAQuietMinutePasses() {
        #expect(judge() == .passed)
        #expect(judge(Gates(), ServingCounters()) == .passed)
        #expect(isInconclusive(judge(seconds: 59)))
    }

    @Test func aCrashIsNotForgivenUnlessTheDeploymentSaysSo() {
        #expect(isFailed(judge(seconds: 1, crashes: 1)))
        #expect(isFailed(judge(seconds: 1, ServingCounters(requests: 9, restarts: 1))))
        var gates = Gates()
        gates.thresholds = [.init(measure: .crashes, maximum: 2, minimumSamples: 0)]
        #expect(judge(gates, crashes: 2) == .passed)
        #expect(isFailed(judge(gates, crashes: 3)))
    }

    @Test func whereNothingCouldServeInItsPlaceTwoCrashesAreForgiven() {
        let judge = ObservationJudge(Gates(), hasWayBack: false)
        let counters = ServingCounters(requests: 100)
        #expect(judge.judge(elapsed: .seconds(61), crashes: 2, counters: counters) == .passed)
        #expect(isFailed(judge.judge(elapsed: .seconds(1), crashes: 3, counters: counters)))
        var gates = Gates()
        gates.thresholds = [.init(measure: .crashes, maximum: 0, minimumSamples: 0)]
        let strict = ObservationJudge(gates, hasWayBack: false)
        #expect(isFailed(strict.judge(elapsed: .seconds(1), crashes: 1, counters: counters)))
    }

    @Test func errorsCountOnceThereAreEnoughRequests() {
        #expect(judge(Gates(), ServingCounters(requests: 19, errors: 19)) == .passed)
        #expect(isFailed(judge(Gates(), seconds: 1, ServingCounters(requests: 20, errors: 2))))
        #expect(judge(Gates(), ServingCounters(requests: 20, errors: 1)) == .passed)
        var gates = Gates()
        gates.thresholds = [.init(measure: .errorRate, maximum: 0, minimumSamples: 50)]
        #expect(isInconclusive(judge(gates, ServingCounters(requests: 49))))
        #expect(isFailed(judge(gates, ServingCounters(requests: 50, errors: 1))))
    }

    @Test func latencyIsJudgedInMilliseconds() {
        var gates = Gates()
        gates.thresholds = [.init(measure: .latencyP99, maximum: 5, minimumSamples: 10)]
        #expect(judge(gates, ServingCounters(requests: 10, p99Microseconds: 5000)) == .passed)
        #expect(isFailed(judge(gates, ServingCounters(requests: 10, p99Microseconds: 5001))))
    }

    @Test func whatIsNotMeasuredNeverPasses() {
        var gates = Gates()
        gates.thresholds = [.init(measure: .disagreement, maximum: 0.5, minimumSamples: 0)]
        #expect(isInconclusive(judge(gates, seconds: 100_000)))
        #expect(isInconclusive(judge(Gates(), seconds: 100_000, nil)))
    }

    @Test func aRuntimeThatHangsIsLeft() {
        let judge = ObservationJudge(Gates())
        #expect(isInconclusive(judge.judge(elapsed: .seconds(90), crashes: 0, silence: .seconds(59), counters: nil)))
        #expect(isFailed(judge.judge(elapsed: .seconds(90), crashes: 0, silence: .seconds(60), counters: nil)))
    }

    @Test func theSoakOfTheDeploymentCounts() {
        var gates = Gates()
        gates.soak = .init(seconds: 5, minimumSamples: 50)
        #expect(isInconclusive(judge(gates, seconds: 4)))
        #expect(isInconclusive(judge(gates, seconds: 5, ServingCounters(requests: 49))))
        #expect(judge(gates, seconds: 5, ServingCounters(requests: 50)) == .passed)
    }

    // MARK: Restarts

    @Test func restartsComeAtOnceAndThenEverLater() {
        var policy = RestartPolicy()
        let pauses = (0..<9).map { _ in policy.ended(afterServing: .seconds(1)) }
        #expect(pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
        #expect(policy.ended(afterServing: .seconds(301)) == .zero)
    }
}
