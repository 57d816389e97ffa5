package import HTTPClient
package import UpdateFramework

/// How long a transport's transfers may take.
package struct TransferTime: Sendable {
    /// For each file; nil for none but what a transport's slow period leaves.
    package var file: Duration?
    /// For all files together, from the first on: without it, every one of hundreds may take as long as one.
    package var total: Duration?

    package init(file: Duration? = nil, total: Duration? = nil) {
        self.file = file
        self.total = total
    }
}

/// Metadata or targets of a repository behind a URL.
package final class HTTPTransport: RepositoryTransport {
    private let base: String
    private let client: HTTPClient
    private let time: TransferTime
    private let clock = ContinuousClock()
    private var end: ContinuousClock.Instant?

    /// - Parameter base: with or without a slash at its end.
    package init(_ base: String, _ client: HTTPClient, time: TransferTime = TransferTime()) {
        self.base = base.hasSuffix("/") ? base : base + "/"
        self.client = client
        self.time = time
    }

    package func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let url = base + path.urlPath
        let response: HTTPClientResponse
        do {
            let timeout = try timeout(url)
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

    /// How long the next file may take.
    private func timeout(_ url: String) throws(TransportError) -> Duration? {
        guard let total = time.total else { return time.file }
        let now = clock.now
        let end = end ?? now.advanced(by: total)
        self.end = end
        guard now < end else {
            throw .unavailable(
                url,
                reason: "all that was fetched together took longer than \(total.components.seconds) seconds",
                retryAfter: nil
            )
        }
        return min(time.file ?? total, now.duration(to: end))
    }
}
