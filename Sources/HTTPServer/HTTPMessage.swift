/// The method of a request; what is none of the common ones is `other`, its text in `methodName`.
package enum HTTPMethod: Sendable, Equatable {
    case get, head, post, put, delete, options, patch, other
}

/// A status code, 200 to 599.
package struct HTTPStatus: Hashable, Sendable {
    package let code: UInt16

    /// - Parameter code: what is outside 200 ... 599 becomes 500, as no final answer can carry it.
    package init(_ code: UInt16) {
        self.code = (200...599).contains(code) ? code : 500
    }

    package static var ok: HTTPStatus { HTTPStatus(200) }
    package static var noContent: HTTPStatus { HTTPStatus(204) }
    package static var badRequest: HTTPStatus { HTTPStatus(400) }
    package static var notFound: HTTPStatus { HTTPStatus(404) }
    package static var methodNotAllowed: HTTPStatus { HTTPStatus(405) }
    package static var contentTooLarge: HTTPStatus { HTTPStatus(413) }
    package static var unsupportedMediaType: HTTPStatus { HTTPStatus(415) }
    package static var tooManyRequests: HTTPStatus { HTTPStatus(429) }
    package static var internalServerError: HTTPStatus { HTTPStatus(500) }
    package static var serviceUnavailable: HTTPStatus { HTTPStatus(503) }
    package static var gatewayTimeout: HTTPStatus { HTTPStatus(504) }
}

/// One header of an answer. One that can't be sent (a name that is no token, a control character in the value) is left
/// out, so a value that came from a request can't split the answer.
package struct HTTPHeader: Sendable, Equatable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// An answer as a value.
package struct HTTPResponse: Sendable {
    package var status: HTTPStatus
    package var contentType: String?
    package var headers: [HTTPHeader]
    package var body: [UInt8]

    package init(
        _ status: HTTPStatus,
        contentType: String? = nil,
        headers: [HTTPHeader] = [],
        body: [UInt8] = []
    ) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    /// An answer in plain text.
    package static func text(_ status: HTTPStatus, _ text: String, headers: [HTTPHeader] = []) -> HTTPResponse {
        HTTPResponse(status, contentType: "text/plain; charset=utf-8", headers: headers, body: Array(text.utf8))
    }
}
