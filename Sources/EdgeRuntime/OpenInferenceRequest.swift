package import JSON
package import ONNXRuntime

/// A request to infer, of the Open Inference Protocol v2, with its tensors in memory.
package struct InferRequest: Sendable {
    /// The client's own name for the request, to be echoed.
    package var id: String?
    /// In the order sent.
    package var inputs: [InferTensor]
    /// What is asked for, or nil for all outputs.
    package var outputs: [RequestedOutput]?
    /// Whether outputs are sent in binary where they don't say otherwise (`binary_data_output`).
    package var wantsBinaryOutput: Bool
    /// The request's other parameters, as sent.
    package var parameters: JSONObject

    package init(
        id: String? = nil,
        inputs: [InferTensor],
        outputs: [RequestedOutput]? = nil,
        wantsBinaryOutput: Bool = false,
        parameters: JSONObject = JSONObject()
    ) {
        self.id = id
        self.inputs = inputs
        self.outputs = outputs
        self.wantsBinaryOutput = wantsBinaryOutput
        self.parameters = parameters
    }
}

/// A tensor with its name.
package struct InferTensor: Sendable {
    package let name: String
    package let tensor: Tensor

    package init(name: String, tensor: Tensor) {
        self.name = name
        self.tensor = tensor
    }
}

/// An output that a request asks for.
package struct RequestedOutput: Equatable, Sendable {
    package let name: String
    /// Whether to send it in binary; nil where the request's own setting counts.
    package let binaryData: Bool?
    /// How many of the highest classes to send instead of the values; nil for the values.
    package let classification: Int?

    package init(name: String, binaryData: Bool? = nil, classification: Int? = nil) {
        self.name = name
        self.binaryData = binaryData
        self.classification = classification
    }
}
