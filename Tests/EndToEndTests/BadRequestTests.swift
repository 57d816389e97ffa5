import FileSystem
import JSON
import Testing

/// Requests that can't be answered get a status and a sentence, and the next request gets its answer.
@Suite(.programs, .oneByOne) struct BadRequestTests {
    struct Request: CustomTestStringConvertible, Sendable {
        let what: String
        var method = "POST"
        var path = "/v2/models/digits/infer"
        var body: String?
        let status: Int
        let says: String

        var testDescription: String { what }
    }

    private static let pixels = Array(repeating: "0", count: 64).joined(separator: ",")

    private static func tensor(
        name: String = "X",
        shape: String = "[1,64]",
        datatype: String = "FP32",
        data: String = "[\(pixels)]"
    ) -> String {
        #"{"inputs":[{"name":"\#(name)","shape":\#(shape),"datatype":"\#(datatype)","data":\#(data)}]}"#
    }

    @Test(arguments: [
        Request(what: "no JSON", body: "garbage", status: 400, says: "malformed JSON at byte 0"),
        Request(what: "nothing", body: "", status: 400, says: "malformed JSON"),
        Request(what: "half of it", body: #"{"inputs":[{"#, status: 400, says: "ends at byte 12"),
        Request(what: "no inputs", body: "{}", status: 400, says: "no \"inputs\""),
        Request(what: "another type", body: tensor(datatype: "INT64"), status: 400, says: "must be FP32 [N, 64]"),
        Request(what: "no type", body: tensor(datatype: "FLOAT"), status: 400, says: "\"FLOAT\", not one of"),
        Request(what: "another shape", body: tensor(shape: "[2,32]"), status: 400, says: "FP32 [2, 32] was given"),
        Request(what: "too few values", body: tensor(data: "[1,2]"), status: 400, says: "2 values for shape [1, 64]"),
        Request(what: "a negative shape", body: tensor(shape: "[1,-64]"), status: 400, says: "\"shape\""),
        Request(what: "a shape beyond memory", body: tensor(shape: "[99999999999,64]"), status: 400, says: "\"X\""),
        Request(what: "a text for a number", body: tensor(data: "[\"a\"]"), status: 400, says: "is not a number"),
        Request(what: "an unknown input", body: tensor(name: "Y"), status: 400, says: "\"Y\""),
        Request(
            what: "another model",
            path: "/v2/models/letters/infer",
            body: tensor(),
            status: 404,
            says: "only the model digits, version 1 is served here"
        ),
        Request(
            what: "another version",
            path: "/v2/models/digits/versions/2/infer",
            body: tensor(),
            status: 404,
            says: "version 1"
        ),
        Request(what: "another path", method: "GET", path: "/v3", status: 404, says: "no such path"),
        Request(what: "another method", method: "GET", status: 405, says: "this path takes POST"),
        Request(what: "a deletion", method: "DELETE", path: "/v2/models/digits", status: 405, says: "GET, HEAD"),
        Request(what: "no data to score", path: "/score", body: "{}", status: 400, says: "no \"data\""),
        Request(
            what: "rows of another width to score",
            path: "/score",
            body: #"{"data":[[1,2]]}"#,
            status: 400,
            says: "FP32 [1, 2] was given"
        ),
    ])
    func isAnsweredWithAClearErrorAndTheNextIsFine(_ request: Request) throws {
        let server = try ServedRuntime(Example.native.get().tree)
        let connection = try server.connect()
        let refused = try connection.ask(request.method, request.path, request.body)
        #expect(refused.status == request.status)
        let member = request.path.hasPrefix("/v2") ? "error" : "message"
        let message = try #require(refused.json[member]?.stringValue, "\(refused.text)")
        #expect(message.contains(request.says), "\(message)")
        if request.status == 405 { #expect(refused.headers["allow"] != nil) }

        let next = try connection.ask("POST", "/v2/models/digits/infer", Self.tensor())
        #expect(next.status == 200, "\(next.text)")
    }

    @Test func aBodyOverTheLimitIsRefusedBeforeItComes() throws {
        let server = try ServedRuntime(Example.native.get().tree)
        let connection = try server.connect()
        // Only the claim is sent: the answer must not wait for 32 MiB.
        try connection.send("POST", "/v2/models/digits/infer", "{", claiming: 32 << 20)
        let refused = try connection.answer()
        #expect(refused.status == 413)
        #expect(refused.text.contains("more than \(16 << 20) bytes"))
        #expect(try server.post("/v2/models/digits/infer", Self.tensor()).status == 200)
    }

    @Test func errorsAreCountedAsSuch() throws {
        let server = try ServedRuntime(Example.native.get().tree)
        #expect(try server.post("/v2/models/digits/infer", "{}").status == 400)
        #expect(try server.post("/v2/models/digits/infer", Self.tensor()).status == 200)
        let page = try server.get("/metrics").text
        #expect(page.contains("edge_http_responses_total{route=\"infer\",code=\"4xx\"} 1\n"))
        #expect(page.contains("edge_http_responses_total{route=\"infer\",code=\"2xx\"} 1\n"))
        #expect(page.contains("edge_prediction_duration_seconds_count 1\n"))
    }
}
