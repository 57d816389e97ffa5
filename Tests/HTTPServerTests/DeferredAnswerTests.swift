import HTTPServer
import Synchronization
import Testing

@Suite struct DeferredAnswerTests {
    @Test func anAnswerMayComeLaterFromAnotherThread() throws {
        let waiting = Mailbox<HTTPExchange>()
        let server = try HTTPServer.start { waiting.put($0) }
        let client = try server.connect()
        for turn in 1...3 {
            client.post("/later", "turn \(turn)")
            let exchange = try #require(waiting.take())
            #expect(server.activeRequests == 1)
            #expect(exchange.header("Host") == "test")
            exchange.echo()
            #expect(try client.response().body == "POST /later turn \(turn)")
        }
    }

    @Test func aWaitingRequestDoesNotKeepOthersWaiting() throws {
        let waiting = Mailbox<HTTPExchange>()
        let server = try HTTPServer.start { $0.path == "/wait" ? waiting.put($0) : $0.echo() }
        let first = try server.connect()
        first.get("/wait")
        let exchange = try #require(waiting.take())
        let second = try server.connect()
        second.get("/now")
        #expect(try second.response().body == "GET /now ")
        exchange.echo()
        #expect(try first.response().body == "GET /wait ")
    }

    @Test func onlyTheFirstAnswerCounts() throws {
        let answered = Mailbox<[Bool]>()
        let server = try HTTPServer.start { exchange in
            let before = exchange.isAnswered
            let first = exchange.respond(.ok, body: "first")
            let second = exchange.respond(.badRequest, body: "second")
            answered.put([before, first, second, exchange.isAnswered])
        }
        let client = try server.connect()
        client.get("/")
        #expect(try client.response().body == "first")
        #expect(answered.take() == [false, true, false, true])
    }

    @Test func exactlyOneOfManyThreadsGivesTheAnswer() throws {
        let waiting = Mailbox<HTTPExchange>()
        let server = try HTTPServer.start { waiting.put($0) }
        let client = try server.connect()
        for _ in 0..<50 {
            client.get("/")
            let exchange = try #require(waiting.take())
            let won = Mailbox<Int>()
            inThreads(4) { thread in
                if exchange.respond(.ok, body: Array("\(thread)".utf8)) { won.put(thread) }
            }
            #expect(won.count == 1)
            #expect(try client.response().body == "\(won.take() ?? -1)")
        }
    }

    @Test(arguments: [false, true])
    func anExchangeThatIsLetGoIsAnsweredWith500(later: Bool) throws {
        let server = try HTTPServer.start { exchange in
            if later { onThread { _ = exchange.path } }
        }
        let client = try server.connect()
        client.get("/")
        #expect(try client.response().status == 500)
        client.get("/again")
        #expect(try client.response().status == 500)
    }

    @Test func tellsOnceThatTheClientHungUp() throws {
        let waiting = Mailbox<HTTPExchange>()
        let hangUps = Mailbox<String>()
        let server = try HTTPServer.start { exchange in
            exchange.onCancel { hangUps.put("first") }
            #expect(!exchange.onCancel { hangUps.put("second") })
            waiting.put(exchange)
        }
        let client = try server.connect()
        client.get("/")
        let exchange = try #require(waiting.take())
        #expect(!exchange.isCancelled)
        client.hangUp()
        #expect(hangUps.take() == "first")
        #expect(exchange.isCancelled)
        #expect(exchange.respond(.ok, body: "nobody reads this"))
        #expect(hangUps.count == 0)

        let next = try server.connect()
        next.get("/")
        try #require(waiting.take()).echo()
        #expect(try next.response().status == 200)
    }

    @Test func tellsAtOnceWhenTheClientHadHungUpBefore() throws {
        let waiting = Mailbox<HTTPExchange>()
        let noticed = Mailbox<Bool>()
        let server = try HTTPServer.start { exchange in
            if exchange.path == "/first" { exchange.onCancel { noticed.put(true) } }
            waiting.put(exchange)
        }
        let client = try server.connect()
        client.get("/late")
        let late = try #require(waiting.take())
        client.hangUp()
        // The server has looked after both sockets when it tells of the second, which hung up later.
        let second = try server.connect()
        second.get("/first")
        let held = try #require(waiting.take())
        second.hangUp()
        #expect(noticed.take() == true)
        let told = Mailbox<Bool>()
        late.onCancel { told.put(true) }
        #expect(told.take() == true)
        withExtendedLifetime(held) {}
    }

    @Test func aHangUpAfterTheAnswerIsNotTold() throws {
        let hangUps = Mailbox<Bool>()
        let released = Mailbox<Bool>()
        let server = try HTTPServer.start { exchange in
            let token = Token { released.put(true) }
            exchange.onCancel {
                _ = token
                hangUps.put(true)
            }
            onThread { exchange.echo() }
        }
        let client = try server.connect()
        client.get("/")
        #expect(try client.response().status == 200)
        #expect(released.take() == true)
        client.hangUp()
        server.stop()
        #expect(hangUps.count == 0)
    }

    @Test func anAnswerAfterTheServerStoppedHasNoEffect() throws {
        let waiting = Mailbox<HTTPExchange>()
        let server = try HTTPServer.start { waiting.put($0) }
        let clients = try (0..<8).map { _ in try server.connect() }
        for client in clients { client.post("/", "body") }
        let exchanges = clients.compactMap { _ in waiting.take() }
        #expect(exchanges.count == 8)
        server.stop()
        for client in clients { #expect(client.isClosedByServer()) }
        for exchange in exchanges {
            #expect(exchange.bodyText == "body")
            #expect(exchange.header("Host") == nil)
            exchange.echo()
        }
        #expect(server.activeRequests == 0)
    }
}

private final class Token: Sendable {
    let onEnd: @Sendable () -> Void
    init(onEnd: @escaping @Sendable () -> Void) { self.onEnd = onEnd }
    deinit { onEnd() }
}
