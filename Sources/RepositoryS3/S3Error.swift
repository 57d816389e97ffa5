package import Diagnostics

/// Why an object store can't be used, or does not do what is asked.
package enum S3Error: ExplainedError, Equatable {
    /// A variable of the environment that says who asks, or where, is missing.
    case notConfigured(String)
    case badEndpoint(String)
    case badRegion(String)
    /// A path of a repository that can be no key.
    case badKey(String)
    /// These credentials may not do this.
    case accessDenied(String, operation: String)
    /// The store doesn't know the access key, or its secret is another, or a session is over.
    case badCredentials(code: String)
    case noSuchBucket(String)
    /// The bucket is in another region than the one that was signed for; empty where the store doesn't say in which.
    case wrongRegion(bucket: String, region: String, actual: String)
    /// The clock of this machine is not the store's.
    case clockSkewed(storeTime: String)
    /// The store can't write on condition that nobody else has: two publishers could overwrite each other.
    case noConditionalWrites(String)
    /// The store doesn't answer, or asks to come later, after many tries.
    case busy(String, reason: String)
    /// Another answer than can be dealt with.
    case rejected(String, status: Int, code: String, message: String)
    /// What it answers makes no sense.
    case badAnswer(String, problem: String)
    case tooLarge(String, limitBytes: Int)

    package var message: String {
        switch self {
        case .notConfigured(let variable): "\(variable) is not set, and an object store wants to know"
        case .badEndpoint(let endpoint):
            "the endpoint \(endpoint.quotedName) is not http://HOST[:PORT] or https://HOST[:PORT]"
        case .badRegion(let region): "the region \(region.quotedName) can't be one: lowercase letters, digits and '-'"
        case .badKey(let path): "\(path.quotedName) can't be the key of an object"
        case .accessDenied(let place, let operation): "these credentials may not \(operation) \(place.printable())"
        case .badCredentials(let code): "the store refuses the credentials: \(code.printable())"
        case .noSuchBucket(let bucket): "there is no bucket \(bucket)"
        case .wrongRegion(let bucket, let region, let actual):
            "bucket \(bucket) is not in region \(region)" + (actual.isEmpty ? "" : ", but in \(actual.printable())")
        case .clockSkewed(let storeTime):
            "the clock of this machine is wrong, says the store"
                + (storeTime.isEmpty ? "" : "; by its own it is \(storeTime.printable())")
        case .noConditionalWrites(let place):
            "the store of \(place) does not keep two publishers from overwriting each other"
        case .busy(let place, let reason): "\(place.printable()) can't be reached: \(reason.printable())"
        case .rejected(let place, let status, let code, let message):
            "the store answers \(status) \(code.printable()) for \(place.printable())"
                + (message.isEmpty ? "" : ": \(message.printable())")
        case .badAnswer(let place, let problem): "the store's answer for \(place.printable()) is wrong: \(problem)"
        case .tooLarge(let place, let limitBytes):
            "\(place.printable()) is larger than the \(limitBytes) bytes that are read of it"
        }
    }

    package var hint: String? {
        switch self {
        case .notConfigured("AWS_REGION"): "set AWS_REGION, or AWS_ENDPOINT_URL for a store that isn't AWS's"
        case .notConfigured:
            "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, such as by "
                + "eval \"$(aws configure export-credentials --format env)\""
        case .badEndpoint: "set AWS_ENDPOINT_URL to such as http://127.0.0.1:9000"
        case .accessDenied:
            "publishers need s3:ListBucket, s3:GetObject and s3:PutObject; gc and commit s3:DeleteObject too"
        case .badCredentials("SignatureDoesNotMatch"): "AWS_SECRET_ACCESS_KEY is not the one of AWS_ACCESS_KEY_ID"
        case .badCredentials: "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for a session, AWS_SESSION_TOKEN"
        case .noSuchBucket: "make it, or set AWS_ENDPOINT_URL for a store that isn't AWS's"
        case .wrongRegion(_, _, let actual): actual.isEmpty ? "set AWS_REGION" : "set AWS_REGION to that"
        case .clockSkewed: "set the clock, such as with timedatectl"
        case .noConditionalWrites: "use a store that knows If-None-Match and If-Match in PutObject"
        case .busy: "try again later"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .notConfigured, .badEndpoint, .badRegion, .wrongRegion, .clockSkewed: .configuration
        case .accessDenied, .badCredentials: .noPermission
        case .noSuchBucket: .noInput
        case .noConditionalWrites: .unavailable
        case .busy: .tryAgain
        case .rejected: .ioError
        case .badKey, .badAnswer, .tooLarge: .dataError
        }
    }
}
