internal import BundleManifest
package import JSON

/// Answers a bundle's own samples on this machine and compares with what was computed when it was built.
package struct ConformanceCheck: Sendable {
    package struct Failure: Sendable {
        package let sample: String
        package let problems: [String]
    }

    package let bundle: ServedBundle
    package let samples: Int
    package let failures: [Failure]
    package let allowedMismatches: Int
    /// From load to ready.
    package let startMicroseconds: Int
    /// Of single answers, sorted, in microseconds.
    package let latencies: [Int]
    /// The most memory this process and a script's worker had (VmHWM), in bytes.
    package let peakMemoryBytes: Int
    /// What it reaches on labelled data, where some was given, or why that can't be said.
    package let acceptance: Result<AcceptanceFigure, any Error>?

    package var passed: Bool { failures.count <= allowedMismatches }

    /// Loads the bundle, answers every sample once, and compares; then the same with labelled data, where there is some.
    /// Throws `noSamples` where there are none of either.
    ///
    /// - Parameters:
    ///   - requiresSamples: false where it is enough that the bundle loads, as for an agent: whether a bundle must have
    ///     samples is up to whoever makes it.
    ///   - progress: told the samples done and how many there are.
    package static func run(
        _ bundle: ServedBundle,
        acceptance: AcceptanceSet? = nil,
        requiresSamples: Bool = true,
        options: RuntimeOptions,
        stop: StopRequest,
        log: @escaping @Sendable (String) -> Void,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> ConformanceCheck {
        let samples = try bundle.samples.map { try ConformanceSample.load($0) } ?? []
        guard !samples.isEmpty || acceptance != nil || !requiresSamples else {
            throw RuntimeError.noSamples(path: bundle.samples ?? bundle.name)
        }
        let clock = ContinuousClock()
        let started = clock.now
        let scorer = try Scorer.load(bundle, options: options, stop: stop, log: log)
        defer { scorer.stop() }
        let start = started.duration(to: clock.now)
        let policy = AnswerPolicy(bundle.samplePolicy)
        var failures: [Failure] = []
        var latencies: [Int] = []
        for (index, sample) in samples.enumerated() {
            let before = clock.now
            let problems = sample.check(scorer, policy: policy)
            latencies.append(before.duration(to: clock.now).microseconds)
            if !problems.isEmpty { failures.append(Failure(sample: sample.name, problems: problems)) }
            progress(index + 1, samples.count)
        }
        // Before the labelled data: the memory that reading it takes is none of serving.
        let peak = peakMemory("self") + (scorer.workerProcess.map { peakMemory("\($0)") } ?? 0)
        return ConformanceCheck(
            bundle: bundle,
            samples: samples.count,
            failures: failures,
            allowedMismatches: bundle.samplePolicy.allowedMismatches,
            startMicroseconds: start.microseconds,
            latencies: latencies.sorted(),
            peakMemoryBytes: peak,
            acceptance: acceptance.map { set in Result { try set.measure(scorer) } }
        )
    }

    /// The share of answers that took at most the returned microseconds.
    private func percentile(_ share: Double) -> Int {
        latencies.isEmpty ? 0 : latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))]
    }

    /// Every figure and failure as one JSON object.
    package var json: JSONValue {
        var object: JSONObject = [
            "bundle": .string(bundle.name), "version": .string(bundle.version), "digest": .string(bundle.digestName),
            "passed": .boolean(passed), "samples": .integer(samples), "failed": .integer(failures.count),
            "allowedMismatches": .integer(allowedMismatches), "startMicroseconds": .integer(startMicroseconds),
            "latencyMicroseconds": [
                "p50": .integer(percentile(0.5)), "p99": .integer(percentile(0.99)),
                "max": .integer(latencies.last ?? 0),
            ],
            "peakMemoryBytes": .integer(peakMemoryBytes),
            "failures": .array(
                failures.map { failure in
                    [
                        "sample": .string(failure.sample),
                        "problems": .array(failure.problems.map { .string($0) }),
                    ]
                }
            ),
        ]
        if let figure = try? acceptance?.get() {
            object["acceptance"] = [
                "metric": .string(figure.metric.rawValue),
                "value": (try? JSONNumber(figure.value)).map { .number($0) } ?? .null,
                "records": .integer(figure.records),
            ]
        }
        return .object(object)
    }

    /// The record for the agent: lines of `key value` in a fixed order, so that its reader needs no parser.
    package var record: String {
        let acceptance = (try? acceptance?.get()).map { figure in
            """
            acceptance_metric \(figure.metric.rawValue)
            acceptance_value \(figure.value)
            acceptance_records \(figure.records)

            """
        }
        return """
            edge-check 1
            digest \(bundle.digestName)
            passed \(passed ? 1 : 0)
            samples \(samples)
            failed \(failures.count)
            start_us \(startMicroseconds)
            p50_us \(percentile(0.5))
            p99_us \(percentile(0.99))
            max_us \(latencies.last ?? 0)
            peak_bytes \(peakMemoryBytes)
            \(acceptance ?? "")
            """
    }
}

/// Answers a few samples before the first request, so that it isn't the first, and a model that answers wrongly on
/// this machine is never ready.
enum WarmUp {
    private static let count = 3

    static func run(_ bundle: ServedBundle, _ scorer: Scorer) throws {
        guard let folder = bundle.samples else { return }
        let policy = AnswerPolicy(bundle.samplePolicy)
        var failed: [String] = []
        for sample in try ConformanceSample.load(folder).prefix(count) {
            let problems = sample.check(scorer, policy: policy)
            if !problems.isEmpty { failed.append("\(sample.name): " + problems.joined(separator: "; ")) }
        }
        guard failed.count <= bundle.samplePolicy.allowedMismatches else {
            throw RuntimeError.warmUpFailed(problem: failed.joined(separator: "; "))
        }
    }
}

extension Duration {
    fileprivate var microseconds: Int {
        Int(components.seconds) * 1_000_000 + Int(components.attoseconds / 1_000_000_000_000)
    }
}

/// VmHWM of a process in bytes, 0 where it can't be read. The figure of getrusage(2) would be that of whoever started us
/// where it was larger: it survives execve(2).
private func peakMemory(_ process: String) -> Int {
    for line in lines(of: "/proc/\(process)/status") where line.hasPrefix("VmHWM:") {
        let kilobytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        return (kilobytes ?? 0) * 1024
    }
    return 0
}
