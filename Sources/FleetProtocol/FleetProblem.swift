package import JSON

/// Why the fleet does not do what it was asked: the body of every answer that is an error.
///
/// `{"error": {"code": "certificate_expired", "message": "…", "hint": "…"}}`
package struct FleetProblem: Error, Hashable, Sendable {
    package enum Code: String, CaseIterable, Hashable, Sendable {
        /// No certificate was shown where one is needed.
        case certificateMissing = "certificate_missing"
        /// It is of this fleet's authority, and the fleet does not know it.
        case certificateUnknown = "certificate_unknown"
        /// It has expired; it is good for `renew` alone.
        case certificateExpired = "certificate_expired"
        /// An operator revoked the device.
        case deviceRevoked = "device_revoked"
        /// An operator took the device out of the fleet.
        case deviceDecommissioned = "device_decommissioned"
        /// The body names another device than the certificate.
        case deviceMismatch = "device_mismatch"
        /// A device of that id is enrolled with another key.
        case deviceTaken = "device_taken"
        case tokenUnknown = "token_unknown"
        case tokenExpired = "token_expired"
        case tokenUsedUp = "token_used_up"
        case tokenRevoked = "token_revoked"
        case malformed
        case unsupportedType = "unsupported_type"
        case tooLarge = "too_large"
        case tooMany = "too_many_requests"
        case notFound = "not_found"
        case methodNotAllowed = "method_not_allowed"
        /// Nothing is wrong with the request; the server can't take it now.
        case unavailable
        /// The server's own fault.
        case broken

        /// The HTTP status that it comes with.
        package var status: Int {
            switch self {
            case .certificateMissing, .tokenUnknown, .tokenExpired, .tokenUsedUp, .tokenRevoked: 401
            case .certificateUnknown, .certificateExpired, .deviceRevoked, .deviceDecommissioned, .deviceMismatch: 403
            case .deviceTaken: 409
            case .malformed: 400
            case .unsupportedType: 415
            case .tooLarge: 413
            case .tooMany: 429
            case .notFound: 404
            case .methodNotAllowed: 405
            case .unavailable: 503
            case .broken: 500
            }
        }
    }

    package var code: Code
    /// What failed, and why.
    package var message: String
    /// What to do; nil where there is nothing to be done.
    package var hint: String?

    package init(_ code: Code, _ message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package var json: JSONValue {
        var error: JSONObject = ["code": .string(code.rawValue), "message": .string(message)]
        if let hint { error["hint"] = .string(hint) }
        return ["error": .object(error)]
    }

    /// From the body of an answer; nil where it is none of ours, such as a proxy's.
    package init?(_ bytes: [UInt8]) {
        guard let value = try? JSONValue.parse(bytes, limits: FleetLimits.message), let error = value["error"],
            let code = error["code"]?.stringValue.flatMap({ Code(rawValue: $0) })
        else { return nil }
        self.init(code, error["message"]?.stringValue ?? "", hint: error["hint"]?.stringValue)
    }
}
