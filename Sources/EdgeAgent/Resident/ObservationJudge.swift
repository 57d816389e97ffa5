package import Deployment
package import RuntimeControl

/// Judges a candidate that serves, by its deployment's gates and by what no candidate may do.
package struct ObservationJudge: Hashable, Sendable {
    package let gates: Gates
    private let standardCrashes: Gates.Threshold

    /// - Parameter hasWayBack: whether another bundle could serve in its place. Where none could, being started again
    ///   serves callers better than nothing does, so that two crashes are forgiven unless the deployment says otherwise.
    package init(_ gates: Gates, hasWayBack: Bool = true) {
        self.gates = gates
        standardCrashes = hasWayBack ? Gates.defaultCrashes : .init(measure: .crashes, maximum: 2, minimumSamples: 0)
    }

    /// A runtime that runs and says nothing for so long answers nobody else either.
    package static let longestSilence = Duration.seconds(60)

    /// Whether enough was seen, and what it says.
    ///
    /// - Parameters:
    ///   - crashes: times the runtime itself ended while it was observed.
    ///   - silence: how long the runtime has not answered although it runs.
    ///   - counters: nil where the runtime could not be asked.
    package func judge(
        elapsed: Duration,
        crashes: Int,
        silence: Duration = .zero,
        counters: ServingCounters?
    ) -> GateOutcome {
        if silence >= Self.longestSilence {
            return .failed("its runtime runs and has not answered for \(silence.components.seconds) s")
        }
        let counted = counters ?? ServingCounters()
        var thresholds = gates.thresholds
        for standard in [standardCrashes, Gates.defaultErrors]
        where !thresholds.contains(where: { $0.measure == standard.measure }) {
            thresholds.append(standard)
        }
        var outcomes: [GateOutcome] = []
        for threshold in thresholds {
            let outcome = threshold.judge(observation(of: threshold.measure, crashes, counted))
            // Too few requests for a rule that nobody asked for is no reason to wait.
            if threshold == Gates.defaultErrors, case .inconclusive = outcome { continue }
            outcomes.append(outcome)
        }
        if counters == nil { outcomes.append(.inconclusive("the runtime could not be asked")) }
        outcomes.append((gates.soak ?? Gates.defaultSoak).judge(elapsed: elapsed, samples: counted.requests))
        return .all(outcomes)
    }

    private func observation(
        of measure: Gates.Threshold.Measure,
        _ crashes: Int,
        _ counters: ServingCounters
    ) -> Gates.Threshold.Observation? {
        let samples = counters.requests
        switch measure {
        case .crashes: return .init(value: Double(crashes + counters.restarts), samples: samples)
        case .errorRate:
            return .init(value: samples == 0 ? 0 : Double(counters.errors) / Double(samples), samples: samples)
        case .latencyMedian: return .init(value: Double(counters.p50Microseconds) / 1000, samples: samples)
        case .latencyP99: return .init(value: Double(counters.p99Microseconds) / 1000, samples: samples)
        // Nothing measures it yet; a deployment that asks for it stays inconclusive, never passed.
        case .disagreement: return nil
        }
    }
}
