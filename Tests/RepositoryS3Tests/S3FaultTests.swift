import Diagnostics
import Testing
import UpdateFramework

@testable import RepositoryS3

/// A store that is busy, loses answers, or refuses.
@Suite(.enabled(if: ObjectStore.shared != nil, ObjectStore.reason)) struct S3FaultTests {
    private let store: ObjectStore
    private let strict: ObjectStore

    init() throws {
        store = try #require(ObjectStore.shared)
        strict = try #require(ObjectStore.strict)
    }

    // MARK: lost answers

    @Test(arguments: ["lost", "unheard"]) func aCreationWhoseAnswerWasLostIsOurs(kind: String) throws {
        let prefix = "create-\(kind)"
        let storage = try store.storage(prefix)
        for times in 1...3 {
            try store.fail(#"{"method": "PUT", "path": "\#(prefix)", "\#(kind)": true, "times": \#(times)}"#)
            #expect(try storage.create([1, 2], at: .metadata("\(times)")))
            #expect(try storage.read(.metadata("\(times)"), limitBytes: 2) == [1, 2])
        }
    }

    @Test(arguments: [[UInt8](), [9], [9, 9], [9, 9, 9]]) func oneThatAnotherMadeIsNot(theirs: [UInt8]) throws {
        let prefix = "theirs-\(theirs.count)"
        let storage = try store.storage(prefix)
        #expect(try storage.create(theirs, at: .metadata("a")))
        // The answer to our first try is lost, and the second one finds it there.
        try store.fail(#"{"method": "PUT", "path": "\#(prefix)", "unheard": true}"#)
        #expect(try !storage.create([1, 2], at: .metadata("a")))
        #expect(try storage.read(.metadata("a"), limitBytes: 3) == theirs)
    }

    @Test(arguments: ["lost", "unheard"]) func aReplacementWhoseAnswerWasLostIsOurs(kind: String) throws {
        let prefix = "replace-\(kind)"
        let storage = try store.storage(prefix)
        #expect(try storage.create([1], at: .metadata("a")))
        try store.fail(#"{"method": "PUT", "path": "\#(prefix)", "\#(kind)": true}"#)
        #expect(try storage.replace([1], with: [2], at: .metadata("a")))
        #expect(try !storage.replace([1], with: [3], at: .metadata("a")))
        #expect(try storage.read(.metadata("a"), limitBytes: 1) == [2])
    }

    @Test func aFileThatIsGoneMeanwhileIsNotReplaced() throws {
        let storage = try store.storage("gone")
        #expect(try storage.create([1], at: .metadata("a")))
        try store.fail(#"{"method": "PUT", "path": "gone", "status": 404, "code": "NoSuchKey"}"#)
        #expect(try !storage.replace([1], with: [2], at: .metadata("a")))
    }

    // MARK: busy

    @Test(arguments: [
        #""status": 503, "code": "SlowDown""#, #""status": 500, "code": "InternalError""#, #""status": 429"#,
        #""status": 502"#, #""status": 409, "code": "ConditionalRequestConflict""#, #""lost": true"#,
        #""status": 400, "code": "RequestTimeout""#,
    ]) func whatPassesIsTriedAgainWithGrowingPauses(fault: String) throws {
        let prefix = "busy-\(fault.utf8.reduce(0) { $0 &* 31 &+ Int($1) } & 0xFFFF)"
        var pauses: [Duration] = []
        let storage = try store.storage(prefix, pause: { pauses.append($0) })
        #expect(try storage.create([1], at: .metadata("a")))
        try store.fail(#"{"method": "GET", "path": "\#(prefix)", "times": 3, \#(fault)}"#)
        #expect(try storage.read(.metadata("a"), limitBytes: 1) == [1])
        // libcurl itself asks once more where it finds an old connection closed.
        #expect((2...3).contains(pauses.count))
        #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 < $1 * 2 && $1 <= $0 * 4 + .milliseconds(1) })
    }

    @Test func aStoreThatStaysBusyIsGivenUp() throws {
        var pauses: [Duration] = []
        let storage = try store.storage("stays-busy", { $0.attempts = 5 }, pause: { pauses.append($0) })
        try store.fail(#"{"path": "stays-busy", "times": 5, "status": 503, "code": "SlowDown"}"#)
        let error = #expect(throws: S3Error.self) { try storage.create([1], at: .metadata("a")) }
        let place = "s3://models/stays-busy/metadata/a"
        #expect(error == .busy(place, reason: "the store answers 503 SlowDown"))
        #expect(error?.exitCode == .tryAgain)
        #expect(pauses.count == 4)
    }

    @Test func whoSaysWhenToComeAgainIsHeard() throws {
        var pauses: [Duration] = []
        let storage = try store.storage("later", pause: { pauses.append($0) })
        try store.fail(#"{"path": "later", "status": 503, "headers": {"Retry-After": "7"}}"#)
        #expect(try storage.create([1], at: .metadata("a")))
        #expect(pauses == [.seconds(7)])
    }

    @Test func nobodyThereIsSaid() throws {
        let storage = try store.storage("nobody") {
            $0.endpoint = "http://127.0.0.1:1"
            $0.attempts = 2
        }
        let error = #expect(throws: S3Error.self) { try storage.read(.metadata("a"), limitBytes: 1) }
        #expect(error?.exitCode == .tryAgain)
    }

    @Test func aFileThatBreaksOffIsNoFile() throws {
        let storage = try store.storage("cut", { $0.attempts = 2 })
        #expect(try storage.create(Array(repeating: 1, count: 1_000), at: .metadata("a")))
        try store.fail(#"{"method": "GET", "path": "cut", "cut": 10, "times": 2}"#)
        #expect(throws: S3Error.self) { try storage.read(.metadata("a"), limitBytes: 1_000) }
        #expect(throws: TransportError.self) { try storage.fetch(.metadata("a"), limitBytes: 1_000) { _ in } }
    }

    // MARK: refusals

    @Test func theBucketIsMissing() throws {
        let storage = try strict.storage("edge", bucket: "other")
        #expect(throws: S3Error.noSuchBucket("other")) { try storage.files(below: "metadata") }
        #expect(throws: S3Error.noSuchBucket("other")) { try storage.read(.metadata("a"), limitBytes: 1) }
        #expect(throws: S3Error.noSuchBucket("other")) { try storage.create([1], at: .metadata("a")) }
    }

    @Test func theCredentialsAreWrong() throws {
        let wrongSecret = try strict.storage("wrong") {
            $0.credentials = S3Credentials(accessKey: strict.credentials.accessKey, secretKey: "other")
        }
        #expect(throws: S3Error.badCredentials(code: "SignatureDoesNotMatch")) {
            try wrongSecret.read(.metadata("a"), limitBytes: 1)
        }
        let unknown = try strict.storage("wrong") {
            $0.credentials = S3Credentials(accessKey: "AKIAOTHER", secretKey: "other")
        }
        let error = #expect(throws: S3Error.self) { try unknown.create([1], at: .metadata("a")) }
        #expect(error == .badCredentials(code: "InvalidAccessKeyId"))
        #expect(error?.exitCode == .noPermission)
    }

    @Test(arguments: [
        (
            #""status": 403, "code": "AccessDenied""#,
            S3Error.accessDenied("s3://models/PREFIX/metadata/a", operation: "read")
        ),
        (#""status": 403"#, .accessDenied("s3://models/PREFIX/metadata/a", operation: "read")),
        (#""status": 403, "code": "ExpiredToken""#, .badCredentials(code: "ExpiredToken")),
        (
            #""status": 403, "code": "RequestTimeTooSkewed", "fields": {"ServerTime": "2026-11-20T12:00:00Z"}"#,
            .clockSkewed(storeTime: "2026-11-20T12:00:00Z")
        ),
        (
            #""status": 301, "code": "PermanentRedirect", "headers": {"x-amz-bucket-region": "eu-west-1"}"#,
            .wrongRegion(bucket: "models", region: "us-east-1", actual: "eu-west-1")
        ),
        (
            #""status": 400, "code": "AuthorizationHeaderMalformed", "fields": {"Region": "eu-west-2"}"#,
            .wrongRegion(bucket: "models", region: "us-east-1", actual: "eu-west-2")
        ),
        (#""status": 307"#, .wrongRegion(bucket: "models", region: "us-east-1", actual: "")),
        (
            #""status": 418, "code": "Teapot", "message": "short and\u202e stout""#,
            .rejected("s3://models/PREFIX/metadata/a", status: 418, code: "Teapot", message: "")
        ),
    ]) func aRefusalIsExplained(fault: String, expected: S3Error) throws {
        let prefix = "refused-\(fault.utf8.reduce(0) { $0 &* 31 &+ Int($1) } & 0xFFFFFF)"
        let storage = try store.storage(prefix)
        let text = "\(expected.message)".replacing("PREFIX", with: prefix)
        try store.fail(#"{"path": "\#(prefix)", "times": 9, \#(fault)}"#)
        let error = #expect(throws: S3Error.self) { try storage.read(.metadata("a"), limitBytes: 1) }
        #expect(error?.message.hasPrefix(text) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("\u{202E}") == false)
        // What the first request is refused for is not tried again.
        #expect(try store.log(prefix).count == 1)
    }

    @Test func aStoreWithoutConditionsIsRefused() throws {
        let storage = try store.storage("simple")
        try store.fail(#"{"method": "PUT", "path": "simple", "status": 501, "code": "NotImplemented"}"#)
        #expect(throws: S3Error.noConditionalWrites("s3://models/simple/metadata/a")) {
            try storage.create([1], at: .metadata("a"))
        }
    }
}
