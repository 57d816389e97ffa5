/// What becomes of a request once its head is known, before its body is read.
package enum BodyDecision: Sendable {
    /// Read the body, of at most `limitBytes`. `route` is kept for `handle`, so that the path is looked at once.
    case accept(limitBytes: Int, route: UInt64 = 0)
    /// Answer at once. A client that asked with `Expect: 100-continue` never sends the body.
    case reject(HTTPResponse)
}

/// The application behind a server.
///
/// Every function runs on one of the server's threads, and while it runs that thread serves nobody else: what takes long
/// belongs on another thread, which answers the exchange when it is done.
package protocol HTTPHandler: AnyObject, Sendable {
    /// Decides by the head whether the request is taken, and how long its body may be.
    func decide(_ head: borrowing HTTPRequestHead) -> BodyDecision

    /// The answer to a body that is longer than its limit, by `Content-Length` or by what has arrived.
    func bodyTooLarge(_ head: borrowing HTTPRequestHead, limitBytes: Int) -> HTTPResponse

    /// The answer to a body for which there is no room now, as others are being read and answered.
    func overloaded(_ head: borrowing HTTPRequestHead) -> HTTPResponse

    /// The answer to a head that is not HTTP as it should be; `reason` says why.
    func malformed(_ head: borrowing HTTPRequestHead, reason: String) -> HTTPResponse

    /// Answers the request, now or later. An exchange that is let go without an answer is answered with 500.
    func handle(_ exchange: HTTPExchange)
}

extension HTTPHandler {
    package func bodyTooLarge(_ head: borrowing HTTPRequestHead, limitBytes: Int) -> HTTPResponse {
        .text(.contentTooLarge, "the body is longer than \(limitBytes) bytes\n")
    }

    package func overloaded(_ head: borrowing HTTPRequestHead) -> HTTPResponse {
        .text(.serviceUnavailable, "too many bytes are being received\n", headers: [HTTPHeader("Retry-After", "1")])
    }

    package func malformed(_ head: borrowing HTTPRequestHead, reason: String) -> HTTPResponse {
        .text(.badRequest, reason + "\n")
    }
}
