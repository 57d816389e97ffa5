package import JSON
package import ONNXRuntime

/// The answer to an infer request, with its tensors in memory.
package struct InferResponse: Sendable {
    package var modelName: String
    package var modelVersion: String?
    /// The request's own, or one made for it.
    package var id: String?
    package var parameters: JSONObject
    package var outputs: [InferOutput]

    package init(
        modelName: String,
        modelVersion: String? = nil,
        id: String? = nil,
        parameters: JSONObject = JSONObject(),
        outputs: [InferOutput]
    ) {
        self.modelName = modelName
        self.modelVersion = modelVersion
        self.id = id
        self.parameters = parameters
        self.outputs = outputs
    }
}

/// A tensor of an answer and how it is sent.
package struct InferOutput: Sendable {
    package let name: String
    package let tensor: Tensor
    package let isBinary: Bool

    package init(name: String, tensor: Tensor, isBinary: Bool = false) {
        self.name = name
        self.tensor = tensor
        self.isBinary = isBinary
    }
}

/// How a message that was written is to be sent.
package struct OpenInferenceEncoding: Equatable, Sendable {
    /// The value of the header `Inference-Header-Content-Length`; nil for a message that is JSON alone.
    package let headerLength: Int?

    package var contentType: String { headerLength == nil ? "application/json" : "application/octet-stream" }
}

extension InferResponse {
    /// Appends the answer to `buffer`: JSON, then the binary tensors in the order of the outputs.
    ///
    /// Throws `unrepresentable` where an output has no JSON form and isn't sent in binary; `buffer` is then as it was.
    package func encode(into buffer: inout OpenInferenceBuffer) throws(OpenInferenceError) -> OpenInferenceEncoding {
        let start = buffer.count
        do throws(OpenInferenceError) {
            buffer.append(#"{"model_name":"#)
            buffer.appendJSONString(modelName)
            if let modelVersion {
                buffer.append(#","model_version":"#)
                buffer.appendJSONString(modelVersion)
            }
            if let id {
                buffer.append(#","id":"#)
                buffer.appendJSONString(id)
            }
            buffer.append(parameters: parameters)
            buffer.append(#","outputs":["#)
            for (index, output) in outputs.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                try buffer.append(output.tensor, name: output.name, isBinary: output.isBinary)
            }
            buffer.append("]}")
        } catch {
            buffer.truncate(to: start)
            throw error
        }
        guard outputs.contains(where: \.isBinary) else { return OpenInferenceEncoding(headerLength: nil) }
        let headerLength = buffer.count - start
        for output in outputs where output.isBinary { output.tensor.appendBinary(to: &buffer) }
        return OpenInferenceEncoding(headerLength: headerLength)
    }
}

extension InferRequest {
    /// Appends the request to `buffer` as a client sends it, with all inputs in JSON or all in binary.
    ///
    /// Throws `unrepresentable` where an input has no JSON form; `buffer` is then as it was.
    package func encode(
        into buffer: inout OpenInferenceBuffer,
        binary: Bool
    ) throws(OpenInferenceError) -> OpenInferenceEncoding {
        let start = buffer.count
        do throws(OpenInferenceError) {
            buffer.append("{")
            if let id {
                buffer.append(#""id":"#)
                buffer.appendJSONString(id)
                buffer.append(",")
            }
            buffer.append(#""inputs":["#)
            for (index, input) in inputs.enumerated() {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                try buffer.append(input.tensor, name: input.name, isBinary: binary)
            }
            buffer.append("]")
            if let outputs { buffer.append(outputs: outputs) }
            var parameters = self.parameters
            if wantsBinaryOutput { parameters["binary_data_output"] = true }
            buffer.append(parameters: parameters)
            buffer.append("}")
        } catch {
            buffer.truncate(to: start)
            throw error
        }
        guard binary else { return OpenInferenceEncoding(headerLength: nil) }
        let headerLength = buffer.count - start
        for input in inputs { input.tensor.appendBinary(to: &buffer) }
        return OpenInferenceEncoding(headerLength: headerLength)
    }
}

extension OpenInferenceBuffer {
    fileprivate mutating func append(parameters: JSONObject) {
        guard !parameters.isEmpty else { return }
        append(#","parameters":"#)
        JSONValue.object(parameters).compactBytes().withUnsafeBytes { append($0) }
    }

    fileprivate mutating func append(outputs: [RequestedOutput]) {
        append(#","outputs":["#)
        for (index, output) in outputs.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            append(#"{"name":"#)
            appendJSONString(output.name)
            var parameters = JSONObject()
            if let binaryData = output.binaryData { parameters["binary_data"] = .boolean(binaryData) }
            if let classification = output.classification { parameters["classification"] = .integer(classification) }
            append(parameters: parameters)
            append("}")
        }
        append("]")
    }

    /// Appends a tensor's object: with its data, or with the size of the data that follows in binary.
    fileprivate mutating func append(
        _ tensor: Tensor,
        name: String,
        isBinary: Bool
    ) throws(OpenInferenceError) {
        append(#"{"name":"#)
        appendJSONString(name)
        append(#","shape":"#)
        append(shape: tensor.shape)
        append(#","datatype":""#)
        append(text: tensor.elementType.name)
        if isBinary {
            append(#"","parameters":{"binary_data_size":"#)
            append(integer: tensor.binaryByteCount)
            append("}}")
        } else {
            append(#"","data":"#)
            try tensor.appendJSON(to: &self, name: name)
            append("}")
        }
    }
}
