import Digest
import Glibc
import RuntimeControl
import Testing
import UnixSockets

/// A server that answers from a table, on a thread that is never ended: it holds nothing but its listener.
private func serve(at path: String, _ handler: @escaping ControlServer.Handler) throws {
    let server = ControlServer(try MessageListener(path: path), handler: handler)
    let context = Unmanaged.passRetained(server).toOpaque()
    var thread = pthread_t()
    let code = pthread_create(
        &thread,
        nil,
        { context in
            guard let context else { return nil }
            try? Unmanaged<ControlServer>.fromOpaque(context).takeRetainedValue().run()
            return nil
        },
        context
    )
    try #require(code == 0)
}

private func withPath(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/edge-control-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
        unlink("\(folder)/s")
        rmdir(folder)
    }
    try body("\(folder)/s")
}

@Suite struct RuntimeConnectionTests {
    private let patience = 20_000
    private let greeting = RuntimeGreeting(processID: getpid(), state: .standby, digest: nil, level: .manifest)

    /// As from a runtime in a namespace of processes of its own, where it has another number.
    @Test func theNumberOfTheProcessIsTheKernels() throws {
        try withPath { path in
            var told = greeting
            told.processID = 1
            try serve(at: path) { [told] _, _ in (.hello(told), nil) }
            let connection = try RuntimeConnection.connect(to: path, milliseconds: patience)
            #expect(try connection.hello(milliseconds: patience).processID == getpid())
        }
    }

    /// So that a runtime that hangs while it starts holds up no agent.
    @Test func aGreetingIsNotWaitedFor() throws {
        try withPath { path in
            let listener = try MessageListener(path: path)
            let connection = try RuntimeConnection.connect(to: path, milliseconds: patience)
            try connection.requestHello()
            #expect(try connection.greeting() == nil)
            #expect(try connection.greeting() == nil)
            let runtime = try #require(try listener.accept())
            let asked = try runtime.receive(limit: 100, milliseconds: patience)
            #expect(asked?.bytes == Array("hello".utf8))
            try runtime.send(ControlReply.hello(greeting).encoded, milliseconds: patience)
            #expect(try connection.greeting() == greeting)
            // It can be asked again, and the end is told.
            try connection.requestHello()
            runtime.close()
            #expect(throws: ControlError.self) { try connection.greeting() }
            #expect(throws: ControlError.self) { try connection.requestHello() }
        }
    }

    @Test func everyRequestGetsItsReply() throws {
        try withPath { path in
            let greeting = greeting
            let counters = ServingCounters(requests: 3, p99Microseconds: 80)
            try serve(at: path) { request, descriptors in
                switch request {
                case .hello: (.hello(greeting), nil)
                case .accept: (descriptors.count == 1 ? .accepting : .error("no socket"), nil)
                case .socket: (.socket, try? Descriptor.duplicating(0))
                case .counters: (.counters(counters), nil)
                case .drain: (.draining, nil)
                }
            }
            let connection = try RuntimeConnection.connect(to: path, milliseconds: patience)
            let other = try RuntimeConnection.connect(to: path, milliseconds: patience)
            #expect(try connection.hello(milliseconds: patience) == greeting)
            #expect(try other.hello(milliseconds: patience) == greeting)
            try connection.accept(on: 0, milliseconds: patience)
            let socket = try connection.socket(milliseconds: patience)
            #expect(fcntl(socket.number, F_GETFD) & FD_CLOEXEC != 0)
            #expect(try connection.counters(milliseconds: patience) == counters)
            try connection.drain(milliseconds: patience)
            #expect(try other.hello(milliseconds: patience) == greeting)
        }
    }

    @Test func aRefusalKeepsTheConnection() throws {
        try withPath { path in
            let greeting = greeting
            try serve(at: path) { request, _ in request == .hello ? (.hello(greeting), nil) : (.error("not now"), nil) }
            let connection = try RuntimeConnection.connect(to: path, milliseconds: patience)
            #expect(throws: ControlError.refused(.drain, "not now")) { try connection.drain(milliseconds: patience) }
            #expect(try connection.hello(milliseconds: patience) == greeting)
        }
    }

    @Test func aReplyToSomethingElseEndsTheConnection() throws {
        try withPath { path in
            try serve(at: path) { _, _ in (.draining, nil) }
            let connection = try RuntimeConnection.connect(to: path, milliseconds: patience)
            #expect(throws: ControlError.unexpected(.hello)) { try connection.hello(milliseconds: patience) }
            #expect(throws: ControlError.socket(.closed)) { try connection.hello(milliseconds: patience) }
        }
    }

    @Test func whatIsNoRequestIsAnsweredAndHarmsNobody() throws {
        try withPath { path in
            let greeting = greeting
            try serve(at: path) { _, _ in (.hello(greeting), nil) }
            let stranger = try MessageConnection.connect(to: path, milliseconds: patience)
            for bytes in [Array("dance".utf8), [0, 1, 2], Array("accept".utf8)] {
                try stranger.send(bytes, milliseconds: patience)
                let reply = try #require(try stranger.receive(limit: 4096, milliseconds: patience))
                #expect(String(decoding: reply.bytes, as: UTF8.self).hasPrefix("error "))
            }
            try stranger.send(Array("hello".utf8), descriptors: [0], milliseconds: patience)
            let reply = try #require(try stranger.receive(limit: 4096, milliseconds: patience))
            #expect(String(decoding: reply.bytes, as: UTF8.self) == "error 'hello' takes 0 descriptors")
            // Too long to be a request: the connection ends, the server does not.
            try stranger.send([UInt8](repeating: 65, count: 5000), milliseconds: patience)
            #expect(try stranger.receive(limit: 4096, milliseconds: patience) == nil)
            let connection = try RuntimeConnection.connect(to: path, milliseconds: patience)
            #expect(try connection.hello(milliseconds: patience) == greeting)
        }
    }

    @Test func anAgentThatNeverReadsIsDroppedAndOthersAreAnswered() throws {
        try withPath { path in
            let greeting = greeting
            try serve(at: path) { _, _ in (.hello(greeting), nil) }
            let deaf = try MessageConnection.connect(to: path, milliseconds: patience)
            // Until its replies fill the socket and the server hangs up.
            #expect(throws: SocketError.closed) {
                while true { try deaf.send(Array("hello".utf8), milliseconds: patience) }
            }
            let connection = try RuntimeConnection.connect(to: path, milliseconds: patience)
            #expect(try connection.hello(milliseconds: patience) == greeting)
        }
    }

    @Test func connectionsThatWereLeftOpenLockNobodyOut() throws {
        try withPath { path in
            let greeting = greeting
            try serve(at: path) { _, _ in (.hello(greeting), nil) }
            let many = try (0..<40).map { _ in try RuntimeConnection.connect(to: path, milliseconds: patience) }
            #expect(try many[39].hello(milliseconds: patience) == greeting)
            #expect(throws: ControlError.socket(.closed)) { try many[0].hello(milliseconds: patience) }
        }
    }

    @Test func waitingForARuntimeThatDoesNotAnswerEnds() throws {
        let (agent, runtime) = try MessageConnection.pair()
        let connection = RuntimeConnection(agent)
        #expect(throws: ControlError.socket(.timedOut(.receive))) { try connection.hello(milliseconds: 5) }
        // A late reply is not taken for that to another request.
        #expect(throws: SocketError.closed) {
            try runtime.send(ControlReply.draining.encoded, milliseconds: patience)
        }
    }
}
