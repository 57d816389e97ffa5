internal import BundleManifest
internal import JSON

/// Says whether an answer is the expected one, by a bundle's sample policy. Pure: values in, words out.
struct AnswerPolicy: Sendable {
    private let policy: SamplePolicy

    init(_ policy: SamplePolicy) { self.policy = policy }

    /// What differs, one line for each output; empty where the answer is as expected. Outputs that are not expected may be
    /// there, unless none is.
    func differences(of answer: JSONValue, from expected: JSONValue) -> [String] {
        let found = AnswerOutputs.read(answer)
        let wanted = AnswerOutputs.read(expected)
        if wanted.isEmpty, !found.isEmpty { return ["the answer has \(found.count) members, expected none"] }
        var differences: [String] = []
        for (name, output) in wanted.sorted(by: { $0.key < $1.key }) {
            guard let other = found[name] else {
                differences.append("\(title(name)) is missing")
                continue
            }
            guard other.shape == output.shape else {
                differences.append("\(title(name)) has shape \(other.shape), expected \(output.shape)")
                continue
            }
            if let difference = difference(name, other.values, output.values, expected: wanted) {
                differences.append("\(title(name)): \(difference)")
            }
        }
        return differences
    }

    private func title(_ name: String) -> String { name.isEmpty ? "the answer" : name }

    private func difference(
        _ name: String,
        _ found: [JSONValue],
        _ wanted: [JSONValue],
        expected: [String: AnswerOutputs.Output]
    ) -> String? {
        guard found.count == wanted.count else { return "\(found.count) values, expected \(wanted.count)" }
        let rule = policy.outputs[name]
        var worst: (index: Int, distance: Double)?
        for index in wanted.indices {
            if rule?.comparison == .class {
                guard !same(found[index], wanted[index]), decides(index, of: wanted.count, by: rule, expected) else {
                    continue
                }
                return "class \(text(found[index])) in row \(index), expected \(text(wanted[index]))"
            }
            guard let distance = excess(found[index], wanted[index], rule) else { continue }
            if distance > worst?.distance ?? -1 { worst = (index, distance) }
        }
        guard let worst else { return nil }
        return "value \(worst.index) is \(text(found[worst.index])), expected \(text(wanted[worst.index]))"
    }

    private func same(_ found: JSONValue, _ wanted: JSONValue) -> Bool {
        if let one = found.doubleValue, let other = wanted.doubleValue { return one == other }
        return found == wanted
    }

    /// By how much a value lies outside the tolerance; nil where it doesn't, infinity where it is no number.
    private func excess(_ found: JSONValue, _ wanted: JSONValue, _ rule: SamplePolicy.Output?) -> Double? {
        guard let one = found.doubleValue, let other = wanted.doubleValue else {
            return found == wanted ? nil : .infinity
        }
        let distance = (one - other).magnitude
        return distance <= tolerance(other, rule) ? nil : distance
    }

    private func tolerance(_ value: Double, _ rule: SamplePolicy.Output?) -> Double {
        let absolute = rule?.absoluteTolerance ?? policy.absoluteTolerance
        return absolute + (rule?.relativeTolerance ?? policy.relativeTolerance) * value.magnitude
    }

    /// Whether the expected scores of a row tell its class clearly: the best two differ by more than the tolerance.
    private func decides(
        _ row: Int,
        of rows: Int,
        by rule: SamplePolicy.Output?,
        _ expected: [String: AnswerOutputs.Output]
    ) -> Bool {
        guard let name = rule?.scores, let scores = expected[name]?.values, rows > 0, scores.count % rows == 0 else {
            return true
        }
        let width = scores.count / rows
        let best = scores[(row * width)..<((row + 1) * width)].compactMap(\.doubleValue).sorted(by: >).prefix(2)
        guard best.count == 2, let first = best.first, let second = best.last else { return true }
        return first - second > tolerance(first, rule)
    }

    private func text(_ value: JSONValue) -> String { String(decoding: value.compactBytes().prefix(60), as: UTF8.self) }
}
