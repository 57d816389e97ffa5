import Diagnostics
import Glibc
import Testing
import UnixSockets

@Suite struct MessageTests {
    /// Long enough for any machine; no test waits for it to pass.
    private let patience = 20_000

    @Test func messagesKeepTheirBounds() throws {
        let (left, right) = try MessageConnection.pair()
        try left.send(Array("one".utf8), milliseconds: patience)
        try left.send(Array("another".utf8), milliseconds: patience)
        #expect(try right.receive(limit: 100, milliseconds: patience)?.bytes == Array("one".utf8))
        #expect(try right.receive(limit: 100, milliseconds: patience)?.bytes == Array("another".utf8))
    }

    @Test func theEndIsNoMessage() throws {
        let (left, right) = try MessageConnection.pair()
        try left.send([1], milliseconds: patience)
        left.close()
        #expect(try right.receive(limit: 100, milliseconds: patience)?.bytes == [1])
        #expect(try right.receive(limit: 100, milliseconds: patience) == nil)
        #expect(throws: SocketError.closed) { try right.send([1], milliseconds: patience) }
    }

    @Test func waitingEndsWithTheTime() throws {
        let (left, right) = try MessageConnection.pair()
        #expect(throws: SocketError.timedOut(.receive)) { try right.receive(limit: 100, milliseconds: 0) }
        #expect(throws: SocketError.timedOut(.receive)) { try right.receive(limit: 100, milliseconds: 5) }
        #expect(throws: SocketError.timedOut(.send)) {
            while true { try left.send([UInt8](repeating: 1, count: 4096), milliseconds: 0) }
        }
    }

    @Test func aMessageThatIsTooLongIsRefusedAndTheNextIsRead() throws {
        let (left, right) = try MessageConnection.pair()
        try left.send([UInt8](repeating: 1, count: 101), milliseconds: patience)
        try left.send([UInt8](repeating: 2, count: 100), milliseconds: patience)
        #expect(throws: SocketError.messageTooLong(limit: 100)) {
            try right.receive(limit: 100, milliseconds: patience)
        }
        #expect(try right.receive(limit: 100, milliseconds: patience)?.bytes.count == 100)
    }

    @Test func descriptorsGoAlongAndAreClosedOnExec() throws {
        let (left, right) = try MessageConnection.pair()
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let pipe = ends.map { Descriptor(adopting: $0) }
        try left.send([1], descriptors: [pipe[1].number], milliseconds: patience)
        pipe[1].close()
        let message = try #require(try right.receive(limit: 10, milliseconds: patience))
        let received = try #require(message.descriptors.first)
        #expect(message.descriptors.count == 1)
        #expect(fcntl(received.number, F_GETFD) & FD_CLOEXEC != 0)
        #expect(write(received.number, "x", 1) == 1)
        received.close()
        var bytes = [UInt8](repeating: 0, count: 2)
        #expect(read(pipe[0].number, &bytes, 2) == 1)
        // The writing end was open nowhere else, so it ends here.
        #expect(read(pipe[0].number, &bytes, 2) == 0)
    }

    @Test func moreDescriptorsThanAMessageCarriesAreRefusedBySending() throws {
        let (left, _) = try MessageConnection.pair()
        let many = [Int32](repeating: left.descriptor, count: MessageConnection.descriptorLimit + 1)
        #expect(throws: SocketError.tooManyDescriptors) {
            try left.send([1], descriptors: many, milliseconds: patience)
        }
    }

    @Test func thePeerIsThisProcess() throws {
        try withFolder { folder in
            let listener = try MessageListener(path: "\(folder)/s")
            let client = try MessageConnection.connect(to: "\(folder)/s", milliseconds: patience)
            let server = try #require(try listener.accept())
            for end in [client, server] {
                let peer = try end.peer()
                #expect(peer.processID == getpid())
                #expect(peer.userID == getuid())
            }
        }
    }

    @Test func aListenerAcceptsWithoutWaitingAndRemovesItsFile() throws {
        try withFolder { folder in
            let path = "\(folder)/s"
            let listener = try MessageListener(path: path)
            #expect(mode(of: path) == 0o600)
            #expect(try listener.accept() == nil)
            let client = try MessageConnection.connect(to: path, milliseconds: patience)
            let server = try #require(try listener.accept())
            try client.send([7], milliseconds: patience)
            #expect(try server.receive(limit: 1, milliseconds: patience)?.bytes == [7])
            listener.close(removingFile: true)
            #expect(mode(of: path) == nil)
        }
    }

    @Test func aSocketFileThatNobodyListensOnIsReplaced() throws {
        try withFolder { folder in
            let path = "\(folder)/s"
            try MessageListener(path: path).close(removingFile: false)
            #expect(mode(of: path) != nil)
            let listener = try MessageListener(path: path, mode: 0o660)
            #expect(mode(of: path) == 0o660)
            #expect(throws: SocketError.pathInUse(path)) { try MessageListener(path: path) }
            _ = try MessageConnection.connect(to: path, milliseconds: patience)
            withExtendedLifetime(listener) {}
        }
    }

    @Test func aFileThatIsNoSocketIsLeft() throws {
        try withFolder { folder in
            let path = "\(folder)/file"
            close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
            #expect(throws: SocketError.pathInUse(path)) { try MessageListener(path: path) }
            #expect(mode(of: path) != nil)
        }
    }

    @Test func aListenerIsHandedToAnotherOwner() throws {
        try withFolder { folder in
            let path = "\(folder)/s"
            let first = try MessageListener(path: path)
            let second = try MessageListener(adopting: try Descriptor.duplicating(first.descriptor))
            first.close(removingFile: false)
            let client = try MessageConnection.connect(to: path, milliseconds: patience)
            #expect(try second.accept() != nil)
            #expect(throws: SocketError.failed(.accept, code: EINVAL)) {
                try MessageListener(adopting: try Descriptor.duplicating(client.descriptor))
            }
        }
    }

    @Test(arguments: ["", String(repeating: "p", count: 108)])
    func aPathThatNoSocketCanHaveIsRefusedByName(path: String) throws {
        let error = try #require(throws: SocketError.self) { try MessageListener(path: path) }
        #expect(error == .badPath(path, bytes: path.utf8.count))
        #expect(error.exitCode == .configuration)
        #expect(throws: error) { try MessageConnection.connect(to: path, milliseconds: patience) }
    }

    @Test func connectingWhereNobodyListensSaysSo() throws {
        try withFolder { folder in
            let path = "\(folder)/s"
            #expect(throws: SocketError.cannotConnect(path: path, code: ENOENT)) {
                try MessageConnection.connect(to: path, milliseconds: patience)
            }
            try MessageListener(path: path).close(removingFile: false)
            #expect(throws: SocketError.cannotConnect(path: path, code: ECONNREFUSED)) {
                try MessageConnection.connect(to: path, milliseconds: patience)
            }
        }
    }

    @Test func connectingWaitsNoLongerThanToldWhereNobodyAccepts() throws {
        try withFolder { folder in
            let path = "\(folder)/s"
            let listener = try MessageListener(path: path)
            var waiting: [MessageConnection] = []
            #expect(throws: SocketError.timedOut(.makeSocket)) {
                while true { waiting.append(try MessageConnection.connect(to: path, milliseconds: 20)) }
            }
            #expect(waiting.count >= 64)
            withExtendedLifetime(listener) {}
        }
    }
}
