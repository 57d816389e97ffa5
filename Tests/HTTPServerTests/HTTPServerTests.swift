import HTTPServer
import Testing

@Suite struct HTTPServerTests {
    // MARK: - Requests

    @Test func keepsTheConnectionForTheNextRequest() throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        for turn in 1...3 {
            client.post("/a", "body \(turn)")
            let response = try client.response()
            #expect(response.status == 200)
            #expect(response.body == "POST /a body \(turn)")
            #expect(response.headers["connection"] != "close")
            #expect(response.headers["content-type"] == "text/plain")
            #expect(response.headers["date"] != nil)
        }
        #expect(server.openConnections == 1)
    }

    @Test func answersPipelinedRequestsInOrder() throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        let one = "POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n"
        client.send((10...29).map { "\(one)\($0)" }.joined())
        for turn in 10...29 { #expect(try client.response().body == "POST /p \(turn)") }
    }

    @Test func answersPipelinedRequestsInOrderWhenEachIsAnsweredLater() throws {
        let server = try HTTPServer.start { exchange in onThread { exchange.echo() } }
        let client = try server.connect()
        let one = "POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\n"
        client.send((10...29).map { "\(one)\($0)" }.joined())
        for turn in 10...29 { #expect(try client.response().body == "POST /p \(turn)") }
    }

    @Test func readsARequestThatComesByteByByte() throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        let text = "POST /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"
        for byte in text.utf8 { client.send(bytes: [byte]) }
        #expect(try client.response().body == "POST /slow hello")
    }

    @Test func givesTheHandlerMethodPathQueryAndHeaders() throws {
        let seen = Mailbox<[String]>()
        let server = try HTTPServer.start { exchange in
            let query = exchange.queryItems.map { "\($0.name)=\($0.value ?? "nil")" }
            let header = exchange.header("x-UPPER") ?? "nil"
            let all = exchange.headers.map { "\($0.name)=\($0.value)" }
            seen.put([exchange.methodName, exchange.path, exchange.rawPath, header, "\(exchange.route)"] + query + all)
            exchange.respond(.noContent)
        }
        let client = try server.connect()
        client.get("/a%20b%2Fc%zz?q=1+2%2B3&flag&e=", method: "BREW", headers: "X-Upper: yes\r\n")
        #expect(try client.response().status == 204)
        #expect(
            seen.take() == [
                "BREW", "/a b/c%zz", "/a%20b%2Fc%zz", "yes", "13", "q=1 2+3", "flag=nil", "e=", "Host=test",
                "X-Upper=yes",
            ]
        )
    }

    @Test func anEscapedNULDoesNotCutThePath() throws {
        let server = try HTTPServer.start { $0.respond(.ok, body: Array($0.path.utf8)) }
        let client = try server.connect()
        client.get("/missing%00x")
        let response = try client.response()
        #expect(response.status == 200)
        #expect(response.body == "/missing\0x")
    }

    @Test func measuresTheBodyOfAnAnswerToHEADWithoutSendingIt() throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        client.get("/a", method: "HEAD")
        let response = try client.response(withoutBody: true)
        #expect(response.status == 200)
        #expect(response.headers["content-length"] == "\("HEAD /a ".utf8.count)")
        client.get("/b")
        #expect(try client.response().body == "GET /b ")
    }

    @Test func leavesOutAHeaderThatWouldSplitTheAnswer() throws {
        let server = try HTTPServer.start { exchange in
            exchange.respond(
                .ok,
                headers: [HTTPHeader("X-Bad", "a\r\nX-Evil: 1"), HTTPHeader("X Bad", "b"), HTTPHeader("X-Good", "c")]
            )
        }
        let client = try server.connect()
        client.get("/")
        let headers = try client.response().headers
        #expect(headers["x-good"] == "c")
        #expect(headers["x-bad"] == nil)
        #expect(headers["x-evil"] == nil)
    }

    @Test func answers1000RequestsOf16ConnectionsEachWithItsOwnEcho() throws {
        let server = try HTTPServer.start(configuration: .with(\.threads, 2)) { exchange in
            // Every third is answered later, and not in the order of arrival.
            if exchange.bodyText.utf8.last.map({ $0 % 3 == 0 }) == true {
                onThread { exchange.echo() }
            } else {
                exchange.echo()
            }
        }
        let wrong = Mailbox<String>()
        let right = Mailbox<Int>()
        inThreads(16) { connection in
            guard let client = try? server.connect() else { return wrong.put("no connection") }
            for turn in 0..<63 {
                client.post("/c\(connection)", "\(connection)-\(turn)")
                guard let response = try? client.response() else { return wrong.put("no answer") }
                let expected = "POST /c\(connection) \(connection)-\(turn)"
                if response.body == expected { right.put(turn) } else { wrong.put(response.body) }
            }
        }
        #expect(wrong.count == 0)
        #expect(right.count == 16 * 63)
        #expect(server.becomesIdle())
    }

    @Test(arguments: [0, 1, 20])
    func aClientThatEndsSendingGetsItsAnswersAndTheConnectionIsClosed(requests: Int) throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        client.send(String(repeating: "GET /last HTTP/1.1\r\nHost: test\r\n\r\n", count: requests))
        client.endSending()
        for _ in 0..<requests { #expect(try client.response().body == "GET /last ") }
        #expect(client.isClosedByServer())
    }

    // MARK: - Bodies

    @Test(arguments: [1, 1000, 100_000, 1 << 20])
    func takesABodyUpToTheLimit(length: Int) throws {
        let server = try HTTPServer.start { $0.respond(.ok, body: Array("\($0.withBody(\.count))".utf8)) }
        let client = try server.connect()
        client.post("/", String(repeating: "x", count: length))
        #expect(try client.response().body == "\(length)")
    }

    @Test func takesAChunkedBody() throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        client.send("PUT /c HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        client.send("7;extension=1\r\n, world\r\n0\r\nTrailer: x\r\n\r\n")
        #expect(try client.response().body == "PUT /c hello, world")
        client.get("/next")
        #expect(try client.response().status == 200)
    }

    @Test func refusesABodyOverTheLimitBeforeItComes() throws {
        let server = try HTTPServer.start(limitBytes: 1000)
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000000\r\n\r\n")
        let response = try client.response()
        #expect(response.status == 413)
        #expect(response.body == "the body is longer than 1000 bytes\n")
        #expect(response.headers["connection"] == "close")
    }

    @Test(arguments: ["18446744073709551615", "99999999999999999999999999"])
    func aLengthThatCanNotBeCountedIsRefused(length: String) throws {
        let server = try HTTPServer.start(limitBytes: 1000)
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: \(length)\r\n\r\n")
        #expect([400, 413].contains(try client.response().status))
    }

    @Test func aClientThatSendsAllBeforeItReadsStillGetsItsRefusal() throws {
        let server = try HTTPServer.start(limitBytes: 1000, configuration: .with(\.lingerTime, .seconds(20)))
        let client = try server.connect()
        let length = 8 << 20
        let body = String(repeating: "x", count: length)
        #expect(client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: \(length)\r\n\r\n\(body)"))
        #expect(try client.response().status == 413)
    }

    @Test func refusesAChunkedBodyWhenItPassesTheLimit() throws {
        let server = try HTTPServer.start(limitBytes: 1000)
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "200\r\n\(String(repeating: "x", count: 512))\r\n"
        for _ in 0..<1000 where !client.send(chunk) { break }
        let response = try client.response()
        #expect(response.status == 413)
        #expect(response.body == "the body is longer than 1000 bytes\n")
        #expect(response.headers["connection"] == "close")
        #expect(server.becomesIdle())
    }

    @Test func aShortBodyThatIsRefusedDoesNotEndTheConnection() throws {
        let server = try HTTPServer.start(limitBytes: 10)
        let client = try server.connect()
        client.post("/", "more than ten bytes")
        #expect(try client.response().status == 413)
        client.post("/missing", "body")
        #expect(try client.response().status == 404)
        client.post("/only-get", "body")
        let response = try client.response()
        #expect(response.status == 405)
        #expect(response.headers["allow"] == "GET")
        client.get("/missing")
        #expect(try client.response().status == 404)
        client.post("/", "short")
        #expect(try client.response().body == "POST / short")
    }

    @Test func asksForTheBodyOnlyWhenItIsWanted() throws {
        let server = try HTTPServer.start(limitBytes: 1000)
        let expect = "Expect: 100-continue\r\n"
        let accepted = try server.connect()
        accepted.send("POST / HTTP/1.1\r\nHost: test\r\n\(expect)Content-Length: 5\r\n\r\n")
        #expect(try accepted.response().status == 100)
        accepted.send("hello")
        #expect(try accepted.response().body == "POST / hello")

        for (path, length, status) in [("/", 2000, 413), ("/missing", 5, 404), ("/only-get", 5, 405)] {
            let refused = try server.connect()
            refused.send("POST \(path) HTTP/1.1\r\nHost: test\r\n\(expect)Content-Length: \(length)\r\n\r\n")
            #expect(try refused.response().status == status)
            #expect(refused.isClosedByServer())
        }
    }

    // MARK: - Malformed requests

    /// Shown by its start: some are 100 kB long.
    struct MalformedRequest: CustomTestStringConvertible, Sendable {
        let text: String
        var testDescription: String { String(text.prefix(60)) }
    }

    private static let longHeaders = String(repeating: "X-Long: \(String(repeating: "x", count: 1000))\r\n", count: 99)
    private static let longPath = String(repeating: "u", count: 100_000)

    @Test(
        arguments: [
            "nonsense\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\nHost: t\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5x\r\n\r\nhello",
            "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "GET / HTTP/1.1\r\nHost: t\r\n\(longHeaders)\r\n", "GET /\(longPath) HTTP/1.1\r\nHost: t\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: t\r\nno colon\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
        ].map(MalformedRequest.init)
    )
    func aMalformedRequestNeverReachesTheHandlerAndHarmsNobodyElse(request: MalformedRequest) throws {
        let reached = Mailbox<String>()
        let server = try HTTPServer.start { exchange in
            reached.put(exchange.rawPath)
            exchange.echo()
        }
        let client = try server.connect()
        client.send(request.text)
        client.endSending()
        if let response = try? client.response() { #expect((400...599).contains(response.status)) }
        let other = try server.connect()
        other.get("/other")
        #expect(try other.response().status == 200)
        #expect(reached.take() == "/other")
        #expect(reached.count == 0)
    }

    @Test(
        arguments: [
            "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "Content-Length : 5", "Host: other",
        ]
    )
    func aRequestThatAProxyMayReadOtherwiseIsRefused(headers: String) throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nHost: test\r\n\(headers)\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n")
        #expect(try client.response().status == 400)
        #expect(client.isClosedByServer())
    }

    @Test func takesATargetInAbsoluteForm() throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        client.get("http://test/path?x=1")
        #expect(try client.response().body == "GET /path ")
        client.get("http://test")
        #expect(try client.response().body == "GET / ")
    }

    @Test(arguments: ["GE", "GET / HTTP/1.1\r\nHos", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf"])
    func aRequestThatIsCutShortIsDropped(request: String) throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        client.send(request)
        client.endSending()
        #expect(client.isClosedByServer())
        #expect(server.becomesIdle())
    }
}
