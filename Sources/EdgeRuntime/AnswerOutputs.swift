internal import JSON

/// The outputs of an answer, whichever protocol it is of.
enum AnswerOutputs {
    /// One output, flattened in row-major order.
    struct Output {
        var shape: [Int]
        var values: [JSONValue]
    }

    /// The outputs of a v2 answer by name; of any other object its members; else the whole answer under "".
    static func read(_ answer: JSONValue) -> [String: Output] {
        var outputs: [String: Output] = [:]
        if let list = answer["outputs"]?.arrayValue {
            for output in list {
                let shape = output["shape"]?.arrayValue?.compactMap { $0.integerValue.map { Int($0) } } ?? []
                let values = flatten(output["data"] ?? .null).values
                outputs[output["name"]?.stringValue ?? ""] = Output(shape: shape, values: values)
            }
        } else if let object = answer.objectValue {
            for (name, value) in object.members { outputs[name] = flatten(value) }
        } else {
            outputs[""] = flatten(answer)
        }
        return outputs
    }

    /// Nested arrays in row-major order. Rows of different lengths show in a shape of their lengths.
    static func flatten(_ value: JSONValue) -> Output {
        guard let elements = value.arrayValue else { return Output(shape: [], values: [value]) }
        let inner = elements.map(flatten)
        let shapes = Set(inner.map(\.shape))
        let rest = shapes.count == 1 ? inner[0].shape : inner.map(\.values.count)
        return Output(shape: [elements.count] + (elements.isEmpty ? [] : rest), values: inner.flatMap(\.values))
    }
}
