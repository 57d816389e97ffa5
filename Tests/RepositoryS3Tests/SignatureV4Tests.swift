import Digest
import Processes
import Testing
import WallClock

@testable import RepositoryS3

@Suite struct SignatureV4Tests {
    private static let none = SHA256.digest([UInt8]()).hex
    private static let credentials = S3Credentials(
        accessKey: "AKIAIOSFODNN7EXAMPLE",
        secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    )
    private let signature = SignatureV4(credentials: Self.credentials, region: "us-east-1")

    /// "Examples: Signature Calculations" in AWS's documentation of S3.
    @Test(arguments: [
        (
            SignatureV4.Request(
                method: "GET",
                path: "/test.txt",
                headers: [("Range", "bytes=0-9")],
                payloadDigest: none
            ), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        ),
        (
            SignatureV4.Request(
                method: "PUT",
                path: "/test%24file.text",
                headers: [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                payloadDigest: SHA256.digest(Array("Welcome to Amazon S3.".utf8)).hex
            ), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        ),
        (
            SignatureV4.Request(method: "GET", path: "/", query: [("lifecycle", "")], headers: [], payloadDigest: none),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        ),
        (
            SignatureV4.Request(
                method: "GET",
                path: "/",
                query: [("prefix", "J"), ("max-keys", "2")],
                headers: [],
                payloadDigest: none
            ), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        ),
    ])
    func documentedExamplesHold(request: SignatureV4.Request, expected: String) throws {
        var request = request
        request.headers += [
            ("x-amz-date", "20130524T000000Z"), ("x-amz-content-sha256", request.payloadDigest),
            ("host", "examplebucket.s3.amazonaws.com"),
        ]
        let time = try #require(UTCTime("2013-05-24T00:00:00Z"))
        let value = signature.authorization(for: request, at: time)
        #expect(value.hasSuffix("Signature=\(expected)"))
        #expect(
            value.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ")
        )
    }

    /// PyPI's botocore signs the same requests.
    @Test func botocoreSignsTheSame() throws {
        var random = SystemRandomNumberGenerator()
        let letters = Array("abcXYZ019 -._~%+&=;:,@!*'()$?#[]\"<>\\^`{|}üß日").map(String.init)
        func text(_ range: ClosedRange<Int>) -> String {
            (0..<Int.random(in: range, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" }
                .joined()
        }
        func quoted(_ text: String) -> String {
            "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        var lines: [String] = []
        var expected: [String] = []
        for number in 0..<200 {
            let time = UTCTime(seconds: Int64.random(in: 1_000_000_000...4_000_000_000, using: &random))
            let token = number % 3 == 0 ? "token/+=\(number)" : nil
            let body = Array(text(0...40).utf8)
            let key = (0..<3).map { _ in text(1...12) }.joined(separator: "/")
            let query = (0..<(number % 5)).map { (name: "q\($0 % 2)\(text(0...3))", value: text(0...12)) }
            // botocore takes these out of the headers and writes them itself.
            let headers = [("cache-control", "a  b"), ("if-none-match", "*"), ("content-type", "application/json")]
            let own =
                [
                    ("host", "store.example:9000"), ("x-amz-content-sha256", SHA256.digest(body).hex),
                    ("x-amz-date", SignatureV4.timestamp(time)),
                ] + (token.map { [("x-amz-security-token", $0)] } ?? [])
            let request = SignatureV4.Request(
                method: ["GET", "PUT", "DELETE", "POST"][number % 4],
                path: SignatureV4.path(bucket: "models", key: key),
                query: query.map { ($0.name, $0.value) },
                headers: headers + own,
                payloadDigest: SHA256.digest(body).hex
            )
            let region = ["us-east-1", "eu-central-1"][number % 2]
            let signer = SignatureV4(credentials: Self.credentials, region: region)
            let authorization = signer.authorization(for: request, at: time)
            expected.append(String(authorization.suffix(64)))
            let pairs = { (pairs: [(String, String)]) in
                pairs.map { "[\(quoted($0.0)), \(quoted($0.1))]" }.joined(separator: ", ")
            }
            lines.append(
                """
                {"method": "\(request.method)", "path": \(quoted(request.path)), "region": "\(region)", \
                "query": [\(pairs(request.query.map { ($0.name, $0.value) }))], \
                "headers": [\(pairs(request.headers.map { ($0.name, $0.value) }))], \
                "time": "\(time)", "accessKey": "\(Self.credentials.accessKey)", \
                "secretKey": "\(Self.credentials.secretKey)"}
                """
            )
        }
        guard let result = try ObjectStore.judge("sign.py", input: lines.joined(separator: "\n")) else { return }
        try #require(result.isSuccess, "\(result.errorText)")
        let found = result.outputText.split(separator: "\n").map(String.init)
        for (line, pair) in zip(lines, zip(found, expected)) { #expect(pair.0 == pair.1, "\(line)") }
        #expect(found.count == expected.count)
    }

    @Test func theSecretIsNeverPrinted() {
        var text = "\(Self.credentials) \(String(reflecting: Self.credentials)) "
        dump(Self.credentials, to: &text)
        #expect(!text.contains("wJalr") && !text.contains("AKIA"))
    }

    /// RFC 4231: test cases 1, 2, 3 and 6.
    @Test(arguments: [
        (
            [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ])
    func codesOfTheRFCHold(key: [UInt8], message: [UInt8], expected: String) {
        #expect(HMACSHA256.code(message, key: key).hex == expected)
    }

    @Test func anEmptyKeyAndAnEmptyMessageHaveACode() {
        let expected = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
        #expect(HMACSHA256.code([], key: []).hex == expected)
    }
}
