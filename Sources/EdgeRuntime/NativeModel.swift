internal import JSON
internal import ONNXRuntime

/// An ONNX model run in this process, on the thread that asks.
package final class NativeModel: Sendable {
    let name: String
    let version: String
    let binding: ModelBinding
    /// Of every answer so far.
    let estimate = RunTimeEstimate()
    private let session: ONNXSession
    private let log: @Sendable (String) -> Void

    /// Loads the library and the model. Throws ONNXRuntimeError and ModelNotServable.
    ///
    /// - Parameter log: told what failed in full; callers are told no path of this machine.
    package init(
        name: String,
        version: String,
        model: String,
        library: String,
        threads: Int,
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        self.name = name
        self.version = version
        self.log = log
        let library = try ONNXRuntimeLibrary(path: library, intraThreads: threads)
        session = try ONNXSession(library: library, path: model)
        binding = try ModelBinding(session)
    }

    /// What ends a run early. Throws ONNXRuntimeError where the library has no memory for it.
    func makeControl() throws -> RunControl { RunControl(try RunCancellation(library: session.library)) }

    /// Answers a v2 infer request, handing the encoded answer to `respond` without copying it.
    ///
    /// - Parameters:
    ///   - headerLength: bytes of JSON at the start of the body where binary tensors follow; else nil.
    ///   - identifier: the prediction's; the answer's id where the request has none.
    ///   - control: ends the run early.
    /// - Returns: what `respond` returns; it is called exactly once.
    func infer<Result>(
        body: UnsafeRawBufferPointer,
        headerLength: Int?,
        identifier: String,
        control: RunControl? = nil,
        respond: (UInt16, OpenInferenceEncoding, UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let started = monotonicMicroseconds()
        do throws(OpenInferenceError) {
            let request = try InferRequest(body: body, headerLength: headerLength)
            let outputs = try run(request, identifier, control)
            let response = InferResponse(
                modelName: name,
                modelVersion: version,
                id: request.id ?? identifier,
                outputs: outputs
            )
            var buffer = OpenInferenceBuffer()
            let encoding = try response.encode(into: &buffer)
            estimate.record(microseconds: monotonicMicroseconds() - started, bytes: body.count)
            return buffer.withBytes { respond(200, encoding, $0) }
        } catch {
            if case .ended = error {
                estimate.record(microseconds: monotonicMicroseconds() - started, bytes: body.count)
            }
            let body = OpenInference.error(error.message)
            return body.withUnsafeBytes { respond(error.httpStatus, OpenInferenceEncoding(headerLength: nil), $0) }
        }
    }

    /// Answers a body as the Azure ML routes take it: `{"data": …}` for a model of one input, else
    /// `{"data": {INPUT: …}}`. The answer has one member for each output, nested by its shape.
    func score(_ body: [UInt8], identifier: String, control: RunControl? = nil) -> ScoringReply {
        let started = monotonicMicroseconds()
        defer { estimate.record(microseconds: monotonicMicroseconds() - started, bytes: body.count) }
        do throws(OpenInferenceError) {
            let request = try ScoreBody(body, inputs: binding.inputs).request()
            var answer = JSONObject()
            for output in try run(request, identifier, control) { answer[output.name] = try output.nestedJSON() }
            return ScoringReply(status: 200, body: JSONValue.object(answer).compactBytes())
        } catch {
            return .error(error.httpStatus, error.message, member: "message")
        }
    }

    private func run(
        _ request: InferRequest,
        _ identifier: String,
        _ control: RunControl?
    ) throws(OpenInferenceError) -> [InferOutput] {
        let bound = try binding.bind(request)
        let values: [ONNXValue]
        do throws(ONNXRuntimeError) {
            values = try session.run(
                inputs: bound.inputs,
                outputs: bound.outputIndices,
                cancellation: control?.cancellation
            )
        } catch {
            if case .cancelled = error { throw .ended(control?.end ?? .stopping) }
            log("prediction \(identifier): \(error.message)")
            throw .modelFailed(problem: Self.problem(error))
        }
        return try binding.outputs(values, for: bound)
    }

    /// The words for a caller: what ONNX Runtime said, without the folders in it.
    private static func problem(_ error: ONNXRuntimeError) -> String {
        guard case .runFailed(_, let reason) = error else { return "the model can't be run" }
        let words = reason.split(separator: " ", omittingEmptySubsequences: false).map { word in
            word.contains("/") ? word.split(separator: "/").last ?? "" : word
        }
        return "the model failed on this input: " + words.joined(separator: " ")
    }
}
