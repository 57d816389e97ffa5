internal import JSON

/// How a box's answers to the conformance samples may differ from those that CI computed.
package struct SamplePolicy: Equatable, Sendable {
    /// How one output is compared.
    package enum Comparison: String, Sendable {
        /// Each number within the tolerance.
        case values
        /// The class must be the same wherever the two best scores differ by more than the tolerance.
        case `class`
    }

    package struct Output: Equatable, Sendable {
        package var comparison: Comparison
        /// The output whose two best scores decide whether a class counts; for `.class` only.
        package var scores: String?
        /// Instead of the policy's own.
        package var absoluteTolerance: Double?
        package var relativeTolerance: Double?

        package init(
            comparison: Comparison,
            scores: String? = nil,
            absoluteTolerance: Double? = nil,
            relativeTolerance: Double? = nil
        ) {
            self.comparison = comparison
            self.scores = scores
            self.absoluteTolerance = absoluteTolerance
            self.relativeTolerance = relativeTolerance
        }
    }

    /// |answer - expected| may be at most this plus `relativeTolerance` x |expected|.
    package var absoluteTolerance = 1e-5
    package var relativeTolerance = 1e-4
    /// Samples that may fail without the check failing.
    package var allowedMismatches = 0
    package var outputs: [String: Output] = [:]

    package init() {}

    init(_ fields: JSONFields) throws(JSONError) {
        absoluteTolerance = try fields.optionalDouble("atol") ?? absoluteTolerance
        relativeTolerance = try fields.optionalDouble("rtol") ?? relativeTolerance
        allowedMismatches = try fields.optionalInteger("allowedMismatches", in: 0...1_000_000) ?? 0
        guard let named = try fields.optionalFields("outputs") else { return }
        for name in named.object.names {
            let output = try named.fields(name)
            let kind = try output.string("kind")
            guard let comparison = Comparison(rawValue: kind) else {
                throw output.problem("kind", "is \"\(kind)\", known are values and class")
            }
            outputs[name] = Output(
                comparison: comparison,
                scores: try output.optionalString("scores"),
                absoluteTolerance: try output.optionalDouble("atol"),
                relativeTolerance: try output.optionalDouble("rtol")
            )
        }
    }

    func json() throws(JSONError) -> JSONValue {
        var named = JSONObject()
        for (name, output) in outputs {
            var object: JSONObject = ["kind": .string(output.comparison.rawValue)]
            object["scores"] = output.scores.map { .string($0) }
            if let tolerance = output.absoluteTolerance { object["atol"] = .number(try JSONNumber(tolerance)) }
            if let tolerance = output.relativeTolerance { object["rtol"] = .number(try JSONNumber(tolerance)) }
            named[name] = .object(object)
        }
        return .object([
            "allowedMismatches": .integer(allowedMismatches), "atol": .number(try JSONNumber(absoluteTolerance)),
            "outputs": .object(named), "rtol": .number(try JSONNumber(relativeTolerance)),
        ])
    }
}
