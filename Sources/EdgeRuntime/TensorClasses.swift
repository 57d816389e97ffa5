import JSON
import ONNXRuntime

extension Tensor {
    /// Maps from class to probability as strings of JSON, one object per row.
    init(_ maps: [ProbabilityMap], output: String) throws(OpenInferenceError) {
        var buffer = OpenInferenceBuffer(capacity: 64 * maps.count)
        var offsets = [0]
        for (row, map) in maps.enumerated() {
            buffer.append("{")
            for (index, entry) in map.entries.enumerated() {
                guard entry.probability.isFinite else {
                    throw .unrepresentable(
                        output: output,
                        problem: "has the value \(entry.probability) in row \(row), which JSON can't say"
                    )
                }
                if index > 0 { buffer.append(",") }
                switch entry.key {
                case .string(let key): buffer.appendJSONString(key)
                case .integer(let key): buffer.appendJSONString("\(key)")
                }
                buffer.append(":")
                buffer.append(text: entry.probability.description)
            }
            buffer.append("}")
            offsets.append(buffer.count)
        }
        let memory = buffer.withBytes { OwnedTensorMemory(stringBytes: $0, offsets: offsets) }
        self.init(elementType: .bytes, shape: [maps.count], memory: memory)
    }

    /// The protocol's classification form: per row the `count` highest values with their index, `"0.97:3"`, best first.
    ///
    /// Rows are all dimensions but the last; equal values come in the order of their indices, NaN last.
    func highestClasses(_ count: Int, output: String) throws(OpenInferenceError) -> Tensor {
        guard let classes = shape.last, classes > 0 else {
            throw .wrongOutput(name: output, problem: "has no classes to choose from, its shape is \(shape)")
        }
        let texts: [String]
        switch elementType {
        case .float32: texts = highest(Float.self, count, of: classes) { $0.isNaN ? -.infinity : $0 }
        case .float64: texts = highest(Double.self, count, of: classes) { $0.isNaN ? -.infinity : $0 }
        case .int32: texts = highest(Int32.self, count, of: classes) { $0 }
        case .int64: texts = highest(Int64.self, count, of: classes) { $0 }
        default:
            throw .wrongOutput(name: output, problem: "is \(elementType.name), which has no classification")
        }
        return Tensor(shape: shape.dropLast() + [min(count, classes)], strings: texts)
    }

    private func highest<Number: Comparable & BitwiseCopyable>(
        _ type: Number.Type,
        _ count: Int,
        of classes: Int,
        rank: (Number) -> Number
    ) -> [String] {
        withNumbers(as: type) { numbers in
            var texts: [String] = []
            for row in 0..<numbers.count / classes {
                let values = numbers[row * classes..<(row + 1) * classes]
                let sorted = values.indices.sorted {
                    let (left, right) = (rank(values[$0]), rank(values[$1]))
                    return left == right ? $0 < $1 : left > right
                }
                let best = sorted.prefix(count)
                texts += best.map { "\(values[$0]):\($0 - row * classes)" }
            }
            return texts
        }
    }
}
