import Testing

@testable import UpdateFramework

@Suite struct PatientTransportTests {
    /// Busy so many times, then there; says when to come again, or nothing.
    private final class BusyTransport: RepositoryTransport {
        private let retryAfter: Duration?
        private var times: Int
        private(set) var requests = 0

        init(_ times: Int, retryAfter: Duration?) { (self.times, self.retryAfter) = (times, retryAfter) }

        func fetch(
            _ path: RepositoryPath,
            limitBytes: Int,
            receive: (UnsafeRawBufferPointer) throws -> Void
        ) throws {
            requests += 1
            times -= 1
            guard times < 0 else {
                throw TransportError.unavailable("x", reason: "the server answered 503", retryAfter: retryAfter)
            }
            try [UInt8]("there".utf8).withUnsafeBytes(receive)
        }
    }

    private func outcome(_ busy: BusyTransport) -> (text: String?, said: [String], waited: [Duration]) {
        var said: [String] = []
        var waited: [Duration] = []
        let transport = PatientTransport(busy, patience: .seconds(60)) {
            said.append($0)
        } wait: {
            waited.append($0)
        }
        let path = RoleName.timestamp.repositoryPath(version: nil)
        let bytes = try? transport.bytes(of: path, limitBytes: 100)
        return (bytes.map { String(decoding: $0, as: UTF8.self) }, said, waited)
    }

    @Test func asksAgainWhenItIsToldTo() {
        let busy = BusyTransport(2, retryAfter: .seconds(5))
        let (text, said, waited) = outcome(busy)
        #expect(text == "there")
        #expect(said == Array(repeating: "x: the server answered 503; asking again in 5.0 s", count: 2))
        #expect(waited == [.seconds(5), .seconds(5)])
    }

    @Test func hasOnlySoMuchPatienceInAll() {
        let busy = BusyTransport(100, retryAfter: .seconds(25))
        let (text, _, waited) = outcome(busy)
        #expect(text == nil && waited == [.seconds(25), .seconds(25)] && busy.requests == 3)
        let longer = BusyTransport(1, retryAfter: .seconds(61))
        #expect(outcome(longer).text == nil && longer.requests == 1)
    }

    @Test func doesNotAskAgainUnasked() {
        let busy = BusyTransport(1, retryAfter: nil)
        let (text, said, waited) = outcome(busy)
        #expect(text == nil && said.isEmpty && waited.isEmpty && busy.requests == 1)
    }
}
