/// What a gate says of a candidate.
package enum GateOutcome: Hashable, Sendable {
    case passed
    /// Neither for nor against yet: "inconclusive holds".
    case inconclusive(String)
    case failed(String)

    /// One outcome for several gates: a failure decides, else what is inconclusive holds.
    package static func all(_ outcomes: some Sequence<GateOutcome>) -> GateOutcome {
        var held: GateOutcome = .passed
        for outcome in outcomes {
            if case .failed = outcome { return outcome }
            if case .inconclusive = outcome, held == .passed { held = outcome }
        }
        return held
    }
}

extension Acceptance {
    /// The incumbent's value on the same records.
    package enum Incumbent: Hashable, Sendable {
        /// Nothing runs yet.
        case none
        case measured(Double)
        /// Something runs, and its value is not known.
        case notMeasured
    }

    /// Design section 7: "the acceptance set where the deployment names one (absolute bar, and bar against the
    /// incumbent)". A box without an incumbent has only the absolute bar to meet.
    ///
    /// - Parameter records: how many were judged; fewer than the set has is inconclusive, never passed.
    package func judge(candidate: Double, records judged: Int, incumbent: Incumbent) -> GateOutcome {
        guard candidate.isFinite else { return .failed("\(metric.name) on the acceptance set is \(candidate)") }
        guard judged >= records else {
            return .inconclusive("\(judged) of the acceptance set's \(records) records were judged")
        }
        if let absolute = bar.absolute, isWorse(candidate, than: absolute) {
            let (value, bar) = FigureText.pair(candidate, absolute, decimals: 4)
            return .failed("\(metric.name) on the acceptance set is \(value), the bar is \(bar)")
        }
        guard let allowed = bar.againstIncumbent else { return .passed }
        switch incumbent {
        case .none: return .passed
        case .notMeasured: return .inconclusive("the running bundle's \(metric.name) is not known")
        case .measured(let value):
            guard value.isFinite else { return .inconclusive("the running bundle's \(metric.name) is \(value)") }
            let bar = metric.moreIsBetter ? value - allowed : value + allowed
            guard isWorse(candidate, than: bar) else { return .passed }
            let (own, other) = FigureText.pair(candidate, value, decimals: 4)
            return .failed(
                "\(metric.name) on the acceptance set is \(own), the running bundle's is \(other), "
                    + "and at most \(FigureText.text(allowed, decimals: 4)) may be lost"
            )
        }
    }

    private func isWorse(_ value: Double, than bar: Double) -> Bool {
        metric.moreIsBetter ? value < bar : value > bar
    }
}

extension Gates.Threshold {
    package struct Observation: Hashable, Sendable {
        package var value: Double
        package var samples: Int
        /// The incumbent's value on the same requests, where it answered them too.
        package var incumbent: Double?

        package init(value: Double, samples: Int, incumbent: Double? = nil) {
            self.value = value
            self.samples = samples
            self.incumbent = incumbent
        }
    }

    /// Design section 6: "thresholds with minimum samples", "a rise in errors that the incumbent shares on the same
    /// requests is inconclusive".
    package func judge(_ observation: Observation?) -> GateOutcome {
        let samples = observation?.samples ?? 0
        guard let observation, samples >= minimumSamples else {
            return .inconclusive(
                "\(samples) of the \(minimumSamples) requests were seen by which \(measure.words) is judged"
            )
        }
        guard observation.value.isFinite, observation.value <= maximum else {
            let words = sentence(observation)
            guard measure == .errorRate, let incumbent = observation.incumbent, incumbent > maximum else {
                return .failed(words)
            }
            let share = FigureText.text(incumbent * 100, decimals: 3)
            return .inconclusive("\(words); of the same requests the running bundle failed \(share) %")
        }
        return .passed
    }

    /// What was seen, and what was allowed.
    private func sentence(_ seen: Observation) -> String {
        switch measure {
        case .crashes:
            let times = FigureText.times(seen.value)
            return maximum == 0
                ? "it ended by itself \(times), which it may not"
                : "it ended by itself \(times), at most \(FigureText.times(maximum)) is allowed"
        case .errorRate:
            let (share, limit) = FigureText.pair(seen.value * 100, maximum * 100, decimals: 3)
            return "\(share) % of \(seen.samples) requests ended with an error, at most \(limit) % may"
        case .disagreement:
            let (share, limit) = FigureText.pair(seen.value * 100, maximum * 100, decimals: 3)
            return "\(share) % of \(seen.samples) answers differ from the running bundle's, at most \(limit) % may"
        case .latencyMedian, .latencyP99:
            let (time, limit) = FigureText.pair(seen.value, maximum, decimals: 3)
            return "\(measure.words) is \(time) ms over \(seen.samples) requests, at most \(limit) ms is allowed"
        }
    }
}

extension Gates.Threshold.Measure {
    /// In a sentence.
    fileprivate var words: String {
        switch self {
        case .crashes: "how often it ends by itself"
        case .disagreement: "the share of different answers"
        case .errorRate: "the share of errors"
        case .latencyMedian: "the median latency"
        case .latencyP99: "the latency of 99 in 100 requests"
        }
    }
}

/// Figures as people read them.
private enum FigureText {
    /// Rounded; without decimals where there are none.
    static func text(_ value: Double, decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
        let rounded = (value * scale).rounded() / scale
        return Int(exactly: rounded).map { String($0) } ?? "\(rounded)"
    }

    /// Two that differ, so that they are seen to differ.
    static func pair(_ value: Double, _ limit: Double, decimals: Int) -> (String, String) {
        let texts = (text(value, decimals: decimals), text(limit, decimals: decimals))
        return texts.0 == texts.1 ? ("\(value)", "\(limit)") : texts
    }

    static func times(_ count: Double) -> String { count == 1 ? "once" : "\(text(count, decimals: 0)) times" }
}

extension Gates.Soak {
    /// Design section 7: "Observe: crashes, error rate, latency, disagreement over a soak with a minimum of samples."
    package func judge(elapsed: Duration, samples: Int) -> GateOutcome {
        guard elapsed >= .seconds(seconds) else {
            return .inconclusive("observed for \(elapsed.components.seconds) of \(seconds) s")
        }
        guard samples >= minimumSamples else {
            return .inconclusive("observed over \(samples) of \(minimumSamples) requests")
        }
        return .passed
    }
}

extension Gates.Backtest {
    /// What replaying the ring through the candidate gave.
    package struct Measured: Hashable, Sendable {
        /// Records that could be compared: of the same interface epoch, answered by both.
        package var records: Int
        /// Share of equal answers, 0 to 1.
        package var agreement: Double
        /// Candidate's accuracy less the incumbent's, over the records with feedback; nil where none has any.
        package var accuracyGain: Double?
        /// Candidate's 99th percentile of latency over the incumbent's; nil where it was not measured.
        package var latencyRatio: Double?

        package init(records: Int, agreement: Double, accuracyGain: Double? = nil, latencyRatio: Double? = nil) {
            self.records = records
            self.agreement = agreement
            self.accuracyGain = accuracyGain
            self.latencyRatio = latencyRatio
        }
    }

    /// Design section 7: "Records of another interface epoch are skipped, which can make a gate inconclusive, never
    /// passed."
    package func judge(_ measured: Measured) -> GateOutcome {
        guard measured.records >= minimumRecords else {
            return .inconclusive("the backtest could compare \(measured.records) of \(minimumRecords) records")
        }
        var outcomes: [GateOutcome] = []
        if let minimumAgreement, !(measured.agreement >= minimumAgreement) {
            let (share, bar) = FigureText.pair(measured.agreement * 100, minimumAgreement * 100, decimals: 3)
            outcomes.append(
                .failed(
                    "in the backtest \(share) % of the answers agree with the running bundle's, the bar is \(bar) %"
                )
            )
        }
        if let maximumAccuracyLoss {
            switch measured.accuracyGain {
            case nil: outcomes.append(.inconclusive("the backtest found no feedback to measure accuracy by"))
            case let gain? where gain >= -maximumAccuracyLoss: break
            case let gain?:
                let (loss, limit) = FigureText.pair(-gain, maximumAccuracyLoss, decimals: 4)
                outcomes.append(.failed("in the backtest accuracy falls by \(loss), at most \(limit) may be lost"))
            }
        }
        if let maximumLatencyRatio {
            switch measured.latencyRatio {
            case nil: outcomes.append(.inconclusive("the backtest's latency was not measured"))
            case let ratio? where ratio <= maximumLatencyRatio: break
            case let ratio?:
                let (times, limit) = FigureText.pair(ratio, maximumLatencyRatio, decimals: 3)
                outcomes.append(
                    .failed(
                        "in the backtest it takes \(times) times as long as the running bundle, the limit is \(limit)"
                    )
                )
            }
        }
        return .all(outcomes)
    }
}
