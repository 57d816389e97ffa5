internal import Deployment
internal import FileSystem
internal import JSON

/// Which steps of each endpoint's history are in the spool: the file `reported.json`.
///
/// Two files can't be changed as one, so what is about to be put into the spool is noted first, with the number that its
/// record will have: after a kill the spool itself tells how much of it was done. So each step is put there exactly once.
struct ReportMarks: Equatable {
    struct Step: Equatable {
        var endpoint: EndpointName
        /// Of ``UpdateHistory/Entry``.
        var history: Int
    }

    /// By endpoint, the newest step that is surely in the spool.
    private(set) var spooled: [EndpointName: Int] = [:]
    /// Steps that are being put there, in this order, from the record of state with the number `first` on.
    private(set) var pending: (first: Int, steps: [Step]) = (1, [])

    static func == (left: ReportMarks, right: ReportMarks) -> Bool {
        left.spooled == right.spooled && left.pending.first == right.pending.first
            && left.pending.steps == right.pending.steps
    }

    /// A number of a record of state that was given already, or is about to be: the next is not below it.
    var least: Int { pending.first }

    /// What is not in the spool yet. A history that ends before what was noted is another one, and counts from its start.
    func isNew(_ entry: UpdateHistory.Entry, of endpoint: EndpointName, newest: Int) -> Bool {
        guard let known = spooled[endpoint], known <= newest else { return true }
        return entry.sequence > known
    }

    /// Notes what comes next. To be on the disk before the first of it is in the spool.
    mutating func begin(_ steps: [Step], first: Int) { pending = (first, steps) }

    /// The spool gives `next` to its next record of state: everything before it is in.
    mutating func settle(next: Int) {
        let done = min(max(next - pending.first, 0), pending.steps.count)
        for step in pending.steps.prefix(done) { spooled[step.endpoint] = step.history }
        pending = (max(next, pending.first), [])
    }
}

extension ReportMarks {
    private static let limits = JSONLimits(bytes: 256 << 10, depth: 5, values: 20_000)

    init(_ bytes: [UInt8]) throws(JSONError) {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: Self.limits), path: "reported")
        for (name, value) in try fields.fields("spooled").object.members {
            guard let endpoint = EndpointName(name), let number = value.integerValue.flatMap({ Int(exactly: $0) })
            else {
                throw fields.problem("spooled", "\(name.prefix(64)) is no endpoint with a number")
            }
            spooled[endpoint] = number
        }
        let first = try fields.integer("first", in: 1...JSONFields.counts.upperBound)
        var steps: [Step] = []
        for step in try fields.list("pending") {
            guard let endpoint = EndpointName(try step.string("endpoint")) else {
                throw step.problem("endpoint", "is no name")
            }
            steps.append(Step(endpoint: endpoint, history: try step.integer("history", in: JSONFields.counts)))
        }
        pending = (first, steps)
    }

    func encoded() -> [UInt8] {
        let marks = spooled.sorted { $0.key < $1.key }.map { ($0.key.text, JSONValue.integer($0.value)) }
        let steps = pending.steps.map { step -> JSONValue in
            ["endpoint": .string(step.endpoint.text), "history": .integer(step.history)]
        }
        let value: JSONValue = [
            "first": .integer(pending.first), "pending": .array(steps), "spooled": .object(JSONObject(marks)),
        ]
        return value.compactBytes()
    }

    /// None where there is no file, or what is there can't be read: then what the history has is told once more.
    static func read(_ layout: StoreLayout) -> ReportMarks {
        guard let bytes = try? FileSystem.read(layout.reportMarks, limit: limits.bytes),
            let marks = try? ReportMarks(bytes)
        else { return ReportMarks() }
        return marks
    }

    /// Durable when it returns.
    func save(_ layout: StoreLayout) throws { try FileSystem.write(encoded(), to: layout.reportMarks, mode: 0o600) }
}
