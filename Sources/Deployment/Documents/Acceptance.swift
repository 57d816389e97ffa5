package import Digest
internal import JSON

/// An endpoint's acceptance set: labelled data with a metric and a bar, owned by the endpoint's operators.
package struct Acceptance: Equatable, Sendable {
    package enum Metric: Hashable, Sendable {
        /// Share of records with the right class, 0 to 1; more is better.
        case accuracy
        /// Unweighted mean over the classes of F1, 0 to 1; more is better.
        case f1
        /// Mean absolute error; less is better.
        case mae
        /// Root of the mean squared error; less is better.
        case rmse
        /// A function of the bundle by its name, `module.function`.
        case function(String, moreIsBetter: Bool)

        package var moreIsBetter: Bool {
            switch self {
            case .accuracy, .f1: true
            case .mae, .rmse: false
            case .function(_, let moreIsBetter): moreIsBetter
            }
        }

        package var name: String {
            switch self {
            case .accuracy: "accuracy"
            case .f1: "f1"
            case .mae: "mae"
            case .rmse: "rmse"
            case .function(let name, _): name
            }
        }
    }

    /// What the metric must reach; at least one of the two is set.
    package struct Bar: Hashable, Sendable {
        /// The least value where more is better, else the greatest.
        package var absolute: Double?
        /// How much worse than the incumbent's value it may be; negative where it must be better by so much.
        package var againstIncumbent: Double?

        package init(absolute: Double? = nil, againstIncumbent: Double? = nil) {
            self.absolute = absolute
            self.againstIncumbent = againstIncumbent
        }
    }

    package var location: AcceptanceLocation
    package var metric: Metric
    package var bar: Bar
    /// The output that is judged; nil where there is one only.
    package var output: String?
    /// SHA-256 of the labelled data, a blob.
    package var data: SHA256Digest
    package var dataBytes: Int
    package var records: Int

    private static let functionFeature = "metric.function"

    package init(
        location: AcceptanceLocation,
        metric: Metric,
        bar: Bar,
        data: SHA256Digest,
        dataBytes: Int,
        records: Int
    ) {
        self.location = location
        self.metric = metric
        self.bar = bar
        self.data = data
        self.dataBytes = dataBytes
        self.records = records
    }

    /// Reads `acceptance/ENDPOINT/VERSION.json` from where it lies.
    package static func parse(_ bytes: [UInt8], at location: AcceptanceLocation) throws(DocumentError) -> Acceptance {
        try SignedDocument.read(bytes, .acceptance, path: location.path, knowing: [functionFeature]) {
            try Acceptance($0, at: location)
        }
    }

    /// The canonical bytes.
    package func encoded() throws(DocumentError) -> [UInt8] {
        do throws(JSONError) {
            var object: JSONObject = [
                "endpoint": .string(location.endpoint.text), "version": .integer(location.version),
                "metric": metric.json, "bar": try bar.json(),
                "data": ["sha256": .string(data.hex), "bytes": .integer(dataBytes)], "records": .integer(records),
            ]
            object["output"] = output.map { .string($0) }
            guard bar.absolute != nil || bar.againstIncumbent != nil else {
                throw .unexpected(path: "bar", problem: "sets no limit")
            }
            var features: Set<String> = []
            if case .function = metric { features = [Self.functionFeature] }
            return try SignedDocument.write(object, requiring: features)
        } catch {
            throw .malformed(.acceptance, path: location.path, error)
        }
    }

    private init(_ fields: JSONFields, at location: AcceptanceLocation) throws {
        guard try fields.string("endpoint") == location.endpoint.text,
            try fields.integer("version", in: 1...SignedDocument.largestInteger) == location.version
        else { throw JSONError.unexpected(path: "", problem: "its endpoint or version is another than its path says") }
        self.location = location
        metric = try Metric(try fields.fields("metric"))
        bar = try Bar(try fields.fields("bar"))
        output = try fields.optionalLine("output")
        let blob = try fields.fields("data")
        data = try blob.digest("sha256")
        dataBytes = try blob.integer("bytes", in: 1...(1 << 40))
        records = try fields.integer("records", in: 1...1_000_000_000)
    }
}

extension Acceptance.Metric {
    fileprivate init(_ fields: JSONFields) throws {
        let name = try fields.line("name")
        switch name {
        case "accuracy": self = .accuracy
        case "f1": self = .f1
        case "mae": self = .mae
        case "rmse": self = .rmse
        default:
            // A bare word is a metric of a later schema; a function is written with its module.
            guard SignedDocument.isFeatureName(name) else { throw fields.problem("name", "is no metric's name") }
            guard name.contains("."), let moreIsBetter = try fields.optionalBoolean("moreIsBetter") else {
                throw UnknownFeatures("metric", name)
            }
            self = .function(name, moreIsBetter: moreIsBetter)
        }
    }

    fileprivate var json: JSONValue {
        var object: JSONObject = ["name": .string(name)]
        if case .function(_, let moreIsBetter) = self { object["moreIsBetter"] = .boolean(moreIsBetter) }
        return .object(object)
    }
}

extension Acceptance.Bar {
    fileprivate init(_ fields: JSONFields) throws {
        let range = -1e300...1e300
        absolute = try fields.optionalDouble("absolute", in: range)
        againstIncumbent = try fields.optionalDouble("againstIncumbent", in: range)
        guard absolute != nil || againstIncumbent != nil else {
            throw JSONError.unexpected(path: fields.path, problem: "sets no limit")
        }
    }

    fileprivate func json() throws(JSONError) -> JSONValue {
        var object = JSONObject()
        if let absolute { object["absolute"] = .number(try JSONNumber(absolute)) }
        if let againstIncumbent { object["againstIncumbent"] = .number(try JSONNumber(againstIncumbent)) }
        return .object(object)
    }
}
