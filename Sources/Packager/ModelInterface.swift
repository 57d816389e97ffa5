package import Digest
package import JSON

/// What callers of a model must know: its inputs and outputs in the model's order.
package struct ModelInterface: Equatable, Sendable {
    package let inputs: [ModelValue]
    package let outputs: [ModelValue]

    package init(inputs: [ModelValue], outputs: [ModelValue]) {
        self.inputs = inputs
        self.outputs = outputs
    }

    /// `{"inputs": [{"datatype", "name", "shape"}…], "outputs": […]}`.
    package var json: JSONValue {
        ["inputs": .array(inputs.map(\.json)), "outputs": .array(outputs.map(\.json))]
    }

    /// SHA-256 of the canonical JSON: the digest that stands in the manifest. Two models with the same one can be called
    /// in the same way.
    package var digest: SHA256Digest {
        get throws(JSONError) { SHA256.digest(try json.canonicalBytes()) }
    }
}

/// One input or output of a model.
package struct ModelValue: Equatable, Sendable {
    /// The extent of a tensor along one axis.
    package enum Dimension: Equatable, Sendable {
        case fixed(Int64)
        /// Whatever the caller sends; some models give it a name such as `batch`.
        case dynamic(symbol: String?)
    }

    package let name: String
    /// The Open Inference Protocol's name of the element type (`FP32`, `INT64`, `BYTES`…), ONNX's own where the protocol
    /// has none, and for what is no tensor a description such as `sequence(map(INT64,FP32))`.
    package let datatype: String
    /// The extents of a tensor, outermost first; nil where the model leaves even their number open, or for what is no
    /// tensor.
    package let shape: [Dimension]?

    package init(name: String, datatype: String, shape: [Dimension]?) {
        self.name = name
        self.datatype = datatype
        self.shape = shape
    }

    /// Dynamic dimensions are -1, as in the Open Inference Protocol; their names don't matter to callers.
    package var json: JSONValue {
        let extents = shape.map { dimensions in
            JSONValue.array(
                dimensions.map { dimension in
                    switch dimension {
                    case .fixed(let extent): .integer(extent)
                    case .dynamic: -1
                    }
                }
            )
        }
        return ["datatype": .string(datatype), "name": .string(name), "shape": extents ?? .null]
    }
}
