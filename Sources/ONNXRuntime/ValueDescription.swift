/// What a model says of one of its inputs or outputs.
package struct ValueDescription: Equatable, Sendable {
    package let name: String
    package let kind: ValueKind

    package init(name: String, kind: ValueKind) {
        self.name = name
        self.kind = kind
    }
}

/// The kinds of value that are told apart.
package enum ValueKind: Equatable, Sendable {
    /// A tensor of a type that the Open Inference Protocol knows.
    case tensor(ElementType, dimensions: [Dimension])
    /// A sequence of maps from strings or 64-bit integers to FP32, as scikit-learn's ZipMap gives: class to probability.
    case probabilityMaps(keys: ElementType)
    /// Anything else, in words, for instance `a sequence of tensors`.
    case other(String)
}

/// One dimension of a tensor that a model takes or gives.
package struct Dimension: Equatable, Sendable {
    /// Its size, or -1 where any size is accepted.
    package let size: Int
    /// The model's name for a size that may vary, where it has one.
    package let symbol: String?

    package init(size: Int, symbol: String? = nil) {
        self.size = size
        self.symbol = symbol
    }
}

extension ValueKind {
    /// The datatype and shape, with -1 where any size is accepted; nil for what isn't a tensor.
    package var tensor: (elementType: ElementType, shape: [Int])? {
        guard case .tensor(let elementType, let dimensions) = self else { return nil }
        return (elementType, dimensions.map(\.size))
    }

    /// Whether a tensor of that type and shape may be given.
    package func accepts(_ elementType: ElementType, shape: [Int]) -> Bool {
        guard case .tensor(elementType, let dimensions) = self, dimensions.count == shape.count else { return false }
        return zip(dimensions, shape).allSatisfy { $0.size < 0 || $0.size == $1 }
    }
}

extension ValueKind: CustomStringConvertible {
    /// For messages: `FP32 [batch, 64]`, with -1 for a dimension without a name that takes any size.
    package var description: String {
        switch self {
        case .tensor(let elementType, let dimensions):
            let sizes = dimensions.map { $0.size >= 0 ? "\($0.size)" : $0.symbol ?? "-1" }
            return "\(elementType.name) [\(sizes.joined(separator: ", "))]"
        case .probabilityMaps(let keys): return "a sequence of maps from \(keys.name) to FP32"
        case .other(let words): return words
        }
    }
}
