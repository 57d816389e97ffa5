import Deployment
import Testing

extension GateOutcome {
    /// The outcome without its words.
    var word: String {
        switch self {
        case .passed: "passed"
        case .inconclusive: "inconclusive"
        case .failed: "failed"
        }
    }
}

@Suite struct GateTests {
    @Test(
        arguments: [
            (nil, "inconclusive"), (.init(value: 0, samples: 199), "inconclusive"),
            (.init(value: 0, samples: 200), "passed"),
            (.init(value: 0.01, samples: 200), "passed"), (.init(value: 0.011, samples: 200), "failed"),
            (.init(value: 0.5, samples: 199), "inconclusive"), (.init(value: .nan, samples: 200), "failed"),
            (.init(value: 0.5, samples: 200, incumbent: 0.02), "inconclusive"),
            (.init(value: 0.5, samples: 200, incumbent: 0.01), "failed"),
            (.init(value: 0.005, samples: 200, incumbent: 0.5), "passed"),
        ] as [(Gates.Threshold.Observation?, String)]
    )
    func judgesAnErrorRate(_ observation: Gates.Threshold.Observation?, _ expected: String) {
        let threshold = Gates.Threshold(measure: .errorRate, maximum: 0.01, minimumSamples: 200)
        #expect(threshold.judge(observation).word == expected)
    }

    /// Only errors can come from the requests themselves.
    @Test(arguments: Gates.Threshold.Measure.allCases)
    func excusesOnlyErrorsThatTheIncumbentShares(_ measure: Gates.Threshold.Measure) {
        let threshold = Gates.Threshold(measure: measure, maximum: 1, minimumSamples: 0)
        let outcome = threshold.judge(.init(value: 2, samples: 0, incumbent: 2))
        #expect(outcome.word == (measure == .errorRate ? "inconclusive" : "failed"))
    }

    @Test(
        arguments: [
            (.crashes, 0, .init(value: 1, samples: 9), "it ended by itself once, which it may not"),
            (.crashes, 1, .init(value: 3, samples: 9), "it ended by itself 3 times, at most once is allowed"),
            (
                .errorRate, 0.01, .init(value: 0.0255, samples: 200),
                "2.55 % of 200 requests ended with an error, at most 1 % may"
            ),
            (
                .disagreement, 0.1, .init(value: 0.125, samples: 8),
                "12.5 % of 8 answers differ from the running bundle's, at most 10 % may"
            ),
            (
                .latencyMedian, 5, .init(value: 7.5, samples: 8),
                "the median latency is 7.5 ms over 8 requests, at most 5 ms is allowed"
            ),
            (
                .latencyP99, 5, .init(value: 5.0001, samples: 8),
                "the latency of 99 in 100 requests is 5.0001 ms over 8 requests, at most 5.0 ms is allowed"
            ),
            (.crashes, 0, .init(value: .infinity, samples: 1), "it ended by itself inf times, which it may not"),
        ] as [(Gates.Threshold.Measure, Double, Gates.Threshold.Observation, String)]
    )
    func saysInASentenceWhatWentWrong(
        _ measure: Gates.Threshold.Measure,
        _ maximum: Double,
        _ observation: Gates.Threshold.Observation,
        _ expected: String
    ) {
        let threshold = Gates.Threshold(measure: measure, maximum: maximum, minimumSamples: 0)
        #expect(threshold.judge(observation) == .failed(expected))
    }

    @Test(arguments: [
        (59, 100, "inconclusive"), (60, 100, "passed"), (60, 99, "inconclusive"), (9_999, 99, "inconclusive"),
    ])
    func soaksForTimeAndSamples(_ seconds: Int, _ samples: Int, _ expected: String) {
        let soak = Gates.Soak(seconds: 60, minimumSamples: 100)
        #expect(soak.judge(elapsed: .seconds(seconds), samples: samples).word == expected)
    }

    struct Backtest: Sendable {
        var agreement: Double?
        var loss: Double?
        var ratio: Double?
        let measured: Gates.Backtest.Measured
        let expected: String
    }

    @Test(arguments: [
        Backtest(agreement: 0.9, measured: .init(records: 49, agreement: 1), expected: "inconclusive"),
        Backtest(agreement: 0.9, measured: .init(records: 50, agreement: 0.9), expected: "passed"),
        Backtest(agreement: 0.9, measured: .init(records: 50, agreement: 0.89), expected: "failed"),
        Backtest(agreement: 0.9, measured: .init(records: 50, agreement: .nan), expected: "failed"),
        Backtest(loss: 0.25, measured: .init(records: 50, agreement: 0), expected: "inconclusive"),
        Backtest(loss: 0.25, measured: .init(records: 50, agreement: 0, accuracyGain: -0.25), expected: "passed"),
        Backtest(loss: 0.25, measured: .init(records: 50, agreement: 0, accuracyGain: -0.26), expected: "failed"),
        Backtest(loss: 0.25, measured: .init(records: 50, agreement: 0, accuracyGain: .nan), expected: "failed"),
        Backtest(ratio: 1.5, measured: .init(records: 50, agreement: 0), expected: "inconclusive"),
        Backtest(ratio: 1.5, measured: .init(records: 50, agreement: 0, latencyRatio: 1.5), expected: "passed"),
        Backtest(ratio: 1.5, measured: .init(records: 50, agreement: 0, latencyRatio: 1.6), expected: "failed"),
        Backtest(agreement: 0.9, loss: 0.25, measured: .init(records: 50, agreement: 0), expected: "failed"),
    ])
    func judgesABacktest(_ test: Backtest) {
        let gate = Gates.Backtest(
            minimumRecords: 50,
            minimumAgreement: test.agreement,
            maximumAccuracyLoss: test.loss,
            maximumLatencyRatio: test.ratio
        )
        #expect(gate.judge(test.measured).word == test.expected)
    }

    @Test(
        arguments: [
            ([], .passed), ([.passed, .passed], .passed), ([.passed, .inconclusive("a")], .inconclusive("a")),
            ([.inconclusive("a"), .inconclusive("b")], .inconclusive("a")),
            ([.inconclusive("a"), .failed("b"), .failed("c")], .failed("b")),
        ] as [([GateOutcome], GateOutcome)]
    )
    func aFailureDecidesAndWhatIsInconclusiveHolds(_ outcomes: [GateOutcome], _ expected: GateOutcome) {
        #expect(GateOutcome.all(outcomes) == expected)
    }
}
