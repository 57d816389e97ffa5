package import Diagnostics

/// Why bytes are not a message of the OpenTelemetry protocol that we accept.
package enum OTLPError: ExplainedError, Equatable {
    /// The bytes break the format at `offset`.
    case malformed(offset: Int, problem: String)
    /// `what` is more than the reader accepts.
    case overLimit(String, limit: Int)
    /// The JSON form has something else than its place asks for.
    case wrongJSON(String)

    package var message: String {
        switch self {
        case .malformed(let offset, let problem): "malformed telemetry at byte \(offset): \(problem)"
        case .overLimit(let what, let limit): "the telemetry holds \(what), more than the limit of \(limit)"
        case .wrongJSON(let problem): "malformed telemetry: \(problem)"
        }
    }

    package var hint: String? {
        guard case .overLimit = self else { return nil }
        return "send less in one request"
    }

    package var exitCode: ExitCode { .dataError }
}

/// What a reader of telemetry accepts. A message of few bytes may stand for many values, so the values are counted too.
package struct OTLPLimits: Sendable {
    /// Size of the message, unpacked. The collector's default for a request is 20 MiB; a box sends far less.
    package var bytes = 4 << 20
    /// Resources, scopes, metrics, points, log records, attributes and the values inside them, together.
    package var values = 100_000
    /// Nesting of a value inside values (arrays and maps of attributes and log bodies).
    package var depth = 8
    /// Attributes of one resource, scope, point or log record. SDKs keep 128 at most unless told otherwise.
    package var attributes = 128
    /// Bytes of one text or byte string.
    package var textBytes = 64 << 10
    /// Buckets of one histogram.
    package var buckets = 1_024

    package init() {}
}
