import Diagnostics
import Digest
import RuntimeControl
import Testing
import UnixSockets

@Suite struct ControlMessageTests {
    private static let digest = SHA256.digest(Array("bundle".utf8))

    @Test(arguments: ControlRequest.allCases)
    func requestsAreReadAsTheyWereWritten(request: ControlRequest) {
        #expect(ControlRequest(request.encoded) == request)
    }

    @Test(arguments: ["", "hello ", "HELLO", "hello\n", "stop", String(repeating: "x", count: 5000)])
    func whatIsNoRequestIsNone(text: String) {
        #expect(ControlRequest(Array(text.utf8)) == nil)
    }

    @Test(
        arguments: [
            .hello(RuntimeGreeting(processID: 7, state: .standby, digest: digest, level: .manifest)),
            .hello(RuntimeGreeting(processID: 1, state: .draining, digest: nil, level: .model)),
            .accepting, .socket, .draining, .error("no socket"),
            .counters(
                ServingCounters(
                    requests: 1,
                    errors: 2,
                    busy: 3,
                    restarts: 4,
                    p50Microseconds: 5,
                    p99Microseconds: 6
                )
            ),
            .counters(
                ServingCounters(
                    requests: 9,
                    p99Microseconds: 6,
                    latencies: LatencyCounts(
                        totalMicroseconds: 77,
                        classes: [.init(longest: 4, count: 8), .init(longest: nil, count: 1)]
                    )
                )
            ),
            .counters(ServingCounters(latencies: LatencyCounts())),
        ] as [ControlReply]
    )
    func repliesAreReadAsTheyWereWritten(reply: ControlReply) throws {
        #expect(try ControlReply(reply.encoded) == reply)
    }

    @Test func aGreetingIsTheseWords() throws {
        let greeting = RuntimeGreeting(processID: 42, state: .serving, digest: Self.digest, level: .manifest)
        let text = String(decoding: ControlReply.hello(greeting).encoded, as: UTF8.self)
        #expect(text == "hello 1 42 serving \(Self.digest.hex) manifest")
        #expect(try ControlReply(Array("\(text) and more".utf8)) == .hello(greeting))
    }

    @Test(
        arguments: [
            "", "hi", "hello", "hello one", "hello 1 42 serving", "hello 1 0 serving development manifest",
            "hello 1 42 sleeping development manifest", "hello 1 42 serving abc manifest",
            "hello 1 42 serving development deep", "counters 1 2 3 4 5", "counters 1 2 3 4 5 x",
            "counters 1 2 -3 4 5 6", "hello 1 99999999999 serving development manifest",
        ]
    )
    func whatIsNoReplyIsRefused(text: String) {
        let error = #expect(throws: ControlError.self) { try ControlReply(Array(text.utf8)) }
        #expect(error?.exitCode == .dataError)
    }

    @Test(arguments: ["x", "7", "-1 4:1", "1 4:1:1", "1 4:0", "1 4:-1", "1 8:1,4:1", "1 more:1,4:1", "1 0:1", "1 4:"])
    func latenciesThatAreNoneAreLeftOut(words: String) throws {
        let reply = try ControlReply(Array("counters 1 2 3 4 5 6 \(words)".utf8))
        guard case .counters(let counters) = reply else { throw SocketError.closed }
        #expect(counters.requests == 1)
        #expect(counters.latencies == nil)
    }

    @Test func aLaterVersionMayHaveMoreWords() throws {
        let reply = try ControlReply(Array("counters 1 2 3 4 5 6 10 4:2,more:1 and more".utf8))
        guard case .counters(let counters) = reply else { throw SocketError.closed }
        #expect(counters.latencies?.classes.map(\.count) == [2, 1])
    }

    @Test func bytesThatAreNoTextOrTooManyAreRefused() {
        #expect(throws: ControlError.self) { try ControlReply([0xff, 0xfe]) }
        #expect(throws: ControlError.self) {
            try ControlReply(Array("error ".utf8) + [UInt8](repeating: 65, count: 5000))
        }
    }

    @Test func anotherVersionIsTold() {
        #expect(throws: ControlError.otherVersion(2)) { try ControlReply(Array("hello 2 new words".utf8)) }
    }

    @Test func anErrorIsOneShortLine() throws {
        let long = String(repeating: "ä\n", count: 3000)
        let encoded = ControlReply.error(long).encoded
        #expect(encoded.count <= ControlProtocol.limitBytes)
        #expect(!encoded.contains(UInt8(ascii: "\n")))
        guard case .error(let text) = try ControlReply(encoded) else { throw SocketError.closed }
        #expect(text.hasPrefix("ä ä "))
    }
}
