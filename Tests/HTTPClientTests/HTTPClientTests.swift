import Testing

@testable import HTTPClient

@Suite struct HTTPClientTests {
    private func text(_ text: String) -> [UInt8] { Array(text.replacing("\n", with: "\r\n").utf8) }

    private func get(
        _ path: String,
        from server: ScriptedServer,
        range: Range<Int>? = nil,
        limitBytes: Int = 1_000
    ) throws -> (response: HTTPClientResponse, body: String) {
        try server.with(path) { try get($0, range: range, limitBytes: limitBytes) }
    }

    private func get(
        _ url: String,
        range: Range<Int>? = nil,
        limitBytes: Int = 1_000
    ) throws -> (response: HTTPClientResponse, body: String) {
        var body: [UInt8] = []
        let response = try HTTPClient().get(url, range: range, limitBytes: limitBytes) { body.append(contentsOf: $0) }
        return (response, String(decoding: body, as: UTF8.self))
    }

    @Test func handsOverTheBodyOfAnAnswer() throws {
        let server = ScriptedServer { _ in text("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello") }
        let answer = try get("/x", from: server)
        #expect(answer.response == HTTPClientResponse(status: 200, retryAfter: nil))
        #expect(answer.body == "hello")
    }

    @Test func tellsOfAnAnswerBeforeItsBody() throws {
        let server = ScriptedServer { _ in
            text("HTTP/1.1 206 Partial Content\ncontent-range: bytes 2-6/100\nContent-Length: 5\n\nhello")
        }
        var heads: [HTTPAnswerHead] = []
        var body: [UInt8] = []
        try server.with("/x") { url in
            let client = try HTTPClient()
            _ = try client.get(url, range: 2..<7, limitBytes: 100, begin: { heads.append($0) }, receive: { body += $0 })
        }
        #expect(heads == [HTTPAnswerHead(status: 206, contentRange: "bytes 2-6/100")])
        #expect(heads.first?.part?.bytes == 2..<7 && heads.first?.part?.of == 100)
        #expect(body.count == 5)
        // What it throws ends the transfer before a byte is handed over.
        server.with("/x") { url in
            _ = #expect(throws: HTTPClientError.cannotStart) {
                let client = try HTTPClient()
                _ = try client.get(url, limitBytes: 100, begin: { _ in throw HTTPClientError.cannotStart }) { _ in
                    Issue.record("a byte came")
                }
            }
        }
    }

    @Test func tellsNoRangeOfAnAnswerWithoutOne() throws {
        let server = ScriptedServer { _ in text("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello") }
        var heads: [HTTPAnswerHead] = []
        try server.with("/x") { url in
            _ = try HTTPClient().get(url, range: 2..<7, limitBytes: 100, begin: { heads.append($0) }) { _ in }
        }
        #expect(heads == [HTTPAnswerHead(status: 200, contentRange: nil)])
        #expect(heads.first?.part == nil)
    }

    @Test(arguments: [403, 404, 429, 500, 503])
    func dropsTheBodyOfAnError(status: Int) throws {
        let server = ScriptedServer { _ in
            text("HTTP/1.1 \(status) No\nRetry-After: 7\nContent-Length: 5\n\nhello")
        }
        let answer = try get("/x", from: server)
        #expect(answer.response == HTTPClientResponse(status: status, retryAfter: .seconds(7)))
        #expect(!answer.response.isSuccess)
        #expect(answer.body.isEmpty)
    }

    @Test func anErrorWithAnEndlessBodyIsStillThatError() throws {
        let body = [UInt8](repeating: 0x20, count: 1 << 20)
        let server = ScriptedServer { _ in text("HTTP/1.0 404 No\n\n") + body }
        #expect(try get("/x", from: server).response.status == 404)
        let stated = ScriptedServer { _ in text("HTTP/1.0 404 No\nContent-Length: 1048576\n\n") + body }
        #expect(try get("/x", from: stated).response.status == 404)
    }

    @Test(arguments: ["Content-Length: 1001\n", ""])
    func endsAtTheLimitWhetherTheLengthIsStatedOrNot(header: String) throws {
        let body = [UInt8](repeating: 0x20, count: 1_001)
        let server = ScriptedServer { _ in text("HTTP/1.0 200 OK\n\(header)\n") + body }
        server.with("/x") { url in
            _ = #expect(throws: HTTPClientError.tooLarge(url: url, limitBytes: 1_000)) { try get(url) }
        }
        #expect(try get("/x", from: server, limitBytes: 1_001).body.utf8.count == 1_001)
    }

    /// `..` and what is encoded belong to names here; a client that tidies them up asks for another file.
    @Test(arguments: ["/a/../b", "/a/./b", "/1...%2Fx.json", "/%3f%3F", "/a//b"])
    func asksForThePathAsItIsWritten(path: String) throws {
        let server = ScriptedServer { request in
            let asked = request.split(separator: " ")[1]
            return text("HTTP/1.1 200 OK\nContent-Length: \(asked.utf8.count)\n\n\(asked)")
        }
        #expect(try get(path, from: server).body == path)
    }

    @Test func asksForARange() throws {
        let server = ScriptedServer { request in
            let line = request.split(separator: "\r\n").first { $0.lowercased().hasPrefix("range:") } ?? "none"
            return text("HTTP/1.1 206 Partial\nContent-Length: \(line.utf8.count)\n\n\(line)")
        }
        #expect(try get("/x", from: server, range: 10..<20).body == "Range: bytes=10-19")
        #expect(try get("/x", from: server).body == "none")
    }

    /// libcurl 7.88 keeps trailers in memory without a limit of its own.
    @Test(arguments: ["HTTP/1.1 200 OK\n", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\na\n0\n"])
    func endlessHeadersAndTrailersAreCutOff(beginning: String) throws {
        let endless = (0..<4_000).map { "X-\($0): \(String(repeating: "a", count: 200))\n" }.joined()
        let bytes = text(beginning + endless)
        let server = ScriptedServer { _ in bytes }
        try server.with("/") { url in
            let error = #expect(throws: HTTPClientError.self) {
                try HTTPClient().get(url, limitBytes: 100) { _ in }
            }
            #expect(error?.message == "the transfer of \(url) broke off: its headers are endless")
        }
    }

    @Test func followsRedirectsUpToTheLimit() throws {
        let server = ScriptedServer { request in
            request.hasPrefix("GET /end ")
                ? text("HTTP/1.1 200 OK\nContent-Length: 3\n\nend")
                : text("HTTP/1.1 302 Found\nLocation: \(request.hasPrefix("GET /once ") ? "/end" : "/again")\n\n")
        }
        #expect(try get("/once", from: server).body == "end")
        #expect(throws: HTTPClientError.self) { try get("/again", from: server) }
    }

    @Test(arguments: ["ftp://127.0.0.1/x", "file:///etc/passwd", "", "nonsense:", "http://"])
    func fetchesNothingButHTTP(url: String) throws {
        #expect(throws: HTTPClientError.self) { try get(url) }
    }

    @Test func aRedirectLeadsToNothingButHTTP() throws {
        let server = ScriptedServer { _ in text("HTTP/1.1 302 Found\nLocation: file:///etc/passwd\n\n") }
        #expect(throws: HTTPClientError.self) { try get("/x", from: server) }
    }

    @Test func throwsOnWhatTheReceiverThrows() throws {
        struct Enough: Error {}
        let server = ScriptedServer { _ in text("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello") }
        #expect(throws: Enough.self) {
            try server.with("/x") { url in try HTTPClient().get(url, limitBytes: 10) { _ in throw Enough() } }
        }
    }

    @Test(arguments: ["HTTP/1.1 200 OK\nContent-Length: 50\n\nhello", "this is no HTTP\n\n", ""])
    func saysThatATransferBrokeOff(answer: String) throws {
        let server = ScriptedServer { _ in text(answer) }
        do {
            _ = try get("/x", from: server)
            Issue.record("was taken")
        } catch let error as HTTPClientError {
            guard case .broken = error else { throw error }
        }
    }

    @Test func saysThatNobodyAnswers() throws {
        let port = ScriptedServer { _ in [] }.port  // closed again at once
        do {
            _ = try get("http://127.0.0.1:\(port)/x")
            Issue.record("was answered")
        } catch let error as HTTPClientError {
            guard case .unreachable = error else { throw error }
        }
    }

    @Test func saysThatItCannotReadCertificateAuthorities() throws {
        var configuration = HTTPClientConfiguration()
        configuration.certificateAuthorities = "/nonexistent"
        let client = try HTTPClient(configuration)
        #expect(throws: HTTPClientError.self) {
            try client.get("https://127.0.0.1:1/x", limitBytes: 10) { _ in }
        }
    }

    // MARK: requests whose answers are handed over as they come

    @Test func aRequestsAnswerIsHandedOverWithItsHeaders() throws {
        let server = ScriptedServer { _ in
            text("HTTP/1.1 200 OK\nETag: \"abc\"\nX-Twice: 1\nx-twice: 2\nContent-Length: 5\n\nhello")
        }
        var body: [UInt8] = []
        try server.with("/x") { url in
            let request = HTTPClientRequest(.get, url, headers: [("X-Own", "1")])
            let answer = try HTTPClient().send(request, limitBytes: 5) { body.append(contentsOf: $0) }
            #expect(answer.isSuccess && answer.body.isEmpty)
            #expect(answer.headers["etag"] == "\"abc\"" && answer.headers["x-twice"] == "2")
        }
        #expect(String(decoding: body, as: UTF8.self) == "hello")
    }

    @Test func theBodyOfARefusalIsKeptApart() throws {
        let server = ScriptedServer { _ in text("HTTP/1.1 404 Not Found\nContent-Length: 5\n\nsorry") }
        try server.with("/x") { url in
            // Its own limit holds for it, and not that of what was asked for.
            let answer = try HTTPClient().send(HTTPClientRequest(.get, url), limitBytes: 1) { _ in
                Issue.record("a byte came")
            }
            #expect(answer.status == 404 && String(decoding: answer.body, as: UTF8.self) == "sorry")
        }
        let long = ScriptedServer { _ in
            text("HTTP/1.1 404 Not Found\nContent-Length: 70000\n\n" + String(repeating: "x", count: 70_000))
        }
        long.with("/x") { url in
            _ = #expect(throws: HTTPClientError.tooLarge(url: url, limitBytes: 65_536)) {
                try HTTPClient().send(HTTPClientRequest(.get, url), limitBytes: 1) { _ in }
            }
        }
    }

    @Test func anAnswerOverTheLimitEndsTheRequest() throws {
        let server = ScriptedServer { _ in text("HTTP/1.1 200 OK\nContent-Length: 6\n\nhello!") }
        server.with("/x") { url in
            _ = #expect(throws: HTTPClientError.tooLarge(url: url, limitBytes: 5)) {
                try HTTPClient().send(HTTPClientRequest(.get, url), limitBytes: 5) { _ in }
            }
        }
        let other = ScriptedServer { _ in text("HTTP/1.1 200 OK\nContent-Length: 6\n\nhello!") }
        other.with("/x") { url in
            _ = #expect(throws: HTTPClientError.cannotStart) {
                try HTTPClient().send(HTTPClientRequest(.get, url), limitBytes: 6) { _ in
                    throw HTTPClientError.cannotStart
                }
            }
        }
    }
}
