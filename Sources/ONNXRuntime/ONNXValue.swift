/// What a model gives for one output.
package enum ONNXValue: Sendable {
    case tensor(Tensor)
    /// Per row, a map from class to probability, in the library's order of keys.
    case probabilityMaps([ProbabilityMap])
}

/// Classes and their probabilities for one row, as scikit-learn's ZipMap gives them.
package struct ProbabilityMap: Equatable, Sendable {
    package enum Key: Equatable, Sendable {
        case string(String)
        case integer(Int64)
    }

    package struct Entry: Equatable, Sendable {
        package let key: Key
        package let probability: Float

        package init(key: Key, probability: Float) {
            self.key = key
            self.probability = probability
        }
    }

    package let entries: [Entry]

    package init(entries: [Entry]) { self.entries = entries }
}
