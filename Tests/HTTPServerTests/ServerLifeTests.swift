import Diagnostics
import Glibc
import HTTPServer
import Testing
import UnixSockets

@Suite struct ServerLifeTests {
    // MARK: - Addresses

    @Test func aPortThatIsTakenIsAnErrorToTryLater() throws {
        let server = try HTTPServer.start()
        let port = try #require(server.port)
        let address = ListenAddress.tcp(host: "127.0.0.1", port: port)
        let error = try #require(throws: HTTPServerError.self) { try HTTPServer(address, handler: TestHandler()) }
        #expect(error == .listening(.addressInUse(address: address)))
        #expect(error.message == "address 127.0.0.1:\(port) is already in use")
        #expect(error.hint?.contains("another port") == true)
        #expect(error.exitCode == .tryAgain)
    }

    @Test(arguments: ["localhost", "", "127.0.0.256", "::1::", "203.0.113.7"])
    func anAddressThatCanNotBeBoundIsAUsageError(host: String) throws {
        let error = try #require(throws: HTTPServerError.self) {
            try HTTPServer(.tcp(host: host, port: 0), handler: TestHandler())
        }
        #expect(error.exitCode == .usage)
    }

    @Test func servesOnIPv6WhereThereIsAny() throws {
        do {
            let server = try HTTPServer(.tcp(host: "::1", port: 0), handler: TestHandler())
            #expect(server.port ?? 0 > 0)
            #expect(server.address.description.hasPrefix("[::1]:"))
        } catch {
            #expect(error.exitCode == .usage || error.exitCode == .ioError)  // no IPv6 here
        }
    }

    @Test func aPlainFileIsNoSocketToInherit() throws {
        let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let error = try #require(throws: HTTPServerError.self) {
            try HTTPServer(.inherited(descriptor: descriptor), handler: TestHandler())
        }
        #expect(error.message == "can't listen on descriptor \(descriptor): it is not a listening socket")
        #expect(fcntl(descriptor, F_GETFD) >= 0)
    }

    // MARK: - Unix sockets

    @Test func servesOnAUnixSocketOfMode0660AndRemovesItAtTheEnd() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/s.sock"
            let server = try HTTPServer(.unix(path: path), handler: TestHandler())
            var status = stat()
            #expect(lstat(path, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o660)
            let client = try RawClient(path: path)
            client.post("/u", "x")
            #expect(try client.response().body == "POST /u x")
            server.stop()
            #expect(lstat(path, &status) != 0)
        }
    }

    @Test func replacesASocketFileThatNobodyListensOn() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/s.sock"
            let dead = try HTTPServer(.unix(path: path), handler: TestHandler())
            close(try dead.quiesce())
            var status = stat()
            #expect(lstat(path, &status) == 0)
            let server = try HTTPServer(.unix(path: path), handler: TestHandler())
            let client = try RawClient(path: path)
            client.get("/")
            #expect(try client.response().status == 200)
            // The old server must not take the new one's file away.
            dead.stop()
            #expect(lstat(path, &status) == 0)
            withExtendedLifetime(server) {}
        }
    }

    @Test func leavesASocketFileThatSomebodyListensOn() throws {
        try withTemporaryFolder { folder in
            let address = ListenAddress.unix(path: "\(folder)/s.sock")
            let server = try HTTPServer(address, handler: TestHandler())
            let error = try #require(throws: HTTPServerError.self) { try HTTPServer(address, handler: TestHandler()) }
            #expect(error == .listening(.addressInUse(address: address)))
            let client = try RawClient(path: "\(folder)/s.sock")
            client.get("/")
            #expect(try client.response().status == 200)
            withExtendedLifetime(server) {}
        }
    }

    @Test func leavesAFileThatIsNoSocket() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/file"
            close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
            let error = try #require(throws: HTTPServerError.self) {
                try HTTPServer(.unix(path: path), handler: TestHandler())
            }
            #expect(error.message == "can't listen on unix:\(path): a file that is no socket is there")
            var status = stat()
            #expect(lstat(path, &status) == 0)
        }
    }

    @Test(arguments: ["", String(repeating: "p", count: 108), "/nowhere/at/all/s.sock"])
    func aSocketPathThatCanNotBeIsAUsageError(path: String) throws {
        let error = try #require(throws: HTTPServerError.self) {
            try HTTPServer(.unix(path: path), handler: TestHandler())
        }
        #expect(error.exitCode == .usage)
    }

    // MARK: - Handing over

    @Test func theListeningSocketOutlivesTheServerThatGaveItUp() throws {
        let first = try HTTPServer.start { $0.respond(.ok, body: "first") }
        let port = try #require(first.port)
        let kept = try RawClient(port: port)
        kept.get("/")
        #expect(try kept.response().body == "first")

        let descriptor = try first.quiesce()
        let between = try RawClient(port: port)  // waits in the socket's backlog
        between.get("/")
        kept.get("/")
        #expect(try kept.response().body == "first")

        let second = try HTTPServer(
            .inherited(descriptor: descriptor),
            handler: TestHandler { $0.respond(.ok, body: "second") }
        )
        #expect(second.address == first.address)
        #expect(try between.response().body == "second")
        first.stop()
        let after = try RawClient(port: port)
        after.get("/")
        #expect(try after.response().body == "second")
        #expect(throws: HTTPServerError.notListening(address: first.address)) { try first.quiesce() }
    }

    @Test func noRequestIsLostWhileServersSucceedEachOther() throws {
        var server = try HTTPServer.start()
        let port = try #require(server.port)
        let over = Mailbox<Bool>()
        let answered = Mailbox<Int>()
        let failed = Mailbox<String>()
        let ended = Mailbox<Int>()
        for number in 0..<4 {
            onThread {
                var client: RawClient?
                var turn = 0
                while over.count == 0 {
                    turn += 1
                    do {
                        let connected = try client ?? RawClient(port: port)
                        connected.post("/", "\(number)-\(turn)")
                        let response = try connected.response()
                        if response.body != "POST / \(number)-\(turn)" { failed.put(response.body) }
                        client = response.headers["connection"]?.lowercased() == "close" ? nil : connected
                        answered.put(turn)
                    } catch { failed.put("\(number)-\(turn): \(error)") }
                }
                ended.put(number)
            }
        }
        for _ in 0..<20 {
            server.beginDraining()
            let successor = try HTTPServer(.inherited(descriptor: try server.quiesce()), handler: TestHandler())
            #expect(server.waitUntilIdle(deadline: .seconds(20)))
            server.stop()
            server = successor
            _ = answered.take()
        }
        over.put(true)
        for _ in 0..<4 { _ = ended.take() }
        #expect(failed.count == 0, "\(failed.take() ?? "")")
    }

    @Test func aDrainingServerClosesEachConnectionWithItsNextAnswer() throws {
        let server = try HTTPServer.start()
        let clients = try (0..<4).map { _ in try server.connect() }
        for client in clients {
            client.get("/")
            #expect(try client.response().headers["connection"] != "close")
        }
        server.beginDraining()
        for client in clients {
            client.get("/")
            #expect(try client.response().headers["connection"]?.lowercased() == "close")
            #expect(client.isClosedByServer())
        }
        #expect(server.waitUntilIdle(deadline: .seconds(20)))
        #expect(server.openConnections == 0)
    }

    @Test func waitsForARequestThatIsOpen() throws {
        let waiting = Mailbox<HTTPExchange>()
        let server = try HTTPServer.start { waiting.put($0) }
        let client = try server.connect()
        client.get("/")
        let exchange = try #require(waiting.take())
        server.beginDraining()
        #expect(!server.waitUntilIdle(deadline: .milliseconds(1)))
        onThread { exchange.echo() }
        #expect(server.waitUntilIdle(deadline: .seconds(20)))
        #expect(try client.response().body == "GET / ")
    }

    @Test func doesNotWaitForAConnectionThatIsOnlyKept() throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        client.get("/")
        _ = try client.response()
        server.beginDraining()
        #expect(server.waitUntilIdle(deadline: .seconds(20), quietTime: .milliseconds(1)))
        #expect(server.openConnections == 1)
    }

    @Test func mayBeStoppedTwiceAndFromSeveralThreads() throws {
        let server = try HTTPServer.start()
        let client = try server.connect()
        client.get("/")
        _ = try client.response()
        inThreads(4) { _ in server.stop() }
        server.stop()
        #expect(client.isClosedByServer())
        #expect(throws: ClientError.self) { try server.connect() }
    }

    // MARK: - Slow clients

    @Test(
        arguments: [
            "", "G", "POST / HTTP/1.1\r\nHost: t\r\nX: ",
            "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nbeginning",
        ]
    )
    func aRequestThatIsNotCompleteByTheDeadlineIsCutOff(beginning: String) throws {
        let server = try HTTPServer.start(configuration: .with(\.requestDeadline, .milliseconds(50)))
        let client = try server.connect()
        client.send(beginning)
        #expect(client.isClosedByServer())
        #expect(server.becomesIdle())
    }

    @Test func aClientThatDripsIsCutOffAtTheDeadline() throws {
        let server = try HTTPServer.start(configuration: .with(\.requestDeadline, .milliseconds(50)))
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n")
        // A byte at a time it is never silent, so no time-out for silence would end it before all is sent.
        var sent = 0
        while sent < 1_000_000, client.send("x") { sent += 1 }
        #expect(sent < 1_000_000)
        #expect(server.becomesIdle())
    }

    @Test func theDeadlineForReadingDoesNotCountTheTimeOfAnswering() throws {
        let waiting = Mailbox<HTTPExchange>()
        let server = try HTTPServer.start(configuration: .with(\.requestDeadline, .milliseconds(50))) { exchange in
            if exchange.path == "/slow" { waiting.put(exchange) } else { exchange.echo() }
        }
        let client = try server.connect()
        client.get("/slow")
        let exchange = try #require(waiting.take())
        // Another client is cut off at its deadline, so the first one's has passed too.
        let other = try server.connect()
        #expect(other.isClosedByServer())
        exchange.echo()
        #expect(try client.response().body == "GET /slow ")
    }

    @Test func aSilentConnectionIsClosedAfterTheIdleTimeout() throws {
        let server = try HTTPServer.start(configuration: .with(\.idleTimeout, .seconds(1)))
        let client = try server.connect()
        client.get("/")
        _ = try client.response()
        #expect(client.isClosedByServer())
    }

    @Test func reportsTroubleToTheLogOnly() throws {
        let log = Mailbox<String>()
        let server = try HTTPServer.start(configuration: .with(\.log, { log.put($0) }))
        let client = try server.connect()
        client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf")
        client.endSending()
        #expect(client.isClosedByServer())
        #expect(log.take()?.hasSuffix("\n") == false)
    }
}

private func withTemporaryFolder(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/http-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } != nil }
    try #require(made)
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
        unlink("\(folder)/s.sock")
        unlink("\(folder)/file")
        rmdir(folder)
    }
    try body(folder)
}
