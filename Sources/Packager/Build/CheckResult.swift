package import JSON

/// What `edgeruntime check` found: how many samples were answered as expected.
package struct CheckResult: Sendable {
    package struct Failure: Sendable {
        package let sample: String
        package let problems: [String]
    }

    package let passed: Bool
    package let samples: Int
    package let failed: Int
    package let failures: [Failure]
    /// All that the runtime told, for programs.
    package let json: JSONValue

    /// Throws where it is not what `edgeruntime check --json` prints.
    init(_ json: JSONValue) throws(JSONError) {
        self.json = json
        let fields = try JSONFields(json, path: "")
        guard let passed = try fields.optionalBoolean("passed") else { throw fields.problem("passed", "is missing") }
        self.passed = passed
        samples = try fields.integer("samples", in: 0...Int(Int32.max))
        failed = try fields.integer("failed", in: 0...samples)
        var failures: [Failure] = []
        for value in try fields.array("failures") {
            let failure = try JSONFields(value, path: "failures")
            failures.append(Failure(sample: try failure.string("sample"), problems: try failure.strings("problems")))
        }
        self.failures = failures
    }
}
