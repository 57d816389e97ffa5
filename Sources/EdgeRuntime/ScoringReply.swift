internal import HTTPServer
internal import JSON

/// The answer to one scoring request, whatever carries it: HTTP, `score`, a conformance check.
struct ScoringReply: Sendable {
    var status: UInt16
    /// Nil without a body.
    var contentType: String? = "application/json"
    var headers: [HTTPHeader] = []
    var body: [UInt8]

    var isSuccess: Bool { (200..<300).contains(status) }

    /// An error in the form of a protocol: `{"error": …}` for v2, `{"message": …}` for the Azure ML routes.
    static func error(_ status: UInt16, _ message: String, member: String, headers: [HTTPHeader] = []) -> ScoringReply {
        let body = JSONValue.object([member: .string(message)]).compactBytes()
        return ScoringReply(status: status, headers: headers, body: body)
    }
}

/// A scoring request, whatever carried it.
struct ScoringRequest: Sendable {
    enum Target: Sendable {
        /// Open Inference Protocol v2; the length is that of the JSON part where binary tensors follow it.
        case infer(headerLength: Int?)
        case score
    }

    var target: Target
    var body: [UInt8]
    /// For scripts only.
    var method = ScriptRequest.Method.post
    var query: String?
    var headers: [(name: String, value: String)] = []
    var identifier: String
}
