internal import Deployment
package import Diagnostics

/// What was asked for can't be understood: HTTP 400, or a wrong command line.
package struct QueryProblem: ExplainedError, Hashable {
    package var message: String
    package var hint: String?

    package init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }

    package var exitCode: ExitCode { .usage }
}

/// Names and values of a question, each given once; an empty value counts as none.
struct QueryPairs {
    private var values: [String: [String]] = [:]

    /// Throws for a name that is not one of `known`, a name given twice that may stand once, and what is very long.
    init(_ pairs: [(String, String)], once: [String], several: [String] = []) throws(QueryProblem) {
        for (name, value) in pairs {
            guard once.contains(name) || several.contains(name) else {
                let near = NearestName.nearest(to: name, among: once + several)
                throw QueryProblem(
                    "\(name.quotedName) is nothing that can be asked for here",
                    hint: near.map { "did you mean \($0)?" } ?? "known are \((once + several).joined(separator: ", "))"
                )
            }
            guard !value.isEmpty else { continue }
            guard value.utf8.count <= 256 else { throw QueryProblem("\(name) is longer than 256 bytes") }
            let earlier = values[name]?.count ?? 0
            guard earlier == 0 || several.contains(name) else { throw QueryProblem("\(name) is given twice") }
            guard earlier < 16 else { throw QueryProblem("\(name) is given more than 16 times") }
            values[name, default: []].append(value)
        }
    }

    func all(_ name: String) -> [String] { values[name] ?? [] }

    subscript(name: String) -> String? { values[name]?.first }

    func number(_ name: String, in range: ClosedRange<Int64>) throws(QueryProblem) -> Int64? {
        guard let text = self[name] else { return nil }
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int64(text), range.contains(number)
        else {
            throw QueryProblem(
                "\(name)=\(text.quotedName) is no number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    func device(_ name: String) throws(QueryProblem) -> DeviceID? {
        guard let text = self[name] else { return nil }
        guard let device = DeviceID(text) else { throw QueryProblem("\(text.quotedName) is no device's id") }
        return device
    }

    func endpoint(_ name: String) throws(QueryProblem) -> EndpointName? {
        guard let text = self[name] else { return nil }
        guard let endpoint = EndpointName(text) else { throw QueryProblem("\(text.quotedName) is no endpoint's name") }
        return endpoint
    }

    /// One of the values of an enumeration.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String,
        of _: Choice.Type
    ) throws(QueryProblem) -> Choice? where Choice.RawValue == String {
        guard let text = self[name] else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw QueryProblem("\(name)=\(text.quotedName) is none of \(known)")
        }
        return choice
    }
}
