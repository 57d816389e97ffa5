internal import HTTPServer

/// The ids that the Azure ML inference server takes from a request and gives back with its answer.
struct AzureHeaders: Sendable {
    /// The longest id that is taken, in characters.
    private static let limit = 100
    private static let names = ["x-request-id", "x-ms-client-request-id", "TraceId"]

    /// For the answer.
    let headers: [HTTPHeader]
    /// Why the request must be refused, with 431.
    let refusal: String?

    /// - Parameter header: looks a header of the request up.
    init(_ header: (String) -> String?) {
        let given = Self.names.map(header)
        refusal = zip(Self.names, given).first { ($1?.count ?? 0) > Self.limit }
            .map { "\($0.0) has more than \(Self.limit) characters" }
        let usable = given.map { $0.flatMap { Self.isUsable($0) ? $0 : nil } }
        let (client, trace) = (usable[1], usable[2])
        let request = usable[0] ?? randomUUID()
        var headers = [
            HTTPHeader("x-request-id", request), HTTPHeader("x-ms-request-id", client ?? request),
            HTTPHeader("x-ms-server-version", "edgeruntime/\(runtimeVersion)"),
        ]
        if let client { headers.append(HTTPHeader("x-ms-client-request-id", client)) }
        if let trace { headers.append(HTTPHeader("TraceId", trace)) }
        self.headers = headers
    }

    /// Printable ASCII; anything else may not be what the client sent by the time it is back.
    private static func isUsable(_ text: String) -> Bool {
        (1...limit).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }
}

/// A random UUID (RFC 9562, version 4).
func randomUUID() -> String {
    var high = UInt64.random(in: .min ... .max)
    var low = UInt64.random(in: .min ... .max)
    high = high & ~0xF000 | 0x4000
    low = low & ~(0b11 << 62) | 0b10 << 62
    let digits = [high, low].map { value in
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }.joined()
    var parts: [String] = []
    var rest = digits[...]
    for length in [8, 4, 4, 4, 12] {
        parts.append(String(rest.prefix(length)))
        rest = rest.dropFirst(length)
    }
    return parts.joined(separator: "-")
}
