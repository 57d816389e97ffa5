/// How an object store is reached.
package struct S3Configuration: Sendable {
    /// `https://s3.eu-central-1.amazonaws.com`, `http://127.0.0.1:9000`; without a slash at its end.
    package var endpoint: String
    package var region: String
    package var credentials: S3Credentials
    /// A PEM file to trust instead of the system's certificate authorities.
    package var certificateAuthorities: String?
    /// Larger files go up in parts of this size, each whole in memory; those of more than 10,000 such parts in larger ones.
    package var partBytes = 16 << 20
    /// How many files are listed at once; a store gives no more than 1,000.
    package var listedFiles = 1_000
    /// How often a request is sent before a busy store, or one that doesn't answer, ends it.
    package var attempts = 7

    package init(endpoint: String, region: String, credentials: S3Credentials) {
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
    }

    /// As the variables of AWS's own tools say: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; AWS_REGION or
    /// AWS_DEFAULT_REGION; AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL; AWS_CA_BUNDLE.
    package init(environment: [String: String]) throws(S3Error) {
        func value(_ names: String...) -> String? { names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } }
        guard let accessKey = value("AWS_ACCESS_KEY_ID") else { throw .notConfigured("AWS_ACCESS_KEY_ID") }
        guard let secretKey = value("AWS_SECRET_ACCESS_KEY") else { throw .notConfigured("AWS_SECRET_ACCESS_KEY") }
        let endpoint = value("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        // Stores other than AWS have one region, and this is what most call it.
        let fallback = endpoint == nil ? nil : "us-east-1"
        guard let region = value("AWS_REGION", "AWS_DEFAULT_REGION") ?? fallback else {
            throw .notConfigured("AWS_REGION")
        }
        let isRegion = region.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
        }
        guard isRegion, region.utf8.count <= 64 else { throw .badRegion(region) }
        var base = endpoint ?? "https://s3.\(region).amazonaws.com"
        while base.hasSuffix("/") { base.removeLast() }
        let credentials = S3Credentials(
            accessKey: accessKey,
            secretKey: secretKey,
            sessionToken: value("AWS_SESSION_TOKEN")
        )
        self.init(endpoint: base, region: region, credentials: credentials)
        guard host != nil else { throw .badEndpoint(base) }
        certificateAuthorities = value("AWS_CA_BUNDLE")
    }

    /// What stands in the Host header, where the endpoint is `http://HOST[:PORT]` or `https://HOST[:PORT]`; else nil.
    var host: String? {
        for (scheme, port) in [("https://", ":443"), ("http://", ":80")] where endpoint.hasPrefix(scheme) {
            let host = endpoint.dropFirst(scheme.utf8.count)
            let isPlain = host.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
                    || "-.:[]".utf8.contains(byte)
            }
            guard !host.isEmpty, isPlain else { return nil }
            // libcurl leaves out the port that goes without saying.
            return host.hasSuffix(port) ? String(host.dropLast(port.utf8.count)) : String(host)
        }
        return nil
    }
}
