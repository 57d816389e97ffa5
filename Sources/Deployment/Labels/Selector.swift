/// Which boxes a deployment or a wave means, by their labels.
package indirect enum Selector: Hashable, Sendable {
    case equals(LabelName, LabelValue)
    case isIn(LabelName, [LabelValue])
    case exists(LabelName)
    /// Also true where the label is not set: `role!=lab` holds on a box without a role.
    case not(Selector)
    /// All of them; every box where there is none.
    case all([Selector])
    /// At least one of them.
    case any([Selector])

    /// The most clauses of one selector, and how deep they nest.
    package static let mostClauses = 256
    package static let deepest = 8

    /// Clauses of any kind, groups included.
    var clauseCount: Int {
        switch self {
        case .equals, .isIn, .exists: 1
        case .not(let inner): 1 + inner.clauseCount
        case .all(let clauses), .any(let clauses): clauses.reduce(1) { $0 + $1.clauseCount }
        }
    }

    /// How deep it nests; 1 for a single clause.
    var levels: Int {
        switch self {
        case .equals, .isIn, .exists: 1
        case .not(let inner): 1 + inner.levels
        case .all(let clauses), .any(let clauses): 1 + (clauses.map(\.levels).max() ?? 0)
        }
    }
}

/// A clause of a selector that a box does not meet.
package struct SelectorMismatch: Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        /// The label has this value instead.
        case found(LabelName, LabelValue)
        case notSet(LabelName)
        /// A whole group in a negation holds.
        case excluded
        /// It would be met by a `local.` label alone, which counts for nothing here.
        case localDoesNotWiden
    }

    package let clause: Selector
    package let cause: Cause

    /// Such as `site=oslo is not met: site is bergen`.
    package var sentence: String {
        switch cause {
        case .found(let name, let value): "\(clause) is not met: \(name) is \(value)"
        case .notSet(let name): "\(clause) is not met: \(name) is not set"
        case .excluded: "\(clause) is not met"
        case .localDoesNotWiden: "\(clause) is met by a local label only, which never widens a prod selector"
        }
    }
}

extension Selector {
    /// The clauses that a box with these labels does not meet; none where the selector matches.
    ///
    /// Design section 6: "`local.` labels never widen a prod selector". In prod a box must match both with and
    /// without its local labels, so that these can take it out of an audience and never put it into one.
    package func mismatches(_ labels: Labels, in channel: Channel) -> [SelectorMismatch] {
        let found = mismatches(labels)
        guard found.isEmpty, channel == .prod else { return found }
        return mismatches(labels.withoutLocal).map {
            SelectorMismatch(clause: $0.clause, cause: .localDoesNotWiden)
        }
    }

    /// Every label counts.
    private func mismatches(_ labels: Labels) -> [SelectorMismatch] {
        switch self {
        case .equals(let name, let value):
            return labels[name] == value ? [] : [unmet(name, labels)]
        case .isIn(let name, let values):
            return labels[name].map(values.contains) == true ? [] : [unmet(name, labels)]
        case .exists(let name):
            return labels[name] != nil ? [] : [unmet(name, labels)]
        case .not(let inner):
            guard inner.mismatches(labels).isEmpty else { return [] }
            switch inner {
            case .equals(let name, _), .isIn(let name, _), .exists(let name): return [unmet(name, labels)]
            case .not, .all, .any: return [SelectorMismatch(clause: self, cause: .excluded)]
            }
        case .all(let clauses):
            return clauses.flatMap { $0.mismatches(labels) }
        case .any(let clauses):
            let found = clauses.map { $0.mismatches(labels) }
            guard !found.contains([]) else { return [] }
            return found.isEmpty ? [SelectorMismatch(clause: self, cause: .excluded)] : found.flatMap { $0 }
        }
    }

    private func unmet(_ name: LabelName, _ labels: Labels) -> SelectorMismatch {
        SelectorMismatch(clause: self, cause: labels[name].map { .found(name, $0) } ?? .notSet(name))
    }
}
