package import Diagnostics
package import ONNXRuntime

/// Fits requests to a model: which tensor is which input, which outputs are wanted, and how they are sent back.
package struct ModelBinding: Sendable {
    /// For metadata, in the model's order.
    package let inputs: [TensorMetadata]
    /// For metadata, in the model's order; outputs that the protocol can't carry are left out.
    package let outputs: [TensorMetadata]
    private let inputDescriptions: [ValueDescription]
    private let outputDescriptions: [ValueDescription]
    private let inputIndices: [String: Int]
    private let outputIndices: [String: Int]
    /// All outputs, or why not all can be sent.
    private let allOutputs: Result<[Int], OpenInferenceError>

    /// Throws `ModelNotServable` where an input is of a kind that no request can carry.
    package init(inputs: [ValueDescription], outputs: [ValueDescription]) throws(ModelNotServable) {
        var inputMetadata: [TensorMetadata] = []
        for input in inputs {
            guard let (elementType, shape) = input.kind.tensor else {
                throw ModelNotServable(input: input.name, kind: input.kind.description)
            }
            inputMetadata.append(TensorMetadata(name: input.name, elementType: elementType, shape: shape))
        }
        self.inputs = inputMetadata
        self.outputs = outputs.compactMap { output in
            switch output.kind {
            case .tensor(let elementType, let dimensions):
                TensorMetadata(name: output.name, elementType: elementType, shape: dimensions.map(\.size))
            case .probabilityMaps: TensorMetadata(name: output.name, elementType: .bytes, shape: [-1])
            case .other: nil
            }
        }
        inputDescriptions = inputs
        outputDescriptions = outputs
        inputIndices = Dictionary(inputs.enumerated().map { ($1.name, $0) }) { first, _ in first }
        outputIndices = Dictionary(outputs.enumerated().map { ($1.name, $0) }) { first, _ in first }
        allOutputs = Self.allOutputs(outputs)
    }

    /// A binding to a loaded model.
    package init(_ session: ONNXSession) throws(ModelNotServable) {
        try self.init(inputs: session.inputs, outputs: session.outputs)
    }

    private static func allOutputs(_ outputs: [ValueDescription]) -> Result<[Int], OpenInferenceError> {
        for output in outputs {
            if case .other(let words) = output.kind { return .failure(.cannotSend(output.name, words)) }
        }
        return .success(Array(outputs.indices))
    }

    // MARK: - Requests

    /// Checks names, datatypes and shapes of a request against the model's.
    package func bind(_ request: InferRequest) throws(OpenInferenceError) -> BoundRequest {
        BoundRequest(inputs: try bindInputs(request), outputs: try bindOutputs(request))
    }

    private func bindInputs(
        _ request: InferRequest
    ) throws(OpenInferenceError) -> [(index: Int, tensor: Tensor)] {
        var bound: [(index: Int, tensor: Tensor)] = []
        bound.reserveCapacity(request.inputs.count)
        for input in request.inputs {
            guard let index = inputIndices[input.name] else {
                throw .wrongInputs(
                    problem: "the model has no input \"\(input.name)\", it takes \(names(inputDescriptions))"
                )
            }
            let description = inputDescriptions[index]
            guard description.kind.accepts(input.tensor.elementType, shape: input.tensor.shape) else {
                throw .inputMismatch(
                    name: input.name,
                    expected: description.kind.description,
                    given: "\(input.tensor.elementType.name) \(input.tensor.shape)"
                )
            }
            bound.append((index, input.tensor))
        }
        var missing = Array(repeating: true, count: inputDescriptions.count)
        for (index, _) in bound {
            guard missing[index] else {
                throw .wrongInputs(problem: "input \"\(inputDescriptions[index].name)\" stands twice")
            }
            missing[index] = false
        }
        if let index = missing.firstIndex(of: true) {
            let kind = inputDescriptions[index].kind
            throw .wrongInputs(problem: "input \"\(inputDescriptions[index].name)\" is missing, \(kind)")
        }
        return bound
    }

    private func bindOutputs(_ request: InferRequest) throws(OpenInferenceError) -> [BoundRequest.Output] {
        guard let requested = request.outputs else {
            return try allOutputs.get().map {
                BoundRequest.Output(index: $0, isBinary: request.wantsBinaryOutput, classification: nil)
            }
        }
        var bound: [BoundRequest.Output] = []
        var seen = Array(repeating: false, count: outputDescriptions.count)
        for output in requested {
            guard let index = outputIndices[output.name] else {
                throw .wrongOutput(
                    name: output.name,
                    problem: "is not the model's, it gives \(names(outputDescriptions))"
                )
            }
            guard !seen[index] else { throw .wrongOutput(name: output.name, problem: "is asked for twice") }
            seen[index] = true
            if case .other(let words) = outputDescriptions[index].kind { throw .cannotSend(output.name, words) }
            let classification = output.classification.flatMap { $0 > 0 ? $0 : nil }
            bound.append(
                BoundRequest.Output(
                    index: index,
                    isBinary: output.binaryData ?? request.wantsBinaryOutput,
                    classification: classification
                )
            )
        }
        return bound
    }

    private func names(_ descriptions: [ValueDescription]) -> String {
        let shown = descriptions.prefix(20).map { "\"\($0.name)\"" }.joined(separator: ", ")
        return descriptions.count > 20 ? "\(shown) and \(descriptions.count - 20) more" : shown
    }

    // MARK: - Answers

    /// The answer's outputs from what the model gave, in the order of `bound.outputs`.
    ///
    /// Maps from class to probability become BYTES, one JSON object per row: the protocol has tensors only.
    package func outputs(
        _ values: [ONNXValue],
        for bound: BoundRequest
    ) throws(OpenInferenceError) -> [InferOutput] {
        var outputs: [InferOutput] = []
        outputs.reserveCapacity(values.count)
        for (wanted, value) in zip(bound.outputs, values) {
            let name = outputDescriptions[wanted.index].name
            var tensor =
                switch value {
                case .tensor(let tensor): tensor
                case .probabilityMaps(let maps): try Tensor(maps, output: name)
                }
            if let count = wanted.classification {
                tensor = try tensor.highestClasses(count, output: name)
            }
            outputs.append(InferOutput(name: name, tensor: tensor, isBinary: wanted.isBinary))
        }
        return outputs
    }
}

/// A request whose tensors fit the model.
package struct BoundRequest: Sendable {
    package struct Output: Sendable {
        package let index: Int
        package let isBinary: Bool
        package let classification: Int?
    }

    /// For `ONNXSession.run`.
    package let inputs: [(index: Int, tensor: Tensor)]
    package let outputs: [Output]

    /// For `ONNXSession.run`.
    package var outputIndices: [Int] { outputs.map(\.index) }
}

/// A model with an input that no request can carry.
package struct ModelNotServable: ExplainedError, Equatable {
    package let input: String
    package let kind: String

    package var message: String { "the model's input \"\(input)\" is \(kind), which no request can carry" }
    package var hint: String? { "export the model with tensors as inputs" }
    package var exitCode: ExitCode { .modelNotLoaded }
}

extension OpenInferenceError {
    fileprivate static func cannotSend(_ output: String, _ kind: String) -> OpenInferenceError {
        .wrongOutput(name: output, problem: "is \(kind), which the protocol can't carry; ask for other outputs by name")
    }
}
