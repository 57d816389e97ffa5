internal import Glibc
internal import JSON

/// How well answers agree with labels.
package enum AcceptanceMetric: String, CaseIterable, Sendable {
    /// Share of labels that were answered, 0 to 1.
    case accuracy
    /// Unweighted mean of F1 over the classes that were labelled or answered, 0 to 1.
    case f1
    /// Mean of the absolute differences.
    case mae
    /// Root of the mean of the squared differences.
    case rmse

    fileprivate var comparesClasses: Bool { self == .accuracy || self == .f1 }
}

/// A metric while records come in. Pure: values in, a figure out.
struct AcceptanceTally: Sendable {
    /// Why a record can't be counted, in words.
    struct Mismatch: Error, Equatable {
        let problem: String

        init(_ problem: String) { self.problem = problem }
    }

    /// What a class is called: a number or a text.
    private enum Class: Hashable {
        case number(Double)
        case text(String)
    }

    private struct Outcomes {
        var right = 0
        /// Answered, labelled as another.
        var wronglyAnswered = 0
        /// Labelled, answered as another.
        var missed = 0
    }

    private static let classLimit = 100_000

    private let metric: AcceptanceMetric
    private var count = 0
    private var right = 0
    private var sum = 0.0
    private var classes: [Class: Outcomes] = [:]

    init(_ metric: AcceptanceMetric) { self.metric = metric }

    /// Counts one record.
    ///
    /// - Parameters:
    ///   - answers: the judged output in row-major order. For classes either one value a label, or several: then they are
    ///     scores, and the class is the place of the greatest, the first where there are several.
    ///   - labels: what is right.
    mutating func add(answers: [JSONValue], labels: [JSONValue]) throws(Mismatch) {
        guard !labels.isEmpty else { throw Mismatch("it has no label") }
        guard metric.comparesClasses else { return try addNumbers(answers, labels) }
        guard !answers.isEmpty, answers.count.isMultiple(of: labels.count) else {
            throw Mismatch("\(answers.count) values were answered to \(labels.count) labels")
        }
        let width = answers.count / labels.count
        for (row, label) in labels.enumerated() {
            let label = try Self.class(of: label, "label")
            let answer: Class
            if width == 1 {
                answer = try Self.class(of: answers[row], "answer")
            } else {
                guard case .number = label else {
                    throw Mismatch("its label is a text, but the output holds \(width) scores for each")
                }
                answer = .number(Double(try Self.greatest(answers[(row * width)..<((row + 1) * width)])))
            }
            try count(answer, label)
        }
    }

    /// What the records so far come to; nil without any.
    var value: Double? {
        guard count > 0 else { return nil }
        switch metric {
        case .accuracy: return Double(right) / Double(count)
        case .mae: return sum / Double(count)
        case .rmse: return (sum / Double(count)).squareRoot()
        case .f1:
            // The harmonic mean of precision and recall, without dividing by what may be zero.
            let scores = classes.values.map { outcomes in
                Double(2 * outcomes.right)
                    / Double(2 * outcomes.right + outcomes.wronglyAnswered + outcomes.missed)
            }
            // In an order of their own, as a sum of fractions depends on it in its last digits.
            return scores.sorted().reduce(0, +) / Double(scores.count)
        }
    }

    private mutating func count(_ answer: Class, _ label: Class) throws(Mismatch) {
        count += 1
        if answer == label { right += 1 }
        guard metric == .f1 else { return }
        if answer == label {
            classes[label, default: Outcomes()].right += 1
        } else {
            classes[answer, default: Outcomes()].wronglyAnswered += 1
            classes[label, default: Outcomes()].missed += 1
        }
        guard classes.count <= Self.classLimit else { throw Mismatch("there are more than \(Self.classLimit) classes") }
    }

    private mutating func addNumbers(_ answers: [JSONValue], _ labels: [JSONValue]) throws(Mismatch) {
        guard answers.count == labels.count else {
            throw Mismatch("\(answers.count) values were answered to \(labels.count) labels")
        }
        for (answer, label) in zip(answers, labels) {
            guard let answer = answer.doubleValue, let label = label.doubleValue else {
                throw Mismatch("its label or the answer is no number")
            }
            let distance = (answer - label).magnitude
            count += 1
            sum += metric == .mae ? distance : distance * distance
        }
        guard sum.isFinite else { throw Mismatch("the differences are too large to be summed") }
    }

    private static func `class`(of value: JSONValue, _ what: String) throws(Mismatch) -> Class {
        if let number = value.doubleValue { return .number(number) }
        if let text = value.stringValue { return .text(text) }
        if case .boolean(let isTrue) = value { return .number(isTrue ? 1 : 0) }
        throw Mismatch("its \(what) is \(value.kindName), not a class")
    }

    private static func greatest(_ scores: ArraySlice<JSONValue>) throws(Mismatch) -> Int {
        var best: (index: Int, score: Double)?
        for (index, value) in scores.enumerated() {
            guard let score = value.doubleValue else { throw Mismatch("a score is \(value.kindName), not a number") }
            if score > best?.score ?? -.infinity || best == nil { best = (index, score) }
        }
        return best?.index ?? 0
    }
}
