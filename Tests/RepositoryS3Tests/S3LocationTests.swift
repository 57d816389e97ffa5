import Testing
import UpdateFramework
import WallClock

@testable import RepositoryS3

@Suite struct S3LocationTests {
    @Test(arguments: [
        ("s3://models", "models", "", "s3://models"), ("s3://models/", "models", "", "s3://models"),
        ("s3://models/edge/prod/", "models", "edge/prod", "s3://models/edge/prod"),
        ("s3://my.models-1/a b/ü+%", "my.models-1", "a b/ü+%", "s3://my.models-1/a b/ü+%"),
    ])
    func placesAreRead(text: String, bucket: String, prefix: String, written: String) {
        let location = S3Location(text)
        #expect(location == S3Location(bucket: bucket, prefix: prefix))
        #expect(location?.description == written)
    }

    @Test(arguments: [
        "", "models", "s3:/models", "s3://", "s3://ab", "s3://Models", "s3://my_models", "s3://models//edge",
        "s3://models/../edge", "s3://models/./edge", "s3://models/a\u{1}b", "S3://models",
        "s3://models/" + String(repeating: "x", count: 600),
    ])
    func othersAreNot(text: String) { #expect(S3Location(text) == nil) }

    @Test func theEnvironmentSaysWhoAndWhere() throws {
        var environment = ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
        #expect(throws: S3Error.notConfigured("AWS_REGION")) { try S3Configuration(environment: environment) }
        environment["AWS_DEFAULT_REGION"] = "eu-central-1"
        #expect(try S3Configuration(environment: environment).endpoint == "https://s3.eu-central-1.amazonaws.com")
        environment["AWS_REGION"] = "eu-west-1"
        environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9000/"
        #expect(try S3Configuration(environment: environment).region == "eu-west-1")
        #expect(try S3Configuration(environment: environment).endpoint == "http://127.0.0.1:9000")
        environment["AWS_ENDPOINT_URL_S3"] = "https://store.example"
        #expect(try S3Configuration(environment: environment).endpoint == "https://store.example")
        environment["AWS_REGION"] = "eu west"
        #expect(throws: S3Error.badRegion("eu west")) { try S3Configuration(environment: environment) }
        environment["AWS_REGION"] = ""
        environment["AWS_DEFAULT_REGION"] = nil
        #expect(try S3Configuration(environment: environment).region == "us-east-1")
        environment["AWS_SECRET_ACCESS_KEY"] = ""
        #expect(throws: S3Error.notConfigured("AWS_SECRET_ACCESS_KEY")) {
            try S3Configuration(environment: environment)
        }
    }

    @Test(arguments: [
        ("https://store.example", "store.example"), ("https://store.example:443", "store.example"),
        ("http://store.example:80", "store.example"), ("http://store.example:443", "store.example:443"),
        ("http://[::1]:9000", "[::1]:9000"),
    ])
    func theHostIsSignedAsItIsSent(endpoint: String, host: String) {
        let credentials = S3Credentials(accessKey: "a", secretKey: "b")
        #expect(S3Configuration(endpoint: endpoint, region: "eu-1", credentials: credentials).host == host)
    }

    @Test(arguments: ["store.example", "ftp://store.example", "http://a/b", "http://user@host"])
    func otherEndpointsAreRefused(endpoint: String) {
        let environment = [
            "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": endpoint,
        ]
        #expect(throws: S3Error.badEndpoint(endpoint)) { try S3Configuration(environment: environment) }
    }

    @Test func onlyWhatIsReplacedIsAskedForAgain() {
        func control(_ components: String...) -> String? {
            RepositoryPath(components: components).storedHeaders.first { $0.name == "Cache-Control" }?.value
        }
        #expect(control("metadata", "timestamp.json") == "no-cache")
        #expect(control("proposals", "2.root.json") == "no-cache")
        let forGood = "public, max-age=31536000, immutable"
        #expect(control("metadata", "1.root.json") == forGood)
        #expect(control("metadata", "7.timestamp.json") == forGood)
        #expect(control("targets", "timestamp.json") == forGood)
        #expect(control("blobs", "timestamp.json") == forGood)
    }
}

@Suite struct S3ListingTests {
    private func listing(_ text: String) throws -> S3Listing {
        try S3Listing(Array("<ListBucketResult>\(text)</ListBucketResult>".utf8), of: "s3://models", below: "edge/")
    }

    private let times = "<Size>3</Size><LastModified>2026-11-20T12:00:00.000Z</LastModified>"

    @Test func filesAreRead() throws {
        let page = try listing(
            """
            <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
            <NextContinuationToken>a+b</NextContinuationToken>
            <Contents><Key>edge/targets/a+b%2B%C3%BC</Key>\(times)</Contents>
            <Contents><Key>edge/targets/</Key>\(times)</Contents><Contents><Key>other/x</Key>\(times)</Contents>
            """
        )
        let file = StoredFile(
            path: RepositoryPath(components: ["targets", "a b+ü"]),
            bytes: 3,
            modified: try #require(UTCTime("2026-11-20T12:00:00Z"))
        )
        #expect(page.files == [file])
        #expect(page.continuation == "a+b")
        // Stores that encode nothing say so by not saying it.
        let plain = try listing("<Contents><Key>edge/targets/a+b%2B</Key>\(times)</Contents>")
        #expect(plain.files.map(\.path.description) == ["targets/a+b%2B"])
        #expect(plain.continuation == nil)
    }

    @Test(arguments: [
        "<Contents><Key>edge/a</Key><Size>3</Size></Contents>",
        "<Contents><Key>edge/a</Key><Size>-3</Size><LastModified>2026-11-20T12:00:00Z</LastModified></Contents>",
        "<Contents><Key>edge/a</Key><Size>3</Size><LastModified>yesterday</LastModified></Contents>",
        "<IsTruncated>true</IsTruncated>", "<IsTruncated>true</IsTruncated><NextContinuationToken/>",
        "<EncodingType>url</EncodingType><Contents><Key>edge/%</Key><Size>3</Size>"
            + "<LastModified>2026-11-20T12:00:00Z</LastModified></Contents>",
        "<EncodingType>url</EncodingType><Contents><Key>edge/%FF</Key><Size>3</Size>"
            + "<LastModified>2026-11-20T12:00:00Z</LastModified></Contents>",
    ])
    func whatMakesNoSenseIsRefused(text: String) {
        #expect(throws: S3Error.self) { try listing(text) }
    }

    @Test func anotherDocumentIsRefused() {
        #expect(throws: S3Error.self) { try S3Listing(Array("<html/>".utf8), of: "s3://models", below: "") }
        let bomb = "<!DOCTYPE a [<!ENTITY b 'c'>]><ListBucketResult>&b;</ListBucketResult>"
        #expect(throws: S3Error.self) { try S3Listing(Array(bomb.utf8), of: "s3://models", below: "") }
    }
}
