package import HTTPClient
package import UpdateFramework

/// Metadata or targets of a repository behind a URL.
package struct HTTPTransport: RepositoryTransport {
    private let base: String
    private let client: HTTPClient
    private let timeout: Duration?

    /// - Parameters:
    ///   - base: with or without a slash at its end.
    ///   - timeout: for each file.
    package init(_ base: String, _ client: HTTPClient, timeout: Duration? = nil) {
        self.base = base.hasSuffix("/") ? base : base + "/"
        self.client = client
        self.timeout = timeout
    }

    package func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let url = base + path.urlPath
        let response: HTTPClientResponse
        do {
            response = try client.get(url, limitBytes: limitBytes, timeout: timeout, receive: receive)
        } catch HTTPClientError.tooLarge {
            throw TransportError.tooLarge(url, limitBytes: limitBytes)
        } catch let error as HTTPClientError {
            throw TransportError.unavailable(url, reason: error.message, retryAfter: nil)
        }
        switch response.status {
        case 200: return
        case 403, 404: throw TransportError.notFound(url)
        default:
            throw TransportError.unavailable(
                url,
                reason: "the server answered \(response.status)",
                retryAfter: response.retryAfter
            )
        }
    }
}
