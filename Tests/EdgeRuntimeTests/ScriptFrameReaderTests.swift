import Glibc
import Testing

@testable import EdgeRuntime

private let payloadLimitBytes = 1 << 20

/// A socket pair; what is sent on one end is read on the other.
private final class Wire {
    let sender: Int32
    let receiver: Int32
    let reader = ScriptFrameReader(payloadLimitBytes: payloadLimitBytes)

    init() {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        (sender, receiver) = (ends[0], ends[1])
    }

    deinit {
        close(sender)
        close(receiver)
    }

    func send(_ bytes: some Collection<UInt8>) {
        #expect(write(sender, Array(bytes), bytes.count) == bytes.count)
    }

    func receive() throws -> [ScriptFrame] {
        var all: [ScriptFrame] = []
        while case .frames(let frames) = try reader.receive(from: receiver), !frames.isEmpty { all += frames }
        return all
    }
}

private func bytes(length: UInt32, kind: UInt8, identifier: UInt64 = 1, meta: UInt32 = 0, rest: [UInt8] = []) -> [UInt8]
{
    func little(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    return little(length) + [kind] + little(identifier) + little(meta) + rest
}

@Suite struct ScriptFrameReaderTests {
    @Test(arguments: [0, 1, 64 << 10, (64 << 10) + 1, payloadLimitBytes])
    func readsWhatWasSent(payloadBytes: Int) throws {
        let wire = Wire()
        let payload = (0..<payloadBytes).map { UInt8(truncatingIfNeeded: $0) }
        let meta = Array(#"{"method":"POST"}"#.utf8)
        let frame = try ScriptOutgoingFrame(.request, requestIdentifier: .max, meta: meta, payload: payload)
        #expect(frame.send(on: wire.sender) == 0)
        let expected = ScriptFrame(kind: .request, requestIdentifier: .max, meta: meta, payload: payload)
        // A frame of more than one read comes in pieces.
        var frames = try wire.receive()
        if frames.isEmpty { frames = try wire.receive() }
        #expect(frames == [expected])
    }

    @Test func putsFramesTogetherFromSingleBytes() throws {
        let wire = Wire()
        let sent = bytes(length: 17, kind: 5, identifier: 7, meta: 2, rest: Array("{}ok".utf8))
        var frames: [ScriptFrame] = []
        for byte in sent + sent {
            wire.send([byte])
            frames += try wire.receive()
        }
        let expected = ScriptFrame(
            kind: .reply,
            requestIdentifier: 7,
            meta: Array("{}".utf8),
            payload: Array("ok".utf8)
        )
        #expect(frames == [expected, expected])
    }

    @Test func keepsTheOrderOfLargePayloads() throws {
        let wire = Wire()
        let sizes = [70_000, 10, 80_000, 90_000]
        for size in sizes {
            let payload = [UInt8](repeating: UInt8(size % 251), count: size)
            let frame = try ScriptOutgoingFrame(.reply, requestIdentifier: UInt64(size), meta: [], payload: payload)
            #expect(frame.send(on: wire.sender) == 0)
        }
        let frames = try wire.receive()
        #expect(frames.map(\.payload.count) == sizes)
        #expect(frames.allSatisfy { frame in frame.payload.allSatisfy { $0 == UInt8(frame.payload.count % 251) } })
    }

    @Test func tellsTheEnd() throws {
        let wire = Wire()
        shutdown(wire.sender, Int32(SHUT_WR))
        guard case .end = try wire.reader.receive(from: wire.receiver) else {
            Issue.record("expected the end")
            return
        }
    }

    struct Broken: Sendable {
        let sent: [UInt8]
        let violation: ScriptProtocolViolation
    }

    @Test(arguments: [
        Broken(sent: bytes(length: 0, kind: 5), violation: .frameLength(0)),
        Broken(sent: bytes(length: 12, kind: 5), violation: .frameLength(12)),
        Broken(sent: bytes(length: .max, kind: 5), violation: .frameLength(Int(UInt32.max))),
        Broken(
            sent: bytes(length: UInt32(ScriptProtocol.frameLimitBytes) + 1, kind: 5),
            violation: .frameLength(ScriptProtocol.frameLimitBytes + 1)
        ),
        Broken(sent: bytes(length: 13, kind: 5, meta: 1), violation: .metaLength(1)),
        Broken(sent: bytes(length: 13, kind: 5, meta: .max), violation: .metaLength(Int(UInt32.max))),
        Broken(sent: bytes(length: 13, kind: 0), violation: .unknownKind(0)),
        Broken(sent: bytes(length: 13, kind: 8), violation: .unknownKind(8)),
        Broken(
            sent: bytes(length: 21, kind: 5 | 0x80, rest: [UInt8](repeating: 0, count: 8)),
            violation: .descriptorMissing
        ),
        Broken(sent: bytes(length: 14, kind: 5 | 0x80, rest: [0]), violation: .frameLength(14)),
    ])
    func refusesBrokenFrames(broken: Broken) throws {
        let wire = Wire()
        wire.send(broken.sent)
        #expect(throws: broken.violation) { try wire.receive() }
    }

    @Test func refusesAPayloadOverTheLimit() throws {
        let wire = Wire()
        let payload = [UInt8](repeating: 0, count: payloadLimitBytes + 1)
        let frame = try ScriptOutgoingFrame(.reply, requestIdentifier: 1, meta: [], payload: payload)
        #expect(frame.send(on: wire.sender) == 0)
        #expect(throws: ScriptProtocolViolation.payloadOverLimit(UInt64(payload.count))) { try wire.receive() }
    }

    @Test func cutsLinesAndMarksTheCut() {
        var splitter = ScriptLineSplitter(limitBytes: 5)
        #expect(splitter.add("ab\r\n\n1234".utf8).map(\.text) == ["ab"])
        let lines = splitter.add("5678\nx\n\u{FF}".utf8)
        #expect(lines.map(\.text) == ["12345", "x"])
        #expect(lines.map(\.isCut) == [true, false])
        #expect(splitter.add([0xFF]).isEmpty)
        #expect(splitter.end()?.text == "\u{FF}\u{FFFD}")
        #expect(splitter.end() == nil)
    }
}
