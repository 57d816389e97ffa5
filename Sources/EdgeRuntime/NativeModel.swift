internal import JSON
internal import ONNXRuntime

/// An ONNX model run in this process, on the thread that asks.
package final class NativeModel: Sendable {
    let name: String
    let version: String
    let binding: ModelBinding
    private let session: ONNXSession

    /// Loads the library and the model. Throws ONNXRuntimeError and ModelNotServable.
    package init(name: String, version: String, model: String, library: String, threads: Int) throws {
        self.name = name
        self.version = version
        let library = try ONNXRuntimeLibrary(path: library, intraThreads: threads)
        session = try ONNXSession(library: library, path: model)
        binding = try ModelBinding(session)
    }

    /// Answers a v2 infer request, handing the encoded answer to `respond` without copying it.
    ///
    /// - Parameter headerLength: bytes of JSON at the start of the body where binary tensors follow; else nil.
    /// - Returns: what `respond` returns; it is called exactly once.
    func infer<Result>(
        body: UnsafeRawBufferPointer,
        headerLength: Int?,
        respond: (UInt16, OpenInferenceEncoding, UnsafeRawBufferPointer) -> Result
    ) -> Result {
        do throws(OpenInferenceError) {
            let request = try InferRequest(body: body, headerLength: headerLength)
            let outputs = try run(request)
            let response = InferResponse(modelName: name, modelVersion: version, id: request.id, outputs: outputs)
            var buffer = OpenInferenceBuffer()
            let encoding = try response.encode(into: &buffer)
            return buffer.withBytes { respond(200, encoding, $0) }
        } catch {
            let body = OpenInference.error(error.message)
            return body.withUnsafeBytes { respond(error.httpStatus, OpenInferenceEncoding(headerLength: nil), $0) }
        }
    }

    /// Answers a body as the Azure ML routes take it: `{"data": …}` for a model of one input, else
    /// `{"data": {INPUT: …}}`. The answer has one member for each output, nested by its shape.
    func score(_ body: [UInt8]) -> ScoringReply {
        do throws(OpenInferenceError) {
            let request = try ScoreBody(body, inputs: binding.inputs).request()
            var answer = JSONObject()
            for output in try run(request) { answer[output.name] = try output.nestedJSON() }
            return ScoringReply(status: 200, body: JSONValue.object(answer).compactBytes())
        } catch {
            return .error(error.httpStatus, error.message, member: "message")
        }
    }

    private func run(_ request: InferRequest) throws(OpenInferenceError) -> [InferOutput] {
        let bound = try binding.bind(request)
        let values: [ONNXValue]
        do throws(ONNXRuntimeError) {
            values = try session.run(inputs: bound.inputs, outputs: bound.outputIndices)
        } catch {
            throw .modelFailed(problem: error.message)
        }
        return try binding.outputs(values, for: bound)
    }
}
