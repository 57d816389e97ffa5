internal import Digest
internal import UpdateFramework
package import WallClock

/// Who asks an object store.
package struct S3Credentials: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let accessKey: String
    let secretKey: String
    /// Beside keys that are lent for a while.
    let sessionToken: String?

    package init(accessKey: String, secretKey: String, sessionToken: String? = nil) {
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.sessionToken = sessionToken
    }

    // No log and no error holds the secret.
    package var description: String { "(credentials)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Signature version 4 of AWS for S3, with all headers signed and the body by its digest: a function of the request and the
/// time.
package struct SignatureV4: Sendable {
    package let credentials: S3Credentials
    package let region: String

    package init(credentials: S3Credentials, region: String) {
        self.credentials = credentials
        self.region = region
    }

    /// What is signed of a request.
    package struct Request: Sendable {
        package var method: String
        /// Percent-encoded once, as it is sent.
        package var path: String
        /// Names and values as they are, nothing encoded.
        package var query: [(name: String, value: String)]
        /// All that are sent and matter, the host among them.
        package var headers: [(name: String, value: String)]
        /// SHA-256 of the body in hexadecimal digits.
        package var payloadDigest: String

        package init(
            method: String,
            path: String,
            query: [(name: String, value: String)] = [],
            headers: [(name: String, value: String)],
            payloadDigest: String
        ) {
            self.method = method
            self.path = path
            self.query = query
            self.headers = headers
            self.payloadDigest = payloadDigest
        }
    }

    /// `20261120T120000Z`.
    package static func timestamp(_ time: UTCTime) -> String { time.description.filter { $0 != "-" && $0 != ":" } }

    /// The value of the Authorization header of a request that says this time in `x-amz-date`.
    package func authorization(for request: Request, at time: UTCTime) -> String {
        let timestamp = Self.timestamp(time)
        let day = String(timestamp.prefix(8))
        let scope = "\(day)/\(region)/s3/aws4_request"
        let headers = Self.canonicalHeaders(request.headers)
        let names = headers.map(\.name).joined(separator: ";")
        let canonical = [
            request.method, request.path, Self.canonicalQuery(request.query),
            headers.map { "\($0.name):\($0.value)\n" }.joined(), names, request.payloadDigest,
        ].joined(separator: "\n")
        let digest = SHA256.digest(Array(canonical.utf8)).hex
        let text = ["AWS4-HMAC-SHA256", timestamp, scope, digest].joined(separator: "\n")
        var key = Array("AWS4\(credentials.secretKey)".utf8)
        for part in [day, region, "s3", "aws4_request"] { key = HMACSHA256.code(Array(part.utf8), key: key).bytes }
        let signature = HMACSHA256.code(Array(text.utf8), key: key).hex
        return "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), SignedHeaders=\(names), "
            + "Signature=\(signature)"
    }

    /// Names in lower case and in order; in values no space but single ones.
    private static func canonicalHeaders(
        _ headers: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        headers.map { (name: $0.name.lowercased(), value: $0.value.split(separator: " ").joined(separator: " ")) }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// In the order of the encoded names, then values; also as it is sent.
    package static func canonicalQuery(_ query: [(name: String, value: String)]) -> String {
        query.map { (uriEncoded($0.name), uriEncoded($0.value)) }
            .sorted { left, right in
                left.0 == right.0
                    ? left.1.utf8.lexicographicallyPrecedes(right.1.utf8)
                    : left.0.utf8.lexicographicallyPrecedes(right.0.utf8)
            }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// A bucket and a key as the path of a URL: every byte encoded but unreserved ones and slashes.
    package static func path(bucket: String, key: String?) -> String {
        "/\(uriEncoded(bucket))" + (key.map { "/" + uriEncoded($0, keepsSlashes: true) } ?? "")
    }

    private static func uriEncoded(_ text: String, keepsSlashes: Bool = false) -> String {
        guard keepsSlashes else { return percentEncoded(text) }
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return parts.map { percentEncoded(String(Substring($0))) }.joined(separator: "/")
    }
}
