package import Digest
internal import JSON

/// What a candidate must show on the box before it stays.
package struct Gates: Hashable, Sendable {
    /// The acceptance set to pass at Probe.
    package struct AcceptanceReference: Hashable, Sendable {
        /// With the endpoint this is where it lies.
        package var version: Int
        /// SHA-256 of the acceptance document.
        package var digest: SHA256Digest

        package init(version: Int, digest: SHA256Digest) {
            self.version = version
            self.digest = digest
        }
    }

    /// A limit on what is measured in Observe, shadow or canary.
    package struct Threshold: Hashable, Sendable {
        package enum Measure: String, CaseIterable, Sendable {
            /// Times the runtime or a worker ended by itself.
            case crashes
            /// Share of requests answered differently from the incumbent, 0 to 1.
            case disagreement
            /// Share of requests answered with an error, 0 to 1.
            case errorRate
            /// Milliseconds that half of the requests take at most.
            case latencyMedian
            /// Milliseconds that 99 of 100 requests take at most.
            case latencyP99
        }

        package var measure: Measure
        package var maximum: Double
        /// With fewer samples nothing is judged.
        package var minimumSamples: Int

        package init(measure: Measure, maximum: Double, minimumSamples: Int) {
            self.measure = measure
            self.maximum = maximum
            self.minimumSamples = minimumSamples
        }
    }

    /// How long, and over how many requests, a candidate is observed after the switch.
    package struct Soak: Hashable, Sendable {
        package var seconds: Int
        package var minimumSamples: Int

        package init(seconds: Int, minimumSamples: Int) {
            self.seconds = seconds
            self.minimumSamples = minimumSamples
        }
    }

    /// Limits on replaying the box's own recent requests.
    package struct Backtest: Hashable, Sendable {
        /// With fewer comparable records nothing is judged.
        package var minimumRecords: Int
        /// Least share of answers equal to the incumbent's, 0 to 1.
        package var minimumAgreement: Double?
        /// How far the accuracy over records with feedback may lie below the incumbent's, 0 to 1.
        package var maximumAccuracyLoss: Double?
        /// How many times the incumbent's 99th percentile of latency the candidate's may be.
        package var maximumLatencyRatio: Double?

        package init(
            minimumRecords: Int,
            minimumAgreement: Double? = nil,
            maximumAccuracyLoss: Double? = nil,
            maximumLatencyRatio: Double? = nil
        ) {
            self.minimumRecords = minimumRecords
            self.minimumAgreement = minimumAgreement
            self.maximumAccuracyLoss = maximumAccuracyLoss
            self.maximumLatencyRatio = maximumLatencyRatio
        }
    }

    package var acceptance: AcceptanceReference?
    package var thresholds: [Threshold] = []
    package var soak: Soak?
    package var backtest: Backtest?

    package static let mostThresholds = 32

    /// Where a deployment asks for no soak.
    package static let defaultSoak = Soak(seconds: 60, minimumSamples: 0)
    /// Without a threshold for errors, a candidate that fails more than this share of at least so many requests goes.
    package static let defaultErrors = Threshold(measure: .errorRate, maximum: 0.05, minimumSamples: 20)
    /// Without a threshold for crashes none is forgiven.
    package static let defaultCrashes = Threshold(measure: .crashes, maximum: 0, minimumSamples: 0)

    package init() {}

    var isEmpty: Bool { self == Gates() }
}

/// 30 days: the longest that a deployment may make a box wait by a number of its own.
let longestSeconds = 30 * 86_400
/// The most samples or records that a gate may ask for.
private let mostSamples = 1_000_000_000

extension Gates {
    init(_ fields: JSONFields) throws {
        // A gate narrows: one that isn't known is never skipped.
        let known: Set<String> = ["acceptance", "thresholds", "soak", "backtest"]
        for name in fields.object.names where !known.contains(name) { throw UnknownFeatures("gate", name) }
        if let acceptance = try fields.optionalFields("acceptance") {
            self.acceptance = AcceptanceReference(
                version: try acceptance.integer("version", in: 1...SignedDocument.largestInteger),
                digest: try acceptance.digest("digest")
            )
        }
        thresholds = try fields.list("thresholds", most: Self.mostThresholds).map(Threshold.init)
        if let soak = try fields.optionalFields("soak") {
            self.soak = Soak(
                seconds: try soak.integer("seconds", in: 0...longestSeconds),
                minimumSamples: try soak.optionalInteger("minimumSamples", in: 0...mostSamples) ?? 0
            )
        }
        backtest = try fields.optionalFields("backtest").map(Backtest.init)
    }

    func json() throws(JSONError) -> JSONValue {
        var object = JSONObject()
        if let acceptance {
            object["acceptance"] = [
                "version": .integer(acceptance.version), "digest": .string(acceptance.digest.hex),
            ]
        }
        if !thresholds.isEmpty {
            object["thresholds"] = .array(try thresholds.map { threshold throws(JSONError) in try threshold.json() })
        }
        if let soak {
            object["soak"] = ["seconds": .integer(soak.seconds), "minimumSamples": .integer(soak.minimumSamples)]
        }
        if let backtest { object["backtest"] = try backtest.json() }
        return .object(object)
    }
}

extension Gates.Threshold {
    init(_ fields: JSONFields) throws {
        measure = try fields.choice("measure", "gate.thresholds")
        maximum = try fields.double("maximum", in: 0...1e12)
        minimumSamples = try fields.integer("minimumSamples", in: 0...mostSamples)
    }

    func json() throws(JSONError) -> JSONValue {
        [
            "measure": .string(measure.rawValue), "maximum": .number(try JSONNumber(maximum)),
            "minimumSamples": .integer(minimumSamples),
        ]
    }
}

extension Gates.Backtest {
    init(_ fields: JSONFields) throws {
        minimumRecords = try fields.integer("minimumRecords", in: 1...mostSamples)
        minimumAgreement = try fields.optionalDouble("minimumAgreement", in: 0...1)
        maximumAccuracyLoss = try fields.optionalDouble("maximumAccuracyLoss", in: 0...1)
        maximumLatencyRatio = try fields.optionalDouble("maximumLatencyRatio", in: 0...1000)
        guard minimumAgreement != nil || maximumAccuracyLoss != nil || maximumLatencyRatio != nil else {
            throw JSONError.unexpected(path: fields.path, problem: "sets no limit")
        }
    }

    func json() throws(JSONError) -> JSONValue {
        var object: JSONObject = ["minimumRecords": .integer(minimumRecords)]
        if let minimumAgreement { object["minimumAgreement"] = .number(try JSONNumber(minimumAgreement)) }
        if let maximumAccuracyLoss { object["maximumAccuracyLoss"] = .number(try JSONNumber(maximumAccuracyLoss)) }
        if let maximumLatencyRatio { object["maximumLatencyRatio"] = .number(try JSONNumber(maximumLatencyRatio)) }
        return .object(object)
    }
}
