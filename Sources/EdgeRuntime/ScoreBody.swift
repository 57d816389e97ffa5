internal import JSON
internal import ONNXRuntime

/// A body as the Azure ML routes take it, for a model without a script: nested arrays under `data`.
struct ScoreBody {
    private let tensors: [(TensorMetadata, JSONValue)]

    /// Throws OpenInferenceError where the body is not `{"data": ARRAY}` for a model of one input, or
    /// `{"data": {INPUT: ARRAY, …}}` for one of several.
    init(_ body: [UInt8], inputs: [TensorMetadata]) throws(OpenInferenceError) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(body, limits: JSONLimits(bytes: body.count, values: max(1_000, body.count)))
        } catch {
            throw .malformed(error)
        }
        guard let data = value["data"] else { throw .missingMember("data", owner: "the body") }
        if let named = data.objectValue {
            tensors = try inputs.map { input throws(OpenInferenceError) in
                guard let values = named[input.name] else { throw .missingMember(input.name, owner: "\"data\"") }
                return (input, values)
            }
        } else if inputs.count == 1 {
            tensors = [(inputs[0], data)]
        } else {
            let names = inputs.map { "\"\($0.name)\"" }.joined(separator: ", ")
            throw .wrongMember("data", owner: "the body", problem: "must be an object with the inputs \(names)")
        }
    }

    /// The same as an infer request, whose checks then hold.
    func request() throws(OpenInferenceError) -> InferRequest {
        let inputs = try tensors.map { input, values throws(OpenInferenceError) -> JSONValue in
            let shape = try shape(of: values, input: input.name)
            return [
                "name": .string(input.name), "datatype": .string(input.elementType.name),
                "shape": .array(shape.map { .integer($0) }), "data": values,
            ]
        }
        let bytes = JSONValue.object(["inputs": .array(inputs)]).compactBytes()
        let outcome = bytes.withUnsafeBytes { body in
            Result { () throws(OpenInferenceError) in try InferRequest(body: body) }
        }
        return try outcome.get()
    }

    /// The lengths of nested arrays, outermost first; every array of one depth must be as long as its siblings.
    private func shape(of value: JSONValue, input: String) throws(OpenInferenceError) -> [Int] {
        guard case .array(let elements) = value else { return [] }
        guard let first = elements.first else { return [0] }
        let inner = try shape(of: first, input: input)
        for element in elements.dropFirst() where try shape(of: element, input: input) != inner {
            throw .wrongData(input: input, problem: "rows of different lengths")
        }
        return [elements.count] + inner
    }
}

extension InferOutput {
    /// The values as nested arrays, one level for each dimension. Throws `unrepresentable` for what JSON can't hold.
    func nestedJSON() throws(OpenInferenceError) -> JSONValue {
        var buffer = OpenInferenceBuffer()
        let plain = InferOutput(name: name, tensor: tensor)
        _ = try InferResponse(modelName: "", outputs: [plain]).encode(into: &buffer)
        let document = buffer.withBytes { bytes in
            try? JSONValue.parse(buffer: bytes, limits: JSONLimits(bytes: bytes.count, values: bytes.count))
        }
        guard let values = document?["outputs"]?[0]?["data"]?.arrayValue else {
            throw .unrepresentable(output: name, problem: "has no JSON form")
        }
        return Self.nest(values[...], tensor.shape[...])
    }

    private static func nest(_ values: ArraySlice<JSONValue>, _ shape: ArraySlice<Int>) -> JSONValue {
        guard let count = shape.first else { return values.first ?? .null }
        guard shape.count > 1 else { return .array(Array(values)) }
        let step = count == 0 ? 0 : values.count / count
        return .array(
            (0..<count).map { index in
                let start = values.startIndex + index * step
                return nest(values[start..<start + step], shape.dropFirst())
            }
        )
    }
}
